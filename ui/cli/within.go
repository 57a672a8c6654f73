package cli

// Calls that can be left: the Redis client does not notice a cancel while it waits for an
// answer, so the waiting happens elsewhere.

import (
	"context"
	"time"
)

// abandoned is the end of a call that was left before its answer came.
type abandoned struct{ cause error }

func (a *abandoned) Error() string { return a.cause.Error() }
func (a *abandoned) Unwrap() error { return a.cause }

// lastWords is how long a call has to say what became of it when it is left.
const lastWords = 100 * time.Millisecond

// within makes one call, with a limit unless that is 0. When ctx ends first it gives ctx's
// cause, as *abandoned unless the call itself says that nothing was under way, and leaves a call
// that says nothing to end by itself: closing the client sees to that.
func within[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		limited, cancel = context.WithTimeout(ctx, limit)
	}
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		value, err := call(limited)
		done <- outcome{value, err}
	}()
	settle := func(o outcome) (T, error) {
		if o.err != nil && ctx.Err() != nil && o.err != context.Cause(ctx) {
			o.err = &abandoned{context.Cause(ctx)}
		}
		return o.value, o.err
	}
	select {
	case o := <-done:
		return settle(o)
	case <-ctx.Done():
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case o := <-done:
		return settle(o)
	case <-timer.C:
		var none T
		return none, &abandoned{context.Cause(ctx)}
	}
}
