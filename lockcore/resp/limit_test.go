package resp_test

// Calls end with their context, by cancel and by deadline, whatever they wait for; and
// what was left before it was written is never written.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// longTimeout ends no call of these tests: what ends, ends by its context.
const longTimeout = 10 * time.Minute

// soon is when the tests end a call that waits. Where it must have been written by then it is later.
const (
	soon  = 30 * time.Millisecond
	later = 500 * time.Millisecond
)

func connect(t testing.TB, o resp.Options) *resp.Client {
	t.Helper()
	client, err := resp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// calls are every kind of call.
var calls = map[string]func(context.Context, *resp.Client) error{
	"Eval": func(ctx context.Context, c *resp.Client) error {
		_, err := c.Eval(ctx, echo, []string{"lock:a"}, []string{"x"})
		return err
	},
	"Do": func(ctx context.Context, c *resp.Client) error {
		_, err := c.Do(ctx, "incr", "n")
		return err
	},
	"Read": func(ctx context.Context, c *resp.Client) error {
		_, err := c.Read(ctx, [][]string{{"TIME"}, {"GET", "lock:a"}})
		return err
	},
}

var errStop = errors.New("the user has pressed Ctrl+C")

// ending is a way in which a context ends, with the cause that errors give.
type ending struct {
	ctx   func(after time.Duration) (context.Context, context.CancelFunc)
	cause error
}

// endings are all of them.
var endings = map[string]ending{
	"cancel": {func(after time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(context.Background())
		timer := time.AfterFunc(after, func() { cancel(errStop) })
		return ctx, func() { timer.Stop(); cancel(nil) }
	}, errStop},
	"deadline": {func(after time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), after)
	}, context.DeadlineExceeded},
	"deadline without Done": {func(after time.Duration) (context.Context, context.CancelFunc) {
		return until{context.Background(), time.Now().Add(after)}, func() {}
	}, context.DeadlineExceeded},
	"deadline before Done": {func(after time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(context.Background())
		return until{ctx, time.Now().Add(after)}, cancel
	}, context.DeadlineExceeded},
}

// eachWay runs a check for each kind of call and each ending.
func eachWay(t *testing.T, after time.Duration, client func(*testing.T) *resp.Client, check func(t *testing.T, call string, err, cause error)) {
	for name, call := range calls {
		for how, e := range endings {
			t.Run(name+", "+how, func(t *testing.T) {
				c := client(t)
				ctx, cancel := e.ctx(after)
				defer cancel()
				check(t, name, call(ctx, c), e.cause)
				if err := c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
	}
}

func TestACallOfAFrozenServerEndsWithItsContext(t *testing.T) {
	srv := locktest.StartRedis(t)
	warm := func(t *testing.T) *resp.Client { // its connection is made, so the request goes out
		client := connect(t, resp.Options{URL: srv.URL(), Timeout: longTimeout})
		if _, err := client.Do(context.Background(), "ping"); err != nil {
			t.Fatal(err)
		}
		srv.Freeze()
		return client
	}
	eachWay(t, later, warm, func(t *testing.T, call string, err, cause error) {
		defer srv.Thaw()
		want := lockcore.ErrUnknownOutcome
		if call == "Read" { // a read has no outcome to doubt
			want = lockcore.ErrUnreachable
		}
		if !errors.Is(err, want) || !errors.Is(err, cause) {
			t.Errorf("answered %v; should be %v: %v", err, want, cause)
		}
	})
}

func TestACallOfAServerThatDoesNotGreetEndsWithItsContextUnsent(t *testing.T) {
	srv := locktest.StartRedis(t)
	cold := func(t *testing.T) *resp.Client {
		srv.Freeze() // the kernel still takes connections
		return connect(t, resp.Options{URL: srv.URL(), Timeout: longTimeout})
	}
	eachWay(t, soon, cold, func(t *testing.T, _ string, err, cause error) {
		defer srv.Thaw()
		if !errors.Is(err, lockcore.ErrUnreachable) || errors.Is(err, lockcore.ErrUnknownOutcome) || !errors.Is(err, cause) {
			t.Errorf("answered %v", err)
		}
	})
	if n := srv.CLI("GET", "n"); n != "(nil)" {
		t.Errorf("what was left unsent was done all the same: n is %s", n)
	}
}

func TestACallThatWaitsForAConnectionEndsWithItsContextUnsent(t *testing.T) {
	srv := locktest.StartRedis(t)
	busy := func(t *testing.T) *resp.Client {
		client := connect(t, resp.Options{URL: srv.URL() + "?pool_size=1", Timeout: longTimeout})
		if _, err := client.Do(context.Background(), "ping"); err != nil {
			t.Fatal(err)
		}
		blocked := make(chan struct{})
		go func() {
			defer close(blocked)
			client.Do(context.Background(), "blpop", "never", "0")
		}()
		t.Cleanup(func() { <-blocked }) // Close ends it
		for !strings.Contains(srv.CLI("INFO", "clients"), "blocked_clients:1") {
			time.Sleep(time.Millisecond)
		}
		return client
	}
	eachWay(t, soon, busy, func(t *testing.T, _ string, err, cause error) {
		if !errors.Is(err, lockcore.ErrUnreachable) || errors.Is(err, lockcore.ErrUnknownOutcome) || !errors.Is(err, cause) {
			t.Errorf("answered %v", err)
		}
	})
}

func TestACallThatDialsEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mute := "rediss://" + l.Addr().String() // accepted by the kernel, and never greeted in TLS
	cold := func(t *testing.T) *resp.Client {
		return connect(t, resp.Options{URL: mute, Timeout: longTimeout})
	}
	eachWay(t, soon, cold, func(t *testing.T, _ string, err, cause error) {
		if !errors.Is(err, lockcore.ErrUnreachable) || !errors.Is(err, cause) {
			t.Errorf("answered %v", err)
		}
	})
}

func TestNothingIsSentAfterTheEnd(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL()})
	over, cancel := context.WithCancelCause(context.Background())
	cancel(errStop)
	for name, call := range calls {
		if err := call(over, client); !errors.Is(err, lockcore.ErrUnreachable) || !errors.Is(err, errStop) {
			t.Errorf("%s after a cancel: %v", name, err)
		}
		late := until{context.Background(), time.Now().Add(-time.Second)}
		if err := call(late, client); !errors.Is(err, lockcore.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s after its deadline: %v", name, err)
		}
	}
	if n := srv.CLI("GET", "n"); n != "(nil)" {
		t.Errorf("n is %s", n)
	}
}

