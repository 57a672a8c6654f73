package lockcore

// Waiting for a lock: looking, not trying, so that a wait is one denial and not one for each look.

import (
	"context"
	"errors"
	"time"
)

// How far apart two looks are: at random between these, so that many who wait do not look
// together. A lock whose TTL ends sooner is looked at then.
const (
	lookSoonest = 100 * time.Millisecond
	lookLatest  = 500 * time.Millisecond
)

// waiting is a try that may be denied and a way to look when to try again.
type waiting struct {
	try  func(context.Context) (*Hold, error) // ErrHeld, as *HeldError, means denied
	look func(context.Context) (*Lock, error) // at the lock, changing nothing
	draw func() float64                       // at random, from 0 up to 1
}

// run tries once, and where that is denied again whenever the lock looks free, until patience
// is over. Then the error is the denial, with the holder that was seen last. A look that
// finds the server unreachable is one more reason to wait; other errors end it.
func (w waiting) run(ctx context.Context, patience time.Duration) (*Hold, error) {
	end := time.Now().Add(patience)
	for {
		got, err := w.try(ctx)
		var held *HeldError
		if !errors.As(err, &held) || patience <= 0 {
			return got, err
		}
		if err := w.untilFree(ctx, held, end); err != nil {
			return got, err
		}
	}
}

// untilFree gives nil when the lock looks free, the denial at the end.
func (w waiting) untilFree(ctx context.Context, denied *HeldError, end time.Time) error {
	holder := *denied
	var last error = &holder
	for {
		left := time.Until(end)
		if left <= 0 {
			return last
		}
		pause := lookSoonest + time.Duration(w.draw()*float64(lookLatest-lookSoonest))
		if holder.TTL != NoTTL {
			pause = min(pause, holder.TTL+time.Millisecond)
		}
		timer := time.NewTimer(min(pause, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		lock, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, ErrUnreachable):
			last = err
		case err != nil:
			return err
		case lock.Owner == "":
			return nil
		default:
			holder.Owner, holder.TTL, holder.Fence = lock.Owner, lock.TTL, lock.Fence
			last = &holder
		}
	}
}
