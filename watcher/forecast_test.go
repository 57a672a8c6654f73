package watcher

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"locktop/watcher/makecom"
)

func TestAForecastThatWasKeptIsWhatAFreshTableSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept := NewTable()
		var log []Event
		now := 0.0
		q := anyQuery(t)
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			for range rapid.IntRange(0, 6).Draw(t, "events") {
				now += rapid.SampledFrom([]float64{0, 0.5, 3, 40}).Draw(t, "later")
				e := anyEvent(t, now, 1)
				log = append(log, e)
				kept.Apply(e)
			}
			fresh := table(log...)
			// Later and later, and now and then a step back.
			for range rapid.IntRange(1, 6).Draw(t, "looks") {
				now += rapid.SampledFrom([]float64{0, 0.001, 0.2, 1, 5, 20, -1}).Draw(t, "passes")
				for _, key := range []string{"lock:a_0", "lock:a_1", "lock:b_0"} {
					for row, ok := fresh.index.Find(key); ok; ok = false {
						if x := fresh.locks.At(row).extra; x != nil {
							x.forecast = nil
						}
					}
					a, _ := kept.Detail(key, q, at(now))
					b, _ := fresh.Detail(key, q, at(now))
					if !sameRow(a.Row, b.Row) || !reflect.DeepEqual(a.Waiters, b.Waiters) {
						t.Fatalf("kept: %+v\n%+v\nfresh: %+v\n%+v", a.Row, a.Waiters, b.Row, b.Waiters)
					}
				}
			}
		}
	})
}

func TestAForecastIsMadeOnceForAScreenThatIsDrawnAgain(t *testing.T) {
	tb := NewTable()
	learn(tb, "lock:cus_0")
	for i := range 40 {
		tb.Apply(acquired(fmt.Sprintf("lock:cus_%d", i), "x", 15*time.Second, 10))
		for w := range 50 {
			tb.Apply(denied(fmt.Sprintf("lock:cus_%d", i), fmt.Sprintf("evt_%d", w), 1, 10.1))
		}
	}
	made := func() map[*forecast]bool {
		all := map[*forecast]bool{}
		for _, s := range tb.special {
			if f := tb.locks.At(s.row).extra.forecast; f != nil {
				all[f] = true
			}
		}
		return all
	}
	q := Query{Limit: 20}
	tb.View(q, at(10.2))
	first := made()
	if len(first) != 20 {
		t.Errorf("for a window of 20 of 40 locks %d forecasts were made", len(first))
	}
	for now := 10.4; now < 12; now += 0.2 {
		tb.View(q, at(now))
	}
	tb.View(Query{Limit: 20, Sort: ByRetry}, at(12))
	for f := range made() {
		if first[f] {
			delete(first, f)
		} else if len(first) < 20 {
			t.Error("a forecast was made again though nothing had happened")
		}
	}
	tb.View(Query{Limit: 20, Sort: ByClears}, at(12))
	if n := len(made()); n != 40 {
		t.Errorf("to sort 40 locks by when they clear %d forecasts were made", n)
	}
	tb.Apply(denied("lock:cus_7", "evt_50", 1, 12.1))
	if n := len(made()); n != 39 {
		t.Errorf("after something happened to one of them %d are kept", n)
	}
}

// learn lets a family have known holds of two seconds.
func learn(tb *Table, key string) {
	for range 5 {
		tb.Apply(acquired(key, "x", 15*time.Second, 0))
		tb.Apply(ended(Released, key, 2.045))
	}
}

func TestAWaiterThatDoesNotComeBackIsLateThenGone(t *testing.T) {
	tb := NewTable()
	learn(tb, "lock:a")
	tb.Apply(acquired("lock:a", "x", 15*time.Second, 10))
	tb.Apply(denied("lock:a", "evt", 1, 11))
	tb.Apply(ended(Released, "lock:a", 12.045))
	for _, m := range []makecom.Mode{makecom.Sequential, makecom.Batch, makecom.Parallel} {
		q := Query{Policy: makecom.DefaultPolicy}
		q.Policy.Mode = m
		for _, tt := range []struct {
			now         float64
			late        time.Duration
			waits, gone int
		}{
			{70, 0, 1, 0},
			{71.5, 0, 1, 0}, // due, and still on time
			{83, 12 * time.Second, 1, 0},
			{130.9, 59900 * time.Millisecond, 1, 0},
			{131, 0, 0, 1}, // two intervals after it was denied
			{250, 0, 0, 1},
			{251, 0, 0, 0},
		} {
			d, _ := tb.Detail("lock:a", q, at(tt.now))
			if len(d.Waiters) != tt.waits || len(d.Gone) != tt.gone || d.Waiting != tt.waits || tt.waits > 0 && d.Waiters[0].Late != tt.late {
				t.Errorf("%s, at %v s: waiting %+v, gone %+v; should be late %v", m, tt.now, d.Waiters, d.Gone, tt.late)
			}
		}
	}
	// One that used up its attempts is not expected, so it is not gone either.
	tb.Apply(denied("lock:a", "evt", 11, 71))
	if d, _ := tb.Detail("lock:a", Query{}, at(200)); len(d.Gone)+len(d.Exhausted)+len(d.Waiters) != 0 {
		t.Errorf("%+v %+v", d.Gone, d.Exhausted)
	}
}

