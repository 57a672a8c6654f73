package watcher

// A view is a function of table, query and now: the rows that are to be seen, in order.

import (
	"slices"
	"time"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

// Linger is how long a lock that ended stays in view.
const Linger = 5 * time.Second

// Column names what rows are sorted by.
type Column string

// The columns of the table of locks.
const (
	ByLock    Column = "lock"
	ByOwner   Column = "owner"
	ByHeld    Column = "held"
	ByTTL     Column = "ttl"
	ByWaiting Column = "waiting"
	ByDenied  Column = "denied"
	ByRetry   Column = "retry"
	ByClears  Column = "clears"
	ByState   Column = "state"
)

// Columns are all columns, in the order in which they are shown.
var Columns = []Column{ByLock, ByOwner, ByHeld, ByTTL, ByWaiting, ByDenied, ByRetry, ByClears, ByState}

// Query says which locks are wanted and how they are to be judged.
type Query struct {
	Keep    *Filter // leaves locks out; nil keeps all
	Sort    Column  // defaults to ByState
	Reverse bool
	Policy  makecom.Policy
	Latency time.Duration // one call of a worker; 0: makecom.DefaultLatency
	MaxTTL  time.Duration // above it a lock counts as stuck; 0: an hour
	Ended   bool          // also the locks that ended up to Linger ago

	// Limit bounds the rows that are given, a window on all that there are; 0 gives all.
	Limit  int
	Offset int // how many rows come before the window; less where too few follow
	// Around is the raw key of a lock whose place is wanted. If it is among the rows, the window moves as
	// little as shows it with Margin rows before and after it; Limit must have room for that.
	Around string
	Margin int
}

// Row is one lock as it is to be seen at one moment.
type Row struct {
	Key    Text
	Node   string
	Serial uint64 // of the present hold, 0 where nobody holds it
	Held   bool
	Owner  Text
	Fence  lockcore.Fence

	HeldFor  time.Duration // Unknown where nobody saw its beginning or nobody holds it
	TTL      time.Duration // left, lockcore.NoTTL, or Unknown where nobody holds it
	TTLShare float64       // of the largest TTL seen in this hold, 0 to 1
	Over     bool          // the TTL is up by our clock, and the server has not confirmed it yet
	Deadline time.Time     // on the server's clock; zero without TTL

	Recorded  bool // false: nobody records contention, and Waiting and Denied mean nothing
	Waiting   int  // works that are expected back, listed or not
	Denied    int64
	Overruns  int64
	Overlaps  int64
	NextRetry time.Time // of the first waiter; zero if there is none
	Clears    time.Time // when the last waiter that gets in will be done, at even odds; zero if unknown

	State State
	Why   string
	Ended *End // of a lock that is free: how its last hold ended, if that was seen
}

// Forecast is a waiter and what is to be expected for it.
type Forecast struct {
	Waiter
	makecom.Forecast
	Late time.Duration // since it should have come back; 0 where it is on time, or its turn has not come
}

// Detail is everything about one lock.
type Detail struct {
	Row
	Waiters   []Forecast // in the order in which they come back
	NotListed int64      // waiters of whom only the number is known
	Exhausted []Waiter   // works that used up their attempts and do not come back by themselves
	Gone      []Waiter   // works that should have come back and did not: nothing was heard of them for two intervals, or up to four
	// Events are the last ones, oldest first. Of a hold whose events are forgotten it is its
	// beginning, made again from what is known of the hold and so marked as inferred.
	Events  []Event
	Typical time.Duration
	Known   int   // holds of the family that Typical is the median of
	Score   Score // of the family's last forecasts; nothing where forecasts are not compared with what happens
}

// Figures are the numbers of the header.
type Figures struct {
	Held, Awaited, Waiting, DeniedPerMinute int
	Totals
	Unrecorded int // held locks whose contention nobody records
}

// View is what a query gave.
type View struct {
	Rows    []Row   // of the window
	Offset  int     // rows before the window
	Total   int     // rows that there are
	At      int     // the place of Query.Around among all rows; -1 if it is not there
	Figures Figures // of all locks, whatever the query leaves out
	Status  Status
	Hidden  int // rows that Query.Keep left out
}

// View answers a query at a moment.
func (t *Table) View(q Query, now time.Time) View {
	q = q.withDefaults()
	for !t.prepare(q, stepsOfAView) {
	}
	p := &t.scratch
	p.begin(t, q, now)
	v := View{Status: t.status, Figures: p.figures, Total: p.total, Hidden: p.hidden}
	v.Figures.Totals = t.totals
	v.Figures.DeniedPerMinute = t.denials.perMinute(now)
	var rows []uint32
	rows, v.Offset, v.At = p.window()
	v.Rows = make([]Row, len(rows))
	for i, row := range rows {
		v.Rows[i] = t.row(row, q, now)
	}
	p.end()
	return v
}

// Detail gives everything about one lock; false if the table knows nothing of it.
func (t *Table) Detail(key string, q Query, now time.Time) (Detail, bool) {
	q = q.withDefaults()
	row, ok := t.index.Find(key)
	if !ok {
		return Detail{}, false
	}
	l, family := t.locks.At(row), t.families.of(key)
	d := Detail{
		Row: t.row(row, q, now), Events: t.eventsOf(row), NotListed: l.counts().NotListed,
		Typical: family.quantile(0.5), Known: family.known(), Score: t.ScoreOf(key),
	}
	f := t.forecast(row, q, now)
	for i, w := range f.expected {
		d.Waiters = append(d.Waiters, Forecast{Waiter: w, Forecast: f.Waiters[i], Late: t.late(row, w, q, now)})
	}
	slices.SortStableFunc(d.Waiters, func(a, b Forecast) int { return a.Position - b.Position })
	for _, w := range l.waiters() {
		switch silent := q.Policy.Silent(w.Last, now); {
		case q.Policy.AttemptsLeft(w.Attempts) > 0:
			if silent && now.Sub(w.Last) < goneShown*q.Policy.Interval {
				d.Gone = append(d.Gone, w)
			}
		case !silent:
			d.Exhausted = append(d.Exhausted, w)
		}
	}
	return d, true
}

// eventsOf are the last events of a row, or what they must have begun with.
func (t *Table) eventsOf(row uint32) []Event {
	l := t.locks.At(row)
	events := t.history.of(l.key, l.event)
	h := t.hold(row)
	if len(events) > 0 || h.Serial == 0 {
		return events
	}
	e := Event{
		Type: Acquired, Key: NewText(l.key), Node: t.nodes[l.node], Inferred: true, Owner: h.Owner, Deadline: h.Deadline,
		Fence: h.Fence, Work: h.Work, TTL: lockcore.NoTTL, Held: Unknown, Time: h.Since,
	}
	switch {
	case !h.Since.IsZero():
		e.Held = 0
	case h.Until.IsZero():
		return nil // nothing says when
	default:
		e.Time = h.Until.Add(-h.Largest) // when it was met
	}
	if !h.Until.IsZero() {
		e.TTL = h.Until.Sub(e.Time)
	}
	return []Event{e}
}

func (q Query) withDefaults() Query {
	if q.Sort == "" {
		q.Sort = ByState
	}
	if q.Policy == (makecom.Policy{}) {
		q.Policy = makecom.DefaultPolicy
	}
	if q.Latency == 0 {
		q.Latency = makecom.DefaultLatency
	}
	if q.MaxTTL == 0 {
		q.MaxTTL = time.Hour
	}
	return q
}

// row is a lock as it is to be seen.
func (t *Table) row(row uint32, q Query, now time.Time) Row {
	l := t.locks.At(row)
	c, i := t.chunk(row)
	m := t.moment(now)
	r := Row{
		Key: NewText(l.key), Node: t.nodes[l.node], Held: c.flags[i]&isHeld != 0, Serial: l.serial, Fence: l.fence, Deadline: t.deadline(l),
		HeldFor: Unknown, TTL: Unknown, Recorded: c.flags[i]&isRecorded != 0,
	}
	largest := time.Duration(c.largest[i])
	if r.Held {
		r.Owner, r.TTL = NewText(l.owner), lockcore.NoTTL
		if c.since[i] != unknownTime {
			r.HeldFor = time.Duration(max(m-c.since[i], 0))
		}
		if c.until[i] != never {
			r.TTL = time.Duration(max(c.until[i]-m, 0))
			r.Over = r.TTL == 0
			r.TTLShare = min(float64(r.TTL)/float64(max(largest, 1)), 1)
		}
	} else {
		r.Ended = l.last()
	}
	if r.Recorded {
		counts := l.counts()
		r.Denied, r.Overruns, r.Overlaps, r.Waiting = counts.Denied, counts.Overruns, counts.Overlaps, int(counts.NotListed)
		f := t.forecast(row, q, now)
		r.Waiting += len(f.expected)
		for i := range f.expected {
			if next := q.Policy.Next(f.expected[i].Last, now); r.NextRetry.IsZero() || next.Before(r.NextRetry) {
				r.NextRetry = next
			}
		}
		if len(f.expected) > 0 {
			r.Clears = f.ClearsP50
		}
	}
	family := t.families.of(l.key)
	t.judge(&r, largest, l.overran(), family, q.MaxTTL, m)
	r.Why = why(&r, family, q.MaxTTL)
	return r
}
