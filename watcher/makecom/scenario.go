package makecom

// A scenario: what arrives, who works on it, how a record is guarded, how denied work comes back, and what goes wrong. It is
// only a description. Two engines read it: Simulate (simulate.go) plays it in virtual time, Player (player.go) lives through
// it and really takes and releases locks. What both decide alike, which execution starts when, is in schedule.go, and what
// both count is in summary.go.
//
// The course: webhooks arrive, all at once or spread over a time. Make.com answers 429 to those beyond its rate and 400 to
// those for which its queue has no place; both are lost unless the sender repeats them, while a webhook that was accepted
// was answered 200 at once and is never sent again. Workers take accepted webhooks in order. An execution is the one that
// doc.go describes: a call that acquires, the section, a call that releases. A denial frees its worker, and the work comes
// back as a new execution with an owner of its own, on none of the workers, when the policy lets it; in the modes
// Sequential and Batch not while an execution of a webhook runs. An acquire that fails in another way comes back just the
// same: that is what the Break handler does. Work that used up its attempts is kept as unresolved.
//
// One record is shared by SameKey of the webhooks, its contenders; the others have one each. The contenders come early
// enough to all be among the first that workers take, so that one of them gets the lock and the others are denied.

import (
	"errors"
	"fmt"
	"math"
	"time"

	"locktop/lockcore"
)

// Guard says what keeps two executions off one record.
type Guard string

const (
	// GuardOwner is a lock whose release compares the owner, and leaves alone a lock that is somebody else's by now:
	// lockcore's.
	GuardOwner Guard = "owner"
	// GuardFence is GuardOwner, and the store is shown the fence and turns away whoever comes with a lower one than it has seen.
	GuardFence Guard = "fence"
	// GuardDelete is a lock that is released by a plain DEL, whoever holds it by then: the published recipe.
	GuardDelete Guard = "delete"
	// GuardNone is no lock at all, and no calls.
	GuardNone Guard = "none"
)

// Rate is so many in any stretch of that length. The zero value is no limit.
type Rate struct {
	Calls int
	Per   time.Duration
}

// What Make.com takes in; from its documentation of webhooks.
const (
	// MakeQueue is how many webhooks may wait for each 10,000 credits a month; MakeMaxQueue how many at most.
	MakeQueue, MakeMaxQueue = 667, 10_000
	// MakeRun is how long an execution may take at most.
	MakeRun = 40 * time.Minute
)

// MakeRate is how many webhooks Make.com accepts; it answers 429 to what is beyond.
var MakeRate = Rate{Calls: 300, Per: 10 * time.Second}

// Scenario is a scenario. The zero value is not valid; start from DefaultScenario.
type Scenario struct {
	Webhooks int           // that arrive
	Workers  int           // webhooks that are worked on at a time
	SameKey  int           // how many of the webhooks are about one and the same record; the others have one each
	Spread   time.Duration // they arrive evenly over it; 0: all at once

	Section time.Duration // the critical section
	Latency time.Duration // one call, request to answer
	TTL     time.Duration // of a lock; whole milliseconds
	Guard   Guard         // "" is GuardOwner
	Policy  Policy        // how denied work comes back

	// Of the first SameKey holds of the shared record, spread evenly and the very first included: how many end in the middle
	// of their section and release nothing, and how many take SlowSection instead of Section.
	Crashing    int
	Slow        int
	SlowSection time.Duration

	Queue int  // webhooks that may wait for a worker; 0: any number
	Rate  Rate // webhooks that are accepted
	Redis Rate // calls that the plan of the Redis allows; one beyond fails

	// Speed is how many times faster than real the times above are: summaries are given in real time. Set by Scale; 0 is 1.
	Speed float64
}

// DefaultScenario is the published one: 100 webhooks on 40 workers, ten of them about one customer.
var DefaultScenario = Scenario{
	Webhooks: 100, Workers: 40, SameKey: 10,
	Section: 2 * time.Second, Latency: DefaultLatency, TTL: 15 * time.Second, Guard: GuardOwner, Policy: DefaultPolicy,
}

// Beyond these a scenario is a mistake rather than a choice.
const (
	MaxWebhooks = 100_000
	MaxWorkers  = 10_000
)

