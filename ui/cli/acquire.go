package cli

// locktop acquire: one try, or with --wait as many as it takes.

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
)

func newAcquireCommand(e *env, shared *sharedFlags) *cobra.Command {
	var by, work, request string
	lasting, patience := span(15*time.Second), span(0)
	c := &cobra.Command{
		Use:   "acquire KEY --owner ID",
		Short: "take a lock; print its fence",
		Long: `Takes the lock for --ttl and prints its fence alone: a number that grows with every
acquire of this lock. Pass it to the store that the lock guards, so that it can turn
away a writer that comes too late.

Somebody else holds it: exit 3, and the denial is recorded, so that this work shows as
waiting. The present owner finds its own hold again: the same fence, the TTL unchanged.
So owners must be unique for each attempt, unless --request-id names the attempt: then the
same owner with another request is denied, a repeat gets the same fence, and a request that
was released is granted no more, however late a duplicate of it arrives.

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
			if err := checkRequest(request); err != nil {
				return err
			}
			s, err := e.connectToWrite(shared, "acquire")
			if err != nil {
				return err
			}
			defer s.close()
			hold, err := within(c.Context(), 0, func(ctx context.Context) (*lockcore.Hold, error) {
				return s.locks.Acquire(ctx, k, o, d, &lockcore.AcquireOptions{
					Work: w, Comeback: s.query.Policy.Comeback(), Request: cmp.Or(request, lockcore.NoRequest), Wait: time.Duration(patience),
				})
			})
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
	c.Flags().StringVar(&request, "request-id", "", "the `ID` of this attempt, the same on its repeats (default none)")
	return c
}

// checkRequest refuses a request id that cannot be sent, and the one that stands for none.
func checkRequest(id string) error {
	switch {
	case len(id) > lockcore.MaxID:
		return usage("--request-id has %d bytes; at most %d are allowed", len(id), lockcore.MaxID)
	case id == lockcore.NoRequest:
		return usage("--request-id %q names no request; leave it out, or give another", id)
	}
	return nil
}
