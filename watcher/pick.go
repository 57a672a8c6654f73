package watcher

// Picking: the rows of a window out of a million, without sorting them.
//
// The rows that a chunk's columns do not say all about are looked at one by one and listed: free ones, and those with
// waiters, an overrun or denials where that orders them. Of the others the first few are picked in two steps. First
// by place, in a bounded heap: chunks are taken in the order of the least place that any of their rows may have,
// until the next chunk's is not before the last in the heap, which is soon. Then those that share the
// place of the last in the heap are told apart by name: where they are few, by comparing them; where they are
// many (a million locks whose beginning nobody saw are all held equally long), by walking along the
// order of names until enough of them were met.
//
// A window that begins far from both ends is picked around a row: what comes before it in the mirrored
// order, and what comes after it. To know its place takes a look at every row.

import (
	"slices"
	"time"

	"locktop/watcher/makecom"
)

// How much is looked at; variables so that tests can take every way with few locks.
var (
	shallow      = 2000 // rows from either end up to which windows are picked from there
	tiesCompared = 4096 // rows of one place up to which they are compared
)

// stepsOfAView is no bound at all.
const stepsOfAView = 1 << 30

// picker is at work on one query. What it keeps between queries is room.
type picker struct {
	ordering
	q  Query
	at time.Time

	want, mask flags // a row is found by scanning if its flags under mask are want
	listed     []spot
	scanned    int // rows that are not listed
	total      int
	hidden     int
	figures    Figures

	heap   []spot
	chunks []ranked
}

// ranked is a chunk with the least place of its rows.
type ranked struct {
	place
	n int
}

func (p *picker) begin(t *Table, q Query, now time.Time) {
	*p = picker{
		ordering: ordering{t: t, by: q.Sort, reverse: q.Reverse, now: t.moment(now), maxTTL: int64(q.MaxTTL)},
		q:        q, at: now, want: isHeld, mask: isHeld,
		listed: p.listed[:0], heap: p.heap[:0], chunks: p.chunks[:0],
		figures: Figures{Held: t.held, Unrecorded: t.unrecorded},
	}
	p.scanned = t.held
	if q.Keep != nil {
		p.want, p.mask = p.want|isKept, p.mask|isKept
		p.scanned = 0
		for _, c := range t.chunks {
			p.scanned += c.kept
		}
	}
	p.hidden = t.held - p.scanned
	if p.by == ByRetry {
		probe := []makecom.Waiter{{LastDenied: now}} // comes back in one interval
		p.interval = makecom.Predict(q.Policy, makecom.Lock{}, probe, now).Waiters[0].Next.Sub(now)
	}
	p.listSpecial()
	if q.Ended {
		p.listFree()
	}
	if p.by == ByDenied {
		p.listCounted()
	}
	p.total = p.scanned + len(p.listed)
}

// end lets go of what was asked.
func (p *picker) end() {
	*p = picker{listed: p.listed, heap: p.heap, chunks: p.chunks}
}

// kept tells whether the filter keeps a row.
func (p *picker) kept(row uint32) bool {
	return p.q.Keep == nil || p.t.flags(row)&isKept != 0
}

// lingers tells whether a free lock that ended then is still to be seen.
func (p *picker) lingers(ended int64) bool {
	return p.q.Ended && ended != unknownTime && p.now-ended <= int64(Linger)
}

// listSpecial lists free rows that somebody waits for, and the held ones where waiters or an overrun matter for the order.
func (p *picker) listSpecial() {
	p.t.expect(p.q, p.at)
	matter := p.by == ByWaiting || p.by == ByRetry || p.by == ByClears || p.by == ByState
	if matter {
		p.mask |= isSpecial
	}
	for i := range p.t.special {
		s := &p.t.special[i]
		p.figures.Waiting += int(s.waiting)
		switch {
		case s.flags&isHeld != 0:
			if !matter || !p.kept(s.row) {
				continue
			}
			p.scanned--
		case !p.seenFree(s):
			continue
		default:
			if s.waiting > 0 {
				p.figures.Awaited++
			}
			if !p.kept(s.row) {
				p.hidden++
				continue
			}
		}
		p.listed = append(p.listed, spot{p.ofSpecial(s, p.q, p.at), s.row})
	}
}

