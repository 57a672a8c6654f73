package watcher

// What few locks have: a ledger with something in it, waiters, an end.

import "time"

// extra is what a lock has beyond its row. A lock that is held, and to which nothing else
// happened, has none.
type extra struct {
	counts  Counts // zero where nothing was counted
	waiters []Waiter
	overran int64 // when the last overrun was proven; unknownTime if none was
	work    Text  // of the hold, if its waiter is known
	last    *End  // of a lock that is free: how it became so; nil if no end was seen

	special uint32 // place in Table.special
	counted uint32 // place in Table.counted
	queued  uint64 // place in Table.free
}

// extraOf gives a row's extra, making one if there is none.
func (t *Table) extraOf(row uint32) *extra {
	l := t.locks.At(row)
	if l.extra == nil {
		l.extra = &extra{overran: unknownTime}
	}
	return l.extra
}

// empty tells that nothing in it is worth keeping.
func (x *extra) empty() bool {
	return x.counts == Counts{} && len(x.waiters) == 0 && x.overran == unknownTime && x.work.Empty() && x.last == nil &&
		x.special == 0 && x.counted == 0 && x.queued == 0
}

// settleExtra lists a row by what it has, and tells whether its chunk's columns do not say all that orders it.
func (t *Table) settleExtra(row uint32, held bool, now time.Time) (special bool) {
	l := t.locks.At(row)
	if !held {
		t.free.put(t, row, t.moment(now))
	} else if l.extra != nil {
		l.extra.last = nil
		t.free.take(t, row)
	}
	x := l.extra
	if x == nil {
		return false
	}
	c, i := t.chunk(row)
	if x.counts.Denied != 0 {
		c.flags[i] |= isCounted
		t.counted.put(row, &x.counted)
	} else {
		c.flags[i] &^= isCounted
		t.counted.take(&x.counted, func(row uint32) *uint32 { return &t.locks.At(row).extra.counted })
	}
	if special = len(x.waiters) > 0 || x.counts.NotListed > 0 || x.overran != unknownTime; special {
		t.special.put(row, &x.special)
	} else {
		t.special.take(&x.special, func(row uint32) *uint32 { return &t.locks.At(row).extra.special })
	}
	if x.empty() {
		l.extra = nil
	}
	return special
}

// dropExtra takes a row that is to be removed off all lists.
func (t *Table) dropExtra(row uint32) {
	l := t.locks.At(row)
	if x := l.extra; x != nil {
		t.counted.take(&x.counted, func(row uint32) *uint32 { return &t.locks.At(row).extra.counted })
		t.special.take(&x.special, func(row uint32) *uint32 { return &t.locks.At(row).extra.special })
		t.free.take(t, row)
		l.extra = nil
	}
}

// counts are what a row's ledger counted.
func (l *lock) counts() Counts {
	if l.extra == nil {
		return Counts{}
	}
	return l.extra.counts
}

// waiters are the works that were denied.
func (l *lock) waiters() []Waiter {
	if l.extra == nil {
		return nil
	}
	return l.extra.waiters
}

// overran is when the last overrun was proven.
func (l *lock) overran() int64 {
	if l.extra == nil {
		return unknownTime
	}
	return l.extra.overran
}

// last is how a free lock became so.
func (l *lock) last() *End {
	if l.extra == nil {
		return nil
	}
	return l.extra.last
}
