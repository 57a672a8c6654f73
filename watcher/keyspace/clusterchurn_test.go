package keyspace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

// Locks are taken and released all the while, by careful clients and careless ones.
func TestAfterSlotsMovedAndMastersFailedInTheMiddleOfAChurnTheTableIsTheClusters(t *testing.T) {
	c := startCluster(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w := followURL(t, resp.Options{URL: c.URL()}, nil)
	w.complete()
	tags := []string{"a", "b", "c", "d", "e", "f"}
	var wg sync.WaitGroup
	for i := range 4 {
		client := connect(t, resp.Options{URL: "redis://" + c.Hosts() + "/0", Timeout: 2 * time.Second})
		core := lockcore.New(client, lockcore.WithTimeout(2*time.Second))
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("lock:{%s}%d", tags[random.IntN(len(tags))], random.IntN(6))
				owner := fmt.Sprintf("owner-%d-%d", i, n)
				ttl := time.Duration(1+random.IntN(300)) * time.Millisecond
				if random.IntN(2) == 0 {
					ttl = time.Hour
				}
				switch random.IntN(8) {
				case 0, 1, 2:
					core.Acquire(ctx, key, owner, ttl, nil)
				case 3, 4:
					if l, err := core.Inspect(ctx, key); err == nil && l.Owner != "" {
						core.Release(ctx, key, l.Owner, nil)
					}
				case 5:
					if l, err := core.Inspect(ctx, key); err == nil && l.Owner != "" {
						core.Extend(ctx, key, l.Owner, ttl, nil)
					}
				case 6:
					client.Do(ctx, "set", key, owner, "nx", "px", ttl.Milliseconds())
				case 7:
					client.Do(ctx, "del", key)
				}
			}
		})
	}
	busy := func() {
		t.Helper()
		mark := w.mark()
		w.until("locks to be taken", func([]watcher.Event) bool { return len(w.since(mark, "", watcher.Acquired)) >= 10 })
	}
	busy()
	for turn := range 2 {
		for _, tag := range tags {
			key := "lock:{" + tag + "}"
			from, to := c.MasterOf(key), c.Nodes[turn]
			if from == to {
				to = c.Nodes[2]
			}
			m := c.Migrate(key, to)
			m.MoveAll()
			m.Finish()
		}
		busy()
	}
	old := c.MasterOf("lock:{a}")
	next := c.ReplicaOf(old)
	next.CLI("CLUSTER", "FAILOVER")
	locktest.AwaitPromotion(t, next)
	busy()
	c.AwaitCalm()
	old = c.MasterOf("lock:{b}")
	next = c.ReplicaOf(old)
	old.Kill()
	locktest.AwaitPromotion(t, next)
	busy()
	old.Start()
	c.AwaitCalm()
	old.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
	busy()
	stop()
	wg.Wait()
	w.shows(c.Nodes)
	w.sane()
	t.Logf("%d events, %d of locks that moved", w.mark(), len(w.since(0, "", watcher.Moved)))
}
