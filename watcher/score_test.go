package watcher

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"locktop/watcher/makecom"
)

// scored plays a scenario and gives the score of its forecasts.
func scored(t *testing.T, sc makecom.Scenario, tie func() uint64) Score {
	t.Helper()
	tb := NewTable()
	tb.Scoring(sc.Policy, sc.Latency)
	if err := (Simulated{sc, tie, start}).Run(t.Context(), tb.Apply); err != nil {
		t.Fatal(err)
	}
	return tb.Score()
}

// contenders are twenty that want one record, all at once.
func contenders(m makecom.Mode) makecom.Scenario {
	sc := makecom.DefaultScenario
	sc.Webhooks, sc.SameKey, sc.Policy.Mode = 20, 20, m
	return sc
}

// all adds scores up.
type all struct {
	settled, timed, half, bounded, inside, judged, wrong, cleared, unknown, skipped int
	off, brier, base, clears, worst                                                 float64
	bands                                                                           [len(RiskBands)]Band
}

func (a *all) add(s Score) {
	a.settled += s.Settled
	a.timed += s.Timed
	a.half += s.Half
	a.bounded += s.Bounded
	a.inside += s.Inside
	a.judged += s.Judged
	a.wrong += s.CertainWrong
	a.cleared += s.Cleared
	a.unknown += s.Unknown
	a.skipped += s.Skipped
	a.off += s.Off.Seconds() * float64(s.Timed)
	a.brier += s.Brier * float64(s.Judged)
	a.base += s.Base * float64(s.Judged)
	a.clears += s.ClearsOff * float64(s.Cleared)
	a.worst = max(a.worst, s.ClearsOff)
	for i, b := range s.Bands {
		a.bands[i].Risk += b.Risk * float64(b.Forecasts)
		a.bands[i].Forecasts += b.Forecasts
		a.bands[i].RanOut += b.RanOut
	}
}

func (a *all) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d forecasts (%d unknown, %d skipped): off by %.3f s, %.1f %% of %d by their 90 %% time, %.1f %% by the 50 %% one; Brier %.4f, base rate %.4f; clears off by %.1f %% of %d, at most %.1f %%; certain wrong %d",
		a.settled, a.unknown, a.skipped, a.off/float64(a.timed), 100*float64(a.inside)/float64(a.bounded), a.bounded, 100*float64(a.half)/float64(a.timed),
		a.brier/float64(a.judged), a.base/float64(a.judged), 100*a.clears/float64(a.cleared), a.cleared, 100*a.worst, a.wrong)
	for i, band := range a.bands {
		if band.Forecasts > 0 {
			fmt.Fprintf(&b, "\n  risk up to %.2f: %d, said %.3f, ran out %.3f", RiskBands[i], band.Forecasts, band.Risk/float64(band.Forecasts), band.Share())
		}
	}
	return b.String()
}

const seeds = 20

// bursts plays a scenario with several seeds. In sequential mode Make.com takes work in its order, so nothing is drawn.
func bursts(t *testing.T, sc makecom.Scenario) *all {
	a := &all{}
	for seed := range uint64(seeds) {
		var tie func() uint64
		if sc.Policy.Mode != makecom.Sequential {
			tie = rand.New(rand.NewPCG(seed, 1)).Uint64
		}
		sc.Section = 2*time.Second + time.Duration(seed)*50*time.Millisecond
		a.add(scored(t, sc, tie))
	}
	return a
}

var modes = []makecom.Mode{makecom.Sequential, makecom.Batch, makecom.Parallel}

