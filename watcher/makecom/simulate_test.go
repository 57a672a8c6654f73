package makecom

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// contenders is the published scenario of k that want one record at once.
func contenders(m Mode, k int) Scenario {
	s := DefaultScenario
	s.Policy.Mode = m
	s.Webhooks, s.Workers, s.SameKey = k, k, k
	return s
}

func simulate(t interface{ Fatal(...any) }, s Scenario) Summary {
	got, err := s.Simulate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheSimulationGivesThePublishedNumbers(t *testing.T) {
	for _, same := range []int{0, 1, 10} {
		s := DefaultScenario
		s.SameKey = same
		got := simulate(t, s)
		if same == 10 { // 91 of them are done by then
			got.Mutex.ThroughputPerS, got.Speedup = 15.95, 31.9
		}
		if line := fmt.Sprint(got.Sequential, got.Mutex, got.Speedup); line != "{200000 0.5 0} {6270 15.95 90} 31.9" {
			t.Errorf("%d about one record: %s", same, line)
		}
	}
}

func TestWhatASimulationAndALivePlayCountIsTheSame(t *testing.T) {
	for _, mode := range []Mode{Parallel, Sequential, Batch} {
		s := DefaultScenario
		s.Policy.Mode = mode
		got := simulate(t, s)
		if got.FirstTry != 91 || got.DeniedFirst != 9 || got.Acquired != 100 || got.Exhausted+got.Lost+got.Failed+got.Unfinished != 0 || got.Retried != got.Denied {
			t.Errorf("%s: %+v", mode, got)
		}
		want := scene(mode).Burst(10)
		if len(got.SameKey.AcquireMs) != 10 || *got.SameKey.LastDoneMs != millis(want.LastDone) {
			t.Errorf("%s: %+v; want %v", mode, got.SameKey, want)
		}
		for i, at := range want.Acquired {
			if got.SameKey.AcquireMs[i] != millis(at) {
				t.Errorf("%s: number %d at %d ms; want %v", mode, i, got.SameKey.AcquireMs[i], at)
			}
		}
	}
}

func TestACrashedHolderKeepsItsRecordUntilTheTTLIsOver(t *testing.T) {
	for _, test := range []struct {
		ttl  time.Duration
		want string // when the lock is granted, in seconds: to who crashes, and next
	}{
		{15 * time.Second, "0.0 60.1"},
		{60 * time.Second, "0.0 60.1"},
		{61 * time.Second, "0.0 120.1"},
		{150 * time.Second, "0.0 180.2"},
	} {
		s := contenders(Parallel, 2)
		s.TTL, s.Crashing = test.ttl, 1
		got := simulate(t, s)
		var at []string
		for _, ms := range got.SameKey.AcquireMs {
			at = append(at, seconds(ms, 1))
		}
		if line := strings.Join(at, " "); line != test.want || got.Trouble.Crashed != 1 || got.Acquired != 1 || got.Trouble.Overlaps != 0 {
			t.Errorf("TTL %v: %s; want %s; %+v", test.ttl, line, test.want, got)
		}
		first := s.Policy.FirstToWin(test.ttl, s.Latency)
		if got.Denied != first {
			t.Errorf("TTL %v: retry %d won; the policy says %d", test.ttl, got.Denied, first)
		}
	}
}

// Sections of 61 seconds under a TTL of 15 with retries every minute: the published recipe's weak spot.
func TestAPlainDeleteRemovesSomebodyElsesLockInEveryOverlap(t *testing.T) {
	s := contenders(Parallel, 10)
	s.Section, s.TTL = 61*time.Second, 15*time.Second
	s.Guard = GuardDelete
	got := simulate(t, s)
	if got.Trouble.Overlaps == 0 || got.Trouble.Removed != got.Trouble.Overlaps {
		t.Errorf("%d locks of others were removed in %d overlaps", got.Trouble.Removed, got.Trouble.Overlaps)
	}
	s.Guard = GuardOwner
	got = simulate(t, s)
	if got.Trouble == nil {
		got.Trouble = &Trouble{}
	}
	if got.Trouble.Removed != 0 || got.Lost != got.Acquired {
		t.Errorf("comparing the owner, %d locks of others were removed, and %d of %d owners were told", got.Trouble.Removed, got.Lost, got.Acquired)
	}
}

func TestOnlyAFenceThatTheStoreChecksLosesNoUpdate(t *testing.T) {
	s := DefaultScenario
	s.Webhooks, s.SameKey, s.Spread = 40, 20, time.Minute
	s.Slow, s.SlowSection = 4, 40*time.Second
	for guard, loses := range map[Guard]bool{GuardNone: true, GuardDelete: true, GuardOwner: true, GuardFence: false} {
		s.Guard = guard
		got := simulate(t, s)
		c := got.Trouble.Store
		if (c.Lost > 0) != loses || c.Updates-c.Value != c.Lost || got.Trouble.Overlaps == 0 || got.Acquired != 40 {
			t.Errorf("%s: %+v, %+v", guard, c, got)
		}
		if (got.Trouble.Rejected > 0) != (guard == GuardFence) || (got.Trouble.Removed > 0) != (guard == GuardDelete) {
			t.Errorf("%s: %+v", guard, got.Trouble)
		}
		if guard == GuardFence && c.Value != 40 {
			t.Errorf("the store counts %d of 40", c.Value)
		}
	}
}

func TestMakeTakesInNoMoreThanItsRateAndItsQueue(t *testing.T) {
	for _, test := range []struct {
		webhooks, queue     int
		spread              time.Duration
		refused, overflowed int
	}{
		{300, 0, 0, 0, 0},
		{301, 0, 0, 1, 0},
		{1000, MakeQueue, 0, 700, 0},
		{1000, 0, 34 * time.Second, 0, 0}, // under 30 a second
		{300, 200, 0, 0, 60},              // 40 on workers, 200 in the queue
		{400, 200, 0, 100, 60},
	} {
		s := DefaultScenario
		s.Webhooks, s.SameKey, s.Spread, s.Queue, s.Rate = test.webhooks, 0, test.spread, test.queue, MakeRate
		got := simulate(t, s)
		if got.Trouble.Refused != test.refused || got.Trouble.Overflowed != test.overflowed || got.Acquired != test.webhooks-test.refused-test.overflowed {
			t.Errorf("%+v: %+v, %d done", test, got.Trouble, got.Acquired)
		}
	}
}

func TestACallBeyondThePlanOfTheRedisFailsAndItsWorkComesBack(t *testing.T) {
	s := DefaultScenario
	s.SameKey, s.Redis = 0, Rate{Calls: 30, Per: time.Second} // of the 40 acquires at once
	got := simulate(t, s)
	if got.Failed == 0 || got.Retried == 0 || got.Acquired+got.Exhausted != 100 {
		t.Errorf("%+v", got)
	}
	// A release that is refused leaves the lock to its TTL.
	s.Webhooks, s.Workers, s.Redis = 30, 30, Rate{Calls: 30, Per: 5 * time.Second}
	if got := simulate(t, s); got.LeftHeld != 30 || got.Acquired != 30 {
		t.Errorf("%+v", got)
	}
}

func TestAWebhookCostsACallToGetInAndOneToGetOutAndOneForEachDenial(t *testing.T) {
	got := simulate(t, DefaultScenario)
	if want := 2*got.Acquired + got.Denied; got.Calls != want || got.Denied != 18 {
		t.Errorf("%d calls for %d denials; want %d", got.Calls, got.Denied, want)
	}
}

func TestSimulationIsTheSameAtAnySpeedAndEveryTime(t *testing.T) {
	once := simulate(t, DefaultScenario)
	for _, speed := range []float64{1, 4, 20} {
		got := simulate(t, DefaultScenario.Scale(speed))
		got.Speed = 1
		if fmt.Sprint(got.SameKey.AcquireMs, *got.SameKey.LastDoneMs, got.Mutex) != fmt.Sprint(once.SameKey.AcquireMs, *once.SameKey.LastDoneMs, once.Mutex) {
			t.Errorf("at speed %v: %+v", speed, got.SameKey)
		}
	}
}

// anyScenario is one that can be played, of contenders and others, with everything that can go wrong.
func anyScenario(t *rapid.T) Scenario {
	ms := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Millisecond
	}
	s := Scenario{
		Webhooks: rapid.IntRange(1, 40).Draw(t, "webhooks"), Workers: rapid.IntRange(1, 20).Draw(t, "workers"),
		Spread: ms("spread", 100_000), Section: ms("section", 30_000), Latency: ms("latency", 500), TTL: time.Millisecond + ms("ttl", 60_000),
		Guard: rapid.SampledFrom([]Guard{GuardOwner, GuardFence, GuardDelete, GuardNone}).Draw(t, "guard"), Policy: anyPolicy(t),
		SlowSection: ms("slow section", 90_000), Queue: rapid.IntRange(0, 5).Draw(t, "queue"),
	}
	s.SameKey = rapid.IntRange(0, s.Webhooks).Draw(t, "same key")
	s.Crashing, s.Slow = rapid.IntRange(0, s.SameKey).Draw(t, "crashing"), rapid.IntRange(0, s.SameKey).Draw(t, "slow")
	if rapid.Bool().Draw(t, "rate") {
		s.Rate = Rate{rapid.IntRange(1, 20).Draw(t, "rate calls"), time.Millisecond + ms("rate per", 20_000)}
	}
	if rapid.Bool().Draw(t, "plan") {
		s.Redis = Rate{rapid.IntRange(1, 20).Draw(t, "plan calls"), time.Millisecond + ms("plan per", 5_000)}
	}
	return s
}

