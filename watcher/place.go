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

	"locktop/watcher/dense"
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
	interval time.Duration // of the policy, within its limits
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
	severityStuck, severityOverdue, severityExpiring, severityHeld = severity[Stuck], severity[Overdue], severity[Expiring], severity[Held]
)

// begun is how long a hold has lasted, the longest first.
func (o *ordering) begun(since int64) int64 {
	if since == unknownTime {
		return o.now + int64(-Unknown)
	}
	return min(since, o.now)
}

// ofScanned is the place of a scanned row of a chunk.
func (o *ordering) ofScanned(row uint32, c *chunk, i int) place {
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

// severity is that of a scanned row's state.
func (o *ordering) severity(row uint32, c *chunk, i int) int {
	until, since := c.until[i], c.since[i]
	left := max(until-o.now, 0)
	switch {
	case until == never || left > o.maxTTL:
		return severityStuck
	case since != unknownTime && o.overdue(row, c.kind[i], since):
		return severityOverdue
	case expiring(time.Duration(left), time.Duration(c.largest[i])):
		return severityExpiring
	}
	return severityHeld
}

func (o *ordering) overdue(row uint32, kind uint16, since int64) bool {
	f := &o.t.families
	if f.kinds == nil {
		return false
	}
	heldFor := time.Duration(max(o.now-since, 0))
	return heldFor > f.kinds[kind].usual && heldFor > f.of(o.t.locks.At(row).key).usual()
}

// measured is what a listed row is ordered by.
type measured struct {
	held, recorded bool
	since, until   int64
	waiting        int64
	denied         int64
	retry, clears  int64 // unknownTime if it is
	severity       int
	owner          int64
}

// ofListed is the place of a row that was measured.
func (o *ordering) ofListed(m *measured) place {
	p := place{class: 1}
	switch o.by {
	case ByLock:
		p.class = 0
	case ByOwner:
		if m.held {
			p = place{first: m.owner}
		}
	case ByHeld:
		if m.held && m.since != unknownTime {
			p = place{first: min(m.since, o.now)}
		}
	case ByTTL:
		if m.held {
			p = place{first: max(m.until, o.now)}
		}
	case ByWaiting:
		if m.recorded {
			p = place{first: -m.waiting}
		}
	case ByDenied:
		if m.recorded {
			p = place{first: -m.denied}
		}
	case ByRetry:
		if m.retry != unknownTime {
			p = place{first: m.retry}
		}
	case ByClears:
		if m.clears != unknownTime {
			p = place{first: m.clears}
		}
	case ByState:
		p = place{first: severe(m.severity, m.waiting), second: o.begun(m.since)}
	}
	return o.turn(p)
}

// ofSpecial is the place of a special row whose waiters are counted.
func (o *ordering) ofSpecial(s *special, q Query, now time.Time) place {
	m := measured{
		held: s.flags&isHeld != 0, recorded: s.flags&isRecorded != 0, since: s.since, until: s.until, waiting: int64(s.waiting),
		retry: unknownTime, clears: unknownTime,
	}
	switch o.by {
	case ByOwner:
		if m.held {
			c, i := o.t.chunk(s.row)
			m.owner = c.owner[i]
		}
	case ByDenied:
		m.denied = o.t.locks.At(s.row).counts().Denied
	case ByRetry:
		if s.earliest != never {
			// As makecom has it: never before now, and at most one interval away.
			m.retry = min(max(later(s.earliest, o.interval), o.now), later(o.now, o.interval))
		}
	case ByClears:
		if s.earliest != never {
			if f := o.t.forecast(s.row, q, now); !f.ClearsP50.IsZero() {
				m.clears = o.t.moment(f.ClearsP50)
			}
		}
	case ByState:
		m.severity = o.severityOf(s)
	}
	return o.ofListed(&m)
}

func (o *ordering) severityOf(s *special) int {
	held, left := s.flags&isHeld != 0, max(s.until-o.now, 0)
	switch {
	case held && (s.until == never || left > o.maxTTL):
		return severity[Stuck]
	case s.overran != unknownTime && o.now-s.overran < int64(overrunShown):
		return severity[Overran]
	case held && s.since != unknownTime && o.overdue(s.row, s.kind, s.since):
		return severity[Overdue]
	case held && expiring(time.Duration(left), time.Duration(s.largest)):
		return severity[Expiring]
	case held && s.waiting > 0:
		return severity[Contended]
	case held:
		return severity[Held]
	case s.waiting > 0:
		return severity[Awaited]
	}
	return severity[Free]
}

// ofFree is the place of a lock that nobody holds, waits for or has overrun.
func (o *ordering) ofFree(f *freeLock) place {
	return o.ofListed(&measured{
		recorded: f.flags&isRecorded != 0, since: unknownTime, denied: f.denied, retry: unknownTime, clears: unknownTime, severity: severity[Free],
	})
}

// needs are the bounds that tell where the scanned rows of a chunk may stand.
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

// least is a place that no scanned row of a chunk comes before. There is at least one.
func (o *ordering) least(c *chunk) place {
	b := &c.bounds
	c.tighten(o.needs())
	var lo, hi place // in the plain direction, of the class that comes first
	switch o.by {
	case ByOwner:
		lo.first, hi.first = b.ownerMin, b.ownerMax
	case ByHeld:
		if b.known == 0 || o.mirrored && b.known < b.held {
			lo.class = 1
		} else {
			lo.first, hi.first = min(b.sinceMin, o.now), min(b.sinceMax, o.now)
		}
	case ByTTL:
		lo.first, hi.first = max(b.untilMin, o.now), max(b.untilMax, o.now)
	case ByWaiting, ByDenied:
		if b.recorded == 0 || o.mirrored && b.recorded < b.held {
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
		if b.known == b.held {
			hi.second = min(b.sinceMax, o.now)
		}
	}
	hi.class = lo.class
	if o.reverse != o.mirrored {
		return o.turn(hi)
	}
	return o.turn(lo)
}

// worst is the severity that no scanned row of a chunk exceeds.
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

// sieve is what the rows of a chunk that come no later than a place have in common: the column lies within
// lo to hi, or the TTL ends after orUntil, if that is not never. Of an exact one no others have it.
type sieve struct {
	column  *[dense.ChunkRows]int64
	lo, hi  int64
	orUntil int64
	exact   bool
}

// sieve gives one, if two comparisons can tell. It may let through too much.
func (o *ordering) sieve(c *chunk, upto place) (sieve, bool) {
	down := o.reverse != o.mirrored
	x := o.turn(upto) // twice is not at all
	if x.class != 0 || o.mirrored && c.bounds.known < c.bounds.held && o.by == ByHeld {
		return sieve{}, false
	}
	s := sieve{lo: math.MinInt64, hi: math.MaxInt64, orUntil: never}
	switch s.exact = true; o.by {
	case ByOwner:
		s.column = c.owner
		s.cut(x.first, down)
	case ByHeld:
		// A beginning to come counts as now, so that between now and later nothing tells rows apart.
		s.column, s.lo, s.exact = &c.since, unknownTime+1, x.first <= o.now
		if down || x.first < o.now {
			s.cut(x.first, down)
		}
	case ByTTL:
		s.column, s.exact = &c.until, x.first >= o.now // likewise what is over
		if !down || x.first > o.now {
			s.cut(x.first, down)
		}
	case ByState:
		return o.sieveStates(c, x, s, down)
	default:
		return sieve{}, false
	}
	return s, true
}

// from leaves out of a sieve most of what is before a place.
func (o *ordering) from(s *sieve, first place) {
	down := o.reverse != o.mirrored
	if x := o.turn(first); x.class == 0 {
		switch o.by {
		case ByOwner:
			s.cut(x.first, !down)
		case ByHeld:
			if !down || x.first < o.now {
				s.cut(x.first, !down)
			}
		case ByTTL:
			if down || x.first > o.now {
				s.cut(x.first, !down)
			}
		}
	}
}

// cut leaves out what is above a value, or what is below.
func (s *sieve) cut(at int64, below bool) {
	if below {
		s.lo = max(s.lo, at)
	} else {
		s.hi = min(s.hi, at)
	}
}

func (o *ordering) sieveStates(c *chunk, x place, s sieve, down bool) (sieve, bool) {
	s.exact = false
	b, worst := &c.bounds, int(x.first>>32)
	exact := x.first == severe(worst, 0)
	s.column, s.lo = &c.since, unknownTime+1
	stuck := later(o.now, time.Duration(max(o.maxTTL, 0)))
	switch {
	case o.maxTTL < 0:
	case !down && worst == severityStuck:
		return sieve{column: &c.until, lo: stuck + 1, hi: math.MaxInt64, orUntil: never}, true
	case !down && exact && worst == severityOverdue:
		s.orUntil = stuck
		s.cut(x.second, false)
		return s, true
	case !down && exact && worst == severityExpiring && x.second < o.now:
		// Those that are overdue come before, however long that is.
		s.orUntil = stuck
		if least := o.t.families.least; o.t.families.kinds != nil && least < time.Duration(furthest) {
			x.second = max(x.second, o.now-int64(least))
		}
		s.cut(x.second, false)
		return s, true
	case !down && exact && worst == severityHeld && x.second < o.now && o.worst(b) == severityHeld, down && exact && worst == severityHeld && b.known == b.held:
		s.cut(x.second, down)
		return s, true
	}
	return s, false
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
