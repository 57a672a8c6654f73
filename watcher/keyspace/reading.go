package keyspace

// Reading: which locks are to be read and when, and what a reading is worth. A reading that was asked for before a newer
// notification is thrown away and asked for again; what comes up while batches are under way goes with the next one, so a
// burst costs round trips by its length, not by its events.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

const (
	batchLimit    = 200                    // locks that are read together: some hundred microseconds of the server
	batchesAtOnce = 4                      // that are under way
	doubtFor      = 100 * time.Millisecond // a reading that no notification explains is looked at again after this
	readAtMost    = 250 * time.Millisecond // a lock that is never quiet is read no more often
	slowRead      = 50 * time.Millisecond  // a reading that took longer is repeated, unless that is how long they take
	afterDue      = 2 * time.Millisecond   // reading a lock this long after its deadline makes the server expire it
	rememberFor   = 2 * time.Second        // a free lock that has a ledger, lest the holds that it tells of are news again
	backlogHigh   = 2000                   // locks that wait to be read; no more pages of a scan are taken then
)

// batch is a set of locks of one place, each with the version that it had when the read was sent.
type batch struct {
	place    *place
	round    uint32 // the last scan that had begun
	keys     []*known
	versions []uint32
	locks    []lockcore.Lock
	err      error
}

// note takes what notifications told of a key: it marks the lock and has it read.
func (s *Source) note(key string, n note) {
	if s.places[n.place.node] != n.place {
		return // the place answers for nothing any more: what it still says is no news
	}
	moving := false
	switch {
	case s.spread && !n.place.Owns(key):
		// On its way from one node to another: only a reading at its owner tells.
		n.hints, n.firstEnd, moving = hintLedger, 0, true
	case s.traits.Costly:
		// In a stream over HTTP the name of one key can look like a notification of another. So it ends nothing; that
		// something was written only names a change that was read.
		n.hints, n.firstEnd = n.hints&hintSet|hintLedger, 0
	}
	k := s.picture.add(key)
	if moving {
		k.set(secondhand)
	}
	if n.place.replica.Load() && n.firstEnd == hintDeleted && k.is(held) && k.until != 0 && k.hints == 0 &&
		s.moment(n.ended)+moment(sameDeadline) >= k.until {
		// A replica expires nothing by itself: its master tells it to delete what has expired.
		n.hints, n.firstEnd = n.hints&^hintDeleted|hintExpired, hintExpired
	}
	k.notice(n)
	s.want(k)
}

// want puts a lock on the list of those to be read.
func (s *Source) want(k *known) {
	switch {
	case k.is(reading):
		return // that will be seen to be stale
	case k.is(queued):
		if p := s.placeOf(k.key); p != nil && p.up && k.hints != 0 && !k.is(urgent) {
			k.set(urgent)
			p.urgent = append(p.urgent, k)
		}
		return
	}
	if k.more != nil && s.now().Before(k.more.notBefore) {
		s.later.add(s.moment(k.more.notBefore), k)
		return
	}
	switch p := s.placeOf(k.key); {
	case p == nil: // nobody answers for it at the moment
		if s.once != nil {
			s.fail(fmt.Errorf("%w: nobody answers for %q", lockcore.ErrUnreachable, k.key))
		}
		s.again(k, readAtMost)
	case !p.up: // it is scanned when it is back
		s.settled(k)
	case k.hints != 0:
		k.set(queued | urgent)
		p.urgent = append(p.urgent, k)
	default:
		k.set(queued)
		p.waiting = append(p.waiting, k)
	}
}

// next takes what is to be read first, up to n locks: what changes does not wait for a scan.
func (p *place) next(n int) []*known {
	var keys []*known
	for _, queue := range []*[]*known{&p.urgent, &p.waiting} {
		for len(keys) < n && len(*queue) > 0 {
			k := (*queue)[0]
			if *queue = (*queue)[1:]; !k.is(queued) {
				continue
			}
			k.unset(queued | urgent)
			k.set(reading)
			keys = append(keys, k)
		}
		if len(*queue) == 0 {
			*queue = nil
		}
	}
	return keys
}

// release lets go of what was to be read at a place.
func (s *Source) release(p *place) {
	all := append(p.urgent, p.waiting...)
	p.urgent, p.waiting, p.up = nil, nil, false
	for _, k := range all {
		k.unset(queued | urgent)
	}
	for _, k := range all {
		s.want(k) // another place may have it by now
	}
}

// owe has a lock read before the picture counts as complete.
func (s *Source) owe(k *known) {
	s.oweLater(k)
	s.want(k)
}

// oweLater has the picture wait for a lock that is read at another moment.
func (s *Source) oweLater(k *known) {
	if !k.is(owed) {
		k.set(owed)
		s.owed++
	}
}

// settled tells that a lock was read, as far as a gap or a scan is concerned.
func (s *Source) settled(k *known) {
	if k.is(owed) {
		k.unset(owed)
		s.owed--
	}
}

// takeDue has locks read whose moment has come.
func (s *Source) takeDue() {
	now := s.moment(s.now())
	for {
		k := s.later.take(now)
		if k == nil {
			return
		}
		if s.picture.find(k.key) != k {
			continue // it was forgotten
		}
		if k.planned != 0 && k.planned <= now {
			k.planned = 0
		}
		switch overdue := k.is(held) && k.until != 0 && now >= k.until; {
		case overdue || k.wanted():
			s.want(k)
		default:
			s.plan(k) // it has more time than it had when this was planned
		}
	}
}

// wanted tells that a lock is to be read whatever its deadline.
func (k *known) wanted() bool { return k.is(unsure|owed) || k.hints != 0 }

