package lockcore

// Acquire, extend, release, force-release: arguments out, one script, its reply read back.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// Comeback is how denied work comes back, as far as the ledger needs it to tell when a
// waiter is not expected any more: after two intervals of silence, or all attempts.
type Comeback struct {
	Interval time.Duration // between two attempts; defaults to DefaultRetryInterval
	Attempts int           // retries after the first try; defaults to DefaultRetryAttempts; NoRetries for none
}

// Defaults of Comeback: Make.com's Break handler with ten retries, a minute apart.
const (
	DefaultRetryInterval = time.Minute
	DefaultRetryAttempts = 10
)

// NoRetries is a Comeback of denied work that does not come back at all.
const NoRetries = -1

// Client takes and ends locks. It is safe for use by many goroutines.
type Client struct {
	transport Transport
	now       func() time.Time
}

// Option changes how a Client works.
type Option func(*Client)

// WithClock sets the local clock, against which a late success is judged; it defaults to time.Now.
func WithClock(now func() time.Time) Option { return func(c *Client) { c.now = now } }

// New is a client on a transport, which stays the caller's to close.
func New(t Transport, options ...Option) *Client {
	c := &Client{transport: t, now: time.Now}
	for _, o := range options {
		o(c)
	}
	return c
}

// AcquireOptions are optional: nil means the defaults.
type AcquireOptions struct {
	Work     string   // what the attempt is for; defaults to the owner
	Comeback Comeback // how this work comes back if it is denied
}

// Acquire takes the lock for ttl, or fails at once with ErrHeld. The present owner finds
// its own hold again: the same fence, TTL unchanged, Again set. So owners must be unique
// for each attempt.
//
// Errors: ErrHeld (*HeldError), ErrInvalid, ErrWrongType, ErrLedger, ErrRefused, ErrLate,
// ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *AcquireOptions) (*Hold, error) {
	if o == nil {
		o = &AcquireOptions{}
	}
	work := o.Work
	if work == "" {
		work = owner
	}
	comeback := o.Comeback
	if comeback.Interval <= 0 {
		comeback.Interval = DefaultRetryInterval
	}
	switch {
	case comeback.Attempts == 0:
		comeback.Attempts = DefaultRetryAttempts
	case comeback.Attempts < 0:
		comeback.Attempts = 0
	}
	if err := firstError(CheckKey(key), CheckOwner(owner), checkLength("work", work, MaxOwner), CheckTTL(ttl)); err != nil {
		return nil, opError("acquire", key, err)
	}
	left := c.now()
	r, err := c.run(ctx, acquireScript, key, owner, ms(ttl), work, strconv.Itoa(WaitersKept),
		ms(comeback.Interval), strconv.Itoa(1+comeback.Attempts))
	if err != nil {
		return nil, err
	}
	if !r.ok() {
		return nil, &HeldError{
			Key: key, Owner: r.text(1), TTL: r.ttl(2), Fence: r.fence(3), Attempts: int(r.number(4)), Denied: r.number(5),
		}
	}
	h := &Hold{Key: key, Owner: owner, Fence: r.fence(1), TTL: r.ttl(2), Again: r.number(3) == 1}
	return h, c.judge("acquire", h, left)
}

// ExtendOptions are optional: nil means the defaults.
type ExtendOptions struct {
	Fence Fence // of the hold, where the caller has it: a later hold of the same owner is then left alone
}

// Extend sees to it that the hold lasts at least ttl from now. It never shortens and never creates.
//
// Errors: ErrNotHeld and ErrRevoked (*NotHeldError), ErrInvalid, ErrWrongType, ErrLedger,
// ErrRefused, ErrLate, ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Extend(ctx context.Context, key, owner string, ttl time.Duration, o *ExtendOptions) (*Hold, error) {
	if o == nil {
		o = &ExtendOptions{}
	}
	if err := firstError(CheckKey(key), CheckOwner(owner), CheckTTL(ttl)); err != nil {
		return nil, opError("extend", key, err)
	}
	left := c.now()
	r, err := c.run(ctx, extendScript, key, owner, ms(ttl), fenceArg(o.Fence))
	if err != nil {
		return nil, err
	}
	if !r.ok() {
		return nil, r.notHeld("extend", key, owner)
	}
	h := &Hold{Key: key, Owner: owner, Fence: r.fence(1), TTL: r.ttl(2)}
	return h, c.judge("extend", h, left)
}

