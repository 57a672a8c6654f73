package keyspace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

// churn lets several clients do random things to a few locks: careful ones and careless ones.
func churn(t *testing.T, srv *locktest.Redis, clients, operations int) {
	t.Helper()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 42))
			bare := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
			defer bare.Close()
			locks, ctx := cores(t, srv), context.Background()
			for i := range operations {
				key := fmt.Sprintf("lock:%d", random.IntN(30))
				owner := fmt.Sprintf("owner-%d-%d", c, i%3)
				ttl := time.Duration(1+random.IntN(200)) * time.Millisecond
				if random.IntN(2) == 0 {
					ttl = time.Hour
				}
				switch random.IntN(12) {
				case 0:
					bare.SetArgs(ctx, key, owner, redis.SetArgs{Mode: "NX", TTL: ttl})
				case 1:
					bare.Set(ctx, key, owner, ttl)
				case 2:
					bare.Del(ctx, key)
				case 3:
					bare.PExpire(ctx, key, ttl)
				case 4:
					bare.Persist(ctx, key)
				case 5:
					bare.Rename(ctx, key, fmt.Sprintf("lock:%d", random.IntN(30)))
				case 6, 7, 8:
					locks.Acquire(ctx, key, owner, ttl, &lockcore.AcquireOptions{Work: fmt.Sprintf("evt-%d", random.IntN(5))})
				case 9:
					locks.Extend(ctx, key, owner, ttl, nil)
				case 10:
					locks.Release(ctx, key, owner, nil)
				case 11:
					if l, err := locks.Inspect(ctx, key); err == nil && l.Owner != "" {
						locks.ForceRelease(ctx, lockcore.ForceRelease{Key: key, Expect: l.Expectation(), Operator: "ann", Reason: "churn"})
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestAfterAnyChurnThePictureIsTheServers(t *testing.T) {
	for name, args := range map[string][]string{"notified": {"--notify-keyspace-events", notifying}, "polled": nil} {
		t.Run(name, func(t *testing.T) {
			srv := locktest.StartRedis(t, args...)
			w := follow(t, srv, func(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond })
			w.complete()
			churn(t, srv, 4, 700)
			w.agrees()
			w.sane()
			if args != nil {
				if n := w.count(watcher.Gap); n != 0 {
					t.Errorf("%d gaps are told", n)
				}
			}
		})
	}
}

func TestThePictureSurvivesARestartInTheMiddleOfAChurn(t *testing.T) {
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	done := make(chan struct{})
	go func() {
		defer close(done)
		churn(t, srv, 2, 700)
	}()
	w.until("the churn to be under way", func(told []watcher.Event) bool { return len(told) > 50 })
	srv.Kill()
	srv.Start()
	<-done
	srv.CLI("SET", "lock:end", "x", "PX", "3600000")
	w.until("the second picture", func([]watcher.Event) bool { return w.count(watcher.Resynced) >= 2 })
	w.agrees()
	w.sane()
}

// sane checks that the events of each lock make a story: nothing ends that had not begun, and
// nothing begins twice.
func (w *watch) sane() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	holds := map[string]string{}
	for i, e := range w.events {
		key, owner := e.Key.Raw(), e.Owner.Raw()
		had, held := holds[key], holds[key] != ""
		wrong := ""
		switch {
		case e.Type == watcher.Acquired && held:
			wrong = "acquired while held by " + had
		case e.Type == watcher.Overwritten && (!held || e.PreviousOwner.Raw() != had):
			wrong = "overwritten, but it was held by " + had
		case e.Type.Ends() && had != owner, (e.Type == watcher.Extended || e.Type == watcher.Persisted) && had != owner:
			wrong = "of " + owner + ", but it was held by " + had
		}
		if wrong != "" {
			w.t.Errorf("event %d, %s of %s: %s\n%s", i, e.Type, key, wrong, log(w.events[max(0, i-5):i+1]))
			return
		}
		switch {
		case e.Type == watcher.Acquired, e.Type == watcher.Overwritten:
			holds[key] = owner
		case e.Type.Ends():
			holds[key] = ""
		}
	}
}
