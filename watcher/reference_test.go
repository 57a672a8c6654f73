package watcher

// A table of plain maps, slices and sorting, to compare the real one with: every row is built and
// all are sorted for every view.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

// plainLock is all that the plain table knows of one lock.
type plainLock struct {
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

type plainTable struct {
	locks    map[string]*plainLock
	families map[string][]time.Duration
	freed    []plainFreed // in the order of their end: what to forget next
	recent   []Event
	status   Status
	totals   Totals
	denials  denialRate
	serial   uint64
}

type plainFreed struct {
	key string
	at  time.Time
}

func newPlainTable() *plainTable {
	return &plainTable{locks: map[string]*plainLock{}, families: map[string][]time.Duration{}}
}

func (t *plainTable) learn(key string, hold time.Duration) {
	name := FamilyOf(key)
	t.families[name] = append(t.families[name], hold)
	if n := len(t.families[name]); n > holdsPerFamily {
		t.families[name] = t.families[name][n-holdsPerFamily:]
	}
}

func plainQuantile(holds []time.Duration, share float64) time.Duration {
	if len(holds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(holds))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// Apply takes the next event.
func (t *plainTable) Apply(e Event) {
	if t.status.apply(e); e.Type == Alive {
		return
	}
	if !e.Type.ofWatching() {
		t.applyLock(e)
	}
	t.recent = appendBounded(t.recent, e, eventsInAll)
	t.forget(e.Time)
}

func (t *plainTable) applyLock(e Event) {
	l := t.locks[e.Key.Raw()]
	if l == nil {
		l = &plainLock{Key: e.Key}
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
	case Extended, Persisted:
		if l.Hold == nil {
			t.begin(l, e)
		} else {
			l.Hold.plainSetTTL(e)
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

func (t *plainTable) count(e Event) {
	switch e.Type {
	case Expired:
		t.totals.Expired++
	case Forced:
		t.totals.Forced++
	}
}

func (t *plainTable) begin(l *plainLock, e Event) {
	t.serial++
	h := &Hold{Serial: t.serial, Owner: e.Owner, Fence: e.Fence, Work: e.Work}
	switch {
	case e.Held >= 0:
		h.Since = e.Time.Add(-e.Held)
	case !e.Inferred:
		h.Since = e.Time
	}
	h.plainSetTTL(e)
	l.Hold = h
	if !e.Work.Empty() {
		l.leave(e.Work)
	}
}

func (h *Hold) plainSetTTL(e Event) {
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

func (t *plainTable) end(l *plainLock, e Event, how Type) {
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

func (t *plainTable) remember(l *plainLock, from time.Time) {
	l.freedAt = from
	t.freed = append(t.freed, plainFreed{l.Key.Raw(), from})
}

func (l *plainLock) deny(e Event) {
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

func (l *plainLock) leave(work Text) {
	l.Waiters = slices.DeleteFunc(l.Waiters, func(w Waiter) bool { return w.Work.Raw() == work.Raw() })
}

// forget drops locks that have been free, and awaited by nobody, for a while.
func (t *plainTable) forget(now time.Time) {
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

// View answers a query at a moment.
func (t *plainTable) View(q Query, now time.Time) View {
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
		if q.Keep != nil && !q.Keep.Keep(r.Key.String(), r.Owner.String()) {
			v.Hidden++
			continue
		}
		v.Rows = append(v.Rows, r)
	}
	sortRows(v.Rows, q.Sort, q.Reverse)
	return v
}

// Detail gives everything about one lock; false if the table knows nothing of it.
func (t *plainTable) Detail(key string, q Query, now time.Time) (Detail, bool) {
	q = q.withDefaults()
	l := t.locks[key]
	if l == nil {
		return Detail{}, false
	}
	family := t.families[FamilyOf(key)]
	d := Detail{
		Row: t.row(l, q, now), Events: slices.Clone(l.Events),
		Typical: plainQuantile(family, 0.5), Known: len(family),
	}
	if l.Counts != nil {
		d.NotListed = l.Counts.NotListed
	}
	expected, result := t.forecast(l, q, now)
	for i, w := range expected {
		d.Waiters = append(d.Waiters, Forecast{w, result.Waiters[i], t.late(l, w, q, now)})
	}
	slices.SortStableFunc(d.Waiters, func(a, b Forecast) int { return a.Position - b.Position })
	for _, w := range l.Waiters {
		silent, left := q.Policy.Silent(w.Last, now), q.Policy.AttemptsLeft(w.Attempts)
		if left == 0 && !silent {
			d.Exhausted = append(d.Exhausted, w)
		}
		if left > 0 && silent && now.Before(w.Last.Add(4*q.Policy.Interval)) {
			d.Gone = append(d.Gone, w)
		}
	}
	return d, true
}

func (t *plainTable) row(l *plainLock, q Query, now time.Time) Row {
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
func (t *plainTable) forecast(l *plainLock, q Query, now time.Time) ([]Waiter, makecom.Result) {
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
	lock := t.predictable(l, now)
	lock.Latency = q.Latency
	return expected, makecom.Predict(q.Policy, lock, ws, now)
}

func (t *plainTable) predictable(l *plainLock, now time.Time) makecom.Lock {
	family := t.families[FamilyOf(l.Key.Raw())]
	lock := makecom.Lock{Typical: plainQuantile(family, 0.5)}
	if len(family) > 0 {
		lock.Longest = slices.Max(family)
	}
	if h := l.Hold; h != nil {
		lock.Held = true
		if !h.Until.IsZero() {
			lock.HasTTL, lock.TTL = true, max(h.Until.Sub(now), 0)
		}
		if !h.Since.IsZero() {
			lock.AgeKnown, lock.Age = true, max(now.Sub(h.Since), 0)
			var longer []time.Duration
			for _, d := range family {
				if d > lock.Age {
					longer = append(longer, d)
				}
			}
			lock.Lasts = plainQuantile(longer, 0.5)
		}
	}
	return lock
}

func (t *plainTable) late(l *plainLock, w Waiter, q Query, now time.Time) time.Duration {
	lock := t.predictable(l, now)
	back := w.Last.Add(q.Policy.Interval)
	if q.Policy.Mode != makecom.Parallel {
		if lock.Held && (!lock.AgeKnown || lock.Age < lock.Lasts) {
			return 0
		}
		busy := []time.Time{back}
		if l.Hold == nil && l.Last != nil {
			busy = append(busy, l.Last.At)
		}
		for _, other := range l.Waiters {
			busy = append(busy, other.Last)
		}
		back = slices.MaxFunc(busy, time.Time.Compare)
	}
	if d := now.Sub(back); d > q.Latency+max(q.Policy.Interval/60, 2*q.Latency) {
		return d
	}
	return 0
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
		return cmp.Or(c, strings.Compare(a.Key.String(), b.Key.String()), strings.Compare(a.Key.Raw(), b.Key.Raw()))
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

// judge sets the row's state, and why where it is not plain to see.
func (t *plainTable) judge(r *Row, l *plainLock, maxTTL time.Duration, now time.Time) {
	family := t.families[FamilyOf(l.Key.Raw())]
	usual := plainQuantile(family, overdueShare)
	switch {
	case r.Held && r.TTL == lockcore.NoTTL:
		r.State, r.Why = Stuck, "it has no TTL, so it never expires by itself"
	case r.Held && r.TTL > maxTTL:
		r.State, r.Why = Stuck, fmt.Sprintf("its TTL is above %s", maxTTL)
	case !l.lastOverrun.IsZero() && now.Sub(l.lastOverrun) < overrunShown:
		r.State, r.Why = Overran, "a hold outlived its TTL in the last five minutes"
	case r.Held && r.HeldFor >= 0 && len(family) >= holdsEnough && r.HeldFor > usual:
		r.State = Overdue
		r.Why = fmt.Sprintf("95 %% of the holds of %s took under %s", NewText(FamilyOf(l.Key.Raw())), round(usual))
	case r.Held && l.Hold.Largest > 0 && float64(r.TTL) < expiringShare*float64(l.Hold.Largest):
		r.State = Expiring
	case r.Held && r.Waiting > 0:
		r.State = Contended
	case r.Held:
		r.State = Held
	case r.Waiting > 0:
		r.State = Awaited
	default:
		r.State = Free
	}
}
