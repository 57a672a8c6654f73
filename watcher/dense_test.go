package watcher

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

var lockEvents = []Type{Acquired, Extended, Persisted, Released, Deleted, Expired, Evicted, Forced, Seized, Denied, Left, Overwritten, Overrun, Overlap}

// anyEvent is one that may come at a moment, about one of so many locks.
func anyEvent(t *rapid.T, now float64, keys int) Event {
	e := Event{
		Type: rapid.SampledFrom(lockEvents).Draw(t, "type"), Time: at(now),
		Key:   NewText(rapid.SampledFrom([]string{"lock:a_", "lock:b_", "lock:\x1b_", "lock:"}).Draw(t, "family") + fmt.Sprint(rapid.IntRange(0, keys).Draw(t, "key"))),
		Owner: NewText(rapid.SampledFrom([]string{"", "x", "y", "y\x1b", "a long owner 1", "a long owner 2"}).Draw(t, "owner")),
		Work:  NewText(rapid.SampledFrom([]string{"", "w1", "w2", "w3"}).Draw(t, "work")),
		TTL:   rapid.SampledFrom([]time.Duration{Unknown, lockcore.NoTTL, 0, time.Second, 20 * time.Second, time.Hour, 3 * time.Hour}).Draw(t, "ttl"),
		Held:  rapid.SampledFrom([]time.Duration{Unknown, 0, time.Second, 30 * time.Second}).Draw(t, "held"),
		Fence: lockcore.Fence(rapid.Uint64Range(0, 3).Draw(t, "fence")), Attempts: rapid.IntRange(0, 12).Draw(t, "attempts"),
		Inferred: rapid.Bool().Draw(t, "inferred"), Node: rapid.SampledFrom([]string{"", "h:1", "h:2"}).Draw(t, "node"),
	}
	if e.TTL >= 0 {
		e.Deadline = e.Time.Add(e.TTL - time.Second)
	}
	switch rapid.IntRange(0, 5).Draw(t, "recorded") {
	case 0, 1:
		e.Counts = &Counts{}
	case 2:
		e.Counts = &Counts{Denied: rapid.Int64Range(0, 3).Draw(t, "denied"), NotListed: rapid.Int64Range(0, 1).Draw(t, "not listed")}
	}
	if e.Type == Released && rapid.Bool().Draw(t, "past") {
		e.Past = []time.Duration{time.Second, 5 * time.Second, 2 * time.Second}
	}
	return e
}

func anyQuery(t *rapid.T) Query {
	q := Query{
		Sort: rapid.SampledFrom(Columns).Draw(t, "sort"), Reverse: rapid.Bool().Draw(t, "reverse"), Ended: rapid.Bool().Draw(t, "ended"),
		MaxTTL: rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 2 * time.Hour}).Draw(t, "max TTL"),
	}
	if rapid.Bool().Draw(t, "policy") {
		q.Policy, q.Latency = makecom.Policy{Mode: makecom.Parallel, Interval: 20 * time.Second, Attempts: 2, Batch: 1}, time.Second
	}
	if rapid.Bool().Draw(t, "filtered") {
		text := rapid.SampledFrom([]string{"a_", "1", `\x1b`, "y", "nothing"}).Draw(t, "text")
		q.Keep = &Filter{func(key, owner string) bool { return strings.Contains(key, text) || strings.Contains(owner, text) }}
	}
	return q
}

// sameRow compares rows whose times may be in different locations.
func sameRow(a, b Row) bool {
	if !a.Deadline.Equal(b.Deadline) || !a.NextRetry.Equal(b.NextRetry) || !a.Clears.Equal(b.Clears) || (a.Ended == nil) != (b.Ended == nil) {
		return false
	}
	if a.Ended != nil {
		x, y := *a.Ended, *b.Ended
		if !x.At.Equal(y.At) || !sameHold(x.Hold, y.Hold) {
			return false
		}
		x.At, x.Hold, y.At, y.Hold = time.Time{}, Hold{}, time.Time{}, Hold{}
		if x != y {
			return false
		}
	}
	for _, r := range []*Row{&a, &b} {
		r.Deadline, r.NextRetry, r.Clears, r.Ended = time.Time{}, time.Time{}, time.Time{}, nil
	}
	return a == b
}

