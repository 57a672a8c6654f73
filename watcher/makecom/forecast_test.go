package makecom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	call    = 45 * time.Millisecond
	section = 2 * time.Second
	hold    = section + call        // H
	whole   = hold + call           // C
	every   = 60*time.Second + call // R + L
)

func mode(m Mode) Policy {
	p := DefaultPolicy
	p.Mode = m
	return p
}

// due are waiters with so many denials whose next retries come so long after noon.
func due(attempts int, after ...time.Duration) []Waiter {
	ws := make([]Waiter, len(after))
	for i, d := range after {
		ws[i] = Waiter{Attempts: attempts, LastDenied: noon.Add(d - time.Minute)}
	}
	return ws
}

func together(n, attempts int, after time.Duration) []Waiter {
	return due(attempts, slices.Repeat([]time.Duration{after}, n)...)
}

// free is a lock that nobody holds, with two seconds of work to each hold.
var free = Lock{Typical: hold}

// after says a time as the duration since noon; "-" for none.
func after(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Sub(noon).String()
}

// turnOf is the time of the retry that gets the lock then, one interval after its denial in Redis: one call before.
func turnOf(granted time.Time) time.Time {
	if granted.IsZero() {
		return granted
	}
	return granted.Add(-call)
}

func acquires(res Result) []string {
	var s []string
	for _, f := range res.Waiters {
		s = append(s, after(turnOf(f.AcquireP50))+"/"+after(turnOf(f.AcquireP90)))
	}
	return s
}

func TestLockIsGrantedOneIntervalAndOneCallAfterADenial(t *testing.T) {
	// As Redis sees it: a denial at 0 is answered half a call later, and the retry reaches Redis half a call after its start.
	out := scene(Batch).Burst(2)
	res := Predict(DefaultPolicy, Lock{Held: true, TTL: 15 * time.Second, HasTTL: true, AgeKnown: true, Typical: hold}, together(1, 1, time.Minute), noon)
	if got, want := res.Waiters[0].AcquireP50.Sub(noon), out.Acquired[1]-out.Acquired[0]; got != want {
		t.Errorf("granted %v after the denial; simulated %v", got, want)
	}
}

func TestHolderIsDoneAtItsTypicalHoldOrItsTTLWhicheverIsFirst(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name  string
		lock  Lock
		after time.Duration
		runs  bool
		known bool
	}{
		{"free", Lock{TTL: 5 * s, HasTTL: true, Typical: 2 * s}, 0, false, true},
		{"typical hold not yet over", Lock{Held: true, TTL: 14 * s, HasTTL: true, Age: s, AgeKnown: true, Typical: 3 * s}, 2 * s, true, true},
		{"its TTL runs out before", Lock{Held: true, TTL: s, HasTTL: true, Age: 14 * s, AgeKnown: true, Typical: 20 * s}, s, true, true},
		{"typical hold just over", Lock{Held: true, TTL: 12 * s, HasTTL: true, Age: 3 * s, AgeKnown: true, Typical: 3 * s}, 12 * s, false, true},
		{"overdue", Lock{Held: true, TTL: 5 * s, HasTTL: true, Age: 10 * s, AgeKnown: true, Typical: 3 * s}, 5 * s, false, true},
		{"no typical hold known", Lock{Held: true, TTL: 5 * s, HasTTL: true, Age: 10 * s, AgeKnown: true}, 5 * s, false, true},
		{"age unknown", Lock{Held: true, TTL: 5 * s, HasTTL: true, Typical: 3 * s}, 5 * s, false, true},
		{"no TTL, typical hold not yet over", Lock{Held: true, Age: s, AgeKnown: true, Typical: 3 * s}, 2 * s, true, true},
		{"no TTL, overdue", Lock{Held: true, Age: 5 * s, AgeKnown: true, Typical: 3 * s}, 0, false, false},
		{"no TTL, nothing known", Lock{Held: true}, 0, false, false},
		{"TTL over, not yet confirmed", Lock{Held: true, TTL: -s, HasTTL: true}, 0, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, runs, known := tt.lock.limited().end()
			if d != tt.after || runs != tt.runs || known != tt.known {
				t.Errorf("in %v, runs %v, known %v; want %v, %v, %v", d, runs, known, tt.after, tt.runs, tt.known)
			}
		})
	}
}

