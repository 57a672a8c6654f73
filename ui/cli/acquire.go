package cli

// locktop acquire: one try, or with --wait as many as it takes.

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
)

func newAcquireCommand(e *env, shared *sharedFlags) *cobra.Command {
	var by, work string
	lasting, patience := span(15*time.Second), span(0)
	c := &cobra.Command{
		Use:   "acquire KEY --owner ID",
		Short: "take a lock; print its fence",
		Long: `Takes the lock for --ttl and prints its fence alone: a number that grows with every
acquire of this lock. Pass it to the store that the lock guards, so that it can turn
away a writer that comes too late.

Somebody else holds it: exit 3, and the denial is recorded, so that this work shows as
waiting. The present owner finds its own hold again: the same fence, the TTL unchanged.
So owners must be unique for each attempt.

With --wait it looks again until the lock is free or the time is over. Looking counts as
no denial; losing the race for a free lock does.`,
		Example: `  FENCE=$(locktop acquire lock:customer_42 --owner "$EXECUTION" --ttl 15s) || exit
  locktop acquire lock:customer_42 --owner "$EXECUTION" --work "$EVENT" --wait 30s`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			o, err := owner("--owner", by)
			if err != nil {
				return err
			}
			w, err := bytesOf("--work", work)
			if err != nil {
				return err
			}
			d, err := ttl(lasting)
			if err != nil {
				return err
			}
			if patience < 0 {
				return usage("--wait %s: it cannot be below 0", time.Duration(patience))
			}
			s, err := e.connectToWrite(shared, "acquire")
			if err != nil {
				return err
			}
			defer s.close()
			policy := s.query.Policy
			options := &lockcore.AcquireOptions{
				Work: w, Comeback: policy.Comeback(),
			}
			hold, err := waiting{
				try: func(ctx context.Context) (*lockcore.Hold, error) {
					return within(ctx, s.timeout, func(ctx context.Context) (*lockcore.Hold, error) {
						return s.locks.Acquire(ctx, k, o, d, options)
					})
				},
				look: func(ctx context.Context) (*lockcore.Lock, error) { return s.inspect(ctx, k) },
				draw: rand.Float64,
			}.run(c.Context(), time.Duration(patience))
			if err != nil {
				return s.fault("acquire", k, err)
			}
			return e.print(hold.Fence.String() + "\n")
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&by, "owner", "", "the `ID` of who takes it; unique for each attempt")
	c.Flags().Var(&lasting, "ttl", "for how long, at most")
	c.Flags().StringVar(&work, "work", "", "the `ID` of what the attempt is for, the same on every retry (default the owner)")
	c.Flags().Var(&patience, "wait", "how long to wait for a held lock")
	return c
}