// Cancels come at every moment of a call here. An answer that says "not sent" must be true:
// the server has counted exactly the calls that were done, and no more than those in doubt besides.
func TestUnsentIsTheTruthWheneverTheCancelComes(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL() + "?pool_size=2"})
	const workers, each = 8, 150
	var mu sync.Mutex
	var done, unknown, unsent int
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(context.Background())
				timer := time.AfterFunc(time.Duration((w*each+i)%97)*5*time.Microsecond, cancel)
				_, err := client.Eval(ctx, script(`redis.call('INCR', KEYS[1]) return ARGV[1]`), []string{"n"}, []string{"x"})
				timer.Stop()
				cancel()
				mu.Lock()
				switch {
				case err == nil:
					done++
				case errors.Is(err, lockcore.ErrUnknownOutcome):
					unknown++
				case errors.Is(err, lockcore.ErrUnreachable):
					unsent++
				default:
					t.Errorf("answered %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	client.Close() // waits for what was left
	// What was written before Close may still be on its way to the server; a later connection's command comes after it is read.
	var n int
	fmt.Sscan(srv.CLI("GET", "n"), &n)
	if n < done || n > done+unknown {
		t.Errorf("the server has done %d calls; %d were answered, %d in doubt, %d unsent", n, done, unknown, unsent)
	}
	t.Logf("%d answered, %d in doubt, %d unsent; the server has done %d", done, unknown, unsent, n)
}

func TestCloseEndsWhatWaits(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL(), Timeout: longTimeout})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answers := make(chan error, 2)
	go func() { _, err := client.Do(ctx, "blpop", "never", "0"); answers <- err }()
	go func() { _, err := client.Do(context.Background(), "blpop", "never", "0"); answers <- err }()
	for !strings.Contains(srv.CLI("INFO", "clients"), "blocked_clients:2") {
		time.Sleep(time.Millisecond)
	}
	client.Close()
	for range 2 {
		if err := <-answers; !errors.Is(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("answered %v", err)
		}
	}
	for name, call := range calls {
		if err := call(ctx, client); !errors.Is(err, lockcore.ErrUnreachable) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestAFewAllocationsACall(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL()})
	keys, args := []string{"lock:a", "locktop:{lock:a}"}, []string{"owner", "15000"}
	for name, ctx := range map[string]context.Context{
		"no end": context.Background(), "a deadline": until{context.Background(), time.Now().Add(time.Hour)},
	} {
		n := testing.AllocsPerRun(200, func() {
			if _, err := client.Eval(ctx, echo, keys, args); err != nil {
				t.Fatal(err)
			}
		})
		// go-redis's own are 2 for the connection's check and 2 for the answer. The race detector's
		// pools forget things on purpose.
		if limit := 4.0; n > limit && !raceEnabled {
			t.Errorf("with %s a call costs %v allocations; should be %v", name, n, limit)
		}
	}
}