func TestNextRetryIsOneIntervalAfterTheLastDenialAndDueNowOnceThatHasPassed(t *testing.T) {
	tests := []struct {
		name string
		w    Waiter
		next string
		left int
	}{
		{"to come", Waiter{1, noon.Add(-20 * time.Second)}, "40s", 10},
		{"due", Waiter{2, noon.Add(-time.Minute)}, "0s", 9},
		{"overdue", Waiter{3, noon.Add(-time.Hour)}, "0s", 8},
		{"denied later than now, by another clock", Waiter{1, noon.Add(time.Hour)}, "1m0s", 10},
		{"last retry", Waiter{10, noon}, "1m0s", 1},
		{"none left", Waiter{11, noon}, "-", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Predict(DefaultPolicy, free, []Waiter{tt.w}, noon).Waiters[0]
			if after(f.Next) != tt.next || f.AttemptsLeft != tt.left {
				t.Errorf("next %s, %d left; want %s, %d", after(f.Next), f.AttemptsLeft, tt.next, tt.left)
			}
		})
	}
}

func TestPositionIsTheOrderOfComingBack(t *testing.T) {
	ws := due(1, 30*time.Second, -5*time.Second, 10*time.Second, -9*time.Second, 10*time.Second)
	ws = append(ws, Waiter{11, noon.Add(-time.Hour)}) // comes back no more
	var got []int
	for _, f := range Predict(DefaultPolicy, free, ws, noon).Waiters {
		got = append(got, f.Position)
	}
	if want := []int{5, 2, 3, 1, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("positions %v; want %v", got, want)
	}
}

func TestSequentialEachStartsAtItsRetryOrWhenThePreviousIsDone(t *testing.T) {
	const s = time.Second
	held := Lock{Held: true, TTL: 14 * s, HasTTL: true, Age: s, AgeKnown: true, Typical: hold}
	tests := []struct {
		name   string
		lock   Lock
		ws     []Waiter
		want   []time.Duration
		clears time.Duration
	}{
		{"one behind another", free, together(3, 1, 10*s), []time.Duration{10 * s, 10*s + whole, 10*s + 2*whole}, 10*s + 3*whole},
		{"far apart", free, due(1, 10*s, 20*s), []time.Duration{10 * s, 20 * s}, 20*s + whole},
		{"behind the holder", held, due(1, 500*time.Millisecond, 30*s), []time.Duration{hold - s, 30 * s}, 30*s + whole},
		{"behind the holder and each other", held, due(1, 0, 0), []time.Duration{hold - s, hold - s + whole}, hold - s + 2*whole},
		{"in the order in which they come", free, due(1, 20*s, 10*s), []time.Duration{20 * s, 10 * s}, 20*s + whole},
		{"overdue ones at once", free, due(1, -20*s, -10*s), []time.Duration{0, whole}, 2 * whole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := Predict(mode(Sequential), tt.lock, tt.ws, noon)
			for i, f := range res.Waiters {
				if !turnOf(f.AcquireP50).Equal(noon.Add(tt.want[i])) || !f.AcquireP90.Equal(f.AcquireP50) {
					t.Errorf("waiter %d at %s, %s; want %v", i, after(turnOf(f.AcquireP50)), after(turnOf(f.AcquireP90)), tt.want[i])
				}
				if f.Risk != 0 || f.Exhaustion != None {
					t.Errorf("waiter %d: risk %v, %q; nobody runs out", i, f.Risk, f.Exhaustion)
				}
			}
			if !res.ClearsP50.Equal(noon.Add(tt.clears)) {
				t.Errorf("clears at %s; want %v", after(res.ClearsP50), tt.clears)
			}
		})
	}
}

