package watcher

// Simulated: a scenario in virtual time as a source, so that what is made of events can be tried on a burst that never took
// place. Of the same ties come the same events.

import (
	"context"
	"time"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

// Simulated is a source. It runs once, as fast as the machine can.
type Simulated struct {
	Scenario makecom.Scenario
	Tie      func() uint64 // as of makecom.Scenario.Simulate
	Start    time.Time     // when its webhooks arrive
}

// Run hands out what a watcher of its Redis would see. It gives an error where the scenario makes no sense.
func (s Simulated) Run(ctx context.Context, emit func(Event)) error {
	counts := map[string]Counts{}
	emit(Event{Type: Resynced, Time: s.Start})
	_, err := s.Scenario.SimulateSeen(s.Tie, func(seen makecom.Sight) {
		if ctx.Err() == nil {
			emit(s.event(seen, counts))
		}
	})
	return err
}

func (s Simulated) event(seen makecom.Sight, counts map[string]Counts) Event {
	e := Event{
		Time: s.Start.Add(seen.At), Key: NewText(seen.Key), Owner: NewText(seen.Work), TTL: Unknown, Held: Unknown,
		Fence: lockcore.Fence(seen.Fence),
	}
	c := counts[seen.Key]
	switch seen.What {
	case makecom.SightGranted:
		e.Type, e.Held, e.TTL, e.Work = Acquired, 0, lockcore.NoTTL, e.Owner
		if seen.TTL > 0 {
			e.TTL, e.Deadline = seen.TTL, e.Time.Add(seen.TTL)
		}
	case makecom.SightDenied:
		e.Type, e.Work, e.Attempts = Denied, e.Owner, seen.Attempts
		c.Denied++
		counts[seen.Key] = c
	case makecom.SightReleased:
		e.Type = Released
	case makecom.SightRemoved:
		e.Type = Deleted
	case makecom.SightExpired:
		e.Type = Expired
	}
	e.Counts = &c
	return e
}
