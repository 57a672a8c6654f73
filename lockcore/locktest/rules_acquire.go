package locktest

// Rules of acquiring: one winner, denials on record, no half effects, no yes without a write.

import (
	"errors"
	"fmt"
	"strings"

	"locktop/lockcore"
)

var acquireRules = []Rule{
	{
		Name: "a held lock is denied to others, who learn who has it and are recorded as waiters",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "exec-123")
			for attempt := 1; attempt <= 2; attempt++ {
				held := c.isDenied("lock:a", "exec-12", "evt") // a prefix of the owner is another owner
				if held.Owner != "exec-123" || held.Fence != h.Fence || held.TTL <= 0 || held.TTL > ttl {
					t.Errorf("denied by %+v, should be by exec-123 with fence %s", held, h.Fence)
				}
				if held.Attempts != attempt || held.Denied != int64(attempt) {
					t.Errorf("attempt %d is recorded as attempt %d, denial %d", attempt, held.Attempts, held.Denied)
				}
			}
			l := c.sees("lock:a")
			if l.Ledger == nil || len(l.Ledger.Waiters) != 1 || l.Ledger.Waiters[0].Work != "evt" || l.Ledger.Waiters[0].Owner != "exec-12" || l.Ledger.Waiters[0].Attempts != 2 {
				t.Errorf("the ledger is %+v", l.Ledger)
			}
			c.releases("lock:a", "exec-123", h.Fence)
			if _, err := c.Acquire(c.ctx, "lock:a", "exec-12b", ttl, &lockcore.AcquireOptions{Work: "evt"}); err != nil {
				t.Fatalf("the waiter should get the free lock: %v", err)
			}
			if l := c.sees("lock:a"); len(l.Ledger.Waiters) != 0 || l.Ledger.Denied != 2 {
				t.Errorf("after its waiter got in the ledger is %+v", l.Ledger)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if holder == owner and (request", Put: "if string.sub(holder, 1, #owner) == owner and (request"},
			{Script: "acquire", Take: "if holder and (holder ~= owner or request ~= '-') then", Put: "if holder and request ~= '-' then"},
			{Script: "acquire", Take: "if waited then redis.pcall('HDEL', ledger, 'w:' .. ARGV[3]) end", Put: ""},
			{Script: "acquire", Take: "denied = digits(denied + 1)", Put: "denied = '1'"},
		},
	},
	{
		Name:   "owners, works and keys of any bytes come back as they are",
		Binary: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			owner, work, key := "o\x00 \n\xff-%1 -", "w \r\n\x00\xfe", "lock:\x00 \xff\n"
			h := c.acquires(key, owner)
			c.isDenied(key, "other \x00", work)
			l := c.sees(key)
			if l.Owner != owner || l.Fence != h.Fence || len(l.Ledger.Waiters) != 1 || l.Ledger.Waiters[0].Work != work || l.Ledger.Waiters[0].Owner != "other \x00" {
				t.Errorf("seen are %+v and %+v", l, l.Ledger)
			}
			c.releases(key, owner, h.Fence)
			if l := c.sees(key); len(l.Ledger.Holds) != 1 || l.Ledger.Holds[0].Owner != owner {
				t.Errorf("the ended holds are %+v", l.Ledger.Holds)
			}
		},
	},
	{
		Name: "an owner that names no request finds its own hold, unchanged",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			nameless := &lockcore.AcquireOptions{Request: lockcore.NoRequest}
			first, err := c.Acquire(c.ctx, "lock:a", "me", ttl, nameless)
			if err != nil {
				t.Fatalf("%v", err)
			}
			again, err := c.Acquire(c.ctx, "lock:a", "me", ttl/2, nameless)
			if err != nil || !again.Again || again.Fence != first.Fence || again.TTL <= ttl/2 {
				t.Errorf("found again as %+v, %v; should be %+v with its TTL unchanged", again, err, first)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if holder == owner and (request == '-' or request == match(s, '^%S+', 101)) then", Put: "if false then"},
		},
	},
	{
		Name: "a key of another type is no lock, and is left alone",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			s.Do("HSET", "lock:hash", "a", "b")
			if _, err := c.Acquire(c.ctx, "lock:hash", "me", ttl, nil); !errors.Is(err, lockcore.ErrWrongType) {
				t.Errorf("acquire answers %v", err)
			}
			if _, err := c.Inspect(c.ctx, "lock:hash"); !errors.Is(err, lockcore.ErrWrongType) {
				t.Errorf("inspect answers %v", err)
			}
			if got := s.Do("HGET", "lock:hash", "a"); got != "b" {
				t.Errorf("the hash holds %q", got)
			}
		},
	},
	{
		Name: "an acquire that cannot be recorded leaves no lock behind",
		Check: func(t T, s *Server) {
			s.Do("SET", "locktop:{lock:a}", "not a hash")
			if _, err := on(t, s.Transport).Acquire(on(t, s.Transport).ctx, "lock:a", "me", ttl, nil); !errors.Is(err, lockcore.ErrLedger) {
				t.Errorf("with a ledger of another type acquire answers %v", err)
			}
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the failed acquire left the lock behind")
			}
		},
	},
	{
		Name:  "an acquire whose ledger write is refused takes the lock back",
		Users: true,
		Check: func(t T, s *Server) {
			c := on(t, s.As("-hset"))
			if _, err := c.Acquire(c.ctx, "lock:a", "me", ttl, nil); !errors.Is(err, lockcore.ErrLedger) {
				t.Errorf("without the right to HSET acquire answers %v", err)
			}
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the failed acquire left the lock behind")
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "  if granted then redis.call('DEL', lock) end\n", Put: ""},
		},
	},
	{
		Name: "a denial that cannot be recorded is still a denial",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "me")
			s.Do("HSET", "locktop:{lock:a}", "d", "many") // damaged
			if held := c.isDenied("lock:a", "other", ""); held.Owner != "me" {
				t.Errorf("denied by %+v", held)
			}
			s.Do("SET", "locktop:{lock:a}", "not a hash")
			if held := c.isDenied("lock:a", "other", ""); held.Owner != "me" || held.Fence != 0 {
				t.Errorf("denied by %+v", held)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if not denied or #denied > 15", Put: "if #denied > 15"},
			{Script: "acquire", Take: "redis.pcall('HMGET', ledger, work, 'x')", Put: "redis.call('HMGET', ledger, work, 'x')"},
			{Script: "acquire", Take: "if refused and (not holder or", Put: "if refused and (true or"},
		},
	},
	{
		Name:   "out of memory a denial is a denial, an acquire fails whole, and a release works",
		Config: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			s.Do("CONFIG", "SET", "maxmemory", "1")
			defer s.Do("CONFIG", "SET", "maxmemory", "0")
			c.isDenied("lock:a", "other", "")
			if _, err := c.Acquire(c.ctx, "lock:b", "other", ttl, nil); !errors.Is(err, lockcore.ErrRefused) && !errors.Is(err, lockcore.ErrLedger) {
				t.Errorf("out of memory acquire answers %v", err)
			}
			if got := s.Do("EXISTS", "lock:b"); got != "0" {
				t.Errorf("the failed acquire left the lock behind")
			}
			c.releases("lock:a", "me", h.Fence)
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the release left the lock behind")
			}
		},
		Mutations: []Mutation{
			{Script: "release", Take: "redis.call('DEL', lock)\n", Put: "redis.call('HSET', ledger, 'z', 'x') redis.call('DEL', lock)\n"},
			{Script: "acquire", Take: "redis.pcall('SET', lock, owner, 'NX'", Put: "redis.call('SET', lock, owner, 'NX'"},
		},
	},
	{
		Name:   "a server that may not write does not say yours",
		Config: true,
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			repeat := &lockcore.AcquireOptions{Request: "r"}
			h, err := c.Acquire(c.ctx, "lock:a", "me", ttl, repeat)
			if err != nil {
				t.Fatalf("%v", err)
			}
			s.Do("CONFIG", "SET", "min-replicas-to-write", "1")
			defer s.Do("CONFIG", "SET", "min-replicas-to-write", "0")
			if _, err := c.Acquire(c.ctx, "lock:a", "me", ttl, repeat); !errors.Is(err, lockcore.ErrRefused) {
				t.Errorf("a master without its replicas answers the owner's acquire with %v", err)
			}
			if _, err := c.Extend(c.ctx, "lock:a", "me", ttl/2, &lockcore.ExtendOptions{Fence: h.Fence}); !errors.Is(err, lockcore.ErrRefused) {
				t.Errorf("a master without its replicas answers extend with %v", err)
			}
			c.isDenied("lock:a", "other", "")
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "      if no_yes then return redis.error_reply(no_yes) end\n", Put: ""},
			{Script: "extend", Take: "  if refused then return redis.error_reply(refused) end\n", Put: ""},
		},
	},
	{
		Name: "a ledger lists a bounded number of waiters and counts the rest",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "me")
			for i := range lockcore.WaitersKept + 20 {
				c.isDenied("lock:a", fmt.Sprintf("other-%d", i), "")
			}
			l := c.sees("lock:a").Ledger
			if len(l.Waiters) != lockcore.WaitersKept || l.NotListed != 20 || l.Denied != lockcore.WaitersKept+20 {
				t.Errorf("%d waiters are listed, %d only counted, %d denials", len(l.Waiters), l.NotListed, l.Denied)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "tonumber(listed) < waiters_max then", Put: "true then"},
		},
	},
	{
		Name: "a ledger outlives its lock and then goes by itself",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "me")
			if left := s.Do("TTL", "locktop:{lock:a}"); left != "87000" && left != "86999" {
				t.Errorf("the ledger of a lock of ten minutes has %s seconds left, should be a day more", left)
			}
			s.Do("SET", "lock:plain", "somebody")
			c.isDenied("lock:plain", "other", "")
			if left := s.Do("TTL", "locktop:{lock:plain}"); strings.HasPrefix(left, "-") {
				t.Errorf("a ledger that a denial began has %s seconds left", left)
			}
			s.Do("SET", "lock:forever", "me")
			if _, err := c.Acquire(c.ctx, "lock:forever", "me", ttl, &lockcore.AcquireOptions{Request: lockcore.NoRequest}); err != nil {
				t.Errorf("a lock that its owner has without a ledger: %v", err)
			}
			if left := s.Do("TTL", "locktop:{lock:forever}"); left != "86400" && left != "86399" {
				t.Errorf("the ledger of a lock without TTL has %s seconds left, should be a day", left)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "  local renewed = redis.pcall('PEXPIREAT', ledger, format('%.0f', renew))\n", Put: "  local renewed = nil\n"},
			{Script: "acquire", Take: "    redis.pcall('PEXPIRE', ledger, digits(math.max(pttl, 0) + DAY_MS))\n", Put: ""},
			{Script: "acquire", Take: "(left < 0 and now or deadline)", Put: "deadline"},
		},
	},
}
