package watcher

// Event: the one thing that every source produces and everything after it understands.

import (
	"context"
	"time"

	"locktop/lockcore"
)

// A Source turns something outside into events: a live server, a poll, a recording.
type Source interface {
	// Run hands events to emit, one at a time and in order, until ctx ends or it cannot go on.
	// It gives nil when ctx ended.
	Run(ctx context.Context, emit func(Event)) error
}

// Type says what happened.
type Type string

// What happens to a lock.
const (
	Acquired    Type = "acquired"
	Extended    Type = "extended"    // the TTL changed
	Released    Type = "released"    // its owner did, by the ledger's record of that very hold
	Deleted     Type = "deleted"     // somebody removed it, nobody knows who
	Expired     Type = "expired"     // its TTL ran out
	Denied      Type = "denied"      // an acquire found it held
	Left        Type = "left"        // a waiter is not recorded any more, though nobody saw it acquire
	Forced      Type = "forced"      // an operator released it
	Seized      Type = "seized"      // an operator took it over
	Overwritten Type = "overwritten" // a write replaced the owner without a release
	Persisted   Type = "persisted"   // it lost its TTL
	Evicted     Type = "evicted"     // the server dropped it for want of memory
	Overrun     Type = "overrun"     // its TTL ran out before its owner finished
	Overlap     Type = "overlap"     // somebody else was in during an overrun
	Adjusted    Type = "adjusted"    // its TTL is another than was reckoned, though nothing happened to it: a clock was set, or a reading was slow
	Moved       Type = "moved"       // another node answers for it now, which Node names: its slot moved, or a replica was promoted
)

// What happens to the watching.
const (
	Connected Type = "connected" // events arrive from here on
	Gap       Type = "gap"       // events may have been missed from here on; Reason says why
	Resynced  Type = "resynced"  // the picture is complete again
	Alive     Type = "alive"     // the server was heard; not part of a log
)

// Ends tells whether a hold is over with this event.
func (t Type) Ends() bool {
	switch t {
	case Released, Deleted, Expired, Forced, Evicted:
		return true
	}
	return false
}

// Event is one thing that happened to one lock, or to the watching. Items that do not
// apply have their zero value, TTL and Held where they are unknown Unknown.
type Event struct {
	Time     time.Time // the local clock
	Type     Type
	Key      Text
	Node     string // host:port that told it
	Inferred bool   // it comes from comparing two readings, not from a notification

	Owner         Text          // the present one; of an end, the one whose hold ended; of a denial, the one that was denied
	PreviousOwner Text          // of acquired and overwritten, if there was one
	TTL           time.Duration // left at Time; lockcore.NoTTL or Unknown
	Deadline      time.Time     // of the hold, on the server's clock; zero without TTL
	Fence         lockcore.Fence
	Held          time.Duration // how long the hold has lasted at Time, or lasted in all; Unknown

	Work        Text      // of a denial; of acquired, where the waiter that got in is known
	Attempts    int       // of a denial: denials of this work so far
	FirstDenied time.Time // of a denial, on the local clock; Time is the last
	By          Text      // of forced and seized, the operator
	Reason      Text      // of forced, seized and gap, why; of connected, how events are had

	Counts *Counts         // what the ledger counted by then; nil if that was not read or nothing is recorded
	Past   []time.Duration // of the first event about a lock: how long its holds of before took, by the ledger
	Link   *Link           // of connected: how this source watches
	Meter  *Meter          // of alive: how the watching is doing
}

// Unknown is a duration that nobody knows.
const Unknown time.Duration = -2

// Counts are a ledger's own figures.
type Counts struct {
	Denied    int64 // denials since the ledger began
	Overruns  int64
	Overlaps  int64
	NotListed int64 // waiters beyond the list
}

// Link is how a source gets its events.
type Link struct {
	Polled  time.Duration // 0: by notifications; else the locks are read this often
	Warning Text          // what is missing and how to get it; empty if nothing is
}
