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

// within makes one call, with a limit unless that is 0. When ctx ends first it gives ctx's
// cause at once, as *abandoned, and leaves the call to end by itself: closing the client
// sees to that.
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
	select {
	case o := <-done:
		if o.err != nil && ctx.Err() != nil {
			o.err = &abandoned{context.Cause(ctx)}
		}
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, &abandoned{context.Cause(ctx)}
	}
}
