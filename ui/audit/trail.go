package audit

// Do: intent, step, stream, outcome, in that order and in no other.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"locktop/lockcore"
)

// ErrNotRecorded: the intent could not be written to the local file, so the step was not taken.
var ErrNotRecorded = errors.New("it cannot be put on record first")

// Commander sends one command to the server, at most once. *resp.Client is one.
type Commander interface {
	Do(ctx context.Context, args ...any) (any, error)
}

// Trail puts orders on record. It is safe for use by many goroutines.
type Trail struct {
	Dir     Dir                  // of the local file; must be set
	Stream  Commander            // to the server that the orders are for; must be set
	Server  string               // its URL without secrets
	Host    string               // this machine's name
	Timeout time.Duration        // of writing to the stream; defaults to DefaultTimeout
	Now     func() time.Time     // defaults to time.Now
	open    func() (file, error) // in tests, in place of the file in Dir
}

// DefaultTimeout is what writing to the stream may take.
const DefaultTimeout = 5 * time.Second

// lastTimeout is what it may take when the caller has given up already: whoever interrupted a
// command does not wait for long.
const lastTimeout = time.Second

// Result is what a step that was done adds to its entry.
type Result struct {
	TTL   time.Duration  // that the hold had left, where the step learned it; 0 keeps what the entry says
	Owner string         // who has the lock now because of it, if anybody
	Fence lockcore.Fence // of that hold
}

// Do takes a step on record. Where the intent cannot be written the step is not taken and the
// error matches ErrNotRecorded. Else err is the step's own, and missing is what could not be
// written down after it: warnings, whatever err is.
//
// The entry needs Operation, Kind, Operator, Key, Owner, Fence, TTL and Reason, and Undoes for an undo.
func (t *Trail) Do(ctx context.Context, e Entry, step func(context.Context) (Result, error)) (missing []error, err error) {
	now := t.Now
	if now == nil {
		now = time.Now
	}
	e.Time, e.Host, e.Server, e.Outcome = now(), t.Host, t.Server, ""
	to, err := t.begin(&e)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNotRecorded, err)
	}
	defer to.close()

	got, err := step(ctx)

	ended := stamp(now())
	e.Outcome = OutcomeOf(err)
	if err == nil {
		e.NewOwner, e.NewFence = got.Owner, got.Fence
		if got.TTL != 0 {
			e.TTL = got.TTL
		}
	}
	last := e.line()
	last.Phase, last.Ended = outcome, &ended
	if reachable(err) {
		id, err := t.publish(ctx, e.line())
		last.Stream = text(id)
		if err != nil {
			last.Missing = text(bounded(err.Error()))
			missing = append(missing, fmt.Errorf("the stream %s on the server has no entry of it: %w", StreamKey, err))
		}
	}
	if err := to.append(&last); err != nil {
		missing = append(missing, fmt.Errorf("its outcome is not in the local file: %w", err))
	}
	return missing, err
}

// reachable is false where the step did not get as far as the server: neither would an entry.
func reachable(err error) bool {
	return errors.Is(err, lockcore.ErrUnknownOutcome) || !errors.Is(err, lockcore.ErrUnreachable)
}

// begin writes the intent, and gives the file for the outcome.
func (t *Trail) begin(e *Entry) (*journal, error) {
	var to *journal
	var err error
	if t.open != nil {
		var f file
		f, err = t.open()
		to = &journal{f}
	} else {
		to, err = openJournal(t.Dir)
	}
	if err != nil {
		return nil, err
	}
	l := e.line()
	l.Phase = intent
	if err := to.append(&l); err != nil {
		// Part of it may be there all the same, and then it should not look like an order that went out.
		l.Phase, l.Outcome = outcome, notSent+": its intent could not be written down"
		to.append(&l)
		to.close()
		return nil, err
	}
	return to, nil
}

// publish adds to the stream, also after the caller's context has ended.
func (t *Trail) publish(ctx context.Context, l line) (id string, err error) {
	limit := t.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	if ctx.Err() != nil {
		limit = min(limit, lastTimeout)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastTimeout, cancel) })
	defer stop()
	return add(limited, t.Stream, l)
}