func TestParallelRetryingTogetherIsUniformOverTheRounds(t *testing.T) {
	for _, denials := range []int{1, 4, 10} {
		r := DefaultPolicy.AttemptsLeft(denials)
		for _, m := range []int{1, 2, 3, 9, 10, 11, 12, 40, 256} {
			t.Run(fmt.Sprintf("%d waiters, %d retries left", m, r), func(t *testing.T) {
				const next = 10 * time.Second
				res := Predict(mode(Parallel), free, together(m, denials, next), noon)
				round := func(j int) time.Time { // zero for one that they don't reach
					if j > r {
						return time.Time{}
					}
					return noon.Add(next + time.Duration(j-1)*every)
				}
				risk := float64(max(0, m-r)) / float64(m)
				for i, f := range res.Waiters {
					if want := round((m + 1) / 2); !turnOf(f.AcquireP50).Equal(want) {
						t.Fatalf("waiter %d: p50 %s; want %s", i, after(f.AcquireP50), after(want))
					}
					if want := round((9*m + 9) / 10); !turnOf(f.AcquireP90).Equal(want) {
						t.Fatalf("waiter %d: p90 %s; want %s", i, after(f.AcquireP90), after(want))
					}
					if math.Abs(f.Risk-risk) > 1e-6 {
						t.Fatalf("waiter %d: risk %v; want %v", i, f.Risk, risk)
					}
				}
				if want := round(min(m, r)).Add(whole); !res.ClearsP50.Equal(want) {
					t.Errorf("clears at %s; want %s", after(res.ClearsP50), after(want))
				}
			})
		}
	}
}

func TestParallelRetriesThatAreApartGetTheLockInTheirOrder(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name string
		ws   []Waiter
		want []string
	}{
		{"ten seconds apart", due(1, 0, 10*s, 20*s), []string{"0s/0s", "10s/10s", "20s/20s"}},
		{"just a hold apart", due(1, 0, hold), []string{"0s/0s", "2.045s/2.045s"}},
		{"just under a hold apart the second is denied", due(1, 0, hold-1), []string{"0s/0s", "1m2.089999999s/1m2.089999999s"}},
		{"half a call apart they compete", due(1, 0, 10*time.Millisecond, call/2, 30*s), []string{"1m0.045s/2m0.09s", "1m0.055s/2m0.1s", "1m0.0675s/2m0.1125s", "30s/30s"}},
		{"two that come first and two that are denied", due(1, 0, s, 30*s, 31*s), []string{"0s/0s", "1m1.045s/1m1.045s", "30s/30s", "1m31.045s/1m31.045s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := acquires(Predict(mode(Parallel), free, tt.ws, noon)); !slices.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestParallelRetriesSpreadOverTimeWinSideBySide(t *testing.T) {
	const draws = 100
	p := mode(Parallel)
	p.Attempts = 1
	random := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []time.Duration{1, time.Second, 10 * time.Second, 30 * time.Second, 55 * time.Second} {
		for _, m := range []int{2, 10, 40, 200} {
			won := 0.0 // in the first interval
			for range draws {
				var ws []Waiter
				for range m {
					ws = append(ws, due(1, time.Duration(random.Int64N(int64(spread))))...)
				}
				for _, f := range Predict(p, free, ws, noon).Waiters {
					won += (1 - f.Risk) / draws
				}
			}
			j, h := spread.Seconds(), hold.Seconds()
			// The formula leaves out that the first needs to wait for nobody: up to one more.
			want := min(float64(m), max(1, j/(h+j/float64(m))))
			if won < want-0.1 || won > want+1 {
				t.Errorf("%d waiters over %v: %.2f win in an interval; want about %.2f", m, spread, won, want)
			}
		}
	}
}

func TestBatchOfThreeReproducesTheWholeBurst(t *testing.T) {
	// The state after ten of them tried at once: one holds the lock, nine were denied.
	const s = time.Second
	lock := Lock{Held: true, TTL: 15*s - call, HasTTL: true, Age: call, AgeKnown: true, Typical: hold}
	res := Predict(DefaultPolicy, lock, together(9, 1, time.Minute), noon)
	want := []string{"2m0.045s/3m0.09s", "2m2.135s/3m2.18s", "2m4.225s/3m4.27s"}
	for i, got := range acquires(res) {
		if got != want[i/3] {
			t.Errorf("waiter %d at %s; want %s", i, got, want[i/3])
		}
		if res.Waiters[i].Risk != 0 {
			t.Errorf("waiter %d: risk %v; nobody runs out", i, res.Waiters[i].Risk)
		}
	}
	if got := after(res.ClearsP50); got != (3*time.Minute + 4270*time.Millisecond + whole).String() {
		t.Errorf("clears at %s", got)
	}
}

func TestEveryModeIsDoneWhenTheSimulationIs(t *testing.T) {
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		for _, k := range []int{2, 3, 5, 10, 11, 12, 20, 50, 80} {
			out := scene(m).Burst(k)
			lock := Lock{Held: true, TTL: 15*time.Second - call, HasTTL: true, Age: call, AgeKnown: true, Typical: hold}
			res := Predict(mode(m), lock, together(k-1, 1, time.Minute), noon)
			// The forecast is of the moment when the denials are answered, one call after the start.
			if got, want := res.ClearsP50.Sub(noon), out.LastDone-call; got != want {
				t.Errorf("%d %s: done after %v; simulated %v", k, m, got, want)
			}
			lost := 0.0
			for _, f := range res.Waiters {
				lost += f.Risk
			}
			if math.Abs(lost-float64(out.RanOut)) > 1e-6 {
				t.Errorf("%d %s: %v run out; simulated %d", k, m, lost, out.RanOut)
			}
		}
	}
}

func TestAgainstAHolderThatIsGoneOnlyRetriesAfterItsTTLCount(t *testing.T) {
	const ttl = 5*time.Minute + 30*time.Second
	gone := Lock{Held: true, TTL: ttl, HasTTL: true, Age: time.Minute, AgeKnown: true, Typical: hold}
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		for denials := 1; denials <= 11; denials++ {
			t.Run(fmt.Sprintf("%s, %d denials", m, denials), func(t *testing.T) {
				p := mode(m)
				f := Predict(p, gone, due(denials, time.Minute), noon).Waiters[0]
				n := p.FirstToWin(ttl, call)
				if n != 6 {
					t.Fatalf("first retry to win is number %d; want 6", n)
				}
				if f.AttemptsLeft < n {
					if f.Exhaustion != Certain || f.Risk != 1 || !f.AcquireP50.IsZero() || !f.AcquireP90.IsZero() {
						t.Errorf("%+v; want certain to run out", f)
					}
					return
				}
				if want := noon.Add(time.Minute + time.Duration(n-1)*every); !turnOf(f.AcquireP50).Equal(want) || f.Exhaustion != None {
					t.Errorf("%q at %s; want %s", f.Exhaustion, after(turnOf(f.AcquireP50)), after(want))
				}
			})
		}
	}
}

