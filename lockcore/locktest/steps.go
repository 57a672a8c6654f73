package locktest

// The words that checks are written in: a client whose steps must succeed, or must fail in a certain way.

import (
	"context"
	"errors"
	"time"

	"locktop/lockcore"
)

// ttl is long enough to be over in no check.
const ttl = 10 * time.Minute

// client does steps for a check.
type client struct {
	T
	*lockcore.Client
	ctx context.Context
}

func on(t T, transport lockcore.Transport) client {
	return client{t, lockcore.New(transport), context.Background()}
}

func (c client) acquires(key, owner string) *lockcore.Hold {
	c.Helper()
	h, err := c.Acquire(c.ctx, key, owner, ttl, nil)
	if err != nil {
		c.Fatalf("%s should get %s: %v", owner, key, err)
	}
	return h
}

func (c client) isDenied(key, owner, work string) *lockcore.HeldError {
	c.Helper()
	// It names no request, so that its owner alone decides.
	_, err := c.Acquire(c.ctx, key, owner, ttl, &lockcore.AcquireOptions{Work: work, Request: lockcore.NoRequest})
	var held *lockcore.HeldError
	if !errors.As(err, &held) || !errors.Is(err, lockcore.ErrHeld) {
		c.Fatalf("%s should be denied %s, and the answer is: %v", owner, key, err)
	}
	return held
}

func (c client) releases(key, owner string, fence lockcore.Fence) *lockcore.Release {
	c.Helper()
	r, err := c.Release(c.ctx, key, owner, &lockcore.ReleaseOptions{Fence: fence})
	if err != nil {
		c.Fatalf("%s should release %s: %v", owner, key, err)
	}
	return r
}

func (c client) cannotRelease(key, owner string, fence lockcore.Fence) *lockcore.NotHeldError {
	c.Helper()
	_, err := c.Release(c.ctx, key, owner, &lockcore.ReleaseOptions{Fence: fence})
	return c.notHeld(err, key, owner)
}

func (c client) cannotExtend(key, owner string, fence lockcore.Fence) *lockcore.NotHeldError {
	c.Helper()
	_, err := c.Extend(c.ctx, key, owner, ttl, &lockcore.ExtendOptions{Fence: fence})
	return c.notHeld(err, key, owner)
}

func (c client) notHeld(err error, key, owner string) *lockcore.NotHeldError {
	c.Helper()
	var not *lockcore.NotHeldError
	if !errors.As(err, &not) || !errors.Is(err, lockcore.ErrNotHeld) {
		c.Fatalf("%s should be told that %s is not its own, and the answer is: %v", owner, key, err)
	}
	return not
}

func (c client) extends(key, owner string, ttl time.Duration, fence lockcore.Fence) *lockcore.Hold {
	c.Helper()
	h, err := c.Extend(c.ctx, key, owner, ttl, &lockcore.ExtendOptions{Fence: fence})
	if err != nil {
		c.Fatalf("%s should extend %s: %v", owner, key, err)
	}
	return h
}

func (c client) sees(key string) *lockcore.Lock {
	c.Helper()
	l, err := c.Inspect(c.ctx, key)
	if err != nil {
		c.Fatalf("inspect %s: %v", key, err)
	}
	return l
}

func (c client) forces(key string, expect lockcore.Expectation, operation string) *lockcore.ForcedRelease {
	c.Helper()
	f, err := c.ForceRelease(c.ctx, order(key, expect, operation))
	if err != nil {
		c.Fatalf("%s should be released by force: %v", key, err)
	}
	return f
}

func (c client) cannotForce(key string, expect lockcore.Expectation) *lockcore.ChangedError {
	c.Helper()
	_, err := c.ForceRelease(c.ctx, order(key, expect, ""))
	var changed *lockcore.ChangedError
	if !errors.As(err, &changed) || !errors.Is(err, lockcore.ErrChanged) {
		c.Fatalf("%s should not be released by force, and the answer is: %v", key, err)
	}
	return changed
}

func order(key string, expect lockcore.Expectation, operation string) lockcore.ForceRelease {
	return lockcore.ForceRelease{Key: key, Expect: expect, Operation: operation, Operator: "ann on call", Reason: "it is stuck: 100 %"}
}

func (s *Server) holder(key string) string { return s.Do("GET", key) }
