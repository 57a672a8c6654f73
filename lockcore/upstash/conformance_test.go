package upstash_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
)

func TestTheRulesHoldOverREST(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	var users atomic.Int64
	locktest.Check(t, func(t *testing.T) *locktest.Server {
		srv.CLI("FLUSHALL")
		return &locktest.Server{
			TextOnly:  true,
			Transport: connect(t, front.URL(), front.Token()),
			Do:        srv.CLI,
			As: func(rights ...string) lockcore.Transport {
				user := fmt.Sprintf("user%d", users.Add(1))
				srv.CLI(append([]string{"ACL", "SETUSER", user, "on", ">pw", "~*", "+@all"}, rights...)...)
				return connect(t, front.URL(), front.TokenFor(user, "pw"))
			},
		}
	}, true)
}

func TestTheRulesHoldOverRESTBeforeTheEmbeddedServer(t *testing.T) {
	locktest.Check(t, func(t *testing.T) *locktest.Server {
		srv, err := embedded.Start(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		front := locktest.StartREST(t, srv.Addr())
		return &locktest.Server{
			TextOnly:  true,
			Transport: connect(t, front.URL(), front.Token()),
			Do:        func(args ...string) string { return locktest.Command(t, srv.Addr(), args...) },
		}
	}, false)
}

func TestOwnersWorksAndKeysOfAnyTextComeBackAsTheyAre(t *testing.T) {
	_, _, client := start(t)
	c, ctx := lockcore.New(client), context.Background()
	owner, work, key := "o\x00 \n\x7f\u2028<&>\"\\-%1 é 🔒\ufffd-", "w \r\n\x00 OK", "lock:\x00 \u00ff\n OK"
	h, err := c.Acquire(ctx, key, owner, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Acquire(ctx, key, "other \x00", time.Minute, &lockcore.AcquireOptions{Work: work}); !errors.Is(err, lockcore.ErrHeld) {
		t.Fatal(err)
	}
	l, err := c.Inspect(ctx, key)
	if err != nil || l.Owner != owner || l.Fence != h.Fence || len(l.Ledger.Waiters) != 1 || l.Ledger.Waiters[0].Work != work {
		t.Errorf("seen is %+v, %v", l, err)
	}
	if _, err := c.Release(ctx, key, owner, nil); err != nil {
		t.Error(err)
	}
}

func TestALockOfBytesThatAreNoTextIsSeenAndNotTouched(t *testing.T) {
	srv, front, client := start(t)
	c, ctx := lockcore.New(client), context.Background()
	srv.CLI("SET", "lock:a", "me\xff\xfe", "PX", "60000")
	l, err := c.Inspect(ctx, "lock:a")
	if err != nil || l.Owner != "me\xff\xfe" {
		t.Errorf("its owner is seen as %+v, %v", l, err)
	}
	_, err = c.Acquire(ctx, "lock:a", "other", time.Minute, nil)
	if held, ok := errors.AsType[*lockcore.HeldError](err); !ok || held.Owner != "me\xff\xfe" {
		t.Errorf("a denial says %v", err)
	}
	before := len(front.Requests())
	if _, err := c.Release(ctx, "lock:a", "me\xff\xfe", nil); !errors.Is(err, lockcore.ErrInvalid) {
		t.Errorf("a release by that owner is answered %v", err)
	}
	if _, err := c.Acquire(ctx, "lock:\xff", "me", time.Minute, nil); !errors.Is(err, lockcore.ErrInvalid) {
		t.Errorf("an acquire of a key of such bytes is answered %v", err)
	}
	if sent := len(front.Requests()) - before; sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
	srv.CLI("SET", "lock:\xff", "x", "PX", "60000")
	locks, err := c.InspectAll(ctx, []string{"lock:a", "lock:\xff", "lock:c"})
	if err != nil || locks[0].Owner != "me\xff\xfe" || locks[1].Err == nil || locks[2].Err != nil {
		t.Errorf("one key that cannot be named keeps others from being read: %+v, %v", locks, err)
	}
}
