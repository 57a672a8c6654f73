package lockcore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"locktop/lockcore"
)

// redundant is a transport whose locks have more than one server.
type redundant struct{ *answering }

func (redundant) Redundant() bool { return true }

func TestWhatIsTriedAgain(t *testing.T) {
	refusal := func(message string) error { return &lockcore.ReplyError{Message: message} }
	acquire := func(o *lockcore.AcquireOptions) func(c *lockcore.Client, ctx context.Context) error {
		return func(c *lockcore.Client, ctx context.Context) error {
			_, err := c.Acquire(ctx, "lock:a", "me", time.Minute, o)
			return err
		}
	}
	release := func(f lockcore.Fence) func(c *lockcore.Client, ctx context.Context) error {
		return func(c *lockcore.Client, ctx context.Context) error {
			_, err := c.Release(ctx, "lock:a", "me", &lockcore.ReleaseOptions{Fence: f})
			return err
		}
	}
	nameless := &lockcore.AcquireOptions{Request: lockcore.NoRequest}
	for name, c := range map[string]struct {
		call      func(c *lockcore.Client, ctx context.Context) error
		fails     error
		redundant bool
		again     bool
	}{
		"a request whose answer is lost":             {acquire(nil), lockcore.ErrUnknownOutcome, false, true},
		"no request, answer lost":                    {acquire(nameless), lockcore.ErrUnknownOutcome, false, false},
		"a fence, answer lost":                       {release(7), lockcore.ErrUnknownOutcome, false, true},
		"no fence, answer lost":                      {release(0), lockcore.ErrUnknownOutcome, false, false},
		"not sent":                                   {release(0), lockcore.ErrUnreachable, false, true},
		"loading":                                    {acquire(nameless), refusal("LOADING Redis is loading the dataset in memory"), false, true},
		"a slot on its way":                          {release(0), refusal("TRYAGAIN Multiple keys request during rehashing of slot"), false, true},
		"busy with a script":                         {release(0), refusal("BUSY Redis is busy running a script."), false, true},
		"a replica that stands alone":                {release(7), refusal("READONLY You can't write against a read only replica."), false, false},
		"a replica that was a master":                {release(7), refusal("READONLY You can't write against a read only replica."), true, true},
		"a cluster without a master for the slot":    {acquire(nil), refusal("CLUSTERDOWN The cluster is down"), true, true},
		"no permission":                              {acquire(nil), refusal("NOPERM this user has no permissions to run the 'evalsha' command"), true, false},
		"out of memory":                              {acquire(nil), refusal("OOM command not allowed when used memory > 'maxmemory'."), false, false},
		"a key of another type":                      {acquire(nil), refusal("WRONGTYPE Operation against a key holding the wrong kind of value"), false, false},
		"not sent, and there are other servers":      {acquire(nil), lockcore.ErrUnreachable, true, true},
		"a forced release by operation, answer lost": {func(c *lockcore.Client, ctx context.Context) error { _, err := c.ForceRelease(ctx, forced); return err }, lockcore.ErrUnknownOutcome, false, true},
		"an extend by fence, answer lost": {func(c *lockcore.Client, ctx context.Context) error {
			_, err := c.Extend(ctx, "lock:a", "me", time.Minute, &lockcore.ExtendOptions{Fence: 7})
			return err
		}, lockcore.ErrUnknownOutcome, false, true},
		"an extend by owner alone, whose answer lost": {func(c *lockcore.Client, ctx context.Context) error {
			_, err := c.Extend(ctx, "lock:a", "me", time.Minute, nil)
			return err
		}, lockcore.ErrUnknownOutcome, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				a := &answering{step: func(_ context.Context, name string, args []string) (any, error) {
					if tries++; tries == 1 {
						return nil, c.fails
					}
					if name == "force_release" {
						return nowMs() + " 7 100 100 0 ", nil
					}
					return yes(name, args), nil
				}}
				var transport lockcore.Transport = a
				if c.redundant {
					transport = redundant{a}
				}
				client := lockcore.New(transport)
				err := c.call(client, t.Context())
				client.Wait()
				if again := err == nil; again != c.again {
					t.Errorf("tried again: %v, should be %v: %v", again, c.again, err)
				}
			})
		})
	}
}

