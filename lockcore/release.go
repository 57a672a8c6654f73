package lockcore

// Extend and release: for the owner of a hold.

import (
	"context"
	"strconv"
	"time"
)

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
	r, sent, err := c.late(ctx, &step{
		script: extendScript, key: key, repeatable: o.Fence != 0,
		args: []string{owner, ms(ttl), fenceArg(o.Fence), ""},
	}, 3)
	if err != nil {
		return nil, err
	}
	if !r.yes() {
		return nil, r.notHeld("extend", key, owner)
	}
	h := &Hold{Key: key, Owner: owner, Fence: r.fence(1), TTL: r.ttl(2)}
	return h, c.judge("extend", h, sent)
}

// ReleaseOptions are optional: nil means the defaults.
type ReleaseOptions struct {
	Fence Fence // of the hold, where the caller has it: a later hold of the same owner is then left alone
	// Request is that of the acquire, where the caller has it: only its hold is released, and if it was not
	// granted yet, it is given up and never will be.
	Request string
}

// Release is the answer to a release that succeeded.
type Release struct {
	Fence    Fence         // of the hold, 0 if nobody recorded it
	Held     time.Duration // how long it lasted, -1 if unknown or if it ended before
	Repeated bool          // the owner had released this hold already
}

// Release ends the owner's hold. A hold that the owner had already released is a success
// (Repeated); with neither fence nor request given, that is the newest one of this owner that the
// ledger remembers.
//
// Errors: ErrNotHeld and ErrRevoked (*NotHeldError), ErrInvalid, ErrWrongType, ErrRefused,
// ErrUnreachable, ErrUnknownOutcome.
func (c *Client) Release(ctx context.Context, key, owner string, o *ReleaseOptions) (*Release, error) {
	if o == nil {
		o = &ReleaseOptions{}
	}
	if err := firstError(CheckKey(key), CheckOwner(owner), checkLength("request id", o.Request, MaxID)); err != nil {
		return nil, opError("release", key, err)
	}
	request := ""
	if o.Request != "" && o.Request != NoRequest {
		request = item(o.Request)
	}
	r, _, err := c.late(ctx, &step{
		script: releaseScript, key: key, repeatable: o.Fence != 0 || request != "",
		args: []string{owner, fenceArg(o.Fence), request, ""},
	}, 3)
	if err != nil {
		return nil, err
	}
	if r.yes() {
		return &Release{Fence: r.fence(1), Held: r.since(2)}, nil
	}
	nothing := r.notHeld("release", key, owner)
	if p := nothing.Past; p != nil && p.How == HowReleased {
		return &Release{Fence: p.Fence, Held: -1, Repeated: true}, nil
	}
	return nil, nothing
}

// late runs an owner's step with, in the argument at sentArg, when it left by the server's clock: a hold
// whose deadline had passed by then was overrun, and that is put on record. A client that does not know
// that clock yet learns it from the answer and then has the record made.
func (c *Client) late(ctx context.Context, s *step, sentArg int) (reply, time.Time, error) {
	begun := c.now()
	s.args[sentArg] = c.clock.atLeast(begun)
	r, sent, err := c.run(ctx, s)
	if err != nil || r.yes() || s.args[sentArg] != "" {
		return r, sent, err
	}
	p := r.past("")
	when := c.clock.atLeast(begun)
	if p == nil || p.How != HowExpired || p.Overran > 0 || number(when) <= p.Deadline.UnixMilli() {
		return r, sent, nil
	}
	s.args[sentArg] = strconv.FormatInt(number(when), 10)
	s.repeatable = true // it can only find nothing once more
	if again, _, err := c.run(ctx, s); err == nil && !again.yes() {
		return again, sent, nil
	}
	return r, sent, nil
}
