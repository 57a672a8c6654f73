package lockcore

// Locks that were read in another way than by InspectAll: who watches has thousands to read, over a
// connection of its own, and what makes a Lock of the answers is here.

import (
	"fmt"
	"time"
)

// Reading is what the server answered about one lock, to a GET, a PTTL and a HGETALL of its LedgerKey. It is one
// moment's where the three were in one MULTI/EXEC; where not, a value of none or a PTTL of -2 means
// that nobody holds it.
type Reading struct {
	Key    string
	Owner  string   // empty: none
	PTTL   int64    // ms, -1 without TTL, -2 without key
	Ledger []string // names and values in turn; none where there is no ledger
	// Refused is an error that one of the commands was answered with, as the server sent it; empty for none.
	Refused string
	// TooLong tells that the key holds a value that is no owner for its length, in bytes, and was not read.
	TooLong int64
}

// Span is when something was read.
type Span struct {
	From, To time.Time     // the server's clock before and after
	Sent     time.Time     // the local clock
	Took     time.Duration // until the answer
}

// Lock is the lock that was read.
func (r *Reading) Lock(at Span) Lock {
	l := Lock{
		Key: r.Key, Owner: r.Owner, TTL: NoTTL, Held: -1,
		ServerTime: at.From, ReadAt: at.Sent.Add(at.Took / 2), RoundTrip: at.Took,
	}
	if r.Refused != "" {
		l.Owner, l.Err = "", notRead(&ReplyError{Message: r.Refused})
		return l
	}
	l.Ledger = parseLedger(r.Ledger)
	if r.TooLong > 0 {
		l.Owner, l.Err = "", fmt.Errorf("%w: its value has %d bytes", ErrWrongType, r.TooLong)
		return l
	}
	l.settle(r.PTTL, at.From, at.To)
	return l
}

// ServerTime makes a time of the two answers to TIME, seconds and microseconds; zero where they are none.
func ServerTime(seconds, micros string) time.Time { return serverTime([]any{seconds, micros}) }
