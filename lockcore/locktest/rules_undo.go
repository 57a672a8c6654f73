package locktest

// Rules of undoing a forced release: the old hold as it was, as long as nothing came after.

import (
	"errors"
	"fmt"
	"time"

	"locktop/lockcore"
)

func (c client) cannotUndo(forced, why string) {
	c.Helper()
	_, err := c.Undo(c.ctx, lockcore.Undo{Key: "lock:a", Forced: forced})
	var changed *lockcore.ChangedError
	if !errors.As(err, &changed) || !errors.Is(err, lockcore.ErrChanged) || changed.Why != why {
		c.Errorf("the undo should be refused with %q, and the answer is: %v", why, err)
	}
}

var undoRules = []Rule{
	{
		Name: "an undo gives the lock back with its old fence and deadline, and can be repeated",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			for _, owner := range []string{"victim", "of two words \x00"} {
				h := c.acquires("lock:a", owner)
				ends := s.Do("PEXPIRETIME", "lock:a")
				c.forces("lock:a", c.sees("lock:a").Expectation(), "force "+owner[:2])
				for _, before := range []bool{false, true} {
					u, err := c.Undo(c.ctx, lockcore.Undo{Key: "lock:a", Forced: "force " + owner[:2], Operation: "undo"})
					if err != nil || u.Owner != owner || u.Fence != h.Fence || u.TTL <= 0 || u.TTL > ttl || u.Before != before {
						t.Fatalf("the undo is answered %+v, %v", u, err)
					}
				}
				if got := s.Do("PEXPIRETIME", "lock:a"); got != ends {
					t.Errorf("the deadline was %s and is %s", ends, got)
				}
				if l := c.sees("lock:a"); l.Owner != owner || l.Fence != h.Fence {
					t.Errorf("the lock is %+v", l)
				}
				c.extends("lock:a", owner, 2*ttl, h.Fence)
				c.releases("lock:a", owner, h.Fence)
			}
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "'NX', 'PXAT', digits(tonumber(last.deadline)))", Put: "'NX', 'PX', '60000')"},
			{Script: "undo", Take: "sub(s, 1, 78) .. LASTS .. last.request .. ' ' .. last.owner", Put: "s"},
			{Script: "undo", Take: "== ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. last.fence and recorded", Put: "== '' and recorded"},
		},
	},
	{
		Name: "an undo is refused once the old owner was told, by whatever call of its own",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			for i, tell := range []func(f lockcore.Fence){
				func(f lockcore.Fence) { c.cannotExtend("lock:a", "victim", f) },
				func(lockcore.Fence) { c.cannotRelease("lock:a", "victim", 0) },
			} {
				op := fmt.Sprint("op", i)
				h := c.acquires("lock:a", "victim")
				c.forces("lock:a", c.sees("lock:a").Expectation(), op)
				tell(h.Fence)
				c.cannotUndo(op, "told")
				if got := s.Do("EXISTS", "lock:a"); got != "0" {
					t.Errorf("the refused undo gave the lock to %q", s.holder("lock:a"))
				}
			}
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "if last.how ~= 'forced' then return refuse('unknown') end\nif last.flags == 't' then return refuse('told') end\n", Put: ""},
			{Script: "extend", Take: "past.flags = 't'", Put: "past.flags = ''"},
			{Script: "release", Take: "past.flags = 't'", Put: "past.flags = ''"},
		},
	},
	{
		Name: "an undo is refused where a fence was issued since, also if that hold is over",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "op")
			c.cannotUndo("another", "unknown")
			next := c.acquires("lock:a", "next")
			c.cannotUndo("op", "unknown")
			if got := s.holder("lock:a"); got != "next" {
				t.Errorf("the lock is held by %q", got)
			}
			c.releases("lock:a", "next", next.Fence)
			c.cannotUndo("op", "unknown")
			c.acquires("lock:a", "victim")
			c.seizes("lock:a", c.sees("lock:a").Expectation(), "seizure")
			c.cannotUndo("seizure", "unknown") // a seizure issues a fence by itself
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "if last.op ~= ARGV[1] then return refuse('unknown') end\n", Put: ""},
		},
	},
	{
		Name: "an undo is refused where somebody has the lock, and stays refused when it is free again",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "op")
			s.Do("SET", "lock:a", "foreigner", "PX", "60000")
			c.cannotUndo("op", "taken")
			if got := s.holder("lock:a"); got != "foreigner" {
				t.Errorf("the lock is held by %q", got)
			}
			s.Do("DEL", "lock:a")
			c.cannotUndo("op", "told")
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the lock is held by %q", s.holder("lock:a"))
			}
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "sub(s, 1, 33), 't'", Put: "sub(s, 1, 33), ''"},
		},
	},
	{
		Name: "an undo is refused once the deadline has passed",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "op")
			s.Do("HSET", ledgerOf("lock:a"), "s", withDeadline(s.Do("HGET", ledgerOf("lock:a"), "s"), time.Now().Add(-ago)))
			c.cannotUndo("op", "passed")
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the lock is held by %q", s.holder("lock:a"))
			}
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "then return refuse('passed') end", Put: "then end"},
		},
	},
	{
		Name: "a hold without a TTL, and one that nobody recorded, are given back as they were",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			for i, set := range [][]string{{"SET", "lock:a", "me"}, {"SET", "lock:a", "me", "PX", "600000"}} {
				s.Do(set...)
				op := fmt.Sprint("op", i)
				c.forces("lock:a", c.sees("lock:a").Expectation(), op)
				u, err := c.Undo(c.ctx, lockcore.Undo{Key: "lock:a", Forced: op})
				if err != nil || u.Owner != "me" || u.Fence != 0 || (u.TTL == lockcore.NoTTL) != (i == 0) || (s.Do("PTTL", "lock:a") == "-1") != (i == 0) || s.holder("lock:a") != "me" {
					t.Errorf("the undo is answered %+v, %v; the lock is held by %q", u, err, s.holder("lock:a"))
				}
				c.releases("lock:a", "me", 0)
			}
		},
		Mutations: []Mutation{
			{Script: "undo", Take: "  given = redis.pcall('SET', lock, last.owner, 'NX')\n", Put: "  given = redis.pcall('SET', lock, last.owner, 'NX', 'PX', '1000')\n"},
		},
	},
}
