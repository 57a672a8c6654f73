package locktest

// Faults of what a server sends unasked: the messages of a subscription.

import "strings"

// listening is a fault that waits for a message.
type listening struct {
	text  string
	fault WireFault
}

// Listening has a fault happen to the next message on a connection that listens which has this text in it, case ignored;
// empty is any. It can be CutReply, HangReply or DelayReply. Confirmations and answers to pings count as messages.
func (p *Proxy) Listening(text string, f WireFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unasked = &listening{strings.ToLower(text), f}
}

// HushListeners has nothing more come through on the connections that listen, while they stay open; others go on, and new ones come.
// It tells how many those are.
func (p *Proxy) HushListeners() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for c := range p.links {
		if c.free && !c.silent {
			c.silent = true
			n++
		}
	}
	return n
}

// unaskedFault is what is to happen to a message. p.mu is held.
func (c *link) unaskedFault(message []byte) WireFault {
	l := c.p.unasked
	if !c.free || l == nil || !strings.Contains(strings.ToLower(string(message)), l.text) {
		return WireFault{}
	}
	c.p.unasked = nil
	c.p.injected[l.fault.Kind]++
	return l.fault
}
