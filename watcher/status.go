package watcher

// Status: how well the table knows the present, as the events about the watching itself tell it.

import "time"

// Status is how well the table knows the present.
type Status struct {
	Connected bool // events arrive
	Complete  bool // no gap since the last full reading
	Link      Link
	Heard     time.Time // when the server was last heard
	Since     time.Time // of the present state
	Problem   Text      // of the last gap, why; empty while complete
	Gaps      int
	Meter     *Meter // the source's own figures; nil: it has told none
}

// ofWatching tells that an event is about the watching, not about a lock.
func (t Type) ofWatching() bool {
	return t == Connected || t == Gap || t == Resynced || t == Alive
}

// apply takes the next event. Those about locks show that the server was heard.
func (s *Status) apply(e Event) {
	if e.Time.After(s.Heard) && e.Type != Gap {
		s.Heard = e.Time
	}
	if e.Meter != nil {
		s.Meter = e.Meter
	}
	switch e.Type {
	case Connected:
		s.Connected, s.Since = true, e.Time
		if e.Link != nil {
			s.Link = *e.Link
		}
	case Gap:
		if s.Complete || s.Connected || s.Problem.Empty() {
			s.Gaps++
			s.Since = e.Time
		}
		s.Connected, s.Complete, s.Problem = false, false, e.Reason
	case Resynced:
		s.Connected, s.Complete, s.Since, s.Problem = true, true, e.Time, Text{}
	}
}
