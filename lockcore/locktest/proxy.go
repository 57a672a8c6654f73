package locktest

// A proxy between a client and its server that loses what passes through it.

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy forwards connections to a server, and can be told to lose replies or to cut.
type Proxy struct {
	Addr string // 127.0.0.1:port

	target string
	l      net.Listener
	wg     sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
	lose   string // requests with this text are forwarded and their replies lost
	cut    bool   // and the connection is cut as the reply comes
	closed bool
	lost   int
}

// StartProxy forwards to a server's address until the test ends.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("locktest: listen: %v", err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, l: l, conns: map[net.Conn]bool{}}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		l.Close()
		p.CutAll()
		p.wg.Wait()
	})
	return p
}

// URL is the proxy's address as locktop takes it.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// LoseRepliesTo forwards every request that has this text in it and loses what comes back,
// on that connection for good. With cut the connection ends then; else it hangs. An empty
// text loses nothing any more.
func (p *Proxy) LoseRepliesTo(text string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.cut = strings.ToLower(text), cut
}

// Lost is how many replies were lost.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// CutAll ends all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
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
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		pair := &pair{p: p, client: client, server: server}
		p.wg.Add(2)
		go pair.requests()
		go pair.replies()
	}
}

// pair is one forwarded connection.
type pair struct {
	p              *Proxy
	client, server net.Conn
	losing         bool // guarded by p.mu
}

func (c *pair) requests() {
	defer c.end()
	buf := make([]byte, 1<<16)
	for {
		n, err := c.client.Read(buf)
		if n > 0 {
			c.p.mu.Lock()
			if c.p.lose != "" && bytes.Contains(bytes.ToLower(buf[:n]), []byte(c.p.lose)) {
				c.losing = true
			}
			c.p.mu.Unlock()
			if _, err := c.server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *pair) replies() {
	defer c.end()
	buf := make([]byte, 1<<16)
	for {
		n, err := c.server.Read(buf)
		if n > 0 {
			c.p.mu.Lock()
			losing, cut := c.losing, c.p.cut
			if losing {
				c.p.lost++
			}
			c.p.mu.Unlock()
			if losing && cut {
				return
			}
			if !losing {
				if _, err := c.client.Write(buf[:n]); err != nil {
					return
				}
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *pair) end() {
	c.client.Close()
	c.server.Close()
	c.p.mu.Lock()
	delete(c.p.conns, c.client)
	delete(c.p.conns, c.server)
	c.p.mu.Unlock()
	c.p.wg.Done()
}
