package locktest

// Rules of releasing and extending: one's own hold and no other.

import (
	"errors"
	"fmt"
	"time"

	"locktop/lockcore"
)

var releaseRules = []Rule{
	{
		Name: "a release touches its owner's lock only",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "exec-123")
			for _, other := range []string{"exec-12", "exec-1234", "EXEC-123"} {
				if not := c.cannotRelease("lock:a", other, 0); not.Holder.Owner != "exec-123" || not.Past != nil {
					t.Errorf("%s is told %+v", other, not)
				}
			}
			if got := s.holder("lock:a"); got != "exec-123" {
				t.Errorf("the lock is held by %q", got)
			}
			if not := c.cannotRelease("lock:none", "me", 0); not.Holder.Owner != "" {
				t.Errorf("of a lock that nobody holds is told %+v", not)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "if holder == owner then\n", Put: "if holder then\n"},
			{Script: "release", Take: "if holder == owner then\n", Put: "if string.sub(holder or '', 1, #owner) == owner then\n"},
			{Script: "release", Take: "local holder = redis.call('GET', lock)\n", Put: "local holder = redis.call('GET', lock) redis.call('DEL', lock)\n"},
		},
	},
	{
		Name: "a late duplicate with a fence leaves the same owner's later hold alone",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			old := c.acquires("lock:a", "me")
			c.releases("lock:a", "me", old.Fence)
			now := c.acquires("lock:a", "me")
			if r := c.releases("lock:a", "me", old.Fence); !r.Repeated {
				t.Errorf("the duplicate is answered %+v", r)
			}
			not := c.cannotExtend("lock:a", "me", old.Fence)
			if not.Holder.Fence != now.Fence || not.Past == nil || not.Past.How != lockcore.HowReleased {
				t.Errorf("a late extend is told %+v", not)
			}
			if got := s.holder("lock:a"); got != "me" {
				t.Errorf("the later hold is gone: %q", got)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "(fence == '' or recorded and fence == sub(s, 34, 49))", Put: "true"},
			{Script: "extend", Take: "or fence ~= '' and (not recorded or fence ~= sub(s, 34, 49)) then", Put: "then"},
		},
	},
	{
		Name: "a repeated release is a success, of a forced hold it says by whom and why, of an old one nothing",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			if r := c.releases("lock:a", "me", 0); r.Repeated || r.Fence != h.Fence || r.Held < 0 {
				t.Errorf("the first release is answered %+v", r)
			}
			if r := c.releases("lock:a", "me", 0); !r.Repeated || r.Fence != h.Fence {
				t.Errorf("the repeated release is answered %+v", r)
			}
			c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			not := c.cannotRelease("lock:a", "victim", 0)
			if not.Past == nil || not.Past.How != lockcore.HowForced || not.Past.By != "ann on call" || not.Past.Reason != "it is stuck: 100 %" || !not.Is(lockcore.ErrRevoked) {
				t.Errorf("the victim is told %+v, %+v", not, not.Past)
			}
			for i := range 8 {
				owner := fmt.Sprintf("later-%d", i)
				c.acquires("lock:a", owner)
				c.releases("lock:a", owner, 0)
				if r := c.releases("lock:a", owner, 0); !r.Repeated {
					t.Errorf("the release of %s is answered %+v", owner, r)
				}
			}
			c.acquires("lock:a", "last")
			if not := c.cannotRelease("lock:a", "me", 0); not.Past != nil {
				t.Errorf("a hold older than the last eight is told as %+v", not.Past)
			}
			for i := range 8 { // the last eight are all remembered
				if r := c.releases("lock:a", fmt.Sprintf("later-%d", i), 0); !r.Repeated {
					t.Errorf("the release of later-%d is answered %+v", i, r)
				}
			}
			if got := s.holder("lock:a"); got != "last" {
				t.Errorf("held by %q", got)
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "redis.pcall('HSET', ledger, 's', sub(s, 1, 78) .. now .. ' released' .. sub(s, 94))\n", Put: ""},
			{Script: "acquire", Take: "ring, archived)", Put: "'z', '')"},
			{Script: "acquire", Take: "'012345670'", Put: "'012301230'"},
		},
	},
	{
		Name: "a hold that expired or was deleted is not released again",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "me")
			s.Do("DEL", "lock:a")
			if not := c.cannotRelease("lock:a", "me", 0); not.Past == nil || not.Past.How != lockcore.HowDeleted {
				t.Errorf("of a deleted hold is told %+v", not.Past)
			}
			if _, err := c.Acquire(c.ctx, "lock:b", "me", time.Millisecond, &lockcore.AcquireOptions{Request: lockcore.NoRequest}); err != nil && !errors.Is(err, lockcore.ErrLate) {
				t.Fatalf("a TTL of 1 ms: %v", err)
			}
			for s.Do("EXISTS", "lock:b") != "0" {
			}
			if not := c.cannotRelease("lock:b", "me", 0); not.Past == nil || not.Past.How != lockcore.HowExpired {
				t.Errorf("of an expired hold is told %+v", not.Past)
			}
			c.acquires("lock:b", "next")
			c.cannotRelease("lock:b", "me", 0)
			if got := s.holder("lock:b"); got != "next" {
				t.Errorf("the release after expiry removed the next owner's lock; held by %q", got)
			}
		},
	},
	{
		Name:  "a release frees the lock even where the ledger cannot be written",
		Users: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			on(t, s.As("-hset")).releases("lock:a", "me", h.Fence)
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the release left the lock behind")
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "redis.call('DEL', lock)\n", Put: "redis.call('HSET', ledger, 'z', 'x') redis.call('DEL', lock)\n"},
		},
	},
}

