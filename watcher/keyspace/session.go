package keyspace

// One connected span: the loop in which notifications, scans, readings and clocks meet.
// Only this goroutine touches the picture and emits events.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

const (
	doubtFor    = 100 * time.Millisecond // a reading that no notification explains is looked at again after this
	readAtMost  = 250 * time.Millisecond // a lock that is never quiet is read no more often
	afterDue    = 2 * time.Millisecond   // reading a lock this long after its deadline makes the server expire it
	backlogHigh = 2000                   // locks that wait to be read; no more pages of a scan are taken then
)

// session is one connected span of a source.
type session struct {
	*Source
	emit  func(watcher.Event)
	facts facts
	link  watcher.Link

	listening *listener // nil: polling only
	polling   bool
	settled   bool // the way of watching does not depend on the server's setting
	single    bool // ends with the first complete picture

	scanning uint64 // the scan that runs; 0: none
	sweeping bool   // the scan is over, what it did not find is being read once more
	pages    chan page
	scanStop context.CancelFunc

	waiting  []string // locks to be read, each once
	inFlight bool
	doubts   int // locks that are to be looked at again before the picture counts as complete
	batches  chan *batch
	results  chan *batch

	later dues
	alive time.Time // when a reading was answered last
	began time.Time // when it was connected; zero: not yet
}

// errChanged ends a session whose way of watching does not fit the server any more.
var errChanged = errors.New("the server's notifications were changed")

// run watches until ctx is over or the connection is lost, and says why.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return err
	}
	s.began = s.now()
	s.send(watcher.Event{Type: watcher.Connected, Link: &s.link, Reason: s.link.Warning})
	err := s.loop(ctx)
	if s.listening != nil {
		cancel()
		<-s.listening.lost
	}
	return err
}

// loop begins with a scan and goes on until ctx is over or something is lost. It does not
// wait for a reading or a scan that is still under way: on a frozen server they take long.
func (s *session) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.batches, s.results = make(chan *batch, 1), make(chan *batch, 1)
	defer close(s.batches)
	go read(ctx, s.locks, s.batches, s.results)
	s.startScan(ctx)

	check, alive := time.NewTicker(checkEvery), time.NewTicker(time.Second)
	defer check.Stop()
	defer alive.Stop()
	poll := time.NewTimer(time.Hour)
	defer poll.Stop()
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	checks, checking := make(chan facts, 1), false
	overflowed := int64(0)

	var notes chan note
	var lost chan error
	if s.listening != nil {
		notes, lost = s.listening.notes, s.listening.lost
	}
	for {
		s.takeDue()
		s.sendBatch()
		if s.finishScan() {
			if s.single {
				return nil
			}
			if s.polling {
				poll.Reset(s.options.PollEvery)
			}
		}
		if len(s.later) > 0 {
			clock.Reset(max(s.later[0].at.Sub(s.now()), 0))
		}
		var pages chan page
		if s.scanning != 0 && !s.sweeping && len(s.waiting) < backlogHigh {
			pages = s.pages
		}
		select {
		case <-ctx.Done():
			return nil
		case n := <-notes:
			s.note(n)
		case err := <-lost:
			s.listening.lost <- err // for the end of run
			return err
		case b := <-s.results:
			if err := s.take(b); err != nil {
				return err
			}
		case p := <-pages:
			if p.err != nil {
				return fmt.Errorf("scan: %w", p.err)
			}
			s.page(p)
		case <-clock.C:
		case <-poll.C:
			s.startScan(ctx)
		case <-alive.C:
			s.heartbeat()
			if s.listening != nil {
				if n := s.listening.overflowed.Load(); n != overflowed {
					s.doubtAll(ctx, fmt.Sprintf("%d notifications came faster than they could be read", n-overflowed))
					overflowed = n
				}
			}
		case <-check.C:
			if !checking {
				checking = true
				go func() { checks <- look(ctx, s.options.Client) }()
			}
		case f := <-checks:
			checking = false
			if err := s.checked(ctx, f); err != nil {
				return err
			}
		}
	}
}

