package locktest

// Rules of fences: they rise whatever happened to the hold before, and never speak of another hold.

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"locktop/lockcore"
)

var fenceRules = []Rule{
	{
		Name: "fences rise across release, expiry, deletion and force, and are whole numbers below 2^53",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			last := lockcore.Fence(0)
			next := func(how string) lockcore.Fence {
				h := c.acquires("lock:a", "owner after "+how)
				if h.Fence <= last || h.Fence >= 1<<53 {
					t.Errorf("after %s comes fence %s, the one before was %s", how, h.Fence, last)
				}
				if got := c.sees("lock:a").Ledger.HighestFence; got != h.Fence {
					t.Errorf("the highest fence is kept as %s, should be %s", got, h.Fence)
				}
				last = h.Fence
				return h.Fence
			}
			next("nothing")
			c.releases("lock:a", "owner after nothing", last)
			next("release")
			s.Do("DEL", "lock:a")
			next("deletion")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			next("force")
			s.Do("PEXPIREAT", "lock:a", "1")
			next("expiry")
			// A server whose clock stepped back: the fences of then are in the future.
			ahead := uint64(time.Now().Add(24 * time.Hour).UnixMicro())
			s.Do("DEL", "lock:a")
			s.Do("HSET", "locktop:{lock:a}", "s", endedState(strconv.FormatUint(ahead, 10)))
			last = lockcore.Fence(ahead)
			if got := next("a clock that stepped back"); got != last {
				t.Errorf("fence %s", got)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if clock <= highest then", Put: "if false then"},
			{Script: "acquire", Take: "fence = format('%016.0f', highest + 1)", Put: "fence = tostring(highest + 1)"},
			{Script: "acquire", Take: "local state = fence .. ' '", Put: "local state = '0000000000000000 '"},
		},
	},
	{
		Name: "a fence that would leave the whole numbers is refused, and no lock is taken",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			for _, highest := range []string{"9007199254740991", "1.79e+15", "inf", "0x10", "-1", "99999999999999999999", "1.7954208000e+15"} {
				s.Do("HSET", "locktop:{lock:a}", "s", endedState(highest))
				if _, err := c.Acquire(c.ctx, "lock:a", "me", ttl, nil); !errors.Is(err, lockcore.ErrLedger) {
					t.Errorf("with %s as the highest fence acquire answers %v", highest, err)
				}
				if got := s.Do("EXISTS", "lock:a"); got != "0" {
					t.Errorf("with %s as the highest fence the failed acquire left the lock behind", highest)
				}
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: " or highest >= FENCE_LIMIT then", Put: " then"},
			{Script: "acquire", Take: "find(s, '^%d+ [0-7]", Put: "find(s, '^%S+ [0-7]"},
		},
	},
	{
		Name: "a lock that somebody took without a ledger never shows an earlier hold's fence",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			s.Do("DEL", "lock:a")
			s.Do("SET", "lock:a", "me", "NX", "PX", fmt.Sprint((ttl / 2).Milliseconds()))
			if l := c.sees("lock:a"); l.Fence != 0 || l.Held != -1 || l.Owner != "me" {
				t.Errorf("seen is %+v, with the fence of a hold before", l)
			}
			if held := c.isDenied("lock:a", "other", ""); held.Fence != 0 {
				t.Errorf("denied by %+v, with the fence of a hold before", held)
			}
			again, err := c.Acquire(c.ctx, "lock:a", "me", ttl, &lockcore.AcquireOptions{Request: lockcore.NoRequest})
			if err != nil || again.Fence <= h.Fence || !again.Again {
				t.Errorf("found again as %+v, %v after a hold with fence %s", again, err, h.Fence)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "if math.abs(deadline - ends) > DEADLINE_TOLERANCE_MS then", Put: "if false then"},
		},
	},
}

// endedState is a ledger's state with this highest fence, after a hold that has ended.
func endedState(highest string) string {
	return highest + " 1 0000000000000 0000000000000001 0000000000001 0000000000001 0000000000001 released - - - - before"
}
