package watcher

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// at is a moment, in seconds from start.
func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

func acquired(key, owner string, ttl time.Duration, when float64) Event {
	return Event{Type: Acquired, Time: at(when), Key: NewText(key), Owner: NewText(owner), TTL: ttl, Held: 0, Counts: &Counts{}}
}

func denied(key, work string, attempts int, when float64) Event {
	return Event{Type: Denied, Time: at(when), Key: NewText(key), Work: NewText(work), Owner: NewText("owner of " + work),
		Attempts: attempts, TTL: Unknown, Held: Unknown, Counts: &Counts{Denied: int64(attempts)}}
}

func ended(how Type, key string, when float64) Event {
	return Event{Type: how, Time: at(when), Key: NewText(key), TTL: Unknown, Held: Unknown, Counts: &Counts{}}
}

func table(events ...Event) *Table {
	t := NewTable()
	for _, e := range events {
		t.Apply(e)
	}
	return t
}

func only(t *testing.T, v View) Row {
	t.Helper()
	if len(v.Rows) != 1 {
		t.Fatalf("seen are %d rows: %+v", len(v.Rows), v.Rows)
	}
	return v.Rows[0]
}

func TestAHoldCountsDownByItselfAndIsOverAtItsDeadline(t *testing.T) {
	tb := table(acquired("lock:a", "me", 10*time.Second, 0))
	r := only(t, tb.View(Query{}, at(4)))
	if !r.Held || r.TTL != 6*time.Second || r.HeldFor != 4*time.Second || r.TTLShare != 0.6 || r.Over || r.State != Held {
		t.Errorf("after 4 of 10 s it is %+v", r)
	}
	if r := only(t, tb.View(Query{}, at(8.5))); r.State != Expiring {
		t.Errorf("with 1.5 of 10 s left it is %s", r.State)
	}
	r = only(t, tb.View(Query{}, at(11)))
	if !r.Held || !r.Over || r.TTL != 0 {
		t.Errorf("past its deadline, unconfirmed, it is %+v", r)
	}
	tb.Apply(ended(Expired, "lock:a", 11.5))
	v := tb.View(Query{Ended: true}, at(12))
	r = only(t, v)
	if r.Held || r.TTL != Unknown || r.Ended == nil || r.Ended.How != Expired || v.Figures.Expired != 1 {
		t.Errorf("once confirmed it is %+v", r)
	}
	if v := tb.View(Query{Ended: true}, at(11.5).Add(Linger+1)); len(v.Rows) != 0 {
		t.Errorf("after a while it is still shown: %+v", v.Rows)
	}
	if v := tb.View(Query{}, at(12)); len(v.Rows) != 0 {
		t.Errorf("it is shown though ended ones are not wanted: %+v", v.Rows)
	}
}

func TestAHoldMetInItsMiddleHasAnUnknownBeginning(t *testing.T) {
	e := acquired("lock:a", "me", 10*time.Second, 0)
	e.Inferred, e.Held, e.Counts = true, Unknown, nil
	r := only(t, table(e).View(Query{}, at(1)))
	if r.HeldFor != Unknown || r.Recorded {
		t.Errorf("it is %+v", r)
	}
	e.Held = 5 * time.Second
	r = only(t, table(e).View(Query{}, at(1)))
	if r.HeldFor != 6*time.Second || r.TTLShare != 0.6 {
		t.Errorf("held for 5 s with 10 s left it began with 15 s: %+v", r)
	}
}

