package watcher

// Families of locks, and how long their holds usually take.
//
// What is usual changes with every release, for every lock of the family. So no lock keeps what follows for
// it: each has a hash of its family's name, and a table by that hash has the least time that is usual
// in any family with it. A hold that has not lasted so long is not overdue, which is all that a
// pass over many locks needs to know of most of them.

import (
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	holdsPerFamily = 64 // recent ones that are remembered
	holdsEnough    = 5  // fewer tell nothing about what is usual
	familiesAtMost = 10_000
	familyKinds    = 1 << 12 // values of the hash
)

// FamilyOf is the part of a key that locks of one kind share: all up to the last of : / _ - . #
// that is followed by something. lock:stripe_cus_123 is of the family lock:stripe_cus_
func FamilyOf(key string) string {
	end := len(key)
	for end > 0 && separates(key[end-1]) {
		end--
	}
	for i := end - 1; i >= 0; i-- {
		if separates(key[i]) {
			return key[:i+1]
		}
	}
	return key
}

func separates(b byte) bool {
	switch b {
	case ':', '/', '_', '-', '.', '#':
		return true
	}
	return false
}

var familySeed = maphash.MakeSeed()

func kindOf(family string) uint16 { return uint16(maphash.String(familySeed, family) % familyKinds) }

// families are those of which a hold is known.
type families struct {
	byName map[string]*durations
	kinds  []kind        // by hash; nil until a hold is known
	least  time.Duration // usual in any family
}

// kind has the families of one hash.
type kind struct {
	families []*durations
	usual    time.Duration // the least that is usual in any of them
}

// unusual is longer than any hold takes.
const unusual time.Duration = math.MaxInt64

// durations has the last holds of a family.
type durations struct {
	ring   [holdsPerFamily]time.Duration // in the order in which they ended
	sorted [holdsPerFamily]time.Duration // by length
	n      int                           // ever added
}

// learn adds how long a released hold took.
func (f *families) learn(key string, hold time.Duration) {
	name := FamilyOf(key)
	d := f.byName[name]
	if f.kinds == nil {
		f.kinds = make([]kind, familyKinds)
		for i := range f.kinds {
			f.kinds[i].usual = unusual
		}
		f.least = unusual
	}
	k := &f.kinds[kindOf(name)]
	if d == nil {
		if len(f.byName) >= familiesAtMost {
			return
		}
		d = &durations{}
		f.byName[strings.Clone(name)] = d
		k.families = append(k.families, d)
	}
	d.add(hold)
	before := k.usual
	k.usual = unusual
	for _, d := range k.families {
		k.usual = min(k.usual, d.usual())
	}
	switch {
	case k.usual <= f.least:
		f.least = k.usual
	case before == f.least:
		f.least = unusual
		for i := range f.kinds {
			f.least = min(f.least, f.kinds[i].usual)
		}
	}
}

// of gives the family of a key; nil if none of its holds is known.
func (f *families) of(key string) *durations { return f.byName[FamilyOf(key)] }

func (d *durations) add(hold time.Duration) {
	n, at := d.known(), d.n%holdsPerFamily
	if n == holdsPerFamily { // the oldest makes room
		n--
		i, _ := slices.BinarySearch(d.sorted[:], d.ring[at])
		copy(d.sorted[i:], d.sorted[i+1:])
	}
	i, _ := slices.BinarySearch(d.sorted[:n], hold)
	copy(d.sorted[i+1:n+1], d.sorted[i:n])
	d.ring[at], d.sorted[i] = hold, hold
	d.n++
}

// quantile is the hold that share of the remembered ones do not exceed; 0 where none is known.
func (d *durations) quantile(share float64) time.Duration {
	if d == nil || d.n == 0 {
		return 0
	}
	n := d.known()
	return d.sorted[min(int(share*float64(n)), n-1)]
}

// lasting is what a hold takes in all that has lasted so long already: the median of those that lasted longer; 0 where none
// did. It is that until the hold has lasted as long as the first of them.
func (d *durations) lasting(age time.Duration) (all, until time.Duration) {
	n := d.known()
	if n == 0 {
		return 0, 0
	}
	i, _ := slices.BinarySearch(d.sorted[:n], age+1)
	if i == n {
		return 0, unusual
	}
	return d.sorted[i+(n-i)/2], d.sorted[i]
}

// longest is the longest hold that is remembered; 0 where none is known.
func (d *durations) longest() time.Duration {
	if n := d.known(); n > 0 {
		return d.sorted[n-1]
	}
	return 0
}

// usual is what a hold that is not overdue does not exceed; unusual where too few holds are known.
func (d *durations) usual() time.Duration {
	if d.known() < holdsEnough {
		return unusual
	}
	return d.quantile(overdueShare)
}

// known is how many holds are remembered.
func (d *durations) known() int {
	if d == nil {
		return 0
	}
	return min(d.n, holdsPerFamily)
}
