package watcher

// What few locks have: a ledger with something in it, waiters, an end.

import (
	"math"
	"time"
)

// extra is what a lock has beyond its row. A lock that is held, and to which nothing else
// happened, has none.
type extra struct {
	counts  Counts // zero where nothing was counted
	waiters []Waiter
	overran int64 // when the last overrun was proven; unknownTime if none was
	work    Text  // of the hold, if its waiter is known
	last    *End  // of a lock that is free: how it became so; nil if no end was seen

	forecast *forecast // the last one; nil if something happened since

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

// special is a row that its chunk's columns do not say all about, with what orders it side by side.
type special struct {
	row     uint32
	waiting int32 // works that are expected back by the policy of Table.expecting
	kind    uint16
	flags   flags

	since, until, largest int64
	overran, ended        int64 // unknownTime if it has not, or was not seen to

	from, till int64 // the moments at which waiting is right, the second excluded
	earliest   int64 // of the works expected back, the last denial; never if there is none
}

// counted is a row with denials.
type counted struct {
	row    uint32
	denied int64
}

// settleExtra lists a row by what it has.
func (t *Table) settleExtra(row uint32, now time.Time) {
	l := t.locks.At(row)
	c, i := t.chunk(row)
	held := c.flags[i]&isHeld != 0
	if l.extra == nil && held {
		return
	}
	x := t.extraOf(row)
	if held {
		x.last = nil
	}
	c.flags[i] &^= isCounted | isSpecial
	if x.counts.Denied != 0 {
		c.flags[i] |= isCounted
		*putAt(&t.counted, &x.counted) = counted{row, x.counts.Denied}
	} else {
		t.dropCounted(x)
	}
	if len(x.waiters) > 0 || x.counts.NotListed > 0 || x.overran != unknownTime {
		c.flags[i] |= isSpecial
		*putAt(&t.special, &x.special) = special{
			row: row, kind: c.kind[i], flags: c.flags[i], since: c.since[i], until: c.until[i], largest: c.largest[i],
			overran: x.overran, ended: t.endOf(x), from: never, till: never,
		}
	} else {
		t.dropSpecial(x)
	}
	if held {
		t.free.take(t, row)
	} else {
		t.free.put(t, row, t.moment(now))
	}
	if x.empty() {
		l.extra = nil
	}
}

// endOf is when the last hold of a free lock ended.
func (t *Table) endOf(x *extra) int64 {
	if x.last == nil {
		return unknownTime
	}
	return t.moment(x.last.At)
}

// dropExtra takes a row that is to be removed off all lists.
func (t *Table) dropExtra(row uint32) {
	l := t.locks.At(row)
	t.dropCounted(l.extra)
	t.dropSpecial(l.extra)
	t.free.take(t, row)
	l.extra = nil
}

func (t *Table) dropCounted(x *extra) {
	if moved := takeAt(&t.counted, &x.counted); moved != nil {
		t.locks.At(moved.row).extra.counted = x.counted
	}
	x.counted = 0
}

func (t *Table) dropSpecial(x *extra) {
	if moved := takeAt(&t.special, &x.special); moved != nil {
		t.locks.At(moved.row).extra.special = x.special
	}
	x.special = 0
}

// putAt gives the item of a list at a place, which is one more than its index. Where that is 0 there is none yet: it is added.
func putAt[T any](list *[]T, place *uint32) *T {
	if *place == 0 {
		var none T
		*list = append(*list, none)
		*place = uint32(len(*list))
	}
	return &(*list)[*place-1]
}

// takeAt takes the item at a place out of a list, and gives the one that has taken its place, if one has.
func takeAt[T any](list *[]T, place *uint32) *T {
	if *place == 0 {
		return nil
	}
	s, last := *list, len(*list)-1
	i := int(*place - 1)
	s[i] = s[last]
	*list = s[:last]
	if i == last {
		return nil
	}
	return &s[i]
}

// expect counts the works that come back by a policy, for all special rows where that may have changed.
func (t *Table) expect(q Query, now time.Time) {
	if t.expecting != q.Policy {
		for i := range t.special {
			t.special[i].from = never
		}
		t.expecting = q.Policy
	}
	m := t.moment(now)
	for i := range t.special {
		if s := &t.special[i]; m < s.from || m >= s.till {
			t.expectOf(s, q, now)
		}
	}
}

func (t *Table) expectOf(s *special, q Query, now time.Time) {
	l := t.locks.At(s.row)
	s.waiting, s.from, s.till, s.earliest = 0, -furthest, never, never
	if s.flags&isRecorded == 0 {
		return
	}
	s.waiting = int32(max(0, min(l.counts().NotListed, math.MaxInt32)))
	for _, w := range l.waiters() {
		if q.Policy.AttemptsLeft(w.Attempts) == 0 {
			continue
		}
		denied := t.moment(w.Last)
		silent := later(denied, 2*q.Policy.Interval)
		if q.Policy.Silent(w.Last, now) {
			s.from = max(s.from, silent)
			continue
		}
		s.till = min(s.till, silent)
		s.earliest = min(s.earliest, denied)
		s.waiting++
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