func sameHold(a, b Hold) bool {
	same := a.Since.Equal(b.Since) && a.Until.Equal(b.Until) && a.Deadline.Equal(b.Deadline)
	for _, h := range []*Hold{&a, &b} {
		h.Since, h.Until, h.Deadline = time.Time{}, time.Time{}, time.Time{}
	}
	return same && a == b
}

// compareTables asks both for the same, all rows and a window of them.
func compareTables(t *rapid.T, real *Table, plain *plainTable, q Query, now time.Time) {
	want, got := plain.View(q, now), real.View(q, now)
	if got.Figures != want.Figures || got.Hidden != want.Hidden || got.Total != len(want.Rows) || !reflect.DeepEqual(got.Status, want.Status) {
		t.Fatalf("%+v\nthe view has %+v, hidden %d, total %d\nshould have   %+v, hidden %d, total %d", q, got.Figures, got.Hidden, got.Total, want.Figures, want.Hidden, len(want.Rows))
	}
	compareRows := func(what string, got, want []Row) {
		if !slices.EqualFunc(got, want, sameRow) {
			t.Fatalf("%s: %+v\nrows are   %s\nshould be %s", what, q, named(got), named(want))
		}
	}
	compareRows("all", got.Rows, want.Rows)
	n := len(want.Rows)
	around := rapid.IntRange(-1, n).Draw(t, "around")
	q.Limit, q.Offset = rapid.IntRange(1, 12).Draw(t, "limit"), rapid.IntRange(0, n+2).Draw(t, "offset")
	q.Margin = rapid.IntRange(0, (q.Limit-1)/2).Draw(t, "margin")
	at := -1
	offset := max(0, min(q.Offset, n-q.Limit))
	switch {
	case around == n:
		q.Around = "lock:that is not there"
	case around >= 0:
		at, q.Around = around, want.Rows[around].Key.Raw()
		offset = min(offset, at-q.Margin)
		offset = max(offset, at+q.Margin+1-q.Limit)
		offset = max(0, min(offset, n-q.Limit))
	}
	v := real.View(q, now)
	if v.Offset != offset || v.At != at || v.Total != n {
		t.Fatalf("%+v: the window begins at %d, the lock is at %d of %d; should be %d, %d, %d", q, v.Offset, v.At, v.Total, offset, at, n)
	}
	compareRows("window", v.Rows, want.Rows[offset:min(offset+q.Limit, n)])
}

func named(rows []Row) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "\n  %s %+v", r.Key, r)
	}
	return b.String()
}

// smallWindows lets windows of a few rows take the ways that are meant for a million.
func smallWindows(t *testing.T) {
	s, c := shallow, tiesCompared
	shallow, tiesCompared = 3, 2
	t.Cleanup(func() { shallow, tiesCompared = s, c })
}

func TestTheTableSaysWhatAPlainOneWould(t *testing.T) {
	for _, small := range []bool{false, true} {
		t.Run(fmt.Sprintf("small windows %v", small), func(t *testing.T) {
			if small {
				smallWindows(t)
			}
			rapid.Check(t, func(t *rapid.T) {
				real, plain := NewTable(), newPlainTable()
				now, keys := 0.0, rapid.SampledFrom([]int{1, 6, 30}).Draw(t, "keys")
				q := anyQuery(t)
				for range rapid.IntRange(0, 80).Draw(t, "events") {
					now += rapid.SampledFrom([]float64{0, 0, 0.5, 3, 40, 400}).Draw(t, "later")
					e := anyEvent(t, now, keys)
					real.Apply(e)
					plain.Apply(e)
					if rapid.IntRange(0, 9).Draw(t, "look") == 0 {
						// The same query again, and another one: what a view leaves behind must not show.
						compareTables(t, real, plain, q, at(now+rapid.SampledFrom([]float64{-2, 0, 1, 6, 100}).Draw(t, "after")))
						if rapid.Bool().Draw(t, "another") {
							q = anyQuery(t)
						}
					}
				}
				moment := at(now + 1)
				compareTables(t, real, plain, q, moment)
				if real.Len() != len(plain.locks) {
					t.Fatalf("%d locks are remembered, should be %d", real.Len(), len(plain.locks))
				}
				if got := real.Recent(); !reflect.DeepEqual(got, plain.recent) && len(got)+len(plain.recent) > 0 {
					t.Fatalf("the last events are %v, should be %v", got, plain.recent)
				}
				for key := range plain.locks {
					got, ok := real.Detail(key, q, moment)
					want, _ := plain.Detail(key, q, moment)
					if !ok || !sameRow(got.Row, want.Row) {
						t.Fatalf("%s is %+v\nshould be %+v", key, got.Row, want.Row)
					}
					got.Row, want.Row = Row{}, Row{}
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("%s has %+v\nshould have %+v", key, got, want)
					}
				}
			})
		})
	}
}

