package watcher

// The filter: which locks a viewer wants to see, and what it said of each.

// Filter chooses locks by what is shown of them, not by raw bytes: by the key and by the owner, which is
// empty where nobody holds the lock. It must always say the same of the same: a table asks it once
// about a key and an owner, and remembers the answer for as long as queries come with the same Filter.
type Filter struct {
	Keep func(key, owner string) bool
}

// asked is the filter whose answers a table has.
type asked struct {
	filter *Filter
	turn   uint32 // how many filters there were; a chunk of an earlier turn was not asked yet
	idle   int    // queries without it since the last with it
}

// idleQueries is after how many queries that do without it what was prepared for others is dropped: more than
// come between two of a viewer who is not the only one.
const idleQueries = 50

// ask asks the filter about all chunks that it was not asked about yet, one a step, and tells whether none is
// left. From then on it is asked again about what changes, until nobody asks for it.
func (t *Table) ask(f *Filter, steps *int) bool {
	a := &t.asked
	if a.idle++; f == nil && (a.filter == nil || a.idle < idleQueries) {
		return true
	}
	if a.filter != f {
		*a = asked{filter: f, turn: a.turn + 1}
	}
	if a.idle = 0; f == nil {
		return true
	}
	for n, c := range t.chunks {
		if c.turn == t.asked.turn {
			continue
		}
		if *steps <= 0 {
			return false
		}
		*steps--
		c.turn, c.kept = t.asked.turn, 0
		for i := range c.flags {
			if c.flags[i]&isThere == 0 {
				continue
			}
			if t.askRow(rowOf(n, i)); c.flags[i]&(isHeld|isKept) == isHeld|isKept {
				c.kept++
			}
		}
	}
	return true
}

// askRow asks about a row that is not counted now, unless its chunk is still to be asked about.
func (t *Table) askRow(row uint32) {
	c, i := t.chunk(row)
	if t.asked.filter == nil || c.turn != t.asked.turn {
		return
	}
	c.flags[i] &^= isKept
	if t.asked.filter.Keep(t.shownKey(row), NewText(t.locks.At(row).owner).String()) {
		c.flags[i] |= isKept
	}
}

// prepare makes what a query needs and is not there yet, in so many steps, and tells whether all is
// ready. A step is at most a thousand locks.
func (t *Table) prepare(q Query, steps int) bool {
	ready := true
	if q.Sort == ByOwner {
		ready = t.owners.make(t, &steps)
	} else {
		t.owners.rest(t)
	}
	return t.ask(q.Keep, &steps) && ready
}
