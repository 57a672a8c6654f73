package locktest

// Rules of force: the expected hold or nothing, the old owner learns of it, a repeat is harmless.

import (
	"fmt"
	"time"

	"locktop/lockcore"
)

var forceRules = []Rule{
	{
		Name: "a forced release ends the expected hold and no other",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "first")
			seen := c.sees("lock:a").Expectation()
			c.releases("lock:a", "first", 0)
			if changed := c.cannotForce("lock:a", seen); changed.Holder.Owner != "" || changed.Past == nil || changed.Past.How != lockcore.HowReleased {
				t.Errorf("of a hold that is gone is told %+v", changed)
			}
			c.acquires("lock:a", "second")
			if changed := c.cannotForce("lock:a", seen); changed.Holder.Owner != "second" {
				t.Errorf("of a lock that changed hands is told %+v", changed)
			}
			c.cannotForce("lock:a", lockcore.Expectation{Owner: "first"}) // by name alone, and it is another's
			c.releases("lock:a", "second", 0)
			again := c.acquires("lock:a", "first")
			if changed := c.cannotForce("lock:a", seen); changed.Holder.Owner != "first" || changed.Holder.Fence != again.Fence {
				t.Errorf("of the same owner's next hold is told %+v", changed)
			}
			if got := s.holder("lock:a"); got != "first" {
				t.Fatalf("the lock is held by %q", got)
			}
			f := c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			if f.Fence != again.Fence || f.TTL <= 0 || f.Held < 0 || f.Before || f.NotRecorded != "" {
				t.Errorf("forced is %+v", f)
			}
			if got := s.Do("EXISTS", "lock:a"); got != "0" {
				t.Errorf("the lock is still there")
			}
		},
		Mutations: []Mutation{
			{Script: "force_release", Take: "local meant = holder == ARGV[1]\n", Put: "local meant = holder and true\n"},
			{Script: "force_release", Take: "meant = recorded and hold_fence == ARGV[2]", Put: "meant = true"},
		},
	},
	{
		Name: "a hold that nobody recorded is told from the next one by its deadline",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint(ttl.Milliseconds()))
			seen := c.sees("lock:a").Expectation()
			if seen.Fence != 0 || seen.Deadline.IsZero() {
				t.Fatalf("expected is %+v", seen)
			}
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint((2 * ttl).Milliseconds()))
			c.cannotForce("lock:a", seen)
			s.Do("SET", "lock:a", "me")
			c.cannotForce("lock:a", seen)
			if got := s.holder("lock:a"); got != "me" {
				t.Fatalf("the lock is held by %q", got)
			}
			forever := c.sees("lock:a").Expectation()
			if !forever.NoTTL {
				t.Fatalf("expected is %+v", forever)
			}
			s.Do("PEXPIRE", "lock:a", fmt.Sprint(ttl.Milliseconds()))
			c.cannotForce("lock:a", forever)
			if f := c.forces("lock:a", c.sees("lock:a").Expectation(), ""); f.Fence != 0 {
				t.Errorf("forced is %+v", f)
			}
			if not := c.cannotRelease("lock:a", "me", 0); !not.Is(lockcore.ErrRevoked) {
				t.Errorf("the old owner is told %+v", not)
			}
		},
		Mutations: []Mutation{
			{Script: "force_release", Take: "math.abs(ends - seen) <= SEEN_TOLERANCE_MS\n", Put: "true\n"},
			{Script: "force_release", Take: "(ends == 0) == (seen == 0) and math.abs(ends - seen)", Put: "ends == 0 or seen == 0 or math.abs(ends - seen)"},
		},
	},
	{
		Name: "after a forced release no fence of before is the newest again, and the old owner learns why",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			s.Do("HSET", "locktop:{lock:a}", "s", endedState(fmt.Sprint(time.Now().Add(time.Hour).UnixMicro()))) // beyond the clock
			h := c.acquires("lock:a", "victim")
			c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			if l := c.sees("lock:a"); l.Ledger.HighestFence <= h.Fence {
				t.Errorf("the highest fence is %s, that of the ended hold was %s", l.Ledger.HighestFence, h.Fence)
			}
			next := c.acquires("lock:a", "next")
			if next.Fence <= h.Fence+1 {
				t.Errorf("the next fence is %s after %s", next.Fence, h.Fence)
			}
			not := c.cannotExtend("lock:a", "victim", h.Fence)
			if !not.Is(lockcore.ErrRevoked) || not.Past.By != "ann on call" || not.Past.Reason != "it is stuck: 100 %" || not.Holder.Owner != "next" {
				t.Errorf("the old owner is told %+v, %+v", not, not.Past)
			}
		},
		Mutations: []Mutation{
			{Script: "force_release", Take: "  fields[#fields + 1] = fence .. ' '", Put: "  fields[#fields + 1] = highest .. ' '"},
			{Script: "force_release", Take: "  failed = write(fields)\n", Put: ""},
		},
	},
	{
		Name: "the same operation tried again is done, whoever holds the lock by then",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			c.acquires("lock:a", "victim")
			seen := c.sees("lock:a").Expectation()
			c.forces("lock:a", seen, "op-1")
			if f := c.forces("lock:a", seen, "op-1"); !f.Before {
				t.Errorf("tried again on a free lock it is answered %+v", f)
			}
			c.acquires("lock:a", "next")
			if f := c.forces("lock:a", seen, "op-1"); !f.Before {
				t.Errorf("tried again it is answered %+v", f)
			}
			if got := s.holder("lock:a"); got != "next" {
				t.Errorf("the repeat took the lock from %q", got)
			}
			c.cannotForce("lock:a", seen) // another operation finds it changed
		},
		Mutations: []Mutation{
			{Script: "force_release", Take: "if before and before.how == 'forced' or type(r) == 'string' and string.find(r", Put: "if false and string.find(r"},
		},
	},
	{
		Name: "a forced release works beside a ledger of another type, and says that it is not recorded",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			s.Do("SET", "lock:a", "me", "PX", fmt.Sprint(ttl.Milliseconds()))
			s.Do("SET", "locktop:{lock:a}", "not a hash")
			f := c.forces("lock:a", c.sees("lock:a").Expectation(), "")
			if f.NotRecorded == "" || s.Do("EXISTS", "lock:a") != "0" {
				t.Errorf("forced is %+v", f)
			}
		},
	},
}