// seenFree tells whether a special row that nobody holds is to be seen.
func (p *picker) seenFree(s *special) bool { return s.waiting > 0 || p.lingers(s.ended) }

func (p *picker) listFree() {
	for i := range p.t.free.queue {
		f := &p.t.free.queue[i]
		switch {
		case f.taken || f.flags&isSpecial != 0 || !p.lingers(f.ended):
		case !p.kept(f.row):
			p.hidden++
		default:
			p.listed = append(p.listed, spot{p.ofFree(f), f.row})
		}
	}
}

// listCounted lists held rows with denials.
func (p *picker) listCounted() {
	for _, c := range p.t.counted {
		if p.t.flags(c.row)&p.mask == p.want {
			p.listed = append(p.listed, spot{p.ofCounted(c), c.row})
			p.scanned--
		}
	}
	p.mask |= isCounted
}

func (p *picker) ofCounted(c counted) place { return p.turn(place{first: -c.denied}) }

// placeOf is the place of a row, if it is among those of the view.
func (p *picker) placeOf(row uint32) (place, bool) {
	c, i := p.t.chunk(row)
	if c.flags[i]&p.mask == p.want {
		return p.ofScanned(row, c, i), true
	}
	x := p.t.locks.At(row).extra
	if x == nil || !p.kept(row) {
		return place{}, false
	}
	held := c.flags[i]&isHeld != 0
	switch {
	case held && p.by == ByDenied:
		return p.ofCounted(p.t.counted[x.counted-1]), true
	case x.special != 0:
		s := &p.t.special[x.special-1]
		return p.ofSpecial(s, p.q, p.at), held || p.seenFree(s)
	}
	f := &p.t.free.queue[x.queued-1-p.t.free.gone]
	return p.ofFree(f), p.lingers(f.ended)
}

// window gives the rows that are asked for, how many come before them, and the place of Query.Around.
func (p *picker) window() (rows []uint32, offset, at int) {
	if p.q.Limit <= 0 {
		return p.all()
	}
	limit, last := p.q.Limit, max(p.total-p.q.Limit, 0)
	offset, at = max(0, min(p.q.Offset, last)), -1
	var head []uint32 // from the first row on
	if offset+limit <= shallow {
		head = p.first(offset+limit, nil)
	}
	x, found := p.spotOf(p.q.Around)
	if found {
		if at = slices.Index(head, x.row); at < 0 {
			at = p.rank(x)
		}
		offset = min(offset, at-p.q.Margin)
		offset = max(offset, at+p.q.Margin+1-limit)
		offset = max(0, min(offset, last))
	}
	limit = min(limit, p.total-offset)
	switch {
	case offset+limit <= len(head):
		return head[offset : offset+limit], offset, at
	case offset+limit <= shallow:
		return p.first(offset+limit, nil)[offset:], offset, at
	case p.total-offset <= shallow:
		p.flip()
		rows = p.first(p.total-offset, nil)
		p.flip()
		slices.Reverse(rows)
		return rows[:limit], offset, at
	case found && at >= offset && at < offset+limit:
		p.flip()
		rows = p.after(spot{x.place.mirror(), x.row}, at-offset)
		p.flip()
		slices.Reverse(rows)
		rows = append(rows, x.row)
		return append(rows, p.after(x, limit-len(rows))...), offset, at
	}
	return p.deep(offset, limit), offset, at
}

func (a place) mirror() place { return place{^a.class, ^a.first, ^a.second} }

