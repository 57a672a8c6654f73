package watcher

// The filter: which locks a viewer wants to see, and what it said of each.

// Filter chooses locks by what is shown of them, not by raw bytes: by the key and by the owner, which is
// empty where nobody holds the lock. It must always say the same of the same: a table asks it once
// about a key and an owner, and remembers the answer for as long as queries come with the same Filter.
type Filter struct {
	Keep func(key, owner string) bool
}

// asked is what a table knows of a filter's answers.
type asked struct {
	filter *Filter
	turn   uint32   // how many filters there were; a chunk of an earlier turn was not asked yet
	rows   []uint32 // of those that were asked, the rows that have changed since
}

// changedAtMost bounds the rows that are remembered as changed: a chunk of one more is asked anew.
const changedAtMost = 1 << 16

// unask forgets what the filter said of a row that is not counted now.
func (t *Table) unask(row uint32) {
	c, i := t.chunk(row)
	if c.flags[i]&isAsked == 0 {
		return
	}
	c.flags[i] &^= isAsked | isKept
	if t.asked.filter == nil || c.turn != t.asked.turn {
		return
	}
	if len(t.asked.rows) == changedAtMost {
		c.turn = 0
		return
	}
	t.asked.rows = append(t.asked.rows, row)
}

// ask asks the filter what it was not asked yet, a chunk a step, and tells whether nothing is left. A table
// that is asked for all forgets the filter.
func (t *Table) ask(f *Filter, steps *int) bool {
	if a := &t.asked; a.filter != f {
		*a = asked{filter: f, turn: a.turn + 1, rows: a.rows[:0]}
	}
	if f == nil {
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
			c.flags[i] &^= isAsked | isKept
			t.askRow(f, rowOf(n, i))
		}
	}
	for _, row := range t.asked.rows {
		t.askRow(f, row)
	}
	t.asked.rows = t.asked.rows[:0]
	return true
}

func (t *Table) askRow(f *Filter, row uint32) {
	c, i := t.chunk(row)
	if c.flags[i]&(isThere|isAsked) != isThere {
		return
	}
	c.flags[i] |= isAsked
	if f.Keep(t.shownKey(row), NewText(t.locks.At(row).owner).String()) {
		c.flags[i] |= isKept
		if c.flags[i]&isHeld != 0 {
			c.kept++
		}
	}
}

// prepare makes what a query needs and is not there yet, in so many steps, and tells whether all is
// ready. A step is at most a thousand locks.
func (t *Table) prepare(q Query, steps int) bool {
	ready := true
	if q.Sort == ByOwner {
		ready = t.owners.make(t, &steps)
	} else {
		t.owners.drop(t)
	}
	return t.ask(q.Keep, &steps) && ready
}
