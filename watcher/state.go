package watcher

// What state a lock is in, and why: the worst that is true of it.

import (
	"fmt"
	"time"

	"locktop/lockcore"
)

// State is the worst that is true of a lock.
type State string

// The states, worst first.
const (
	Stuck     State = "stuck"     // no TTL, or one above Query.MaxTTL
	Overran   State = "overrun"   // an overrun was proven on this lock in the last five minutes
	Overdue   State = "overdue"   // held longer than 95 % of the recent holds of its family took
	Expiring  State = "expiring"  // under a fifth of the largest TTL seen in this hold is left
	Contended State = "contended" // held, and somebody waits
	Held      State = "held"
	Awaited   State = "awaited" // nobody holds it, work is expected back
	Free      State = "free"    // nobody holds it and nobody waits
)

// severity orders states, worst first.
var severity = map[State]int{Stuck: 0, Overran: 1, Overdue: 2, Expiring: 3, Contended: 4, Held: 5, Awaited: 6, Free: 7}

const (
	overrunShown  = 5 * time.Minute
	overdueShare  = 0.95
	expiringShare = 0.2
)

// Alive tells whether the hold looks as if its owner were still at work: it is held,
// has TTL left and is neither stuck nor overdue. Ending such a hold wants a second thought.
func (r *Row) Alive() bool {
	return r.Held && !r.Over && r.State != Stuck && r.State != Overdue
}

// judge sets the row's state; overran is when the last overrun was proven, family what is usual.
func (t *Table) judge(r *Row, largest time.Duration, overran int64, family *durations, maxTTL time.Duration, now int64) {
	switch {
	case r.Held && (r.TTL == lockcore.NoTTL || r.TTL > maxTTL):
		r.State = Stuck
	case overran != unknownTime && now-overran < int64(overrunShown):
		r.State = Overran
	case r.Held && r.HeldFor >= 0 && r.HeldFor > family.usual():
		r.State = Overdue
	case r.Held && expiring(r.TTL, largest):
		r.State = Expiring
	case r.Held && r.Waiting > 0:
		r.State = Contended
	case r.Held:
		r.State = Held
	case r.Waiting > 0:
		r.State = Awaited
	default:
		r.State = Free
	}
}

// expiring tells that too little of the largest TTL is left.
func expiring(left, largest time.Duration) bool {
	return largest > 0 && float64(left) < expiringShare*float64(largest)
}

// why says why a row is in its state, where it is not plain to see.
func why(r *Row, family *durations, maxTTL time.Duration) string {
	switch {
	case r.State == Stuck && r.TTL == lockcore.NoTTL:
		return "it has no TTL, so it never expires by itself"
	case r.State == Stuck:
		return fmt.Sprintf("its TTL is above %s", maxTTL)
	case r.State == Overran:
		return "a hold outlived its TTL in the last five minutes"
	case r.State == Overdue:
		return fmt.Sprintf("95 %% of the holds of %s took under %s", NewText(FamilyOf(r.Key.Raw())), round(family.usual()))
	}
	return ""
}

// round keeps about two digits that matter.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
