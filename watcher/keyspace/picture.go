package keyspace

// The picture: what was read last of each lock, and how a new reading differs from it,
// told as events. It does no I/O and never asks for the time.

import (
	"slices"
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
	hintLedger   // its ledger was written, or something else happened that tells nothing by itself
	hintRestored // it came whole, from another node or a dump
	hintReplaced // its value was written before any end was heard of
)

// hintOf knows the notifications that matter; others say only that something changed.
func hintOf(event string) hint {
	switch event {
	case "set", "rename_to", "copy_to", "move_to":
		return hintSet
	case "expire", "persist":
		return hintTTL
	case "del", "rename_from", "move_from":
		return hintDeleted
	case "expired":
		return hintExpired
	case "evicted":
		return hintEvicted
	case "restore":
		return hintRestored
	}
	return hintLedger
}

const hintEnded = hintDeleted | hintExpired | hintEvicted

// sameDeadline is how far two readings of one deadline may differ on a quick connection.
const sameDeadline = 10 * time.Millisecond

// movedSlack is how far they may differ after its key has moved to another node.
const movedSlack = time.Second

// sinceSlack is how long before its notification was heard a thing may have happened.
const sinceSlack = 50 * time.Millisecond

// over tells whether the hold that was known has ended by what the reading shows. spread: keys may move between places.
func (k *known) over(l *lockcore.Lock, spread bool) bool {
	switch {
	case !k.is(held):
		return false
	case l.Owner != k.owner:
		return true
	case k.fence != 0 && l.Fence != 0:
		return k.fence != l.Fence
	case k.deadline != 0 && near(l.Deadline, k.deadline.time(), sameDeadline):
		return false // that of the hold that is known; what was heard of is older, and came late
	case spread && k.left() && k.sameAs(l):
		return false // the node that it left said "del"
	}
	return k.firstEnd != 0
}

// left tells whether its key may have gone to another node: the one that it leaves says "del".
func (k *known) left() bool {
	return k.firstEnd == hintDeleted && k.hints&(hintSet|hintExpired|hintEvicted) == 0
}

// sameAs tells whether a reading at another node, with a clock of its own, shows the hold that was known: its fence
// tells, or else its TTL, from which moving takes as long as it takes.
func (k *known) sameAs(l *lockcore.Lock) bool {
	if k.fence != 0 && l.Fence != 0 {
		return k.fence == l.Fence
	}
	before, now := k.deadline.time(), l.Deadline
	return before.IsZero() && now.IsZero() || !before.IsZero() && !now.IsZero() && near(before, now, movedSlack)
}

// explains tells whether what was heard of a lock is enough to say how the hold of a reading came about, if that is
// another than was known.
func (k *known) explains(l *lockcore.Lock, p picturing) bool {
	over, begins := k.over(l, p.spread), !k.is(held) && l.Owner != ""
	wrote := l.Owner != "" && k.hints&(hintSet|hintRestored) != 0
	switch {
	case !over && !begins:
		return true
	case p.hearsay:
		return k.hints != 0
	case over && (k.firstEnd != 0 || wrote):
		return true
	case over:
		past := k.record(l, p.clock)
		return k.hints != 0 && past != nil && ordered(past)
	}
	return wrote
}

// change is one reading on its way to becoming events.
type change struct {
	picturing
	k    *known
	m    *more // of k; one without anything in it where it has none
	l    *lockcore.Lock
	from time.Time    // what happened, happened after this
	at   time.Time    // when it happened, as near as that is known
	text watcher.Text // the key

	inferred bool // no notification told of it
	first    bool // the lock was not known before
	counts   *watcher.Counts
	seizure  *lockcore.Past // the hold whose seizure began the next one
}

// picturing is what a reading is seen with.
type picturing struct {
	clock
	node   string // where it was read
	before string // where it was read the last time, if it was
	spread bool   // keys may move between places
	// hearsay: notifications only tell that something happened to the key.
	hearsay bool
	emit    func(watcher.Event)
}

// apply makes a reading the last one and emits what changed.
func (k *known) apply(l *lockcore.Lock, p picturing) {
	c := &change{picturing: p, k: k, m: k.more, l: l, first: !k.is(wasRead), at: l.ReadAt, text: watcher.NewText(k.key)}
	if l.Ledger != nil {
		c.m = k.extra()
	}
	if c.m == nil {
		c.m = &more{}
	}
	if l.Err != nil {
		l.Owner = "" // another type, or unreadable: no lock
	}
	c.inferred = k.hints == 0 || k.is(doubted) || k.is(held) && k.replaced() || !k.explains(l, p)
	if !c.inferred && c.m.since.Before(c.at) {
		c.at = c.m.since
	}
	switch {
	case !c.first:
		c.from = earlier(k.lastSeen(p.clock), l.ReadAt)
	case k.hints != 0:
		c.from = c.m.since.Add(-sinceSlack)
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
			p.emit(e)
		}
	}
	c.moved()
	c.holds()
	c.overruns()
	c.contention()
	k.set(wasRead)
	k.unset(unsure | doubted | secondhand)
	c.m.seen = l.ReadAt
	k.hints, k.firstEnd = 0, 0
}

