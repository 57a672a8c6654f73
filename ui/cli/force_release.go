package cli

// locktop force-release: looks first, shows what it is about to do, asks, and then orders
// the end of the very hold that it showed. A change between look and act is refused.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

func newForceReleaseCommand(e *env, shared *sharedFlags) *cobra.Command {
	var expected, fence, reason string
	var yes, dryRun bool
	c := &cobra.Command{
		Use:   "force-release KEY --expect-owner ID --reason TEXT",
		Short: "release somebody else's lock, if it still is as expected",
		Long: `Releases a lock that somebody else holds, only if owner and fence still are as expected
and nothing changes between the look and the act; else it exits 3 and says who has the
lock now. The old owner learns of it at its next extend or release: exit 4, revoked, by
whom and why. Its fence never works again.

It asks before it acts. Without a terminal it wants --yes.`,
		Example: `  locktop force-release lock:customer_42 --expect-owner 9f3c --reason "worker is gone" --dry-run
  locktop force-release lock:customer_42 --expect-owner 9f3c --expect-fence 1795420800000123 \
      --reason "worker is gone" --yes`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			o, err := owner("--expect-owner", expected)
			if err != nil {
				return err
			}
			f, err := fenceOf("--expect-fence", fence)
			if err != nil {
				return err
			}
			switch {
			case strings.TrimSpace(reason) == "":
				return usage("--reason is missing: the old owner and the next on call will want to know why")
			case len(reason) > lockcore.MaxReason:
				return usage("--reason has %d bytes; at most %d are allowed", len(reason), lockcore.MaxReason)
			}
			s, err := e.connect(shared)
			if err != nil {
				return err
			}
			defer s.close()
			if err := s.writing("force-release"); err != nil && !dryRun {
				return err
			}
			if !yes && !dryRun && !e.inTerminal {
				return usage("force-release asks before it acts, and there is no terminal to ask on; give --yes, or --dry-run to see what it would do")
			}
			order := &forcing{env: e, session: s, key: k, reason: reason}
			return order.run(c.Context(), o, f, yes, dryRun)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&expected, "expect-owner", "", "the `ID` of who must hold it")
	c.Flags().StringVar(&fence, "expect-fence", "", "the `number` that the fence of its hold must be")
	c.Flags().StringVar(&reason, "reason", "", "the `text` why; the old owner gets to see it")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "look, say what would be done, and stop")
	return c
}

// forcing is one order to release somebody else's lock.
type forcing struct {
	*env
	*session
	key, reason string
}

func (f *forcing) run(ctx context.Context, owner string, fence lockcore.Fence, yes, dryRun bool) error {
	lock, err := f.inspect(ctx, f.key)
	if err != nil {
		return f.readFault("force-release", f.key, err)
	}
	if err := f.compare(lock, owner, fence); err != nil {
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
	done, err := f.order(ctx, lock)
	if err != nil {
		return f.fault("force-release", f.key, err)
	}
	if done.NotRecorded != "" {
		fmt.Fprintf(f.err, "locktop: the old owner will not learn of it: %s\n", watcher.NewText(done.NotRecorded))
	}
	return f.print("released " + hold + "; operation " + done.Operation + "\n")
}

// compare refuses a lock that is not as expected, and says what it is instead.
func (f *forcing) compare(l *lockcore.Lock, owner string, fence lockcore.Fence) error {
	instead := ""
	switch {
	case l.Owner == "":
		instead = "nobody holds it"
		if past := pastOf(l, owner, fence); past != nil {
			instead = strings.TrimSuffix(pastText(past), "; ") + ", and nobody holds it now"
		}
	case l.Owner != owner:
		instead = fmt.Sprintf("%s holds it, fence %s, %s", watcher.NewText(l.Owner), l.Fence, forAnother(l.TTL))
	case fence != 0 && l.Fence == 0:
		instead = fmt.Sprintf("%s holds it, but nobody recorded the fence of this hold", watcher.NewText(l.Owner))
	case fence != 0 && l.Fence != fence:
		instead = fmt.Sprintf("%s holds it again, with fence %s", watcher.NewText(l.Owner), l.Fence)
	default:
		return nil
	}
	return &fault{exitHeld, fmt.Sprintf("force-release %s on %s: not released: %s; look again: %s",
		watcher.NewText(f.key), f.server, instead, howToFindOut(f.key))}
}

// pastOf finds how the expected hold ended.
func pastOf(l *lockcore.Lock, owner string, fence lockcore.Fence) *lockcore.Past {
	if l.Ledger == nil {
		return nil
	}
	for i, p := range l.Ledger.Holds {
		if p.Owner == owner && (fence == 0 || p.Fence == fence) {
			return &l.Ledger.Holds[i]
		}
	}
	return nil
}

// describe names lock and hold in a line.
func (f *forcing) describe(l *lockcore.Lock) string {
	text := fmt.Sprintf("%s on %s from %s (fence %s", watcher.NewText(f.key), f.server, watcher.NewText(l.Owner), l.Fence)
	if l.TTL == lockcore.NoTTL {
		text += ", no TTL"
	} else {
		text += ", TTL " + spell(l.TTL) + " left"
	}
	if l.Held >= 0 {
		text += ", held for " + spell(l.Held)
	}
	return text + ")"
}

// ask wants a typed yes. Anything else, and nothing, is a no.
func (f *forcing) ask(ctx context.Context, question string) error {
	fmt.Fprintf(f.err, "%s [y/N] ", question)
	answer, err := within(ctx, 0, func(context.Context) (string, error) {
		line, err := bufio.NewReader(f.in).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	})
	if err != nil {
		fmt.Fprintln(f.err)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return failed("force-release %s: not released, as you did not say yes", watcher.NewText(f.key))
}

// order sends it, and once more where no answer came: the same operation is never done twice.
func (f *forcing) order(ctx context.Context, l *lockcore.Lock) (*lockcore.ForcedRelease, error) {
	order := lockcore.ForceRelease{
		Key: f.key, Expect: l.Expectation(), Operation: lockcore.NewOperation(), Operator: f.operator, Reason: f.reason,
	}
	send := func(ctx context.Context) (*lockcore.ForcedRelease, error) { return f.locks.ForceRelease(ctx, order) }
	done, err := within(ctx, f.timeout, send)
	if errors.Is(err, lockcore.ErrUnknownOutcome) {
		var again error
		if done, again = within(ctx, f.timeout, send); again == nil || !errors.Is(again, lockcore.ErrUnreachable) {
			err = again
		}
	}
	return done, err
}