func TestForecastsOfPlayedBurstsAreAsGoodAsPromised(t *testing.T) {
	for _, m := range modes {
		for _, attempts := range []int{2, 10, 25} {
			for _, spread := range []time.Duration{0, time.Second, 10 * time.Second} {
				for _, crashing := range []int{0, 1} {
					t.Run(fmt.Sprintf("%s, %d retries, within %s, %d crash", m, attempts, spread, crashing), func(t *testing.T) {
						sc := contenders(m)
						sc.Policy.Attempts, sc.Spread, sc.Crashing = attempts, spread, crashing
						// Other records show how long a hold takes also where the first contender crashes.
						sc.Webhooks, sc.Workers = 25, 25
						a := bursts(t, sc)
						t.Log(a)
						if a.settled < seeds*10 || a.skipped > 0 {
							t.Errorf("%d forecasts are settled, %d skipped", a.settled, a.skipped)
						}
						if m == makecom.Sequential && a.off/float64(a.timed) >= 2 {
							t.Errorf("sequential forecasts are off by %.2f s on average; promised is less than 2 s", a.off/float64(a.timed))
						}
						if a.wrong > 0 {
							t.Errorf("%d got in that were certain not to", a.wrong)
						}
						if a.cleared < seeds || a.worst > 0.1 {
							t.Errorf("%d clearing times are off by up to %.1f %%; promised is 10 %%", a.cleared, 100*a.worst)
						}
						if a.brier > a.base || a.base > 0 && a.brier == a.base {
							t.Errorf("the Brier score %.4f is no better than the base rate's, %.4f", a.brier/float64(a.judged), a.base/float64(a.judged))
						}
					})
				}
			}
		}
	}
}

func TestNineOfTenComeByTheir90PercentTimeWhereWhoWinsIsChance(t *testing.T) {
	for _, m := range []makecom.Mode{makecom.Batch, makecom.Parallel} {
		// With ten retries, nine of twenty run out in parallel, and no time is promised to anybody.
		for _, attempts := range []int{19, 25} {
			t.Run(fmt.Sprintf("%s, %d retries", m, attempts), func(t *testing.T) {
				sc := contenders(m)
				sc.Policy.Attempts = attempts
				a := bursts(t, sc)
				t.Log(a)
				if share := float64(a.inside) / float64(a.bounded); share < 0.85 || share > 0.95 || a.bounded < 500 {
					t.Errorf("%.1f %% of %d came by it", 100*share, a.bounded)
				}
			})
		}
	}
}

func TestRisksHappenAsOftenAsSaid(t *testing.T) {
	for _, tt := range []struct {
		m        makecom.Mode
		attempts int
		spread   time.Duration
	}{{makecom.Parallel, 10, 0}, {makecom.Parallel, 5, 0}, {makecom.Batch, 2, time.Second}, {makecom.Batch, 3, 10 * time.Second}} {
		t.Run(fmt.Sprintf("%s, %d retries, within %s", tt.m, tt.attempts, tt.spread), func(t *testing.T) {
			sc := contenders(tt.m)
			sc.Policy.Attempts, sc.Spread = tt.attempts, tt.spread
			a := bursts(t, sc)
			t.Log(a)
			for i, b := range a.bands {
				if b.Forecasts < 100 {
					continue // too few to tell
				}
				if said := b.Risk / float64(b.Forecasts); math.Abs(said-b.Share()) > 0.12 {
					t.Errorf("risks up to %.2f: said %.3f of %d, ran out %.3f", RiskBands[i], said, b.Forecasts, b.Share())
				}
			}
		})
	}
}

// log are the events of a scenario.
func logOf(t *testing.T, sc makecom.Scenario) []Event {
	t.Helper()
	var events []Event
	tie := rand.New(rand.NewPCG(7, 7)).Uint64
	if err := (Simulated{sc, tie, start}).Run(t.Context(), func(e Event) { events = append(events, e) }); err != nil {
		t.Fatal(err)
	}
	return events
}

// scoring is a table that keeps score, of a policy.
func scoring(p makecom.Policy) *Table {
	tb := NewTable()
	tb.Scoring(p, makecom.DefaultLatency)
	return tb
}