// Validate reports the first value that makes no sense, in one line.
func (s Scenario) Validate() error {
	switch {
	case s.Webhooks < 1 || s.Webhooks > MaxWebhooks:
		return fmt.Errorf("webhooks %d: must be between 1 and %d", s.Webhooks, MaxWebhooks)
	case s.Workers < 1 || s.Workers > MaxWorkers:
		return fmt.Errorf("workers %d: must be between 1 and %d", s.Workers, MaxWorkers)
	case s.SameKey < 0 || s.SameKey > s.Webhooks:
		return fmt.Errorf("same key %d: must be between 0 and the number of webhooks, %d", s.SameKey, s.Webhooks)
	case s.Crashing < 0 || s.Crashing > s.SameKey:
		return fmt.Errorf("crashing %d: must be between 0 and the number of contenders, %d", s.Crashing, s.SameKey)
	case s.Slow < 0 || s.Slow > s.SameKey:
		return fmt.Errorf("slow %d: must be between 0 and the number of contenders, %d", s.Slow, s.SameKey)
	case s.Queue < 0:
		return fmt.Errorf("queue %d: must be 0, for any number, or more", s.Queue)
	}
	for _, d := range []struct {
		name string
		time.Duration
	}{{"section", s.Section}, {"slow section", s.SlowSection}, {"latency", s.Latency}, {"spread", s.Spread}} {
		if d.Duration < 0 || d.Duration > MaxInterval {
			return fmt.Errorf("%s %v: must be between 0 and %d days", d.name, d.Duration, MaxInterval/(24*time.Hour))
		}
	}
	for _, r := range []struct {
		name string
		Rate
	}{{"webhook rate", s.Rate}, {"redis rate", s.Redis}} {
		if r.Rate != (Rate{}) && (r.Calls < 1 || r.Per <= 0 || r.Per > MaxInterval) {
			return fmt.Errorf("%s of %d in %v: must be at least 1, in more than 0 and at most %d days", r.name, r.Calls, r.Per, MaxInterval/(24*time.Hour))
		}
	}
	switch s.Guard {
	case "", GuardOwner, GuardFence, GuardDelete, GuardNone:
	default:
		return fmt.Errorf("guard %q: must be owner, fence, delete or none", s.Guard)
	}
	if err := lockcore.CheckTTL(s.TTL); err != nil {
		return err
	}
	return s.Policy.Validate()
}

// Scale shortens every time of the scenario alike, those of its policy and rates too: 60 makes a minute a second. A speed
// that is not a positive number changes nothing. The TTL stays a whole number of milliseconds and at least lockcore.MinTTL.
func (s Scenario) Scale(speed float64) Scenario {
	if !(speed > 0) || math.IsInf(speed, 1) {
		return s
	}
	for _, d := range []*time.Duration{&s.Spread, &s.Section, &s.SlowSection, &s.Latency, &s.Rate.Per, &s.Redis.Per} {
		*d = shorten(*d, speed)
	}
	s.TTL = min(max(shorten(s.TTL, speed).Round(time.Millisecond), lockcore.MinTTL), lockcore.MaxTTL)
	s.Policy = s.Policy.Scale(speed)
	s.Speed = s.speed() * speed
	return s
}

func shorten(d time.Duration, speed float64) time.Duration {
	return time.Duration(math.Round(min(float64(d)/speed, float64(lockcore.MaxTTL))))
}

func (s Scenario) speed() float64 {
	if s.Speed > 0 {
		return s.Speed
	}
	return 1
}

// real is how long what takes d here takes without the scenario's haste.
func (s Scenario) real(d time.Duration) time.Duration { return time.Duration(float64(d) * s.speed()) }

func (s Scenario) guard() Guard {
	if s.Guard == "" {
		return GuardOwner
	}
	return s.Guard
}

// hold says how long the section of a hold takes, and whether it ends before that without a release. It is number n, from 0,
// of the holds of the shared record; negative: another record's.
func (s Scenario) hold(n int) (section time.Duration, crashes bool) {
	if n < 0 || n >= s.SameKey {
		return s.Section, false
	}
	if section = s.Section; marked(n, s.Slow, s.SameKey) {
		section = s.SlowSection
	}
	return section, marked(n, s.Crashing, s.SameKey)
}

// marked tells whether number i of so many is one of the n that are spread evenly among them, the first included.
func marked(i, n, of int) bool { return i*n%of < n }

// errTooMany is the answer to a call beyond the plan of the Redis.
var errTooMany = errors.New("429: more calls than the plan of the Redis allows")

// limiter lets so many pass in any stretch of a time.
type limiter struct {
	Rate
	passed []time.Time // those of the present stretch, in order
}

// pass lets one pass at now, or not. Times must not go back.
func (l *limiter) pass(now time.Time) bool {
	if l.Calls == 0 {
		return true
	}
	for len(l.passed) > 0 && now.Sub(l.passed[0]) >= l.Per {
		l.passed = l.passed[1:]
	}
	if len(l.passed) == l.Calls {
		return false
	}
	l.passed = append(l.passed, now)
	return true
}
