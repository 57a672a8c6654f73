package upstash_test

import (
	"context"
	"crypto/sha1"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long a test waits for what must come. Generous: it decides no result.
const limit = time.Minute

// start gives a front before a real server, and a client of it.
func start(t *testing.T) (*locktest.Redis, *locktest.REST, *upstash.Client) {
	t.Helper()
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	return srv, front, connect(t, front.URL(), front.Token())
}

func connect(t *testing.T, url, token string) *upstash.Client { return within(t, url, token, limit) }

func within(t *testing.T, url, token string, timeout time.Duration) *upstash.Client {
	t.Helper()
	client, err := upstash.New(upstash.Options{URL: url, Token: token, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// step is a script that counts how often it ran.
var step = newScript("count", "return {redis.call('INCR', KEYS[1]), ARGV[1]}")

// ran is how often step ran.
func ran(srv *locktest.Redis) string { return srv.CLI("GET", "lock:ran") }

func eval(ctx context.Context, c *upstash.Client) (any, error) {
	return c.Eval(ctx, step, []string{"lock:ran"}, []string{"arg"})
}

func read(ctx context.Context, c *upstash.Client) ([]any, error) {
	return c.Read(ctx, [][]string{{"TIME"}, {"GET", "lock:ran"}})
}

// waitFor fails the test if it does not become true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in %s it did not happen that %s", limit, what)
		}
	}
}

// returned waits for a call that runs beside.
func returned[T any](t *testing.T, done <-chan T) T {
	t.Helper()
	select {
	case v := <-done:
		return v
	case <-time.After(limit):
		t.Fatalf("the call did not return in %s", limit)
		panic("unreachable")
	}
}

func newScript(name, source string) *lockcore.Script {
	return &lockcore.Script{Name: name, Source: source, SHA1: fmt.Sprintf("%x", sha1.Sum([]byte(source)))}
}