func TestAReplayHasTheSameScoreAndLookingDoesNotChangeIt(t *testing.T) {
	sc := contenders(makecom.Batch)
	sc.Spread = 5 * time.Second
	events := logOf(t, sc)
	live, replayed := scoring(sc.Policy), scoring(sc.Policy)
	for _, e := range events {
		live.Apply(Event{Type: Alive, Time: e.Time}) // no log has those
		live.Apply(e)
		live.View(Query{Policy: sc.Policy, Sort: ByClears}, e.Time)
		live.Detail(e.Key.Raw(), Query{}, e.Time.Add(time.Second))
		replayed.Apply(e)
	}
	if a, b := live.Score(), replayed.Score(); !reflect.DeepEqual(a, b) || a.Settled == 0 {
		t.Errorf("live %+v\nreplayed %+v", a, b)
	}
}

func TestAForecastIsMadeOncePerDenialAndKnowsTheWholeBurst(t *testing.T) {
	tb := scoring(makecom.DefaultPolicy)
	for i := range 5 {
		tb.Apply(acquired("lock:a", "x", 15*time.Second, float64(i)*3))
		tb.Apply(ended(Released, "lock:a", float64(i)*3+2))
	}
	tb.Apply(acquired("lock:a", "x", 15*time.Second, 20))
	for i := range 4 {
		tb.Apply(denied("lock:a", fmt.Sprintf("evt_%d", i), 1, 20.001+float64(i)*0.001))
	}
	tb.Apply(acquired("lock:b", "x", 15*time.Second, 21.5)) // a second after the last denial
	n := tb.scorer.locks["lock:a"]
	if len(n.notes) != 4 || tb.scorer.open != 4 || len(n.clears) != 1 {
		t.Fatalf("noted are %+v", n)
	}
	// Three of the four meet: nobody can count on the next retry.
	if f := n.notes["evt_0"][0]; !f.made.Equal(at(21.001)) || !f.by.After(at(100)) {
		t.Errorf("the forecast of the first is %+v", f)
	}
	tb.Apply(ended(Released, "lock:a", 22))
	tb.Apply(ended(Released, "lock:b", 23))
	if tb.scorer.open != 4 {
		t.Errorf("events that are no denials made it %d forecasts", tb.scorer.open)
	}
}

func TestAForecastThatRestsOnNoHoldWaitsForOne(t *testing.T) {
	tb := scoring(makecom.DefaultPolicy)
	tb.Apply(acquired("lock:a", "x", 15*time.Second, 0))
	tb.Apply(denied("lock:a", "evt", 1, 1))
	tb.Apply(acquired("lock:other", "x", 15*time.Second, 5))
	if tb.scorer.open != 0 {
		t.Error("a forecast was noted though no hold was seen to end")
	}
	tb.Apply(ended(Released, "lock:a", 6))
	tb.Apply(ended(Released, "lock:other", 8))
	if tb.scorer.open != 1 || !tb.scorer.locks["lock:a"].notes["evt"][0].made.Equal(at(7)) {
		t.Errorf("%d forecasts are noted, %+v", tb.scorer.open, tb.scorer.locks["lock:a"])
	}
	got := acquired("lock:a", "y", 15*time.Second, 61.045)
	got.Work = NewText("evt")
	tb.Apply(got)
	s := tb.Score()
	if s.Settled != 1 || s.Acquired != 1 || s.Off != 0 || s.Inside != 1 || s.Brier != 0 || tb.scorer.open != 0 {
		t.Errorf("a forecast that was right has the score %+v", s)
	}
	if d, _ := tb.Detail("lock:a", Query{}, at(62)); !reflect.DeepEqual(d.Score, s) {
		t.Errorf("the details have %+v", d.Score)
	}
	if s := tb.ScoreOf("job:1"); s.Settled != 0 {
		t.Errorf("another family has %+v", s)
	}
}