// Events tells of one reading by itself, as a snapshot of that lock would; of a lock that is free
// and that nobody waits for, what is counted.
func Events(l *lockcore.Lock, node string) []watcher.Event {
	var events []watcher.Event
	k := &known{key: l.Key}
	k.apply(l, picturing{clock: clock{l.ReadAt}, node: node, emit: func(e watcher.Event) { events = append(events, e) }})
	if len(events) == 0 && l.Ledger != nil {
		events = append(events, watcher.Event{ // Left of nobody: it only carries the counts
			Time: l.ReadAt, Type: watcher.Left, Key: watcher.NewText(l.Key), Node: node, Inferred: true,
			TTL: watcher.Unknown, Held: watcher.Unknown, Counts: &k.more.counts, Past: pastOf(l.Ledger),
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
		Time: c.at, Type: t, Key: c.text, Node: c.node, Inferred: c.inferred, Counts: c.counts,
		TTL: watcher.Unknown, Held: watcher.Unknown,
	}
}

// moved tells of a lock that another node has now.
func (c *change) moved() {
	if c.k.is(held) && c.elsewhere() && c.l.Owner == c.k.owner {
		e := c.event(watcher.Moved)
		e.Owner, e.Fence = watcher.NewText(c.k.owner), c.k.fence
		c.emit(e)
	}
}

func (c *change) elsewhere() bool { return c.before != "" && c.node != "" && c.before != c.node }

// holds tells what became of the hold that was known, of those in between, and of the present one.
func (c *change) holds() {
	k, l := c.k, c.l
	before := watcher.Text{}
	missed := c.missed()
	if k.over(l, c.spread) || k.is(held) && len(missed) > 0 {
		how, past := c.endOf()
		if how == "" && len(missed) > 0 {
			how = watcher.Deleted // it was gone before the next one came
		}
		switch how {
		case "":
			before = watcher.NewText(k.owner) // replaced by a plain write: one event tells both
		case watcher.Seized:
			c.seizure = past // so does the seizure
		default:
			c.end(how, past)
		}
		k.unset(held)
	}
	c.between(missed)
	switch {
	case l.Owner == "":
	case !k.is(held):
		c.begin(before)
	default:
		c.same()
	}
	c.unseized()
}

// endOf tells how the known hold ended: by the notification where it says so, else by the
// ledger's record of that very hold, else by its deadline. Empty means overwritten.
func (c *change) endOf() (watcher.Type, *lockcore.Past) {
	k, l := c.k, c.l
	past := k.record(l, c.clock)
	certain := !k.is(doubted) && !k.replaced() // else what was heard of can be the end of a later hold
	switch {
	case k.firstEnd == hintExpired && certain:
		return watcher.Expired, past
	case k.firstEnd == hintEvicted && certain:
		return watcher.Evicted, past
	case past != nil && past.How == lockcore.HowReleased:
		return watcher.Released, past
	case past != nil && past.How == lockcore.HowForced:
		return watcher.Forced, past
	case past != nil && past.How == lockcore.HowSeized:
		return watcher.Seized, past
	case k.firstEnd == hintDeleted && certain:
		return watcher.Deleted, past
	case k.hints&(hintSet|hintRestored) != 0 && l.Owner != "" && !k.is(doubted):
		return "", nil
	case k.deadline != 0 && !l.ServerTime.Before(k.deadline.time()):
		return watcher.Expired, past
	}
	return watcher.Deleted, past
}

// replaced tells that the hold that was known was overwritten, and that what was heard of as an end was that of the next one.
func (k *known) replaced() bool { return k.firstEnd != 0 && k.hints&hintReplaced != 0 }

// record finds the ledger's record of the known hold. A hold whose beginning or TTL somebody else set is recorded without its
// fence, and known by its owner and by having ended since it was seen last.
func (k *known) record(l *lockcore.Lock, c clock) *lockcore.Past {
	if l.Ledger == nil {
		return nil
	}
	from, to := k.lastSeen(c).Add(-sinceSlack), l.ReadAt.Add(sinceSlack)
	var found *lockcore.Past
	for i := range l.Ledger.Holds {
		p := &l.Ledger.Holds[i]
		ended := l.Local(p.Ended)
		switch {
		case p.Owner != k.owner:
		case p.Fence != 0 && p.Fence != k.fence:
		case p.Fence == 0 && p.Ended.IsZero() && (k.fence != 0 || !near(p.Deadline, k.deadline.time(), 10*sameDeadline)):
		case p.Fence == 0 && !p.Ended.IsZero() && (ended.Before(from) || ended.After(to)):
		case found == nil || ordered(p) && !ordered(found):
			found = p
		}
	}
	return found
}

// ordered tells that a hold ended because somebody asked for it, and that the record says who.
func ordered(p *lockcore.Past) bool {
	return p.How == lockcore.HowReleased || p.How == lockcore.HowForced || p.How == lockcore.HowSeized
}

// lastSeen is when the hold that is known was certainly there.
func (k *known) lastSeen(c clock) time.Time {
	seen := c.epoch
	if begun := c.time(k.begun); begun.After(seen) {
		seen = begun
	}
	if k.more != nil && k.more.seen.After(seen) {
		seen = k.more.seen
	}
	return seen
}

func (c *change) end(how watcher.Type, past *lockcore.Past) {
	k := c.k
	e := c.event(how)
	e.Owner, e.Fence = watcher.NewText(k.owner), k.fence
	if k.firstEnd != 0 && c.m.ended.Before(c.l.ReadAt) {
		e.Time = c.m.ended
	}
	if past != nil {
		e.By, e.Reason = watcher.NewText(past.By), watcher.NewText(past.Reason)
		if !past.Acquired.IsZero() && !past.Ended.IsZero() {
			e.Held = max(past.Ended.Sub(past.Acquired), 0)
		}
	}
	if e.Held == watcher.Unknown && k.begun != 0 {
		e.Held = max(e.Time.Sub(c.time(k.begun)), 0)
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
		if p.Fence <= c.m.highest || p.Fence == 0 || p.Acquired.IsZero() || p.Fence == l.Fence {
			continue
		}
		if at := l.Local(p.Acquired); c.first && (at.Before(c.m.since.Add(-sinceSlack)) || at.After(l.ReadAt.Add(sinceSlack))) {
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
		e.Time, e.Inferred = c.within(l.Local(p.Acquired)), true
		c.seized(&e, p.Acquired)
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
			e.Time, e.Held = c.within(l.Local(p.Ended)), max(p.Ended.Sub(p.Acquired), 0)
		}
		c.emit(e)
	}
}

// within puts a time that a ledger tells between the last reading and this one: the server's clock may have been set since.
func (c *change) within(t time.Time) time.Time {
	switch {
	case t.Before(c.from):
		return c.from
	case t.After(c.l.ReadAt):
		return c.l.ReadAt
	}
	return t
}

func (c *change) begin(before watcher.Text) {
	k, l := c.k, c.l
	t := watcher.Acquired
	if !before.Empty() {
		t = watcher.Overwritten
	}
	e := c.event(t)
	heard := !c.inferred && k.hints&(hintSet|hintRestored) != 0
	if heard && c.m.wrote.Before(l.ReadAt) {
		e.Time = c.m.wrote
	}
	e.Owner, e.PreviousOwner, e.Fence = watcher.NewText(l.Owner), before, l.Fence
	if l.Held >= 0 {
		c.seized(&e, l.ServerTime.Add(-l.Held))
	}
	c.unseized()
	k.begun = 0
	switch {
	case l.Held >= 0:
		k.begun = c.moment(l.ReadAt.Add(-l.Held))
	case heard:
		k.begun = c.moment(e.Time) // its beginning was heard
	}
	if k.begun != 0 {
		e.Held = max(e.Time.Sub(c.time(k.begun)), 0)
	}
	e.TTL, e.Deadline = c.setTTL(e.Time), l.Deadline
	if work, ok := c.gotIn(); ok {
		e.Work = watcher.NewText(work)
		delete(c.m.waiters, work)
	}
	k.set(held)
	k.owner, k.fence = l.Owner, l.Fence
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
	for _, name := range sorted(c.m.waiters) {
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
	other := c.elsewhere() || c.spread && k.left()
	if other { // another node has another clock, and moving takes time
		slack = max(slack, movedSlack)
	}
	moved := noTTL != (k.deadline == 0) || !noTTL && !near(l.Deadline, k.deadline.time(), slack)
	drifted := !noTTL && !moved && l.ReadAt.Add(l.TTL).Sub(c.time(k.until)).Abs() > l.RoundTrip/2+sameDeadline
	learned := l.Fence != k.fence && l.Fence != 0
	t := watcher.Extended
	switch {
	case noTTL && moved:
		t = watcher.Persisted
	case drifted && !learned:
		t = watcher.Adjusted
	case !moved && !learned:
		if other {
			k.deadline = stampOf(l.Deadline)
		}
		return
	}
	e := c.event(t)
	e.Owner, e.Fence = watcher.NewText(k.owner), l.Fence
	if k.begun != 0 {
		e.Held = max(e.Time.Sub(c.time(k.begun)), 0)
	}
	e.TTL, e.Deadline = c.setTTL(e.Time), l.Deadline
	k.fence = l.Fence
	c.emit(e)
}

// setTTL takes the TTL that was read, and gives it as it was at a moment.
func (c *change) setTTL(at time.Time) time.Duration {
	k, l := c.k, c.l
	k.deadline, k.until = stampOf(l.Deadline), 0
	if l.TTL == lockcore.NoTTL {
		return lockcore.NoTTL
	}
	until := l.ReadAt.Add(l.TTL)
	k.until = c.moment(until)
	return max(until.Sub(at), 0)
}

// earlier is t, but not later than limit.
func earlier(t, limit time.Time) time.Time {
	if t.After(limit) {
		return limit
	}
	return t
}

func near(a, b time.Time, slack time.Duration) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && b.IsZero()
	}
	return a.Sub(b).Abs() <= slack
}
