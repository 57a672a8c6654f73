package lockcore

// Errors that callers act on. Each is matched by errors.Is; the ones that carry
// facts are types to be had by errors.As. Every one says what was tried and on which key.

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

var (
	// ErrInvalid: an argument was refused before anything was sent.
	ErrInvalid = errors.New("invalid argument")
	// ErrHeld: somebody else holds the lock. As *HeldError: by whom, for how long.
	ErrHeld = errors.New("held by another owner")
	// ErrNotHeld: this owner does not hold the lock. As *NotHeldError: who does, and how the hold ended.
	ErrNotHeld = errors.New("not held by this owner")
	// ErrRevoked: the hold was ended by an operator. Matches ErrNotHeld too; as *NotHeldError: by whom and why.
	ErrRevoked = errors.New("revoked")
	// ErrChanged: a forced release, seizure or undo found the lock other than expected. As *ChangedError.
	ErrChanged = errors.New("the lock is not as expected any more")
	// ErrWrongType: the key is no string, so it is no lock.
	ErrWrongType = errors.New("the key holds another type than a lock")
	// ErrLedger: the ledger beside the lock could not be written, and nothing was done.
	ErrLedger = errors.New("the lock's ledger cannot be written")
	// ErrRefused: the server answered with an error (no permission, read-only, out of memory…); nothing was done.
	ErrRefused = errors.New("refused by the server")
	// ErrLate: the answer came when the TTL that it granted was over.
	ErrLate = errors.New("the answer came too late")
	// ErrUnreachable: the request was not sent, or a read got no answer.
	ErrUnreachable = errors.New("server unreachable")
	// ErrUnknownOutcome: the request went out and no answer came back; it may have been done or not.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// HeldError tells who holds the lock that was asked for.
type HeldError struct {
	Key      string
	Owner    string        // the present owner
	TTL      time.Duration // left, or NoTTL
	Fence    Fence         // of the present hold, 0 if nobody recorded it
	Attempts int           // denials of this work, this one included; 0 if it could not be recorded
	Denied   int64         // denials of the lock since its ledger began; 0 if it could not be recorded
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("acquire %q: held by %q for %s", e.Key, e.Owner, ttlText(e.TTL))
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// NotHeldError tells why a release or extend had nothing to work on.
type NotHeldError struct {
	Op     string // acquire, extend, release, or seize where it was repeated
	Key    string
	Owner  string // who asked
	Holder Holder // who holds the lock now
	Past   *Past  // how the asker's own hold ended, nil if nothing remembers it
}

func (e *NotHeldError) Error() string {
	s := fmt.Sprintf("%s %q: not held by %q: ", e.Op, e.Key, e.Owner)
	if e.Past != nil {
		s += e.Past.text() + "; "
	}
	return s + e.Holder.text()
}

// Is makes errors.Is true for ErrNotHeld, and for ErrRevoked where an operator ended the hold.
func (e *NotHeldError) Is(target error) bool {
	return target == ErrNotHeld || target == ErrRevoked && e.Past != nil && (e.Past.How == HowForced || e.Past.How == HowSeized)
}

// ChangedError tells what a forced release, seizure or undo found instead of what was expected.
// Nothing was done.
type ChangedError struct {
	Op       string // force-release, seize or undo
	Key      string
	Expected string // the owner that was expected
	Holder   Holder // who holds the lock now
	Past     *Past  // how the expected hold ended, nil if nothing remembers it
	Why      string // of an undo: told, taken, passed, unknown
}

// undoRefused says in words why an undo was refused.
var undoRefused = map[string]string{
	"told":    "its old owner has been told already",
	"taken":   "somebody took the lock since",
	"passed":  "its deadline has passed since",
	"unknown": "that is not the last thing that happened to this lock",
}

func (e *ChangedError) Error() string {
	s := fmt.Sprintf("%s %q: not done: ", e.Op, e.Key)
	if e.Why != "" {
		s += undoRefused[e.Why] + "; "
	}
	if e.Past != nil {
		s += e.Past.text() + "; "
	}
	return s + e.Holder.text()
}

// Is makes errors.Is(err, ErrChanged) true.
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }

func ttlText(ttl time.Duration) string {
	if ttl == NoTTL {
		return "ever (no TTL)"
	}
	return "another " + ttl.String()
}

// opError puts what was tried, and on which key, before an error.
func opError(op, key string, err error) error { return fmt.Errorf("%s %q: %w", op, key, err) }

// code finds the error's code. Servers up to 6.2 put their own words before it when it comes out of a script.
var code = regexp.MustCompile(`\b(WRONGTYPE|LEDGER|READONLY|NOPERM|NOAUTH|WRONGPASS|OOM|MISCONF|NOREPLICAS|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|CROSSSLOT|DENIED)\b`)

// classify turns a transport's error into one of the sentinels, and adds what was tried.
func classify(op, key string, err error) error {
	var reply *ReplyError
	if !errors.As(err, &reply) {
		return opError(op, key, err)
	}
	switch code.FindString(reply.Message) {
	case "WRONGTYPE":
		return opError(op, key, fmt.Errorf("%w: %s", ErrWrongType, reply.Message))
	case "CROSSSLOT":
		return opError(op, key, fmt.Errorf("%w: on a cluster a lock and its ledger share a slot, and this key's braces leave it no place there; "+
			"choose a name without them, or with one {tag}", ErrInvalid))
	case "LEDGER":
		return opError(op, key, fmt.Errorf("%w: %s", ErrLedger, reply.Message))
	}
	return opError(op, key, fmt.Errorf("%w: %w", ErrRefused, reply))
}
