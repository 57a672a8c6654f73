package keyspace

// What the ledger tells of holds besides their beginning and end: seizures and overruns.

import (
	"slices"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// sameStep is how far apart two times of one script can be as they are read.
const sameStep = 2 * time.Millisecond

// seized makes the beginning of a hold that of a seizure, if the hold before was seized for it: one event tells both. acquired is
// when it began, on the server's clock: in the same step in which the other one ended.
func (c *change) seized(e *watcher.Event, acquired time.Time) {
	if c.seizure == nil || !near(c.seizure.Ended, acquired, sameStep) {
		c.unseized()
		return
	}
	e.Type, e.PreviousOwner = watcher.Seized, watcher.NewText(c.seizure.Owner)
	e.By, e.Reason = watcher.NewText(c.seizure.By), watcher.NewText(c.seizure.Reason)
	c.seizure = nil
}

// unseized tells of the end of a hold that was seized, where of the hold that it was seized for nothing is known.
func (c *change) unseized() {
	p := c.seizure
	if p == nil {
		return
	}
	c.seizure = nil
	e := c.event(watcher.Forced)
	e.Inferred = true
	e.Owner, e.Fence, e.By, e.Reason = watcher.NewText(p.Owner), p.Fence, watcher.NewText(p.By), watcher.NewText(p.Reason)
	if !p.Ended.IsZero() {
		e.Time = c.within(c.l.Local(p.Ended))
		if !p.Acquired.IsZero() {
			e.Held = max(p.Ended.Sub(p.Acquired), 0)
		}
	}
	c.emit(e)
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
