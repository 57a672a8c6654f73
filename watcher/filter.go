package watcher

// The filter: which locks a viewer wants to see, and what it said of each.

// Filter chooses locks by what is shown of them, not by raw bytes: by the key and by the owner, which is
// empty where nobody holds the lock. It must always say the same of the same: a table asks it once
// about a key and an owner, and remembers the answer for as long as queries come with the same Filter.
type Filter struct {
	Keep func(key, owner string) bool
}

// ask asks the filter what it was not asked yet, a chunk a step, and tells whether nothing is left.
func (t *Table) ask(f *Filter, steps *int) bool {
	for n, c := range t.chunks {
		if c.filter == f && c.unasked == 0 {
			continue
		}
		if *steps <= 0 {
			return false
		}
		if c.filter != f {
			for i := range c.flags {
				c.flags[i] &^= isAsked | isKept
			}
			c.filter, c.kept = f, 0
			*steps--
		}
		for i := range c.flags {
			fl := c.flags[i]
			if fl&isThere == 0 || fl&isAsked != 0 {
				continue
			}
			row := rowOf(n, i)
			c.flags[i] |= isAsked
			if f.Keep(t.shownKey(row), NewText(t.locks.At(row).owner).String()) {
				c.flags[i] |= isKept
				if fl&isHeld != 0 {
					c.kept++
				}
			}
		}
		c.unasked = 0
	}
	return true
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
	if q.Keep != nil {
		ready = t.ask(q.Keep, &steps) && ready
	}
	return ready
}
