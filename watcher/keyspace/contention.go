package keyspace

// Contention: what the ledger tells of those who were denied.

import (
	"slices"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// contention tells who was denied since the last reading, and who is no waiter any more.
func (c *change) contention() {
	m, l := c.m, c.l
	if l.Ledger == nil {
		if m.recorded {
			for _, name := range sorted(m.waiters) {
				c.left(m.waiters[name])
			}
		}
		m.recorded, m.waiters, m.counts, m.highest = false, nil, watcher.Counts{}, 0
		return
	}
	told := int64(0)
	now := make(map[string]lockcore.Waiter, len(l.Ledger.Waiters))
	denied := slices.Clone(l.Ledger.Waiters)
	slices.SortStableFunc(denied, func(a, b lockcore.Waiter) int { return a.Last.Compare(b.Last) })
	for _, w := range denied {
		now[w.Work] = w
		was, had := m.waiters[w.Work]
		if had && was.Attempts == w.Attempts && was.Last.Equal(w.Last) {
			continue
		}
		if told++; had && w.Attempts > was.Attempts {
			told += int64(w.Attempts - was.Attempts - 1)
		}
		e := c.event(watcher.Denied)
		e.Time, e.FirstDenied = earlier(l.Local(w.Last), l.ReadAt), earlier(l.Local(w.First), l.ReadAt)
		if !c.first { // since the last reading
			e.Time = c.within(e.Time)
			if !had && w.Attempts == 1 {
				e.FirstDenied = e.Time
			}
		}
		// What was recorded before the first notification of a lock was heard of from the record only.
		e.Inferred = c.inferred || c.first && e.Time.Before(m.since.Add(-time.Second))
		e.Work, e.Owner, e.Attempts = watcher.NewText(w.Work), watcher.NewText(w.Owner), w.Attempts
		c.emit(e)
	}
	for _, name := range sorted(m.waiters) {
		if _, still := now[name]; !still {
			c.left(m.waiters[name])
		}
	}
	// Denials of works for which the list has no room, or whose waiter got in since.
	if more := l.Ledger.Denied - m.counts.Denied - told; !c.first && m.recorded && more > 0 {
		c.emit(c.event(watcher.Denied))
	}
	m.recorded, m.waiters, m.counts = true, now, *c.counts
	m.highest = max(m.highest, l.Ledger.HighestFence)
}

func (c *change) left(w lockcore.Waiter) {
	e := c.event(watcher.Left)
	e.Inferred = true
	e.Work, e.Owner, e.Attempts = watcher.NewText(w.Work), watcher.NewText(w.Owner), w.Attempts
	c.emit(e)
}

// sorted gives the works in a stable order, so that the same readings give the same events.
func sorted(waiters map[string]lockcore.Waiter) []string {
	works := make([]string, 0, len(waiters))
	for work := range waiters {
		works = append(works, work)
	}
	slices.SortFunc(works, strings.Compare)
	return works
}
