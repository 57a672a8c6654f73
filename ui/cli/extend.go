package cli

// locktop extend: more time for one's own hold.

import (
	"context"

	"github.com/spf13/cobra"

	"locktop/lockcore"
)

// fenceVariable is what a script keeps its fence in.
const fenceVariable = "LOCKTOP_FENCE"

func newExtendCommand(e *env, shared *sharedFlags) *cobra.Command {
	var by, fence string
	var lasting span
	c := &cobra.Command{
		Use:   "extend KEY --owner ID --ttl 15s",
		Short: "give one's own hold at least that much time from now",
		Long: `Sees to it that the hold lasts at least --ttl from now, and prints the TTL that it has
left then. It never shortens a hold and never takes a lock: where this owner does not
hold it any more, the exit code is 4.

With --fence, or LOCKTOP_FENCE, it extends that very hold and no later one of the same
owner.`,
		Example: `  locktop extend lock:customer_42 --owner "$EXECUTION" --ttl 15s --fence "$FENCE"`,
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
			d, err := ttl(lasting)
			if err != nil {
				return err
			}
			f, err := e.fence(fence)
			if err != nil {
				return err
			}
			s, err := e.connectToWrite(shared, "extend")
			if err != nil {
				return err
			}
			defer s.close()
			hold, err := within(c.Context(), s.timeout, func(ctx context.Context) (*lockcore.Hold, error) {
				return s.locks.Extend(ctx, k, o, d, &lockcore.ExtendOptions{Fence: f})
			})
			if err != nil {
				return s.fault("extend", k, err)
			}
			if hold.TTL == lockcore.NoTTL {
				return e.print("none\n")
			}
			return e.print(hold.TTL.String() + "\n")
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&by, "owner", "", "the `ID` of who holds it")
	c.Flags().Var(&lasting, "ttl", "for how long from now, at least")
	c.Flags().StringVar(&fence, "fence", "", "the `number` that acquire printed, for this very hold (default LOCKTOP_FENCE)")
	return c
}

// fence reads --fence, else its variable.
func (e *env) fence(flag string) (lockcore.Fence, error) {
	if flag != "" {
		return fenceOf("--fence", flag)
	}
	return fenceOf(fenceVariable, e.getenv(fenceVariable))
}
