package makecom

// The capacity model: what parallel workers with a lock gain over one worker after the other, what becomes of those that want
// the same record, and how likely a section is to outlive its lock. Closed forms where there are some, the simulation where
// there is none; the tests hold the two against each other where both apply.
//
// With S the section, L one call, C = S + 2L an execution, R the retry interval, N the retries, X the TTL, n webhooks on w
// workers, k contenders of one record that all try at once:
//
//   - one after the other: n × S, and no lock is needed;
//   - parallel, about distinct records: ⌈n/w⌉ × C;
//   - parallel retries: one wins a round, so that max(0, k − N − 1) run out; the last one is done after
//     min(k − 1, N) × (R + L) + C. That holds where a round is over before the next: S + L ≤ R + L;
//   - sequential retries: nobody runs out; the last one is done after max(R + L, C) + (k − 1) × C;
//   - batches: simulated;
//   - a lock is lost before its section is over where S + L > X, and with other tries coming at a rate of λ somebody gets in
//     meanwhile with a probability of 1 − e^(−λ (S − X)).

import (
	"math"
	"time"
)

// Capacity is what the model says, in real time. As JSON it is what locktop model prints.
type Capacity struct {
	Sequential Clearance `json:"sequential"`
	Mutex      Clearance `json:"mutex"`
	// Speedup is the throughput with the mutex, as a multiple of the sequential one.
	Speedup float64 `json:"speedup"`
	// SameKey are the contenders of one record, all at once on as many workers, simulated.
	SameKey SameKey `json:"same_key"`
	// OverlapProbability is that of another execution getting in before a section is over.
	OverlapProbability float64        `json:"overlap_probability"`
	Recommend          Recommendation `json:"recommend"`
	// Limits is there only where a limit of the scenario was met.
	Limits *Limits `json:"limits,omitempty"`
	// CallsPerWebhook is how many calls to Redis a webhook that is accepted costs on average, retries included.
	CallsPerWebhook float64 `json:"-"`
}

// Limits is what Make.com, or the plan of the Redis, refuses of a scenario; simulated.
type Limits struct {
	Refused    int `json:"refused"`    // webhooks that are answered 429: above the rate
	Overflowed int `json:"overflowed"` // webhooks that are answered 400: no place in the queue
	Failed     int `json:"failed"`     // executions with a call beyond the plan of the Redis
}

// Capacity is what the model says of a scenario, in which other tries for a record come at a rate of perSecond on top of
// its contenders' own retries.
func (s Scenario) Capacity(perSecond float64) (Capacity, error) {
	if err := s.Validate(); err != nil {
		return Capacity{}, err
	}
	c := Capacity{Sequential: s.sequential(), Mutex: s.mutex(), OverlapProbability: s.overlapProbability(s.tryRate() + perSecond)}
	c.Speedup = speedup(c.Mutex, c.Sequential)
	alone, err := s.contenders().Simulate(nil)
	if err != nil {
		return Capacity{}, err
	}
	c.SameKey = alone.SameKey
	all, err := s.Simulate(nil)
	if err != nil {
		return Capacity{}, err
	}
	refused := all.refused()
	if refused != (Limits{}) {
		c.Limits = &refused
	}
	c.CallsPerWebhook = rounded(float64(all.Calls)/float64(s.Webhooks-refused.Refused-refused.Overflowed), 100)
	c.Recommend, err = s.recommend()
	return c, err
}

// contenders is the scenario of those that want the one record, all at once on as many workers, without anything else.
func (s Scenario) contenders() Scenario {
	s.Webhooks, s.SameKey = max(1, s.SameKey), max(1, s.SameKey)
	s.Workers = min(s.Webhooks, MaxWorkers)
	s.Spread, s.Queue, s.Rate, s.Redis = 0, 0, Rate{}, Rate{}
	return s
}

// sequential is one worker that takes all webhooks one after the other, and needs no lock.
func (s Scenario) sequential() Clearance {
	section := s.real(s.Section)
	return Clearance{ClearanceMs: millis(time.Duration(s.Webhooks) * section), ThroughputPerS: perSecond(1, section)}
}

// mutex is the parallel workers, each with a lock on a record of its own.
func (s Scenario) mutex() Clearance {
	cleared := s.real(s.clearance())
	return Clearance{
		ClearanceMs:    millis(cleared),
		ThroughputPerS: perSecond(s.Webhooks, cleared),
		AddedLatencyMs: millis(2 * s.real(s.Latency)),
	}
}

// execution is C.
func (s Scenario) execution() time.Duration { return s.Section + 2*s.Latency }

// clearance is ⌈n/w⌉ × C.
func (s Scenario) clearance() time.Duration {
	return time.Duration((s.Webhooks+s.Workers-1)/s.Workers) * s.execution()
}

// runOut is how many of k contenders run out, and lastDone when the last of those that don't is done; known only where there
// is a closed form.
func (s Scenario) runOut(k int) (runOut int, lastDone time.Duration, known bool) {
	p, c := s.Policy, s.execution()
	every := p.Interval + s.Latency
	switch {
	case s.Section+s.Latency > s.TTL || k < 1:
		return 0, 0, false
	case k == 1:
		return 0, c, true
	case p.Attempts == 0:
		return k - 1, c, true
	case p.Mode == Sequential:
		return 0, max(every, c) + time.Duration(k-1)*c, true
	case p.Mode == Parallel && s.Section+s.Latency <= every:
		return max(0, k-p.Attempts-1), time.Duration(min(k-1, p.Attempts))*every + c, true
	}
	return 0, 0, false
}

// tryRate is how often a second the contenders of a record come back to it while one of them has it.
func (s Scenario) tryRate() float64 {
	if s.SameKey < 2 {
		return 0
	}
	return float64(s.SameKey-1) / (s.real(s.Policy.Interval) + s.real(s.Latency)).Seconds()
}

// overlapProbability is 1 − e^(−λ (S − X)), λ a second.
func (s Scenario) overlapProbability(perSecond float64) float64 {
	over := max(0, s.real(s.Section)-s.real(s.TTL))
	return rounded(1-math.Exp(-perSecond*over.Seconds()), 10_000)
}

// refused is what limits kept out.
func (s Summary) refused() Limits {
	if s.Trouble == nil {
		return Limits{Failed: s.Failed}
	}
	return Limits{Refused: s.Trouble.Refused, Overflowed: s.Trouble.Overflowed, Failed: s.Failed}
}
