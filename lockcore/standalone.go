package lockcore

// Acquire and release for callers that have nothing but EVAL: a scenario that sends HTTP requests to a REST API, a shell
// with redis-cli. What such a caller runs is the very step of this package, inside of a few lines (scripts/standalone*.lua)
// that stand for what Client does around it.

var (
	standaloneAcquire = newScript("standalone_acquire")
	standaloneRelease = newScript("standalone_release")
)

// StandaloneScripts are acquire and release in the form for callers that have nothing but EVAL. Keys are the lock and its
// LedgerKey.
//
// They check their arguments as Client does, and that the second key is the lock's ledger, and change nothing where
// something is wrong ("INVALID …"). A yes is one value: the fence, or "released". A no is an error reply ("HELD …",
// "GONE …", "REVOKED …"), which stops those who would take any reply for a yes; the denial is recorded all the same.
//
// Arguments of acquire: owner, TTL in ms, work ("" is the owner), WaitersKept, retry interval in ms, attempts in all (the
// first try included), and optionally a request with the time on the server's clock, in ms, after which it is refused.
// Without one the present owner finds its own hold, so that owners must be unique for each attempt.
//
// Arguments of release: owner, and optionally fence, request, and when the call was sent, in ms of a clock that is right
// within a second: a hold that had run out by then was overrun, and that is put on record.
func StandaloneScripts() (acquire, release *Script) { return standaloneAcquire, standaloneRelease }
