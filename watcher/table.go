package watcher

// Table: events in, locks out. It does no I/O, starts no goroutine and never asks for the
// time, so the same events give the same table. One goroutine writes it.

import (
	"slices"
	"time"

	"locktop/lockcore"
)

// How much the table remembers.
const (
	eventsPerLock   = 50               // of each lock
	eventsInAll     = 500              // of all locks together
	forgetAfter     = 10 * time.Minute // a lock that is free and that nobody waits for
	forgottenAtMost = 20_000           // free locks that are remembered at the same time
	denialWindow    = 60               // seconds over which denials a minute are counted
)

// Hold is the present tenure of a lock, on the local clock.
type Hold struct {
	Serial   uint64 // tells holds apart; the table numbers them in the order it learns of them
	Owner    Text
	Fence    lockcore.Fence
	Work     Text
	Since    time.Time     // zero if unknown
	Until    time.Time     // zero if it has no TTL
	Deadline time.Time     // on the server's clock, zero if it has no TTL
	Largest  time.Duration // the largest TTL seen in this hold
}

// End is how a hold ended.
type End struct {
	Hold     Hold
	How      Type // one for which Ends is true, or Acquired where the next one is all that is known
	At       time.Time
	Held     time.Duration // Unknown if its beginning is
	By       Text
	Reason   Text
	Inferred bool
}

// Waiter is a denied work that may come back.
type Waiter struct {
	Work     Text
	Owner    Text
	Attempts int
	First    time.Time
	Last     time.Time
}

// Lock is all that the table knows of one lock.
type Lock struct {
	Key     Text
	Node    string
	Hold    *Hold // nil: nobody holds it
	Last    *End  // nil: no end was seen
	Waiters []Waiter
	Counts  *Counts // nil: nobody records contention
	Events  []Event // the last ones, oldest first

	lastOverrun time.Time
	freedAt     time.Time // when it was put on the list of what to forget
}

// Totals are counted since watching began.
type Totals struct {
	Expired, Overruns, Overlaps, Forced int
}

// Table is the reducer. The zero value is not ready; use NewTable.
type Table struct {
	locks    map[string]*Lock
	families map[string]*durations
	freed    []freed // in the order of their end: what to forget next
	recent   []Event
	status   Status
	totals   Totals
	denials  denialRate
	version  uint64
	serial   uint64
}

type freed struct {
	key string
	at  time.Time
}

// NewTable is an empty table that has not heard of anything.
func NewTable() *Table {
	return &Table{locks: map[string]*Lock{}, families: map[string]*durations{}}
}

// Version grows with every event that changes anything to be seen.
func (t *Table) Version() uint64 { return t.version }

// Status is how well the table knows the present.
func (t *Table) Status() Status { return t.status }

// Apply takes the next event.
func (t *Table) Apply(e Event) {
	t.version++
	if t.status.apply(e); e.Type == Alive {
		return
	}
	if !e.Type.ofWatching() {
		t.applyLock(e)
	}
	t.recent = appendBounded(t.recent, e, eventsInAll)
	t.forget(e.Time)
}

func (t *Table) applyLock(e Event) {
	l := t.locks[e.Key.Raw()]
	if l == nil {
		l = &Lock{Key: e.Key}
		t.locks[e.Key.Raw()] = l
		t.remember(l, e.Time)
	}
	if e.Node != "" {
		l.Node = e.Node
	}
	if e.Counts != nil {
		l.Counts = e.Counts
	}
	for _, d := range e.Past {
		t.learn(e.Key.Raw(), d)
	}
	switch e.Type {
	case Acquired, Overwritten, Seized:
		if l.Hold != nil {
			t.end(l, e, Acquired)
		}
		t.begin(l, e)
	case Extended, Persisted, Adjusted:
		if l.Hold == nil {
			t.begin(l, e)
		} else {
			l.Hold.setTTL(e)
		}
		if e.Fence != 0 {
			l.Hold.Fence = e.Fence
		}
	case Released, Deleted, Expired, Evicted, Forced:
		if l.Hold != nil {
			t.end(l, e, e.Type)
		}
		t.count(e)
	case Denied:
		l.deny(e)
		if !e.Inferred {
			t.denials.add(e.Time)
		}
	case Left:
		l.leave(e.Work)
	case Overrun:
		l.lastOverrun = e.Time
		t.totals.Overruns++
	case Overlap:
		t.totals.Overlaps++
	}
	l.Events = appendBounded(l.Events, e, eventsPerLock)
}