func TestLockClearsWithItsHolderWhereNobodyGetsInAfterIt(t *testing.T) {
	gone := Lock{Held: true, TTL: time.Hour, HasTTL: true}
	if res := Predict(DefaultPolicy, gone, together(3, 5, 0), noon); after(res.ClearsP50) != "1h0m0s" {
		t.Errorf("all run out: clears at %s; want the end of the TTL", after(res.ClearsP50))
	}
	if res := Predict(DefaultPolicy, gone, nil, noon); after(res.ClearsP50) != "1h0m0s" || len(res.Waiters) != 0 {
		t.Errorf("nobody waits: clears at %s; want the end of the TTL", after(res.ClearsP50))
	}
	if res := Predict(DefaultPolicy, free, together(1, 11, 0), noon); !res.ClearsP50.IsZero() {
		t.Errorf("free, and nobody comes back: clears at %s; want nothing", after(res.ClearsP50))
	}
}

func TestWithoutTTLAndTypicalHoldNothingIsPromised(t *testing.T) {
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		res := Predict(mode(m), Lock{Held: true}, append(together(3, 1, 10*time.Second), Waiter{11, noon}), noon)
		for i, f := range res.Waiters[:3] {
			if !f.AcquireP50.IsZero() || !f.AcquireP90.IsZero() || f.Exhaustion != Unknown || f.Risk != 0 {
				t.Errorf("%s: waiter %d: %+v; want unknown", m, i, f)
			}
			if after(f.Next) != "10s" || f.Position != i+1 || f.AttemptsLeft != 10 {
				t.Errorf("%s: waiter %d: %+v; next retry, position and attempts are known all the same", m, i, f)
			}
		}
		if f := res.Waiters[3]; f.Exhaustion != Certain || f.Risk != 1 {
			t.Errorf("%s: %+v; without a retry it runs out whatever the lock does", m, f)
		}
		if !res.ClearsP50.IsZero() {
			t.Errorf("%s: clears at %s; want unknown", m, after(res.ClearsP50))
		}
	}
}

