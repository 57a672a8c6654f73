package watcher

// How owners sort, as numbers: the bytes that follow what all owners have in common.
//
// They are made when somebody asks for the order by owner, and dropped when nobody has for a while. Making
// them takes a look at every owner, which no event has to wait for: it is done a few chunks at a time.

import (
	"encoding/binary"
	"math"
	"strings"

	"locktop/watcher/dense"
)

// ownerCodes is how far the numbers are made.
type ownerCodes struct {
	state  ownerState
	next   int    // the chunk to look at next
	prefix string // of all owners that were looked at, as shown
	met    bool   // one was looked at
	idle   int    // queries by another order since the last by owner
}

type ownerState uint8

const (
	ownersUnasked  ownerState = iota
	ownersCompared            // what they have in common is being looked for
	ownersCoded               // they are being turned into numbers
	ownersReady
)

// code is seven bytes after the prefix, and how many there are: eight means more than seven. Equal
// codes with fewer are of equal owners.
func (o *ownerCodes) code(owner string) int64 {
	shown := NewText(owner).String()
	rest := shown[min(len(o.prefix), len(shown)):]
	var b [8]byte
	copy(b[:7], rest)
	b[7] = byte(min(len(rest), 8))
	return int64(binary.BigEndian.Uint64(b[:]) ^ 1<<63)
}

// exactOwner tells that rows of one code have one owner.
func exactOwner(code int64) bool { return byte(code) < 8 }

// meet takes a new owner into account. One without the common prefix makes all numbers void.
func (o *ownerCodes) meet(t *Table, owner string) {
	if o.state == ownersUnasked {
		return
	}
	shown := NewText(owner).String()
	switch {
	case !o.met:
		o.prefix, o.met = shown, true
	case !strings.HasPrefix(shown, o.prefix):
		n := 0
		for n < len(shown) && n < len(o.prefix) && shown[n] == o.prefix[n] {
			n++
		}
		o.prefix = o.prefix[:n]
		if o.state != ownersCompared { // the numbers that are there are wrong, and known to be
			o.state, o.next = ownersCoded, 0
		}
	}
}

// make takes the next steps, each a look at a chunk, and tells whether all is ready.
func (o *ownerCodes) make(t *Table, steps *int) bool {
	if o.idle = 0; o.state == ownersUnasked {
		o.state, o.next, o.met = ownersCompared, 0, false
	}
	for ; o.state == ownersCompared && *steps > 0; *steps-- {
		if o.next == len(t.chunks) {
			o.state, o.next = ownersCoded, 0
			break
		}
		for i, f := range t.chunks[o.next].flags {
			if f&isHeld != 0 {
				o.meet(t, t.locks.At(rowOf(o.next, i)).owner)
			}
		}
		o.next++
	}
	for ; o.state == ownersCoded && *steps > 0; *steps-- {
		if o.next == len(t.chunks) {
			o.state = ownersReady
			break
		}
		o.codeChunk(t, o.next)
		o.next++
	}
	// A chunk that came since has none yet.
	for i := len(t.chunks) - 1; o.state == ownersReady && i >= 0 && t.chunks[i].owner == nil; i-- {
		o.codeChunk(t, i)
	}
	return o.state == ownersReady
}

func (o *ownerCodes) codeChunk(t *Table, n int) {
	c := t.chunks[n]
	if c.owner == nil {
		c.owner = new([dense.ChunkRows]int64)
	}
	c.bounds.ownerMin, c.bounds.ownerMax = math.MaxInt64, math.MinInt64
	c.bounds.loose &^= looseOwner
	for i, f := range c.flags {
		if f&isHeld != 0 {
			c.owner[i] = o.code(t.locks.At(rowOf(n, i)).owner)
			c.widenOwner(i)
		}
	}
}

// rest takes note of a query that does without the numbers. After many the numbers are given up.
func (o *ownerCodes) rest(t *Table) {
	if o.idle++; o.state == ownersUnasked || o.idle < idleQueries {
		return
	}
	*o = ownerCodes{}
	for _, c := range t.chunks {
		c.owner = nil
		c.bounds.loose &^= looseOwner
		c.bounds.ownerMin, c.bounds.ownerMax = noBounds.ownerMin, noBounds.ownerMax
	}
}
