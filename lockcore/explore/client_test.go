package explore

// The client: what lockcore's Client does, as a state machine. Each part names the function that it follows. What is
// left out: waiting for a lock (waiting.run), which is one more acquire with a request of its own; tries that
// certainly were not sent, which change nothing; redirections.

import "strconv"

// patience is acquiring.patience.
func (x *explorer) patience() int8 { return max(min(x.ttl, x.timeout), 1) }

// notAfter is serverClock.notAfter of now plus patience.
func (x *explorer) notAfter(s *state, i uint8) int64 {
	a := &s.actor[i]
	at := s.now + x.patience()
	if a.known == 0 {
		return msAt(at + x.wall[i])
	}
	return msAt(at+a.last) + 1
}

// atLeast is serverClock.atLeast.
func (a *actor) atLeast(local int8) string {
	if a.known == 0 {
		return ""
	}
	return strconv.FormatInt(msAt(local+a.earliest)-1, 10)
}

// learn is serverClock.learn.
func (a *actor) learn(r *reply, sent, answered int8) {
	if r.verdict != failed {
		a.known, a.earliest, a.last = 1, r.now-answered, r.now-sent
	}
}

// begin sends the first try of a call.
func (x *explorer) begin(s *state, i uint8, kind kind, req request, m message, emit func(*state, step, string)) {
	n := x.message(m)
	to := *s
	to.actor[i].call = call{kind: kind, req: req, message: n, flags: travels, tries: 1, first: s.now, begun: s.now, sent: s.now}
	emit(&to, step{what: sends, actor: i, message: n}, "")
}

// clientBegins emits the calls that a client can make now.
func (x *explorer) clientBegins(s *state, i uint8, emit func(*state, step, string)) {
	a := &s.actor[i]
	if a.fence == 0 || s.now >= a.until {
		// Client.Acquire. Whose TTL ran out may also go on without releasing.
		if a.sessions < x.sessions {
			to := *s
			b := &to.actor[i]
			b.fence, b.until, b.req, b.extends = 0, 0, 0, 0
			b.sessions++
			req := request(1 + int(i)*int(x.sessions) + int(a.sessions))
			if x.unnamed {
				req = 0
			}
			x.begin(&to, i, acquiring, req, acquireMessage(i, x.owners[i], x.ttlMs(x.ttl), req, x.notAfter(s, i), s.now), emit)
		}
	}
	if a.fence != 0 {
		x.holderBegins(s, i, x.owners[i], emit)
	}
}

// holderBegins emits what the owner of a hold can do. It may be late: nothing keeps one from that.
func (x *explorer) holderBegins(s *state, i uint8, owner string, emit func(*state, step, string)) {
	a := &s.actor[i]
	named := a.fence
	if x.byOwner {
		named = 0
	}
	if a.extends < x.extends { // Client.Extend, also as Lease.extend
		to := *s
		to.actor[i].extends++
		x.begin(&to, i, extending, a.req, extendMessage(i, owner, x.ttlMs(x.longer), named, a.atLeast(s.now), s.now), emit)
	}
	// Client.Release, also as Lease.Close: from here on it believes in nothing.
	to := *s
	b := &to.actor[i]
	b.fence, b.until, b.req, b.extends = 0, 0, 0, 0
	x.begin(&to, i, releasing, a.req, releaseMessage(i, owner, named, 0, a.atLeast(s.now), s.now), emit)
}

// repeatable is step.repeatable.
func (x *explorer) repeatable(c *call) bool {
	switch c.kind {
	case acquiring:
		return !x.unnamed
	case extending, releasing:
		return !x.byOwner || c.flags&proving != 0
	}
	return true
}

// stops ends a call without an answer. It gives false where the bounds have no room for what follows.
func (x *explorer) stops(s *state, i uint8, c *call) bool {
	req, kind := c.req, c.kind
	*c = call{}
	if kind == acquiring && !x.unnamed {
		return x.givesUp(s, i, req)
	}
	return true
}

