package keyspace

// What the ledger tells of holds besides their beginning and end: seizures and overruns.

import (
	"slices"

	"locktop/lockcore"
	"locktop/watcher"
)

// seized makes the beginning of a hold that of a seizure, if the hold before was seized: one event tells both.
func (c *change) seized(e *watcher.Event) {
	if c.seizure == nil {
		return
	}
	e.Type, e.PreviousOwner = watcher.Seized, watcher.NewText(c.seizure.Owner)
	e.By, e.Reason = watcher.NewText(c.seizure.By), watcher.NewText(c.seizure.Reason)
	c.seizure = nil
}

// overruns tells of holds that were proven to have been overrun since the last reading, each once.
// It happened when the late call came, which is the hold's deadline and how late the owner was.
func (c *change) overruns() {
	m, l := c.m, c.l
	if l.Ledger == nil {
		m.overran = nil
		return
	}
	var all []lockcore.Fence
	for _, p := range slices.Backward(l.Ledger.Holds) {
		if p.Overran == 0 {
			continue
		}
		all = append(all, p.Fence)
		if slices.Contains(m.overran, p.Fence) {
			continue
		}
		e := c.event(watcher.Overrun)
		e.Inferred = c.inferred || c.first
		e.Time = earlier(l.Local(p.Deadline.Add(p.Overran)), l.ReadAt)
		e.Owner, e.Fence = watcher.NewText(p.Owner), p.Fence
		if !p.Acquired.IsZero() {
			e.Held = p.Deadline.Add(p.Overran).Sub(p.Acquired)
		}
		c.emit(e)
		if p.Overlap {
			e.Type = watcher.Overlap
			c.emit(e)
		}
	}
	m.overran = all
}
