package cli

// locktop watch: lock events as they happen, a line each.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func newWatchCommand(e *env, shared *sharedFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "watch",
		Short: "lock events as they happen, until interrupted",
		Long: `Prints lock events as they happen, a line each, until it is interrupted. It begins with
what is held and who waits, as acquired and denied events that are marked as inferred.

Where events may have been missed there is a gap event, then the differences, then
resynced: whoever applies all events in order has the server's picture. A server that goes
away is tried again for as long as it takes.

Without keyspace notifications on the server the locks are read every 2 seconds;
--enable-notifications adds what is missing to the server's setting.`,
		Example: `  locktop watch
  locktop watch --json | jq -c 'select(.type == "expired")'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := e.connect(shared)
			if err != nil {
				return err
			}
			defer s.close()
			if err := s.reach(c.Context()); err != nil {
				return s.readFault("watch", "", err)
			}
			line := (&ticker{}).line
			if asJSON {
				line = func(e watcher.Event) (string, error) { return jsonOf(e, "") }
			}
			return e.watch(c.Context(), keyspace.New(s.watching(e.now)), line)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON, one object a line")
	return c
}

// reach tells whether the server answers at all: a command that never could is not left running.
func (s *session) reach(ctx context.Context) error {
	_, err := within(ctx, s.timeout, func(ctx context.Context) (any, error) { return s.client.Do(ctx, "ping") })
	var refused *lockcore.ReplyError
	if errors.As(err, &refused) && strings.Contains(refused.Message, "NOPERM") {
		return nil // it answers, only not to this
	}
	return err
}

// watch prints a source's events until ctx ends, nobody reads any more, or a line cannot be written.
func (e *env) watch(ctx context.Context, source watcher.Source, line func(watcher.Event) (string, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if e.outClosed != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-e.outClosed:
				cancel(errReaderGone)
			case <-stop:
			}
		}()
	}
	_, err := within(ctx, 0, func(ctx context.Context) (any, error) {
		return nil, source.Run(ctx, func(event watcher.Event) {
			if event.Type == watcher.Alive || ctx.Err() != nil {
				return
			}
			text, err := line(event)
			if err == nil {
				err = e.print(text)
			}
			if err != nil {
				cancel(err)
			}
		})
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ticker writes events for people. Its columns grow with what they have to hold, up to a limit,
// and never shrink, so that lines stay aligned from the first long key on.
type ticker struct{ key, owner int }

const (
	keyAtMost   = 40
	ownerAtMost = 36
)

func (t *ticker) line(e watcher.Event) (string, error) {
	owner := e.Owner.String()
	if owner == "" && e.Key.Empty() {
		owner = e.Node
	}
	t.key = min(max(t.key, ansi.StringWidth(e.Key.String()), 12), keyAtMost)
	t.owner = min(max(t.owner, ansi.StringWidth(owner), 8), ownerAtMost)
	line := fmt.Sprintf("%s  %-11s  %s  %s  %s", e.Time.Local().Format("15:04:05.000"), e.Type,
		padded(e.Key.String(), t.key), padded(owner, t.owner), told(e))
	return strings.TrimRight(line, " ") + "\n", nil
}

// told is what else there is to say about an event.
func told(e watcher.Event) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch e.Type {
	case watcher.Acquired, watcher.Extended, watcher.Persisted, watcher.Adjusted, watcher.Seized, watcher.Overwritten:
		switch e.TTL {
		case watcher.Unknown:
		case lockcore.NoTTL:
			add("no TTL")
		default:
			add("TTL %s", spell(e.TTL))
		}
		if e.Held > 0 && e.Type != watcher.Acquired || e.Inferred && e.Held >= 0 {
			add("held for %s", spell(e.Held))
		}
	}
	if e.Type == watcher.Moved {
		add("to %s", watcher.NewText(e.Node))
	}
	if e.Type.Ends() && e.Held >= 0 {
		add("after %s", spell(e.Held))
	}
	if !e.PreviousOwner.Empty() {
		add("was %s", e.PreviousOwner)
	}
	if !e.Work.Empty() && e.Work.Raw() != e.Owner.Raw() {
		add("work %s", e.Work)
	}
	if e.Attempts > 0 {
		add("denial %d", e.Attempts)
	}
	if e.Fence != 0 {
		add("fence %s", e.Fence)
	}
	if !e.By.Empty() {
		add("by %s", e.By)
	}
	if !e.Reason.Empty() {
		add("%s", e.Reason)
	}
	if e.Link != nil && !e.Link.Warning.Empty() && e.Link.Warning.Raw() != e.Reason.Raw() {
		add("%s", e.Link.Warning)
	}
	if e.Inferred && !e.Key.Empty() {
		add("inferred")
	}
	return strings.Join(parts, ", ")
}
