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

// judge sets the row's state, and why where it is not plain to see.
func (t *Table) judge(r *Row, l *Lock, maxTTL time.Duration, now time.Time) {
	family := t.families[FamilyOf(l.Key.Raw())]
	usual := family.quantile(overdueShare)
	switch {
	case r.Held && r.TTL == lockcore.NoTTL:
		r.State, r.Why = Stuck, "it has no TTL, so it never expires by itself"
	case r.Held && r.TTL > maxTTL:
		r.State, r.Why = Stuck, fmt.Sprintf("its TTL is above %s", maxTTL)
	case !l.lastOverrun.IsZero() && now.Sub(l.lastOverrun) < overrunShown:
		r.State, r.Why = Overran, "a hold outlived its TTL in the last five minutes"
	case r.Held && r.HeldFor >= 0 && family.known() >= holdsEnough && r.HeldFor > usual:
		r.State = Overdue
		r.Why = fmt.Sprintf("95 %% of the holds of %s took under %s", NewText(FamilyOf(l.Key.Raw())), round(usual))
	case r.Held && l.Hold.Largest > 0 && float64(r.TTL) < expiringShare*float64(l.Hold.Largest):
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