func TestWhereNoHoldWasSeenToEndTheNextIsKnownAndThoseBehindAreNot(t *testing.T) {
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		res := Predict(mode(m), Lock{}, due(1, 10*time.Second, 20*time.Second), noon)
		if f := res.Waiters[0]; after(turnOf(f.AcquireP50)) != "10s" || f.Exhaustion != None {
			t.Errorf("%s: %+v; want the free lock at its retry", m, f)
		}
		if f := res.Waiters[1]; !f.AcquireP50.IsZero() || f.Exhaustion != Unknown {
			t.Errorf("%s: %+v; want unknown", m, f)
		}
		if !res.ClearsP50.IsZero() {
			t.Errorf("%s: clears at %s; want unknown", m, after(res.ClearsP50))
		}
	}
	// Of a held lock at least the lease is known.
	res := Predict(mode(Sequential), Lock{Held: true, TTL: 10 * time.Second, HasTTL: true, Age: 5 * time.Second, AgeKnown: true}, together(2, 1, 12*time.Second), noon)
	if got, want := acquires(res), []string{"12s/12s", "27.045s/27.045s"}; !slices.Equal(got, want) {
		t.Errorf("%v; want %v, a lease of 15 s apart", got, want)
	}
}

func TestRiskIsSaidInAWord(t *testing.T) {
	tests := []struct {
		m    int // waiters that retry together, with 10 retries left
		want Exhaustion
	}{{10, None}, {11, Likely}, {200, Likely}}
	for _, tt := range tests {
		f := Predict(mode(Parallel), free, together(tt.m, 1, 0), noon).Waiters[0]
		if f.Exhaustion != tt.want {
			t.Errorf("%d waiters: risk %.3f is %q; want %q", tt.m, f.Risk, f.Exhaustion, tt.want)
		}
	}
	p := mode(Parallel)
	p.Attempts = 96
	if f := Predict(p, free, together(100, 1, 0), noon).Waiters[0]; f.Exhaustion != None || f.Risk < 0.03 {
		t.Errorf("risk %.3f is %q; under 5 %% it is none", f.Risk, f.Exhaustion)
	}
}

func TestUnequalAttemptsShareTheChanceOfTheRoundsTheyAreIn(t *testing.T) {
	// One with a single retry, two with two: it loses 2 of 3 times; the others meet again, in 1 of 3 cases both.
	ws := append(together(1, 10, 0), together(2, 9, 0)...)
	res := Predict(mode(Parallel), free, ws, noon)
	for i, want := range []float64{2. / 3, 1. / 6, 1. / 6} {
		if got := res.Waiters[i].Risk; math.Abs(got-want) > 1e-9 {
			t.Errorf("waiter %d: risk %v; want %v", i, got, want)
		}
	}
}

