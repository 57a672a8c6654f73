package watcher

// A view is a function of table, query and now: the rows that are to be seen, in order.

import (
	"cmp"
	"slices"
	"strings"
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
	// Keep leaves out the locks for which it is false; nil keeps all. It sees what is shown, not raw bytes.
	Keep    func(key, owner string) bool
	Sort    Column // defaults to ByState
	Reverse bool
	Policy  makecom.Policy
	Latency time.Duration // one call of a worker; 0: makecom.DefaultLatency
	MaxTTL  time.Duration // above it a lock counts as stuck; 0: an hour
	Ended   bool          // also the locks that ended up to Linger ago
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
}

// Detail is everything about one lock.
type Detail struct {
	Row
	Waiters   []Forecast // in the order in which they come back
	NotListed int64      // waiters of whom only the number is known
	Exhausted []Waiter   // works that used up their attempts and do not come back by themselves
	Events    []Event    // the last ones, oldest first
	Typical   time.Duration
	Known     int // holds of the family that Typical is the median of
}

// Figures are the numbers of the header.
type Figures struct {
	Held, Awaited, Waiting, DeniedPerMinute int
	Totals
	Unrecorded int // held locks whose contention nobody records
}

// View is what a query gave.
type View struct {
	Rows    []Row
	Figures Figures // of all locks, whatever the query leaves out
	Status  Status
	Hidden  int // rows that Query.Keep left out
}

// View answers a query at a moment.
func (t *Table) View(q Query, now time.Time) View {
	q = q.withDefaults()
	v := View{Status: t.status, Rows: make([]Row, 0, len(t.locks))}
	v.Figures.Totals = t.totals
	v.Figures.DeniedPerMinute = t.denials.perMinute(now)
	for _, l := range t.locks {
		r := t.row(l, q, now)
		v.Figures.Waiting += r.Waiting
		switch {
		case r.Held:
			v.Figures.Held++
			if !r.Recorded {
				v.Figures.Unrecorded++
			}
		case r.Waiting > 0:
			v.Figures.Awaited++
		case !q.Ended || l.Last == nil || now.Sub(l.Last.At) > Linger:
			continue
		}
		if q.Keep != nil && !q.Keep(r.Key.String(), r.Owner.String()) {
			v.Hidden++
			continue
		}
		v.Rows = append(v.Rows, r)
	}
	sortRows(v.Rows, q.Sort, q.Reverse)
	return v
}

// Detail gives everything about one lock; false if the table knows nothing of it.
func (t *Table) Detail(key string, q Query, now time.Time) (Detail, bool) {
	q = q.withDefaults()
	l := t.locks[key]
	if l == nil {
		return Detail{}, false
	}
	family := t.families[FamilyOf(key)]
	d := Detail{
		Row: t.row(l, q, now), Events: slices.Clone(l.Events),
		Typical: family.quantile(0.5), Known: family.known(),
	}
	if l.Counts != nil {
		d.NotListed = l.Counts.NotListed
	}
	expected, result := t.forecast(l, q, now)
	for i, w := range expected {
		d.Waiters = append(d.Waiters, Forecast{w, result.Waiters[i]})
	}
	slices.SortStableFunc(d.Waiters, func(a, b Forecast) int { return a.Position - b.Position })
	for _, w := range l.Waiters {
		if q.Policy.AttemptsLeft(w.Attempts) == 0 && !q.Policy.Silent(w.Last, now) {
			d.Exhausted = append(d.Exhausted, w)
		}
	}
	return d, true
}

// Recent are the last events of all locks and of the watching itself, oldest first.
func (t *Table) Recent() []Event { return slices.Clone(t.recent) }

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

