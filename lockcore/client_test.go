package lockcore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// unsent is a transport that must not be used.
type unsent struct{ t *testing.T }

func (u unsent) Eval(_ context.Context, s *lockcore.Script, _, _ []string) (any, error) {
	u.t.Errorf("%s was sent", s.Name)
	return nil, lockcore.ErrUnreachable
}

func (u unsent) Read(context.Context, [][]string) ([]any, error) {
	u.t.Error("a read was sent")
	return nil, lockcore.ErrUnreachable
}

func TestArgumentsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	c, ctx := lockcore.New(unsent{t}), context.Background()
	long := strings.Repeat("x", lockcore.MaxOwner+1)
	acquire := func(key, owner string, ttl time.Duration, work string) error {
		_, err := c.Acquire(ctx, key, owner, ttl, &lockcore.AcquireOptions{Work: work})
		return err
	}
	force := func(f lockcore.ForceRelease) error { _, err := c.ForceRelease(ctx, f); return err }
	for name, err := range map[string]error{
		"empty key":        acquire("", "me", time.Second, ""),
		"ledger key":       acquire("locktop:{a}", "me", time.Second, ""),
		"empty owner":      acquire("lock:a", "", time.Second, ""),
		"long owner":       acquire("lock:a", long, time.Second, ""),
		"long work":        acquire("lock:a", "me", time.Second, long),
		"no TTL":           acquire("lock:a", "me", 0, ""),
		"negative TTL":     acquire("lock:a", "me", -time.Second, ""),
		"TTL under 1 ms":   acquire("lock:a", "me", time.Millisecond-1, ""),
		"TTL of a half ms": acquire("lock:a", "me", 1500*time.Microsecond, ""),
		"TTL of 11 years":  acquire("lock:a", "me", 11*365*24*time.Hour, ""),
		"no reason":        force(lockcore.ForceRelease{Key: "lock:a", Expect: lockcore.Expectation{Owner: "me"}, Operator: "ann"}),
		"no operator":      force(lockcore.ForceRelease{Key: "lock:a", Expect: lockcore.Expectation{Owner: "me"}, Reason: "x"}),
		"no owner":         force(lockcore.ForceRelease{Key: "lock:a", Operator: "ann", Reason: "x"}),
	} {
		if !errors.Is(err, lockcore.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has more than one line: %q", name, err)
		}
	}
}

// slow lets the local clock run on while a request is under way.
type slow struct {
	lockcore.Transport
	now   *time.Time
	takes time.Duration
}

func (s slow) Eval(ctx context.Context, script *lockcore.Script, keys, args []string) (any, error) {
	reply, err := s.Transport.Eval(ctx, script, keys, args)
	*s.now = s.now.Add(s.takes)
	return reply, err
}

func TestASuccessThatComesAfterItsTTLIsAFailure(t *testing.T) {
	srv := locktest.StartRedis(t)
	now := time.Unix(1_800_000_000, 0)
	c := lockcore.New(slow{connect(t, srv.URL()), &now, 1500 * time.Millisecond}, lockcore.WithClock(func() time.Time { return now }))
	ctx := context.Background()
	if _, err := c.Acquire(ctx, "lock:a", "me", time.Second, nil); !errors.Is(err, lockcore.ErrLate) {
		t.Errorf("a grant of 1 s that took 1.5 s is answered %v", err)
	}
	c.Wait()
	sent := now
	h, err := c.Acquire(ctx, "lock:b", "me", 2*time.Second, nil)
	if err != nil || !h.Until.Equal(sent.Add(2*time.Second)) {
		t.Errorf("a grant of 2 s that took 1.5 s is %+v, %v; it counts from when the request left", h, err)
	}
	if _, err := c.Extend(ctx, "lock:b", "me", time.Second, nil); err != nil && !errors.Is(err, lockcore.ErrLate) {
		t.Errorf("extend: %v", err)
	}
}

