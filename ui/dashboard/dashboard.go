package dashboard

// Run: what the dashboard needs, and how it starts and leaves the terminal as it found it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"locktop/lockcore"
	"locktop/watcher"
)

// Locks is the table that is shown. *watcher.Live is one.
type Locks interface {
	Version() uint64
	View(watcher.Query, time.Time) watcher.View
	Detail(key string, q watcher.Query, now time.Time) (watcher.Detail, bool)
}

// Log gives the last events of all locks, oldest first. *watcher.Live is one.
type Log interface {
	Recent() []watcher.Event
}

// Releaser ends other people's holds. *lockcore.Client is one.
type Releaser interface {
	ForceRelease(context.Context, lockcore.ForceRelease) (*lockcore.ForcedRelease, error)
}

// DefaultTimeout bounds one forced release.
const DefaultTimeout = 5 * time.Second

// Options say what is shown and how.
type Options struct {
	Locks    Locks    // must be set
	Log      Log      // nil: the events pane says that there is no log
	Releaser Releaser // nil: as ReadOnly

	Query    watcher.Query // policy, latency and greatest TTL; Sort is where sorting starts, Keep is ANDed with the filter
	URL      string        // of the server, without secrets
	Patterns []string      // that are watched
	ReadOnly bool
	Operator string        // who forces; must be set where there is a Releaser
	Timeout  time.Duration // of a forced release; defaults to DefaultTimeout
	Note     string        // one more line of the header, such as how a second terminal can join
	News     func() string // and one that changes, asked for at each frame; nil, or an empty answer: none

	Now     func() time.Time // defaults to time.Now
	Input   io.Reader        // defaults to the terminal
	Output  *os.File         // defaults to os.Stdout
	Profile termenv.Profile  // of colours; termenv.Ascii draws none at all. The zero value is true colour
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	if o.Query.Sort == "" {
		o.Query.Sort = watcher.ByState
	}
	o.Query.Ended = true
	o.ReadOnly = o.ReadOnly || o.Releaser == nil
	return o
}

// ErrSignal: a signal ended the dashboard.
var ErrSignal = errors.New("stopped by a signal")

// Run shows the dashboard on the alternate screen until the user quits, and gives nil then.
// It gives ctx's error where ctx ended, and ErrSignal after SIGINT, SIGTERM or SIGHUP. Whatever
// ends it, a panic or a lost terminal too, the terminal is put back as it was.
func Run(ctx context.Context, o Options) error {
	if o.Locks == nil {
		return errors.New("dashboard: no locks to show")
	}
	o = o.withDefaults()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	// The library's own handler knows nothing of SIGHUP, which is how a lost terminal is told.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case s := <-signals:
			cancel(fmt.Errorf("dashboard: %w: %s", ErrSignal, s))
		case <-inner.Done():
		}
	}()
	defer func() {
		signal.Stop(signals)
		cancel(nil)
		<-watched
	}()

	out := newScreen(o.Output)
	m := newModel(inner, o)
	m.clipboard = out
	options := []tea.ProgramOption{
		tea.WithContext(inner), tea.WithAltScreen(), tea.WithOutput(out), tea.WithoutSignalHandler(),
	}
	if o.Input != nil {
		options = append(options, tea.WithInput(o.Input))
	}
	_, err := tea.NewProgram(m, options...).Run()
	switch cause := context.Cause(inner); {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("dashboard: %w", err)
	case cause != nil && ctx.Err() == nil:
		return cause
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("dashboard: %w", err)
	}
	return nil
}