func (t *Table) row(l *Lock, q Query, now time.Time) Row {
	r := Row{Key: l.Key, Node: l.Node, HeldFor: Unknown, TTL: Unknown, Ended: l.Last}
	if h := l.Hold; h != nil {
		r.Held, r.Serial, r.Owner, r.Fence, r.Deadline, r.Ended = true, h.Serial, h.Owner, h.Fence, h.Deadline, nil
		if !h.Since.IsZero() {
			r.HeldFor = max(now.Sub(h.Since), 0)
		}
		r.TTL = lockcore.NoTTL
		if !h.Until.IsZero() {
			r.TTL = max(h.Until.Sub(now), 0)
			r.Over = r.TTL == 0
			r.TTLShare = min(float64(r.TTL)/float64(max(h.Largest, 1)), 1)
		}
	}
	if l.Counts != nil {
		r.Recorded, r.Denied, r.Overruns, r.Overlaps = true, l.Counts.Denied, l.Counts.Overruns, l.Counts.Overlaps
		expected, result := t.forecast(l, q, now)
		r.Waiting = len(expected) + int(l.Counts.NotListed)
		for _, f := range result.Waiters {
			if r.NextRetry.IsZero() || f.Next.Before(r.NextRetry) {
				r.NextRetry = f.Next
			}
		}
		if len(expected) > 0 {
			r.Clears = result.ClearsP50
		}
	}
	t.judge(&r, l, q.MaxTTL, now)
	return r
}

// forecast leaves out the waiters that the policy does not expect back.
func (t *Table) forecast(l *Lock, q Query, now time.Time) ([]Waiter, makecom.Result) {
	var expected []Waiter
	var ws []makecom.Waiter
	for _, w := range l.Waiters {
		if q.Policy.AttemptsLeft(w.Attempts) > 0 && !q.Policy.Silent(w.Last, now) {
			expected = append(expected, w)
			ws = append(ws, makecom.Waiter{Attempts: w.Attempts, LastDenied: w.Last})
		}
	}
	if len(ws) == 0 {
		return nil, makecom.Result{}
	}
	lock := makecom.Lock{Latency: q.Latency, Typical: t.families[FamilyOf(l.Key.Raw())].quantile(0.5)}
	if h := l.Hold; h != nil {
		lock.Held = true
		if !h.Until.IsZero() {
			lock.HasTTL, lock.TTL = true, max(h.Until.Sub(now), 0)
		}
		if !h.Since.IsZero() {
			lock.AgeKnown, lock.Age = true, max(now.Sub(h.Since), 0)
		}
	}
	return expected, makecom.Predict(q.Policy, lock, ws, now)
}

// sortRows puts the most pressing first: the worst state, the longest held, the least TTL, the
// most waiting, the soonest; texts from a to z; what is unknown comes last in either direction.
func sortRows(rows []Row, by Column, reverse bool) {
	slices.SortFunc(rows, func(a, b Row) int {
		if ua, ub := unknownIn(&a, by), unknownIn(&b, by); ua != ub {
			if ua {
				return 1
			}
			return -1
		}
		c := compareRows(&a, &b, by)
		if reverse {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a.Key.Raw(), b.Key.Raw()))
	})
}

func unknownIn(r *Row, by Column) bool {
	switch by {
	case ByOwner, ByTTL:
		return !r.Held
	case ByHeld:
		return r.HeldFor == Unknown
	case ByWaiting, ByDenied:
		return !r.Recorded
	case ByRetry:
		return r.NextRetry.IsZero()
	case ByClears:
		return r.Clears.IsZero()
	}
	return false
}

func compareRows(a, b *Row, by Column) int {
	switch by {
	case ByLock:
		return strings.Compare(a.Key.String(), b.Key.String())
	case ByOwner:
		return strings.Compare(a.Owner.String(), b.Owner.String())
	case ByHeld:
		return cmp.Compare(b.HeldFor, a.HeldFor)
	case ByTTL:
		// No TTL at all is more than any.
		return cmp.Or(cmp.Compare(btoi(a.TTL == lockcore.NoTTL), btoi(b.TTL == lockcore.NoTTL)), cmp.Compare(a.TTL, b.TTL))
	case ByWaiting:
		return cmp.Compare(b.Waiting, a.Waiting)
	case ByDenied:
		return cmp.Compare(b.Denied, a.Denied)
	case ByRetry:
		return a.NextRetry.Compare(b.NextRetry)
	case ByClears:
		return a.Clears.Compare(b.Clears)
	}
	return cmp.Or(
		cmp.Compare(severity[a.State], severity[b.State]),
		cmp.Compare(b.Waiting, a.Waiting),
		cmp.Compare(b.HeldFor, a.HeldFor))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