func TestALostReplyIsAnUnknownOutcome(t *testing.T) {
	srv := locktest.StartRedis(t)
	direct := lockcore.New(connect(t, srv.URL()))
	ctx := context.Background()
	for _, cut := range []bool{true, false} {
		t.Run(fmt.Sprintf("cut=%v", cut), func(t *testing.T) {
			srv.CLI("FLUSHALL")
			proxy := locktest.StartProxy(t, srv.Addr)
			client := connect(t, proxy.URL())
			c := lockcore.New(client)
			limited := func() context.Context {
				limited, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
				t.Cleanup(cancel)
				return limited
			}
			// The scripts are known to the server, so that each step is one request.
			for _, err := range []error{
				func() error { _, err := c.Acquire(ctx, "lock:warm", "me", time.Minute, nil); return err }(),
				func() error { _, err := c.Extend(ctx, "lock:warm", "me", time.Minute, nil); return err }(),
				func() error { _, err := c.Release(ctx, "lock:warm", "me", nil); return err }(),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			proxy.LoseRepliesTo("evalsha", cut)
			_, err := c.Acquire(limited(), "lock:a", "me", time.Minute, &lockcore.AcquireOptions{Request: lockcore.NoRequest})
			if !errors.Is(err, lockcore.ErrUnknownOutcome) || errors.Is(err, lockcore.ErrUnreachable) {
				t.Errorf("acquire with a lost reply is answered %v", err)
			}
			if l, err := direct.Inspect(ctx, "lock:a"); err != nil || l.Owner != "me" {
				t.Errorf("the request did arrive, and the lock is %+v, %v", l, err)
			}
			if _, err := c.Release(limited(), "lock:a", "me", nil); !errors.Is(err, lockcore.ErrUnknownOutcome) {
				t.Errorf("release with a lost reply is answered %v", err)
			}
			proxy.LoseRepliesTo("", false)
			if r, err := c.Release(ctx, "lock:a", "me", nil); err != nil || !r.Repeated {
				t.Errorf("the release tried again is answered %+v, %v", r, err)
			}

			if _, err := c.Acquire(ctx, "lock:f", "victim", time.Minute, nil); err != nil {
				t.Fatal(err)
			}
			l, err := c.Inspect(ctx, "lock:f")
			if err != nil {
				t.Fatal(err)
			}
			order := lockcore.ForceRelease{Key: "lock:f", Expect: l.Expectation(), Operation: "op", Operator: "ann", Reason: "stuck"}
			proxy.LoseRepliesTo("eval", cut)
			if _, err := c.ForceRelease(limited(), order); !errors.Is(err, lockcore.ErrUnknownOutcome) {
				t.Errorf("force-release with a lost reply is answered %v", err)
			}
			proxy.LoseRepliesTo("", false)
			// Whether the first order had arrived or not, tried again it is done once.
			if _, err := c.ForceRelease(ctx, order); err != nil {
				t.Errorf("the order tried again is answered %v", err)
			}
			if l, err := direct.Inspect(ctx, "lock:f"); err != nil || len(l.Ledger.Holds) != 1 || l.Ledger.Holds[0].How != lockcore.HowForced {
				t.Errorf("the end is recorded as %+v, %v", l, err)
			}
		})
	}
}

func TestOneOfManyContendersWins(t *testing.T) {
	srv := locktest.StartRedis(t)
	c := lockcore.New(connect(t, srv.URL()))
	const contenders = 100
	results := make(chan error, contenders)
	for i := range contenders {
		go func() {
			_, err := c.Acquire(context.Background(), "lock:a", fmt.Sprintf("owner-%d", i), time.Minute, nil)
			results <- err
		}()
	}
	won, denied := 0, 0
	for range contenders {
		switch err := <-results; {
		case err == nil:
			won++
		case errors.Is(err, lockcore.ErrHeld):
			denied++
		default:
			t.Error(err)
		}
	}
	if won != 1 || denied != contenders-1 {
		t.Errorf("%d won and %d were denied", won, denied)
	}
	if l, err := c.Inspect(context.Background(), "lock:a"); err != nil || l.Ledger.Denied != contenders-1 || len(l.Ledger.Waiters) != contenders-1 {
		t.Errorf("recorded are %+v, %v", l.Ledger, err)
	}
}

func TestAReplicaSaysNothingIsYours(t *testing.T) {
	master, replica := locktest.StartRedis(t), locktest.StartRedis(t)
	ctx := context.Background()
	if _, err := lockcore.New(connect(t, master.URL())).Acquire(ctx, "lock:a", "me", time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	replica.CLI("REPLICAOF", "127.0.0.1", master.Port())
	for replica.CLI("GET", "lock:a") != "me" { // until it is in step
	}
	c := lockcore.New(connect(t, replica.URL()))
	if _, err := c.Acquire(ctx, "lock:a", "me", time.Minute, nil); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("a replica answers the owner's acquire with %v", err)
	}
	if _, err := c.Extend(ctx, "lock:a", "me", time.Second, nil); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("a replica answers extend with %v", err)
	}
	if _, err := c.Release(ctx, "lock:a", "me", nil); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("a replica answers release with %v", err)
	}
	// It may be behind its master, so it does not say no either.
	if _, err := c.Acquire(ctx, "lock:a", "other", time.Minute, nil); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("a replica answers another owner's acquire with %v", err)
	}
	if l, err := c.Inspect(ctx, "lock:a"); err != nil || l.Owner != "me" || l.Fence == 0 {
		t.Errorf("a replica shows %+v, %v", l, err)
	}
}

func TestInspectingNeedsNoRightToWrite(t *testing.T) {
	srv := locktest.StartRedis(t)
	ctx := context.Background()
	if _, err := lockcore.New(connect(t, srv.URL())).Acquire(ctx, "lock:a", "me", time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	srv.CLI("ACL", "SETUSER", "viewer", "on", ">pw", "%R~lock:*", "%R~locktop:*", "-@all",
		"+hello", "+auth", "+select", "+get", "+pttl", "+hgetall", "+time", "+multi", "+exec")
	viewer := lockcore.New(connect(t, "redis://viewer:pw@"+srv.Addr+"/0"))
	l, err := viewer.Inspect(ctx, "lock:a")
	if err != nil || l.Owner != "me" || l.Fence == 0 || l.Held < 0 {
		t.Errorf("the viewer sees %+v, %v", l, err)
	}
	if _, err := viewer.Acquire(ctx, "lock:b", "me", time.Minute, nil); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("the viewer's acquire is answered %v", err)
	}
}