var forced = lockcore.ForceRelease{Key: "lock:a", Expect: lockcore.Expectation{Owner: "me"}, Operator: "ann", Reason: "stuck"}

func TestARefusalAfterALostAnswerIsNoNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		a := &answering{step: func(_ context.Context, name string, args []string) (any, error) {
			if name == "release" {
				return gone("released", "-"), nil
			}
			if tries++; tries == 1 {
				return nil, lockcore.ErrUnknownOutcome // it may have been granted
			}
			return nil, &lockcore.ReplyError{Message: "OOM command not allowed"}
		}}
		c := lockcore.New(a)
		_, err := c.Acquire(t.Context(), "lock:a", "me", time.Minute, nil)
		if !errors.Is(err, lockcore.ErrUnknownOutcome) || errors.Is(err, lockcore.ErrRefused) {
			t.Errorf("the answer is %v", err)
		}
		c.Wait()
		if a.count("release") != 1 {
			t.Errorf("it was given up %d times", a.count("release"))
		}
	})
}

func TestTheTriesEndWithTheTimeOutAndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{step: func(context.Context, string, []string) (any, error) {
			return nil, &lockcore.ReplyError{Message: "LOADING Redis is loading the dataset in memory"}
		}}
		begun := time.Now()
		_, err := lockcore.New(a, lockcore.WithTimeout(3*time.Second)).Acquire(t.Context(), "lock:a", "me", time.Minute, nil)
		if took := time.Since(begun); !errors.Is(err, lockcore.ErrRefused) || took > 3*time.Second || took < 2*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun = time.Now()
		lockcore.New(a).Acquire(ctx, "lock:a", "me", time.Minute, nil)
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("it ended %s after it began, its context after 100 ms", took)
		}
	})
}

// A server whose clock is hours away from ours refuses the first request as late, and tells its time.
func TestAServerWithAnotherClockIsNoObstacle(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server := func() int64 { return time.Now().Add(off).UnixMilli() }
			var margins []time.Duration
			a := &answering{step: func(_ context.Context, name string, args []string) (any, error) {
				notAfter, err := strconv.ParseInt(args[5], 10, 64)
				if err != nil {
					return nil, err
				}
				now := server()
				if now > notAfter {
					return []any{"late", "", "-2", "0", fmt.Sprint(now)}, nil
				}
				margins = append(margins, time.Duration(notAfter-now)*time.Millisecond)
				return fmt.Sprint(now) + " 7 " + args[1] + " 0", nil
			}}
			c := lockcore.New(a)
			for range 2 {
				if _, err := c.Acquire(t.Context(), "lock:a", "me", time.Minute, nil); err != nil {
					t.Errorf("a server %s off: %v", off, err)
				}
			}
			if last := margins[len(margins)-1]; last < time.Second || last > 6*time.Second {
				t.Errorf("a server %s off grants a request for %s after it left", off, last)
			}
		})
	}
}

func TestARequestThatReallyIsLateIsNotSentAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{step: func(_ context.Context, name string, args []string) (any, error) {
			if name == "acquire" {
				time.Sleep(20 * time.Second)
				return []any{"late", "", "-2", "0", nowMs()}, nil
			}
			return gone("released", "-"), nil
		}}
		c := lockcore.New(a)
		if _, err := c.Acquire(t.Context(), "lock:a", "me", time.Minute, nil); !errors.Is(err, lockcore.ErrLate) {
			t.Errorf("the answer is %v", err)
		}
		c.Wait()
		if a.count("acquire") != 1 {
			t.Errorf("it was sent %d times", a.count("acquire"))
		}
	})
}
