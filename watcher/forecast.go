package watcher

// Forecasts of a lock's waiters: what makecom predicts from what the table knows.
//
// One is made when it is asked for, which is for the rows of a window and the lock of the details; only the order by when
// locks clear needs those of all that have waiters. It is kept until something happens to the lock, a hold of its family
// ends, or time alone would change it, so that a screen that is drawn again costs nothing.

import (
	"time"

	"locktop/watcher/makecom"
)

// goneShown is for how many intervals since its last denial a waiter is told of as gone.
const goneShown = 4

// forecast is what was predicted, and for what it holds.
type forecast struct {
	makecom.Result
	expected []Waiter // whom it is about, in the same order

	policy      makecom.Policy
	latency     time.Duration
	holds       int   // of the family, ever
	from, until int64 // moments from and before which it holds
}

var noForecast = &forecast{}

// expects tells whether the policy lets a waiter come back.
func expects(p makecom.Policy, w *Waiter, now time.Time) bool {
	return p.AttemptsLeft(w.Attempts) > 0 && !p.Silent(w.Last, now)
}

// forecast is about the waiters whom the policy expects back.
func (t *Table) forecast(row uint32, q Query, now time.Time) *forecast {
	l := t.locks.At(row)
	if len(l.waiters()) == 0 {
		return noForecast
	}
	family, m := t.families.of(l.key), t.moment(now)
	holds := 0
	if family != nil {
		holds = family.n
	}
	if f := l.extra.forecast; f != nil && f.policy == q.Policy && f.latency == q.Latency && f.holds == holds && m >= f.from && m < f.until {
		return f
	}
	f := &forecast{policy: q.Policy, latency: q.Latency, holds: holds, from: m, until: never}
	l.extra.forecast = f
	var ws []makecom.Waiter
	for _, w := range l.waiters() {
		if !expects(q.Policy, &w, now) {
			continue
		}
		f.expected = append(f.expected, w)
		ws = append(ws, makecom.Waiter{Attempts: w.Attempts, LastDenied: w.Last})
		f.until = min(f.until, later(t.moment(w.Last), 2*q.Policy.Interval)) // when it is silent
	}
	if len(ws) == 0 {
		return f
	}
	lock, steady := t.predictable(row, family, m)
	lock.Latency = q.Latency
	f.Result = makecom.Predict(q.Policy, lock, ws, now)
	f.until = min(f.until, steady, t.moment(f.Until))
	return f
}

// predictable is the lock as a forecast sees it, and until when the family says that.
func (t *Table) predictable(row uint32, family *durations, m int64) (lock makecom.Lock, steady int64) {
	lock.Typical, lock.Longest, steady = family.quantile(0.5), family.longest(), never
	c, i := t.chunk(row)
	if c.flags[i]&isHeld == 0 {
		return lock, steady
	}
	lock.Held = true
	if c.until[i] != never {
		lock.HasTTL, lock.TTL = true, time.Duration(max(c.until[i]-m, 0))
	}
	if c.since[i] != unknownTime {
		lock.AgeKnown, lock.Age = true, time.Duration(max(m-c.since[i], 0))
		var until time.Duration
		if lock.Lasts, until = family.lasting(lock.Age); until > 0 {
			steady = later(c.since[i], until)
		}
		if m < c.since[i] {
			steady = m
		}
	}
	return lock, steady
}

// late is for how long a waiter should have been back. Where Make.com starts retries one after another, its time is not
// before the lock was last seen busy: until then it may have been in line.
func (t *Table) late(row uint32, w Waiter, q Query, now time.Time) time.Duration {
	l := t.locks.At(row)
	back := q.Policy.NextRetry(w.Last)
	if q.Policy.Mode != makecom.Parallel {
		lock, _ := t.predictable(row, t.families.of(l.key), t.moment(now))
		if lock.Held && (!lock.AgeKnown || lock.Lasts > lock.Age) {
			return 0
		}
		if last := l.last(); last != nil && last.At.After(back) {
			back = last.At
		}
		for _, other := range l.waiters() {
			if other.Last.After(back) {
				back = other.Last
			}
		}
	}
	if d := now.Sub(back); d > q.Latency+q.Policy.Grace(q.Latency) {
		return d
	}
	return 0
}
