package cli

// What a demo plays: the scenarios by name. Each is a description that makecom's player lives through.

import (
	"strings"
	"time"

	"locktop/watcher/makecom"
)

// demoTTL is the shortest TTL of the demo's locks at any speed, where no section is meant to outlive its lock. What makes a
// machine pause for a moment does not get faster with the demo, and a lock that expires meanwhile is another story.
const demoTTL = time.Second

// demoScenario is what one of them shows.
type demoScenario struct {
	name  string
	tells string // in a line, above the table and in the summary; "" where the summary says all
	plays []demoPlay
}

// demoPlay is one player; a scenario with several plays them one after another.
type demoPlay struct {
	name   string
	short  string // where there is little room
	stored bool   // its sections change a counter in a store
	makecom.Player
}

// demoScenarios are all of them; the first is the default.
func demoScenarios() []demoScenario {
	with := func(change func(*makecom.Scenario)) makecom.Player {
		p := makecom.DefaultPlayer
		change(&p.Scenario)
		return p
	}
	only := func(p makecom.Player) []demoPlay { return []demoPlay{{Player: p}} }
	// Thirty webhooks about one record within a minute, three of whose holds are too slow for their locks.
	dirty := func(name, short string, guard makecom.Guard) demoPlay {
		return demoPlay{name: name, short: short, stored: true, Player: with(func(s *makecom.Scenario) {
			s.SameKey, s.Spread, s.Slow, s.SlowSection, s.Guard = 30, time.Minute, 3, 25*time.Second, guard
		})}
	}
	return []demoScenario{
		{"burst", "", only(makecom.DefaultPlayer)},
		{
			"crash", "a worker crashes with a customer's lock: nobody gets in for its TTL of 2m30s, unless it is released by force",
			only(with(func(s *makecom.Scenario) { s.Crashing, s.TTL = 1, 150*time.Second })),
		},
		{
			"overrun", "two of ten sections take 40s under a TTL of 15s: others get in, and the late owners learn it at their release",
			only(with(func(s *makecom.Scenario) { s.Spread, s.Slow, s.SlowSection = time.Minute, 2, 40*time.Second })),
		},
		{
			"storm", "400 webhooks at once, 50 of them about one customer: Make.com takes 300 in 10s and queues 200, the rest is refused",
			only(with(func(s *makecom.Scenario) { s.Webhooks, s.SameKey, s.Queue, s.Rate = 400, 50, 200, makecom.MakeRate })),
		},
		{
			"dirty-write", "30 webhooks of one customer add to its counter within a minute, three of them for 25s under a TTL of 15s",
			[]demoPlay{
				dirty("no lock", "no lock", makecom.GuardNone),
				dirty("SET NX, released by DEL", "DEL", makecom.GuardDelete),
				dirty("lockcore", "lockcore", makecom.GuardOwner),
				dirty("lockcore, fence checked by the store", "with fence", makecom.GuardFence),
			},
		},
	}
}

// demoScenarioOf finds one by its name.
func demoScenarioOf(name string) (demoScenario, error) {
	var names []string
	for _, s := range demoScenarios() {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	last := len(names) - 1
	return demoScenario{}, usage("--scenario %q: must be %s or %s", name, strings.Join(names[:last], ", "), names[last])
}

// at is the scenario with a policy, at a speed.
func (s demoScenario) at(policy makecom.Policy, speed float64) demoScenario {
	for i := range s.plays {
		p := &s.plays[i].Player
		p.Policy = policy
		*p = p.Scale(speed)
		if p.Slow == 0 {
			p.TTL = max(p.TTL, demoTTL)
		}
	}
	return s
}