func TestWaitersComeGoAndAreForecast(t *testing.T) {
	tb := table(
		acquired("lock:a", "me", 15*time.Second, 0),
		denied("lock:a", "evt_1", 1, 1),
		denied("lock:a", "evt_2", 1, 2),
	)
	q := Query{Policy: makecom.DefaultPolicy}
	v := tb.View(q, at(3))
	r := only(t, v)
	if r.State != Contended || r.Waiting != 2 || !r.NextRetry.Equal(at(61)) || r.Clears.IsZero() || v.Figures.Waiting != 2 || v.Figures.DeniedPerMinute != 2 {
		t.Errorf("with two waiters it is %+v, figures %+v", r, v.Figures)
	}
	tb.Apply(ended(Released, "lock:a", 4))
	if r := only(t, tb.View(q, at(5))); r.State != Awaited || r.Held || r.Waiting != 2 {
		t.Errorf("free and awaited it is %+v", r)
	}
	got := acquired("lock:a", "new owner", 15*time.Second, 61)
	got.Work = NewText("evt_1")
	tb.Apply(got)
	d, _ := tb.Detail("lock:a", q, at(62))
	if len(d.Waiters) != 1 || d.Waiters[0].Work.Raw() != "evt_2" || d.Waiters[0].AttemptsLeft != 10 || d.Waiters[0].Position != 1 {
		t.Errorf("after one got in the waiters are %+v", d.Waiters)
	}
	tb.Apply(denied("lock:a", "evt_2", 11, 70))
	d, _ = tb.Detail("lock:a", q, at(71))
	if len(d.Waiters) != 0 || len(d.Exhausted) != 1 || d.Waiting != 0 {
		t.Errorf("one that used up its attempts is %+v, %+v", d.Waiters, d.Exhausted)
	}
	tb.Apply(denied("lock:a", "evt_3", 1, 72))
	if d, _ := tb.Detail("lock:a", q, at(72).Add(2*time.Minute+time.Second)); len(d.Waiters) != 0 {
		t.Errorf("after two intervals of silence the waiters are %+v", d.Waiters)
	}
}

func TestStatesWorstFirst(t *testing.T) {
	tb := table()
	for i := range 6 {
		key := fmt.Sprintf("lock:cus_%d", i)
		tb.Apply(acquired(key, "x", time.Minute, 0))
		e := ended(Released, key, 2)
		e.Held = 2 * time.Second
		tb.Apply(e)
	}
	tb.Apply(acquired("lock:cus_slow", "me", time.Minute, 10))
	tb.Apply(acquired("lock:forever", "me", lockcore.NoTTL, 10))
	tb.Apply(acquired("lock:long", "me", 2*time.Hour, 10))
	tb.Apply(acquired("lock:x_1", "me", 30*time.Second, 10))
	tb.Apply(acquired("lock:y_1", "me", 30*time.Second, 10))
	tb.Apply(denied("lock:y_1", "evt", 1, 11))
	tb.Apply(denied("lock:z_1", "evt", 1, 11))
	tb.Apply(acquired("lock:v_1", "me", 30*time.Second, 10))
	tb.Apply(ended(Overrun, "lock:v_1", 11))
	got := map[string]State{}
	var order []string
	for _, r := range tb.View(Query{}, at(15)).Rows {
		got[r.Key.Raw()] = r.State
		order = append(order, r.Key.Raw())
		if r.Alive() != (r.Key.Raw() == "lock:x_1" || r.Key.Raw() == "lock:y_1" || r.Key.Raw() == "lock:v_1") {
			t.Errorf("%s looks alive: %v", r.Key, r.Alive())
		}
	}
	want := map[string]State{"lock:cus_slow": Overdue, "lock:forever": Stuck, "lock:long": Stuck, "lock:x_1": Held,
		"lock:y_1": Contended, "lock:z_1": Awaited, "lock:v_1": Overran}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("states are %v, should be %v", got, want)
	}
	if want := []string{"lock:forever", "lock:long", "lock:v_1", "lock:cus_slow", "lock:y_1", "lock:x_1", "lock:z_1"}; !reflect.DeepEqual(order, want) {
		t.Errorf("the order is %v, should be %v", order, want)
	}
}

