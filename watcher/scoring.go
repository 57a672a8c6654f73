package watcher

// Scoring: which forecasts are compared with what happened, and when.
//
// A forecast counts as made when it has stood for a moment, the policy's Grace, after the denial of its waiter, as whoever
// looks at the lock then sees it: the first denial of a burst knows nothing of the others that come with it. One that rests
// on no hold of the family is none, but a bound by the TTL; it is made as soon as something happens to the lock after such a
// hold was seen. A waiter has as many forecasts as it has denials, and all of them are settled when it gets the lock, or is
// denied for the last time. Those of a waiter that went away, or that an operator interfered with, have no outcome.
//
// All of this goes by the times of events, those of a log: a replay has the same score. What it costs is bounded. Whoever
// scores makes forecasts that nobody has asked for, but of denials only, one for all waiters of a lock at a time, and no more
// a second than that of forecastsPerSecond waiters: what is beyond is counted as skipped.

import (
	"slices"
	"strings"
	"time"

	"locktop/watcher/makecom"
)

// What scoring may cost.
const (
	forecastsPerSecond = 1000   // waiters whose forecast is made
	forecastsSaved     = 3000   // of quieter seconds, at most
	notesPerWork       = 16     // forecasts of one work that are open
	notesInAll         = 20_000 // and of all
	familiesScored     = 1000
)

// scorer follows a table. It is of use to nobody else.
type scorer struct {
	policy  makecom.Policy
	latency time.Duration
	grace   time.Duration

	now    time.Time // the latest of any event's time
	locks  map[string]*noted
	due    []due // by when
	check  []due // of locks with open notes: when to look for waiters that went away
	open   int   // notes
	credit float64
	paid   time.Time // when credit was given last

	all      sums
	families map[string]*lately
}

// due is a lock that something is to be done about.
type due struct {
	at  time.Time
	key string
}

// noted is what is noted of one lock.
type noted struct {
	key     string
	pending bool // it is in scorer.due
	fresh   bool // it has waiters whose last denial has no forecast yet
	checked bool // it is in scorer.check
	notes   map[string][]note
	clears  []clearing
	ended   time.Time // when its last hold did
}

// note is a forecast of one waiter.
type note struct {
	made           time.Time
	attempts       int
	half, by       time.Time // 50 and 90 %
	risk           float64
	judged, surely bool
}

// clearing is a forecast of when a lock clears.
type clearing struct{ made, at time.Time }

// Scoring lets the table compare forecasts with what happens from here on, as the policy makes them; latency is one call of a
// worker, 0 makecom.DefaultLatency.
func (t *Table) Scoring(policy makecom.Policy, latency time.Duration) {
	if latency == 0 {
		latency = makecom.DefaultLatency
	}
	t.scorer = &scorer{
		policy: policy, latency: latency, grace: policy.Grace(latency),
		locks: map[string]*noted{}, credit: forecastsSaved, families: map[string]*lately{},
	}
}

// Score is how good the forecasts of all locks were since scoring began; nothing where it did not.
func (t *Table) Score() Score {
	if t.scorer == nil {
		return Score{}
	}
	return t.scorer.all.score()
}

// ScoreOf is how good the last forecasts of a lock's family were.
func (t *Table) ScoreOf(key string) Score {
	if t.scorer == nil {
		return Score{}
	}
	if l := t.scorer.families[FamilyOf(key)]; l != nil {
		return l.score()
	}
	return Score{}
}

// advance makes the forecasts that are to be made before that time, of the table as it is.
func (s *scorer) advance(t *Table, to time.Time) {
	if to.After(s.now) {
		s.now = to
	}
	for len(s.due) > 0 && !s.due[0].at.After(s.now) {
		d := s.due[0]
		s.due = s.due[1:]
		if n := s.locks[d.key]; n != nil {
			n.pending = false
			s.make(t, n, d.at)
			s.tidy(n)
		}
	}
	for len(s.check) > 0 && !s.check[0].at.After(s.now) {
		d := s.check[0]
		s.check = s.check[1:]
		if n := s.locks[d.key]; n != nil {
			n.checked = false
			s.miss(t, n)
			s.tidy(n)
		}
	}
}

