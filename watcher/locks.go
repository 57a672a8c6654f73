package watcher

// Where the table keeps its locks: by row number, in columns.
//
// What orders and ages are told by lies in arrays of one kind (since, until, largest), a thousand
// locks to a chunk, so that a pass over a million locks reads little. The rest of a lock is a row of 72
// bytes, and what few locks have lies behind one pointer of it. A key's and an owner's bytes are those of
// the event that told them, which a source's own picture shares.
//
// Times are nanoseconds from the first event's time. They are had from time.Time's differences, so
// that they follow the monotonic clock where the events' times do.

import (
	"math"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher/dense"
)

// Moments: nanoseconds from Table.base, within 146 years of it.
const (
	unknownTime = math.MinInt64 // of since: nobody knows
	never       = math.MaxInt64 // of until: it has no TTL
	furthest    = math.MaxInt64 / 2
)

// moment is a time as the table keeps it.
func (t *Table) moment(at time.Time) int64 {
	return max(-furthest, min(int64(at.Sub(t.base)), furthest))
}

// later is a moment after another one; d is not negative.
func later(m int64, d time.Duration) int64 {
	if int64(d) > furthest-m {
		return furthest
	}
	return m + int64(d)
}

// time is a moment on the local clock.
func (t *Table) time(m int64) time.Time { return t.base.Add(time.Duration(m)) }

// flags say what is true of a row.
type flags uint8

const (
	isHeld     flags = 1 << iota
	isRecorded       // somebody records contention
	isCounted        // denials were counted
	isSpecial        // its extra has more that orders it: waiters, an overrun
	isOdd            // its key is not shown as it is
	isKept           // the filter of Table.asked keeps it
	isThere          // there is a lock
)

// lock is what every lock has, besides what its chunk has.
type lock struct {
	key, owner string
	serial     uint64
	fence      lockcore.Fence
	deadline   int64 // of the hold, a moment on the server's clock; never without TTL
	extra      *extra
	event      uint32 // its last one in the history
	node       uint16 // a number of Table.nodes
}

// chunk has the columns of dense.ChunkRows locks.
type chunk struct {
	since   [dense.ChunkRows]int64  // of the hold
	until   [dense.ChunkRows]int64  // of the hold
	largest [dense.ChunkRows]int64  // the largest TTL seen in the hold, in ns
	kind    [dense.ChunkRows]uint16 // a hash of the key's family, as in families.kinds
	flags   [dense.ChunkRows]flags
	owner   *[dense.ChunkRows]int64 // how owners sort, while somebody asks for that

	turn   uint32 // of Table.asked: the filter was asked about these rows
	kept   int    // held rows that it keeps
	bounds bounds
}

// bounds say within what the held rows of a chunk lie. They may be wider than need be, which loose
// tells; narrowing them again takes a look at every row.
type bounds struct {
	held, known, recorded int   // rows: held, of these with a known beginning, and recorded
	sinceMin, sinceMax    int64 // of those with a known beginning
	untilMin, untilMax    int64
	calm                  int64 // none is expiring before that
	ownerMin, ownerMax    int64
	loose                 looseness
}

type looseness uint8

const (
	looseSince looseness = 1 << iota
	looseUntil
	looseOwner
)

var noBounds = bounds{
	sinceMin: math.MaxInt64, sinceMax: math.MinInt64, untilMin: math.MaxInt64, untilMax: math.MinInt64,
	calm: math.MaxInt64, ownerMin: math.MaxInt64, ownerMax: math.MinInt64,
}

func (t *Table) chunk(row uint32) (*chunk, int) {
	return t.chunks[row/dense.ChunkRows], int(row % dense.ChunkRows)
}

// rowOf is the row of a chunk's number and the place in it.
func rowOf(chunk, i int) uint32 { return uint32(chunk*dense.ChunkRows + i) }

func (t *Table) flags(row uint32) flags {
	return t.chunks[row/dense.ChunkRows].flags[row%dense.ChunkRows]
}

