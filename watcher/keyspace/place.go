package keyspace

// One place and the goroutine that attends it: it looks at the server, subscribes, has the canary sing, and begins anew
// when the subscription is lost. What it finds goes to the loop as news; what it hears goes into the inbox.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// place is a server that is being watched. Only the loop touches what is not marked otherwise.
type place struct {
	Place
	node   string
	life   context.Context // while it is one that answers for keys
	cancel context.CancelFunc

	up       bool          // it is being watched
	polled   time.Duration // 0: by notifications; else its locks are read this often
	warning  watcher.Text  // what is missing there
	problem  watcher.Text  // why it is not up
	scan     *scan         // under way, or nil
	partly   bool          // it was not scanned to the end yet
	scanAt   moment        // when it is to be scanned again: by polling, or after a scan that failed; 0: not
	urgent   []*known      // locks to be read that something was heard of
	waiting  []*known      // others; what is not queued any more was read meanwhile
	inFlight int           // batches

	// Of any goroutine:
	heard   atomic.Int64 // as a moment, when it gave the last sign of life
	replica atomic.Bool  // it has what another server tells it
	orphan  atomic.Bool  // a replica that is told nothing: what it shows is old
}

// news is what an attendant tells the loop.
type news struct {
	place *place
	kind  newsKind
	link  watcher.Link // of up
	why   string       // of lost and doubt
}

type newsKind uint8

const (
	up    newsKind = iota // it is being watched from here on
	lost                  // events of it may be missed from here on
	doubt                 // something happened that no notification tells
)

// How long to wait before the next try to connect.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second
)

// attendant watches over one place.
type attendant struct {
	s     *Source
	place *place
	facts facts
	mute  bool // nothing can be written here, nor asked for: its locks are polled besides
}

// errChanged ends a connection whose way of watching does not fit the server any more.
var errChanged = errors.New("the server's notifications were changed")

// run attends until ctx is over. A server that cannot be reached, or that goes away, is tried again for as long as it takes.
func (a *attendant) run(ctx context.Context) {
	pause := retryFirst
	for {
		began := a.s.now()
		err := a.attend(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = lockcore.ErrUnreachable
		}
		if !a.s.tell(ctx, news{place: a.place, kind: lost, why: err.Error()}) {
			return
		}
		if errors.Is(err, errChanged) || a.s.now().Sub(began) > retryMost {
			pause = retryFirst
		}
		a.mute = a.mute && errors.Is(err, errChanged) // another server may take what this one did not
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// attend connects and stays until the connection is lost, and says why.
func (a *attendant) attend(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.facts = look(ctx, a.place, a.s.now); a.facts.err != nil {
		return a.facts.err
	}
	a.sign()
	lacks := missing(a.facts.setting)
	if a.facts.forbidden == nil && lacks != "" && a.s.options.EnableNotifications && !a.s.options.ReadOnly {
		if _, err := a.place.Do(ctx, "config", "set", setting, completed(a.facts.setting)); err != nil {
			return a.poll(ctx, "keyspace notifications are off and cannot be enabled: "+reason(err), true)
		}
		a.facts.setting, lacks = completed(a.facts.setting), ""
	}
	listener, can := a.place.Place.(Listener)
	switch {
	case !can:
		return a.poll(ctx, "nothing can be listened to here", false)
	case a.facts.forbidden == nil && lacks != "":
		return a.poll(ctx, fmt.Sprintf("%s lacks %q on this server: start with --enable-notifications to see every change at once", setting, lacks), true)
	}
	return a.listen(ctx, listener)
}

// poll stays with a place that sends no notifications. settings tells that it would, if its setting were another.
func (a *attendant) poll(ctx context.Context, why string, settings bool) error {
	if !a.s.tell(ctx, news{place: a.place, kind: up, link: watcher.Link{Polled: a.s.options.PollEvery, Warning: watcher.NewText(why)}}) {
		return nil
	}
	check := time.NewTicker(a.s.pace.check)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-check.C:
			if err := a.check(ctx, settings); err != nil {
				return err
			}
		}
	}
}

