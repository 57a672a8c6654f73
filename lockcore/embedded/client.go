package embedded

// A connection as the server knows it, and its output buffer.

import (
	"net"
	"sync"
	"time"
)

// client is one connection. All but out is guarded by the server's lock.
type client struct {
	id      int64
	conn    net.Conn
	out     *output
	db      int
	resp    int // the protocol, 2 or 3
	name    string
	since   int64 // when it connected, ms
	last    int64 // when its last request began, ms
	command string
	channel map[string]bool // subscribed channels
	pattern map[string]bool
	queue   *transaction // after MULTI
	watched []watch
	touched bool // a watched key changed
	leaving bool // closed once its replies are sent
}

func newClient(id int64, conn net.Conn, now int64) *client {
	return &client{
		id: id, conn: conn, out: newOutput(conn), resp: 2, since: now, last: now,
		channel: map[string]bool{}, pattern: map[string]bool{},
	}
}

func (c *client) subscriptions() int64 { return int64(len(c.channel) + len(c.pattern)) }

// outputLimit is how much a subscriber may leave unread: hard bytes at no time,
// soft bytes not for longer than softFor. 0 is no limit. Other clients have none,
// as in Redis: they asked for what they get.
type outputLimit struct {
	hard, soft int64
	softFor    int64 // ms
}

var defaultOutputLimit = outputLimit{hard: 32 << 20, soft: 8 << 20, softFor: 60_000}

// output is what waits to be written to a connection. Adding to it never waits;
// a goroutine of its own writes.
type output struct {
	conn  net.Conn
	ended chan struct{} // closed when nothing more will be written

	mu        sync.Mutex
	more      sync.Cond // there is something to write, or the end
	waiting   []byte
	writing   int64 // bytes handed to the connection, not known to be sent
	softSince int64 // since when the soft limit is passed, ms; 0 if it isn't
	finished  bool  // close when everything is written
	dead      bool  // closed
}

func newOutput(conn net.Conn) *output {
	o := &output{conn: conn, ended: make(chan struct{})}
	o.more.L = &o.mu
	return o
}

// add appends p. It cuts the connection and tells so by false where that passes the limit.
func (o *output) add(p []byte, limit outputLimit, now int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.finished {
		return true
	}
	o.waiting = append(o.waiting, p...)
	size := int64(len(o.waiting)) + o.writing
	if limit.soft > 0 && size > limit.soft {
		if o.softSince == 0 {
			o.softSince = now
		}
	} else {
		o.softSince = 0
	}
	if limit.hard > 0 && size > limit.hard || o.softSince > 0 && now-o.softSince > limit.softFor {
		o.end()
		return false
	}
	o.more.Signal()
	return true
}

// farewell is how long the last replies may take to a client that doesn't read them.
const farewell = 5 * time.Second

// finish closes the connection after everything added so far is written.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	o.conn.SetWriteDeadline(time.Now().Add(farewell))
	o.more.Signal()
}

// cut closes the connection at once.
func (o *output) cut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
}

func (o *output) end() {
	if !o.dead {
		o.dead = true
		o.waiting = nil
		o.conn.Close()
	}
	o.more.Signal()
}

func (o *output) pending() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return int64(len(o.waiting)) + o.writing
}

// keptBuffer is how large a buffer may be to be used again: one burst should
// not be held for ever.
const keptBuffer = 64 << 10

// run writes until the connection ends.
func (o *output) run() {
	defer close(o.ended)
	var spare []byte
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.end()
	for {
		for len(o.waiting) == 0 && !o.finished && !o.dead {
			o.more.Wait()
		}
		if o.dead || len(o.waiting) == 0 {
			return
		}
		p := o.waiting
		o.waiting, o.writing = spare[:0], int64(len(p))
		o.mu.Unlock()
		_, err := o.conn.Write(p)
		o.mu.Lock()
		o.writing = 0
		if err != nil {
			return
		}
		if spare = nil; cap(p) <= keptBuffer {
			spare = p
		}
	}
}
