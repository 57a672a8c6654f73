package lockcore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"locktop/lockcore"
)

// answering is a transport that answers each step by a function, on whatever clock the test has.
type answering struct {
	lockcore.Transport
	mu    sync.Mutex
	steps []string
	step  func(ctx context.Context, name string, args []string) (any, error)
}

func (a *answering) Eval(ctx context.Context, s *lockcore.Script, _, args []string) (any, error) {
	a.mu.Lock()
	a.steps = append(a.steps, s.Name)
	a.mu.Unlock()
	return a.step(ctx, s.Name, args)
}

func (a *answering) count(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, s := range a.steps {
		if s == name {
			n++
		}
	}
	return n
}

func nowMs() string { return fmt.Sprint(time.Now().UnixMilli()) }

// yes answers a step on a lock of fence 7 and the TTL that was asked for.
func yes(name string, args []string) any {
	switch name {
	case "acquire":
		return nowMs() + " 7 " + args[1] + " 0"
	case "extend":
		return nowMs() + " 7 " + args[1]
	case "release":
		return nowMs() + " 7 100"
	}
	panic(name)
}

// gone answers that the hold was ended like this.
func gone(how, by string) any {
	return []any{"gone", "next", "5000", "9", nowMs(), how, nowMs(), "op", by, "why", "7", nowMs()}
}

const leaseTTL = 9 * time.Second

func lease(t *testing.T, step func(ctx context.Context, name string, args []string) (any, error)) (*lockcore.Lease, *answering) {
	t.Helper()
	a := &answering{step: step}
	l, err := lockcore.New(a).Lease(t.Context(), "lock:a", "me", leaseTTL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, a
}

func TestALeaseIsRenewedAtAThirdOfItsTTLUntilItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a := lease(t, func(_ context.Context, name string, args []string) (any, error) {
			if name != "acquire" && args[map[string]int{"extend": 2, "release": 1}[name]] != "0000000000000007" {
				t.Errorf("%s is sent without the fence: %q", name, args)
			}
			return yes(name, args), nil
		})
		time.Sleep(10*leaseTTL + time.Second)
		if n := a.count("extend"); n != 30 {
			t.Errorf("in ten TTLs it was renewed %d times", n)
		}
		if l.Err() != nil || l.Context().Err() != nil || time.Until(l.Hold().Until) < leaseTTL/2 {
			t.Errorf("held is %+v, %v", l.Hold(), l.Err())
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := l.Close(t.Context()); err != nil || a.count("release") != 1 {
			t.Errorf("closed again: %v; it was released %d times", err, a.count("release"))
		}
		<-l.Done()
		if cause := context.Cause(l.Context()); !errors.Is(cause, lockcore.ErrClosed) || !errors.Is(l.Err(), lockcore.ErrClosed) {
			t.Errorf("after Close the cause is %v", cause)
		}
	})
}

func TestALeaseIsLostWithItsCause(t *testing.T) {
	hang := func(ctx context.Context, name string, args []string) (any, error) {
		if name != "extend" {
			return yes(name, args), nil
		}
		<-ctx.Done()
		return nil, fmt.Errorf("%w: %w", lockcore.ErrUnknownOutcome, ctx.Err())
	}
	for name, c := range map[string]struct {
		step  func(ctx context.Context, name string, args []string) (any, error)
		after time.Duration
		cause []error
		says  string
	}{
		"revoked": {func(_ context.Context, name string, args []string) (any, error) {
			if name == "extend" {
				return gone("forced", "ann"), nil
			}
			return yes(name, args), nil
		}, leaseTTL / 3, []error{lockcore.ErrRevoked, lockcore.ErrNotHeld}, "ann"},
		"expired at the server": {func(_ context.Context, name string, args []string) (any, error) {
			if name == "extend" {
				return gone("expired", "-"), nil
			}
			return yes(name, args), nil
		}, leaseTTL / 3, []error{lockcore.ErrNotHeld}, "expired"},
		"server hangs": {hang, leaseTTL, []error{lockcore.ErrExpired}, "ran out"},
		"server gone": {func(_ context.Context, name string, args []string) (any, error) {
			if name == "extend" {
				return nil, fmt.Errorf("%w: connection refused", lockcore.ErrUnreachable)
			}
			return yes(name, args), nil
		}, leaseTTL, []error{lockcore.ErrExpired, lockcore.ErrUnreachable}, "connection refused"},
		"server may not write": {func(_ context.Context, name string, args []string) (any, error) {
			if name == "extend" {
				return nil, &lockcore.ReplyError{Message: "READONLY You can't write against a read only replica."}
			}
			return yes(name, args), nil
		}, leaseTTL, []error{lockcore.ErrExpired, lockcore.ErrRefused}, "READONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				l, _ := lease(t, c.step)
				<-l.Done()
				if took := time.Since(begun); took != c.after {
					t.Errorf("lost after %s, should be after %s", took, c.after)
				}
				cause := context.Cause(l.Context())
				for _, want := range c.cause {
					if !errors.Is(cause, want) || !errors.Is(l.Err(), want) {
						t.Errorf("the cause is %v, should match %v", cause, want)
					}
				}
				if !strings.Contains(cause.Error(), c.says) {
					t.Errorf("the cause is %v, should say %q", cause, c.says)
				}
				l.Close(t.Context())
			})
		})
	}
}

func TestALeaseOutlivesATimeWithoutItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		l, _ := lease(t, func(_ context.Context, name string, args []string) (any, error) {
			if down := time.Since(begun); name == "extend" && down > 2*time.Second && down < 8*time.Second {
				return nil, lockcore.ErrUnreachable
			}
			return yes(name, args), nil
		})
		time.Sleep(3 * leaseTTL)
		if l.Err() != nil {
			t.Errorf("lost: %v", l.Err())
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestALeaseThatIsClosedLateSaysHowLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := lease(t, func(_ context.Context, name string, args []string) (any, error) {
			switch name {
			case "extend":
				return nil, lockcore.ErrUnreachable
			case "release":
				return []any{"gone", "", "-2", "0", nowMs(), "expired:ol", nowMs(), "3200", "-", "-", "7", nowMs()}, nil
			}
			return yes(name, args), nil
		})
		<-l.Done()
		var not *lockcore.NotHeldError
		if err := l.Close(t.Context()); !errors.As(err, &not) || not.Past.Overran != 3200*time.Millisecond || !not.Past.Overlap {
			t.Errorf("closed late it answers %v", err)
		}
	})
}

func TestALeaseStaysHeldWhenItsCallersContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{step: func(_ context.Context, name string, args []string) (any, error) { return yes(name, args), nil }}
		ctx, cancel := context.WithCancel(t.Context())
		l, err := lockcore.New(a).Lease(ctx, "lock:a", "me", leaseTTL, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		<-l.Context().Done()
		time.Sleep(leaseTTL + time.Second)
		if a.count("extend") != 3 || l.Err() != nil {
			t.Errorf("it was renewed %d times, %v", a.count("extend"), l.Err())
		}
		if err := l.Close(t.Context()); err != nil || a.count("release") != 1 {
			t.Errorf("closed: %v", err)
		}
	})
}
