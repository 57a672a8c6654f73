package resp_test

// Against a real master, its replica and three sentinels.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func guarded(t *testing.T, s *locktest.Sentinel, timeout time.Duration) *resp.Client {
	return connect(t, resp.Options{URL: s.URL(), SentinelMaster: locktest.SentinelMaster, Timeout: timeout})
}

// eventually waits for a condition; the limit only decides how soon a fault is reported.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

// load takes locks with unique keys, by several workers, until it is stopped.
type load struct {
	stop    context.CancelFunc
	wg      sync.WaitGroup
	granted atomic.Int64 // how many
	mark    atomic.Int64 // the moment that counts, Unix nanoseconds; 0 for none yet
	first   atomic.Int64 // when the first grant after it was
	mu      sync.Mutex
	errs    map[string]int
}

func startLoad(t *testing.T, transport lockcore.Transport, timeout time.Duration) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, errs: map[string]int{}}
	locks := lockcore.New(transport)
	for w := range 4 {
		l.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				limited, cancel := context.WithTimeout(context.Background(), timeout)
				_, err := locks.Acquire(limited, fmt.Sprintf("lock:%p:%d:%d", l, w, i), "me", time.Minute, nil)
				cancel()
				l.mu.Lock()
				switch {
				case err == nil:
					l.granted.Add(1)
					if now, mark := time.Now().UnixNano(), l.mark.Load(); mark > 0 && now > mark {
						l.first.CompareAndSwap(0, now)
					}
				case errors.Is(err, lockcore.ErrUnknownOutcome):
					l.errs["outcome unknown"]++
				case errors.Is(err, lockcore.ErrUnreachable):
					l.errs["unreachable"]++
				case errors.Is(err, lockcore.ErrRefused):
					l.errs["refused"]++
				default:
					t.Errorf("an acquire in a fail-over ended with %v", err)
				}
				l.mu.Unlock()
				time.Sleep(time.Millisecond) // other processes want to run too
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// grantedAfter waits for a grant after a promotion, and logs how long it took; and how long it
// took until known, which tells when the servers themselves told clients of it.
func (l *load) grantedAfter(t *testing.T, what string, promoted time.Time, known func() bool) {
	t.Helper()
	l.mark.Store(promoted.UnixNano())
	eventually(t, "the promotion is told", known)
	told := time.Since(promoted)
	eventually(t, "an acquire succeeds after the promotion", func() bool { return l.first.Load() > 0 })
	took := time.Duration(l.first.Load() - promoted.UnixNano())
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%s: %s from the promotion to a first success (clients could know after %s); %d granted in all, errors: %v",
		what, took.Round(time.Millisecond), told.Round(time.Millisecond), l.granted.Load(), l.errs)
}

// waitOn sends a step just after freeze, so that it is written and not answered: it ends only
// because its server is given up, since its time is long. The end comes on the channel.
func waitOn(t *testing.T, client *resp.Client, key string, freeze func()) <-chan error {
	t.Helper()
	if _, err := client.Eval(context.Background(), take, both(key), []string{"me"}); err != nil {
		t.Fatal(err)
	}
	freeze()
	end := make(chan error, 1)
	go func() {
		_, err := client.Eval(context.Background(), take, both(key), []string{"me"})
		end <- err
	}()
	return end
}

