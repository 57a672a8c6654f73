package embedded

// Databases: keys, their values and deadlines, and the order in which SCAN walks them.

import "container/heap"

const databases = 16

// never is a deadline that does not come.
const never = int64(1<<63 - 1)

// entry is a key and its value: a string, *hash or *stream.
type entry struct {
	key      string
	value    any
	deadline int64 // ms since 1970; 0: none
	rank     int   // place in the heap of deadlines; -1: not in it
	place    int   // place in the order of keys
}

type database struct {
	id        int
	keys      map[string]*entry
	order     keyOrder
	deadlines deadlines
	watchers  map[string]map[*client]bool
}

func newDatabase(id int) *database {
	return &database{id: id, keys: map[string]*entry{}, watchers: map[string]map[*client]bool{}}
}

// live finds a key. One that is due is
// removed first, with its event: nobody ever sees it.
func (s *Server) live(db *database, key string) *entry {
	e := db.keys[key]
	if e != nil && s.isDue(e) {
		s.expire(db, e)
		return nil
	}
	return e
}

// read finds a key for a command that only reads. A miss counts, and is an event.
func (c *call) read(key string) *entry {
	e := c.live(c.db(), key)
	if e == nil {
		c.counters.misses++
		c.notify(eventMiss, "keymiss", c.db(), key)
		return nil
	}
	c.counters.hits++
	return e
}

// find finds a key for a command that changes it.
func (c *call) find(key string) *entry { return c.live(c.db(), key) }

// add makes a new key, which must not exist.
func (s *Server) add(db *database, key string, value any) *entry {
	e := &entry{key: key, value: value, rank: -1}
	db.keys[key] = e
	db.order.add(e)
	s.touch(db, key)
	s.notify(eventNew, "new", db, key)
	return e
}

// put sets a key to a value, whatever it was. The deadline stays.
func (c *call) put(key string, value any) *entry {
	if e := c.find(key); e != nil {
		e.value = value
		c.touch(c.db(), key)
		return e
	}
	return c.add(c.db(), key, value)
}

// remove deletes a key; the event is the caller's.
func (s *Server) remove(db *database, e *entry) {
	db.setDeadline(e, 0)
	db.order.remove(e)
	delete(db.keys, e.key)
	s.touch(db, e.key)
}

// setDeadline changes when a key expires; 0 is never.
func (s *Server) setDeadline(db *database, e *entry, at int64) {
	db.setDeadline(e, at)
	s.touch(db, e.key)
	if at != 0 && at < s.nextWake {
		s.nextWake = at
		select {
		case s.wake <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

func (db *database) setDeadline(e *entry, at int64) {
	e.deadline = at
	switch {
	case at == 0 && e.rank >= 0:
		heap.Remove(&db.deadlines, e.rank)
	case at != 0 && e.rank < 0:
		heap.Push(&db.deadlines, e)
	case at != 0:
		heap.Fix(&db.deadlines, e.rank)
	}
}

// flush removes all keys. That has no events, as in Redis.
func (s *Server) flush(db *database) {
	for key := range db.watchers {
		if db.keys[key] != nil {
			s.touch(db, key)
		}
	}
	db.keys = map[string]*entry{}
	db.order.clear()
	db.deadlines = nil
}

// deadlines is a heap of the keys that expire, the next one first.
type deadlines []*entry

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].rank, h[j].rank = i, j
}
func (h *deadlines) Push(x any) {
	e := x.(*entry)
	e.rank = len(*h)
	*h = append(*h, e)
}
func (h *deadlines) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.rank = -1
	return e
}

// keyOrder lists the keys by age, for SCAN. A key keeps its number as long as it
// lives, and SCAN goes from high numbers to low ones. So a cursor is a number, a
// key that is there all the time is given exactly once, keys that come meanwhile
// are above the cursor and cannot keep a scan from ending, and a call costs what
// it visits: removed keys leave holes, but never more holes than keys.
type keyOrder struct {
	slots []slot
	last  uint64 // the number given last
	holes int
}

type slot struct {
	number uint64
	entry  *entry // nil: a hole
}

// fewHoles are not worth closing.
const fewHoles = 32

func (o *keyOrder) add(e *entry) {
	o.last++
	e.place = len(o.slots)
	o.slots = append(o.slots, slot{o.last, e})
}

func (o *keyOrder) remove(e *entry) {
	o.slots[e.place].entry = nil
	o.holes++
	if o.holes <= fewHoles || o.holes <= len(o.slots)/2 {
		return
	}
	kept := o.slots[:0]
	for _, sl := range o.slots {
		if sl.entry != nil {
			sl.entry.place = len(kept)
			kept = append(kept, sl)
		}
	}
	clear(o.slots[len(kept):])
	o.slots, o.holes = kept, 0
}

func (o *keyOrder) clear() { o.slots, o.holes = nil, 0 }

// walk calls visit for at most n slots below the cursor (0: from the top), and
// gives the cursor to go on with, 0 at the end.
func (o *keyOrder) walk(cursor uint64, n int, visit func(*entry)) uint64 {
	at := len(o.slots)
	if cursor != 0 {
		lo, hi := 0, at
		for lo < hi {
			if mid := (lo + hi) / 2; o.slots[mid].number < cursor {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		at = lo
	}
	for ; at > 0 && n > 0; n-- {
		at--
		if e := o.slots[at].entry; e != nil {
			visit(e)
		}
	}
	if at == 0 {
		return 0
	}
	return o.slots[at].number
}
