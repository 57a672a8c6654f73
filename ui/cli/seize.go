package cli

// locktop seize: takes a lock over from its owner in one step, so that those who wait stay out
// while the old owner is being stopped.

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

func newSeizeCommand(e *env, shared *sharedFlags) *cobra.Command {
	var given forcingFlags
	var lasting span
	c := &cobra.Command{
		Use:   "seize KEY --expect-owner ID --ttl 60s --reason TEXT",
		Short: "take somebody else's lock over, if it still is as expected",
		Long: `Ends somebody else's hold and takes the lock for --ttl in the same step, only if owner and
fence still are as expected; else it exits 3 and says who has the lock now. Nobody gets in
between: who waits stays out while the old owner is being stopped. The old owner learns of
it at its next extend or release: exit 4, revoked, by whom and why.

It prints the new owner and fence, with which the lock is extended and released like any
other. It asks before it acts; without a terminal it wants --yes. With --dry-run it says
what it would do, changes nothing and puts nothing on record.

It is put on record before and after: see locktop audit. It cannot be undone, since it
issues a fence: release the lock instead.`,
		Example: `  locktop seize lock:customer_42 --expect-owner 9f3c --ttl 60s --reason "worker hangs" --dry-run
  locktop seize lock:customer_42 --expect-owner 9f3c --ttl 5m --reason "worker hangs" --yes`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			o, f, err := given.expectation()
			if err != nil {
				return err
			}
			d, err := ttl(lasting)
			if err != nil {
				return err
			}
			if err := reasonOf(given.reason); err != nil {
				return err
			}
			s, err := e.connectToForce(shared, "seize", given.yes, given.dryRun)
			if err != nil {
				return err
			}
			defer s.close()
			order := &forcing{env: e, session: s, op: "seize", nothing: "not seized", key: k, reason: given.reason}
			return order.seize(c.Context(), o, f, d, given.yes, given.dryRun)
		},
	}
	c.Flags().SortFlags = false
	given.expecting(c.Flags())
	c.Flags().Var(&lasting, "ttl", "for how long it is taken, at most")
	given.acting(c.Flags())
	return c
}

func (f *forcing) seize(ctx context.Context, owner string, fence lockcore.Fence, ttl time.Duration, yes, dryRun bool) error {
	lock, err := f.look(ctx, owner, fence)
	if err != nil {
		return err
	}
	hold := f.describe(lock)
	if dryRun {
		return f.print(fmt.Sprintf("would seize %s; %s would hold it for %s\n", hold, watcher.NewText(f.operator), spell(ttl)))
	}
	if !yes {
		if err := f.ask(ctx, fmt.Sprintf("Seize %s for %s?", hold, spell(ttl))); err != nil {
			return err
		}
	}
	order := lockcore.Seizure{
		Key: f.key, Expect: lock.Expectation(), TTL: ttl, Operation: lockcore.NewOperation(), Operator: f.operator, Reason: f.reason,
	}
	done, missing, err := f.trail(f.session).Seize(ctx, letting{f.session}, order, lock.TTL)
	if err := f.outcome(order.Operation, missing, err); err != nil {
		return err
	}
	return f.print(fmt.Sprintf("seized %s; operation %s\n", hold, done.Operation) + grid{
		{"owner", watcher.NewText(done.Owner).String()},
		{"fence", done.Fence.String()},
		{"TTL", spell(done.TTL)},
		{"release it with", fmt.Sprintf("locktop release %s --owner %s --fence %s", quoted(f.key), quoted(done.Owner), done.Fence)},
	}.String())
}
