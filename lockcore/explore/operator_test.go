package explore

// The operator: looks at the lock, orders its end by force, takes it over, or undoes a forced release. The message may
// be on its way for long, so that an order is often about a hold that is over.

// operatorBegins emits the orders that the operator can give now.
func (x *explorer) operatorBegins(s *state, i uint8, emit func(*state, step, string)) {
	a := &s.actor[i]
	if a.fence != 0 { // what was seized is a hold like any other
		x.holderBegins(s, i, operatorName, emit)
	}
	if a.forced != 0 && s.undos < x.undos { // Client.Undo
		to := *s
		to.undos++
		op := request(30 - s.undos)
		x.begin(&to, i, undoing, op, undoMessage(i, a.forced, op, s.now), emit)
	}
	if s.orders >= x.forces+x.seizures || a.fence != 0 {
		return
	}
	// Client.Inspect, and Lock.Expectation.
	seen := x.server.states[x.worlds[s.world].server]
	if seen.owner == "" || seen.owner == operatorName {
		return
	}
	f, deadline := seen.seen(), int64(0)
	if f == 0 {
		deadline = seen.deadline
	}
	if x.blind {
		f, deadline = 0, 0
	}
	op := request(20 + s.orders)
	to := *s
	to.orders++
	if s.orders < x.forces { // Client.ForceRelease
		x.begin(&to, i, forcing, op, forceMessage(i, seen.owner, f, deadline, op, s.now), emit)
	}
	if x.seizures > 0 { // Client.Seize
		x.begin(&to, i, seizing, op, seizeMessage(i, seen.owner, f, deadline, op, operatorName, x.ttlMs(x.ttl), s.now), emit)
	}
}

// readsOrder is what the operator learns.
func (x *explorer) readsOrder(s *state, a *actor, c *call, r *reply) bool {
	switch {
	case c.kind == forcing && r.verdict == yes:
		a.forced = c.req
	case c.kind == seizing && r.verdict == yes && s.now-c.sent < r.ticks(): // Client.judge
		a.fence, a.until, a.req, a.extends = r.fence, c.sent+r.ticks(), c.req, 0
	}
	*c = call{}
	return true
}