// flip turns the order around.
func (p *picker) flip() {
	p.mirrored = !p.mirrored
	for i := range p.listed {
		p.listed[i].place = p.listed[i].place.mirror()
	}
}

// all gives every row.
func (p *picker) all() (rows []uint32, offset, at int) {
	spots := slices.Grow(slices.Clone(p.listed), p.scanned)
	p.each(func(s spot) { spots = append(spots, s) })
	slices.SortFunc(spots, p.compare)
	rows, at = make([]uint32, len(spots)), -1
	x, found := p.spotOf(p.q.Around)
	for i := range spots {
		rows[i] = spots[i].row
		if found && x.row == rows[i] {
			at = i
		}
	}
	return rows, 0, at
}

// spotOf finds a row by its key, if it is among the rows.
func (p *picker) spotOf(key string) (spot, bool) {
	if key == "" {
		return spot{}, false
	}
	row, ok := p.t.index.Find(key)
	if !ok {
		return spot{}, false
	}
	at, ok := p.placeOf(row)
	return spot{at, row}, ok
}

// rankChunks puts the chunks that have rows into the order of their least places.
func (p *picker) rankChunks() []ranked {
	p.chunks = p.chunks[:0]
	for n, c := range p.t.chunks {
		if c.bounds.held > 0 && (p.q.Keep == nil || c.kept > 0) {
			p.chunks = append(p.chunks, ranked{p.least(c), n})
		}
	}
	return p.chunks
}

// first gives the first k rows, in order; with above only of those whose place is greater.
func (p *picker) first(k int, above *place) []uint32 {
	if k <= 0 {
		return nil
	}
	h := p.heap[:0]
	left := 0 // rows out of the heap that share the place of its first
	consider := func(s spot) {
		switch {
		case above != nil && !above.before(s.place):
		case len(h) < k:
			h = append(h, s)
			up(h)
		case s.place == h[0].place:
			left++
		case s.place.before(h[0].place):
			out := h[0].place
			h[0] = s
			if down(h); h[0].place == out {
				left++
			} else {
				left = 0
			}
		}
	}
	for _, s := range p.listed {
		consider(s)
	}
	chunks := p.rankChunks()
	slices.SortFunc(chunks, func(a, b ranked) int {
		switch {
		case a.before(b.place):
			return -1
		case b.before(a.place):
			return 1
		}
		return a.n - b.n
	})
	for _, c := range chunks {
		upto := (*place)(nil)
		if len(h) == k {
			if upto = &h[0].place; !c.before(*upto) {
				if c.place == *upto {
					left++ // there may be one
				}
				break
			}
		}
		p.scan(c.n, above, upto, consider)
	}
	p.heap = h
	if len(h) < k || left == 0 {
		return p.sorted(h)
	}
	// Which of those of the last place belong to the first is for their names to say.
	last := h[0].place
	h = slices.DeleteFunc(h, func(s spot) bool { return s.place == last })
	rows := p.sorted(h)
	return append(rows, p.ties(last, nil, k-len(rows))...)
}

func (p *picker) sorted(spots []spot) []uint32 {
	slices.SortFunc(spots, p.compare)
	rows := make([]uint32, len(spots))
	for i := range spots {
		rows[i] = spots[i].row
	}
	return rows
}

// after gives the k rows that come after one, in order.
func (p *picker) after(x spot, k int) []uint32 {
	rows := p.ties(x.place, &x.row, k)
	return append(rows, p.first(k-len(rows), &x.place)...)
}

// sharing gives the rows of one place, in no order; false if these are many, and in the order of their names.
func (p *picker) sharing(at place) ([]uint32, bool) {
	most := tiesCompared
	if !p.byName(at) {
		most = p.total
	}
	var rows []uint32
	for _, s := range p.listed {
		if s.place == at {
			rows = append(rows, s.row)
		}
	}
	for _, c := range p.rankChunks() {
		if len(rows) > most {
			return nil, false
		}
		if !at.before(c.place) {
			p.scan(c.n, &at, &at, func(s spot) {
				if s.place == at {
					rows = append(rows, s.row)
				}
			})
		}
	}
	return rows, len(rows) <= most
}