// awaited is a table with a forecast of one work, and its lock free.
func awaited() *Table {
	tb := scoring(makecom.DefaultPolicy)
	for _, e := range []Event{
		acquired("lock:a", "x", 15*time.Second, 0), denied("lock:a", "evt", 1, 1), ended(Released, "lock:a", 6), ended(Released, "lock:other", 8),
	} {
		tb.Apply(e)
	}
	return tb
}

func TestWhatNobodySawIsNoOutcome(t *testing.T) {
	in := acquired("lock:a", "y", 15*time.Second, 90)
	in.Work, in.Inferred, in.Held = NewText("evt"), true, Unknown
	left := Event{Type: Left, Key: NewText("lock:a"), Work: NewText("evt"), Time: at(70), Inferred: true}
	for name, events := range map[string][]Event{
		"an acquire of which nobody knows when": {in},
		"a waiter that left":                    {left},
		"a waiter that went away":               {ended(Released, "lock:other", 121)},
		"an operator who interfered":            {acquired("lock:a", "x", 15*time.Second, 20), ended(Forced, "lock:a", 22)},
		"a work that begins anew":               {denied("lock:a", "evt", 1, 400)},
	} {
		tb := awaited()
		for _, e := range events {
			tb.Apply(e)
		}
		if s := tb.Score(); s.Settled != 0 || s.Unknown != 1 || tb.scorer.open != 0 || s.Cleared != 0 {
			t.Errorf("%s: %+v, %d open", name, s, tb.scorer.open)
		}
	}
	// An acquire that was read late, and of which it is known since when it holds, is one.
	tb := awaited()
	in.Held = 90*time.Second - 61045*time.Millisecond
	tb.Apply(in)
	if s := tb.Score(); s.Acquired != 1 || s.Off != 0 {
		t.Errorf("a hold that is known to have begun in time: %+v", s)
	}
}

func TestWhoRunsOutSettlesTheRisk(t *testing.T) {
	tb := awaited()
	tb.Apply(denied("lock:a", "evt", 11, 61))
	if s := tb.Score(); s.Settled != 1 || s.Acquired != 0 || s.Judged != 1 || s.Brier != 1 || s.Base != 0 || s.Bands[0].RanOut != 1 {
		t.Errorf("one that ran out at no risk has the score %+v", s)
	}
}

func TestADenialOfBeforeIsNoNews(t *testing.T) {
	tb := scoring(makecom.DefaultPolicy)
	tb.Apply(acquired("lock:a", "x", 15*time.Second, 0))
	tb.Apply(ended(Released, "lock:a", 2))
	old := denied("lock:a", "evt", 1, 1)
	old.Inferred = true
	tb.Apply(old)
	tb.Apply(Event{Type: Resynced, Time: at(10)})
	tb.Apply(acquired("lock:b", "x", 15*time.Second, 15))
	if tb.scorer.open != 0 {
		t.Errorf("%d forecasts are noted", tb.scorer.open)
	}
	polled := denied("lock:a", "evt", 2, 61)
	polled.Inferred = true // as everything is where nothing notifies
	tb.Apply(polled)
	tb.Apply(ended(Released, "lock:b", 63))
	if tb.scorer.open != 1 {
		t.Errorf("%d forecasts are noted of a denial that was polled", tb.scorer.open)
	}
}

