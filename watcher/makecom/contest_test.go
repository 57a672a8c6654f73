package makecom

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scene is what the published numbers are for: two seconds of work, 45 ms a call, ten retries a minute apart.
func scene(m Mode) Simulator {
	p := DefaultPolicy
	p.Mode = m
	return Simulator{Policy: p, Section: 2 * time.Second, Latency: 45 * time.Millisecond}
}

func TestContendersOnOneKeyThatAllTryAtOnce(t *testing.T) {
	type row struct {
		ranOut   int
		lastDone string // seconds
	}
	table := []struct {
		k                           int
		parallel, sequential, batch row
	}{
		{2, row{0, "62.1"}, row{0, "62.1"}, row{0, "62.1"}},
		{10, row{0, "542.5"}, row{0, "78.9"}, row{0, "186.4"}},
		{11, row{0, "602.5"}, row{0, "80.9"}, row{0, "186.4"}},
		{12, row{1, "602.5"}, row{0, "83.0"}, row{0, "186.4"}},
		{20, row{9, "602.5"}, row{0, "99.8"}, row{0, "192.7"}},
		{50, row{39, "602.5"}, row{0, "162.5"}, row{0, "213.6"}},
	}
	for _, line := range table {
		for mode, want := range map[Mode]row{Parallel: line.parallel, Sequential: line.sequential, Batch: line.batch} {
			t.Run(fmt.Sprintf("%d %s", line.k, mode), func(t *testing.T) {
				out := scene(mode).Burst(line.k)
				if got := (row{out.RanOut, decimals(out.LastDone, 1)}); got != want {
					t.Errorf("run out, last done = %v; want %v", got, want)
				}
				if len(out.Fates) != line.k || len(out.Acquired)+out.RanOut != line.k {
					t.Errorf("%d contenders, %d in, %d out: some are lost", line.k, len(out.Acquired), out.RanOut)
				}
			})
		}
	}
}

func TestTenContendersAcquireAt(t *testing.T) {
	for mode, want := range map[Mode]string{
		Parallel:   "0.02 60.07 120.11 180.16 240.20 300.25 360.29 420.34 480.38 540.43",
		Sequential: "0.02 60.07 62.16 64.25 66.34 68.43 70.52 72.61 74.70 76.79",
		Batch:      "0.02 60.07 62.16 64.25 120.11 122.20 124.29 180.16 182.25 184.34",
	} {
		t.Run(string(mode), func(t *testing.T) {
			var got []string
			for _, at := range scene(mode).Burst(10).Acquired {
				got = append(got, decimals(at, 2))
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("got  %s\nwant %s", s, want)
			}
		})
	}
}

// decimals prints seconds, rounded half up as a person would.
func decimals(d time.Duration, digits int) string {
	unit := time.Second
	for range digits {
		unit /= 10
	}
	n := (d + unit/2) / unit
	return fmt.Sprintf("%d.%0*d", n/(time.Second/unit), digits, n%(time.Second/unit))
}

func TestInParallelAllButOneAndTheRetriesRunOut(t *testing.T) {
	for k := range 60 {
		if got, want := scene(Parallel).Burst(k).RanOut, max(0, k-10-1); got != want {
			t.Errorf("of %d contenders %d run out; want %d", k, got, want)
		}
	}
}

func TestRetryWaitsForTheHolderAtTheStartOnlyWhereTheScenarioStillRuns(t *testing.T) {
	tests := []struct {
		name   string
		s      Simulator
		denied int
		want   time.Duration
	}{
		{"running, batch: no retry starts", with(scene(Batch), 5*time.Second, 5*time.Second), 0, 5*time.Second + 22500*time.Microsecond},
		{"running, parallel: it is denied", with(scene(Parallel), 5*time.Second, 5*time.Second), 1, 60*time.Second + 45*time.Millisecond + 22500*time.Microsecond},
		{"crashed, batch: it is denied", with(scene(Batch), 5*time.Second, 0), 1, 60*time.Second + 45*time.Millisecond + 22500*time.Microsecond},
		{"free", with(scene(Batch), 0, 0), 0, 22500 * time.Microsecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.s.Run([]Contender{{Tries: 2}}).Fates[0]
			if f.RanOut || f.Denied != tt.denied || f.Acquired != tt.want {
				t.Errorf("%+v; want %d denials and the lock at %v", f, tt.denied, tt.want)
			}
		})
	}
}