// sendBatches asks for what waits, as far as there is room for it.
func (s *Source) sendBatches(ctx context.Context) {
	for _, p := range s.places {
		for p.inFlight < batchesAtOnce {
			b := &batch{place: p, round: s.rounds, keys: p.next(batchLimit)}
			if len(b.keys) == 0 {
				break
			}
			b.versions = make([]uint32, len(b.keys))
			for i, k := range b.keys {
				b.versions[i] = k.version
			}
			p.inFlight++
			s.beside.Go(func() { s.read(ctx, b) })
		}
	}
}

// read has a batch read and gives it to the loop.
func (s *Source) read(ctx context.Context, b *batch) {
	names := make([]string, len(b.keys))
	for i, k := range b.keys {
		names[i] = k.key
	}
	b.locks, b.err = s.locks.InspectAll(ctx, names)
	select {
	case s.results <- b:
	case <-ctx.Done():
	}
}

// take looks at what a batch read. An error ends a snapshot.
func (s *Source) take(ctx context.Context, b *batch) error {
	b.place.inFlight--
	if b.err != nil {
		if s.once != nil && !s.hopeful(ctx, b.err) {
			return b.err
		}
		if s.once == nil && b.place.up { // else that is told already
			_, why, _ := strings.Cut(b.err.Error(), `": `) // not which locks
			s.gap(b.place.node, "locks could not be read: "+why)
		}
		for _, k := range b.keys {
			k.unset(reading)
			s.again(k, retryMost/4)
		}
		return nil
	}
	if s.places[b.place.node] == b.place && len(b.locks) > 0 {
		b.place.heard.Store(max(b.place.heard.Load(), int64(s.moment(b.locks[0].ReadAt))))
	}
	for i, k := range b.keys {
		k.unset(reading)
		l := &b.locks[i]
		if s.quickest += s.quickest / 64; s.quickest == 0 || l.RoundTrip < s.quickest {
			s.quickest = l.RoundTrip
		}
		if l.Err != nil && transient(l.Err) {
			if s.once != nil && !s.hopeful(ctx, l.Err) {
				return l.Err
			}
			s.again(k, doubtFor)
			continue
		}
		s.takeLock(k, b, b.versions[i], l)
	}
	return nil
}

// again has a lock read a while later, and the picture wait for it.
func (s *Source) again(k *known, after time.Duration) {
	s.oweLater(k)
	s.later.add(s.moment(s.now().Add(after)), k)
}

func (s *Source) takeLock(k *known, b *batch, version uint32, l *lockcore.Lock) {
	if s.options.NoLedger {
		l.Ledger = nil
	}
	stale := version != k.version
	if stale && (k.hints == 0 || l.ReadAt.Sub(k.unquiet()) < readAtMost) {
		s.want(k)
		return
	}
	p := s.placeOf(k.key)
	pic := picturing{clock: s.clock, before: s.nodes[k.node], spread: s.spread, hearsay: s.traits.Costly || k.is(secondhand), emit: s.sendLock}
	if p != nil {
		pic.node = p.node
	}
	if p != nil && p.polled == 0 && s.once == nil && !stale && k.is(wasRead) && !k.is(unsure) && !k.explains(l, pic) {
		// Its notification may be on its way: the second look decides.
		k.set(unsure)
		s.again(k, doubtFor)
		return
	}
	if k.hints&hintExpired != 0 && k.is(held) && k.until != 0 {
		s.meter.late(k.extra().ended.Sub(s.time(k.until)))
	}
	heard := k.hints != 0
	k.apply(l, pic)
	k.node = s.number(pic.node)
	if heard {
		k.extra().used = l.ReadAt
	}
	s.settled(k)
	k.seen = max(k.seen, b.round)
	if stale {
		k.extra().notBefore = s.now().Add(readAtMost)
		// There is more to come than this reading shows, and what was heard of it is used up.
		k.hints, k.extra().since = hintLedger, l.ReadAt
		k.set(doubted)
		s.want(k)
	}
	s.plan(k)
	if l.RoundTrip > slowRead && l.RoundTrip > 3*s.quickest && k.is(held) && k.until != 0 {
		s.again(k, doubtFor) // its TTL is not known well
	}
}

func (s *Source) sendLock(e watcher.Event) {
	s.told++
	s.send(e)
}

// plan has a lock read at its deadline, and forgets one that nobody holds or waits for.
func (s *Source) plan(k *known) {
	switch {
	case k.is(held) && k.until != 0:
		at := k.until + moment(afterDue)
		if now := s.moment(s.now()); at <= now { // it should be over and the server says that it is not
			at = now + moment(doubtFor)
		}
		if k.planned == 0 || at < k.planned {
			k.planned = at
			s.later.add(at, k)
			s.prune()
		}
	case k.is(held|queued|reading|owed) || k.hints != 0 || k.more != nil && len(k.more.waiters)+len(k.more.overran) > 0:
	case k.more != nil && k.more.recorded && s.now().Before(k.more.used.Add(rememberFor)):
		k.planned = s.moment(k.more.used.Add(rememberFor))
		s.later.add(k.planned, k)
		s.prune()
	default:
		s.picture.remove(k)
	}
}

// doubtPicture forgets what notifications told of locks before a gap: what comes after it is compared by reading.
func (s *Source) doubtPicture(which func(*known) bool) {
	for k := range s.picture.all() {
		if !which(k) {
			continue
		}
		k.hints, k.firstEnd = 0, 0
		k.unset(unsure)
		k.set(doubted)
		k.version++
		if k.more != nil {
			k.more.notBefore, k.more.used = time.Time{}, time.Time{}
		}
	}
}
