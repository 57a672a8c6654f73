package keyspace

// The source: one session after another, with a gap between.

import (
	"context"
	"errors"
	"slices"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

// DefaultPollEvery is how often locks are read where no notifications come.
const DefaultPollEvery = 2 * time.Second

// Options say what to watch.
type Options struct {
	Client *resp.Client // must be set; stays the caller's to close
	Match  []string     // patterns of lock names, as Redis has them; defaults to lock:*
	// EnableNotifications adds what is missing to the server's notify-keyspace-events. Never done unasked.
	EnableNotifications bool
	NoLedger            bool             // leaves contention alone: it counts as not recorded
	PollEvery           time.Duration    // defaults to DefaultPollEvery
	Now                 func() time.Time // defaults to time.Now
}

// Source watches one server. It implements watcher.Source.
type Source struct {
	options Options
	locks   *lockcore.Client
	now     func() time.Time

	picture   map[string]*known // stays from session to session, for the differences
	scans     uint64
	complete  bool // no gap since the picture was complete
	lastAlive time.Time
}

// New is a source that has not begun.
func New(o Options) *Source {
	if len(o.Match) == 0 {
		o.Match = []string{"lock:*"}
	}
	// The same pattern twice is one subscription to the server.
	o.Match = slices.Compact(slices.Sorted(slices.Values(o.Match)))
	if o.PollEvery <= 0 {
		o.PollEvery = DefaultPollEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Source{
		options: o, now: o.Now, picture: map[string]*known{},
		locks: lockcore.New(o.Client, lockcore.WithClock(o.Now)),
	}
}

// How long to wait before the next try to connect.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second
)

// Run watches until ctx is over. A server that cannot be reached, or that goes away, is
// told as a gap and tried again for as long as it takes.
func (s *Source) Run(ctx context.Context, emit func(watcher.Event)) error {
	pause, told := retryFirst, ""
	for {
		session := &session{Source: s, emit: emit}
		err := session.run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = lockcore.ErrUnreachable
		}
		// A server that stays away is one gap, not one for each try.
		if connected := !session.began.IsZero(); connected || told != err.Error() {
			session.send(watcher.Event{Type: watcher.Gap, Reason: watcher.NewText(err.Error())})
			told = err.Error()
		}
		s.doubtPicture()
		if errors.Is(err, errChanged) || !session.began.IsZero() && s.now().Sub(session.began) > retryMost {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// doubtPicture forgets what notifications told before the gap: what comes after it is compared by reading.
func (s *Source) doubtPicture() {
	for _, k := range s.picture {
		k.hints, k.firstEnd, k.queued, k.reading, k.unsure = 0, 0, false, false, false
		k.notBefore = time.Time{}
		k.version++
	}
}

// Snapshot reads what is there now, once: held locks as acquired, waiters as denied, all
// inferred, then resynced. Errors match lockcore.ErrUnreachable or are a *lockcore.ReplyError.
func Snapshot(ctx context.Context, o Options, emit func(watcher.Event)) error {
	s := New(o)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return (&session{Source: s, single: true, emit: emit}).loop(ctx)
}
