package watcher

// Scanning: the rows of one chunk, those that a sieve lets through; and what picking needs of arithmetic.

import "math"

// each gives all rows that are scanned for with their places.
func (p *picker) each(do func(spot)) {
	for n := range p.t.chunks {
		p.scan(n, nil, nil, do)
	}
}

// scan gives the rows of a chunk. It may leave out those that are before from, and those that are after upto.
func (p *picker) scan(n int, from, upto *place, do func(spot)) {
	c := p.t.chunks[n]
	if c.bounds.held == 0 {
		return
	}
	give := func(i int) {
		row := rowOf(n, i)
		do(spot{p.ofScanned(row, c, i), row})
	}
	if upto != nil {
		if s, ok := p.sieve(c, *upto); ok {
			if from != nil {
				p.from(&s, *from)
			}
			p.sift(c, &s, give)
			return
		}
	}
	for i, f := range c.flags {
		if f&p.mask == p.want {
			give(i)
		}
	}
}

// sift gives the rows that a sieve lets through.
func (p *picker) sift(c *chunk, s *sieve, give func(i int)) {
	lo, span := uint64(s.lo), uint64(s.hi)-uint64(s.lo)
	mask, want, or := p.mask, p.want, s.orUntil
	switch {
	case s.hi < s.lo && or == never:
	case s.hi < s.lo:
		for i, u := range c.until {
			if u > or && c.flags[i]&mask == want {
				give(i)
			}
		}
	case or == never:
		for i, v := range s.column {
			if uint64(v)-lo <= span && c.flags[i]&mask == want {
				give(i)
			}
		}
	default:
		for i, v := range s.column {
			if (uint64(v)-lo <= span || c.until[i] > or) && c.flags[i]&mask == want {
				give(i)
			}
		}
	}
}

// countBefore is how many rows of a chunk come before a place.
func (p *picker) countBefore(n int, at place) int {
	c, count := p.t.chunks[n], 0
	before := at // the last place that does
	before.first--
	if s, ok := p.sieve(c, before); ok && s.exact && at.first > math.MinInt64 {
		p.sift(c, &s, func(int) { count++ })
		return count
	}
	p.scan(n, nil, &at, func(s spot) {
		if s.before(at) {
			count++
		}
	})
	return count
}

// nth gives the place that would be the n-th if they were sorted (Hoare's selection). It shuffles them.
func nth(places []place, n int) place {
	lo, hi := 0, len(places)-1
	for lo < hi {
		pivot := places[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for places[i].before(pivot) {
				i++
			}
			for pivot.before(places[j]) {
				j--
			}
			if i <= j {
				places[i], places[j] = places[j], places[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			hi = j
		case n >= i:
			lo = i
		default:
			return places[n]
		}
	}
	return places[n]
}

// up and down keep a heap whose first has the greatest place, after the last or the first of it changed.
func up(h []spot) {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[parent].before(h[i].place) {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func down(h []spot) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child].before(h[child+1].place) {
			child++
		}
		if !h[i].before(h[child].place) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
