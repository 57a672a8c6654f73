package makecom

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func capacity(t interface{ Fatal(...any) }, s Scenario) Capacity {
	c, err := s.Capacity(0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheModelGivesThePublishedNumbersAsJSON(t *testing.T) {
	text, err := json.Marshal(capacity(t, DefaultScenario))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"sequential":{"clearance_ms":200000,"throughput_per_s":0.5,"added_latency_ms":0},` +
		`"mutex":{"clearance_ms":6270,"throughput_per_s":15.95,"added_latency_ms":90},"speedup":31.9,` +
		`"same_key":{"contenders":10,"retry_mode":"batch","acquired":10,"exhausted":0,"last_done_ms":186405,` +
		`"acquire_ms":[23,60068,62158,64248,120113,122203,124293,180158,182248,184338]},` +
		`"overlap_probability":0,"recommend":{"ttl_ms":15000,"retry_interval_ms":60000,"why":"`
	if !strings.HasPrefix(string(text), want) || strings.Contains(string(text), "limits") {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestTheModelGivesTheTableOfContendersWhateverTheWorkers(t *testing.T) {
	type row struct {
		runOut   int
		lastDone string // seconds
	}
	for _, line := range []struct {
		k                           int
		parallel, sequential, batch row
	}{
		{2, row{0, "62.1"}, row{0, "62.1"}, row{0, "62.1"}},
		{10, row{0, "542.5"}, row{0, "78.9"}, row{0, "186.4"}},
		{11, row{0, "602.5"}, row{0, "80.9"}, row{0, "186.4"}},
		{12, row{1, "602.5"}, row{0, "83.0"}, row{0, "186.4"}},
		{20, row{9, "602.5"}, row{0, "99.8"}, row{0, "192.7"}},
		{50, row{39, "602.5"}, row{0, "162.5"}, row{0, "213.6"}},
	} {
		for mode, want := range map[Mode]row{Parallel: line.parallel, Sequential: line.sequential, Batch: line.batch} {
			s := DefaultScenario
			s.Policy.Mode, s.SameKey = mode, line.k
			got := capacity(t, s).SameKey
			if r := (row{got.Exhausted, seconds(*got.LastDoneMs, 1)}); r != want || got.Acquired != line.k-want.runOut || got.Contenders != line.k {
				t.Errorf("%d contenders, %s: %+v; want %+v", line.k, mode, r, want)
			}
		}
	}
}

func TestTheClosedFormsAndTheSimulationAgree(t *testing.T) {
	ms := func(t *rapid.T, name string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, name)) * time.Millisecond
	}
	rapid.Check(t, func(t *rapid.T) {
		s := DefaultScenario
		s.Policy, s.TTL = anyPolicy(t), time.Hour
		s.Webhooks, s.Workers, s.SameKey = rapid.IntRange(1, 300).Draw(t, "webhooks"), rapid.IntRange(1, 60).Draw(t, "workers"), 0
		s.Section, s.Latency = ms(t, "section", 1, 100_000), ms(t, "latency", 0, 500)
		got := simulate(t, s)
		if got.Mutex != s.mutex() || got.Sequential != s.sequential() {
			t.Fatalf("simulated %+v, %+v; closed form %+v, %+v", got.Mutex, got.Sequential, s.mutex(), s.sequential())
		}
		k := rapid.IntRange(1, 40).Draw(t, "contenders")
		runOut, lastDone, known := s.runOut(k)
		if !known {
			return
		}
		s.SameKey, s.Webhooks = k, max(k, s.Webhooks)
		same := simulate(t, s.contenders()).SameKey
		if same.Exhausted != runOut || *same.LastDoneMs != millis(lastDone) {
			t.Fatalf("simulated %+v, %d ms; closed form %d run out, %v", same, *same.LastDoneMs, runOut, lastDone)
		}
	})
}

func TestThereIsAClosedFormForWhatIsPublished(t *testing.T) {
	for _, mode := range []Mode{Parallel, Sequential} {
		for k := 1; k < 60; k++ {
			if _, _, known := contenders(mode, k).runOut(k); !known {
				t.Fatalf("%d contenders, %s: no closed form applies", k, mode)
			}
		}
	}
	if _, _, known := contenders(Batch, 10).runOut(10); known {
		t.Error("a closed form for batches?")
	}
}

func TestOverlapIsAsLikelyAsAnotherTryInTheTimeThatTheSectionOutlivesItsLock(t *testing.T) {
	s := DefaultScenario
	s.Section, s.TTL, s.SameKey = 61*time.Second, 15*time.Second, 1
	for perSecond, want := range map[float64]float64{0: 0, 0.01: 1 - math.Exp(-0.46), 1: 1} {
		c, err := s.Capacity(perSecond)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(c.OverlapProbability-want) > 1e-4 {
			t.Errorf("%v tries a second: %v; want %v", perSecond, c.OverlapProbability, want)
		}
	}
	// The contenders come back by themselves.
	s.SameKey, s.Section = 10, 20*time.Second
	if p := capacity(t, s).OverlapProbability; math.Abs(p-(1-math.Exp(-9/60.045*5))) > 1e-4 {
		t.Errorf("nine that come back every minute: %v", p)
	}
	s.Section = 15 * time.Second
	if p := capacity(t, s).OverlapProbability; p != 0 {
		t.Errorf("a section within its TTL: %v", p)
	}
}

func TestOverlapIsAsLikelyAsInSimulationsWithTriesAtRandom(t *testing.T) {
	const runs, perSecond = 4000, 0.2
	s := DefaultScenario
	s.Section, s.Latency, s.Workers, s.SameKey, s.Policy.Attempts = 20*time.Second, 0, 1000, 1, 0
	random := rand.New(rand.NewPCG(5, 6))
	overlaps := 0
	for range runs {
		sim := newSimulation(s, nil)
		for at := 0.0; at < 20; at += random.ExpFloat64() / perSecond {
			sim.coming = append(sim.coming, &job{key: "k", first: true, arrives: epoch.Add(time.Duration(at * float64(time.Second)))})
		}
		sim.play()
		if sim.overlaps() > 0 {
			overlaps++
		}
	}
	// Tries of the first 15 seconds are denied and don't come back; the next one gets in and keeps out the rest.
	if got, want := float64(overlaps)/runs, s.overlapProbability(perSecond); math.Abs(got-want) > 0.03 {
		t.Errorf("an overlap in %.3f of the simulations; the closed form says %.3f", got, want)
	}
}

func TestTheRecommendation(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*Scenario)
		ttl      time.Duration
		interval time.Duration
		why      []string
	}{
		"the published scenario is fine":         {func(*Scenario) {}, 15 * time.Second, time.Minute, []string{"TTL 15s: over 3 times the 2.045s", "crashes costs nobody a second retry", "interval 1m: the shortest"}},
		"a section longer than its lock":         {func(s *Scenario) { s.Section = 20 * time.Second }, 61 * time.Second, time.Minute, []string{"a hold takes 20.045s, so with 15s the lock is gone"}},
		"a lock with no room for a slow section": {func(s *Scenario) { s.TTL = 3 * time.Second }, 7 * time.Second, time.Minute, []string{"3s is less than 3 times the 2.045s"}},
		"a crash that blocks for an hour":        {func(s *Scenario) { s.TTL = time.Hour }, time.Minute, time.Minute, []string{"a holder that crashes", "would try in vain"}},
		"few attempts behind a long lock": {
			func(s *Scenario) { s.Section, s.TTL, s.Policy.Attempts = 5*time.Minute, 20*time.Minute, 2 },
			901 * time.Second, 8 * time.Minute, []string{"interval 8m: with a shorter one more work runs out of its 2 retries"},
		},
		"more contenders than tries": {
			func(s *Scenario) { s.Policy.Mode, s.SameKey = Parallel, 20 },
			15 * time.Second, time.Minute, []string{"out of their 10 retries all the same, with retry mode parallel: 9 of 20 contenders", "at most 3 run at a time"},
		},
		"a section that no run has time for": {func(s *Scenario) { s.Section, s.SameKey = time.Hour, 1 }, 3*time.Hour + time.Second, 19 * time.Minute, []string{"no run of Make.com lasts longer than 40m"}},
	} {
		s := DefaultScenario
		test.change(&s)
		got := capacity(t, s).Recommend
		if got.TTLMs != test.ttl.Milliseconds() || got.RetryIntervalMs != test.interval.Milliseconds() {
			t.Errorf("%s: %+v; want %v and %v", name, got, test.ttl, test.interval)
		}
		for _, text := range test.why {
			if !strings.Contains(got.Why, text) {
				t.Errorf("%s: it lacks %q: %s", name, text, got.Why)
			}
		}
	}
}

func TestTheModelSaysWhatIsRefused(t *testing.T) {
	s := DefaultScenario
	s.Webhooks, s.Queue, s.Rate = 1000, 200, MakeRate
	c := capacity(t, s)
	if c.Limits == nil || fmt.Sprint(*c.Limits) != "{700 60 0}" {
		t.Errorf("%+v", c.Limits)
	}
	if c.Mutex.ClearanceMs != 52_250 { // of all of them, if they were sent again
		t.Errorf("%+v", c.Mutex)
	}
}

func TestAScenarioThatMakesNoSenseIsRefusedByTheModel(t *testing.T) {
	for want, change := range map[string]func(*Scenario){
		"webhooks": func(s *Scenario) { s.Webhooks = 0 }, "slow 11": func(s *Scenario) { s.Slow = 11 }, "crashing -1": func(s *Scenario) { s.Crashing = -1 },
		"queue": func(s *Scenario) { s.Queue = -1 }, "spread": func(s *Scenario) { s.Spread = -1 }, "guard": func(s *Scenario) { s.Guard = "hope" },
		"webhook rate": func(s *Scenario) { s.Rate.Calls = 1 }, "redis rate": func(s *Scenario) { s.Redis.Per = 1 }, "slow section": func(s *Scenario) { s.SlowSection = -1 },
	} {
		s := DefaultScenario
		change(&s)
		if _, err := s.Capacity(0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := s.Simulate(nil); err == nil {
			t.Errorf("%s: it was simulated", want)
		}
	}
}