// add makes a row for a lock of which nothing is known but its key.
func (t *Table) add(key string) uint32 {
	row, l := t.locks.Add()
	if int(row/dense.ChunkRows) == len(t.chunks) {
		t.chunks = append(t.chunks, &chunk{bounds: noBounds})
	}
	l.key = key
	c, i := t.chunk(row)
	c.kind[i] = kindOf(FamilyOf(key))
	c.flags[i] = isThere
	if NewText(key).String() != key {
		c.flags[i] |= isOdd
	}
	t.noHold(row)
	t.index.Insert(row)
	t.names.Insert(row)
	return row
}

// remove takes a row out that is free and unsettled.
func (t *Table) remove(row uint32) {
	l := t.locks.At(row)
	t.names.Delete(row)
	t.index.Delete(l.key)
	c, i := t.chunk(row)
	c.flags[i] = 0
	t.locks.Remove(row)
}

// noHold clears what a row has of a hold.
func (t *Table) noHold(row uint32) {
	l := t.locks.At(row)
	c, i := t.chunk(row)
	c.flags[i] &^= isHeld
	c.since[i], c.until[i], c.largest[i] = unknownTime, never, 0
	l.serial, l.fence, l.deadline, l.owner = 0, 0, never, ""
}

// hold is the hold of a row that has one.
func (t *Table) hold(row uint32) Hold {
	l := t.locks.At(row)
	c, i := t.chunk(row)
	h := Hold{Serial: l.serial, Owner: NewText(l.owner), Fence: l.fence, Largest: time.Duration(c.largest[i])}
	if c.since[i] != unknownTime {
		h.Since = t.time(c.since[i])
	}
	if c.until[i] != never {
		h.Until = t.time(c.until[i])
	}
	h.Deadline = t.deadline(l)
	if l.extra != nil {
		h.Work = l.extra.work
	}
	return h
}

// deadline is that of a lock's hold, zero without TTL. The server's clock has nothing to do with the
// local monotonic one.
func (t *Table) deadline(l *lock) time.Time {
	if l.deadline == never {
		return time.Time{}
	}
	return t.base.Round(0).Add(time.Duration(l.deadline))
}

func (t *Table) setDeadline(l *lock, at time.Time) {
	l.deadline = never
	if !at.IsZero() {
		l.deadline = max(-furthest, min(int64(at.Round(0).Sub(t.base.Round(0))), furthest))
	}
}

// setOwner gives an unsettled row that is held its owner.
func (t *Table) setOwner(row uint32, owner string) {
	t.locks.At(row).owner = owner
	c, i := t.chunk(row)
	t.owners.meet(t, owner)
	if c.owner != nil {
		c.owner[i] = t.owners.code(owner)
	}
}

// nodeNumber is that of a host and port; 0 is none. There are few, so few that one too many goes without.
func (t *Table) nodeNumber(node string) uint16 {
	for i := range t.nodes {
		if t.nodes[i] == node {
			return uint16(i)
		}
	}
	if len(t.nodes) > math.MaxUint16 {
		return 0
	}
	t.nodes = append(t.nodes, strings.Clone(node))
	return uint16(len(t.nodes) - 1)
}

// unsettle takes a row out of all that is counted, before it changes.
func (t *Table) unsettle(row uint32) {
	c, i := t.chunk(row)
	f := c.flags[i]
	if f&isHeld == 0 {
		return
	}
	t.held--
	if f&isRecorded == 0 {
		t.unrecorded--
	}
	c.leave(i)
}

// settle puts a row, after it changed, where it is counted and listed.
func (t *Table) settle(row uint32, now time.Time) {
	c, i := t.chunk(row)
	t.askRow(row)
	t.settleExtra(row, now)
	if c.flags[i]&isHeld == 0 {
		return
	}
	t.held++
	if c.flags[i]&isRecorded == 0 {
		t.unrecorded++
	}
	c.enter(i)
}

// enter counts a held row in.
func (c *chunk) enter(i int) {
	b := &c.bounds
	b.held++
	if c.flags[i]&isRecorded != 0 {
		b.recorded++
	}
	if c.flags[i]&isKept != 0 {
		c.kept++
	}
	c.widen(i)
}

