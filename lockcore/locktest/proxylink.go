package locktest

// One forwarded connection: requests one way, replies the other, each matched to its request.

import (
	"bufio"
	"io"
	"net"
	"time"
)

// reorderLimit is how long a request waits for one of another connection to overtake it. There may be none.
const reorderLimit = 20 * time.Millisecond

// exchange is one request on its way, and what is to happen to it.
type exchange struct {
	request []byte
	command string
	planned bool // the plan was asked about it
	fault   WireFault
}

type link struct {
	p      *Proxy
	number int
	client net.Conn
	server *net.TCPConn
	wire   wire          // set before spoken is closed
	spoken chan struct{} // closed when the client has said its first words
	over   chan struct{} // closed when the client's side has ended

	greeting [][]byte // requests that make a connection this user's and this database's; of requests() only

	// Guarded by p.mu.
	held   []*lateRequest // wait until the client has given up
	queue  []*exchange    // forwarded and not answered
	onWay  int            // how many those are, with the one whose answer is being passed on
	asked  int            // requests that the plan was asked about
	losing bool           // replies are thrown away
	silent bool           // nothing is passed on any more, either way
	free   bool           // replies come without requests: a subscription
	ending bool           // the client has gone, the server has not yet
}

// requests reads from the client until it ends.
func (c *link) requests() {
	defer c.p.wg.Done()
	in := bufio.NewReaderSize(c.client, 1<<16)
	c.wire = wireOf(in)
	close(c.spoken)
	if c.wire == nil {
		io.Copy(c.server, in)
	} else {
		for {
			request, command, err := c.wire.request(in)
			c.p.understands(err)
			if err != nil || !c.forward(&exchange{request: request, command: command}) {
				break
			}
		}
	}
	c.client.Close()
	close(c.over)
	c.p.mu.Lock()
	c.p.late = append(c.p.late, c.held...)
	c.held = nil
	c.p.deliverDue(false)
	c.ending = c.p.links[c]
	c.p.mu.Unlock()
	// The server executes what it got before it sees the end; a hard close could make it lose some.
	c.server.CloseWrite()
}

// forward passes a request on, or does what is to go wrong with it. It gives false where the connection is to end.
func (c *link) forward(x *exchange) bool {
	c.p.choose(c, x)
	c.p.mu.Lock()
	silent := c.silent
	c.p.mu.Unlock()
	if silent {
		return true
	}
	switch x.command {
	case "HELLO", "AUTH", "SELECT":
		c.greeting = append(c.greeting, x.request)
	}
	switch f := x.fault; f.Kind {
	case CutRequest:
		c.send(x, f.at(len(x.request)))
		return false
	case HangRequest:
		c.hush()
		return c.send(x, f.at(len(x.request)))
	case LateRequest:
		c.hush()
		c.p.mu.Lock()
		c.held = append(c.held, c.laterOn(x))
		c.p.mu.Unlock()
		return true
	case DoubleRequest:
		// The proxy is not at rest until the copy is noted, though its original may be answered before.
		c.p.mu.Lock()
		c.p.delivering++
		c.p.mu.Unlock()
		sent := c.send(x, len(x.request))
		c.p.mu.Lock()
		c.p.delivering--
		if sent {
			c.p.late = append(c.p.late, c.laterOn(x))
			c.p.deliverDue(false)
		}
		c.p.mu.Unlock()
		return sent
	case Reorder:
		c.letPass()
	}
	return c.send(x, len(x.request))
}

// send writes the first n bytes of a request; all of it makes it one that will be answered.
func (c *link) send(x *exchange, n int) bool {
	if n == len(x.request) {
		c.p.mu.Lock()
		if subscribes(x.command) {
			c.free = true
		}
		if !c.free {
			c.queue = append(c.queue, x)
			c.onWay++
		}
		c.p.mu.Unlock()
	}
	_, err := c.server.Write(x.request[:n])
	return err == nil
}

// laterOn is a request for a later time. p.mu is held.
func (c *link) laterOn(x *exchange) *lateRequest {
	return &lateRequest{wire: c.wire, greeting: c.greeting, request: x.request, due: c.p.answered + x.fault.After}
}

func (c *link) hush() {
	c.p.mu.Lock()
	c.silent = true
	c.p.mu.Unlock()
}

// letPass waits until an exchange of another connection has been answered, or none comes.
func (c *link) letPass() {
	limit := time.After(reorderLimit)
	for {
		c.p.mu.Lock()
		turn := c.p.turn
		c.p.mu.Unlock()
		select {
		case <-turn:
			c.p.mu.Lock()
			other := c.p.turnOf != c
			c.p.mu.Unlock()
			if other {
				return
			}
		case <-limit:
			return
		}
	}
}

// replies reads from the server until it ends.
func (c *link) replies() {
	defer c.p.wg.Done()
	<-c.spoken // no server that we know speaks first
	if c.wire == nil {
		io.Copy(c.client, c.server)
	} else {
		from := bufio.NewReader(c.server)
		passing := true
		for {
			reply, pushed, err := c.wire.reply(from)
			c.p.understands(err)
			if err != nil {
				break
			}
			// What comes when nobody listens any more is read to its end all the same: so it is known to be executed.
			passing = c.answer(reply, pushed, passing) && passing
		}
	}
	c.client.Close()
	c.server.Close()
	c.p.mu.Lock()
	delete(c.p.links, c)
	c.p.mu.Unlock()
}

// answer passes a reply on, or does what is to go wrong with it. It gives false where the connection is to end.
func (c *link) answer(reply []byte, pushed, passing bool) bool {
	c.p.mu.Lock()
	x := &exchange{}
	if !pushed && len(c.queue) > 0 {
		x = c.queue[0]
		c.queue = c.queue[1:]
		defer c.p.done(c, x, len(reply))
	} else {
		x.fault = c.unaskedFault(reply)
	}
	losing, cut, silent := c.losing, c.p.cut, c.silent
	if losing {
		c.p.lost++
	}
	n, goesOn := len(reply), true
	switch x.fault.Kind {
	case CutRequest: // all of it arrived, and the connection is about to end
		n, goesOn = 0, false
	case CutReply:
		n, goesOn = x.fault.at(n), false
	case HangReply:
		n, c.silent = x.fault.at(n), true
	}
	c.p.mu.Unlock()
	switch {
	case losing && cut:
		c.client.Close()
		return false
	case losing, silent, !passing:
		return passing
	}
	if x.fault.Kind == DelayReply {
		select {
		case <-time.After(x.fault.Delay):
		case <-c.over:
		}
	}
	if _, err := c.client.Write(reply[:n]); err != nil || !goesOn {
		c.client.Close()
		return false
	}
	return true
}

// subscribes tells whether replies come without requests after this command.
func subscribes(command string) bool {
	switch command {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC":
		return true
	}
	return false
}
