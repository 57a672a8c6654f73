package watcher

// Table: events in, locks out. It does no I/O, starts no goroutine and never asks for the
// time, so the same events give the same table. One goroutine at a time may use it, looking
// included: a view leaves behind what makes the next one quicker.

import (
	"slices"
	"time"

	"locktop/lockcore"
	"locktop/watcher/dense"
	"locktop/watcher/makecom"
)

// How much the table remembers.
const (
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
	How      Type // one for which Ends is true
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

// Totals are counted since watching began.
type Totals struct {
	Expired, Overruns, Overlaps, Forced int
}

// Table is the reducer. The zero value is not ready; use NewTable.
type Table struct {
	base     time.Time // of the first event: moments are counted from it
	locks    dense.Rows[lock]
	chunks   []*chunk
	index    *dense.Index // by key
	names    *dense.Order // by key, as it is shown
	nodes    []string     // by number; the first is that of no node
	families families
	history  history
	owners   ownerCodes
	asked    asked

	special   []special      // rows with waiters, or an overrun
	expecting makecom.Policy // by which their waiters are counted
	counted   []counted      // rows with denials
	free      freeLocks      // rows that nobody holds, in the order of their end: what to forget next

	held, unrecorded int // rows

	status  Status
	totals  Totals
	denials denialRate
	version uint64
	serial  uint64
	scratch picker  // what a view works with, kept for the next
	scorer  *scorer // nil: forecasts are not compared with what happens
}

// NewTable is an empty table that has not heard of anything.
func NewTable() *Table {
	t := &Table{nodes: []string{""}, families: families{byName: map[string]*durations{}}}
	t.index = dense.NewIndex(func(row uint32) string { return t.locks.At(row).key })
	t.names = dense.NewOrder(t.compareNames)
	return t
}

// Version grows with every event that changes anything to be seen.
func (t *Table) Version() uint64 { return t.version }

// Status is how well the table knows the present.
func (t *Table) Status() Status { return t.status }

// Len is how many locks the table knows of, free ones that are not forgotten yet included.
func (t *Table) Len() int { return t.locks.Len() }

// Recent are the last events of all locks and of the watching itself, oldest first.
func (t *Table) Recent() []Event { return t.history.recent() }

// Apply takes the next event.
func (t *Table) Apply(e Event) {
	t.version++
	if t.status.apply(e); e.Type == Alive {
		return
	}
	if t.base.IsZero() {
		t.base = e.Time
	}
	if t.scorer != nil {
		t.scorer.advance(t, e.Time)
	}
	if e.Type.ofWatching() {
		t.history.add(&e, 0)
	} else {
		t.applyLock(&e)
		if t.scorer != nil {
			t.scorer.see(t, &e)
		}
	}
	t.forget(e.Time)
}

func (t *Table) applyLock(e *Event) {
	row, ok := t.index.Find(e.Key.Raw())
	if !ok {
		row = t.add(e.Key.Raw())
	}
	t.unsettle(row)
	l := t.locks.At(row)
	if l.extra != nil {
		l.extra.forecast = nil
	}
	if e.Node != "" {
		l.node = t.nodeNumber(e.Node)
	}
	if e.Counts != nil {
		c, i := t.chunk(row)
		c.flags[i] |= isRecorded
		if *e.Counts != (Counts{}) || l.extra != nil {
			t.extraOf(row).counts = *e.Counts
		}
	}
	for _, d := range e.Past {
		t.families.learn(l.key, d)
	}
	held := t.flags(row)&isHeld != 0
	switch e.Type {
	case Acquired, Overwritten, Seized:
		t.begin(row, e)
	case Extended, Persisted, Adjusted:
		if !held {
			t.begin(row, e)
		} else {
			t.setTTL(row, e)
		}
		if e.Fence != 0 {
			l.fence = e.Fence
		}
	case Released, Deleted, Expired, Evicted, Forced:
		if held {
			t.end(row, e)
		}
		t.count(e)
	case Denied:
		t.deny(row, e)
		if !e.Inferred {
			t.denials.add(e.Time)
		}
	case Left:
		t.leave(row, e.Work)
	case Overrun:
		t.extraOf(row).overran = t.moment(e.Time)
		t.totals.Overruns++
	case Overlap:
		t.totals.Overlaps++
	}
	l.event = t.history.add(e, l.event)
	t.settle(row, e.Time)
}

func (t *Table) count(e *Event) {
	switch e.Type {
	case Expired:
		t.totals.Expired++
	case Forced:
		t.totals.Forced++
	}
}

// begin begins a hold, in the place of another one if there is any.
func (t *Table) begin(row uint32, e *Event) {
	t.noHold(row)
	t.serial++
	l := t.locks.At(row)
	c, i := t.chunk(row)
	c.flags[i] |= isHeld
	l.serial, l.fence = t.serial, e.Fence
	switch at := t.moment(e.Time); {
	case e.Held >= 0:
		c.since[i] = max(at-int64(e.Held), -furthest)
	case !e.Inferred:
		c.since[i] = at
	}
	t.setOwner(row, e.Owner.Raw())
	t.setTTL(row, e)
	if l.extra != nil || !e.Work.Empty() {
		t.extraOf(row).work = e.Work
	}
	if !e.Work.Empty() {
		t.leave(row, e.Work)
	}
}

func (t *Table) setTTL(row uint32, e *Event) {
	l := t.locks.At(row)
	c, i := t.chunk(row)
	if e.TTL == lockcore.NoTTL || e.TTL == Unknown {
		c.until[i], l.deadline = never, never
		return
	}
	c.until[i] = later(t.moment(e.Time), e.TTL)
	t.setDeadline(l, e.Deadline)
	c.largest[i] = max(c.largest[i], int64(e.TTL))
	// A hold that is met in its middle began with more than it has left.
	if c.since[i] != unknownTime && c.largest[i] == int64(e.TTL) {
		c.largest[i] = max(c.largest[i], c.until[i]-c.since[i])
	}
}

func (t *Table) end(row uint32, e *Event) {
	h := t.hold(row)
	end := &End{Hold: h, How: e.Type, At: e.Time, Held: Unknown, By: e.By, Reason: e.Reason, Inferred: e.Inferred}
	switch {
	case e.Held >= 0:
		end.Held = e.Held
	case !h.Since.IsZero():
		end.Held = e.Time.Sub(h.Since)
	}
	if e.Type == Released && end.Held >= 0 {
		t.families.learn(e.Key.Raw(), end.Held)
	}
	x := t.extraOf(row)
	x.last, x.work = end, Text{}
	t.noHold(row)
}

func (t *Table) deny(row uint32, e *Event) {
	if e.Work.Empty() {
		return // somebody was denied; who, the ledger has no room to say
	}
	w := Waiter{Work: e.Work, Owner: e.Owner, Attempts: e.Attempts, First: e.FirstDenied, Last: e.Time}
	if w.First.IsZero() {
		w.First = e.Time
	}
	x := t.extraOf(row)
	for i := range x.waiters {
		if x.waiters[i].Work.Raw() == e.Work.Raw() {
			x.waiters[i] = w
			return
		}
	}
	x.waiters = append(x.waiters, w)
}

func (t *Table) leave(row uint32, work Text) {
	if x := t.locks.At(row).extra; x != nil {
		x.waiters = slices.DeleteFunc(x.waiters, func(w Waiter) bool { return w.Work.Raw() == work.Raw() })
	}
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
