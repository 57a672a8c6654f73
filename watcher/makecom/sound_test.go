package makecom

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anyLock(t *rapid.T) Lock {
	seconds := func(name string) time.Duration {
		return time.Duration(rapid.IntRange(-1, 900_000).Draw(t, name)) * time.Millisecond
	}
	return Lock{
		Held: rapid.Bool().Draw(t, "held"), TTL: seconds("ttl"), HasTTL: rapid.Bool().Draw(t, "has ttl"),
		Age: seconds("age"), AgeKnown: rapid.Bool().Draw(t, "age known"),
		Typical: seconds("typical") * time.Duration(rapid.IntRange(0, 1).Draw(t, "typical known")),
		Latency: time.Duration(rapid.IntRange(0, 500).Draw(t, "latency")) * time.Millisecond,
	}
}

func anyPolicy(t *rapid.T) Policy {
	return Policy{
		Mode:     rapid.SampledFrom([]Mode{Sequential, Batch, Parallel}).Draw(t, "mode"),
		Interval: time.Duration(rapid.IntRange(1, 120_000).Draw(t, "interval")) * time.Millisecond,
		Attempts: rapid.IntRange(0, 12).Draw(t, "retries"), Batch: rapid.IntRange(1, 5).Draw(t, "batch"),
	}
}

func anyWaiters(t *rapid.T) []Waiter {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Waiter {
		return Waiter{
			Attempts:   rapid.IntRange(1, 13).Draw(t, "attempts"),
			LastDenied: noon.Add(time.Duration(rapid.IntRange(-130_000, 5_000).Draw(t, "last denied")) * time.Millisecond),
		}
	}), 0, 24).Draw(t, "waiters")
}

func TestEveryForecastIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, l, ws := anyPolicy(t), anyLock(t), anyWaiters(t)
		before := slices.Clone(ws)
		res := Predict(p, l, ws, noon)
		if !slices.Equal(ws, before) {
			t.Fatal("the waiters were changed")
		}
		if again := Predict(p, l, ws, noon); !slices.Equal(again.Waiters, res.Waiters) || again.ClearsP50 != res.ClearsP50 {
			t.Fatal("the same question has two answers")
		}
		seen := make([]bool, len(ws))
		for i, f := range res.Waiters {
			if f.Position < 1 || f.Position > len(ws) || seen[f.Position-1] {
				t.Fatalf("waiter %d: position %d is none, or taken", i, f.Position)
			}
			seen[f.Position-1] = true
			for _, at := range []time.Time{f.Next, f.AcquireP50, f.AcquireP90} {
				if !at.IsZero() && at.Before(noon) {
					t.Fatalf("waiter %d: %+v has a time before now", i, f)
				}
			}
			if !f.AcquireP50.IsZero() && f.AcquireP50.Before(f.Next) {
				t.Fatalf("waiter %d gets in before it comes back: %+v", i, f)
			}
			if !f.AcquireP90.IsZero() && (f.AcquireP50.IsZero() || f.AcquireP90.Before(f.AcquireP50)) {
				t.Fatalf("waiter %d: 90 %% before 50 %%: %+v", i, f)
			}
			if !(f.Risk >= 0 && f.Risk <= 1) {
				t.Fatalf("waiter %d: risk %v", i, f.Risk)
			}
			if f.Next.IsZero() != (f.AttemptsLeft == 0) {
				t.Fatalf("waiter %d: %+v has a next retry, or attempts left, without the other", i, f)
			}
			want := None
			switch {
			case f.Risk == 1:
				want = Certain
			case f.Risk >= LikelyRisk:
				want = Likely
			}
			if f.Exhaustion != want && (f.Exhaustion != Unknown || f.Risk != 0) {
				t.Fatalf("waiter %d: risk %v is %q", i, f.Risk, f.Exhaustion)
			}
			if f.Exhaustion == None && !f.AcquireP50.IsZero() && f.AcquireP90.IsZero() {
				t.Fatalf("waiter %d gets in for sure, but not by any time: %+v", i, f)
			}
		}
	})
}

func TestMoreAttemptsLeftNeverRaiseTheRisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, l, ws := anyPolicy(t), anyLock(t), anyWaiters(t)
		if len(ws) == 0 {
			return
		}
		i := rapid.IntRange(0, len(ws)-1).Draw(t, "who")
		few := Predict(p, l, ws, noon).Waiters[i]
		ws[i].Attempts = rapid.IntRange(0, ws[i].Attempts).Draw(t, "fewer denials")
		more := Predict(p, l, ws, noon).Waiters[i]
		if few.Exhaustion != Unknown && more.Exhaustion != Unknown && more.Risk > few.Risk {
			t.Fatalf("with %d attempts left the risk is %v, with %d only %v", more.AttemptsLeft, more.Risk, few.AttemptsLeft, few.Risk)
		}
	})
}

func TestForecastSurvivesNonsense(t *testing.T) {
	const huge = time.Duration(math.MaxInt64)
	times := []time.Duration{math.MinInt64, -1, 0, 1, huge}
	for _, m := range []Mode{"", "lifo", Sequential, Batch, Parallel} {
		for _, d := range times {
			for _, n := range []int{math.MinInt, -1, 0, 1, math.MaxInt} {
				p := Policy{m, d, n, n}
				for _, held := range []bool{false, true} {
					l := Lock{Held: held, TTL: d, HasTTL: true, Age: -d, AgeKnown: true, Typical: d, Latency: d}
					ws := []Waiter{{n, time.Time{}}, {1, noon.Add(d)}, {-n, noon}, {2, noon.Add(-d)}}
					for i, f := range Predict(p, l, ws, noon).Waiters {
						if !(f.Risk >= 0 && f.Risk <= 1) || !f.AcquireP50.IsZero() && f.AcquireP50.Before(noon) {
							t.Fatalf("%+v %+v: waiter %d: %+v", p, l, i, f)
						}
					}
				}
			}
		}
	}
}
