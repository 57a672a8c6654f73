package cli

// locktop undo: gives a lock back that was released by force.

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

func newUndoCommand(e *env, shared *sharedFlags) *cobra.Command {
	var operation, reason string
	var yes bool
	c := &cobra.Command{
		Use:   "undo KEY --operation ID",
		Short: "give a lock back that was released by force",
		Long: `Gives the lock back to its old owner after a forced release, with the fence and the
deadline that it had. --operation is the id that force-release printed, and that locktop
audit shows.

It is refused, exit 3, once that deadline has passed, the old owner was told, or anybody
took the lock in between. A seizure cannot be undone; release the lock instead.

Locks that are taken without a record beside them leave no trace when they are released
again: whoever saw somebody take this one meanwhile must not undo.

It asks before it acts; without a terminal it wants --yes. It is put on record before and
after: see locktop audit.`,
		Example: `  locktop undo lock:customer_42 --operation 5c0ffee1…
  locktop audit --json | jq -r 'last.operation'`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			if strings.TrimSpace(operation) == "" {
				return usage("--operation is missing: give the id that force-release printed; locktop audit shows it too")
			}
			if err := reasonFits(reason); err != nil {
				return err
			}
			s, err := e.connectToForce(shared, "undo", yes, false)
			if err != nil {
				return err
			}
			defer s.close()
			order := &forcing{env: e, session: s, op: "undo", nothing: "not undone", key: k, reason: reason}
			return order.undo(c.Context(), operation, yes)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&operation, "operation", "", "the `ID` of the forced release")
	c.Flags().StringVar(&reason, "reason", "", "the `text` why")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (f *forcing) undo(ctx context.Context, forced string, yes bool) error {
	lock, err := f.inspect(ctx, f.key)
	if err != nil {
		return f.readFault(f.op, f.key, err)
	}
	past := forcedBy(lock, forced)
	switch {
	case lock.Owner != "":
		return f.unlike(fmt.Sprintf("%s holds it now, fence %s, %s", watcher.NewText(lock.Owner), lock.Fence, forAnother(lock.TTL)))
	case past == nil:
		return f.unlike("no forced release with this operation id is recorded beside the lock")
	case past.How != lockcore.HowForced:
		return f.unlike("that operation was no forced release: " + strings.TrimSuffix(pastText(past), "; "))
	}
	what := fmt.Sprintf("%s on %s to %s (fence %s)", watcher.NewText(f.key), f.server, watcher.NewText(past.Owner), past.Fence)
	if !yes {
		if err := f.ask(ctx, "Give "+what+" back?"); err != nil {
			return err
		}
	}
	order := lockcore.Undo{Key: f.key, Forced: forced, Operation: lockcore.NewOperation()}
	done, missing, err := f.trail(f.session).Undo(ctx, letting{f.session}, order, *past, f.operator, f.reason)
	if err := f.outcome(order.Operation, missing, err); err != nil {
		return err
	}
	text := "gave " + what + " back, with "
	if done.TTL == lockcore.NoTTL {
		text += "no TTL"
	} else {
		text += spell(done.TTL) + " of its TTL left"
	}
	return f.print(text + "; operation " + done.Operation + "\n")
}

// forcedBy finds the hold that an operation ended; nil if nothing remembers it.
func forcedBy(l *lockcore.Lock, operation string) *lockcore.Past {
	if l.Ledger == nil {
		return nil
	}
	for i, p := range l.Ledger.Holds {
		if p.Operation == operation {
			return &l.Ledger.Holds[i]
		}
	}
	return nil
}
