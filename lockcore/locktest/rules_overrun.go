package locktest

// Rules of overruns: an owner at work after its TTL ran out, proven by its own late call, once a fence.

import (
	"fmt"
	"time"

	"locktop/lockcore"
)

// ago is how long the TTL of a hold that expires is over: far more than any answer takes.
const ago = time.Minute

// expires acquires a lock and has its TTL run out a while ago.
func (c client) expires(s *Server, key, owner string) *lockcore.Hold {
	c.Helper()
	h := c.acquires(key, owner)
	if got := s.Do("PEXPIREAT", key, "1"); got != "1" {
		c.Fatalf("%s is gone before its time", key)
	}
	s.Do("HSET", ledgerOf(key), "s", withDeadline(s.Do("HGET", ledgerOf(key), "s"), time.Now().Add(-ago)))
	return h
}

func ledgerOf(key string) string { name, _ := lockcore.LedgerKey(key); return name }

// withDeadline is a state whose hold had another deadline.
func withDeadline(state string, deadline time.Time) string {
	var items [13]string
	fmt.Sscan(state, &items[0], &items[1], &items[2], &items[3], &items[4], &items[5], &items[6], &items[7], &items[8], &items[9], &items[10], &items[11], &items[12])
	items[5] = fmt.Sprintf("%013d", deadline.UnixMilli())
	text := items[0]
	for _, i := range items[1:] {
		text += " " + i
	}
	return text
}

var overrunRules = []Rule{
	{
		Name: "a release or extend that was sent after the deadline proves an overrun, once a fence, and says how late it was",
		Check: func(t T, s *Server) {
			for i, prove := range []func(client, lockcore.Fence) *lockcore.NotHeldError{
				func(c client, f lockcore.Fence) *lockcore.NotHeldError { return c.cannotRelease("lock:a", "slow", f) },
				func(c client, f lockcore.Fence) *lockcore.NotHeldError { return c.cannotExtend("lock:a", "slow", f) },
				func(_ client, f lockcore.Fence) *lockcore.NotHeldError { // a client that does not know the server's clock yet
					return on(t, s.Transport).cannotRelease("lock:a", "slow", f)
				},
			} {
				c := on(t, s.Transport)
				h := c.expires(s, "lock:a", "slow")
				for range 3 {
					not := prove(c, h.Fence)
					if not.Past == nil || not.Past.How != lockcore.HowExpired || not.Past.Overran < ago/2 || not.Past.Overran > ttl || not.Past.Overlap {
						t.Errorf("the late owner is told %+v", not.Past)
					}
				}
				if l := c.sees("lock:a").Ledger; l.Overruns != int64(i+1) || l.Overlaps != 0 || l.Holds[0].Overran < ago/2 {
					t.Errorf("recorded are %d overruns and %d overlaps, the last hold as %+v", l.Overruns, l.Overlaps, l.Holds[0])
				}
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "past.flags ~= '' or sent == ''", Put: "sent == ''"},
			{Script: "extend", Take: "past.flags ~= '' or sent == ''", Put: "sent == ''"},
			{Script: "release", Take: "    note_overrun(holds, past, sent)\n", Put: ""},
		},
	},
	{
		Name: "a successor that got in meanwhile makes it an overlap, whether it is recorded or not",
		Check: func(t T, s *Server) {
			for i, getIn := range []func(client){
				func(c client) { c.acquires("lock:a", "next") },
				func(c client) { c.releases("lock:a", "next", c.acquires("lock:a", "next").Fence) },
				func(client) { s.Do("SET", "lock:a", "foreigner", "PX", "600000") },
			} {
				wire := &copier{Transport: s.Transport}
				c := on(t, wire)
				s.Do("DEL", "lock:a")
				h := c.expires(s, "lock:a", "slow")
				getIn(c)
				holder := s.holder("lock:a")
				late := wire.sample("release", "lock:a", "slow", h.Fence.String(), "", fmt.Sprint(time.Now().Add(ago).UnixMilli()))
				wire.deliver(c.ctx, late)
				if not := c.cannotRelease("lock:a", "slow", h.Fence); not.Past == nil || not.Past.Overran < ago/2 || !not.Past.Overlap {
					t.Errorf("the late owner is told %+v", not.Past)
				}
				if l := c.sees("lock:a").Ledger; l.Overruns != int64(i+1) || l.Overlaps != int64(i+1) {
					t.Errorf("recorded are %d overruns and %d overlaps, should be %d of each", l.Overruns, l.Overlaps, i+1)
				}
				if got := s.holder("lock:a"); got != holder {
					t.Errorf("the late release took the lock from %q, it is held by %q", holder, got)
				}
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "      overlap = true\n", Put: ""},
			{Script: "release", Take: "local overlap = holder and holder ~= past.owner and not recorded", Put: "local overlap = false"},
		},
	},
	{
		Name: "a call that was sent in time and came late proves nothing",
		Check: func(t T, s *Server) {
			wire := &copier{Transport: s.Transport}
			c := on(t, wire)
			h := c.expires(s, "lock:a", "slow")
			wire.deliver(c.ctx, wire.sample("release", "lock:a", "slow", h.Fence.String(), "", fmt.Sprint(time.Now().Add(-2*ago).UnixMilli())))
			if l := c.sees("lock:a").Ledger; l.Overruns != 0 {
				t.Errorf("recorded are %d overruns", l.Overruns)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "  if late <= 0 then return end\n", Put: ""},
		},
	},
	{
		Name: "a hold that ended otherwise was not overrun",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			s.Do("HSET", ledgerOf("lock:a"), "s", withDeadline(s.Do("HGET", ledgerOf("lock:a"), "s"), time.Now().Add(-ago)))
			if not := c.cannotRelease("lock:a", "victim", h.Fence); not.Past.Overran != 0 || not.Past.How != lockcore.HowForced {
				t.Errorf("the victim is told %+v", not.Past)
			}
			if l := c.sees("lock:a").Ledger; l.Overruns != 0 {
				t.Errorf("recorded are %d overruns", l.Overruns)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "if past.how ~= 'expired' or", Put: "if"},
		},
	},
}