func with(s Simulator, freed, idle time.Duration) Simulator {
	s.Freed, s.Idle = freed, idle
	return s
}

func TestRetryThatComesDueWhileABatchHasRoomJoinsIt(t *testing.T) {
	ms := time.Millisecond
	out := scene(Batch).Run([]Contender{{At: 0, Tries: 9}, {At: ms, Tries: 9}, {At: 2 * ms, Tries: 9}, {At: 3 * ms, Tries: 9}})
	for i, denied := range []int{0, 1, 2, 0} { // the second and third meet once more
		if got := out.Fates[i].Denied; got != denied {
			t.Errorf("contender %d was denied %d times; want %d", i, got, denied)
		}
	}
	if got, want := out.Fates[3].Acquired, 2090*ms+22500*time.Microsecond; got != want {
		t.Errorf("the fourth, for whom the batch was full, got in at %v; want %v, after it", got, want)
	}
}

func TestContenderWithoutTriesRunsOutAtOnceAndNobodyIsNoTrouble(t *testing.T) {
	if out := scene(Batch).Run([]Contender{{}}); out.RanOut != 1 || out.LastDone != 0 {
		t.Errorf("%+v", out)
	}
	if out := scene(Batch).Burst(0); out.RanOut != 0 || len(out.Acquired) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestNoTwoHoldTheLockAtOnceAndNobodyTriesTooOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Simulator{
			Policy: Policy{
				Mode:     rapid.SampledFrom([]Mode{Sequential, Batch, Parallel}).Draw(t, "mode"),
				Interval: time.Duration(rapid.IntRange(1, 100).Draw(t, "interval")) * time.Second,
				Attempts: 10, Batch: rapid.IntRange(1, 5).Draw(t, "batch"),
			},
			Section: time.Duration(rapid.IntRange(0, 100_000).Draw(t, "section")) * time.Millisecond,
			Latency: time.Duration(rapid.IntRange(0, 500).Draw(t, "latency")) * time.Millisecond,
		}
		if seed := rapid.Uint64().Draw(t, "seed"); seed%2 == 0 {
			s.Tie = rand.New(rand.NewPCG(seed, 1)).Uint64
		}
		cs := make([]Contender, rapid.IntRange(0, 20).Draw(t, "contenders"))
		for i := range cs {
			cs[i] = Contender{
				At:    time.Duration(rapid.IntRange(0, 60_000).Draw(t, "at")) * time.Millisecond,
				Tries: rapid.IntRange(0, 11).Draw(t, "tries"),
				Fresh: rapid.Bool().Draw(t, "fresh"),
			}
		}
		out := s.Run(cs)
		if len(out.Acquired)+out.RanOut != len(cs) || !slices.IsSorted(out.Acquired) {
			t.Fatalf("%d contenders: %+v", len(cs), out)
		}
		for i := 1; i < len(out.Acquired); i++ {
			if hold := s.Section + s.Latency; out.Acquired[i]-out.Acquired[i-1] < hold {
				t.Fatalf("acquired at %v and %v, less than a hold of %v apart", out.Acquired[i-1], out.Acquired[i], hold)
			}
		}
		for i, f := range out.Fates {
			if f.RanOut && f.Denied != cs[i].Tries || !f.RanOut && f.Denied >= cs[i].Tries {
				t.Fatalf("%+v with %d tries", f, cs[i].Tries)
			}
			if !f.RanOut && f.Acquired < cs[i].At {
				t.Fatalf("%+v got in before it came at %v", f, cs[i].At)
			}
		}
	})
}

func BenchmarkBurst(b *testing.B) {
	for _, mode := range []Mode{Sequential, Batch, Parallel} {
		b.Run(string(mode), func(b *testing.B) {
			for b.Loop() {
				scene(mode).Burst(50)
			}
		})
	}
}
