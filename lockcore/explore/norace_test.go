//go:build !race

package explore

// stateLimit bounds no world.
const stateLimit = 1 << 30
