package lockcore

// What operators do to somebody else's hold: force-release, seize, and undoing the former.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"
)

// Expectation is the hold that a forced release or a seizure is meant for. A hold that differs is left alone.
type Expectation struct {
	Owner string // must be set
	Fence Fence  // 0 if nobody recorded the hold
	// Deadline, of the server's clock as Inspect gives it, stands in where there is no fence: it must
	// agree within 50 ms. Zero with NoTTL unset means that any will do.
	Deadline time.Time
	NoTTL    bool // the hold was seen without a TTL
}

// args are the first three arguments of the steps.
func (e Expectation) args() []string {
	deadline := ""
	if e.NoTTL {
		deadline = "0"
	} else if !e.Deadline.IsZero() {
		deadline = strconv.FormatInt(e.Deadline.UnixMilli(), 10)
	}
	return []string{e.Owner, fenceArg(e.Fence), deadline}
}

// ForceRelease is an operator's order to end somebody else's hold.
type ForceRelease struct {
	Key       string
	Expect    Expectation
	Operation string // an id of this order, the same when it is tried again; defaults to a new one
	Operator  string // who orders it; must be set
	Reason    string // why; must be set
}

// ForcedRelease is the answer to a forced release that was done.
type ForcedRelease struct {
	Operation   string
	Fence       Fence         // of the hold that was ended, 0 if nobody recorded it
	TTL         time.Duration // that it had left, or NoTTL; also NoTTL where Before is set
	Held        time.Duration // how long it lasted, -1 if unknown
	Before      bool          // this very operation had done it already
	NotRecorded string        // why the old owner will not learn of it; empty if the ledger has it
}

// ForceRelease ends somebody else's hold, only if it still is the expected one, and leaves
// word of it for the old owner: its next extend or release fails with ErrRevoked.
// After ErrUnknownOutcome it can be called again with the same Operation.
//
// Errors: ErrChanged (*ChangedError), ErrInvalid, ErrWrongType, ErrLedger, ErrRefused,
// ErrUnreachable, ErrUnknownOutcome.
func (c *Client) ForceRelease(ctx context.Context, f ForceRelease) (*ForcedRelease, error) {
	o := order{f.Key, f.Operation, f.Operator, f.Reason}
	if err := firstError(o.check(), CheckOwner(f.Expect.Owner)); err != nil {
		return nil, opError("force-release", f.Key, err)
	}
	r, _, err := c.run(ctx, &step{
		script: forceReleaseScript, key: f.Key, repeatable: true, args: append(f.Expect.args(), o.args()...),
	})
	if err != nil {
		return nil, err
	}
	if !r.yes() {
		return nil, r.changed("force-release", f.Key, f.Expect.Owner)
	}
	return &ForcedRelease{
		Operation: o.operation, Fence: r.fence(1), TTL: r.ttl(2), Held: r.ttl(3),
		Before: r.text(4) == "1", NotRecorded: r.from(5),
	}, nil
}

// Seizure is an operator's order to take a lock over from its owner.
type Seizure struct {
	Key       string
	Expect    Expectation
	TTL       time.Duration // of the operator's hold; must be set
	Owner     string        // of the operator's hold; defaults to the operator and the operation id
	Operation string        // an id of this order, the same when it is tried again; defaults to a new one
	Operator  string        // who orders it; must be set
	Reason    string        // why; must be set
}

// Seized is the answer to a seizure that was done: the operator's hold, and what it put an end to.
type Seized struct {
	Hold
	Operation string
	Ended     Fence         // of the hold that was ended, 0 if nobody recorded it
	Left      time.Duration // TTL that it had left, or NoTTL; also NoTTL where Before is set
	HeldFor   time.Duration // how long it had lasted, -1 if unknown
	Before    bool          // this very operation had done it already
}