// after puts a lock in its place in a queue.
func after(queue []due, at time.Time, key string) []due {
	i := len(queue)
	for i > 0 && at.Before(queue[i-1].at) {
		i--
	}
	return slices.Insert(queue, i, due{at, key})
}

// make notes the forecasts of a lock's waiters that have none yet.
func (s *scorer) make(t *Table, n *noted, at time.Time) {
	row, ok := t.index.Find(n.key)
	if !ok {
		n.fresh = false
		return
	}
	waiters := t.locks.At(row).waiters()
	if len(waiters) > 0 && t.families.of(n.key).known() == 0 {
		return // it stays fresh
	}
	n.fresh = false
	if !s.pay(len(waiters), at) {
		s.all.Skipped++
		return
	}
	f := t.forecast(row, Query{Policy: s.policy, Latency: s.latency}, at)
	made := false
	for i, w := range f.expected {
		notes := n.notes[w.Work.Raw()]
		if len(notes) > 0 && notes[len(notes)-1].attempts >= w.Attempts || w.Last.After(at) || len(notes) >= notesPerWork {
			continue
		}
		if s.open >= notesInAll {
			s.all.Skipped++
			continue
		}
		p := &f.Waiters[i]
		n.notes[w.Work.Raw()] = append(notes, note{
			made: at, attempts: w.Attempts, half: p.AcquireP50, by: p.AcquireP90,
			risk: p.Risk, judged: p.Exhaustion != makecom.Unknown, surely: p.Exhaustion == makecom.Certain,
		})
		s.open++
		made = true
	}
	if made && !f.ClearsP50.IsZero() && len(n.clears) < notesPerWork {
		n.clears = append(n.clears, clearing{at, f.ClearsP50})
	}
}

// pay takes the price of a forecast, if there is so much.
func (s *scorer) pay(waiters int, at time.Time) bool {
	if !s.paid.IsZero() && at.After(s.paid) {
		s.credit = min(s.credit+forecastsPerSecond*at.Sub(s.paid).Seconds(), forecastsSaved)
	}
	if at.After(s.paid) {
		s.paid = at
	}
	if s.credit < float64(waiters) {
		return false
	}
	s.credit -= float64(waiters)
	return true
}

// see takes an event that was applied.
func (s *scorer) see(t *Table, e *Event) {
	key := e.Key.Raw()
	n := s.locks[key]
	if n == nil {
		if e.Type != Denied {
			return
		}
		key = strings.Clone(key)
		n = &noted{key: key, notes: map[string][]note{}}
		s.locks[key] = n
	}
	work := e.Work.Raw()
	switch {
	case e.Type.Ends():
		if n.ended = e.Time; e.Type == Forced {
			s.drop(n)
		}
	case e.Work.Empty():
	case e.Type == Left:
		s.lose(n, work)
	case e.Type == Denied && s.policy.AttemptsLeft(e.Attempts) == 0:
		s.settle(n, work, e.Time, true)
	case e.Type == Denied:
		// What was denied before anybody watched is no news.
		n.fresh = n.fresh || !e.Inferred || t.status.Complete && !e.Time.Before(t.status.Since)
		if e.Attempts <= 1 { // it begins anew, and changes when the lock clears
			s.lose(n, work)
			n.clears = nil
		}
		if !n.checked {
			n.checked = true
			s.check = after(s.check, e.Time.Add(2*s.policy.Interval), key)
		}
	case e.Type == Acquired && e.Held >= 0:
		s.settle(n, work, e.Time.Add(-e.Held), false)
	case e.Type == Acquired && !e.Inferred:
		s.settle(n, work, e.Time, false)
	case e.Type == Acquired:
		s.lose(n, work)
	}
	s.cleared(t, n)
	if n.fresh && !n.pending {
		n.pending = true
		s.due = after(s.due, e.Time.Add(s.grace), key)
	}
	s.tidy(n)
}