func (t *Table) count(e Event) {
	switch e.Type {
	case Expired:
		t.totals.Expired++
	case Forced:
		t.totals.Forced++
	}
}

func (t *Table) begin(l *Lock, e Event) {
	t.serial++
	h := &Hold{Serial: t.serial, Owner: e.Owner, Fence: e.Fence, Work: e.Work}
	switch {
	case e.Held >= 0:
		h.Since = e.Time.Add(-e.Held)
	case !e.Inferred:
		h.Since = e.Time
	}
	h.setTTL(e)
	l.Hold = h
	if !e.Work.Empty() {
		l.leave(e.Work)
	}
}

func (h *Hold) setTTL(e Event) {
	if e.TTL == lockcore.NoTTL || e.TTL == Unknown {
		h.Until, h.Deadline = time.Time{}, time.Time{}
		return
	}
	h.Until, h.Deadline = e.Time.Add(e.TTL), e.Deadline
	h.Largest = max(h.Largest, e.TTL)
	// A hold that is met in its middle began with more than it has left.
	if !h.Since.IsZero() && h.Largest == e.TTL {
		h.Largest = max(h.Largest, h.Until.Sub(h.Since))
	}
}

func (t *Table) end(l *Lock, e Event, how Type) {
	end := &End{Hold: *l.Hold, How: how, At: e.Time, Held: Unknown, By: e.By, Reason: e.Reason, Inferred: e.Inferred}
	switch {
	case how != Acquired && e.Held >= 0:
		end.Held = e.Held
	case !l.Hold.Since.IsZero():
		end.Held = e.Time.Sub(l.Hold.Since)
	}
	if how == Released && end.Held >= 0 {
		t.learn(l.Key.Raw(), end.Held)
	}
	l.Last, l.Hold = end, nil
	if how != Acquired {
		t.remember(l, e.Time)
	}
}

func (t *Table) remember(l *Lock, from time.Time) {
	l.freedAt = from
	t.freed = append(t.freed, freed{l.Key.Raw(), from})
}

func (l *Lock) deny(e Event) {
	if e.Work.Empty() {
		return // somebody was denied; who, the ledger has no room to say
	}
	w := Waiter{Work: e.Work, Owner: e.Owner, Attempts: e.Attempts, First: e.FirstDenied, Last: e.Time}
	if w.First.IsZero() {
		w.First = e.Time
	}
	for i := range l.Waiters {
		if l.Waiters[i].Work.Raw() == e.Work.Raw() {
			l.Waiters[i] = w
			return
		}
	}
	l.Waiters = append(l.Waiters, w)
}

func (l *Lock) leave(work Text) {
	l.Waiters = slices.DeleteFunc(l.Waiters, func(w Waiter) bool { return w.Work.Raw() == work.Raw() })
}

// forget drops locks that have been free, and awaited by nobody, for a while.
func (t *Table) forget(now time.Time) {
	for len(t.freed) > 0 {
		f := t.freed[0]
		if now.Sub(f.at) < forgetAfter && len(t.freed) <= forgottenAtMost {
			return
		}
		t.freed = t.freed[1:]
		l := t.locks[f.key]
		switch {
		case l == nil || l.Hold != nil || !l.freedAt.Equal(f.at):
		case len(l.Waiters) > 0 && len(t.freed) < forgottenAtMost:
			// Whether they still wait is for the viewer's policy to say: look again later.
			t.remember(l, now)
			return
		default:
			delete(t.locks, f.key)
		}
	}
}

func appendBounded(list []Event, e Event, limit int) []Event {
	if len(list) >= limit {
		copy(list, list[len(list)-limit+1:])
		list = list[:limit-1]
	}
	return append(list, e)
}

// denialRate counts denials in one-second slots.
type denialRate struct {
	slots [denialWindow]int
	last  int64 // the second of the newest slot
}

func (r *denialRate) add(at time.Time) {
	r.advance(at.Unix())
	if age := r.last - at.Unix(); age < denialWindow {
		r.slots[at.Unix()%denialWindow]++
	}
}

func (r *denialRate) advance(second int64) {
	for ; r.last < second; r.last++ {
		if second-r.last > denialWindow {
			r.last = second - denialWindow
		}
		r.slots[(r.last+1)%denialWindow] = 0
	}
}

// perMinute counts the denials of the minute before now, without changing anything.
func (r denialRate) perMinute(now time.Time) int {
	r.advance(now.Unix())
	sum := 0
	for _, n := range r.slots {
		sum += n
	}
	return sum
}
