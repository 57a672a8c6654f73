package makecom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// In the modes with a closed form the forecast and the simulation are two ways to the same numbers, wherever nothing is left
// to chance or all have the same.
func TestClosedFormsAgreeWithTheSimulation(t *testing.T) {
	const ms = time.Millisecond
	anyScene := func(t *rapid.T, m Mode) Simulator {
		s := scene(m)
		s.Section = time.Duration(rapid.IntRange(0, 20_000).Draw(t, "section")) * ms
		s.Latency = time.Duration(2*rapid.IntRange(1, 250).Draw(t, "latency")) * ms
		s.Policy.Interval = time.Duration(rapid.IntRange(1, 120_000).Draw(t, "interval")) * ms
		s.Policy.Attempts = rapid.IntRange(1, 12).Draw(t, "attempts")
		return s
	}
	// What the forecast is told of a lock whose holder is done after so long.
	held := func(s Simulator, left time.Duration) Lock {
		h := s.Section + s.Latency
		return Lock{Held: true, TTL: left + time.Hour, HasTTL: true, AgeKnown: true, Age: 0, Lasts: left, Typical: h, Latency: s.Latency}
	}
	// A retry starts half a call and one interval after its denial in Redis, and the next one half a call after the release.
	starts := func(s Simulator, f Forecast) time.Duration { return f.Next.Sub(noon) + s.Latency/2 }

	t.Run("sequential", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := anyScene(t, Sequential)
			s.Freed = time.Duration(rapid.IntRange(0, 5_000).Draw(t, "holder done")) * ms
			s.Idle = s.Freed + s.Latency/2
			lock := Lock{Typical: s.Section + s.Latency, Latency: s.Latency}
			if s.Freed > 0 {
				lock = held(s, s.Freed)
			}
			var ws []Waiter
			for range rapid.IntRange(1, 20).Draw(t, "waiters") {
				back := time.Duration(rapid.IntRange(0, int(s.Policy.Interval/ms)).Draw(t, "comes back in")) * ms
				ws = append(ws, Waiter{Attempts: rapid.IntRange(1, s.Policy.Attempts).Draw(t, "denials"), LastDenied: noon.Add(back - s.Policy.Interval)})
			}
			res := Predict(s.Policy, lock, ws, noon)
			cs := make([]Contender, len(ws))
			for i, f := range res.Waiters {
				cs[i] = Contender{At: starts(s, f), Tries: f.AttemptsLeft}
			}
			out := s.Run(cs)
			for i, f := range res.Waiters {
				if got := f.AcquireP50.Sub(noon); got != out.Fates[i].Acquired || f.AcquireP90 != f.AcquireP50 || f.Risk != 0 || out.Fates[i].RanOut {
					t.Fatalf("waiter %d of %v: forecast %v, risk %v; simulated %+v", i, ws, got, f.Risk, out.Fates[i])
				}
			}
			if got, want := res.ClearsP50.Sub(noon), out.LastDone-s.Latency/2; got != want { // the last release in Redis
				t.Fatalf("clears after %v; simulated %v", got, want)
			}
		})
	})

	// Retries of one instant, and a holder that is done, or gone, at any time: who wins is chance, when somebody does is not.
	t.Run("parallel, together", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := anyScene(t, Parallel)
			s.Freed = time.Duration(rapid.IntRange(0, 200_000).Draw(t, "holder done")) * ms
			s.Policy.Interval += s.Section + s.Latency // one round is over when the next one comes
			seed := rapid.Uint64().Draw(t, "seed")
			s.Tie = rand.New(rand.NewPCG(seed, 1)).Uint64
			lock := Lock{Typical: s.Section + s.Latency, Latency: s.Latency}
			if s.Freed > 0 {
				lock = held(s, s.Freed)
			}
			m, denials := rapid.IntRange(1, 20).Draw(t, "waiters"), rapid.IntRange(1, s.Policy.Attempts).Draw(t, "denials")
			ws := make([]Waiter, m)
			for i := range ws {
				ws[i] = Waiter{Attempts: denials, LastDenied: noon}
			}
			res := Predict(s.Policy, lock, ws, noon)
			cs := make([]Contender, m)
			for i, f := range res.Waiters {
				cs[i] = Contender{At: starts(s, f), Tries: f.AttemptsLeft}
			}
			out := s.Run(cs)
			all := 0.0
			for i, f := range res.Waiters {
				all += f.Risk
				if want := float64(out.RanOut) / float64(m); math.Abs(f.Risk-want) > 1e-6 && !(f.Risk == almost && want == 1) {
					t.Fatalf("waiter %d: risk %v; simulated %v", i, f.Risk, want)
				}
				for share, at := range map[float64]time.Time{0.5: f.AcquireP50, 0.9: f.AcquireP90} {
					n := int(math.Ceil(share*float64(m) - 1e-9))
					switch {
					case n > len(out.Acquired) && !at.IsZero():
						t.Fatalf("waiter %d: %v by %v; in the simulation only %d of %d get in", i, share, at.Sub(noon), len(out.Acquired), m)
					case n <= len(out.Acquired) && at.Sub(noon) != out.Acquired[n-1]:
						t.Fatalf("waiter %d: %v by %v; simulated %v", i, share, at.Sub(noon), out.Acquired[n-1])
					}
				}
			}
			if len(out.Acquired) > 0 {
				if got, want := res.ClearsP50.Sub(noon), out.LastDone-s.Latency/2; got != want {
					t.Fatalf("clears after %v; simulated %v", got, want)
				}
			}
		})
	})
}

func TestCertainNeedsAHolderThatIsGone(t *testing.T) {
	const s = time.Second
	slow := Lock{Held: true, TTL: 900 * s, HasTTL: true, Age: 4 * s, AgeKnown: true, Typical: 2 * s, Longest: 3 * s}
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		for _, tt := range []struct {
			name string
			age  time.Duration
			want Exhaustion
		}{
			{"longer than any known hold, which may still be over in time", 4 * s, Likely},
			{"over twice as long as any", 6*s + 1, Certain},
		} {
			lock := slow
			lock.Age = tt.age
			if f := Predict(mode(m), lock, due(10, 10*s), noon).Waiters[0]; f.Exhaustion != tt.want {
				t.Errorf("%s: a holder that took %s: %q, risk %v; want %q", m, tt.name, f.Exhaustion, f.Risk, tt.want)
			}
		}
	}
	// One of whom nobody knows since when may have just begun.
	if f := Predict(mode(Parallel), Lock{Held: true, TTL: 900 * s, HasTTL: true, Typical: 2 * s}, due(10, 10*s), noon).Waiters[0]; f.Exhaustion != Likely {
		t.Errorf("%q", f.Exhaustion)
	}
}

func BenchmarkPredict50(b *testing.B) {
	const s = time.Second
	held := Lock{Held: true, TTL: 14 * s, HasTTL: true, Age: s, AgeKnown: true, Typical: hold}
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		b.Run(fmt.Sprint(m), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Predict(mode(m), held, together(50, 1, 30*s), noon)
			}
		})
	}
}