// listen subscribes and stays until the subscription is lost.
func (a *attendant) listen(ctx context.Context, listener Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	ear := newEar(a.s, a.place, newCanary(a.place, !a.s.options.ReadOnly && !a.mute))
	ended := ear.listen(ctx, listener)
	failed, checking := make(chan error, 1), false
	defer func() {
		cancel()
		ear.close()
		<-ended
		if checking {
			<-failed
		}
	}()
	late := time.NewTimer(a.s.pace.silent)
	defer late.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-ear.ready:
	case <-late.C:
		return fmt.Errorf("%w: %s does not confirm the subscription within %s", lockcore.ErrUnreachable, a.place.node, a.s.pace.silent)
	case err := <-ended:
		ended <- nil
		var refused *lockcore.ReplyError
		switch {
		case errors.Is(err, ErrMute):
			return a.poll(ctx, strings.Replace(err.Error(), a.s.traits.URL+": ", "", 1), false)
		case errors.As(err, &refused) && !transient(err) && !strings.Contains(refused.Message, "max number of clients"):
			return a.poll(ctx, "the server refuses the subscription ("+refused.Message+"): allow this user PSUBSCRIBE and the __keyspace channels", false)
		}
		return err
	}
	link := watcher.Link{}
	ear.ask(ctx)
	if a.mute = ear.unproven(); a.mute {
		link = watcher.Link{Polled: a.s.options.PollEvery, Warning: watcher.NewText(
			"nothing can be written here, so whether notifications still arrive is not known: the locks are read again and again too")}
	} else if a.facts.forbidden != nil && !ear.canary.prove(ctx, a.place, a.s.pace.silent) {
		link = watcher.Link{Polled: a.s.options.PollEvery, Warning: watcher.NewText(
			"the server does not tell whether it sends keyspace notifications (" + reason(a.facts.forbidden) + ")")}
	}
	if !a.s.tell(ctx, news{place: a.place, kind: up, link: link}) {
		return nil
	}
	settings := link.Polled == 0 || a.facts.forbidden == nil
	check, prove := time.NewTicker(a.s.pace.check), time.NewTicker(a.s.pace.prove/2)
	defer check.Stop()
	defer prove.Stop()
	for turn := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			ended <- nil
			return err
		case <-prove.C:
			if err := ear.alive(link.Polled > 0); err != nil {
				return err
			}
			if ear.unproven() && !a.mute {
				a.mute = true
				return fmt.Errorf("%w: %s cannot be written any more, which proved that they arrive", errChanged, ear.canary.key())
			}
			if turn++; turn%2 == 0 {
				ear.ask(ctx)
			}
		case <-check.C: // beside, so that a server that hangs does not keep the silence from being noticed
			if !checking {
				checking = true
				go func() { failed <- a.check(ctx, settings) }()
			}
		case err := <-failed:
			if checking = false; err != nil {
				return err
			}
		}
	}
}

// check looks at the server's figures and tells what they show. An error ends the connection.
func (a *attendant) check(ctx context.Context, settings bool) error {
	before := a.facts
	now := look(ctx, a.place, a.s.now)
	if ctx.Err() != nil {
		return nil
	}
	if now.err != nil {
		return now.err
	}
	if !now.timed {
		now.ahead, now.timed = before.ahead, before.timed
	}
	if !now.counted {
		now.flushes, now.counted = before.flushes, before.counted
	}
	if now.run == "" {
		now.run = before.run
	}
	a.facts = now
	a.sign()
	if settings && before.forbidden == nil && now.forbidden == nil {
		if had, has := missing(before.setting) == "", missing(now.setting) == ""; had != has {
			return fmt.Errorf("%w: %s is now %q", errChanged, setting, now.setting)
		}
	}
	if why := before.doubt(now); why != "" {
		a.s.tell(ctx, news{place: a.place, kind: doubt, why: why})
	}
	return nil
}

// sign notes a sign of life, and what the place has said that it is.
func (a *attendant) sign() {
	a.place.heard.Store(int64(a.s.moment(a.s.now())))
	a.place.replica.Store(a.facts.replica)
	a.place.orphan.Store(a.facts.orphan)
}
