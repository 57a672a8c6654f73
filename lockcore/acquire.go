package lockcore

// Acquire: one try or a wait, a request that is granted once, and cleaning up after an outcome that nobody knows.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// NoRequest is an AcquireOptions.Request that names none.
const NoRequest = "-"

var defaultComeback = Comeback{}.text()

// text is the comeback as the script wants it: waiters kept, interval in ms, attempts in all.
func (c Comeback) text() string {
	interval, attempts := DefaultRetryInterval, DefaultRetryAttempts
	if c.Interval > 0 {
		interval = c.Interval
	}
	switch {
	case c.Attempts > 0:
		attempts = c.Attempts
	case c.Attempts < 0:
		attempts = 0
	}
	return fmt.Sprintf("%d %d %d", WaitersKept, interval.Milliseconds(), 1+attempts)
}

// AcquireOptions are optional: nil means the defaults.
type AcquireOptions struct {
	Work     string   // what the attempt is for; defaults to the owner
	Comeback Comeback // how this work comes back if it is denied

	// Request is the id of this acquire, at most 64 bytes. It is granted once: a duplicate that
	// arrives late takes no lock, a repeat while the hold lasts gets the same fence, and another
	// request is denied even with the same owner. Defaults to one drawn for this call, which is given
	// up when its outcome is unknown. With NoRequest the present owner finds its own hold again, and
	// owners must be unique for each attempt.
	Request string

	// Wait is how long to go on trying while the lock is held by others: it is looked at every
	// 100 to 500 ms, at random, and when the holder's TTL ends. Defaults to one try.
	Wait time.Duration
}

// Acquire takes the lock for ttl, or fails with ErrHeld.
//
// When ctx ends first, or no answer comes, the error matches ErrUnknownOutcome unless the request
// certainly was not executed; what it may have taken is then given back in the background (see Wait).
//
// Errors: ErrHeld (*HeldError), ErrInvalid, ErrWrongType, ErrLedger, ErrRefused, ErrLate, ErrUnreachable,
// ErrUnknownOutcome; ErrNotHeld and ErrRevoked (*NotHeldError) where the lock was granted and that hold
// ended before its answer got through.
func (c *Client) Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *AcquireOptions) (*Hold, error) {
	a, err := newAcquiring(c, key, owner, ttl, o)
	if err != nil {
		return nil, opError("acquire", key, err)
	}
	h, err := waiting{
		try:  a.try,
		look: func(ctx context.Context) (*Lock, error) { return c.Inspect(ctx, key) },
		draw: rand.Float64,
	}.run(ctx, a.wait)
	if err != nil && ctx.Err() != nil && err == context.Cause(ctx) {
		err = opError("acquire", key, fmt.Errorf("while it was waited for: %w", err))
	}
	return h, err
}

// acquiring is an acquire whose arguments were checked.
type acquiring struct {
	c          *Client
	key, owner string
	ttl, wait  time.Duration
	request    string // empty: each try draws its own
	work       string
	comeback   string // as the script wants it: waiters kept, interval in ms, attempts in all
}

func newAcquiring(c *Client, key, owner string, ttl time.Duration, o *AcquireOptions) (*acquiring, error) {
	a := &acquiring{c: c, key: key, owner: owner, ttl: ttl, work: owner, comeback: defaultComeback}
	if o != nil {
		a.wait, a.request = o.Wait, o.Request
		if o.Work != "" {
			a.work = o.Work
		}
		if o.Comeback != (Comeback{}) {
			a.comeback = o.Comeback.text()
		}
	}
	if err := firstError(CheckKey(key), CheckOwner(owner), checkLength("work", a.work, MaxOwner), CheckTTL(ttl),
		checkLength("request id", a.request, MaxID)); err != nil {
		return nil, err
	}
	return a, nil
}

// patience is how long after it left a request may still be granted: what comes later is answered to nobody.
// A second at least, so that clocks which were read a round trip apart refuse nothing.
func (a *acquiring) patience(ctx context.Context, sent time.Time) time.Duration {
	d := min(a.ttl, a.c.timeout)
	if end, ok := ctx.Deadline(); ok {
		d = min(d, end.Sub(sent))
	}
	return max(d, time.Second)
}

// drawn is a request id of 60 random bits, short since the ledger keeps the last ones and is read with each acquire.
func drawn() string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
	var id [10]byte
	bits := rand.Uint64()
	for i := range id {
		id[i] = digits[bits%64]
		bits /= 64
	}
	return string(id[:])
}

// try makes one try.
func (a *acquiring) try(ctx context.Context) (*Hold, error) {
	request, own := a.request, a.request == ""
	if own {
		request = drawn()
	}
	named := request != NoRequest
	s := step{script: acquireScript, key: a.key, repeatable: named}
	s.args = []string{a.owner, ms(a.ttl), a.work, a.comeback, NoRequest, "0"}
	if named {
		s.args[4] = item(request)
	}
	h, err := a.send(ctx, &s, named)
	if h != nil && named {
		h.Request = request
	}
	if err != nil && own && (s.doubt || errors.Is(err, ErrLate)) {
		a.giveUp(request)
	}
	return h, err
}

// send sends the request until it is answered in time.
func (a *acquiring) send(ctx context.Context, s *step, named bool) (*Hold, error) {
	begun := a.c.now()
	for corrected := false; ; corrected = true {
		now := a.c.now()
		patience := a.patience(ctx, now)
		if named {
			s.args[5] = a.c.clock.notAfter(now.Add(patience))
		}
		r, sent, err := a.c.run(ctx, s)
		switch {
		case err != nil:
			return nil, err
		case r.yes():
			h := &Hold{Key: a.key, Owner: a.owner, Fence: r.fence(1), TTL: r.ttl(2), Again: r.text(3) == "1" && !named}
			return h, a.c.judge("acquire", h, sent)
		case r.why() == "held":
			return nil, &HeldError{
				Key: a.key, Owner: r.text(1), TTL: r.ttl(2), Fence: r.fence(3), Attempts: int(r.number(5)), Denied: r.number(6),
			}
		case r.why() == "late" && !corrected && a.c.now().Sub(begun) < patience:
			// It was not late: the clocks differ. By now the server's is known.
		case r.why() == "late":
			return nil, opError("acquire", a.key, fmt.Errorf("%w: the request reached the server after its time", ErrLate))
		default:
			return nil, r.notHeld("acquire", a.key, a.owner)
		}
	}
}

// giveUp sees to it, in the background and within the client's time-out, that the request holds
// nothing and will not be granted any more.
func (a *acquiring) giveUp(request string) {
	a.c.cleaning.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), a.c.timeout)
		defer cancel()
		a.c.Release(ctx, a.key, a.owner, &ReleaseOptions{Request: request}) // nobody is left to tell
	})
}