func TestEveryColumnSortsBothWaysAndTheUnknownComesLast(t *testing.T) {
	tb := table(
		acquired("lock:b", "zoe", 20*time.Second, 0),
		acquired("lock:a", "ann", 40*time.Second, 1),
		acquired("lock:c", "moe", lockcore.NoTTL, 2),
		denied("lock:w", "evt", 3, 3),
		denied("lock:a", "evt", 1, 2),
	)
	foreign := acquired("lock:f", "foe", 30*time.Second, 3)
	foreign.Counts, foreign.Inferred, foreign.Held = nil, true, Unknown
	tb.Apply(foreign)
	for _, c := range []struct {
		by            Column
		first, last   string
		firstReversed string
	}{
		{ByLock, "lock:a", "lock:w", "lock:w"},
		{ByOwner, "lock:a", "lock:w", "lock:b"},
		{ByHeld, "lock:b", "lock:w", "lock:c"},
		{ByTTL, "lock:b", "lock:w", "lock:c"},
		{ByWaiting, "lock:a", "lock:f", "lock:b"},
		{ByDenied, "lock:w", "lock:f", "lock:b"},
		{ByRetry, "lock:a", "lock:f", "lock:w"},
		{ByClears, "lock:a", "lock:f", "lock:w"},
		{ByState, "lock:c", "lock:w", "lock:w"},
	} {
		rows := tb.View(Query{Sort: c.by}, at(5)).Rows
		if c.by == ByClears { // when a lock clears is the forecast's business
			if rows[0].Clears.IsZero() || !rows[len(rows)-1].Clears.IsZero() {
				t.Errorf("by clears: %v, %v … %v", rows[0].Clears, rows[1].Clears, rows[len(rows)-1].Clears)
			}
			continue
		}
		if got := rows[0].Key.Raw(); got != c.first {
			t.Errorf("by %s the first is %s, should be %s", c.by, got, c.first)
		}
		if got := rows[len(rows)-1].Key.Raw(); got != c.last {
			t.Errorf("by %s the last is %s, should be %s", c.by, got, c.last)
		}
		if got := tb.View(Query{Sort: c.by, Reverse: true}, at(5)).Rows[0].Key.Raw(); got != c.firstReversed {
			t.Errorf("by %s reversed the first is %s, should be %s", c.by, got, c.firstReversed)
		}
	}
}

func TestAGapIsToldUntilThePictureIsCompleteAgain(t *testing.T) {
	link := Link{Polled: 2 * time.Second, Warning: NewText("off")}
	tb := table(
		Event{Type: Connected, Time: at(0), Link: &link},
		Event{Type: Resynced, Time: at(1)},
		Event{Type: Alive, Time: at(5)},
	)
	if s := tb.Status(); !s.Complete || s.Link != link || !s.Heard.Equal(at(5)) {
		t.Errorf("the status is %+v", s)
	}
	tb.Apply(Event{Type: Gap, Time: at(9), Reason: NewText("cut")})
	if s := tb.Status(); s.Complete || s.Connected || s.Problem.Raw() != "cut" || s.Gaps != 1 || !s.Heard.Equal(at(5)) {
		t.Errorf("in the gap the status is %+v", s)
	}
	tb.Apply(Event{Type: Connected, Time: at(10), Link: &Link{}})
	if s := tb.Status(); s.Complete || !s.Connected {
		t.Errorf("connected again the status is %+v", s)
	}
	tb.Apply(Event{Type: Resynced, Time: at(11)})
	if s := tb.Status(); !s.Complete || !s.Problem.Empty() || s.Link.Polled != 0 {
		t.Errorf("complete again the status is %+v", s)
	}
}

func TestTheTableForgetsWhatIsLongOver(t *testing.T) {
	tb := table()
	for i := range 1000 {
		key := fmt.Sprintf("lock:%d", i)
		tb.Apply(acquired(key, "me", time.Minute, float64(i)))
		tb.Apply(ended(Released, key, float64(i)+0.5))
	}
	tb.Apply(acquired("lock:last", "me", time.Minute, 2000))
	if n := tb.Len(); n > 1 {
		t.Errorf("%d locks are remembered", n)
	}
	if n := len(tb.Recent()); n > eventsInAll {
		t.Errorf("%d events are remembered", n)
	}
}