func TestAWaiterInLineIsNotLateWhileTheLockIsBusy(t *testing.T) {
	tb := NewTable()
	learn(tb, "lock:a")
	for i := range 6 {
		tb.Apply(denied("lock:a", fmt.Sprintf("evt_%d", i), 1, 11))
	}
	tb.Apply(ended(Released, "lock:a", 12))
	tb.Apply(acquired("lock:a", "y", 15*time.Second, 80)) // ten seconds after they are due
	late := func(m makecom.Mode, now float64) time.Duration {
		q := Query{Policy: makecom.DefaultPolicy}
		q.Policy.Mode = m
		d, _ := tb.Detail("lock:a", q, at(now))
		return d.Waiters[0].Late
	}
	if got := late(makecom.Parallel, 81); got != 10*time.Second {
		t.Errorf("in parallel it is %v late", got)
	}
	if got := late(makecom.Batch, 81); got != 0 {
		t.Errorf("behind a holder that runs it is %v late", got)
	}
	if got := late(makecom.Batch, 90); got != 19*time.Second {
		t.Errorf("behind one that takes too long, while retries would come, it is %v late", got)
	}
	tb.Apply(ended(Released, "lock:a", 90))
	if got := late(makecom.Batch, 90.5); got != 0 {
		t.Errorf("just after the lock was free again it is %v late", got)
	}
	if got := late(makecom.Batch, 95); got != 5*time.Second {
		t.Errorf("a while after the lock was free again it is %v late", got)
	}
}

func TestAHolderThatIsALittleSlowIsExpectedToBeDoneLikeOthersThatWere(t *testing.T) {
	tb := NewTable()
	for _, d := range []float64{1, 2, 3, 4, 10} {
		tb.Apply(acquired("lock:a", "x", 20*time.Second, 0))
		tb.Apply(ended(Released, "lock:a", d))
	}
	tb.Apply(acquired("lock:a", "x", 20*time.Second, 20))
	tb.Apply(denied("lock:a", "evt", 1, 20))
	q := Query{Policy: makecom.Policy{Mode: makecom.Batch, Interval: time.Second, Attempts: 10, Batch: 3}, Latency: 100 * time.Millisecond}
	for _, tt := range []struct{ now, granted float64 }{
		{20.5, 23.1}, // the median of all is 3 s; half a call to hear of the release, half a call to reach Redis
		{21.5, 24.1}, // of those over 1.5 s it is 4 s
		{20 + 3.5, 30.1},
	} {
		tb.Apply(denied("lock:a", "evt", 1, tt.now))
		d, _ := tb.Detail("lock:a", q, at(tt.now))
		if got := d.Waiters[0].AcquireP50; !got.Equal(at(tt.granted)) {
			t.Errorf("at %v s it gets the lock at %v; should be %v", tt.now, got.Sub(start), tt.granted)
		}
	}
}

// What the screen's worth of locks with waiters costs: the first time, and when it is drawn again.
func BenchmarkViewOfWaiters(b *testing.B) {
	for _, m := range []makecom.Mode{makecom.Sequential, makecom.Batch, makecom.Parallel} {
		for _, again := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/50 locks of 50/again %v", m, again), func(b *testing.B) {
				tb := NewTable()
				learn(tb, "lock:cus_0")
				for i := range 50 {
					tb.Apply(acquired(fmt.Sprintf("lock:cus_%d", i), "x", 15*time.Second, 10))
					for w := range 50 {
						tb.Apply(denied(fmt.Sprintf("lock:cus_%d", i), fmt.Sprintf("evt_%d", w), 1, 10.1))
					}
				}
				q := Query{Limit: 50, Policy: makecom.DefaultPolicy}
				q.Policy.Mode = m
				for b.Loop() {
					if !again {
						for _, s := range tb.special {
							tb.locks.At(s.row).extra.forecast = nil
						}
					}
					tb.View(q, at(10.2))
				}
			})
		}
	}
}
