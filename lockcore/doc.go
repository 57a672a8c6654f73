// Package lockcore takes, extends, releases and inspects locks in Redis, and ends somebody
// else's by force.
//
// A lock is a plain string key whose value names its owner, as SET key owner NX PX ttl makes
// it. So locks that others take that way are seen and respected, and they respect ours. Owners are
// opaque bytes and compared whole. The server is Redis 6.2 or newer, or one that behaves like it.
//
// # Quick start
//
//	client, err := resp.New(resp.Options{URL: "redis://127.0.0.1:6379/0", Timeout: time.Second})
//	// …
//	locks := lockcore.New(client)
//	defer client.Close()
//	defer locks.Wait() // before the transport is closed
//
//	lease, err := locks.Lease(ctx, "lock:invoice_7", "execution-1", 15*time.Second, nil)
//	if errors.Is(err, lockcore.ErrHeld) {
//		return // somebody else is at it; the *HeldError says who, and for how long
//	}
//	// … other errors
//	err = work(lease.Context(), lease.Hold().Fence) // the context ends when the lock is lost
//	if lost := lease.Close(ctx); lost != nil {
//		// the lock was lost meanwhile, or its release has no answer: what the work did is to be looked at
//	}
//
// Lease renews the lock by itself. Acquire, Extend and Release are its parts, for those who renew on their
// own, or release in another process than the one that acquired: keep Hold.Fence for that.
//
// # How it works
//
// Each operation is one Lua script (scripts/*.lua, see Scripts), so Redis does it whole, with no other
// command in between. Where the ledger cannot be written, for want of memory or of a right, a script that
// takes a lock gives it back and fails; one that frees a lock frees it all the same.
//
// Beside the lock lies its ledger, a hash in the same cluster slot (LedgerKey). It has the highest fence, the
// present hold, the last eight holds and how they ended, the last requests (eight at least), the works that were
// denied (at most WaitersKept), and counts of denials and overruns. It outlives the lock by half a day at
// least. It
// speaks of the lock only where owner and deadline agree with the key: a lock that somebody took without
// it has Fence 0, never the fence of an earlier hold.
//
// Fences: every acquire and every seizure issues a number above all before it, the highest one plus one or
// the server's clock in microseconds, whichever is more. Hand it to the store that the lock guards, and
// let the store reject a lower one than it has seen. A forced release raises the highest fence too.
//
// Requests: every Acquire carries a request id, which it draws or which AcquireOptions.Request names, and a
// not-after time on the server's clock: as long as the TTL, the client's time-out and ctx allow,
// whichever is least, but at least a second. A request is granted once. Its repeat gets the same hold
// with the same fence, a copy that comes after its time gets nothing, and so does one whose hold is over
// or that was given up. Another request is denied, even with the same owner.
//
// Overruns: a call of the owner that left after the deadline proves that it was still at work. Release and
// Extend then put it on record: Past.Overran says how long after, Past.Overlap that somebody else was inside by then.
//
// # What it promises
//
// As long as the server keeps its data and its clock:
//
//   - One owner at a time.
//   - Every acquire has a Fence above all before it, also after an expiry, a forced release or a restart
//     of the client.
//   - Release and Extend touch the caller's own hold only. With its fence given, they leave a later hold of
//     the same owner alone too.
//   - A release that is repeated, because its answer was lost, is a success (Release.Repeated); after a
//     forced release it fails with ErrRevoked and says by whom and why.
//   - Extend never shortens and never creates.
//   - A denied acquire changes nothing but the ledger. A denial that cannot be recorded is still a denial.
//   - ForceRelease and Seize end the expected hold or nothing, and with the same Operation can be repeated.
//   - Nobody is told that a lock is theirs without a write, so a replica that refuses writes cannot say it.
//   - The TTL counts from when the request left: a success that arrives after it is ErrLate.
//
// # What it does not promise
//
// A lock in Redis is a lease. Its owner can be slow, and then two are at work; only the store that
// looks at fences stops the late one. Beyond that:
//
//   - An acquire that was acknowledged can be lost in a fail-over, when the master fails before it was
//     replicated; a master that was cut off can go on granting until it notices. The server's
//     min-replicas-to-write makes that rarer, and nothing here excludes it.
//   - A server that loses the ledger (deleted, evicted, not replicated) has only its clock to issue fences by.
//     If that has stepped back, or the clock of the one that takes over is behind, fences can be lower than before.
//     A clock that jumps ahead ends holds early.
//   - Only the last eight holds and the last requests of a lock, eight at least, are remembered. Under heavy churn a
//     second try may find no trace of what the first one did, and ends in ErrUnknownOutcome; and a late
//     copy of a forgotten request may be granted once more within its not-after time.
//   - A request that was denied is not remembered. After tries of its own that were lost this client cleans up
//     (see below), but a copy that the network makes can still be granted within its not-after time, and then
//     holds the lock for nobody until the TTL ends. Whoever must exclude that names a Request and, once
//     denied, calls Release with it, which gives it up.
//   - Until a step was answered for the first time a client has but its own wall clock to tell not-after times
//     by. If that is ahead of the server's, a late first request can be granted that much later.
//   - Local deadlines (Hold.Until, a Lease) go by the monotonic clock, which on most systems stands still while a
//     laptop sleeps: after waking up a lease may believe in a lock that is over, until its next renewal.
//   - NoRequest is weaker: nothing tells a copy from the original, the present owner is given its own hold
//     again (Hold.Again), so owners must be unique for each attempt, and a lost answer is not tried again.
//     So are Release and Extend by owner alone: a late one may hit a later hold of that owner, and it is
//     not tried again either. Give the Fence.
//   - Waiting is no queue: whoever tries first when the lock is free gets it.
//
// # How outcomes are told
//
// Every error says what was tried on which key, and matches by errors.Is one of these:
//
//   - Nothing was sent: ErrInvalid. The arguments are wrong.
//   - The lock says no: ErrHeld (*HeldError: who, how long), ErrNotHeld and ErrRevoked (*NotHeldError: who holds
//     it, and in Past how the asker's own hold ended), ErrChanged (*ChangedError). To be had by errors.As.
//   - Nothing was done: ErrUnreachable (not sent, or a read without an answer), ErrRefused (the server's own
//     error, or its REST API's), ErrWrongType (the key is no lock), ErrLedger (the ledger cannot be
//     written).
//   - Too late: ErrLate. It was granted, and is not to be relied on; or the request came after its time.
//   - Nobody knows: ErrUnknownOutcome. The request went out and no answer came back.
//
// Where ctx ends during an AcquireOptions.Wait, between two tries, the error is the cause of that, and
// nothing was taken. A request that is under way when ctx ends is ErrUnknownOutcome, unless
// it certainly was not sent.
//
// What is tried again, within the client's time-out (WithTimeout):
//
//   - what was not executed and passes: LOADING, BUSY, TRYAGAIN, MOVED, ASK; on a Redundant transport
//     READONLY, MASTERDOWN and CLUSTERDOWN too;
//   - what was not sent: once more, and on a Redundant transport until the time-out;
//   - what got no answer, only where a second execution changes nothing that one would not have: Acquire
//     with a request, Release with a fence or request, Extend with a fence, and ForceRelease, Seize and Undo,
//     which carry an operation id.
//
// A single try may take the transport's own time-out. Make that shorter than the client's, or a server
// that is silent leaves no time for a second try.
//
// What is given up in the background: an Acquire that drew its request, and had no answer to some
// try or one that came too late, and failed. The client then releases that request, for as long as its
// time-out allows: what it took is given back, and it will not be granted any more. Client.Wait waits for
// that; call it before the transport is closed. If the server stays away for longer, the lock stays
// until its TTL ends. A Request that the caller named is the caller's to repeat, or to give up by
// Release with ReleaseOptions.Request.
//
// After ErrUnknownOutcome: call Release again with the Fence, ForceRelease, Seize and Undo with the same
// Operation, Acquire with the same Request. For that the id must be known before: draw it (NewOperation), since an
// error does not carry it.
//
// # Leases
//
// A Lease is renewed when a third of its TTL has passed, and goes on trying while the server is away. It is lost
// when a renewal finds the lock gone or somebody else's, and at the latest when the TTL has passed
// since the last successful renewal left, whether the server answers or not. Then Done is closed,
// Context ends, and Err tells why: ErrExpired, ErrRevoked, ErrNotHeld. When the context ends that it was taken
// with, the lease's Context ends too, but the lock is held and renewed until Close, so that nobody else
// gets in while the work is being wound up. Always call Close.
//
// # Waiting
//
// Acquire makes one try; with AcquireOptions.Wait it goes on while others hold the lock. It looks by plain reads every
// 100 to 500 ms, at random, and when the holder's TTL ends, and tries when the lock looks free. So a wait
// counts as one denial for each try, not for each look. Where a look cannot reach the server,
// the wait goes on; an error of a try ends it. When the time is over the error is ErrHeld, with the
// holder that was seen last, or ErrUnreachable if the last look failed.
//
// Denied work is listed as a Waiter, under AcquireOptions.Work; it leaves the list by acquiring, or,
// when room is needed, after its last attempt or two intervals of silence (Comeback).
//
// # Force-release, seize, undo
//
// These are for operators. The first two end the hold that was looked at: Inspect, show it to somebody, and pass
// Lock.Expectation. If the lock changed meanwhile, nothing is done and the error is ErrChanged. Where no
// fence is known, the deadline stands in, give or take 50 ms.
//
//   - ForceRelease frees the lock. The old owner's next Release or Extend fails with ErrRevoked. If the ledger could not
//     be written, the lock is free all the same and ForcedRelease.NotRecorded says why nobody will be told.
//   - Seize takes it over in the same step, so that those who wait stay out while the old owner is being stopped.
//   - Undo gives a forced release back to its owner, with the fence and the deadline that it had: until the
//     owner was told, somebody else had the lock, a fence was issued or the deadline passed. A seizure cannot
//     be undone; release the lock instead. No ledger shows who set the key by other means in between.
//
// None of them stops the old owner: it learns of it at its next call, and only the fence keeps its writes out.
//
// # Transports
//
//   - Package resp: the Redis protocol, to one server, to the master that Sentinel guards
//     (Options.SentinelMaster), or to a Cluster, which is found out by itself. It does not read from replicas. On
//     a cluster the few keys whose braces leave the ledger no place in their slot are ErrInvalid.
//   - Package upstash: the Upstash REST API over HTTPS, and servers that speak alike. It carries text only: keys, owners
//     and other arguments that are not valid UTF-8 are ErrInvalid, though they are seen where others wrote
//     them. No Sentinel, no cluster, no database number.
//
// Package embedded is a small Redis within the process, for tests and demos.
//
// # Writing a transport
//
// A Transport has two methods: Eval runs a Script, at most once; Read runs reading commands in one MULTI/EXEC. What
// matters is that it tells truly what became of a request. An error of the server is a *ReplyError in
// the server's words, from which the client knows what may be tried again. Where there was no answer, the error
// matches ErrUnreachable only if the request certainly was not sent; in doubt it is ErrUnknownOutcome. It must not
// send again what may have been executed: that is the client's to decide, who knows which steps are
// repeatable. Beware of libraries that do so by default.
//
// Two more interfaces are optional: Redundant, where another server takes over when one fails; Grouper, where
// not all keys can be read together.
//
// Package locktest has the rules that a transport and its server must keep (locktest.Rules): put yours through them.
package lockcore
