package cli

// locktop inspect: everything about one lock, whatever pattern its key matches.

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/keyspace"
	"locktop/watcher/makecom"
)

func newInspectCommand(e *env, shared *sharedFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect KEY",
		Short: "one lock: owner, TTL, fence, waiters, last holds",
		Long: `Reads one lock and what is recorded beside it: who holds it and for how much longer, who
waits and when each is expected to get in, and how the last holds ended. It only reads.

A lock that nobody holds is no error: its state is free, or awaited where work is expected
back. A key that holds something else than a string is one.`,
		Example: `  locktop inspect lock:customer_42
  locktop inspect lock:customer_42 --json | jq -r .owner`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			s, err := e.connect(shared)
			if err != nil {
				return err
			}
			defer s.close()
			l, err := s.inspect(c.Context(), k)
			if err != nil {
				return s.readFault("inspect", k, err)
			}
			now := e.now()
			d := detailOf(l, s.nodeOf(k), s.query, now)
			if !asJSON {
				return e.print(inspectText(d, l, now))
			}
			text, err := jsonOf(newInspectJSON(d, l), "  ")
			if err != nil {
				return err
			}
			return e.print(text)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return c
}

// detailOf asks a table of this one lock, so that state and forecasts are those that the
// dashboard and list show.
func detailOf(l *lockcore.Lock, node string, q watcher.Query, now time.Time) watcher.Detail {
	t := watcher.NewTable()
	for _, e := range keyspace.Events(l, node) {
		t.Apply(e)
	}
	if d, ok := t.Detail(l.Key, q, now); ok {
		return d
	}
	return watcher.Detail{Row: watcher.Row{
		Key: watcher.NewText(l.Key), Node: node, HeldFor: watcher.Unknown, TTL: watcher.Unknown, State: watcher.Free,
	}}
}

// inspectText is the lock as people read it.
func inspectText(d watcher.Detail, l *lockcore.Lock, now time.Time) string {
	state := string(d.State)
	if d.Why != "" {
		state += ": " + d.Why
	}
	facts := grid{{"lock", d.Key.String()}, {"node", watcher.NewText(d.Node).String()}, {"state", state}}
	add := func(name, value string) { facts = append(facts, []string{name, value}) }
	if d.Held {
		add("owner", d.Owner.String())
		add("fence", d.Fence.String())
		add("TTL", ttlCell(d.Row))
		add("held for", heldCell(d.Row))
	} else {
		add("owner", "nobody holds it")
	}
	if d.Known > 0 {
		add("usual hold", fmt.Sprintf("%s, the median of %d recent ones of its kind", spell(d.Typical), d.Known))
	}
	if d.Recorded {
		add("waiting", waitingText(d, now))
		add("denied", fmt.Sprintf("%d since its record began", d.Denied))
		add("overruns", fmt.Sprintf("%d, overlaps %d", d.Overruns, d.Overlaps))
	} else {
		add("waiting", unrecorded)
	}
	text := facts.String()
	if len(d.Waiters) > 0 {
		waiters := grid{{"WAITER", "OWNER", "DENIED", "LEFT", "NEXT RETRY", "GETS IT", "BY (90 %)", "RUNS OUT"}}
		for _, w := range d.Waiters {
			waiters = append(waiters, []string{
				w.Work.String(), w.Owner.String(), strconv.Itoa(w.Attempts), strconv.Itoa(w.AttemptsLeft),
				comesBack(w, now), clock(w.AcquireP50, now), clock(w.AcquireP90, now), runsOut(w.Forecast),
			})
		}
		text += "\n" + waiters.String()
	}
	if len(d.Exhausted) > 0 {
		exhausted := grid{{"OUT OF RETRIES", "OWNER", "DENIED", "LAST"}}
		for _, w := range d.Exhausted {
			exhausted = append(exhausted, []string{w.Work.String(), w.Owner.String(), strconv.Itoa(w.Attempts), clock(w.Last, now)})
		}
		text += "\n" + exhausted.String()
	}
	if len(d.Gone) > 0 {
		gone := grid{{"GONE: NEVER CAME BACK", "OWNER", "DENIED", "LAST"}}
		for _, w := range d.Gone {
			gone = append(gone, []string{w.Work.String(), w.Owner.String(), strconv.Itoa(w.Attempts), clock(w.Last, now)})
		}
		text += "\n" + gone.String()
	}
	if l.Ledger != nil && len(l.Ledger.Holds) > 0 {
		holds := grid{{"LAST HOLDS", "FENCE", "ACQUIRED", "TOOK", "ENDED", "HOW"}}
		for _, p := range l.Ledger.Holds {
			took := "?"
			if !p.Acquired.IsZero() && !p.Ended.IsZero() {
				took = spell(max(p.Ended.Sub(p.Acquired), 0))
			}
			how := watcher.NewText(string(p.How)).String()
			if p.By != "" {
				how += " by " + watcher.NewText(p.By).String()
			}
			if p.Reason != "" {
				how += ": " + watcher.NewText(p.Reason).String()
			}
			holds = append(holds, []string{
				watcher.NewText(p.Owner).String(), p.Fence.String(), clock(l.Local(p.Acquired), now), took, clock(l.Local(p.Ended), now), how,
			})
		}
		text += "\n" + holds.String()
	}
	return text
}

// unrecorded says why nothing is known of waiters, and how to get to know it.
const unrecorded = "unknown: nobody records denials of this lock; locktop acquire and lockcore do"

func waitingText(d watcher.Detail, now time.Time) string {
	text := strconv.Itoa(d.Waiting)
	if d.NotListed > 0 {
		text += fmt.Sprintf(", %d of them beyond the list", d.NotListed)
	}
	if !d.Clears.IsZero() {
		text += ", clears at " + clock(d.Clears, now)
	}
	return text
}

func runsOut(f makecom.Forecast) string {
	switch f.Exhaustion {
	case makecom.Unknown:
		return "?"
	case makecom.None:
		return "no"
	case makecom.Likely:
		return "likely, " + percent(math.Round(100*f.Risk)/100)
	}
	return string(f.Exhaustion)
}

// comesBack is when a waiter does, or for how long it should have.
func comesBack(w watcher.Forecast, now time.Time) string {
	if w.Late > 0 {
		return "late " + spell(w.Late)
	}
	return until(w.Next, now)
}

// clock is a moment of today as the reader's watch shows it, "?" where it is unknown.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return "?"
	}
	t = t.Local()
	if now.Sub(t).Abs() > 12*time.Hour {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}

// until is how long something is away.
func until(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "?"
	case !t.After(now):
		return "now"
	}
	return "in " + spell(t.Sub(now))
}

func ttlCell(r watcher.Row) string {
	switch r.TTL {
	case lockcore.NoTTL:
		return "none"
	case watcher.Unknown:
		return "-"
	}
	return spell(r.TTL)
}

func heldCell(r watcher.Row) string {
	switch {
	case !r.Held:
		return "-"
	case r.HeldFor == watcher.Unknown:
		return "?"
	}
	return spell(r.HeldFor)
}
