package keyspace

// The picture: what was read last of each lock, and how a new reading differs from it,
// told as events. It does no I/O and never asks for the time.

import (
	"slices"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// hint is what notifications told about a key since it was read last.
type hint uint8

const (
	hintSet     hint = 1 << iota // its value was written
	hintTTL                      // its TTL was
	hintDeleted                  // it was removed
	hintExpired
	hintEvicted
	hintLedger // its ledger was written
)

// hintOf knows the notifications that matter; others say only that something changed.
var hintOf = map[string]hint{
	"set": hintSet, "restore": hintSet, "rename_to": hintSet, "copy_to": hintSet, "move_to": hintSet,
	"expire": hintTTL, "persist": hintTTL,
	"del": hintDeleted, "rename_from": hintDeleted, "move_from": hintDeleted,
	"expired": hintExpired, "evicted": hintEvicted,
}

const hintEnded = hintDeleted | hintExpired | hintEvicted

// sameDeadline is how far two readings of one deadline may differ on a quick connection.
const sameDeadline = 10 * time.Millisecond

// sinceSlack is how long before its notification was heard a thing may have happened.
const sinceSlack = 50 * time.Millisecond

// known is a lock as it was read last.
type known struct {
	text watcher.Text // the key

	version  uint64    // grows with every notification
	hints    hint      // since the last reading that was used
	firstEnd hint      // the first of hintEnded among them: how the hold that was known ended
	since    time.Time // when the first of them came

	read  bool // at least once
	held  bool
	owner watcher.Text
	fence lockcore.Fence
	begun time.Time // local, zero if unknown
	until time.Time // local, zero without TTL
	// deadline is of the server's clock, zero without TTL.
	deadline time.Time
	recorded bool
	highest  lockcore.Fence
	counts   watcher.Counts
	waiters  map[string]lockcore.Waiter
	overran  []lockcore.Fence // holds whose overrun was told

	seen      uint64    // the last scan that found it
	queued    bool      // it waits to be read
	reading   bool      // it is being read
	used      time.Time // when a reading was used last
	notBefore time.Time // when it may be read again
	planned   time.Time // when it is to be read for its deadline
	unsure    bool      // a difference that no notification explained was read once; the second time it counts
}

// notice takes a notification.
func (k *known) notice(h hint, at time.Time) {
	k.version++
	if k.hints == 0 {
		k.since = at
	}
	if k.firstEnd == 0 {
		k.firstEnd = h & hintEnded
	}
	k.hints |= h
}

// over tells whether the hold that was known has ended by what the reading shows.
func (k *known) over(l *lockcore.Lock) bool {
	switch {
	case !k.held:
		return false
	case l.Owner != k.owner.Raw() || k.firstEnd != 0:
		return true
	}
	return k.fence != 0 && l.Fence != 0 && k.fence != l.Fence
}

// differs tells whether a reading shows another hold than was known.
func (k *known) differs(l *lockcore.Lock) bool {
	return k.over(l) || !k.held && l.Owner != ""
}

// change is one reading on its way to becoming events.
type change struct {
	k    *known
	l    *lockcore.Lock
	at   time.Time // when it happened, as near as that is known
	node string
	emit func(watcher.Event)

	inferred bool // no notification told of it
	first    bool // the lock was not known before
	counts   *watcher.Counts
	seizure  *lockcore.Past // the hold whose seizure began the next one
}

// apply makes a reading the last one and emits what changed.
func (k *known) apply(l *lockcore.Lock, node string, emit func(watcher.Event)) {
	c := &change{k: k, l: l, node: node, emit: emit, inferred: k.hints == 0, first: !k.read, at: l.ReadAt}
	if !c.inferred && k.since.Before(c.at) {
		c.at = k.since
	}
	if l.Err != nil {
		l.Owner = "" // another type, or unreadable: no lock
	}
	if l.Ledger != nil {
		c.counts = &watcher.Counts{
			Denied: l.Ledger.Denied, Overruns: l.Ledger.Overruns, Overlaps: l.Ledger.Overlaps, NotListed: l.Ledger.NotListed,
		}
	}
	if past := pastOf(l.Ledger); c.first && c.inferred {
		// The first event of a lock that is met brings how long its holds of before took.
		c.emit = func(e watcher.Event) {
			e.Past, past = past, nil
			emit(e)
		}
	}
	c.holds()
	c.overruns()
	c.contention()
	k.read, k.hints, k.firstEnd, k.unsure, k.used = true, 0, 0, false, l.ReadAt
}

// Events tells of one reading by itself, as a snapshot of that lock would; of a lock that is free
// and that nobody waits for, what is counted.
func Events(l *lockcore.Lock, node string) []watcher.Event {
	var events []watcher.Event
	k := &known{text: watcher.NewText(l.Key)}
	k.apply(l, node, func(e watcher.Event) { events = append(events, e) })
	if len(events) == 0 && l.Ledger != nil {
		events = append(events, watcher.Event{ // Left of nobody: it only carries the counts
			Time: l.ReadAt, Type: watcher.Left, Key: k.text, Node: node, Inferred: true,
			TTL: watcher.Unknown, Held: watcher.Unknown, Counts: &k.counts, Past: pastOf(l.Ledger),
		})
	}
	return events
}

// pastOf is how long the holds took that a ledger remembers as released, oldest first.
func pastOf(l *lockcore.Ledger) []time.Duration {
	if l == nil {
		return nil
	}
	var past []time.Duration
	for _, p := range slices.Backward(l.Holds) {
		if p.How == lockcore.HowReleased && !p.Acquired.IsZero() && !p.Ended.IsZero() {
			past = append(past, p.Ended.Sub(p.Acquired))
		}
	}
	return past
}

func (c *change) event(t watcher.Type) watcher.Event {
	return watcher.Event{
		Time: c.at, Type: t, Key: c.k.text, Node: c.node, Inferred: c.inferred, Counts: c.counts,
		TTL: watcher.Unknown, Held: watcher.Unknown,
	}
}

// holds tells what became of the hold that was known, of those in between, and of the present one.
func (c *change) holds() {
	k, l := c.k, c.l
	before := watcher.Text{}
	missed := c.missed()
	if k.over(l) || k.held && len(missed) > 0 {
		how, past := c.endOf()
		if how == "" && len(missed) > 0 {
			how = watcher.Deleted // it was gone before the next one came
		}
		switch how {
		case "":
			before = k.owner // replaced by a plain write: one event tells both
		case watcher.Seized:
			c.seizure = past // so does the seizure
		default:
			c.end(how, past)
		}
		k.held = false
	}
	c.between(missed)
	switch {
	case l.Owner == "":
	case !k.held:
		c.begin(before)
	default:
		c.same()
	}
}

// endOf tells how the known hold ended: by the notification where it says so, else by the
// ledger's record of that very hold, else by its deadline. Empty means overwritten.
func (c *change) endOf() (watcher.Type, *lockcore.Past) {
	k, l := c.k, c.l
	past := c.record()
	switch {
	case k.firstEnd == hintExpired:
		return watcher.Expired, past
	case k.firstEnd == hintEvicted:
		return watcher.Evicted, past
	case past != nil && past.How == lockcore.HowReleased:
		return watcher.Released, past
	case past != nil && past.How == lockcore.HowForced:
		return watcher.Forced, past
	case past != nil && past.How == lockcore.HowSeized:
		return watcher.Seized, past
	case k.firstEnd == hintDeleted:
		return watcher.Deleted, past
	case k.hints&hintSet != 0 && l.Owner != "":
		return "", nil
	case !k.deadline.IsZero() && !l.ServerTime.Before(k.deadline):
		return watcher.Expired, past
	}
	return watcher.Deleted, past
}

// record finds the ledger's record of the known hold.
func (c *change) record() *lockcore.Past {
	if c.l.Ledger == nil {
		return nil
	}
	for i := range c.l.Ledger.Holds {
		p := &c.l.Ledger.Holds[i]
		if p.Owner != c.k.owner.Raw() {
			continue
		}
		if p.Fence == c.k.fence && (p.Fence != 0 || near(p.Deadline, c.k.deadline, 10*sameDeadline)) {
			return p
		}
	}
	return nil
}

func (c *change) end(how watcher.Type, past *lockcore.Past) {
	k := c.k
	e := c.event(how)
	e.Owner, e.Fence = k.owner, k.fence
	if past != nil {
		e.By, e.Reason = watcher.NewText(past.By), watcher.NewText(past.Reason)
		if !past.Acquired.IsZero() && !past.Ended.IsZero() {
			e.Held = max(past.Ended.Sub(past.Acquired), 0)
		}
	}
	if e.Held == watcher.Unknown && !k.begun.IsZero() {
		e.Held = max(e.Time.Sub(k.begun), 0)
	}
	c.emit(e)
}

// missed are the holds that came and went since the last reading, oldest first, as far as
// the ledger remembers them. Of a lock that was not known, that is since its first notification.
func (c *change) missed() []lockcore.Past {
	k, l := c.k, c.l
	if l.Ledger == nil || c.first && k.hints == 0 {
		return nil
	}
	var missed []lockcore.Past
	for _, p := range slices.Backward(l.Ledger.Holds) {
		if p.Fence <= k.highest || p.Fence == 0 || p.Acquired.IsZero() || p.Fence == l.Fence {
			continue
		}
		if c.first && l.Local(p.Acquired).Before(k.since.Add(-sinceSlack)) {
			continue
		}
		missed = append(missed, p)
	}
	return missed
}

// between tells of them.
func (c *change) between(missed []lockcore.Past) {
	l := c.l
	for _, p := range missed {
		e := c.event(watcher.Acquired)
		e.Time, e.Inferred = l.Local(p.Acquired), true
		c.seized(&e)
		e.Owner, e.Fence, e.Held = watcher.NewText(p.Owner), p.Fence, 0
		e.TTL = lockcore.NoTTL
		if !p.Deadline.IsZero() {
			e.TTL, e.Deadline = p.Deadline.Sub(p.Acquired), p.Deadline
		}
		c.emit(e)
		if p.How == lockcore.HowSeized {
			c.seizure = &p
			continue
		}
		e = c.event(watcher.Type(p.How))
		e.Time, e.Inferred, e.Owner, e.Fence = l.ReadAt, true, watcher.NewText(p.Owner), p.Fence
		e.By, e.Reason = watcher.NewText(p.By), watcher.NewText(p.Reason)
		if !p.Ended.IsZero() {
			e.Time, e.Held = l.Local(p.Ended), max(p.Ended.Sub(p.Acquired), 0)
		}
		c.emit(e)
	}
}

func (c *change) begin(before watcher.Text) {
	k, l := c.k, c.l
	t := watcher.Acquired
	if !before.Empty() {
		t = watcher.Overwritten
	}
	e := c.event(t)
	e.Owner, e.PreviousOwner, e.Fence = watcher.NewText(l.Owner), before, l.Fence
	c.seized(&e)
	k.begun = time.Time{}
	switch {
	case l.Held >= 0:
		k.begun = l.ReadAt.Add(-l.Held)
	case k.hints&hintSet != 0:
		k.begun = c.at // its beginning was heard
	}
	if !k.begun.IsZero() {
		e.Held = max(e.Time.Sub(k.begun), 0)
	}
	e.TTL, e.Deadline = c.setTTL(e.Time), l.Deadline
	if work, ok := c.gotIn(); ok {
		e.Work = watcher.NewText(work)
		delete(k.waiters, work)
	}
	k.held, k.owner, k.fence = true, e.Owner, l.Fence
	c.emit(e)
}

// gotIn is the work of a waiter that is one no more now that its lock was acquired.
func (c *change) gotIn() (work string, ok bool) {
	if c.l.Ledger == nil {
		return "", false
	}
	listed := map[string]bool{}
	for _, w := range c.l.Ledger.Waiters {
		listed[w.Work] = true
	}
	for _, name := range sorted(c.k.waiters) {
		if listed[name] {
			continue
		}
		if name == c.l.Owner {
			return name, true
		}
		if !ok {
			work, ok = name, true
		}
	}
	return work, ok
}

// same tells of a hold that goes on: a new TTL, or a fence that was learned.
func (c *change) same() {
	k, l := c.k, c.l
	noTTL := l.TTL == lockcore.NoTTL
	slack := max(sameDeadline, l.RoundTrip)
	moved := noTTL != k.deadline.IsZero() || !noTTL && !near(l.Deadline, k.deadline, slack)
	if !moved && (l.Fence == k.fence || l.Fence == 0) {
		if !noTTL && l.ReadAt.Add(l.TTL).Sub(k.until).Abs() > l.RoundTrip/2+sameDeadline {
			k.until = l.ReadAt.Add(l.TTL) // the local count had drifted
		}
		return
	}
	t := watcher.Extended
	if noTTL && moved {
		t = watcher.Persisted
	}
	e := c.event(t)
	e.Owner, e.Fence = k.owner, l.Fence
	if !k.begun.IsZero() {
		e.Held = max(e.Time.Sub(k.begun), 0)
	}
	e.TTL, e.Deadline = c.setTTL(e.Time), l.Deadline
	k.fence = l.Fence
	c.emit(e)
}

// setTTL takes the TTL that was read, and gives it as it was at a moment.
func (c *change) setTTL(at time.Time) time.Duration {
	k, l := c.k, c.l
	k.deadline, k.until = l.Deadline, time.Time{}
	if l.TTL == lockcore.NoTTL {
		return lockcore.NoTTL
	}
	k.until = l.ReadAt.Add(l.TTL)
	return max(k.until.Sub(at), 0)
}

// contention tells who was denied since the last reading, and who is no waiter any more.
func (c *change) contention() {
	k, l := c.k, c.l
	if l.Ledger == nil {
		if k.recorded {
			for _, name := range sorted(k.waiters) {
				c.left(k.waiters[name])
			}
		}
		k.recorded, k.waiters, k.counts, k.highest = false, nil, watcher.Counts{}, 0
		return
	}
	told := int64(0)
	now := make(map[string]lockcore.Waiter, len(l.Ledger.Waiters))
	denied := slices.Clone(l.Ledger.Waiters)
	slices.SortStableFunc(denied, func(a, b lockcore.Waiter) int { return a.Last.Compare(b.Last) })
	for _, w := range denied {
		now[w.Work] = w
		was, had := k.waiters[w.Work]
		if had && was.Attempts == w.Attempts && was.Last.Equal(w.Last) {
			continue
		}
		if told++; had && w.Attempts > was.Attempts {
			told += int64(w.Attempts - was.Attempts - 1)
		}
		e := c.event(watcher.Denied)
		e.Time, e.FirstDenied = l.Local(w.Last), l.Local(w.First)
		// What was recorded before the first notification of a lock was heard of from the record only.
		e.Inferred = c.inferred || c.first && e.Time.Before(k.since.Add(-time.Second))
		e.Work, e.Owner, e.Attempts = watcher.NewText(w.Work), watcher.NewText(w.Owner), w.Attempts
		c.emit(e)
	}
	for _, name := range sorted(k.waiters) {
		if _, still := now[name]; !still {
			c.left(k.waiters[name])
		}
	}
	// Denials of works for which the list has no room, or whose waiter got in since.
	if more := l.Ledger.Denied - k.counts.Denied - told; !c.first && k.recorded && more > 0 {
		c.emit(c.event(watcher.Denied))
	}
	k.recorded, k.waiters, k.counts = true, now, *c.counts
	k.highest = max(k.highest, l.Ledger.HighestFence)
}

func (c *change) left(w lockcore.Waiter) {
	e := c.event(watcher.Left)
	e.Inferred = true
	e.Work, e.Owner, e.Attempts = watcher.NewText(w.Work), watcher.NewText(w.Owner), w.Attempts
	c.emit(e)
}

func near(a, b time.Time, slack time.Duration) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && b.IsZero()
	}
	return a.Sub(b).Abs() <= slack
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
