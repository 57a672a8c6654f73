package keyspace

// Hearing: one subscription at one place, from the confirmation to the end, into the inbox.

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"locktop/lockcore"
)

// ear listens at one place and puts what it hears into the inbox.
type ear struct {
	s        *Source
	place    *place
	canary   *canary
	patterns []string
	prefix   string        // of the channels
	ready    chan struct{} // closed when all patterns are in force
	since    atomic.Int64  // when they were, as a moment
	lived    atomic.Int64  // when something came through the subscription last, as a moment
	mute     atomic.Bool   // it cannot be asked for a sign of life
	sub      Ear
	opened   chan struct{} // closed when sub is there
	stop     context.CancelFunc
}

func newEar(s *Source, p *place, c *canary) *ear {
	e := &ear{s: s, place: p, canary: c, ready: make(chan struct{}), opened: make(chan struct{}), prefix: channelPrefix(s.traits.DB)}
	for _, m := range s.options.Match {
		e.patterns = append(e.patterns, e.prefix+m)
	}
	switch {
	case !s.options.NoLedger:
		e.patterns = append(e.patterns, e.prefix+lockcore.LedgerPrefix+"*")
	case !c.dead.Load():
		e.patterns = append(e.patterns, e.prefix+canaryPrefix+"*")
	}
	return e
}

func channelPrefix(db int) string { return fmt.Sprintf("__keyspace@%d__:", db) }

// listen begins. The channel gets the reason, once, when it is over.
func (e *ear) listen(ctx context.Context, l Listener) chan error {
	ended := make(chan error, 2)
	ctx, e.stop = context.WithCancel(ctx)
	go func() {
		e.sub = l.Listen(ctx, e.patterns)
		close(e.opened)
		err := e.receive(ctx)
		e.sub.Close()
		ended <- err
	}()
	return ended
}

// close ends it. It waits for a dial that is under way, which is short.
func (e *ear) close() {
	e.stop()
	<-e.opened
	e.sub.Close()
}

func (e *ear) receive(ctx context.Context) error {
	var heard []Heard
	var arrivals []arrival
	var err error
	for {
		if heard, err = e.sub.Hear(heard[:0]); err != nil {
			return err
		}
		now := e.s.now()
		at := e.s.moment(now)
		e.place.heard.Store(int64(at))
		e.lived.Store(int64(at))
		arrivals = arrivals[:0]
		for _, h := range heard {
			switch {
			case h.Subscribed == len(e.patterns):
				select {
				case <-e.ready:
				default:
					e.since.Store(int64(at))
					close(e.ready)
				}
			case h.Unclear:
				e.s.tell(ctx, news{place: e.place, kind: doubt, why: "a notification came that does not tell which key it is about"})
			case h.Channel != "":
				key, ok := strings.CutPrefix(h.Channel, e.prefix)
				if !ok {
					continue
				}
				if key == e.canary.key() {
					e.canary.hear(hintOf(h.Payload), at)
					continue
				}
				if a, ok := e.s.arrival(key, hintOf(h.Payload)); ok {
					arrivals = append(arrivals, a)
				}
			}
		}
		if len(arrivals) > 0 {
			e.s.inbox.add(e.place, now, arrivals)
		}
	}
}

// arrival is what a notification says of which lock; false where it is of none that is watched.
func (s *Source) arrival(key string, h hint) (arrival, bool) {
	if strings.HasPrefix(key, lockcore.LedgerPrefix) {
		lock, ok := lockcore.LockOf(key)
		return arrival{lock, hintLedger}, ok && matches(s.options.Match, lock)
	}
	return arrival{key, h}, true
}

// ask has the server give a sign of life.
func (e *ear) ask(ctx context.Context) {
	e.canary.sing(ctx, e.s, e.place)
	if e.canary.dead.Load() || e.canary.excused.Load() {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		e.mute.Store(!e.sub.Ask(limited)) // its failure shows as silence, or ends Hear
	}
}

// unproven tells that nothing shows whether notifications still arrive.
func (e *ear) unproven() bool { return e.canary.dead.Load() && e.mute.Load() }

// alive is an error where no sign of life has come through the subscription itself for too long; what came another way
// shows nothing of it. What is polled besides need not send notifications.
func (e *ear) alive(polled bool) error {
	last := moment(e.lived.Load())
	proving := !e.canary.dead.Load() && !e.canary.excused.Load() && !polled
	if proving {
		last = moment(max(e.canary.proved.Load(), e.since.Load()))
	}
	now := e.s.now()
	silent := now.Sub(e.s.time(last))
	switch {
	case e.unproven():
		return nil
	case silent < 0: // the clock was set
		for _, when := range []*atomic.Int64{&e.lived, &e.since, &e.canary.proved} {
			when.Store(int64(e.s.moment(now)))
		}
		return nil
	case silent <= e.s.pace.silent:
		return nil
	case proving && moment(e.canary.written.Load()) > last:
		return fmt.Errorf("%w: notifications from %s do not arrive: the last one of our own was %s ago",
			lockcore.ErrUnreachable, e.place.node, silent.Round(100*time.Millisecond))
	}
	return fmt.Errorf("%w: nothing heard from %s for %s", lockcore.ErrUnreachable, e.place.node, silent.Round(100*time.Millisecond))
}