// crowd is so many locks in several chunks, random and reproducible, in both kinds of table. Of a calm one
// most chunks have nothing but holds that go well; few are expiring or overdue.
func crowd(n int, calm bool) (*Table, *plainTable, float64) {
	r := rand.New(rand.NewPCG(1, 2))
	real, plain := NewTable(), newPlainTable()
	now := 0.0
	apply := func(e Event) { real.Apply(e); plain.Apply(e) }
	for i := range 2 * n {
		now += r.Float64() * 20 / float64(n)
		key := fmt.Sprintf("lock:%s_%05d", []string{"order", "customer", "x"}[r.IntN(3)], r.IntN(n))
		e := acquired(key, fmt.Sprintf("%08x", r.Uint32()), time.Duration(r.IntN(60))*time.Second, now)
		what := r.IntN(8)
		if calm {
			e.TTL += 300 * time.Second
			if what = -1; i%500 == 0 {
				e.TTL, what = 10*time.Second, 3
			}
			if i%100 == 7 {
				e.Type, e.Held = Released, 12*time.Second
			}
		}
		switch what {
		case 0:
			e.Inferred, e.Held, e.Counts = true, Unknown, nil
		case 1:
			e.TTL = lockcore.NoTTL
		case 2:
			e = denied(key, fmt.Sprint(r.IntN(9)), r.IntN(12), now)
		case 3:
			if e = ended(Released, key, now); calm {
				e = acquired(key, "soon over", 10*time.Second, now)
			}
		}
		if e.Type == Acquired && i%7 == 0 && !calm {
			e.Held = time.Duration(r.IntN(1000)) * time.Second
		}
		apply(e)
	}
	return real, plain, now
}

func TestWindowsOnManyLocksAreWhatSortingAllGives(t *testing.T) {
	for _, calm := range []bool{false, true} {
		for _, small := range []bool{false, true} {
			t.Run(fmt.Sprintf("calm %v, small windows %v", calm, small), func(t *testing.T) {
				if small {
					smallWindows(t)
				}
				real, plain, now := crowd(2500, calm)
				compareWindows(t, real, plain, now)
			})
		}
	}
}

func compareWindows(t *testing.T, real *Table, plain *plainTable, now float64) {
	some := &Filter{func(key, _ string) bool { return strings.Contains(key, "7") }}
	for _, by := range Columns {
		for _, reverse := range []bool{false, true} {
			for _, keep := range []*Filter{nil, some} {
				q := Query{Sort: by, Reverse: reverse, Keep: keep, Ended: true}
				want := plain.View(q, at(now))
				for _, offset := range []int{0, 17, len(want.Rows) / 3, len(want.Rows) - 30} {
					for _, around := range []bool{false, true} {
						q.Offset, q.Limit, q.Margin, q.Around = offset, 20, 9, ""
						if around {
							q.Around = want.Rows[offset+9].Key.Raw()
						}
						got := real.View(q, at(now))
						if got.Total != len(want.Rows) || got.Offset != offset || !slices.EqualFunc(got.Rows, want.Rows[offset:offset+20], sameRow) || around && got.At != offset+9 {
							t.Fatalf("%+v: at %d of %d, the lock at %d, are %s\nshould be %s", q, got.Offset, got.Total, got.At, named(got.Rows), named(want.Rows[offset:offset+20]))
						}
					}
				}
			}
		}
	}
}

