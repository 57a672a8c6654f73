package locktest

// Rules of seizing: the expected hold or nothing, in one step, with a fence above the old one.

import (
	"errors"
	"fmt"

	"locktop/lockcore"
)

func seizure(key string, expect lockcore.Expectation, operation string) lockcore.Seizure {
	return lockcore.Seizure{Key: key, Expect: expect, TTL: ttl, Operation: operation, Operator: "ann on call", Reason: "stop it first"}
}

func (c client) seizes(key string, expect lockcore.Expectation, operation string) *lockcore.Seized {
	c.Helper()
	got, err := c.Seize(c.ctx, seizure(key, expect, operation))
	if err != nil {
		c.Fatalf("%s should be seized: %v", key, err)
	}
	return got
}

var seizeRules = []Rule{
	{
		Name: "a seizure takes over the expected hold and no other, and the old owner learns of it",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "victim")
			seen := c.sees("lock:a").Expectation()
			for _, other := range []lockcore.Expectation{{Owner: "victi"}, {Owner: "victim", Fence: h.Fence - 1}, {Owner: "nobody", Fence: h.Fence}} {
				if _, err := c.Seize(c.ctx, seizure("lock:a", other, "")); !errors.Is(err, lockcore.ErrChanged) {
					t.Errorf("a seizure that expects %+v is answered %v", other, err)
				}
			}
			got := c.seizes("lock:a", seen, "op")
			if got.Fence <= h.Fence || got.Ended != h.Fence || got.Owner != "ann on call/op" || got.TTL != ttl || got.Left <= 0 || got.HeldFor < 0 || got.Before {
				t.Errorf("seized is %+v after a hold with fence %s", got, h.Fence)
			}
			l := c.sees("lock:a")
			if l.Owner != got.Owner || l.Fence != got.Fence || l.Ledger.HighestFence != got.Fence {
				t.Errorf("the lock is %+v", l)
			}
			c.isDenied("lock:a", "waiter", "")
			for _, not := range []*lockcore.NotHeldError{c.cannotExtend("lock:a", "victim", h.Fence), c.cannotRelease("lock:a", "victim", 0)} {
				if !not.Is(lockcore.ErrRevoked) || not.Past.How != lockcore.HowSeized || not.Past.By != "ann on call" || not.Past.Reason != "stop it first" || not.Holder.Owner != got.Owner {
					t.Errorf("the old owner is told %+v, %+v", not, not.Past)
				}
			}
			c.extends("lock:a", got.Owner, 2*ttl, got.Fence)
			c.releases("lock:a", got.Owner, got.Fence)
		},
		Mutations: []Mutation{
			{Script: "seize", Take: "local meant = holder == ARGV[1]\n", Put: "local meant = holder and true\n"},
			{Script: "seize", Take: "meant = recorded and hold_fence == ARGV[2]", Put: "meant = true"},
			{Script: "seize", Take: "if not meant then return", Put: "if not holder then return"},
			{Script: "seize", Take: "archive(fields, ended_as('seized')", Put: "archive(fields, ended_as('expired')"},
			{Script: "seize", Take: "local fence = clock\n", Put: "local fence = highest\n"},
		},
	},
	{
		Name: "a seizure tried again is done, and tells when it is over",
		Check: func(t T, s *Server) {
			c := on(t, &lossy{Transport: s.Transport, lose: 1})
			direct := on(t, s.Transport)
			h := direct.acquires("lock:a", "victim")
			seen := direct.sees("lock:a").Expectation()
			got := c.seizes("lock:a", seen, "op")
			if !got.Before || got.Ended != h.Fence || got.Fence <= h.Fence {
				t.Errorf("after a lost answer it is told %+v", got)
			}
			c.releases("lock:a", got.Owner, got.Fence)
			if _, err := c.Seize(c.ctx, seizure("lock:a", seen, "op")); !errors.Is(err, lockcore.ErrNotHeld) {
				t.Errorf("once it was released it is told %v", err)
			}
			c.acquires("lock:a", "next")
			if _, err := c.Seize(c.ctx, seizure("lock:a", seen, "op")); !errors.Is(err, lockcore.ErrNotHeld) {
				t.Errorf("once somebody else has the lock it is told %v", err)
			}
			if got := s.holder("lock:a"); got != "next" {
				t.Errorf("the lock is held by %q", got)
			}
		},
		Mutations: []Mutation{
			{Script: "seize", Take: "\nif mine then\n", Put: "\nif false then\n"},
			{Script: "seize", Take: "  if mine.field == 's' and holder", Put: "  if true or holder"},
		},
	},
	{
		Name: "a hold that nobody recorded can be seized by its deadline",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			before := c.acquires("lock:a", "before")
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint(ttl.Milliseconds()))
			seen := c.sees("lock:a").Expectation()
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint((2 * ttl).Milliseconds()))
			if _, err := c.Seize(c.ctx, seizure("lock:a", seen, "")); !errors.Is(err, lockcore.ErrChanged) {
				t.Errorf("a seizure that expects another deadline is answered %v", err)
			}
			got := c.seizes("lock:a", c.sees("lock:a").Expectation(), "")
			if got.Ended != 0 || got.Fence <= before.Fence {
				t.Errorf("seized is %+v", got)
			}
			if not := c.cannotRelease("lock:a", "me", 0); !not.Is(lockcore.ErrRevoked) {
				t.Errorf("the old owner is told %+v", not.Past)
			}
			if l := c.sees("lock:a"); len(l.Ledger.Holds) != 2 {
				t.Errorf("remembered are %+v", l.Ledger.Holds)
			}
		},
		Mutations: []Mutation{
			{Script: "seize", Take: "math.abs(ends - seen) <= SEEN_TOLERANCE_MS\n", Put: "true\n"},
			{Script: "seize", Take: "  archive(fields, past)\n", Put: ""},
		},
	},
	{
		Name: "a seizure that cannot be recorded changes nothing",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint(ttl.Milliseconds()))
			s.Do("SET", "locktop:{lock:a}", "not a hash")
			if _, err := c.Seize(c.ctx, seizure("lock:a", c.sees("lock:a").Expectation(), "")); !errors.Is(err, lockcore.ErrLedger) {
				t.Errorf("with a ledger of another type seize answers %v", err)
			}
			if got := s.holder("lock:a"); got != "me" {
				t.Errorf("the lock is held by %q", got)
			}
		},
		Mutations: []Mutation{
			{Script: "seize", Take: "if unreadable then return redis.error_reply('LEDGER ' .. unreadable) end\n", Put: "if unreadable then redis.call('SET', lock, ARGV[7]) return redis.error_reply('LEDGER ') end\n"},
		},
	},
	{
		Name:  "a seizure without the right to set keys changes neither lock nor ledger",
		Users: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "victim")
			weak := on(t, s.As("-set"))
			if _, err := weak.Seize(c.ctx, seizure("lock:a", c.sees("lock:a").Expectation(), "")); err == nil {
				t.Errorf("without the right to SET seize succeeds")
			}
			if l := c.sees("lock:a"); l.Owner != "victim" || l.Fence != h.Fence {
				t.Errorf("the failed seizure left %+v", l)
			}
			c.releases("lock:a", "victim", h.Fence)
		},
		Mutations: []Mutation{
			{Script: "seize", Take: "  if s then redis.pcall('HSET', ledger, 's', s) else", Put: "  if s then else"},
		},
	},
}
