//go:build race

package explore

// stateLimit bounds each world: the race detector makes a search, which has one goroutine, slower by far and finds
// nothing in it.
const stateLimit = 20_000