// The chunks' bounds are what leaves most of a million locks unread: that they hold is what all rests on.
func TestNoRowLiesOutsideTheBoundsOfItsChunk(t *testing.T) {
	for _, calm := range []bool{false, true} {
		real, _, now := crowd(2500, calm)
		for _, by := range Columns {
			for _, turned := range []int{0, 1, 2, 3} {
				for _, later := range []float64{-5, 0, 3, 30, 290, 400} {
					q := Query{Sort: by, Reverse: turned&1 != 0}.withDefaults()
					real.View(q, at(now))
					o := ordering{t: real, by: by, reverse: q.Reverse, mirrored: turned&2 != 0, now: real.moment(at(now + later)), maxTTL: int64(time.Hour)}
					for n, c := range real.chunks {
						for i, f := range c.flags {
							if p := o.ofScanned(rowOf(n, i), c, i); f&(isHeld|isSpecial) == isHeld && p.before(o.least(c)) {
								t.Fatalf("%+v: %+v comes before %+v, the least of its chunk", o, p, o.least(c))
							}
						}
					}
				}
			}
		}
	}
}

// Nor does a sieve keep back a row that comes no later than what it was made for, or let others count.
func TestASieveLetsThroughWhatComesNoLater(t *testing.T) {
	for _, calm := range []bool{false, true} {
		real, _, now := crowd(2500, calm)
		for _, by := range []Column{ByOwner, ByHeld, ByTTL, ByState, ByLock} {
			for _, turned := range []int{0, 1, 2, 3} {
				for _, later := range []float64{-5, 0, 3, 30, 290, 400} {
					q := Query{Sort: by, Reverse: turned&1 != 0, Limit: 1}.withDefaults()
					real.View(q, at(now))
					var p picker
					p.begin(real, q, at(now+later))
					if turned&2 != 0 {
						p.flip()
					}
					var all []spot
					p.each(func(s spot) { all = append(all, s) })
					for i := 0; i < len(all); i += len(all)/29 + 1 {
						from, upto := all[i/2].place, all[i].place
						if upto.before(from) {
							from, upto = upto, from
						}
						between, passed, before, counted := 0, 0, 0, 0
						for _, s := range all {
							if s.before(upto) {
								before++
							}
							if !s.before(from) && !upto.before(s.place) {
								between++
							}
						}
						for n := range real.chunks {
							counted += p.countBefore(n, upto)
							p.scan(n, &from, &upto, func(s spot) {
								if !s.before(from) && !upto.before(s.place) {
									passed++
								}
							})
						}
						if passed != between || counted != before {
							t.Fatalf("%+v, %v later, from %+v to %+v: %d of %d rows pass, %d are counted before of %d", q, later, from, upto, passed, between, counted, before)
						}
					}
				}
			}
		}
	}
}

func TestWhatNobodyAsksForIsDroppedAndMadeAgain(t *testing.T) {
	real, plain, now := crowd(2500, false)
	q := Query{Sort: ByOwner, Keep: &Filter{func(key, _ string) bool { return strings.Contains(key, "7") }}, Limit: 30}
	look := func() {
		t.Helper()
		if got, want := real.View(q, at(now)), plain.View(q, at(now)); !slices.EqualFunc(got.Rows, want.Rows[:30], sameRow) || got.Hidden != want.Hidden {
			t.Fatalf("rows are %s\nshould be %s", named(got.Rows), named(want.Rows[:30]))
		}
	}
	look()
	for i := range idleQueries {
		if real.asked.filter == nil || real.chunks[0].owner == nil {
			t.Fatalf("after %d queries that do without it is dropped", i)
		}
		real.View(Query{Limit: 30}, at(now))
	}
	if real.asked.filter != nil || real.chunks[0].owner != nil {
		t.Error("after many queries that do without it is still there")
	}
	e := acquired("lock:order_00007", "0 of all owners", time.Minute, now)
	real.Apply(e)
	plain.Apply(e)
	look()
}

