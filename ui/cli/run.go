package cli

// locktop run: a command under a lock, like flock(1), but with a lock that can be lost.
//
// The lock is a lease that renews itself. The command runs in a process group of its own, so that
// all that it started can be stopped when the lock is lost; child_unix.go tells how it gets on with
// a terminal. However the command ends, the lock is released.

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher"
)

// What a shell exits with when it cannot run a command.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

func newRunCommand(e *env, shared *sharedFlags) *cobra.Command {
	r := &underLock{env: e, ttl: span(15 * time.Second), grace: span(5 * time.Second), conflict: exitHeld}
	c := &cobra.Command{
		Use:   "run KEY [flags] -- CMD ARG...",
		Short: "run a command under a lock",
		Long: `Takes the lock, runs CMD, renews the lock as long as CMD runs, and releases it. Exits as CMD
did, 128 + N where signal N ended it, 127 where there is no such command, 126 where it cannot
be executed. CMD has LOCKTOP_KEY, LOCKTOP_OWNER and LOCKTOP_FENCE in its environment.

Somebody else holds the lock: exit 3, or --conflict-exit-code, and CMD is not run; --wait
waits for it. --ttl is how long others stay out after this machine is gone.

The lock is lost, because it was released by force, or because it could not be renewed in
time: CMD and all that it started are told to end (TERM), after --grace they are made to
(KILL), and the exit code is 4.

CMD runs in a process group of its own. INT, TERM, HUP, QUIT, USR1, USR2 and WINCH are passed
on to it. In the foreground of a terminal it has the terminal; Ctrl+Z stops both, and a lock
that is not renewed meanwhile is lost when its TTL is over.`,
		Example: `  locktop run lock:nightly -- ./report.sh
  locktop run lock:customer_42 --wait 30s --ttl 10s -- sh -c 'sync --fence "$LOCKTOP_FENCE"'
  locktop run lock:cron --conflict-exit-code 0 -- ./at-most-one-of-these`,
		Args: func(c *cobra.Command, args []string) error {
			switch at := c.ArgsLenAtDash(); {
			case len(args) == 0 || at == 0:
				return usage("which lock? Give its key: locktop run KEY -- CMD ARG...")
			case at < 0 || at == len(args):
				return usage("which command? Give it after --: locktop run KEY -- CMD ARG...")
			case at > 1:
				return usage("run takes one key, and %q is one too many; the command comes after --", args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			if err := r.check(); err != nil {
				return err
			}
			s, err := e.connectToWrite(shared, "run")
			if err != nil {
				return err
			}
			defer s.close()
			r.session, r.key = s, k
			return r.run(c.Context(), args[1:])
		},
	}
	c.Flags().SortFlags = false
	c.Flags().Var(&r.ttl, "ttl", "for how long the lock outlives this process; it is renewed at a third of that")
	c.Flags().Var(&r.patience, "wait", "how long to wait for a held lock")
	c.Flags().StringVar(&r.by, "owner", "", "the `ID` of who takes it; unique for each run (default host:pid:random)")
	c.Flags().StringVar(&r.work, "work", "", "the `ID` of what it is for, the same on every retry (default the owner)")
	c.Flags().Var(&r.conflict, "conflict-exit-code", "the exit code where somebody else holds it")
	c.Flags().Var(&r.grace, "grace", "from TERM to KILL, when the lock is lost")
	return c
}

// underLock is one run of a command.
type underLock struct {
	*env
	*session
	key                  string
	by, work             string
	ttl, patience, grace span
	conflict             count

	owner string // as it is sent
}

func (r *underLock) check() (err error) {
	if _, err = ttl(r.ttl); err != nil {
		return err
	}
	if r.owner = ownName(); r.by != "" {
		if r.owner, err = owner("--owner", r.by); err != nil {
			return err
		}
	}
	if r.work, err = bytesOf("--work", r.work); err != nil {
		return err
	}
	switch {
	case r.patience < 0:
		return usage("--wait %s: it cannot be below 0", time.Duration(r.patience))
	case r.grace < 0:
		return usage("--grace %s: it cannot be below 0", time.Duration(r.grace))
	case r.conflict < 0 || r.conflict > 255:
		return usage("--conflict-exit-code %d: it must be between 0 and 255", r.conflict)
	}
	return nil
}

// ownName is an owner that nobody else has.
func ownName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var b [8]byte
	rand.Read(b[:]) // never fails
	return host[:min(len(host), 256)] + ":" + strconv.Itoa(os.Getpid()) + ":" + hex.EncodeToString(b[:])
}

func (r *underLock) run(ctx context.Context, command []string) (err error) {
	// A command that is not there is no reason to keep others out.
	program, err := exec.LookPath(command[0])
	if err != nil {
		return cannotRun(command[0], err)
	}
	lease, err := r.take(ctx)
	if err != nil {
		return err
	}
	// Also after a panic.
	defer func() { lease.Close(context.WithoutCancel(ctx)) }()

	signals := make(chan os.Signal, 16)
	notify(signals, passedOn...)
	defer signal.Stop(signals)
	if r.leaveMe != nil {
		r.leaveMe()
	}
	if ctx.Err() != nil { // interrupted a moment ago
		return context.Cause(ctx)
	}
	hold := lease.Hold()
	cmd := &exec.Cmd{Path: program, Args: command, Stdin: r.in, Stdout: r.out, Stderr: r.err, WaitDelay: time.Second}
	cmd.Env = append(os.Environ(), "LOCKTOP_KEY="+given(r.key), "LOCKTOP_OWNER="+given(r.owner), fenceVariable+"="+hold.Fence.String())
	child, err := r.start(cmd)
	if err != nil {
		return cannotRun(command[0], err)
	}
	lost := r.attend(child, lease, signals)
	ended := r.now()
	return r.finish(ctx, child.code(), lost, ended, lease)
}

// take acquires the lock.
func (r *underLock) take(ctx context.Context) (*lockcore.Lease, error) {
	lease, err := within(ctx, 0, func(ctx context.Context) (*lockcore.Lease, error) {
		return r.locks.Lease(ctx, r.key, r.owner, time.Duration(r.ttl), &lockcore.AcquireOptions{
			Work: r.work, Comeback: r.query.Policy.Comeback(), Wait: time.Duration(r.patience),
		})
	})
	switch {
	case err == nil:
		return lease, nil
	case errors.Is(err, lockcore.ErrHeld):
		held := &fault{}
		errors.As(r.fault("run", r.key, err), &held)
		held.code = int(r.conflict)
		return nil, held
	}
	r.tidyUp()
	return nil, r.fault("run", r.key, err)
}

// tidyUp gives an acquire whose outcome is unknown the time to give back what it may have taken.
func (r *underLock) tidyUp() {
	done := make(chan struct{})
	go func() { r.locks.Wait(); close(done) }()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// attend passes signals on until the command ends, and stops it where the lock is lost: then lost says why.
func (r *underLock) attend(child *child, lease *lockcore.Lease, signals <-chan os.Signal) (lost error) {
	for {
		select {
		case <-child.ended:
			return nil
		case s := <-signals:
			select {
			case <-child.ended:
				return nil
			default:
				child.pass(s)
			}
		case <-lease.Done():
			lost = lease.Err()
			fmt.Fprintf(r.err, "locktop: %s; stopping the command\n", r.lostLine(lost))
			child.stop(time.Duration(r.grace), signals)
			return lost
		}
	}
}

// lostLine says that the lock is lost, and why.
func (r *underLock) lostLine(why error) string {
	line := "run " + watcher.NewText(r.key).String() + " on " + r.server.String() + ": the lock is lost: "
	var notHeld *lockcore.NotHeldError
	switch {
	case errors.As(why, &notHeld):
		return line + pastText(notHeld.Past) + holderText(notHeld.Holder)
	case errors.Is(why, lockcore.ErrUnreachable), errors.Is(why, lockcore.ErrUnknownOutcome):
		return line + "it could not be renewed before its TTL was over (" + watcher.NewText(r.networkCause(why)).String() + ")"
	case errors.Is(why, lockcore.ErrExpired):
		return line + "it was not renewed before its TTL was over"
	}
	return line + watcher.NewText(why.Error()).String()
}

// finish releases the lock and finds the exit code.
func (r *underLock) finish(ctx context.Context, code int, lost error, ended time.Time, lease *lockcore.Lease) error {
	until := lease.Hold().Until
	_, err := within(context.WithoutCancel(ctx), r.timeout, func(ctx context.Context) (any, error) { return nil, lease.Close(ctx) })
	var notHeld *lockcore.NotHeldError
	gone := errors.As(err, &notHeld)
	var late time.Duration
	if gone && notHeld.Past != nil {
		late = notHeld.Past.Overran
	}
	if errors.Is(lost, lockcore.ErrExpired) || late > 0 {
		late = cmp.Or(late, ended.Sub(until))
	}
	if late > 0 {
		text := fmt.Sprintf("the command finished %s after the lock's TTL had run out", lateness(late))
		if gone && notHeld.Past != nil && notHeld.Past.Overlap {
			text += ", and somebody else had the lock by then"
		}
		fmt.Fprintf(r.err, "locktop: run %s: %s\n", watcher.NewText(r.key), text)
	}
	switch {
	case lost != nil:
		return &fault{code: exitNotHeld} // it was told when it happened
	case gone:
		return &fault{exitNotHeld, fmt.Sprintf("%s; the command had ended with exit code %d", r.lostLine(err), code)}
	case err != nil:
		fmt.Fprintf(r.err, "locktop: %s\n", oneLine("the command is done, but whether the lock is released is not known: "+r.fault("release", r.key, err).Error()))
	}
	if code == exitDone {
		return nil
	}
	return &fault{code: code}
}

// lateness is a duration as a sentence has it.
func lateness(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// cannotRun says why a command could not be started, with a shell's exit code for that.
func cannotRun(command string, err error) error {
	name := watcher.NewText(command)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &fault{exitNotFound, fmt.Sprintf("run: there is no command %s", name)}
	case errors.Is(err, exec.ErrDot):
		return &fault{exitNotFound, fmt.Sprintf("run: %s lies in the current directory only; write ./%s", name, name)}
	}
	var reason error = err
	if cause := errors.Unwrap(err); cause != nil {
		reason = cause
	}
	return &fault{exitNotExecutable, fmt.Sprintf("run: %s cannot be executed: %s", name, watcher.NewText(reason.Error()))}
}
