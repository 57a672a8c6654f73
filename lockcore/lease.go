package lockcore

// A lease: a held lock that renews itself and tells when it is lost.
//
// It is renewed when a third of its TTL has passed, so that two renewals can fail before it ends. What
// it believes of the lock never outlasts the TTL by the local monotonic clock, counted from when the
// renewal that succeeded last had left: at that moment at the latest it counts as lost, whether the server
// answers or not.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrExpired is the cause of a lease's loss where its TTL ran out before it could be renewed; the last error
// of renewing it, if there was one, is matched too.
var ErrExpired = errors.New("the lease ran out before it could be renewed")

// ErrClosed is the cause with which a lease's context ends when it is closed.
var ErrClosed = errors.New("the lease was closed")

// Lease is a lock that is held until Close, or until it is lost. Its methods may be called from any goroutine.
type Lease struct {
	c      *Client
	ttl    time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc

	renewing  context.Context // ends with the lease, and not with the caller's context
	stop      context.CancelFunc
	stopped   chan struct{} // closed when nothing renews it any more
	closeOnce sync.Once
	closeErr  error

	mu   sync.Mutex
	hold Hold
	err  error // why it is over, nil while it is held
	over chan struct{}
}

// Lease acquires a lock, as Acquire does, and renews it until Close. Its TTL is what it takes for the
// lock to be free again after this process is gone.
//
// When ctx ends, so does the lease's Context; the lock stays held until Close.
func (c *Client) Lease(ctx context.Context, key, owner string, ttl time.Duration, o *AcquireOptions) (*Lease, error) {
	h, err := c.Acquire(ctx, key, owner, ttl, o)
	if err != nil {
		return nil, err
	}
	l := &Lease{c: c, ttl: ttl, hold: *h, over: make(chan struct{}), stopped: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.renewing, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.renew()
	return l, nil
}

// Hold is the lock as it was acquired, with TTL and Until as of the last renewal.
func (l *Lease) Hold() Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hold
}

// Context ends when the lease is lost or closed, with what Err tells as its cause, or when the context
// ends that it was taken with.
func (l *Lease) Context() context.Context { return l.ctx }

// Done is closed when the lease is lost or closed.
func (l *Lease) Done() <-chan struct{} { return l.over }

// Err is nil while the lock is held. After a loss it tells why: ErrExpired; ErrRevoked, as
// *NotHeldError by whom and why; ErrNotHeld where the lock is gone or somebody else's otherwise. After Close it is ErrClosed.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close stops renewing and releases the lock, within ctx and the client's time-out. It is an error where
// the lock was not held any more: ErrNotHeld or ErrRevoked, as *NotHeldError; Past.Overran tells how long after the
// deadline that was, where the server could prove it. Closing again gives the same answer.
func (l *Lease) Close(ctx context.Context) error {
	l.closeOnce.Do(func() {
		l.stop()
		<-l.stopped
		l.end(ErrClosed)
		h := l.Hold()
		_, l.closeErr = l.c.Release(ctx, h.Key, h.Owner, &ReleaseOptions{Fence: h.Fence})
	})
	return l.closeErr
}

// end makes it over, once.
func (l *Lease) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = why
	l.cancel(why) // first, so that whoever sees Done finds the context ended
	close(l.over)
}

// renew goes on until the lease is lost or closed.
func (l *Lease) renew() {
	defer close(l.stopped)
	// The watch ends the lease even while a renewal gets no answer.
	var failure lastError
	watch := time.AfterFunc(l.left(), func() {
		if err := failure.get(); err != nil {
			l.end(fmt.Errorf("%w: %w", ErrExpired, err))
		} else {
			l.end(ErrExpired)
		}
	})
	defer watch.Stop()
	pause := l.ttl / 3
	for {
		timer := time.NewTimer(pause)
		select {
		case <-l.renewing.Done():
			timer.Stop()
			return
		case <-l.over:
			timer.Stop()
			return
		case <-timer.C:
		}
		err := l.extend()
		switch {
		case err == nil:
			failure.set(nil)
			watch.Reset(l.left())
			pause = l.ttl / 3
		case errors.Is(err, ErrNotHeld) || errors.Is(err, ErrWrongType):
			l.end(err)
			return
		case l.renewing.Err() != nil:
			return
		default: // it may pass: the server restarts, or another one takes over
			failure.set(err)
			pause = min(max(l.ttl/20, 10*time.Millisecond), time.Second)
		}
	}
}

// extend makes one renewal, which may take until half the time that is left is over.
func (l *Lease) extend() error {
	h := l.Hold()
	ctx, cancel := context.WithTimeout(l.renewing, max(l.left()/2, time.Millisecond))
	defer cancel()
	sent := l.c.now()
	got, err := l.c.Extend(ctx, h.Key, h.Owner, l.ttl, &ExtendOptions{Fence: h.Fence})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold.TTL, l.hold.Until = got.TTL, got.Until
	if got.TTL == NoTTL { // somebody took its TTL away; it is looked after all the same
		l.hold.Until = sent.Add(l.ttl)
	}
	return nil
}

// left is how long the lock is certainly held from now.
func (l *Lease) left() time.Duration { return l.Hold().Until.Sub(l.c.now()) }

// lastError is the error of the last renewal, for the watch to tell.
type lastError struct {
	mu  sync.Mutex
	err error
}

func (e *lastError) set(err error) { e.mu.Lock(); e.err = err; e.mu.Unlock() }

func (e *lastError) get() error { e.mu.Lock(); defer e.mu.Unlock(); return e.err }