func TestOldEventsAreForgottenAndAHoldStillHasItsBeginning(t *testing.T) {
	met := acquired("lock:met", "x", 20*time.Second, 0)
	met.Inferred, met.Held, met.Counts = true, Unknown, nil
	seen := acquired("lock:seen", "x", lockcore.NoTTL, 0)
	never := seen
	never.Key, never.Inferred, never.Held = NewText("lock:never"), true, Unknown
	tb := table(met, seen, never)
	tb.Apply(Event{Type: Extended, Key: met.Key, Time: at(1), TTL: time.Minute, Held: Unknown})
	for i := range eventsRemembered {
		tb.Apply(acquired("lock:busy", fmt.Sprint(i), time.Minute, 2))
	}
	if d, _ := tb.Detail("lock:busy", Query{}, at(3)); len(d.Events) != eventsPerLock || d.Events[eventsPerLock-1].Owner.Raw() != fmt.Sprint(eventsRemembered-1) {
		t.Errorf("a busy lock has %d events", len(d.Events))
	}
	d, _ := tb.Detail("lock:seen", Query{}, at(3))
	want := seen
	want.Inferred, want.Counts = true, nil
	if !reflect.DeepEqual(d.Events, []Event{want}) {
		t.Errorf("a hold from long ago has the events %+v", d.Events)
	}
	if d, _ := tb.Detail("lock:met", Query{}, at(3)); len(d.Events) != 1 || !d.Events[0].Inferred || d.Events[0].Type != Acquired || d.Events[0].Owner.Raw() != "x" {
		t.Errorf("a hold that was met has the events %+v", d.Events)
	}
	if d, _ := tb.Detail("lock:never", Query{}, at(3)); len(d.Events) != 0 {
		t.Errorf("a hold of which nothing says when it was met has the events %+v", d.Events)
	}
	// An event in the very place where the one before of the same lock was.
	one := table(seen)
	for range eventsRemembered - 1 {
		one.Apply(acquired("lock:busy", "y", time.Minute, 2))
	}
	one.Apply(Event{Type: Extended, Key: seen.Key, Time: at(3), TTL: time.Minute, Held: Unknown})
	if d, _ := one.Detail("lock:seen", Query{}, at(3)); len(d.Events) != 1 || d.Events[0].Type != Extended {
		t.Errorf("a lock with one event that is remembered has %+v", d.Events)
	}
	if n := len(tb.history.ring); n != eventsRemembered {
		t.Errorf("%d events are remembered", n)
	}
}

func TestLocksThatComeAndGoAreForgottenInTheirOrder(t *testing.T) {
	tb := NewTable()
	for range 5000 {
		tb.Apply(acquired("lock:again", "x", time.Minute, 0))
		tb.Apply(ended(Released, "lock:again", 0))
	}
	if n := len(tb.free.queue); n > 2000 {
		t.Errorf("for one free lock the queue has %d places", n)
	}
	const many = forgottenAtMost + 5000
	for i := range many {
		key := fmt.Sprintf("lock:%d", i)
		tb.Apply(acquired(key, "x", time.Minute, 1))
		tb.Apply(ended(Released, key, 1))
		if i%2 == 0 { // half of them are taken again, and leave places of the queue empty
			tb.Apply(acquired(key, "x", time.Minute, 1))
		}
	}
	for i := range many {
		if i%2 == 0 {
			tb.Apply(ended(Released, fmt.Sprintf("lock:%d", i), 2))
		}
	}
	if tb.Len() != forgottenAtMost {
		t.Errorf("%d free locks are remembered, should be %d", tb.Len(), forgottenAtMost)
	}
	// Those that were free first are gone: odd ones.
	for i := 1; i < 10_000; i += 2 {
		if _, ok := tb.Detail(fmt.Sprintf("lock:%d", i), Query{}, at(2)); ok != (i > 2*(many-forgottenAtMost)) {
			t.Fatalf("lock:%d is remembered: %v", i, ok)
		}
	}
	if v := tb.View(Query{Ended: true, Limit: 10}, at(3)); v.Total != forgottenAtMost {
		t.Errorf("%d ended locks are seen", v.Total)
	}
	if n := len(tb.free.queue); n > 3*forgottenAtMost {
		t.Errorf("the queue has %d places", n)
	}
}