func TestForecastAgreesWithManySimulationsThatDrawWhoIsFirst(t *testing.T) {
	const runs = 2000
	// The holder is done in a second, and everybody's time has come by then, in this order.
	line := func(n, attempts int) (ws []Waiter) {
		for i := range n {
			ws = append(ws, due(attempts, time.Duration(i)*time.Millisecond)...)
		}
		return ws
	}
	held := Lock{Held: true, TTL: 14 * time.Second, HasTTL: true, Age: hold - time.Second, AgeKnown: true, Typical: hold}
	tests := []struct {
		name string
		p    Policy
		lock Lock
		ws   []Waiter
		off  float64 // by how much a probability may be wrong; the simulation's own error is 0.03, that of trials about as much
	}{
		{"parallel, together", mode(Parallel), free, together(14, 1, time.Second), 0.04},
		{"parallel, spread", mode(Parallel), free, due(4, 0, 0, 0, time.Second, 3*time.Second, 3*time.Second, 3*time.Second), 0.06},
		{"parallel, unequal attempts", mode(Parallel), free, append(together(4, 8, 0), together(8, 4, 0)...), 0.04},
		{"batch of three", DefaultPolicy, held, line(9, 1), 0.06},
		{"batch, a long line", DefaultPolicy, held, line(60, 5), 0.08},
		{"batch, so long that rounds run into each other", DefaultPolicy, held, line(120, 9), 0.15},
		{"batch, last retries", DefaultPolicy, held, line(12, 10), 0.06},
		{"batch, unequal attempts", DefaultPolicy, held, append(line(6, 8), line(9, 10)...), 0.06},
		{"sequential", mode(Sequential), held, line(25, 10), 0.04},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := Predict(tt.p, tt.lock, tt.ws, noon)
			cs := make([]Contender, len(tt.ws))
			for i, f := range res.Waiters {
				cs[i] = Contender{At: f.Next.Sub(noon) + call/2, Tries: f.AttemptsLeft}
			}
			s := scene(tt.p.Mode)
			s.Policy = tt.p
			if tt.lock.Held {
				s.Freed, s.Idle = time.Second, time.Second+call/2
			}
			s.Tie = rand.New(rand.NewPCG(1, 2)).Uint64
			lost := make([]float64, len(cs))
			got := make([][]time.Duration, len(cs)) // when they were granted the lock
			for range runs {
				for i, fate := range s.Run(cs).Fates {
					if fate.RanOut {
						lost[i] += 1. / runs
					} else {
						got[i] = append(got[i], fate.Acquired)
					}
				}
			}
			all := 0.0
			for i, f := range res.Waiters {
				all += (f.Risk - lost[i]) / float64(len(lost))
				if math.Abs(f.Risk-lost[i]) > tt.off {
					t.Errorf("waiter %d: risk %.3f; simulated %.3f", i, f.Risk, lost[i])
				}
				for quantile, at := range map[float64]time.Time{0.5: f.AcquireP50, 0.9: f.AcquireP90} {
					before, by := 0.0, 0.0 // the probability to have it before that time, and at it
					for _, d := range got[i] {
						if at.IsZero() || d < at.Sub(noon)-time.Second {
							before += 1. / runs
						}
						if at.IsZero() || d <= at.Sub(noon)+time.Second {
							by += 1. / runs
						}
					}
					if before > quantile+tt.off || !at.IsZero() && by < quantile-tt.off {
						t.Errorf("waiter %d: %v %% at %s; simulated %.3f before, %.3f by then", i, 100*quantile, after(at), before, by)
					}
				}
			}
			if math.Abs(all) > 0.03 {
				t.Errorf("the risk of all is off by %.3f", all)
			}
		})
	}
}

func BenchmarkPredict256(b *testing.B) {
	const s = time.Second
	locks := map[string]Lock{
		"free": free,
		"held": {Held: true, TTL: 14 * s, HasTTL: true, Age: s, AgeKnown: true, Typical: hold},
		"gone": {Held: true, TTL: 5 * 60 * s, HasTTL: true, Age: 5 * s, AgeKnown: true, Typical: hold},
		"slow": {Held: true, TTL: 900 * s, HasTTL: true, Age: s, AgeKnown: true, Typical: 300 * s},
	}
	random := rand.New(rand.NewPCG(1, 2))
	var spread []Waiter
	for range 256 {
		spread = append(spread, due(1+random.IntN(10), time.Duration(random.Int64N(int64(time.Minute))))...)
	}
	for _, m := range []Mode{Sequential, Batch, Parallel} {
		for _, name := range []string{"free", "held", "gone", "slow"} {
			for kind, ws := range map[string][]Waiter{"together": together(256, 1, s), "spread": spread} {
				b.Run(fmt.Sprintf("%s/%s/%s", m, name, kind), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						Predict(mode(m), locks[name], ws, noon)
					}
				})
			}
		}
	}
}
