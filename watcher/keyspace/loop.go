package keyspace

// The loop: notifications, scans, readings, news and clocks meet here. Only this goroutine touches the picture and emits events.

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// loop goes on until ctx is over, or a snapshot is complete. It does not wait for a reading or a scan that is still
// under way: on a frozen server they take long.
func (s *Source) loop(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	wall := s.wall()
	for {
		s.takeDue()
		s.sendBatches(ctx)
		if s.finish() && s.once != nil && s.enough(ctx) {
			return nil
		}
		next := s.scanDue(ctx)
		if len(s.later) > 0 && (next == 0 || s.later[0].at < next) {
			next = s.later[0].at
		}
		if next != 0 {
			clock.Reset(max(s.time(next).Sub(s.now()), 0))
		}
		pages := s.pages
		if s.owed > backlogHigh {
			pages = nil // what a scan finds waits until it can be read
		}
		select {
		case <-ctx.Done():
			if s.once != nil {
				return context.Cause(ctx)
			}
			return nil
		case <-s.inbox.ready:
			s.takeNotes(ctx)
		case b := <-s.results:
			if err := s.take(ctx, b); err != nil {
				return err
			}
		case p := <-pages:
			if err := s.page(ctx, p); err != nil {
				return err
			}
		case n := <-s.reports:
			s.hear(ctx, n)
		case t := <-s.topology:
			if s.once != nil {
				s.lookedAgain(ctx, t)
			} else {
				s.redraw(ctx, t)
			}
		case <-clock.C:
		case <-second.C:
			if s.once != nil {
				if err := s.once.over(s.now()); err != nil {
					return err
				}
				continue
			}
			before := wall
			if wall = s.wall(); (wall - before).Abs() > clockStep {
				s.rebase()
				s.doubt(ctx, nil, "this machine's clock was set, or it slept")
			}
			s.everySecond()
		}
	}
}

// takeNotes empties the inbox. What it had no room for is a gap.
func (s *Source) takeNotes(ctx context.Context) {
	for key, n := range s.inbox.take() {
		s.note(key, n)
	}
	if dropped := s.inbox.dropped.Load(); dropped > s.dropped {
		s.dropped = dropped
		s.doubt(ctx, nil, "notifications came faster than they could be kept")
	}
}

// wall is how far the clock on the wall is from the monotonic one. It moves where the clock is set, and while a machine sleeps.
func (s *Source) wall() time.Duration {
	return s.now().Round(0).Sub(time.Unix(0, 0)) - time.Since(processStart)
}

var processStart = time.Now()

// tell hands news to the loop; false where it has ended.
func (s *Source) tell(ctx context.Context, n news) bool {
	select {
	case s.reports <- n:
		return true
	case <-ctx.Done():
		return false
	}
}

// hear takes news from an attendant.
func (s *Source) hear(ctx context.Context, n news) {
	p := n.place
	if s.places[p.node] != p {
		return // it answers for nothing any more
	}
	switch n.kind {
	case up:
		p.up, p.polled, p.warning, p.problem = true, n.link.Polled, n.link.Warning, watcher.Text{}
		link := n.link
		for _, other := range s.places { // polled where any is
			if link.Polled = max(link.Polled, other.polled); link.Warning.Empty() {
				link.Warning = other.warning
			}
		}
		s.send(watcher.Event{Type: watcher.Connected, Node: p.node, Link: &link, Reason: link.Warning})
		if p.orphan.Load() {
			s.gap(p.node, orphaned)
		}
		s.startScan(ctx, p)
	case lost:
		s.takeNotes(ctx) // of before: they explain nothing that comes after
		if p.up {
			clear(s.problems) // lost again is another gap
		}
		n.why = s.named(p.node, n.why)
		p.up, p.problem = false, watcher.NewText(n.why)
		s.endScan(p)
		s.release(p)
		s.gap(p.node, n.why)
		s.doubtPicture(s.at(p))
	case doubt:
		s.doubt(ctx, p, n.why)
	}
}

// at tells which locks are at a place; nil is everywhere.
func (s *Source) at(p *place) func(*known) bool {
	return func(k *known) bool { return p == nil || !s.spread || p.Owns(k.key) }
}

// doubt tells of a gap and begins a new scan of a place, or of all where it is nil; connections stay.
func (s *Source) doubt(ctx context.Context, p *place, why string) {
	node := ""
	if p != nil {
		node = p.node
	}
	s.gap(node, why)
	for _, other := range s.places {
		if (p == nil || p == other) && other.up {
			s.startScan(ctx, other)
		}
	}
}

// passing is what differs in errors that are the same: our port of a connection, and how long something took.
var passing = regexp.MustCompile(`:\d+->|[\d.]+m?s\b`)

// problemsAtMost is how many reasons of one gap are told.
const problemsAtMost = 16

// gap tells that events may have been missed. A server that stays away is one gap, not one for each try: each reason is
// told once until the picture is complete.
func (s *Source) gap(node, why string) {
	why = s.named(node, why)
	problem := node + passing.ReplaceAllString(why, "")
	if !s.complete && (s.problems[problem] || len(s.problems) >= problemsAtMost) {
		return
	}
	s.complete, s.problems[problem] = false, true
	s.send(watcher.Event{Type: watcher.Gap, Node: node, Reason: watcher.NewText(why)})
}

// named is a reason that names the node that it is about, where the URL may name another.
func (s *Source) named(node, why string) string {
	if node == "" || !s.options.Server.Traits().Moves {
		return why
	}
	why = strings.Replace(why, s.traits.URL+": ", "", 1)
	if !strings.Contains(why, node) {
		why = node + ": " + why
	}
	return why
}

// finish tells that the picture is complete, once everything that a gap or a scan left open was read.
func (s *Source) finish() bool {
	if s.owed > 0 || len(s.places) == 0 || s.complete {
		return false
	}
	for _, p := range s.places {
		if !p.up || p.orphan.Load() || p.partly {
			return false
		}
	}
	s.complete = true
	clear(s.problems)
	if s.once == nil {
		s.send(watcher.Event{Type: watcher.Resynced})
	}
	return true
}

// everySecond says that the servers were heard, if they were, and how the watching is doing.
func (s *Source) everySecond() {
	m := s.measure()
	// The data is as old as the place that was not heard for longest.
	heard := moment(0)
	for i, p := range s.inOrder() {
		if h := moment(p.heard.Load()); i == 0 || h < heard {
			heard = h
		}
	}
	if heard <= s.lastAlive || !s.complete {
		heard = 0
	} else {
		s.lastAlive = heard
	}
	s.send(watcher.Event{Type: watcher.Alive, Time: s.time(heard), Meter: m})
}

// send emits an event; what has no time yet happened now.
func (s *Source) send(e watcher.Event) {
	if e.Time.IsZero() && (e.Type != watcher.Alive) {
		e.Time = s.now()
	}
	s.emit(e)
}

// transient tells that an error of one lock's reading will pass: the key is on its way to another node, or a node is
// being replaced.
func transient(err error) bool {
	var refused *lockcore.ReplyError
	if !errors.As(err, &refused) {
		return errors.Is(err, lockcore.ErrUnreachable)
	}
	code, _, _ := strings.Cut(refused.Message, " ")
	switch code {
	case "TRYAGAIN", "ASK", "MOVED", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY":
		return true
	}
	return false
}
