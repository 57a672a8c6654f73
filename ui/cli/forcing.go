package cli

// What the orders of an operator against other people's locks have in common: look first, compare
// with what was expected, say what is about to be done, ask, act on record.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"locktop/lockcore"
	"locktop/ui/audit"
	"locktop/watcher"
)

// forcing is one order about somebody else's lock.
type forcing struct {
	*env
	*session
	op          string // the command's name
	nothing     string // what was not done if it was not done, as in "not released"
	key, reason string
}

// forcingFlags are the flags of an order that ends somebody else's hold.
type forcingFlags struct {
	owner, fence, reason string
	yes, dryRun          bool
}

// expecting defines the flags that say which hold is meant.
func (f *forcingFlags) expecting(flags *pflag.FlagSet) {
	flags.StringVar(&f.owner, "expect-owner", "", "the `ID` of who must hold it")
	flags.StringVar(&f.fence, "expect-fence", "", "the `number` that the fence of its hold must be")
}

// acting defines the flags that say why, and whether to act.
func (f *forcingFlags) acting(flags *pflag.FlagSet) {
	flags.StringVar(&f.reason, "reason", "", "the `text` why; the old owner gets to see it")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.dryRun, "dry-run", false, "look, say what would be done, and stop")
}

// expectation reads which hold is meant.
func (f *forcingFlags) expectation() (string, lockcore.Fence, error) {
	expected, err := owner("--expect-owner", f.owner)
	if err != nil {
		return "", 0, err
	}
	fence, err := fenceOf("--expect-fence", f.fence)
	return expected, fence, err
}

// reasonOf checks a reason that must be given.
func reasonOf(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usage("--reason is missing: the old owner and the next on call will want to know why")
	}
	return reasonFits(reason)
}

func reasonFits(reason string) error {
	if len(reason) > lockcore.MaxReason {
		return usage("--reason has %d bytes; at most %d are allowed", len(reason), lockcore.MaxReason)
	}
	return nil
}

// connectToForce opens the session of an order. One that acts needs the right to write, and
// somebody to ask or a yes.
func (e *env) connectToForce(shared *sharedFlags, op string, yes, dryRun bool) (*session, error) {
	s, err := e.connect(shared)
	if err != nil {
		return nil, err
	}
	switch {
	case dryRun:
		return s, nil
	case s.readOnly:
		err = s.writing(op)
	case !yes && !e.inTerminal && op == "undo":
		err = usage("%s asks before it acts, and there is no terminal to ask on; give --yes", op)
	case !yes && !e.inTerminal:
		err = usage("%s asks before it acts, and there is no terminal to ask on; give --yes, or --dry-run to see what it would do", op)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// look reads the lock and refuses one that is not as expected.
func (f *forcing) look(ctx context.Context, owner string, fence lockcore.Fence) (*lockcore.Lock, error) {
	lock, err := f.inspect(ctx, f.key)
	if err != nil {
		return nil, f.readFault(f.op, f.key, err)
	}
	return lock, f.compare(lock, owner, fence)
}

// compare says what the lock is instead of what was expected.
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
	return f.unlike(instead)
}

// unlike is the end of an order that does not fit what there is.
func (f *forcing) unlike(instead string) error {
	return &fault{exitHeld, fmt.Sprintf("%s %s on %s: %s: %s; look again: %s",
		f.op, watcher.NewText(f.key), f.server, f.nothing, instead, howToFindOut(f.key))}
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
	return failed("%s %s: %s, as you did not say yes", f.op, watcher.NewText(f.key), f.nothing)
}

// trail is where the session's orders are put on record.
func (e *env) trail(s *session) *audit.Trail {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	dir := s.stateDir
	if dir == (audit.Dir{}) {
		dir = audit.StateDir(e.getenv)
	}
	return &audit.Trail{Dir: dir, Stream: s.client, Server: s.client.URL(), Host: host, Timeout: s.timeout, Now: e.now}
}

// outcome says what came of an order: first what of it is not on record, then what failed. An
// order whose outcome is unknown can be looked up by its id.
func (f *forcing) outcome(operation string, missing []error, err error) error {
	for _, what := range missing {
		fmt.Fprintf(f.err, "locktop: %s %s: the audit trail is not complete: %s\n", f.op, watcher.NewText(f.key), watcher.NewText(what.Error()))
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, audit.ErrNotRecorded) {
		_, reason, _ := strings.Cut(err.Error(), audit.ErrNotRecorded.Error()+" ")
		return failed("%s %s on %s: %s, because %v %s; make that place writable for you alone, or name another directory by %s",
			f.op, watcher.NewText(f.key), f.server, f.nothing, audit.ErrNotRecorded, watcher.NewText(reason), audit.StateDirVariable)
	}
	err = f.fault(f.op, f.key, err)
	var unknown *fault
	if errors.As(err, &unknown) && unknown.code == exitUnknown {
		unknown.line += "; operation " + operation
	}
	return err
}

// letting makes the calls of orders, and lets go of one that hangs when the command is interrupted.
type letting struct{ s *session }

func (l letting) ForceRelease(ctx context.Context, order lockcore.ForceRelease) (*lockcore.ForcedRelease, error) {
	return within(ctx, 0, func(ctx context.Context) (*lockcore.ForcedRelease, error) { return l.s.locks.ForceRelease(ctx, order) })
}

func (l letting) Seize(ctx context.Context, order lockcore.Seizure) (*lockcore.Seized, error) {
	return within(ctx, 0, func(ctx context.Context) (*lockcore.Seized, error) { return l.s.locks.Seize(ctx, order) })
}

func (l letting) Undo(ctx context.Context, order lockcore.Undo) (*lockcore.Undone, error) {
	return within(ctx, 0, func(ctx context.Context) (*lockcore.Undone, error) { return l.s.locks.Undo(ctx, order) })
}