// tidy forgets a lock of which nothing is noted.
func (s *scorer) tidy(n *noted) {
	if len(n.notes) == 0 && !n.fresh && !n.pending && !n.checked && len(n.clears) == 0 {
		delete(s.locks, n.key)
	}
}

// settle compares all forecasts of a work with what happened.
func (s *scorer) settle(n *noted, work string, at time.Time, ranOut bool) {
	for _, f := range n.notes[work] {
		o := outcome{judged: f.judged, ranOut: ranOut, certain: f.surely, risk: f.risk}
		if !ranOut && !f.half.IsZero() {
			o.timed, o.off, o.half = true, at.Sub(f.half).Abs(), !at.After(f.half.Add(s.grace))
		}
		if !ranOut && !f.by.IsZero() {
			o.bounded, o.inside = true, !at.After(f.by.Add(s.grace))
		}
		s.all.add(o)
		family := FamilyOf(n.key)
		l := s.families[family]
		if l == nil && len(s.families) < familiesScored {
			l = &lately{}
			s.families[family] = l
		}
		if l != nil {
			l.add(o)
		}
	}
	s.forget(n, work)
}

// lose gives up the forecasts of a work of which nobody knows what became.
func (s *scorer) lose(n *noted, work string) {
	s.all.Unknown += len(n.notes[work])
	s.forget(n, work)
}

func (s *scorer) forget(n *noted, work string) {
	s.open -= len(n.notes[work])
	delete(n.notes, work)
}

// drop gives up all forecasts of a lock.
func (s *scorer) drop(n *noted) {
	for work := range n.notes {
		s.lose(n, work)
	}
	n.clears = nil
}

// miss gives up the forecasts of waiters that went away, and sees to it that the others are looked at again.
func (s *scorer) miss(t *Table, n *noted) {
	waits := map[string]bool{}
	var next time.Time
	row, ok := t.index.Find(n.key)
	if ok {
		for _, w := range t.locks.At(row).waiters() {
			if expects(s.policy, &w, s.now) {
				waits[w.Work.Raw()] = true
				if silent := w.Last.Add(2 * s.policy.Interval); next.IsZero() || silent.Before(next) {
					next = silent
				}
			}
		}
	}
	for work := range n.notes {
		if !waits[work] {
			s.lose(n, work)
			n.clears = nil
		}
	}
	n.fresh = n.fresh && len(waits) > 0
	if len(waits) == 0 {
		if ok && t.flags(row)&isHeld != 0 && len(n.clears) > 0 { // the last that got in may take its time
			next = s.now.Add(2 * s.policy.Interval)
		} else {
			n.clears = nil
		}
	}
	if !next.IsZero() {
		n.checked = true
		s.check = after(s.check, next, n.key)
	}
}

// cleared settles the forecasts of when a lock clears, once nobody holds it and nobody waits for it.
func (s *scorer) cleared(t *Table, n *noted) {
	if len(n.clears) == 0 || n.ended.IsZero() || n.fresh {
		return
	}
	row, ok := t.index.Find(n.key)
	if !ok || t.flags(row)&isHeld != 0 || t.locks.At(row).counts().NotListed > 0 {
		return
	}
	for _, w := range t.locks.At(row).waiters() {
		if s.policy.AttemptsLeft(w.Attempts) > 0 {
			return
		}
	}
	for _, c := range n.clears {
		if left := n.ended.Sub(c.made); left > 0 {
			s.all.addClears(n.ended.Sub(c.at).Abs().Seconds() / left.Seconds())
		}
	}
	n.clears = nil
}
