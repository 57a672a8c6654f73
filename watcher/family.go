package watcher

// Families of locks, and how long their holds usually take.

import (
	"slices"
	"strings"
	"time"
)

const (
	holdsPerFamily = 64 // recent ones that are remembered
	holdsEnough    = 5  // fewer tell nothing about what is usual
	familiesAtMost = 10_000
)

// FamilyOf is the part of a key that locks of one kind share: all up to the last of : / _ - . #
// that is followed by something. lock:stripe_cus_123 is of the family lock:stripe_cus_
func FamilyOf(key string) string {
	if i := strings.LastIndexAny(strings.TrimRight(key, ":/_-.#"), ":/_-.#"); i >= 0 {
		return key[:i+1]
	}
	return key
}

// durations is a ring of the last holds of a family.
type durations struct {
	ring [holdsPerFamily]time.Duration
	n    int // ever added
}

// learn adds how long a released hold took.
func (t *Table) learn(key string, hold time.Duration) {
	name := FamilyOf(key)
	f := t.families[name]
	if f == nil {
		if len(t.families) >= familiesAtMost {
			return
		}
		f = &durations{}
		t.families[name] = f
	}
	f.add(hold)
}

func (d *durations) add(hold time.Duration) {
	d.ring[d.n%holdsPerFamily] = hold
	d.n++
}

// quantile is the hold that share of the remembered ones do not exceed; 0 where none is known.
func (d *durations) quantile(share float64) time.Duration {
	if d == nil || d.n == 0 {
		return 0
	}
	n := min(d.n, holdsPerFamily)
	sorted := slices.Clone(d.ring[:n])
	slices.Sort(sorted)
	return sorted[min(int(share*float64(n)), n-1)]
}

// known is how many holds are remembered.
func (d *durations) known() int {
	if d == nil {
		return 0
	}
	return min(d.n, holdsPerFamily)
}
