package makecom

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Both engines read the same description, so that what one predicts is what the other lives through: to the millisecond, where
// time is exact and calls take none of their own.
func TestThePlayerLivesThroughWhatTheSimulationPredicts(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"burst":              func(*Scenario) {},
		"sequential retries": func(s *Scenario) { s.Policy.Mode = Sequential },
		"parallel retries":   func(s *Scenario) { s.Policy.Mode = Parallel },
		"more contenders than tries": func(s *Scenario) {
			s.Policy.Mode, s.Policy.Attempts, s.SameKey = Parallel, 3, 20
		},
		"a crash":           func(s *Scenario) { s.Crashing, s.TTL = 1, 150*time.Second },
		"several crashes":   func(s *Scenario) { s.Crashing = 3 },
		"a storm":           func(s *Scenario) { s.Webhooks, s.Queue, s.Rate = 400, 200, MakeRate },
		"at high speed":     func(s *Scenario) { *s = s.Scale(50) },
		"overruns":          overruns(GuardOwner),
		"no lock":           overruns(GuardNone),
		"released by DEL":   overruns(GuardDelete),
		"a fence":           overruns(GuardFence),
		"a plan of a Redis": func(s *Scenario) { s.Redis, s.SameKey = Rate{Calls: 30, Per: time.Second}, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := DefaultScenario
				change(&s)
				predicted := simulate(t, s)
				p := Player{Scenario: s, Rand: rand.New(rand.NewPCG(1, 2)), Store: &cells{memoryStore: memoryStore{}}}
				var l Locker = newMemory(t)
				if s.Guard == GuardDelete {
					l = plainDelete{newMemory(t)}
				}
				lived, err := p.Run(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range []*Summary{&predicted, &lived} {
					s.Unresolved = nil // names are drawn
				}
				want, _ := json.Marshal(predicted)
				if got, _ := json.Marshal(lived); string(got) != string(want) || lived.Calls != predicted.Calls {
					t.Errorf("lived      %s\npredicted  %s", got, want)
				}
			})
		})
	}
}

func overruns(g Guard) func(*Scenario) {
	return func(s *Scenario) {
		s.Policy.Mode = Parallel
		s.Spread, s.SameKey, s.Slow, s.SlowSection, s.Guard = 61*time.Second, 30, 3, 25*time.Second, g
	}
}