func TestTheSameEventsGiveTheSameTable(t *testing.T) {
	types := []Type{Acquired, Extended, Persisted, Released, Deleted, Expired, Evicted, Forced, Seized, Denied, Left, Overwritten,
		Overrun, Overlap, Connected, Gap, Resynced, Alive}
	rapid.Check(t, func(t *rapid.T) {
		var events []Event
		now := 0.0
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			now += rapid.Float64Range(0, 40).Draw(t, "later")
			e := Event{
				Type: rapid.SampledFrom(types).Draw(t, "type"), Time: at(now),
				Key:   NewText(rapid.SampledFrom([]string{"lock:a", "lock:b"}).Draw(t, "key")),
				Owner: NewText(rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "owner")),
				Work:  NewText(rapid.SampledFrom([]string{"", "w1", "w2"}).Draw(t, "work")),
				TTL:   rapid.SampledFrom([]time.Duration{Unknown, lockcore.NoTTL, 0, time.Second, time.Hour}).Draw(t, "ttl"),
				Held:  rapid.SampledFrom([]time.Duration{Unknown, 0, time.Second}).Draw(t, "held"),
				Fence: lockcore.Fence(rapid.Uint64Range(0, 3).Draw(t, "fence")), Attempts: rapid.IntRange(0, 12).Draw(t, "attempts"),
				Inferred: rapid.Bool().Draw(t, "inferred"),
			}
			if rapid.Bool().Draw(t, "recorded") {
				e.Counts = &Counts{Denied: 1}
			}
			events = append(events, e)
		}
		one, two := table(events...), table(events...)
		q := Query{Ended: true, Sort: rapid.SampledFrom(Columns).Draw(t, "sort"), Reverse: rapid.Bool().Draw(t, "reverse")}
		v := one.View(q, at(now+1))
		if !reflect.DeepEqual(v, two.View(q, at(now+1))) {
			t.Fatal("two views of the same events differ")
		}
		held, waiting := 0, 0
		for _, r := range v.Rows {
			if r.Held {
				held++
				row, _ := one.index.Find(r.Key.Raw())
				if r.Owner != one.hold(row).Owner || r.TTL == Unknown || r.TTLShare < 0 || r.TTLShare > 1 {
					t.Fatalf("held is %+v", r)
				}
			} else if r.TTL != Unknown || r.Serial != 0 {
				t.Fatalf("free is %+v", r)
			}
			waiting += r.Waiting
			if _, ok := one.Detail(r.Key.Raw(), q, at(now+1)); !ok {
				t.Fatalf("%s has no detail", r.Key)
			}
		}
		if held != v.Figures.Held || waiting != v.Figures.Waiting {
			t.Fatalf("the rows have %d held and %d waiting, the figures are %+v", held, waiting, v.Figures)
		}
	})
}

func TestAnEventIsOneLineOfJSON(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Time: at(1.5), Type: Acquired, Key: NewText("lock:a"), Owner: NewText("me"), TTL: 15 * time.Second, Fence: 1795420800000123, Held: 0, Node: "h:1"},
			`{"time":"2026-11-23T12:00:01.5Z","type":"acquired","key":"lock:a","inferred":false,"owner":"me","ttl_ms":15000,"fence":1795420800000123,"held_ms":0,"node":"h:1"}`},
		{Event{Time: at(1), Type: Persisted, Key: NewText("lock:\xff"), Owner: NewText("\x1b[2J"), TTL: lockcore.NoTTL, Held: Unknown},
			`{"time":"2026-11-23T12:00:01Z","type":"persisted","key":{"base64":"bG9jazr/"},"inferred":false,"owner":"\u001b[2J","ttl_ms":-1}`},
		{denied("lock:a", "evt", 2, 1),
			`{"time":"2026-11-23T12:00:01Z","type":"denied","key":"lock:a","inferred":false,"owner":"owner of evt","work":"evt","attempts":2}`},
		{Event{Time: at(1), Type: Forced, Key: NewText("lock:a"), Inferred: true, By: NewText("ann"), Reason: NewText("stuck"), Held: time.Second},
			`{"time":"2026-11-23T12:00:01Z","type":"forced","key":"lock:a","inferred":true,"held_ms":1000,"by":"ann","reason":"stuck"}`},
		{Event{Time: at(1), Type: Gap, Reason: NewText("cut"), Node: "h:1"},
			`{"time":"2026-11-23T12:00:01Z","type":"gap","inferred":false,"reason":"cut","node":"h:1"}`},
	} {
		got, err := json.Marshal(c.event)
		if err != nil || string(got) != c.want {
			t.Errorf("%s is written as\n%s, should be\n%s (%v)", c.event.Type, got, c.want, err)
		}
	}
}

func TestFamilies(t *testing.T) {
	for key, family := range map[string]string{
		"lock:stripe_cus_123": "lock:stripe_cus_", "lock:order:7f3a": "lock:order:", "lock:7": "lock:", "lock": "lock", "lock:": "lock:", "": "",
	} {
		if got := FamilyOf(key); got != family {
			t.Errorf("%q is of the family %q, should be %q", key, got, family)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	tb := table()
	i := 0
	for b.Loop() {
		key := "lock:cus_" + string(rune('a'+i%26))
		tb.Apply(acquired(key, "me", time.Minute, float64(i)/1000))
		tb.Apply(ended(Released, key, float64(i)/1000))
		i++
	}
}
