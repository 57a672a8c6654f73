package dense

// Order: rows in a sorted list, cut into blocks.
//
// A row's place is found by halving, first among the blocks, then in one. A full block is split,
// small neighbours are joined. Finding what is the n-th walks over the blocks' counts: for a million
// rows some three thousand numbers.

import "slices"

const (
	blockRows = 511           // a block is 2 KB with its count
	joined    = blockRows / 2 // neighbours that have no more than that together become one
)

// Order keeps rows sorted.
type Order struct {
	compare func(a, b uint32) int
	blocks  []*block // none is empty
	n       int
}

type block struct {
	n    int32
	rows [blockRows]uint32
}

func (b *block) used() []uint32 { return b.rows[:b.n] }

// NewOrder is empty. compare must tell any two rows apart, and say the same of them from the
// insertion of either to its deletion.
func NewOrder(compare func(a, b uint32) int) *Order { return &Order{compare: compare} }

// Len is how many rows there are.
func (o *Order) Len() int { return o.n }

// Insert adds a row that is not there.
func (o *Order) Insert(row uint32) {
	o.n++
	if len(o.blocks) == 0 {
		o.blocks = append(o.blocks, &block{})
	}
	at, i, _ := o.find(row)
	b := o.blocks[at]
	if b.n == blockRows {
		next := &block{n: blockRows - blockRows/2}
		copy(next.rows[:], b.rows[blockRows/2:])
		b.n = blockRows / 2
		o.blocks = slices.Insert(o.blocks, at+1, next)
		if i > int(b.n) {
			b, i = next, i-int(b.n)
		}
	}
	copy(b.rows[i+1:b.n+1], b.rows[i:b.n])
	b.rows[i] = row
	b.n++
}

// Delete takes a row out and tells whether it was there.
func (o *Order) Delete(row uint32) bool {
	if o.n == 0 {
		return false
	}
	at, i, ok := o.find(row)
	if !ok {
		return false
	}
	o.n--
	b := o.blocks[at]
	copy(b.rows[i:], b.used()[i+1:])
	b.n--
	switch {
	case b.n == 0:
		o.blocks = slices.Delete(o.blocks, at, at+1)
	case at+1 < len(o.blocks) && b.n+o.blocks[at+1].n <= joined:
		o.join(at)
	case at > 0 && b.n+o.blocks[at-1].n <= joined:
		o.join(at - 1)
	}
	return true
}

// join moves the rows of the block after at into it.
func (o *Order) join(at int) {
	b, next := o.blocks[at], o.blocks[at+1]
	copy(b.rows[b.n:], next.used())
	b.n += next.n
	o.blocks = slices.Delete(o.blocks, at+1, at+2)
}

// find gives where a row is, or where it belongs.
func (o *Order) find(row uint32) (at, i int, ok bool) {
	// The last block that does not begin after the row.
	at, exact := slices.BinarySearchFunc(o.blocks, row, func(b *block, row uint32) int { return o.compare(b.rows[0], row) })
	if exact {
		return at, 0, true
	}
	at = max(at-1, 0)
	i, ok = slices.BinarySearchFunc(o.blocks[at].used(), row, o.compare)
	return at, i, ok
}

// Cursor is a place between two rows of an Order, good until that changes.
type Cursor struct {
	o     *Order
	at, i int // before the i-th row of block at
}

// First is the place before all rows.
func (o *Order) First() Cursor { return Cursor{o: o} }

// Last is the place after all rows.
func (o *Order) Last() Cursor { return Cursor{o: o, at: len(o.blocks)} }

// Before is the place before a row, whether that is there or only would be.
func (o *Order) Before(row uint32) Cursor {
	if o.n == 0 {
		return Cursor{o: o}
	}
	at, i, _ := o.find(row)
	return Cursor{o, at, i}
}

// Next gives the row after the place and goes behind it.
func (c *Cursor) Next() (row uint32, ok bool) {
	for c.at < len(c.o.blocks) {
		if b := c.o.blocks[c.at]; c.i < int(b.n) {
			c.i++
			return b.rows[c.i-1], true
		}
		c.at, c.i = c.at+1, 0
	}
	return 0, false
}

// Previous gives the row before the place and goes before it.
func (c *Cursor) Previous() (row uint32, ok bool) {
	for c.i == 0 {
		if c.at == 0 {
			return 0, false
		}
		c.at--
		c.i = int(c.o.blocks[c.at].n)
	}
	c.i--
	return c.o.blocks[c.at].rows[c.i], true
}

// Rank is how many rows are before the place.
func (c Cursor) Rank() int {
	n := c.i
	for _, b := range c.o.blocks[:c.at] {
		n += int(b.n)
	}
	return n
}
