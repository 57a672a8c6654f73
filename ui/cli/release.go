package cli

// locktop release: the end of one's own hold.

import (
	"context"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

func newReleaseCommand(e *env, shared *sharedFlags) *cobra.Command {
	var by, fence string
	c := &cobra.Command{
		Use:   "release KEY --owner ID",
		Short: "end one's own hold",
		Long: `Releases the lock if this owner holds it. Releasing it once more is a success too; a
hold that expired, or that somebody else ended, is not: exit 4, and the line says how it
ended.

With --fence, or LOCKTOP_FENCE, it releases that very hold and no later one of the same
owner.`,
		Example: `  locktop release lock:customer_42 --owner "$EXECUTION" --fence "$FENCE"`,
		Args:    oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			o, err := owner("--owner", by)
			if err != nil {
				return err
			}
			f, err := e.fence(fence)
			if err != nil {
				return err
			}
			s, err := e.connectToWrite(shared, "release")
			if err != nil {
				return err
			}
			defer s.close()
			done, err := within(c.Context(), s.timeout, func(ctx context.Context) (*lockcore.Release, error) {
				return s.locks.Release(ctx, k, o, &lockcore.ReleaseOptions{Fence: f})
			})
			if err != nil {
				return s.fault("release", k, err)
			}
			text := "released " + watcher.NewText(k).String()
			switch {
			case done.Repeated:
				text += ", as it was already"
			case done.Held >= 0:
				text += " after " + spell(done.Held)
			}
			return e.print(text + "\n")
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&by, "owner", "", "the `ID` of who holds it")
	c.Flags().StringVar(&fence, "fence", "", "the `number` that acquire printed, for this very hold (default LOCKTOP_FENCE)")
	return c
}
