package resp

// Reading in bulk: pages of a scan and locks by the hundred, pipelined on one connection to one server.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/resp/wire"
)

// Reader reads from one place. It is safe for use by many goroutines, whose calls share the connection
// without waiting for each other's answers: that is how several batches are under way at once. It connects
// when it is used first, and again where the connection was lost in between; when its server is no master any
// more it is over. Its calls end with their context, and when the server has said nothing for Options.Timeout.
// Errors match lockcore.ErrUnreachable or are a *lockcore.ReplyError.
type Reader struct {
	place  *Place
	client *Client
	locks  *lockcore.Client // the ordinary way
	under  chan struct{}    // a place for each call that may be under way
	// single tells that this user may not MGET or EXISTS.
	single atomic.Bool

	life context.Context // ends with Close
	end  context.CancelFunc
	turn chan struct{} // has a place for who looks at or changes line and moved
	line *line
	// moved is why nothing is read any more, once the server is no master.
	moved error
}

// Reader is a reader of this server; it must be closed.
func (p *Place) Reader() *Reader {
	r := &Reader{
		place: p, client: p.client, locks: lockcore.New(p.client),
		under: make(chan struct{}, callsAtOnce), turn: make(chan struct{}, 1),
	}
	r.life, r.end = context.WithCancel(p.client.life)
	return r
}

// Close ends the connection, and the calls that wait on it.
func (r *Reader) Close() {
	r.end()
	r.turn <- struct{}{}
	l := r.line
	r.line = nil
	<-r.turn
	if l != nil {
		l.link.cut()
		l.close()
	}
}

// connected is the line, made anew where it is lost. Errors are go-redis's own, or a refusal.
func (r *Reader) connected(ctx context.Context) (*line, error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	switch {
	case r.life.Err() != nil:
		return nil, redis.ErrClosed
	case r.moved != nil:
		return nil, r.moved
	case r.line != nil:
		return r.line, nil
	}
	if r.client.kind.Load() != lone {
		r.client.watch()
	}
	n, err := r.client.node(r.place.addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	l, err := r.client.openLine(ctx, n)
	if err == nil {
		r.line = l
	}
	return l, err
}

// lose forgets a line that is over.
func (r *Reader) lose(l *line) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.line == l {
		r.line = nil
	}
	if l.link.moved.Load() {
		r.moved = fmt.Errorf("%s is not the master any more", r.place.addr)
	}
}

// begin sends a call as soon as there is a place for it. Errors are go-redis's own, or a refusal.
func (r *Reader) begin(ctx context.Context, c *call) error {
	c.under, c.done = r.under, make(chan struct{})
	select {
	case r.under <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		l, err := r.connected(ctx)
		if err != nil {
			<-r.under
			return err
		}
		if l.send(c) {
			return nil
		}
		r.lose(l)
	}
}

// await waits until a call was answered. Where the connection broke it is sent once more: it only reads, and a
// connection that was idle for long may have been closed by the server. After an error the call is not the
// caller's any more.
func (r *Reader) await(ctx context.Context, c *call) error {
	for {
		select {
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var slow noAnswer
		if c.err == nil || c.again || r.life.Err() != nil || errors.As(c.err, &slow) || errors.Is(c.err, wire.ErrProtocol) {
			return c.err
		}
		c.again = true
		if err := r.begin(ctx, c); err != nil {
			return err
		}
	}
}

// do is begin and await.
func (r *Reader) do(ctx context.Context, c *call) error {
	if err := r.begin(ctx, c); err != nil {
		return err
	}
	return r.await(ctx, c)
}

// timed is a context that ends at its deadline even if it had no way to tell.
func timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, d)
	}
	return ctx, func() {}
}

// failure is an error in the words of lockcore.Transport.
func (r *Reader) failure(err error) error {
	if code(err) != "" {
		return &lockcore.ReplyError{Message: err.Error()}
	}
	return r.client.failure(false, err)
}

// ScanPage gives a page of the keys that match a pattern, and the cursor of the next page; "0" is the
// beginning and, as an answer, the end. count is how many keys the server looks at.
func (r *Reader) ScanPage(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	ctx, cancel := timed(ctx)
	defer cancel()
	p := &page{}
	c := &call{out: wire.AppendCommand(nil, "SCAN", cursor, "MATCH", match, "COUNT", strconv.Itoa(count)), commands: 1, read: p.read}
	if err := r.do(ctx, c); err != nil {
		return "", nil, r.failure(err)
	}
	if p.refused != nil {
		return "", nil, r.failure(p.refused)
	}
	return p.next, p.keys, nil
}

// page is the answer to a SCAN.
type page struct {
	next    string
	keys    []string
	refused error
}

func (p *page) read(in *wire.Reader) error {
	list, err := in.Next()
	switch {
	case err != nil:
		return err
	case list.Kind == '-':
		p.refused = refusal(list.Text)
		return nil
	case list.Kind != '*' || list.N != 2:
		return strange("SCAN", list)
	}
	cursor, err := in.Next()
	if err != nil {
		return err
	}
	if cursor.Kind != '$' || len(cursor.Text) == 0 {
		return strange("SCAN", cursor)
	}
	p.next = string(cursor.Text)
	if list, err = in.Next(); err != nil {
		return err
	}
	if list.Kind != '*' {
		return strange("SCAN", list)
	}
	p.keys = make([]string, 0, min(max(list.N, 0), 4096))
	for range list.N {
		name, err := in.Next()
		if err != nil {
			return err
		}
		if name.Kind != '$' {
			return strange("SCAN", name)
		}
		if name.Text != nil { // one above MaxBulk nobody would want to see
			p.keys = append(p.keys, string(name.Text))
		}
	}
	return nil
}

// strange is an answer that no server gives to a command.
func strange(command string, t wire.Token) error {
	return fmt.Errorf("%w: %s was answered with %q, %d, %.40q", wire.ErrProtocol, command, t.Kind, t.N, t.Text)
}
