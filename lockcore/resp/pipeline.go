package resp

// A line: a bare connection on which several calls are under way at once. Their replies come in the order in
// which they were sent, and one goroutine hands them out.

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore/resp/wire"
)

// callsAtOnce is how many calls of one Reader are under way. Enough that neither side waits for the other; but a server
// takes what has arrived on one connection in one go, and everybody else waits meanwhile.
const callsAtOnce = 4

// call is some commands and who reads their replies.
type call struct {
	out      []byte
	commands int
	// read takes the replies. Its errors are those of the connection: what the server refuses it keeps to itself.
	read func(*wire.Reader) error

	under chan struct{} // has a place taken until the answer has come
	sent  time.Time
	took  time.Duration
	err   error
	done  chan struct{}
	again bool // it was sent once before
}

// line is such a connection.
type line struct {
	link  *bare
	calls chan *call
	mu    sync.Mutex // makes sending one step, so that calls are queued as they are sent
	over  bool       // nothing is sent any more
}

// openLine dials. Errors are go-redis's own, or a refusal.
func (c *Client) openLine(ctx context.Context, n *node) (*line, error) {
	link, err := c.dialBare(ctx, n)
	if err != nil {
		return nil, err
	}
	if !c.enter() {
		link.cut()
		return nil, redis.ErrClosed
	}
	l := &line{link: link, calls: make(chan *call, callsAtOnce)}
	go l.answer()
	return l, nil
}

// send sends a call, of which no more than callsAtOnce may be under way. It is false where the line is over.
func (l *line) send(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	c.sent = time.Now()
	l.calls <- c
	if err := l.link.send(c.out, c.commands); err != nil {
		l.link.cut() // who answers finds out
	}
	return true
}

// answer hands replies to calls until the connection fails or is closed.
func (l *line) answer() {
	defer l.link.owner.wait.Done()
	var err error
	for c := range l.calls {
		if err == nil {
			l.link.conn.SetReadDeadline(time.Now().Add(l.link.owner.timeout))
			if err = c.read(l.link.in); errors.Is(err, os.ErrDeadlineExceeded) {
				err = noAnswer{l.link.owner.timeout}
			}
		}
		if err != nil {
			l.link.cut()
			l.close()
		}
		c.err, c.took = err, time.Since(c.sent)
		<-c.under
		close(c.done)
	}
	l.link.cut()
}

// close ends the line when what is under way was answered, or has failed.
func (l *line) close() {
	// Who sends has the lock while it waits for nothing but the kernel, and a cut wakes it.
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		close(l.calls)
	}
}
