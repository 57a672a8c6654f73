package watcher

// Places: where a row stands in an order, as three numbers.
//
// The most pressing comes first: the worst state, the longest held, the least TTL, the most waiting, the
// soonest; texts from a to z; what is unknown comes last in either direction. Rows of one place are told apart
// by the owner where that is what they are sorted by, then by name. All orders are of this kind, so
// that one way of picking the first rows serves them all.

import (
	"math"
	"strings"
	"time"

	"locktop/lockcore"
)

// place is smaller for what comes first.
type place struct {
	class         int64 // 1 for what is unknown
	first, second int64
}

func (a place) before(b place) bool {
	if a.class != b.class {
		return a.class < b.class
	}
	if a.first != b.first {
		return a.first < b.first
	}
	return a.second < b.second
}

// ordering is what rows are sorted by at one moment. Mirrored it is the same from the last row to the first.
type ordering struct {
	t        *Table
	by       Column
	reverse  bool
	mirrored bool
	now      int64
	maxTTL   int64
}

// turn turns a place that was made for the plain direction.
func (o *ordering) turn(p place) place {
	if o.reverse != o.mirrored {
		p.first, p.second = ^p.first, ^p.second
	}
	if o.mirrored {
		p.class = ^p.class
	}
	return p
}

// severe is a state and the number that waits, as one number.
func severe(severity int, waiting int64) int64 {
	return int64(severity)<<32 - max(0, min(waiting, math.MaxInt32))
}

var (
	severityHeld = severity[Held]
	classOf      = map[bool]int64{true: 0, false: 1} // of what is known, and what is not
)

// begun is how long a hold has lasted, the longest first.
func (o *ordering) begun(since int64) int64 {
	if since == unknownTime {
		return o.now + int64(-Unknown)
	}
	return min(since, o.now)
}

// ofPlain is the place of a plain row of a chunk.
func (o *ordering) ofPlain(row uint32, c *chunk, i int) place {
	var p place
	switch o.by {
	case ByOwner:
		p.first = c.owner[i]
	case ByHeld:
		if s := c.since[i]; s == unknownTime {
			p.class = 1
		} else {
			p.first = min(s, o.now)
		}
	case ByTTL:
		p.first = max(c.until[i], o.now)
	case ByWaiting, ByDenied:
		if c.flags[i]&isRecorded == 0 {
			p.class = 1
		}
	case ByRetry, ByClears:
		p.class = 1
	case ByState:
		p.first, p.second = severe(o.severity(row, c, i), 0), o.begun(c.since[i])
	}
	return o.turn(p)
}

// severity is that of a plain row's state.
func (o *ordering) severity(row uint32, c *chunk, i int) int {
	until, since := c.until[i], c.since[i]
	left := max(until-o.now, 0)
	switch {
	case until == never || left > o.maxTTL:
		return severity[Stuck]
	case since != unknownTime && o.overdue(row, c, i):
		return severity[Overdue]
	case expiring(time.Duration(left), time.Duration(c.largest[i])):
		return severity[Expiring]
	}
	return severityHeld
}

func (o *ordering) overdue(row uint32, c *chunk, i int) bool {
	f := &o.t.families
	if f.kinds == nil {
		return false
	}
	heldFor := time.Duration(max(o.now-c.since[i], 0))
	return heldFor > f.kinds[c.kind[i]].usual && heldFor > f.of(o.t.locks.At(row).key).usual()
}

// ofListed is the place of a row that was measured.
func (o *ordering) ofListed(r *Row, row uint32) place {
	var p place
	switch o.by {
	case ByOwner:
		if p.class = classOf[r.Held]; r.Held {
			c, i := o.t.chunk(row)
			p.first = c.owner[i]
		}
	case ByHeld:
		if p.class = classOf[r.HeldFor != Unknown]; p.class == 0 {
			p.first = o.now - int64(r.HeldFor)
		}
	case ByTTL:
		switch p.class = classOf[r.Held]; {
		case !r.Held:
		case r.TTL == lockcore.NoTTL:
			p.first = never
		default:
			p.first = o.now + int64(r.TTL)
		}
	case ByWaiting:
		if p.class = classOf[r.Recorded]; r.Recorded {
			p.first = -int64(r.Waiting)
		}
	case ByDenied:
		if p.class = classOf[r.Recorded]; r.Recorded {
			p.first = -r.Denied
		}
	case ByRetry:
		if p.class = classOf[!r.NextRetry.IsZero()]; p.class == 0 {
			p.first = o.t.moment(r.NextRetry)
		}
	case ByClears:
		if p.class = classOf[!r.Clears.IsZero()]; p.class == 0 {
			p.first = o.t.moment(r.Clears)
		}
	case ByState:
		p.first, p.second = severe(severity[r.State], int64(r.Waiting)), o.now-int64(r.HeldFor)
	}
	return o.turn(p)
}