// connect looks at the server, decides how to watch, and subscribes.
func (s *session) connect(ctx context.Context) error {
	s.facts = look(ctx, s.options.Client)
	if s.facts.err != nil {
		return s.facts.err
	}
	warning := s.decide(ctx)
	if s.listening != nil {
		select {
		case <-s.listening.ready:
		case err := <-s.listening.lost:
			s.listening = nil
			var refused *lockcore.ReplyError
			if !errors.As(err, &refused) {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			s.polling, s.settled = true, true
			warning = "the server refuses the subscription (" + refused.Message + "): allow this user PSUBSCRIBE and the __keyspace channels"
		}
	}
	if s.polling {
		s.link = watcher.Link{Polled: s.options.PollEvery, Warning: watcher.NewText(warning)}
	}
	return nil
}

// decide chooses between notifications and polling by the server's setting. It gives what is missing.
func (s *session) decide(ctx context.Context) (warning string) {
	lacks := missing(s.facts.setting)
	switch {
	case s.facts.forbidden != nil:
		// A managed server that does not tell. Its notifications are used if they come, and not relied upon.
		s.polling, s.settled = true, true
		warning = "the server does not tell whether it sends keyspace notifications (" + reason(s.facts.forbidden) + ")"
	case lacks == "":
	case s.options.EnableNotifications:
		if err := s.options.Client.ConfigSet(ctx, setting, completed(s.facts.setting)); err != nil {
			s.polling = true
			warning = "keyspace notifications are off and cannot be enabled: " + reason(err)
		} else {
			s.facts.setting = completed(s.facts.setting)
		}
	default:
		s.polling = true
		warning = fmt.Sprintf("%s lacks %q on this server: start with --enable-notifications to see every change at once", setting, lacks)
	}
	if !s.polling || s.facts.forbidden != nil {
		s.listening = listen(ctx, s.options.Client, s.options.Match, !s.options.NoLedger, s.now)
	}
	return warning
}

// checked compares what the server says of itself now with what it said before.
func (s *session) checked(ctx context.Context, f facts) error {
	if f.err != nil {
		return f.err
	}
	before := s.facts
	s.facts = f
	if !s.settled && f.forbidden == nil {
		if had, has := !s.polling, missing(f.setting) == ""; had != has {
			return fmt.Errorf("%w: %s is now %q", errChanged, setting, f.setting)
		}
	}
	if doubt := before.doubt(f); doubt != "" {
		s.doubtAll(ctx, doubt)
	}
	return nil
}

// doubtAll tells of a gap and begins a new scan; the connection stays.
func (s *session) doubtAll(ctx context.Context, why string) {
	s.send(watcher.Event{Type: watcher.Gap, Reason: watcher.NewText(why)})
	s.startScan(ctx)
}

// note takes a notification: it marks the lock and has it read.
func (s *session) note(n note) {
	key, h := n.key, hintOf[n.event]
	if strings.HasPrefix(key, lockcore.LedgerPrefix) {
		lock, ok := lockcore.LockOf(key)
		if !ok || !matches(s.options.Match, lock) {
			return
		}
		key, h = lock, hintLedger
	}
	k := s.lock(key)
	k.notice(h, n.at)
	s.want(key, k)
}

func (s *session) lock(key string) *known {
	k := s.picture[key]
	if k == nil {
		k = &known{text: watcher.NewText(key)}
		s.picture[key] = k
	}
	return k
}

// want puts a lock on the list of those to be read.
func (s *session) want(key string, k *known) {
	if k.queued || k.reading {
		return // a reading that is under way will be seen to be stale
	}
	if s.now().Before(k.notBefore) {
		s.later.add(k.notBefore, key)
		return
	}
	k.queued = true
	s.waiting = append(s.waiting, key)
}

// takeDue has locks read whose moment has come.
func (s *session) takeDue() {
	now := s.now()
	for {
		key, ok := s.later.take(now)
		if !ok {
			return
		}
		k := s.picture[key]
		if k == nil {
			continue
		}
		overdue := k.held && !k.until.IsZero() && !now.Before(k.until)
		if overdue || k.unsure || k.hints != 0 {
			s.want(key, k)
		}
	}
}

func (s *session) sendBatch() {
	if s.inFlight || len(s.waiting) == 0 {
		return
	}
	n := min(len(s.waiting), batchLimit)
	b := &batch{keys: s.waiting[:n:n], versions: make([]uint64, n)}
	s.waiting = s.waiting[n:]
	for i, key := range b.keys {
		k := s.picture[key]
		k.queued, k.reading = false, true
		b.versions[i] = k.version
	}
	s.inFlight = true
	s.batches <- b
}

// take looks at what a batch read.
func (s *session) take(b *batch) error {
	s.inFlight = false
	if b.err != nil {
		return b.err
	}
	for i, key := range b.keys {
		k := s.picture[key]
		k.reading = false
		s.takeLock(key, k, b.versions[i], &b.locks[i])
	}
	s.alive = s.now()
	return nil
}

func (s *session) takeLock(key string, k *known, version uint64, l *lockcore.Lock) {
	if s.options.NoLedger {
		l.Ledger = nil
	}
	stale := version != k.version
	if stale && l.ReadAt.Sub(k.used) < readAtMost {
		s.want(key, k)
		return
	}
	if s.listening != nil && !s.polling && k.read && k.hints == 0 && k.differs(l) && !k.unsure {
		// Its notification may be on its way: the second look decides.
		k.unsure = true
		s.doubts++
		s.later.add(s.now().Add(doubtFor), key)
		return
	}
	if k.unsure {
		s.doubts--
	}
	k.apply(l, s.options.Client.Node(), s.send)
	k.seen = max(k.seen, s.scanning)
	if stale {
		k.notBefore = s.now().Add(readAtMost)
		k.hints |= hintLedger // there is more to come than this reading shows
		s.want(key, k)
	}
	s.plan(key, k)
}

// plan has a lock read at its deadline, and forgets one that nobody holds or waits for.
func (s *session) plan(key string, k *known) {
	switch {
	case k.held && !k.until.IsZero():
		at := k.until.Add(afterDue)
		if !at.After(s.now()) { // it should be over and the server says that it is not
			at = s.now().Add(doubtFor)
		}
		if !k.planned.Equal(at) {
			k.planned = at
			s.later.add(at, key)
		}
	case !k.held && len(k.waiters) == 0 && !k.queued:
		delete(s.picture, key)
	}
}

// startScan begins to look for all locks; one that runs already is given up.
func (s *session) startScan(ctx context.Context) {
	if s.scanStop != nil {
		s.scanStop()
	}
	ctx, s.scanStop = context.WithCancel(ctx)
	s.scans++
	s.scanning, s.sweeping = s.scans, false
	s.pages = make(chan page)
	go scan(ctx, s.options.Client, s.scans, s.options.Match, !s.options.NoLedger, s.pages)
}

func (s *session) page(p page) {
	for _, key := range p.keys {
		k := s.lock(key)
		if k.seen != s.scanning {
			k.seen = s.scanning
			s.want(key, k)
		}
	}
	if p.last {
		s.sweeping = true
		for key, k := range s.picture {
			if k.seen != s.scanning {
				s.want(key, k)
			}
		}
	}
}

// finishScan tells that the picture is complete, once everything that a scan brought up was read.
func (s *session) finishScan() bool {
	if !s.sweeping || len(s.waiting) > 0 || s.inFlight || s.doubts > 0 {
		return false
	}
	s.scanStop()
	s.scanning, s.sweeping = 0, false
	if s.complete {
		s.send(watcher.Event{Type: watcher.Alive})
		return true
	}
	s.send(watcher.Event{Type: watcher.Resynced})
	return true
}

// heartbeat says that the server was heard, if it was.
func (s *session) heartbeat() {
	heard := s.alive
	if s.listening != nil && s.listening.lastHeard().After(heard) {
		heard = s.listening.lastHeard()
	}
	if heard.After(s.lastAlive) && s.complete && !s.polling {
		s.lastAlive = heard
		s.sendAt(heard, watcher.Event{Type: watcher.Alive})
	}
}

func (s *session) send(e watcher.Event) { s.sendAt(s.now(), e) }

// sendAt emits an event; what has no time yet gets the one given.
func (s *session) sendAt(at time.Time, e watcher.Event) {
	if e.Time.IsZero() {
		e.Time = at
	}
	switch e.Type {
	case watcher.Gap:
		s.complete = false
	case watcher.Resynced:
		s.complete = true
	}
	e.Node = s.options.Client.Node()
	s.emit(e)
}

// reason is an error's last word: what the server said.
func reason(err error) string {
	var refused *lockcore.ReplyError
	if errors.As(err, &refused) {
		return refused.Message
	}
	return err.Error()
}