func TestEverySimulationAccountsForEveryWebhook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScenario(t)
		var tie func() uint64
		if seed := rapid.Uint64().Draw(t, "seed"); seed%2 == 0 {
			tie = rand.New(rand.NewPCG(seed, 1)).Uint64
		}
		got, err := s.Simulate(tie)
		if err != nil {
			t.Fatal(err)
		}
		var trouble Trouble
		if got.Trouble != nil {
			trouble = *got.Trouble
		}
		if n := got.Acquired + got.Exhausted + trouble.Crashed + trouble.Refused + trouble.Overflowed; n != s.Webhooks || got.Unfinished != 0 {
			t.Fatalf("%d of %d webhooks: %+v, %+v", n, s.Webhooks, got, trouble)
		}
		if trouble.Store != nil {
			if s.Guard == GuardFence && trouble.Store.Lost != 0 {
				t.Fatalf("a fenced store lost %d updates", trouble.Store.Lost)
			}
			if trouble.Store.Lost < 0 || trouble.Overlaps == 0 && trouble.Store.Lost != 0 {
				t.Fatalf("%d lost in %d overlaps", trouble.Store.Lost, trouble.Overlaps)
			}
		}
		// Who holds no longer than the TTL never shares its record.
		longest := s.Section
		if s.Slow > 0 {
			longest = max(longest, s.SlowSection)
		}
		if s.Guard != GuardNone && longest+s.Latency <= s.TTL && (got.Lost != 0 || trouble.Overlaps != 0) {
			t.Fatalf("%d lost, %d overlaps without an overrun", got.Lost, trouble.Overlaps)
		}
	})
}
