package cli

// locktop without a command: the dashboard, on a table that follows the server.

import (
	"context"
	"errors"
	"os"

	"github.com/muesli/termenv"

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
	return e.show(ctx, s, "")
}

// show opens the dashboard on a session until the user quits. note is one more line of its header.
func (e *env) show(ctx context.Context, s *session, note string) error {
	live := watcher.NewLive()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go live.Run(watching, keyspace.New(s.watching(e.now)), nil)

	o := dashboard.Options{
		Locks: live, Log: live, Releaser: s.locks, Query: s.query, URL: s.server.String(), Patterns: s.match,
		ReadOnly: s.readOnly, Operator: s.operator, Timeout: s.timeout, Note: note, Now: e.now, Input: e.in,
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
