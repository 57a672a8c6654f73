package keyspace

// A snapshot: the same loop without ears, until the picture is complete.
//
// While slots move, a key can leave a node before it is looked for there, and come to one where that is over. It moves one
// way; so what is on its way is found by a second scan of all, begun after the first.
//
// A master that goes away while another takes over is waited for: less than all is never taken for all.

import (
	"context"
	"time"

	"locktop/watcher"
)

// DefaultPatience is how long a snapshot waits for a server that is being replaced.
const DefaultPatience = 5 * time.Second

// lookPause is between two questions of a snapshot who answers for what.
const lookPause = 200 * time.Millisecond

// once is what a snapshot knows beside.
type once struct {
	limit  time.Time // until when it has hope; zero while nothing has failed
	failed error     // what it waits for
	asking bool      // who answers for what is being asked
	scans  int       // of all places
	moving bool      // keys were on their way when the last of them began
	sure   bool      // nothing has moved since
}

// Snapshot reads what is there now, once: held locks as acquired, waiters as denied, all
// inferred, then resynced. Errors match lockcore.ErrUnreachable or are a *lockcore.ReplyError.
func Snapshot(ctx context.Context, o Options, emit func(watcher.Event)) error {
	s := New(o)
	s.emit, s.once = emit, &once{}
	ctx, cancel := context.WithCancel(ctx)
	defer s.beside.Wait()
	defer cancel()
	places, err := o.Server.Places(ctx)
	if err != nil {
		return err
	}
	s.settle(ctx, places)
	s.scanAll(ctx)
	return s.loop(ctx)
}

// scanAll begins a scan of every place, as the map stands.
func (s *Source) scanAll(ctx context.Context) {
	t := s.options.Server.Traits()
	s.drawn, s.once.moving = t.Drawn, t.Moving
	s.once.scans++
	s.complete = false
	for _, p := range s.places {
		p.up = true
		s.startScan(ctx, p)
	}
}

// enough tells whether a snapshot has all, once what it scanned for was read.
func (s *Source) enough(ctx context.Context) bool {
	if s.spread && s.once.scans < 2 && !s.once.sure {
		s.look(ctx, 0)
		return false
	}
	s.send(watcher.Event{Type: watcher.Resynced})
	return true
}

// look has the loop told who answers for what now, after a pause.
func (s *Source) look(ctx context.Context, pause time.Duration) {
	if s.once.asking {
		return
	}
	s.once.asking = true
	s.beside.Go(func() {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		places, err := s.options.Server.Places(ctx)
		select {
		case s.topology <- topology{places, err}:
		case <-ctx.Done():
		}
	})
}

// lookedAgain takes the answer: what has changed or moves is scanned for again.
func (s *Source) lookedAgain(ctx context.Context, t topology) {
	s.once.asking = false
	if t.err != nil {
		s.fail(t.err)
		s.look(ctx, lookPause)
		return
	}
	s.once.failed = nil
	added, gone := s.settle(ctx, t.places)
	for _, p := range gone {
		s.release(p)
	}
	now := s.options.Server.Traits()
	moved := s.once.moving || now.Moving || now.Drawn != s.drawn
	switch {
	case len(added)+len(gone) > 0 || s.complete && moved:
		s.scanAll(ctx)
	case s.complete:
		s.once.sure, s.complete = true, false // so that it is found to be complete again
	}
}

// hopeful tells whether a snapshot goes on after an error, and has it look who answers now.
func (s *Source) hopeful(ctx context.Context, err error) bool {
	if s.fail(err); !s.options.Server.Traits().Moves || !transient(err) || s.now().After(s.once.limit) {
		return false
	}
	s.look(ctx, lookPause)
	return true
}

// fail notes what a snapshot waits for.
func (s *Source) fail(err error) {
	s.once.failed = err
	if s.once.limit.IsZero() {
		s.once.limit = s.now().Add(s.options.Patience)
	}
}

// over is why a snapshot has no hope left; nil while it has, or has met no error.
func (o *once) over(now time.Time) error {
	if o.failed != nil && now.After(o.limit) {
		return o.failed
	}
	return nil
}