// givesUp is acquiring.giveUp. One at a time is followed; the call that would begin another waits.
func (x *explorer) givesUp(s *state, i uint8, req request) bool {
	a := &s.actor[i]
	if x.keepsDoubt {
		s.over |= req.bit()
		return true
	}
	if a.cleaning.kind != idle {
		return false
	}
	m := x.message(releaseMessage(i, x.owners[i], 0, req, a.atLeast(s.now), s.now))
	a.cleaning = call{kind: givingUp, req: req, message: m, flags: travels, tries: 1, first: s.now, begun: s.now, sent: s.now}
	return true
}

// reads has an actor read the answer to a call.
func (x *explorer) reads(s *state, i uint8, c *call) bool {
	a := &s.actor[i]
	r := &x.server.replies[c.reply]
	a.learn(r, c.sent, s.now) // Client.run
	switch c.kind {
	case acquiring:
		return x.readsAcquire(s, i, c, r)
	case extending:
		x.readsExtend(s, a, c, r)
		return true
	case releasing, givingUp:
		return x.readsRelease(s, i, c, r)
	}
	return x.readsOrder(s, a, c, r)
}

// readsAcquire is acquiring.send and acquiring.try.
func (x *explorer) readsAcquire(s *state, i uint8, c *call, r *reply) bool {
	a := &s.actor[i]
	was := *c
	switch {
	case r.verdict == yes && s.now-c.sent < r.ticks(): // Client.judge
		from := c.sent
		if x.lateStart {
			from = s.now
		}
		a.fence, a.until, a.req = r.fence, from+r.ticks(), c.req
		*c = call{}
		return true
	case r.verdict == no && r.why == "late" && c.flags&corrected == 0 && s.now-c.first < x.patience():
		n := x.message(acquireMessage(i, x.owners[i], x.ttlMs(x.ttl), c.req, x.notAfter(s, i), s.now))
		c.message, c.reply, c.tries, c.begun, c.sent = n, 0, 1, s.now, s.now
		c.flags |= corrected | travels
		x.corrects = true
		return true
	}
	x.outlives = x.outlives || r.verdict == yes
	// An error. With a doubt, or an answer that came late, a copy may hold the lock or take it.
	*c = call{}
	if x.unnamed {
		return true
	}
	if was.flags&doubt != 0 || r.verdict == yes || r.why == "late" {
		return x.givesUp(s, i, was.req)
	}
	if x.strict || was.flags&doubled == 0 {
		s.over |= was.req.bit()
	}
	return true
}

// readsExtend is Client.Extend, and what Lease.renew makes of its answer.
func (x *explorer) readsExtend(s *state, a *actor, c *call, r *reply) {
	switch {
	case r.verdict == yes && s.now-c.sent < r.ticks(): // Client.judge
		a.until = c.sent + r.ticks()
		if x.lateStart {
			a.until = s.now + r.ticks()
		}
	case r.verdict == no:
		s.over |= a.req.bit()
		a.fence, a.until, a.req, a.extends = 0, 0, 0, 0
	}
	*c = call{}
}

// readsRelease is Client.Release with Client.late.
func (x *explorer) readsRelease(s *state, i uint8, c *call, r *reply) bool {
	a := &s.actor[i]
	m := x.messages[c.message]
	if clock := a.atLeast(c.first); r.verdict == no && x.clockless(m) && c.flags&proving == 0 &&
		r.how == expired.String() && !r.overran && number(clock) > r.deadline {
		// It did not know the server's clock and does now.
		n := x.message(releaseMessage(i, m.owner, m.fence, m.req, clock, m.sent))
		c.message, c.reply, c.tries, c.begun, c.sent = n, 0, 1, s.now, s.now
		c.flags |= proving | travels
		x.proves = true
		return true
	}
	if r.verdict != failed {
		s.over |= c.req.bit()
	}
	*c = call{}
	return true
}

// clockless tells whether a release names no time at which it was sent.
func (x *explorer) clockless(m message) bool {
	return m.args == releaseMessage(m.from, m.owner, m.fence, m.req, "", m.sent).args
}