func TestForecastsThatHaveBeenBadSaySo(t *testing.T) {
	sc := contenders(makecom.Sequential)
	wrong := sc.Policy
	wrong.Interval = 50 * time.Second // what the viewer believes
	tb := scoring(wrong)
	for _, e := range logOf(t, sc) {
		tb.Apply(e)
	}
	if d := tb.Score().Doubt(); !strings.HasSuffix(d, " % of 19 came by their time") {
		t.Errorf("an interval that is wrong: %q, %+v", d, tb.Score())
	}
	sc = contenders(makecom.Batch)
	wrong = sc.Policy
	wrong.Batch = 20 // all in one batch, of whom nine run out
	tb = scoring(wrong)
	for _, e := range logOf(t, sc) {
		tb.Apply(e)
	}
	if d := tb.Score().Doubt(); !strings.HasPrefix(d, "the risk of running out was misjudged for ") {
		t.Errorf("a batch that is wrong: %q, %+v", d, tb.Score())
	}
	for _, tt := range []struct {
		score Score
		want  string
	}{
		{Score{}, ""},
		{Score{Bounded: 9}, ""},
		{Score{Bounded: 25, Inside: 10}, "40 % of 25 came by their time"},
		{Score{Bounded: 25, Inside: 18}, ""},
		{Score{CertainWrong: 1}, "1 got in that were certain not to"},
		{Score{Judged: 30, Brier: 0.3, Base: 0.2}, "the risk of running out was misjudged for 30"},
		{Score{Judged: 30, Brier: 0.22, Base: 0.2}, ""},
	} {
		if got := tt.score.Doubt(); got != tt.want {
			t.Errorf("%+v: %q, should be %q", tt.score, got, tt.want)
		}
	}
}

func TestScoringCostsNoMoreThanItMay(t *testing.T) {
	tb := scoring(makecom.DefaultPolicy)
	tb.Apply(acquired("lock:a", "x", time.Hour, 0))
	tb.Apply(ended(Released, "lock:a", 2))
	const locks = forecastsSaved + 1000
	for i := range locks {
		tb.Apply(denied(fmt.Sprintf("lock:%d", i), "evt", 1, 3))
	}
	tb.Apply(acquired("lock:a", "x", time.Hour, 5))
	if s := tb.Score(); s.Skipped < 900 || s.Skipped > 1000 || tb.scorer.open != locks-s.Skipped {
		t.Errorf("of %d denials at once %d have no forecast, %d have", locks, s.Skipped, tb.scorer.open)
	}
	tb.Apply(acquired("lock:a", "x", time.Hour, 1000))
	if s := tb.Score(); len(tb.scorer.locks) != 0 || tb.scorer.open != 0 || s.Unknown != locks-s.Skipped {
		t.Errorf("a while later %d locks are kept, %d forecasts are open, %d unknown", len(tb.scorer.locks), tb.scorer.open, s.Unknown)
	}
}

func TestWhatIsNotedEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := scoring(makecom.Policy{Mode: makecom.Batch, Interval: 20 * time.Second, Attempts: 3, Batch: 3})
		now := 0.0
		for range rapid.IntRange(0, 100).Draw(t, "events") {
			now += rapid.SampledFrom([]float64{0, 0, 0.5, 3, 21}).Draw(t, "later")
			tb.Apply(anyEvent(t, now, 2))
			open := 0
			for _, n := range tb.scorer.locks {
				for _, notes := range n.notes {
					open += len(notes)
				}
			}
			if open != tb.scorer.open {
				t.Fatalf("%d forecasts are open, counted are %d", open, tb.scorer.open)
			}
		}
		for _, key := range slices.Collect(maps.Keys(tb.scorer.locks)) {
			tb.Apply(ended(Deleted, key, now))
		}
		for range 10 { // nobody comes back
			now += 50
			tb.Apply(acquired("lock:last", "x", time.Minute, now))
		}
		if len(tb.scorer.locks) != 0 || len(tb.scorer.check) != 0 || len(tb.scorer.due) != 0 {
			t.Fatalf("%+v are left", tb.scorer)
		}
	})
}

func BenchmarkApplyOfABurst(b *testing.B) {
	sc := contenders(makecom.Batch)
	var events []Event
	Simulated{sc, nil, start}.Run(b.Context(), func(e Event) { events = append(events, e) })
	for _, keepScore := range []bool{false, true} {
		b.Run(fmt.Sprintf("scoring %v", keepScore), func(b *testing.B) {
			for b.Loop() {
				tb := NewTable()
				if keepScore {
					tb.Scoring(sc.Policy, 0)
				}
				for _, e := range events {
					tb.Apply(e)
				}
			}
		})
	}
}
