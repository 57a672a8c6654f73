package cli

// locktop force-release: looks first, shows what it is about to do, asks, and then orders
// the end of the very hold that it showed. A change between look and act is refused.

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

func newForceReleaseCommand(e *env, shared *sharedFlags) *cobra.Command {
	var given forcingFlags
	c := &cobra.Command{
		Use:   "force-release KEY --expect-owner ID --reason TEXT",
		Short: "release somebody else's lock, if it still is as expected",
		Long: `Releases a lock that somebody else holds, only if owner and fence still are as expected
and nothing changes between the look and the act; else it exits 3 and says who has the
lock now. The old owner learns of it at its next extend or release: exit 4, revoked, by
whom and why. Its fence never works again.

It asks before it acts. Without a terminal it wants --yes. With --dry-run it says what it
would do, changes nothing and puts nothing on record.

It is put on record before and after: see locktop audit. Without a place to write that
down it does nothing. It prints the operation's id, by which locktop undo gives the lock
back for as long as nobody took it.`,
		Example: `  locktop force-release lock:customer_42 --expect-owner 9f3c --reason "worker is gone" --dry-run
  locktop force-release lock:customer_42 --expect-owner 9f3c --expect-fence 1795420800000123 \
      --reason "worker is gone" --yes`,
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
			if err := reasonOf(given.reason); err != nil {
				return err
			}
			s, err := e.connectToForce(shared, "force-release", given.yes, given.dryRun)
			if err != nil {
				return err
			}
			defer s.close()
			order := &forcing{env: e, session: s, op: "force-release", nothing: "not released", key: k, reason: given.reason}
			return order.release(c.Context(), o, f, given.yes, given.dryRun)
		},
	}
	c.Flags().SortFlags = false
	given.expecting(c.Flags())
	given.acting(c.Flags())
	return c
}

func (f *forcing) release(ctx context.Context, owner string, fence lockcore.Fence, yes, dryRun bool) error {
	lock, err := f.look(ctx, owner, fence)
	if err != nil {
		return err
	}
	hold := f.describe(lock)
	if dryRun {
		return f.print("would release " + hold + "\n")
	}
	if !yes {
		if err := f.ask(ctx, "Release "+hold+"?"); err != nil {
			return err
		}
	}
	order := lockcore.ForceRelease{
		Key: f.key, Expect: lock.Expectation(), Operation: lockcore.NewOperation(), Operator: f.operator, Reason: f.reason,
	}
	done, missing, err := f.trail(f.session).ForceRelease(ctx, letting{f.session}, order, lock.TTL)
	if err := f.outcome(order.Operation, missing, err); err != nil {
		return err
	}
	if done.NotRecorded != "" {
		fmt.Fprintf(f.err, "locktop: the old owner will not learn of it: %s\n", watcher.NewText(done.NotRecorded))
	}
	return f.print("released " + hold + "; operation " + done.Operation + "\n")
}
