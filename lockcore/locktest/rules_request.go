package locktest

// Rules of requests: each is granted once, whatever the network does to its messages.

import (
	"context"
	"errors"

	"locktop/lockcore"
)

var requestRules = []Rule{
	{
		Name: "a repeat of a live request gets the same fence and changes nothing; another request of that owner is denied",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			named := func(request string) (*lockcore.Hold, error) {
				return c.Acquire(c.ctx, "lock:a", "me", ttl, &lockcore.AcquireOptions{Request: request})
			}
			first, err := named("r 1/%")
			if err != nil || first.Request != "r 1/%" {
				t.Fatalf("the request is answered %+v, %v", first, err)
			}
			before := s.Do("PEXPIRETIME", "lock:a")
			again, err := named("r 1/%")
			if err != nil || again.Fence != first.Fence || s.Do("PEXPIRETIME", "lock:a") != before {
				t.Errorf("the repeat is answered %+v, %v; granted was %+v", again, err, first)
			}
			var held *lockcore.HeldError
			if _, err := named("r"); !errors.As(err, &held) || held.Owner != "me" || held.Fence != first.Fence {
				t.Errorf("another request of the same owner is answered %v", err)
			}
			if l := c.sees("lock:a"); l.Fence != first.Fence {
				t.Errorf("the lock is %+v", l)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "(request == '-' or request == match(s, '^%S+', 101))", Put: "false"},
			{Script: "acquire", Take: "(request == '-' or request == match(s, '^%S+', 101))", Put: "true"},
		},
	},
	{
		Name: "a late duplicate of a request whose hold is over takes no lock",
		Check: func(t T, s *Server) {
			wire := &copier{Transport: s.Transport}
			c := on(t, wire)
			for i := range 8 { // the last eight requests are remembered
				h := c.acquires("lock:a", "me")
				duplicate := wire.last(t, "acquire")
				c.releases("lock:a", "me", h.Fence)
				if i == 0 {
					defer func() {
						wire.deliver(c.ctx, duplicate)
						if got := s.Do("EXISTS", "lock:a"); got != "0" {
							t.Errorf("the duplicate of eight requests ago took the lock for nobody")
						}
					}()
				}
				wire.deliver(c.ctx, duplicate)
				if got := s.Do("EXISTS", "lock:a"); got != "0" {
					t.Fatalf("the duplicate took the lock for nobody")
				}
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "    refused = 'ended'\n", Put: ""},
			{Script: "acquire", Take: "'r', requests", Put: "'r', ' ' .. request", All: true},
			{Script: "acquire", Take: "'r', requests", Put: "'z', ''", All: true},
		},
	},
	{
		Name: "a request that arrives after its time takes no lock",
		Check: func(t T, s *Server) {
			wire := &copier{Transport: s.Transport}
			c := on(t, wire)
			h := c.acquires("lock:a", "me")
			c.releases("lock:a", "me", h.Fence)
			late := wire.last(t, "acquire")
			late.args[4], late.args[5] = "new", "0000000001000"
			wire.deliver(c.ctx, late)
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("it took the lock for nobody")
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if now > ARGV[6] then", Put: "if false then"},
		},
	},
	{
		Name: "a request that was given up takes no lock, when it arrives late, and holds none, when it had arrived",
		Check: func(t T, s *Server) {
			wire := &copier{Transport: s.Transport}
			c := on(t, wire)
			giveUp := func(request string) error {
				_, err := c.Release(c.ctx, "lock:a", "me", &lockcore.ReleaseOptions{Request: request})
				return err
			}
			if err := giveUp("r1"); !errors.Is(err, lockcore.ErrNotHeld) {
				t.Errorf("giving up what was not granted is answered %v", err)
			}
			if left := s.Do("PTTL", "locktop:{lock:a}"); left == "-1" || left == "-2" {
				t.Errorf("a ledger that giving up began has a TTL of %s", left)
			}
			if _, err := c.Acquire(c.ctx, "lock:a", "me", ttl, &lockcore.AcquireOptions{Request: "r1"}); !errors.Is(err, lockcore.ErrNotHeld) {
				t.Errorf("the request that was given up is answered %v", err)
			}
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Fatalf("it took the lock for nobody")
			}
			h, err := c.Acquire(c.ctx, "lock:a", "me", ttl, &lockcore.AcquireOptions{Request: "r2"})
			if err != nil {
				t.Fatalf("%v", err)
			}
			if err := giveUp("r3"); err == nil || s.holder("lock:a") != "me" {
				t.Fatalf("giving up another request of the same owner: %v; the lock is held by %q", err, s.holder("lock:a"))
			}
			if err := giveUp("r2"); err != nil || s.Do("EXISTS", "lock:a") != "0" {
				t.Errorf("giving up the hold with fence %s: %v; the lock is held by %q", h.Fence, err, s.holder("lock:a"))
			}
			if err := giveUp("r2"); err != nil {
				t.Errorf("giving up again is answered %v", err)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "    redis.call('HSET', ledger, 'r', requests)\n", Put: ""},
			{Script: "release", Take: "(request == '' or recorded and request == match(s, '^%S+', 101))", Put: "true"},
			{Script: "release", Take: "if redis.call('PTTL', ledger) < 0 then", Put: "if false then"},
		},
	},
	{
		Name: "an acquire whose answer is lost finds its own hold when it is tried again",
		Check: func(t T, s *Server) {
			c := on(t, &lossy{Transport: s.Transport, lose: 1})
			h := c.acquires("lock:a", "me")
			if l := c.sees("lock:a"); l.Owner != "me" || l.Fence != h.Fence {
				t.Errorf("told was %+v, and the lock is %+v", h, l)
			}
			c.releases("lock:a", "me", h.Fence)
			c = on(t, &dropping{s.Transport, 1})
			c.acquires("lock:a", "me")
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "(request == '-' or request == match(s, '^%S+', 101))", Put: "false"},
		},
	},
	{
		Name: "an acquire whose answer is lost, and whose hold is over by then, is told how it ended",
		Check: func(t T, s *Server) {
			direct := on(t, s.Transport)
			c := on(t, &lossy{Transport: s.Transport, lose: 1, late: func() {
				direct.forces("lock:a", direct.sees("lock:a").Expectation(), "")
			}})
			_, err := c.Acquire(c.ctx, "lock:a", "me", ttl, nil)
			var not *lockcore.NotHeldError
			if !errors.Is(err, lockcore.ErrRevoked) || !errors.As(err, &not) || not.Past.By != "ann on call" {
				t.Errorf("the answer is %v", err)
			}
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the lock is held by %q", s.holder("lock:a"))
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "    refused = 'ended'\n", Put: ""},
		},
	},
	{
		Name: "an acquire that stays unknown holds nothing once it was cleaned up, and its copies take nothing",
		Check: func(t T, s *Server) {
			wire := &copier{Transport: s.Transport}
			// The acquire's answer is lost and its caller gone; what cleans up gets through.
			ctx, leave := context.WithCancel(context.Background())
			c := on(t, &lossy{Transport: wire, lose: 1, late: leave})
			_, err := c.Acquire(ctx, "lock:a", "me", ttl, nil)
			if !errors.Is(err, lockcore.ErrUnknownOutcome) {
				t.Errorf("the answer is %v", err)
			}
			c.Wait()
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("after cleaning up the lock is held by %q", s.holder("lock:a"))
			}
			wire.deliver(c.ctx, wire.last(t, "acquire"))
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("a late copy took the lock for %q", s.holder("lock:a"))
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "    refused = 'ended'\n", Put: ""},
		},
	},
	{
		Name: "a denial that comes while a copy of the request is on its way is a no for good",
		Check: func(t T, s *Server) {
			direct := on(t, s.Transport)
			h := direct.acquires("lock:a", "other")
			wire := &copier{Transport: s.Transport}
			c := on(t, &delaying{copier: wire})
			if _, err := c.Acquire(c.ctx, "lock:a", "me", ttl, nil); !errors.Is(err, lockcore.ErrHeld) {
				t.Errorf("the answer is %v", err)
			}
			c.Wait()
			direct.releases("lock:a", "other", h.Fence)
			wire.deliver(c.ctx, wire.last(t, "acquire"))
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the copy took the lock for %q, who was denied it", s.holder("lock:a"))
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "    redis.call('HSET', ledger, 'r', requests)\n", Put: ""},
		},
	},
}