// ofFree is the place of a lock that nobody holds, waits for or has overrun.
func (o *ordering) ofFree(row uint32) place {
	f := o.t.flags(row)
	r := Row{HeldFor: Unknown, TTL: Unknown, Recorded: f&isRecorded != 0, State: Free}
	if f&isCounted != 0 {
		r.Denied = o.t.locks.At(row).counts().Denied
	}
	return o.ofListed(&r, row)
}

// needs are the bounds that tell where the plain rows of a chunk may stand.
func (o *ordering) needs() looseness {
	switch o.by {
	case ByOwner:
		return looseOwner
	case ByHeld:
		return looseSince
	case ByTTL:
		return looseUntil
	case ByState:
		return looseSince | looseUntil
	}
	return 0
}

// least is a place that no plain row of a chunk comes before. There is at least one.
func (o *ordering) least(c *chunk) place {
	b := &c.bounds
	c.tighten(o.needs())
	var lo, hi place // in the plain direction, of the class that comes first
	switch o.by {
	case ByOwner:
		lo.first, hi.first = b.ownerMin, b.ownerMax
	case ByHeld:
		if b.known == 0 || o.mirrored && b.known < b.plain {
			lo.class = 1
		} else {
			lo.first, hi.first = min(b.sinceMin, o.now), min(b.sinceMax, o.now)
		}
	case ByTTL:
		lo.first, hi.first = max(b.untilMin, o.now), max(b.untilMax, o.now)
	case ByWaiting, ByDenied:
		if b.recorded == 0 || o.mirrored && b.recorded < b.plain {
			lo.class = 1
		}
	case ByRetry, ByClears:
		lo.class = 1
	case ByState:
		lo.first, hi.first = severe(o.worst(b), 0), severe(severityHeld, 0)
		lo.second, hi.second = o.begun(unknownTime), o.begun(unknownTime)
		if b.known > 0 {
			lo.second = min(b.sinceMin, o.now)
		}
		if b.known == b.plain {
			hi.second = min(b.sinceMax, o.now)
		}
	}
	hi.class = lo.class
	if o.reverse != o.mirrored {
		return o.turn(hi)
	}
	return o.turn(lo)
}

// worst is the severity that no plain row of a chunk exceeds.
func (o *ordering) worst(b *bounds) int {
	f := &o.t.families
	switch {
	case b.untilMax == never || b.untilMax-o.now > o.maxTTL || o.maxTTL < 0:
		return severity[Stuck]
	case b.known > 0 && f.kinds != nil && time.Duration(o.now-min(b.sinceMin, o.now)) > f.least:
		return severity[Overdue]
	case b.calm < o.now:
		return severity[Expiring]
	}
	return severityHeld
}

// names is how names go: backward where a to z is reversed.
func (o *ordering) backward() bool { return (o.by == ByLock && o.reverse) != o.mirrored }

// tie orders rows of one place.
func (o *ordering) tie(a, b uint32) int {
	c := 0
	if o.by == ByOwner {
		c = o.compareOwners(a, b)
	}
	if c == 0 {
		c = o.t.compareNames(a, b)
		if o.by == ByLock && o.reverse {
			c = -c
		}
	}
	if o.mirrored {
		c = -c
	}
	return c
}

func (o *ordering) compareOwners(a, b uint32) int {
	x, y := o.t.locks.At(a).owner, o.t.locks.At(b).owner
	if x == y {
		return 0
	}
	c := strings.Compare(NewText(x).String(), NewText(y).String())
	if o.reverse {
		c = -c
	}
	return c
}

// byName tells whether rows of one place are in the order of their names and nothing else.
func (o *ordering) byName(p place) bool {
	if o.by != ByOwner {
		return true
	}
	p = o.turn(p) // twice is not at all
	return p.class != 0 || exactOwner(p.first)
}

// compare orders any two rows by their places, then as ties.
func (o *ordering) compare(a, b spot) int {
	switch {
	case a.place == b.place:
		return o.tie(a.row, b.row)
	case a.place.before(b.place):
		return -1
	}
	return 1
}

// spot is a row and its place.
type spot struct {
	place
	row uint32
}