func TestSentinel(t *testing.T) {
	s := locktest.StartSentinel(t)
	ctx := context.Background()
	named := func(r *locktest.Redis) func() bool {
		return func() bool {
			for _, by := range s.Sentinels {
				if strings.Contains(by.CLI("SENTINEL", "get-master-addr-by-name", locktest.SentinelMaster), r.Port()) {
					return true
				}
			}
			return false
		}
	}

	t.Run("the rules hold", func(t *testing.T) {
		client := guarded(t, s, resp.DefaultTimeout)
		user := 0
		locktest.Check(t, func(t *testing.T) *locktest.Server {
			master := s.Master()
			master.CLI("FLUSHALL")
			return &locktest.Server{Transport: client, Do: master.CLI, As: func(rights ...string) lockcore.Transport {
				user++
				name := fmt.Sprintf("user%d", user)
				master.CLI(append([]string{"ACL", "SETUSER", name, "on", ">pw", "~*", "+@all"}, rights...)...)
				return connect(t, resp.Options{URL: "redis://" + name + ":pw@" + s.Hosts() + "/0", SentinelMaster: locktest.SentinelMaster})
			}}
		}, false)
	})

	t.Run("one sentinel of three is enough to begin with", func(t *testing.T) {
		client := connect(t, resp.Options{URL: "redis://" + locktest.FreeAddr(t) + "," + s.Sentinels[1].Addr + "/2", SentinelMaster: locktest.SentinelMaster})
		if _, err := client.Do(ctx, "set", "where", "here"); err != nil {
			t.Fatal(err)
		}
		if got := client.Node(); got != s.Master().Addr {
			t.Errorf("the node is %s; the master is %s", got, s.Master().Addr)
		}
		if next, keys, err := client.Scan(ctx, "0", "whe*", 100); err != nil || next != "0" || len(keys) != 1 {
			t.Errorf("scan: %v, %v, %v", next, keys, err)
		}
		if group := client.Group("a"); group != "" || group != client.Group("b") {
			t.Errorf("the group of a key is %q; should be the same for all", group)
		}
	})

	t.Run("what is wrong is said", func(t *testing.T) {
		for name, c := range map[string]struct {
			o    resp.Options
			kind error
			says string
		}{
			"no such master":  {resp.Options{URL: s.URL(), SentinelMaster: "nobody"}, lockcore.ErrRefused, "nobody"},
			"nobody listens":  {resp.Options{URL: "redis://" + locktest.FreeAddr(t), SentinelMaster: "locks"}, lockcore.ErrUnreachable, "no sentinel answers"},
			"no such user":    {resp.Options{URL: s.URL(), SentinelMaster: "locks", SentinelUser: "ann", SentinelPassword: "s3cret"}, lockcore.ErrRefused, "sentinel_password"},
			"no sentinel":     {resp.Options{URL: s.Servers[0].URL(), SentinelMaster: "locks"}, lockcore.ErrRefused, "SENTINEL"},
			"wrong for redis": {resp.Options{URL: "redis://ann:s3cret@" + s.Hosts(), SentinelMaster: "locks"}, lockcore.ErrRefused, "WRONGPASS"},
		} {
			client := connect(t, c.o)
			_, err := lockcore.New(client).Acquire(ctx, "lock:a", "me", time.Minute, nil)
			if !errors.Is(err, c.kind) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.says)) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, r := range s.Sentinels {
			r.CLI("ACL", "SETUSER", "ann", "on", ">s3cret", "+@all")
		}
		client := connect(t, resp.Options{URL: s.URL() + "?sentinel_username=ann&sentinel_password=s3cret", SentinelMaster: "locks"})
		if _, err := client.Do(ctx, "ping"); err != nil {
			t.Errorf("with the sentinels' own password: %v", err)
		}
	})

	t.Run("a killed master", func(t *testing.T) {
		s.AwaitCalm()
		client := guarded(t, s, 10*time.Second)
		l := startLoad(t, client, 10*time.Second)
		old, replica := s.Master(), s.Replica()
		eventually(t, "locks are granted", func() bool { return l.granted.Load() > 20 })
		old.Kill()
		l.grantedAfter(t, "killed", locktest.AwaitPromotion(t, replica), named(replica))
		l.end()
		old.Start()
		s.AwaitCalm()
		if got := client.Node(); got != replica.Addr {
			t.Errorf("the node is %s; the master is %s", got, replica.Addr)
		}
	})

	t.Run("a frozen master", func(t *testing.T) {
		client := guarded(t, s, 10*time.Second)
		l := startLoad(t, client, 10*time.Second)
		old, replica := s.Master(), s.Replica()
		eventually(t, "locks are granted", func() bool { return l.granted.Load() > 20 })
		sub := client.Subscribe(ctx, "*")
		defer sub.Close()
		if _, err := sub.Receive(); err != nil {
			t.Fatal(err)
		}
		waiting := waitOn(t, guarded(t, s, longTimeout), "lock:waits", old.Freeze)
		l.grantedAfter(t, "frozen", locktest.AwaitPromotion(t, replica), named(replica))
		if _, err := sub.Receive(); !errors.Is(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "not the master") {
			t.Errorf("who listened to the old master hears %v", err)
		}
		if err := <-waiting; !errors.Is(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("who waited for the old master's answer gets %v", err)
		}
		l.end()
		old.Thaw()
		s.AwaitCalm()
	})

	t.Run("a master that was demoted", func(t *testing.T) {
		client := guarded(t, s, 10*time.Second)
		l := startLoad(t, client, 10*time.Second)
		replica := s.Replica()
		eventually(t, "locks are granted", func() bool { return l.granted.Load() > 20 })
		eventually(t, "a sentinel has the master replaced", func() bool { // it wants to have heard of the replica first
			return s.Sentinels[0].CLI("SENTINEL", "FAILOVER", locktest.SentinelMaster) == "OK"
		})
		locktest.AwaitPromotion(t, replica) // until it is told, the old one grants locks too
		eventually(t, "the sentinels name the replica", named(replica))
		told := time.Now()
		eventually(t, "the client has followed", func() bool { return client.Node() == replica.Addr })
		l.grantedAfter(t, "by hand, from the sentinels' word on", told, named(replica))
		l.end()
		s.AwaitCalm()
	})

	t.Run("READONLY is given back, and the master is looked for anew", func(t *testing.T) {
		client := guarded(t, s, 10*time.Second)
		master := s.Master()
		if _, err := client.Do(ctx, "set", "lock:x", "me"); err != nil {
			t.Fatal(err)
		}
		// Behind the sentinels' back; they undo it in some seconds.
		master.CLI("REPLICAOF", "127.0.0.1", s.Replica().Port())
		_, err := client.Do(ctx, "set", "lock:x", "me")
		var reply *lockcore.ReplyError
		if !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "READONLY") {
			t.Errorf("a master made replica answers %v", err)
		}
		master.CLI("REPLICAOF", "NO", "ONE")
		eventually(t, "a write succeeds", func() bool {
			_, err := client.Do(ctx, "set", "lock:x", "me")
			return err == nil
		})
		s.AwaitCalm()
	})

	t.Run("a sentinel that has missed a fail-over brings nobody back", func(t *testing.T) {
		s.AwaitCalm()
		client := guarded(t, s, 10*time.Second)
		old, replica := s.Master(), s.Replica()
		write := func() error { _, err := client.Do(ctx, "set", "lock:x", "me"); return err }
		eventually(t, "the client knows the master", func() bool { return write() == nil && client.Node() == old.Addr })
		behind, others := s.Sentinels[2], s.Sentinels[:2]
		behind.Kill() // frozen it would hear of it as soon as it goes on
		old.Freeze()
		promoted := func() bool {
			return strings.Contains(others[0].CLI("SENTINEL", "get-master-addr-by-name", locktest.SentinelMaster), replica.Port()) &&
				strings.Contains(others[1].CLI("SENTINEL", "get-master-addr-by-name", locktest.SentinelMaster), replica.Port())
		}
		eventually(t, "the replica is promoted", promoted)
		eventually(t, "the client knows the new master", func() bool { return write() == nil && client.Node() == replica.Addr })
		for _, r := range others {
			r.Freeze()
		}
		// The former master says that it is one, and so does the only sentinel that answers.
		old.Thaw()
		behind.Start()
		polls := 0
		asked := func() (n int) { // by anybody but this test
			_, after, _ := strings.Cut(behind.CLI("INFO", "stats"), "total_commands_processed:")
			fmt.Sscan(after, &n)
			polls++
			return n - polls
		}
		if named := behind.CLI("SENTINEL", "get-master-addr-by-name", locktest.SentinelMaster); !strings.Contains(named, old.Port()) {
			t.Fatalf("the sentinel that was away names %q", named)
		}
		// Three commands are one look of the client's, besides what the sentinels say to each other.
		before := asked()
		eventually(t, "the client looks, and again", func() bool { return asked() > before+12 })
		if got := client.Node(); got != replica.Addr {
			t.Errorf("the client went back to %s; the master is %s", got, replica.Addr)
		}
		if _, err := client.Do(ctx, "set", "lock:x", "still me"); err != nil || replica.CLI("GET", "lock:x") != "still me" {
			t.Errorf("a write: %v, and the master has %q", err, replica.CLI("GET", "lock:x"))
		}
		for _, r := range others {
			r.Thaw()
		}
		s.AwaitCalm()
	})

	t.Run("calls of a frozen master end with their context", func(t *testing.T) {
		client := guarded(t, s, longTimeout)
		if _, err := client.Do(ctx, "ping"); err != nil {
			t.Fatal(err)
		}
		master := s.Master()
		master.Freeze()
		defer master.Thaw()
		for name, call := range calls {
			for how, e := range endings {
				ctx, cancel := e.ctx(soon)
				if err := call(ctx, client); err != nil && !errors.Is(err, e.cause) && !errors.Is(err, lockcore.ErrUnknownOutcome) {
					t.Errorf("%s, %s: %v", name, how, err)
				}
				cancel()
			}
		}
	})
}