// judge counts the TTL from when the request left: an answer that took longer than that is no success.
func (c *Client) judge(op string, h *Hold, left time.Time) error {
	if h.TTL == NoTTL {
		return nil
	}
	h.Until = left.Add(h.TTL)
	if took := c.now().Sub(left); took >= h.TTL {
		return opError(op, h.Key, fmt.Errorf("%w: it took %s and granted %s", ErrLate, took.Round(time.Millisecond), h.TTL))
	}
	return nil
}

// ReleaseOptions are optional: nil means the defaults.
type ReleaseOptions struct {
	Fence Fence // of the hold, where the caller has it: a later hold of the same owner is then left alone
}

// Release is the answer to a release that succeeded.
type Release struct {
	Fence    Fence         // of the hold, 0 if nobody recorded it
	Held     time.Duration // how long it lasted, -1 if unknown or if it ended before
	Repeated bool          // the owner had released this hold already
}

// Release ends the owner's hold. A hold that the owner had already released is a success
// (Repeated); with no fence given, that is the newest one of this owner that the ledger remembers.
//
// Errors: ErrNotHeld and ErrRevoked (*NotHeldError), ErrInvalid, ErrWrongType, ErrRefused,
// ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Release(ctx context.Context, key, owner string, o *ReleaseOptions) (*Release, error) {
	if o == nil {
		o = &ReleaseOptions{}
	}
	if err := firstError(CheckKey(key), CheckOwner(owner)); err != nil {
		return nil, opError("release", key, err)
	}
	r, err := c.run(ctx, releaseScript, key, owner, fenceArg(o.Fence))
	if err != nil {
		return nil, err
	}
	if r.ok() {
		return &Release{Fence: r.fence(1), Held: r.ttl(2)}, nil
	}
	nothing := r.notHeld("release", key, owner)
	if p := nothing.Past; p != nil && p.How == HowReleased {
		return &Release{Fence: p.Fence, Held: -1, Repeated: true}, nil
	}
	return nil, nothing
}

// Expectation is the hold that a forced release is meant for. A hold that differs is left alone.
type Expectation struct {
	Owner string // must be set
	Fence Fence  // 0 if nobody recorded the hold
	// Deadline, of the server's clock as Inspect gives it, stands in where there is no fence: it must
	// agree within 50 ms. Zero with NoTTL unset means that any will do.
	Deadline time.Time
	NoTTL    bool // the hold was seen without a TTL
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
	if f.Operation == "" {
		f.Operation = NewOperation()
	}
	if err := firstError(CheckKey(f.Key), CheckOwner(f.Expect.Owner), required("operator", f.Operator, MaxOperator),
		required("reason", f.Reason, MaxReason), checkLength("operation id", f.Operation, 64)); err != nil {
		return nil, opError("force-release", f.Key, err)
	}
	deadline := ""
	if f.Expect.NoTTL {
		deadline = "0"
	} else if !f.Expect.Deadline.IsZero() {
		deadline = strconv.FormatInt(f.Expect.Deadline.UnixMilli(), 10)
	}
	r, err := c.run(ctx, forceReleaseScript, f.Key, f.Expect.Owner, fenceArg(f.Expect.Fence), deadline,
		item(f.Operation), item(f.Operator), item(f.Reason))
	if err != nil {
		return nil, err
	}
	if !r.ok() {
		return nil, &ChangedError{Key: f.Key, Expected: f.Expect.Owner, Holder: r.holder(), Past: r.past(f.Expect.Owner)}
	}
	return &ForcedRelease{
		Operation: f.Operation, Fence: r.fence(1), TTL: r.ttl(2), Held: r.ttl(3),
		Before: r.text(4) != "released", NotRecorded: r.text(5),
	}, nil
}

func required(what, value string, limit int) error {
	if value == "" {
		return invalid("the %s is empty", what)
	}
	return checkLength(what, value, limit)
}

// NewOperation draws an id for a forced release: 32 hex digits.
func NewOperation() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// run sends one step to the lock and its ledger, and checks the shape of the reply.
func (c *Client) run(ctx context.Context, s *Script, key string, args ...string) (reply, error) {
	ledger, _ := LedgerKey(key)
	got, err := c.transport.Eval(ctx, s, []string{key, ledger}, args)
	if err != nil {
		return nil, classify(s.op(), key, err)
	}
	items, ok := got.([]any)
	if !ok || len(items) < 3 {
		return nil, opError(s.op(), key, fmt.Errorf("%w: the server answered %v", ErrUnknownOutcome, got))
	}
	return reply(items), nil
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func fenceArg(f Fence) string {
	if f == 0 {
		return ""
	}
	return f.String()
}
