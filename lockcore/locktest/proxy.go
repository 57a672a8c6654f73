package locktest

// A proxy between a client and its server that loses, cuts, delays, holds back, doubles and
// reorders what passes through it: at any byte, by dice or exactly as told.
//
// It knows where a request and a reply begin and end, in RESP and in HTTP, and which reply
// belongs to which request. What it does not understand (TLS) it passes on as it is.

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy forwards connections to a server, and makes go wrong what it is told to.
type Proxy struct {
	Addr string // 127.0.0.1:port

	t      testing.TB
	target string
	l      net.Listener
	wg     sync.WaitGroup // every goroutine

	mu       sync.Mutex
	links    map[*link]bool
	accepted int
	closed   bool

	lose string // requests with this text are forwarded and their replies lost
	cut  bool   // and the connection is cut as the reply comes
	lost int

	plan     Plan
	commands []string // that the plan is for
	injected map[Kind]int
	unasked  *listening // what is to happen to a message; nil: nothing

	answered      int               // exchanges that the plan was asked about and the server has answered
	request, repl int               // sizes of the first of them since the plan was given
	late          []*lateRequest    // waiting for their time
	delivering    int               // on their way
	sides         map[net.Conn]bool // the connections that they go by
	turn          chan struct{}     // closed when the next exchange is answered
	turnOf        *link             // whose answer that was
}

// StartProxy forwards to a server's address until the test ends. Nothing is dialled before a client
// comes, so the proxy can be there before its server is.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("locktest: listen: %v", err)
	}
	p := &Proxy{Addr: l.Addr().String(), t: t, target: target, l: l,
		links: map[*link]bool{}, injected: map[Kind]int{}, sides: map[net.Conn]bool{}, turn: make(chan struct{})}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.closed = true
		p.late = nil
		for c := range p.links {
			c.client.Close()
			c.server.Close()
		}
		for c := range p.sides {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

// URL is the proxy's address as locktop takes it.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// Port is the port of the proxy, for a server that has to announce it.
func (p *Proxy) Port() string { return p.Addr[strings.LastIndexByte(p.Addr, ':')+1:] }

// LoseRepliesTo forwards every request that has this text in it and loses what comes back,
// on that connection for good. With cut the connection ends then; else it hangs. An empty
// text loses nothing any more.
func (p *Proxy) LoseRepliesTo(text string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.cut = strings.ToLower(text), cut
}

// Lost is how many replies were lost to LoseRepliesTo.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Inject lets a plan decide what goes wrong from now on, with requests of these commands: EVAL and EVALSHA
// if none are named, any if "*" is. Everything else, so the greetings of a new connection, passes unharmed.
// A plan of nil lets everything pass.
func (p *Proxy) Inject(plan Plan, commands ...string) {
	if len(commands) == 0 {
		commands = []string{"EVAL", "EVALSHA"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.commands = plan, commands
	p.request, p.repl = 0, 0
}

// Injected is how often each kind of fault has happened.
func (p *Proxy) Injected() map[Kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.injected)
}

// Sizes are the bytes of the first request that the present plan was asked about and the server answered, and of the answer.
func (p *Proxy) Sizes() (request, reply int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.request, p.repl
}

// CutAll ends all connections of clients. What was forwarded before still arrives, and what the proxy has read
// and keeps for a moment, too.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.links {
		c.ending = true
		c.client.Close()
	}
}

// Settle delivers the late requests now and waits until nothing is on its way any more: every request that
// was forwarded has been executed, or never will be. What a client wrote and the proxy has not read yet is
// not seen: end the clients' calls before, or call CutAll.
func (p *Proxy) Settle() {
	p.t.Helper()
	for limit := time.Now().Add(startLimit); ; {
		p.mu.Lock()
		p.deliverDue(true)
		busy := p.delivering > 0
		for c := range p.links {
			busy = busy || c.onWay > 0 || c.ending
		}
		p.mu.Unlock()
		if !busy {
			return
		}
		if time.Now().After(limit) {
			p.t.Fatalf("locktest: the proxy did not come to rest within %s", startLimit)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		if p.closed {
			client.Close()
			server.Close()
		}
		c := &link{p: p, number: p.accepted, client: client, server: server.(*net.TCPConn), spoken: make(chan struct{}), over: make(chan struct{})}
		p.accepted++
		p.links[c] = true
		p.wg.Add(2)
		p.mu.Unlock()
		go c.requests()
		go c.replies()
	}
}

// choose asks the plan, and LoseRepliesTo, what is to happen to a request.
func (p *Proxy) choose(c *link, x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose != "" && strings.Contains(strings.ToLower(string(x.request)), p.lose) {
		c.losing = true
	}
	if p.plan == nil || !slices.Contains(p.commands, x.command) && !slices.Contains(p.commands, "*") {
		return
	}
	x.planned = true
	x.fault = p.plan.Fault(Exchange{Conn: c.number, Number: c.asked, Command: x.command, Request: x.request})
	c.asked++
	if x.fault.Kind != None {
		p.injected[x.fault.Kind]++
	}
}

// done notes that the server has answered an exchange, which others may be waiting for.
func (p *Proxy) done(c *link, x *exchange, reply int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.onWay--
	if !x.planned {
		return
	}
	p.answered++
	if p.request == 0 {
		p.request, p.repl = len(x.request), reply
	}
	p.turnOf = c
	close(p.turn)
	p.turn = make(chan struct{})
	p.deliverDue(false)
}

// understands fails the test over bytes that are neither RESP nor HTTP: no fault can be told from them.
func (p *Proxy) understands(err error) {
	if errors.Is(err, errNotRESP) || errors.Is(err, errNotHTTP) || errors.Is(err, errTooLong) {
		p.t.Errorf("%v: between a client and %s", err, p.target)
	}
}
