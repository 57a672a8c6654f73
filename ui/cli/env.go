package cli

// Env is the process as the commands see it, and Main the only place that knows the real one.

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// env is all that a command may use of the process it runs in.
type env struct {
	args        []string // without the program's name
	in          io.Reader
	out, err    io.Writer
	inTerminal  bool // in is a terminal: somebody can be asked
	outTerminal bool // out is one: somebody reads along
	getenv      func(string) string
	now         func() time.Time
	outClosed   <-chan struct{} // closed when nobody reads out any more; nil where that is not known
	leaveMe     func()          // ends Main's listening to signals, for a command that takes them itself; nil where Main does not listen
	terminal    func() *os.File // opens the terminal that the process belongs to; nil where that is not the command's business

	began bool // a command was found and its arguments are right: what fails from here on is no wrong usage
}

// grace is how long a command may take to end after a signal.
const grace = 2 * time.Second

// Main runs locktop with the process's own files and signals, and gives its exit code.
// The first interrupt ends what is going on; a second one ends the process at once.
func Main(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals, left, settled := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		end := errInterrupted
		select {
		case <-left:
			close(settled)
			return
		case s := <-signals:
			switch s {
			case syscall.SIGTERM:
				end = errTerminated
			case syscall.SIGHUP:
				end = errHungUp
			}
		}
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		cancel(end)
		close(settled)
		time.Sleep(grace) // whoever still runs then is stuck, on a pipe that nobody empties for one
		os.Exit(end.code)
	}()
	// With a listener a write to a closed pipe is an error that can be handled, not a death.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	return run(ctx, &env{
		args: args, in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTerminal: term.IsTerminal(int(os.Stdin.Fd())), outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		getenv: os.Getenv, now: time.Now, outClosed: readerGone(os.Stdout), terminal: openTerminal,
		leaveMe: sync.OnceFunc(func() {
			signal.Stop(signals)
			select {
			case <-signals: // whoever listens now has heard it too
			default:
			}
			close(left)
			<-settled
		}),
	})
}

// notify listens to signals, but to none that the process was told to ignore: nohup stays nohup.
func notify(to chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(to, s)
		}
	}
}

// run executes the command that the arguments name.
func run(ctx context.Context, e *env) int {
	root := newRootCommand(e)
	root.SetArgs(e.args)
	ran, err := root.ExecuteContextC(ctx)
	line, code := e.verdict(ran.CommandPath(), err)
	if line != "" {
		io.WriteString(e.err, line+"\n")
	}
	return code
}