// widen takes a held row into the bounds.
func (c *chunk) widen(i int) {
	c.widenSince(i)
	c.widenUntil(i)
	c.widenOwner(i)
	if c.since[i] != unknownTime {
		c.bounds.known++
	}
}

func (c *chunk) widenSince(i int) {
	if s := c.since[i]; s != unknownTime {
		c.bounds.sinceMin, c.bounds.sinceMax = min(c.bounds.sinceMin, s), max(c.bounds.sinceMax, s)
	}
}

func (c *chunk) widenUntil(i int) {
	b, u := &c.bounds, c.until[i]
	b.untilMin, b.untilMax = min(b.untilMin, u), max(b.untilMax, u)
	if u != never {
		b.calm = min(b.calm, calmUntil(u, c.largest[i]))
	}
}

// calmUntil is a moment before which a hold is not expiring, short of it by what floating point may be off.
func calmUntil(until, largest int64) int64 {
	return until - int64(expiringShare*float64(largest)) - largest>>40 - 2
}

func (c *chunk) widenOwner(i int) {
	if c.owner != nil {
		b := &c.bounds
		b.ownerMin, b.ownerMax = min(b.ownerMin, c.owner[i]), max(b.ownerMax, c.owner[i])
	}
}

// leave counts a held row out. The bounds stay; if it lay at one, they are looser than need be.
func (c *chunk) leave(i int) {
	b := &c.bounds
	if b.held--; b.held == 0 {
		c.bounds, c.kept = noBounds, 0
		return
	}
	if c.flags[i]&isRecorded != 0 {
		b.recorded--
	}
	if c.flags[i]&isKept != 0 {
		c.kept--
	}
	s, u := c.since[i], c.until[i]
	if s != unknownTime {
		b.known--
		if s == b.sinceMin || s == b.sinceMax {
			b.loose |= looseSince
		}
	}
	if u == b.untilMin || u == b.untilMax || u != never && calmUntil(u, c.largest[i]) == b.calm {
		b.loose |= looseUntil
	}
	if c.owner != nil && (c.owner[i] == b.ownerMin || c.owner[i] == b.ownerMax) {
		b.loose |= looseOwner
	}
}

// tighten narrows the bounds that are looser than need be, of those that are asked for.
func (c *chunk) tighten(asked looseness) {
	b := &c.bounds
	asked &= b.loose
	if asked == 0 {
		return
	}
	b.loose &^= asked
	widen := func(f func(*chunk, int)) {
		for i := range c.flags {
			if c.flags[i]&isHeld != 0 {
				f(c, i)
			}
		}
	}
	if asked&looseSince != 0 {
		b.sinceMin, b.sinceMax = math.MaxInt64, math.MinInt64
		widen((*chunk).widenSince)
	}
	if asked&looseUntil != 0 {
		b.untilMin, b.untilMax, b.calm = math.MaxInt64, math.MinInt64, math.MaxInt64
		widen((*chunk).widenUntil)
	}
	if asked&looseOwner != 0 {
		b.ownerMin, b.ownerMax = math.MaxInt64, math.MinInt64
		widen((*chunk).widenOwner)
	}
}

// shownKey is a row's key as it is shown.
func (t *Table) shownKey(row uint32) string {
	l := t.locks.At(row)
	if t.flags(row)&isOdd != 0 {
		return NewText(l.key).String()
	}
	return l.key
}

// compareNames orders rows by their keys as they are shown, and those that look alike by their bytes.
func (t *Table) compareNames(a, b uint32) int {
	la, lb := t.locks.At(a), t.locks.At(b)
	if (t.flags(a)|t.flags(b))&isOdd == 0 {
		return strings.Compare(la.key, lb.key)
	}
	if c := strings.Compare(t.shownKey(a), t.shownKey(b)); c != 0 {
		return c
	}
	return strings.Compare(la.key, lb.key)
}