// Seize ends somebody else's hold, only if it still is the expected one, and takes the lock in the same
// step, so that those who wait stay out. The old owner's next extend or release fails with ErrRevoked.
// The new hold is extended and released like any other. After ErrUnknownOutcome it can be
// called again with the same Operation.
//
// Errors: ErrChanged (*ChangedError), ErrNotHeld (*NotHeldError) where this operation seized the lock before
// and that is over, ErrInvalid, ErrWrongType, ErrLedger, ErrRefused, ErrLate, ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Seize(ctx context.Context, s Seizure) (*Seized, error) {
	o := order{s.Key, s.Operation, s.Operator, s.Reason}
	err := firstError(o.check(), CheckOwner(s.Expect.Owner), CheckTTL(s.TTL))
	if s.Owner == "" {
		s.Owner = s.Operator + "/" + o.operation
	}
	if err := firstError(err, CheckOwner(s.Owner)); err != nil {
		return nil, opError("seize", s.Key, err)
	}
	r, sent, err := c.run(ctx, &step{
		script: seizeScript, key: s.Key, repeatable: true,
		args: append(append(s.Expect.args(), o.args()...), s.Owner, ms(s.TTL)),
	})
	switch {
	case err != nil:
		return nil, err
	case r.yes():
		done := &Seized{
			Hold:      Hold{Key: s.Key, Owner: s.Owner, Fence: r.fence(1), TTL: r.ttl(2), Request: o.operation},
			Operation: o.operation, Ended: r.fence(3), Left: r.ttl(4), HeldFor: r.ttl(5), Before: r.text(6) == "1",
		}
		return done, c.judge("seize", &done.Hold, sent)
	case r.why() == "gone":
		return nil, r.notHeld("seize", s.Key, s.Owner)
	}
	return nil, r.changed("seize", s.Key, s.Expect.Owner)
}

// Undo is an operator's order to give a lock back that was released by force.
type Undo struct {
	Key       string
	Forced    string // operation id of the forced release; must be set
	Operation string // an id of this order, the same when it is tried again; defaults to a new one
}

// Undone is the answer to an undo that was done.
type Undone struct {
	Operation string
	Owner     string        // who has the lock again
	Fence     Fence         // as before, 0 if nobody had recorded the hold
	TTL       time.Duration // left until the deadline that the hold had, or NoTTL
	Before    bool          // this very undo had been done already
}

// Undo gives a lock that was released by force back to its old owner, with the fence and the deadline
// that it had. It is refused once the deadline has passed, the old owner was told, a fence was issued or
// somebody else had the lock. Whoever saw the key set in between by other means must not call it: no ledger
// shows that. A seizure cannot be undone, since it issues a fence; release the lock instead.
//
// Errors: ErrChanged (*ChangedError, with Why), ErrInvalid, ErrWrongType, ErrLedger, ErrRefused,
// ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Undo(ctx context.Context, u Undo) (*Undone, error) {
	if u.Operation == "" {
		u.Operation = NewOperation()
	}
	if err := firstError(CheckKey(u.Key), required("operation id of the forced release", u.Forced, MaxID),
		checkLength("operation id", u.Operation, MaxID)); err != nil {
		return nil, opError("undo", u.Key, err)
	}
	r, _, err := c.run(ctx, &step{
		script: undoScript, key: u.Key, repeatable: true, args: []string{item(u.Forced), item(u.Operation)},
	})
	if err != nil {
		return nil, err
	}
	if !r.yes() {
		changed := r.changed("undo", u.Key, r.text(12))
		changed.Why = r.why()
		return nil, changed
	}
	return &Undone{Operation: u.Operation, Owner: r.from(4), Fence: r.fence(1), TTL: r.ttl(2), Before: r.text(3) == "1"}, nil
}

// order is what forced releases and seizures have in common.
type order struct{ key, operation, operator, reason string }

// check checks the arguments and draws an operation id where there is none.
func (o *order) check() error {
	if o.operation == "" {
		o.operation = NewOperation()
	}
	return firstError(CheckKey(o.key), required("operator", o.operator, MaxOperator),
		required("reason", o.reason, MaxReason), checkLength("operation id", o.operation, MaxID))
}

func (o *order) args() []string { return []string{item(o.operation), item(o.operator), item(o.reason)} }

func required(what, value string, limit int) error {
	if value == "" {
		return invalid("the %s is empty", what)
	}
	return checkLength(what, value, limit)
}

// NewOperation draws an id for an operator's order: 32 hex digits.
func NewOperation() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (r reply) changed(op, key, expected string) *ChangedError {
	return &ChangedError{Op: op, Key: key, Expected: expected, Holder: r.holder(), Past: r.past(expected)}
}
