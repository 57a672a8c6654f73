package lockcore

// The client: one step sent, its answer read, and what is tried again.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultTimeout is what a step may take with all its tries.
const DefaultTimeout = 5 * time.Second

// Client takes and ends locks. It is safe for use by many goroutines.
type Client struct {
	transport Transport
	now       func() time.Time
	timeout   time.Duration
	clock     serverClock
	cleaning  sync.WaitGroup
	grouped   atomic.Bool // a Grouper has read something
}

// Option changes how a Client works.
type Option func(*Client)

// WithClock sets the local clock, against which a late success is judged; it defaults to time.Now.
func WithClock(now func() time.Time) Option { return func(c *Client) { c.now = now } }

// WithTimeout sets what a step may take with all its tries; it defaults to DefaultTimeout. A single
// try has the transport's own time-out.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// New is a client on a transport, which stays the caller's to close.
func New(t Transport, options ...Option) *Client {
	c := &Client{transport: t, now: time.Now, timeout: DefaultTimeout}
	for _, o := range options {
		o(c)
	}
	c.clock.base = c.now()
	return c
}

// Wait waits for what the client cleans up by itself: after an Acquire with an unknown outcome it sees
// to it, for as long as a step may take, that the lock is not left held for nobody. Call it before the
// transport is closed, when no other call is under way.
func (c *Client) Wait() { c.cleaning.Wait() }

// step is one call of a script.
type step struct {
	script *Script
	key    string
	// repeatable says that sending it again changes nothing that one sending would not have: it names
	// the request, the fence or the operation it is about. Only then is it tried again when no answer came.
	repeatable bool
	args       []string

	// doubt is set by run when a try got no answer: a copy of it may still be on its way.
	doubt bool
}

// run sends a step and tries it again, within the client's time-out, where that is safe: when it
// was not executed, or is repeatable and no answer came. sent is when the try left that was answered.
func (c *Client) run(ctx context.Context, s *step) (r reply, sent time.Time, err error) {
	ledger, _ := LedgerKey(s.key)
	keys := []string{s.key, ledger}
	begun := c.now()
	sent = begun
	got, err := c.transport.Eval(ctx, s.script, keys, s.args)
	for try := 0; err != nil; try++ {
		s.doubt = s.doubt || errors.Is(err, ErrUnknownOutcome)
		if !c.again(ctx, s, err, try) || !c.pause(ctx, try, begun) {
			break
		}
		limited, cancel := context.WithTimeout(ctx, c.timeout-c.now().Sub(begun))
		sent = c.now()
		got, err = c.transport.Eval(limited, s.script, keys, s.args)
		cancel()
	}
	if err != nil {
		if s.doubt && !errors.Is(err, ErrUnknownOutcome) {
			// The last try was refused or not sent, but an earlier one may have been executed.
			err = fmt.Errorf("%w: %w", ErrUnknownOutcome, hidden{err})
		}
		return reply{}, sent, classify(s.script.op(), s.key, err)
	}
	r, ok := readReply(got)
	if !ok {
		return reply{}, sent, opError(s.script.op(), s.key, fmt.Errorf("%w: the server answered %s", ErrUnknownOutcome, quoted(got)))
	}
	if s.doubt && !r.yes() && r.past("") == nil && (r.why() == "gone" || r.why() == "changed") {
		// An earlier try may have done it, to a hold that the ledger has forgotten since.
		return reply{}, sent, opError(s.script.op(), s.key, fmt.Errorf("%w: no answer came at first, and now nothing remembers that hold", ErrUnknownOutcome))
	}
	c.clock.learn(r.now(), sent, c.now())
	return r, sent, nil
}

// quoted is a reply that nobody understands, as an error can show it.
func quoted(got any) string {
	text := fmt.Sprintf("%q", got)
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return text
}

// hidden keeps the words of an error and not what it matches.
type hidden struct{ err error }

func (h hidden) Error() string { return h.err.Error() }

// Redundant is a transport whose locks move to another server when theirs fails: what cannot be
// reached, or may not write, can be within the time-out.
type Redundant interface{ Redundant() bool }

// again tells whether a step may be tried again after this error.
func (c *Client) again(ctx context.Context, s *step, err error, try int) bool {
	if ctx.Err() != nil {
		return false
	}
	moving, _ := c.transport.(Redundant)
	elsewhere := moving != nil && moving.Redundant()
	var reply *ReplyError
	switch {
	case errors.As(err, &reply):
		switch code.FindString(reply.Message) {
		case "LOADING", "TRYAGAIN", "MOVED", "ASK", "BUSY": // not executed, and it passes
			return true
		case "CLUSTERDOWN", "READONLY", "MASTERDOWN": // not executed, and another server may do
			return elsewhere
		}
		return false
	case errors.Is(err, ErrUnknownOutcome):
		return s.repeatable
	case errors.Is(err, ErrUnreachable):
		return elsewhere || try == 0
	}
	return false
}

// pause waits before the next try, longer each time and never alike; false when there is no time left.
func (c *Client) pause(ctx context.Context, try int, begun time.Time) bool {
	d := min(10*time.Millisecond<<min(try, 5), 200*time.Millisecond)
	d = d/2 + rand.N(d/2)
	if c.now().Add(d).Sub(begun) >= c.timeout {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// judge counts the TTL from when the request left: an answer that took longer than that is no success.
func (c *Client) judge(op string, h *Hold, sent time.Time) error {
	if h.TTL == NoTTL {
		return nil
	}
	h.Until = sent.Add(h.TTL)
	if took := c.now().Sub(sent); took >= h.TTL {
		return opError(op, h.Key, fmt.Errorf("%w: it took %s and granted %s", ErrLate, took.Round(time.Millisecond), h.TTL))
	}
	return nil
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// fenceDigits is how many digits the ledger gives a fence.
const fenceDigits = 16

func fenceArg(f Fence) string {
	if f == 0 {
		return ""
	}
	digits := f.String()
	return "0000000000000000"[min(len(digits), fenceDigits):] + digits
}
