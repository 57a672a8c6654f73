package resp

// One request: the arguments as go-redis writes them, the moment at which it is written,
// and the end of its time.
//
// The caller can leave a request before its answer comes. Both sides settle by one atomic
// step whether it was written by then: what was left unwritten is never written later.
// A request is used again for a later call, so that a call costs no allocation of its
// own; but never one that was left, since its goroutine still has it.

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

// What became of a request so far.
const (
	unwritten = iota
	written   // go-redis took the arguments to write them
	left      // the caller does not wait any more
)

// anyNode is the slot of a request that any node can answer.
const anyNode = -1

// request is a command that go-redis sends; or, with more, the first one of a MULTI/EXEC.
type request struct {
	redis.Cmd // empty, but for the reply
	limit     limit
	state     atomic.Int32
	args      []any
	texts     []string // that args point to
	slot      int      // of its key, or anyNode
	to        *node    // where it goes and nowhere else; nil where the slot decides
	more      [][]string
	read      bool // it changes nothing, so it has no outcome to doubt
	// count gets weight, which is how many commands it is, when it is written.
	count  *atomic.Int64
	weight int64

	// Where it runs apart from its caller:
	done  chan struct{}
	reply any
	err   error
}

var requests = sync.Pool{New: func() any {
	r := &request{done: make(chan struct{}, 1)}
	r.limit.over = make(chan struct{})
	r.limit.timer = time.AfterFunc(time.Hour, r.limit.end)
	r.limit.timer.Stop()
	return r
}}

// newRequest is a request that is over when ctx's deadline has come, or the time-out.
func newRequest(ctx context.Context, timeout time.Duration) *request {
	r := requests.Get().(*request)
	r.state.Store(unwritten)
	r.slot = anyNode
	now := time.Now()
	r.limit.deadline = now.Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(r.limit.deadline) {
		r.limit.deadline = d
	}
	r.limit.timer.Reset(r.limit.deadline.Sub(now))
	return r
}

// free gives the request back. Nobody else may have it any more.
func (r *request) free() {
	if !r.limit.timer.Stop() || r.limit.Err() != nil {
		return
	}
	r.Cmd = redis.Cmd{}
	clear(r.args)
	clear(r.texts)
	r.args, r.texts = r.args[:0], r.texts[:0]
	r.more, r.to, r.read, r.reply, r.err = nil, nil, false, nil, nil
	requests.Put(r)
}

// say sets the words of a script's call. They are copied, since a request can outlive its
// call, and given as pointers, which go-redis writes without an allocation for each.
func (r *request) say(command, script *string, count *string, keys, args []string) {
	r.texts = append(append(r.texts, keys...), args...)
	r.args = append(r.args, command, script, count)
	for i := range r.texts {
		r.args = append(r.args, &r.texts[i])
	}
}

// sayAll sets the words of a reading transaction.
func (r *request) sayAll(commands [][]string) {
	r.more, r.read = make([][]string, len(commands)-1), true
	for i, command := range commands[1:] {
		r.more[i] = append([]string(nil), command...)
	}
	for _, word := range commands[0] {
		r.args = append(r.args, word)
	}
}

// NoRetry keeps go-redis from sending the request again after a lost reply.
func (r *request) NoRetry() bool { return true }

// Args is called by go-redis when it writes the request, and not before.
func (r *request) Args() []any {
	if r.state.CompareAndSwap(unwritten, written) {
		r.count.Add(r.weight)
	} else if r.state.Load() == left {
		return unwritable
	}
	return r.args
}

// again makes the request one to be written, after an answer that says that it was not
// executed. It is false where the caller has left.
func (r *request) again() bool {
	return r.state.CompareAndSwap(written, unwritten) || r.state.Load() == unwritten
}

// wasWritten tells that the request may have reached the server.
func (r *request) wasWritten() bool { return r.state.Load() == written }

// leave ends the caller's part, and tells whether the request was written.
func (r *request) leave() (wasWritten bool) {
	wasWritten = r.state.Swap(left) == written
	r.limit.timer.Stop()
	r.limit.end()
	return wasWritten
}

// unwritable are arguments that go-redis fails to write: it throws the connection away
// with what it had not sent yet.
var unwritable = []any{leftBehind{}}

var errLeft = errors.New("the caller has left")

type leftBehind struct{}

func (leftBehind) MarshalBinary() ([]byte, error) { return nil, errLeft }

// part is a command of a transaction after its first one.
type part struct {
	redis.Cmd
	args []any
}

func (p *part) NoRetry() bool { return true }
func (p *part) Args() []any   { return p.args }

// limit is the context that go-redis gets: the end of the request's time, and nothing else.
// Its deadline counts on connections, its Done while waiting for one.
type limit struct {
	deadline time.Time
	timer    *time.Timer
	over     chan struct{}
	ended    atomic.Bool
}

func (l *limit) Deadline() (time.Time, bool) { return l.deadline, true }
func (l *limit) Done() <-chan struct{}       { return l.over }
func (l *limit) Value(any) any               { return nil }

func (l *limit) Err() error {
	if l.ended.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

func (l *limit) end() {
	if l.ended.CompareAndSwap(false, true) {
		close(l.over)
	}
}

// run brings a request to its end, and gives it back.
func (c *Client) run(ctx context.Context, r *request) (any, error) {
	if cause := ended(ctx); cause != nil {
		r.free()
		return nil, c.failure(false, cause)
	}
	if ctx.Done() == nil {
		reply, err := c.deliver(r)
		return c.finish(ctx, r, reply, err)
	}
	// go-redis does not notice a cancel while it waits for an answer: so it waits elsewhere.
	if !c.enter() {
		r.free()
		return nil, c.failure(false, redis.ErrClosed)
	}
	go c.apart(r)
	select {
	case <-r.done:
		return c.finish(ctx, r, r.reply, r.err)
	case <-ctx.Done():
	case <-r.limit.over:
	}
	select {
	case <-r.done: // both at once: the answer counts
		return c.finish(ctx, r, r.reply, r.err)
	default:
	}
	read := r.read
	wasWritten := r.leave()
	cause := ended(ctx)
	if cause == nil {
		cause = noAnswer{c.timeout}
	}
	return nil, c.failure(wasWritten && !read, c.because(cause))
}

func (c *Client) apart(r *request) {
	defer c.wait.Done()
	r.reply, r.err = c.deliver(r)
	r.done <- struct{}{}
}

// finish turns what came of a request into the caller's answer.
func (c *Client) finish(ctx context.Context, r *request, reply any, err error) (any, error) {
	defer r.free()
	if err == nil {
		return reply, nil
	}
	var refused redis.Error
	if errors.As(err, &refused) {
		return nil, &lockcore.ReplyError{Message: err.Error()}
	}
	if cause := ended(ctx); cause != nil {
		err = c.because(cause)
	} else if r.limit.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		err = c.because(noAnswer{c.timeout})
	}
	return nil, c.failure(r.wasWritten() && !r.read, err)
}

// ended is why a context has ended; its deadline counts whether or not it has a Done.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return nil
}

// noAnswer is a call that took longer than Options.Timeout.
type noAnswer struct{ timeout time.Duration }

func (e noAnswer) Error() string { return "no answer within " + e.timeout.String() }

// Timeout makes it one for those who look for a net.Error's.
func (e noAnswer) Timeout() bool { return true }
