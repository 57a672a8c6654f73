package locktest

// Requests that arrive late, or a second time, on a connection of their own.

import (
	"bufio"
	"net"
)

// lateRequest is a request that waits for its time.
type lateRequest struct {
	wire     wire
	greeting [][]byte
	request  []byte
	due      int // how many exchanges must have been answered
}

// deliverDue sends on their way the requests whose time has come, or all. p.mu is held.
func (p *Proxy) deliverDue(all bool) {
	if p.closed {
		return
	}
	if all {
		for c := range p.links {
			p.late = append(p.late, c.held...)
			c.held = nil
		}
	}
	var wait []*lateRequest
	for _, d := range p.late {
		if !all && d.due > p.answered {
			wait = append(wait, d)
			continue
		}
		p.delivering++
		p.wg.Add(1)
		go p.deliver(d)
	}
	p.late = wait
}

// deliver sends a request and reads what comes back, which nobody gets. A server that is gone
// gets no request, as from any network.
func (p *Proxy) deliver(d *lateRequest) {
	defer func() {
		p.mu.Lock()
		p.delivering--
		p.mu.Unlock()
		p.wg.Done()
	}()
	c, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer c.Close()
	p.mu.Lock()
	if p.closed {
		c.Close()
	}
	p.sides[c] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.sides, c)
		p.mu.Unlock()
	}()
	from := bufio.NewReader(c)
	for _, request := range append(d.greeting[:len(d.greeting):len(d.greeting)], d.request) {
		if _, err := c.Write(request); err != nil {
			return
		}
		if _, _, err := d.wire.reply(from); err != nil {
			return
		}
	}
}
