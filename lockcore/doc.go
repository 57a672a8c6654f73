// Package lockcore takes, extends, releases and inspects locks in Redis, and ends somebody
// else's by force.
//
// A lock is a plain string key whose value names its owner, as SET key owner NX PX ttl makes
// it. So locks that others take that way are seen and respected, and they respect ours.
// Owners are opaque bytes and compared whole.
//
// # How it works
//
// Each operation is one Lua script (scripts/*.lua), so it happens whole or not at all. Beside
// the lock the scripts keep a ledger: a hash in the same cluster slot that issues fences,
// remembers the last eight holds and how they ended, and lists who was denied. It outlives the
// lock by a day.
//
// # What it promises
//
//   - One owner at a time, as long as the server keeps its data and its clock.
//   - Every acquire has a Fence above all before it, also after an expiry or a forced release.
//   - Release and Extend touch the caller's own hold only. With the fence given, they leave a later
//     hold of the same owner alone too.
//   - A release that is repeated, because its answer was lost, is a success; after a forced release
//     it says by whom and why.
//   - Extend never shortens and never creates.
//   - An acquire that fails leaves no lock behind. A denial that cannot be recorded is still a denial.
//   - A forced release ends the expected hold or nothing, and can be tried again with the same
//     Operation.
//   - Whatever happened, the error says it: ErrUnreachable if the request was not sent,
//     ErrUnknownOutcome if it was and no answer came. Nothing is sent twice behind the caller's back.
//   - A success that arrives after its TTL is ErrLate.
//
// # What it does not promise
//
// A lock in Redis is a lease. Its owner can be slow, and an acquire that was acknowledged can be lost
// when a master fails over before it was replicated. Hand the Fence to the store that the lock guards,
// and let it reject a lower one than it has seen. Fences rise as long as the ledger survives or the
// server's clock does not step back.
//
// Acquire makes one try. An owner must be unique for each attempt, since the present owner is given
// its own hold again.
//
// # Transports
//
// A Client works on a Transport, an interface of two methods. Package resp has the Redis protocol.
package lockcore
