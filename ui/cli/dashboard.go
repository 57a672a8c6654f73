package cli

// locktop without a command: the dashboard, on a table that follows the server.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/muesli/termenv"

	"locktop/lockcore"
	"locktop/ui/audit"
	"locktop/ui/dashboard"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func (e *env) dashboard(ctx context.Context, shared *sharedFlags) error {
	if !e.inTerminal || !e.outTerminal {
		return usage("the dashboard needs a terminal; without one use locktop list, locktop watch or locktop demo --once")
	}
	s, err := e.connect(shared)
	if err != nil {
		return err
	}
	defer s.close()
	return e.show(ctx, s, "", nil)
}

// show opens the dashboard on a session until the user quits. note is one more line of its header, and news another, asked
// for whenever it is drawn; nil: none.
func (e *env) show(ctx context.Context, s *session, note string, news func() string) error {
	live := watcher.NewLive()
	live.Scoring(s.query.Policy, s.query.Latency)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go live.Run(watching, keyspace.New(s.watching(e.now)), nil)

	orders := &recorded{trail: e.trail(s), locks: s.locks}
	defer orders.wait()
	o := dashboard.Options{
		Locks: live, Log: live, Releaser: orders, Query: s.query, URL: s.server.String(), Patterns: s.match,
		ReadOnly: s.readOnly, Operator: s.operator, Timeout: s.timeout, Note: note, News: news, Now: e.now, Input: e.in,
	}
	if out, ok := e.out.(*os.File); ok {
		o.Output = out
		o.Profile = termenv.NewOutput(out).EnvColorProfile() // by the environment: it asks the terminal nothing
	}
	err := dashboard.Run(ctx, o)
	var fault *fault
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.As(context.Cause(ctx), &fault):
		return fault
	case errors.Is(err, dashboard.ErrSignal): // it has handlers of its own, and was the first to hear
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return failed("%s", watcher.NewText(err.Error()))
}

// recorded puts the orders of the dashboard on record.
type recorded struct {
	trail *audit.Trail
	locks *lockcore.Client
	under sync.WaitGroup // orders that are under way
}

// ForceRelease ends a hold whose TTL nobody has seen.
func (r *recorded) ForceRelease(ctx context.Context, order lockcore.ForceRelease) (*lockcore.ForcedRelease, error) {
	done, _, err := r.ReleaseOnRecord(ctx, order, watcher.Unknown)
	return done, err
}

// ReleaseOnRecord is what the dashboard asks for.
func (r *recorded) ReleaseOnRecord(ctx context.Context, order lockcore.ForceRelease, left time.Duration) (*lockcore.ForcedRelease, []error, error) {
	r.under.Add(1)
	defer r.under.Done()
	done, missing, err := r.trail.ForceRelease(ctx, r.locks, order, left)
	return done, missing, withWayOut(err)
}

// SeizeOnRecord takes a lock over.
func (r *recorded) SeizeOnRecord(ctx context.Context, order lockcore.Seizure, left time.Duration) (*lockcore.Seized, []error, error) {
	r.under.Add(1)
	defer r.under.Done()
	done, missing, err := r.trail.Seize(ctx, r.locks, order, left)
	return done, missing, withWayOut(err)
}

// UndoOnRecord gives a lock back.
func (r *recorded) UndoOnRecord(ctx context.Context, order lockcore.Undo, was lockcore.Past, operator string) (*lockcore.Undone, []error, error) {
	r.under.Add(1)
	defer r.under.Done()
	done, missing, err := r.trail.Undo(ctx, r.locks, order, was, operator, "")
	return done, missing, withWayOut(err)
}

// withWayOut adds what to do where an order could not be put on record.
func withWayOut(err error) error {
	if errors.Is(err, audit.ErrNotRecorded) {
		return fmt.Errorf("%w; name another directory by %s", err, audit.StateDirVariable)
	}
	return err
}

// wait gives orders that are under way when the dashboard ends the time to put their outcome on record.
func (r *recorded) wait() {
	done := make(chan struct{})
	go func() { r.under.Wait(); close(done) }()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