// ties gives the first k rows of one place, in order; with behind only those that come after that row.
func (p *picker) ties(at place, behind *uint32, k int) []uint32 {
	if k <= 0 {
		return nil
	}
	rows, all := p.sharing(at)
	if all {
		return p.foremost(rows, behind, k)
	}
	rows = make([]uint32, 0, k)
	p.walk(at, behind, func(row uint32) bool {
		rows = append(rows, row)
		return len(rows) < k
	})
	return rows
}

// foremost sorts out the first k of some ties.
func (p *picker) foremost(rows []uint32, behind *uint32, k int) []uint32 {
	if behind != nil {
		rows = slices.DeleteFunc(rows, func(row uint32) bool { return p.tie(row, *behind) <= 0 })
	}
	if len(rows) <= k || k > len(rows)/4 {
		slices.SortFunc(rows, p.tie)
		return rows[:min(k, len(rows))]
	}
	best := make([]uint32, 0, k+1)
	for _, row := range rows {
		if len(best) == k && p.tie(row, best[k-1]) > 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(best, row, p.tie)
		best = slices.Insert(best, i, row)
		best = best[:min(k, len(best))]
	}
	return best
}

// walk goes along the names, from the first or from behind a row, over the rows of one place, until do says no.
func (p *picker) walk(at place, behind *uint32, do func(row uint32) bool) {
	names := p.t.names
	c := names.First()
	next := c.Next
	if p.backward() {
		c = names.Last()
		next = c.Previous
	}
	if behind != nil {
		c = names.Before(*behind)
		if !p.backward() {
			c.Next()
		}
	}
	for row, ok := next(); ok; row, ok = next() {
		if place, ok := p.placeOf(row); ok && place == at && !do(row) {
			return
		}
	}
}

// rank is how many rows come before one.
func (p *picker) rank(x spot) int {
	n := 0
	for _, s := range p.listed {
		if s.before(x.place) {
			n++
		}
	}
	for _, c := range p.rankChunks() {
		if c.before(x.place) {
			n += p.countBefore(c.n, x.place)
		}
	}
	if p.by == ByLock && p.q.Keep == nil {
		return p.rankByName(x.row)
	}
	rows, all := p.sharing(x.place)
	if !all {
		p.walk(x.place, nil, func(row uint32) bool { n++; return row != x.row })
		return n - 1
	}
	for _, row := range rows {
		if p.tie(row, x.row) < 0 {
			n++
		}
	}
	return n
}

// rankByName is how many rows come before one in the order of names: all locks that do, but for those
// that are not to be seen.
func (p *picker) rankByName(row uint32) int {
	n := p.t.names.Before(row).Rank()
	if p.backward() {
		n = p.t.Len() - n - 1
	}
	for i := range p.t.special {
		if s := &p.t.special[i]; s.flags&isHeld == 0 && !p.seenFree(s) && p.tie(s.row, row) < 0 {
			n--
		}
	}
	for i := range p.t.free.queue {
		f := &p.t.free.queue[i]
		if !f.taken && f.flags&isSpecial == 0 && !p.lingers(f.ended) && p.tie(f.row, row) < 0 {
			n--
		}
	}
	return n
}

// deep gives the rows of a window that is far from both ends.
func (p *picker) deep(offset, limit int) []uint32 {
	places := make([]place, 0, p.total)
	for _, s := range p.listed {
		places = append(places, s.place)
	}
	p.each(func(s spot) { places = append(places, s.place) })
	at := nth(places, offset)
	before := 0
	for _, a := range places {
		if a.before(at) {
			before++
		}
	}
	skip := offset - before
	rows := p.ties(at, nil, skip+limit)[skip:]
	return append(rows, p.first(limit-len(rows), &at)...)
}
