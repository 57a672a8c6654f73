package dense

// Index: from a key to a row, by open addressing with linear probing.
//
// A slot is the row's number and one byte of the key's hash, so that a probe that does not fit
// is told without looking at the row. The slots lie in shards by the hash's upper bits: each grows
// by itself, so that no single insertion has to move a million rows. A deletion moves the rows
// behind it up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R): no tombstones.

import "hash/maphash"

const (
	shardBits = 6
	leastSize = 8
)

// Index finds rows by key.
type Index struct {
	seed   maphash.Seed
	key    func(row uint32) string
	shards [1 << shardBits]shard
	n      int
}

// shard has a power of two slots, or none. A tag of 0 is an empty slot.
type shard struct {
	tags []uint8
	rows []uint32
	n    int
}

// NewIndex is empty. key must give a row's key from before its insertion to after its deletion.
func NewIndex(key func(row uint32) string) *Index {
	return &Index{seed: maphash.MakeSeed(), key: key}
}

// Len is how many rows there are.
func (x *Index) Len() int { return x.n }

// Find gives the row of a key.
func (x *Index) Find(key string) (row uint32, ok bool) {
	s, h := x.shard(key)
	at, ok := s.find(x, key, h)
	if !ok {
		return 0, false
	}
	return s.rows[at], true
}

// Insert adds a row, whose key must not be there.
func (x *Index) Insert(row uint32) {
	s, h := x.shard(x.key(row))
	if s.n >= len(s.tags)/4*3 {
		s.grow(x)
	}
	s.put(h, row)
	s.n++
	x.n++
}

// Delete takes a key out and tells whether it was there.
func (x *Index) Delete(key string) bool {
	s, h := x.shard(key)
	hole, ok := s.find(x, key, h)
	if !ok {
		return false
	}
	mask := len(s.tags) - 1
	for i := (hole + 1) & mask; s.tags[i] != 0; i = (i + 1) & mask {
		home := slotOf(maphash.String(x.seed, x.key(s.rows[i])), mask)
		// A row may move up to the hole if that does not bring it before its home.
		if (i-home)&mask >= (i-hole)&mask {
			s.tags[hole], s.rows[hole] = s.tags[i], s.rows[i]
			hole = i
		}
	}
	s.tags[hole] = 0
	s.n--
	x.n--
	return true
}

func (x *Index) shard(key string) (*shard, uint64) {
	h := maphash.String(x.seed, key)
	return &x.shards[h>>(64-shardBits)], h
}

func tagOf(h uint64) uint8          { return uint8(h) | 0x80 }
func slotOf(h uint64, mask int) int { return int(h>>7) & mask }

func (s *shard) find(x *Index, key string, h uint64) (slot int, ok bool) {
	if len(s.tags) == 0 {
		return 0, false
	}
	mask, tag := len(s.tags)-1, tagOf(h)
	for i := slotOf(h, mask); s.tags[i] != 0; i = (i + 1) & mask {
		if s.tags[i] == tag && x.key(s.rows[i]) == key {
			return i, true
		}
	}
	return 0, false
}

func (s *shard) put(h uint64, row uint32) {
	mask := len(s.tags) - 1
	i := slotOf(h, mask)
	for s.tags[i] != 0 {
		i = (i + 1) & mask
	}
	s.tags[i], s.rows[i] = tagOf(h), row
}

func (s *shard) grow(x *Index) {
	old := *s
	size := max(2*len(old.tags), leastSize)
	s.tags, s.rows = make([]uint8, size), make([]uint32, size)
	for i, tag := range old.tags {
		if tag != 0 {
			s.put(maphash.String(x.seed, x.key(old.rows[i])), old.rows[i])
		}
	}
}