var extendRules = []Rule{
	{
		Name: "extend lengthens, never shortens, never creates",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			longer := c.extends("lock:a", "me", 2*ttl, h.Fence)
			if longer.TTL != 2*ttl || longer.Fence != h.Fence {
				t.Errorf("extended to %+v", longer)
			}
			if l := c.sees("lock:a"); l.Fence != h.Fence || l.TTL <= ttl {
				t.Errorf("after the extend the lock is %+v: the ledger did not follow", l)
			}
			shorter := c.extends("lock:a", "me", time.Second, h.Fence)
			if shorter.TTL <= ttl {
				t.Errorf("a shorter extend answers %s, the lock has about %s left", shorter.TTL, 2*ttl)
			}
			if l := c.sees("lock:a"); l.TTL <= ttl {
				t.Errorf("a shorter extend left %s", l.TTL)
			}
			c.cannotExtend("lock:a", "other", 0)
			c.cannotExtend("lock:none", "me", 0)
			if got := s.Do("EXISTS", "lock:none"); got != "0" {
				t.Errorf("extend created a lock")
			}
			s.Do("SET", "lock:forever", "me")
			if got := c.extends("lock:forever", "me", ttl, 0); got.TTL != lockcore.NoTTL || s.Do("PTTL", "lock:forever") != "-1" {
				t.Errorf("a lock without TTL was extended to %+v, %s", got, s.Do("PTTL", "lock:forever"))
			}
		},
		Mutations: []Mutation{
			{Script: "extend", Take: "if left < 0 or left >= ttl then", Put: "if left < 0 then"},
			{Script: "extend", Take: "if left < 0 or left >= ttl then", Put: "if left >= ttl then"},
			{Script: "extend", Take: "if holder ~= owner or fence", Put: "if fence"},
			{Script: "extend", Take: "  left = ttl\n", Put: ""},
		},
	},
	{
		Name:  "an extend that cannot be recorded changes nothing",
		Users: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			weak := on(t, s.As("-hset"))
			if _, err := weak.Extend(c.ctx, "lock:a", "me", 2*ttl, nil); err == nil {
				t.Errorf("without the right to HSET extend succeeds")
			}
			if l := c.sees("lock:a"); l.TTL > ttl || l.Fence != h.Fence {
				t.Errorf("the failed extend left %+v", l)
			}
		},
		Mutations: []Mutation{
			{Script: "extend", Take: "    if type(wrote) == 'table' and wrote.err then return redis.error_reply('LEDGER ' .. wrote.err) end\n", Put: ""},
		},
	},
}
