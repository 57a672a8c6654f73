package watcher

// An event as one line of JSON: snake_case, UTC, durations in ms, null or absent where unknown.

import (
	"encoding/json"
	"time"

	"locktop/lockcore"
)

// Millis is a duration in integer milliseconds, null where it is Unknown, -1 for lockcore.NoTTL.
func Millis(d time.Duration) *int64 {
	if d == Unknown {
		return nil
	}
	n := int64(-1)
	if d != lockcore.NoTTL {
		n = d.Milliseconds()
	}
	return &n
}

// MarshalJSON writes time, type, key and inferred, and the other items as they apply.
func (e Event) MarshalJSON() ([]byte, error) {
	j := struct {
		Time     time.Time       `json:"time"`
		Type     Type            `json:"type"`
		Key      *Text           `json:"key,omitempty"`
		Inferred bool            `json:"inferred"`
		Owner    *Text           `json:"owner,omitempty"`
		Previous *Text           `json:"previous_owner,omitempty"`
		TTL      *int64          `json:"ttl_ms,omitempty"`
		Fence    *lockcore.Fence `json:"fence,omitempty"`
		Work     *Text           `json:"work,omitempty"`
		Attempts int             `json:"attempts,omitempty"`
		Held     *int64          `json:"held_ms,omitempty"`
		By       *Text           `json:"by,omitempty"`
		Reason   *Text           `json:"reason,omitempty"`
		Node     string          `json:"node,omitempty"`
	}{
		Time: e.Time.UTC(), Type: e.Type, Key: present(e.Key), Inferred: e.Inferred,
		Owner: present(e.Owner), Previous: present(e.PreviousOwner), Work: present(e.Work), Attempts: e.Attempts,
		By: present(e.By), Reason: present(e.Reason), Node: e.Node,
	}
	switch e.Type {
	case Acquired, Extended, Persisted, Adjusted, Seized, Overwritten:
		j.TTL, j.Held = Millis(e.TTL), Millis(e.Held)
	}
	if e.Type.Ends() {
		j.Held = Millis(e.Held)
	}
	if e.Fence != 0 {
		j.Fence = &e.Fence
	}
	return json.Marshal(j)
}

func present(t Text) *Text {
	if t.Empty() {
		return nil
	}
	return &t
}
