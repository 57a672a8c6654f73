package lockcore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t testing.TB, url string) *resp.Client {
	t.Helper()
	client, err := resp.New(resp.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// onRedis gives the suite a real server, emptied for each check.
func onRedis(t *testing.T) func(t *testing.T) *locktest.Server {
	srv := locktest.StartRedis(t)
	var users atomic.Int64
	return func(t *testing.T) *locktest.Server {
		srv.CLI("FLUSHALL")
		return &locktest.Server{
			Transport: connect(t, srv.URL()),
			Do:        srv.CLI,
			As: func(rights ...string) lockcore.Transport {
				user := fmt.Sprintf("user%d", users.Add(1))
				srv.CLI(append([]string{"ACL", "SETUSER", user, "on", ">pw", "~*", "+@all"}, rights...)...)
				return connect(t, fmt.Sprintf("redis://%s:pw@%s/0", user, srv.Addr))
			},
		}
	}
}

func TestTheRulesHoldOnARealServer(t *testing.T) {
	locktest.Check(t, onRedis(t), true)
}

func TestEveryRuleNoticesABrokenScript(t *testing.T) {
	locktest.CheckMutations(t, onRedis(t))
}

func TestTheRulesHoldOnTheEmbeddedServer(t *testing.T) {
	locktest.Check(t, func(t *testing.T) *locktest.Server {
		srv, err := embedded.Start(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		return &locktest.Server{
			Transport: connect(t, srv.URL()),
			Do:        func(args ...string) string { return locktest.Command(t, srv.Addr(), args...) },
		}
	}, false)
}
