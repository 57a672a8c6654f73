package cli

// A lock as JSON: what list prints an array of, and inspect one. Unknown is null, never 0.

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

type lockJSON struct {
	Key       watcher.Text    `json:"key"`
	Node      string          `json:"node"`
	Owner     *watcher.Text   `json:"owner"`
	TTL       *int64          `json:"ttl_ms"`
	Held      *int64          `json:"held_ms"`
	Fence     *lockcore.Fence `json:"fence"`
	State     watcher.State   `json:"state"`
	Denied    *int64          `json:"denied"`
	Overruns  *int64          `json:"overruns"`
	Overlaps  *int64          `json:"overlaps"`
	Waiters   []waiterJSON    `json:"waiters"`
	NotListed *int64          `json:"waiters_not_listed"`
	Clears    *stamp          `json:"clears_p50"`
	Gone      []goneJSON      `json:"gone"` // waiters that should have come back, and did not
	Typical   *int64          `json:"typical_hold_ms"`
	Holds     int             `json:"typical_hold_of"` // recent holds of the lock's family that it is the median of
}

// goneJSON is a waiter of whom nothing was heard for two retry intervals.
type goneJSON struct {
	Work       watcher.Text  `json:"work"`
	Owner      *watcher.Text `json:"owner"`
	Attempts   int           `json:"attempts"`
	LastDenied *stamp        `json:"last_denied"`
}

type waiterJSON struct {
	Work         watcher.Text        `json:"work"`
	Owner        *watcher.Text       `json:"owner"`
	Attempts     int                 `json:"attempts"`
	AttemptsLeft int                 `json:"attempts_left"`
	FirstDenied  *stamp              `json:"first_denied"`
	LastDenied   *stamp              `json:"last_denied"`
	NextRetry    *stamp              `json:"next_retry"`
	Position     int                 `json:"position"`
	AcquireP50   *stamp              `json:"acquire_p50"`
	AcquireP90   *stamp              `json:"acquire_p90"`
	Exhaustion   *makecom.Exhaustion `json:"exhaustion"`
	Risk         *float64            `json:"exhaustion_risk"` // 0 to 1
	Late         *int64              `json:"late_ms"`         // since it should have come back; null where it is on time
}

// inspectJSON has the holds too; null where nothing is recorded.
type inspectJSON struct {
	lockJSON
	Holds []holdJSON `json:"holds"`
}

type holdJSON struct {
	Owner    watcher.Text    `json:"owner"`
	Fence    *lockcore.Fence `json:"fence"`
	Acquired *stamp          `json:"acquired"`
	Ended    *stamp          `json:"ended"`
	How      watcher.Text    `json:"how"`
	By       *watcher.Text   `json:"by"`
	Reason   *watcher.Text   `json:"reason"`
}

// stamp is a time in UTC with its milliseconds, also where they are 0.
type stamp time.Time

// MarshalJSON writes RFC 3339.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(s).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

func stamped(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

func fenced(f lockcore.Fence) *lockcore.Fence {
	if f == 0 {
		return nil
	}
	return &f
}

func texted(t watcher.Text) *watcher.Text {
	if t.Empty() {
		return nil
	}
	return &t
}

func newLockJSON(d watcher.Detail) lockJSON {
	j := lockJSON{
		Key: d.Key, Node: d.Node, Owner: texted(d.Owner), TTL: watcher.Millis(d.TTL), Held: watcher.Millis(d.HeldFor),
		Fence: fenced(d.Fence), State: d.State, Clears: stamped(d.Clears),
	}
	if j.Holds = d.Known; d.Known > 0 {
		j.Typical = watcher.Millis(d.Typical)
	}
	if !d.Recorded {
		return j
	}
	j.Gone = make([]goneJSON, 0, len(d.Gone))
	for _, w := range d.Gone {
		j.Gone = append(j.Gone, goneJSON{Work: w.Work, Owner: texted(w.Owner), Attempts: w.Attempts, LastDenied: stamped(w.Last)})
	}
	j.Denied, j.Overruns, j.Overlaps, j.NotListed = &d.Denied, &d.Overruns, &d.Overlaps, &d.NotListed
	j.Waiters = make([]waiterJSON, 0, len(d.Waiters))
	for _, w := range d.Waiters {
		one := waiterJSON{
			Work: w.Work, Owner: texted(w.Owner), Attempts: w.Attempts, AttemptsLeft: w.AttemptsLeft,
			FirstDenied: stamped(w.First), LastDenied: stamped(w.Last), NextRetry: stamped(w.Next), Position: w.Position,
			AcquireP50: stamped(w.AcquireP50), AcquireP90: stamped(w.AcquireP90),
		}
		if w.Exhaustion != makecom.Unknown {
			risk := math.Round(w.Risk*1000) / 1000
			one.Exhaustion, one.Risk = &w.Exhaustion, &risk
		}
		if w.Late > 0 {
			one.Late = watcher.Millis(w.Late)
		}
		j.Waiters = append(j.Waiters, one)
	}
	return j
}

func newInspectJSON(d watcher.Detail, l *lockcore.Lock) inspectJSON {
	j := inspectJSON{lockJSON: newLockJSON(d)}
	if l.Ledger == nil {
		return j
	}
	j.Holds = make([]holdJSON, 0, len(l.Ledger.Holds))
	for _, p := range l.Ledger.Holds {
		j.Holds = append(j.Holds, holdJSON{
			Owner: watcher.NewText(p.Owner), Fence: fenced(p.Fence),
			Acquired: stamped(l.Local(p.Acquired)), Ended: stamped(l.Local(p.Ended)),
			How: watcher.NewText(string(p.How)), By: texted(watcher.NewText(p.By)), Reason: texted(watcher.NewText(p.Reason)),
		})
	}
	return j
}

// jsonOf writes a value in one line, or indented, without the escapes that HTML would need.
func jsonOf(v any, indent string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return b.String(), err
}
