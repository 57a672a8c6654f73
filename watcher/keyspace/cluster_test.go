package keyspace_test

// A Redis Cluster of three masters with a replica each.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

func startCluster(t *testing.T) *locktest.Cluster {
	t.Helper()
	c := locktest.StartCluster(t)
	c.Each("CONFIG", "SET", "notify-keyspace-events", notifying)
	return c
}

// other is a master that does not have a key.
func other(c *locktest.Cluster, key string) *locktest.Redis {
	if c.MasterOf(key) == c.Nodes[0] {
		return c.Nodes[1]
	}
	return c.Nodes[0]
}

func TestLocksOfASlotThatMovesAreFollowed(t *testing.T) {
	c := startCluster(t)
	ctx := context.Background()
	client := connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	core := lockcore.New(client, lockcore.WithTimeout(time.Minute))
	do := func(args ...any) {
		t.Helper()
		if _, err := client.Do(ctx, args...); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	for i := range 60 {
		do("set", fmt.Sprintf("lock:%d", i), "me", "px", "3600000")
	}
	for _, name := range []string{"plain", "forever", "gone", "retaken", "late"} {
		do("set", "lock:{tag}"+name, "me", "px", "3600000")
	}
	do("persist", "lock:{tag}forever")
	hold, err := core.Acquire(ctx, "lock:{tag}recorded", "me", time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	core.Acquire(ctx, "lock:{tag}recorded", "waiter", time.Hour, nil)
	if _, err := core.Acquire(ctx, "lock:{tag}torn", "me", time.Hour, nil); err != nil {
		t.Fatal(err)
	}

	w := followURL(t, resp.Options{URL: c.URL()}, nil)
	w.complete()
	w.shows(c.Nodes)
	start := w.mark()
	to := other(c, "lock:{tag}plain")
	m := c.Migrate("lock:{tag}plain", to)
	ledger, _ := lockcore.LedgerKey("lock:{tag}torn")

	do("set", "lock:{tag}new", "N", "px", "3600000") // by ASK, at the target
	if e := w.next(start, watcher.Acquired, "lock:{tag}new"); e.Owner.Raw() != "N" || e.Inferred {
		t.Errorf("a lock taken during the move is told as %+v", e)
	}
	for _, name := range []string{"plain", "forever", "gone", "retaken", "torn"} {
		m.Move("lock:{tag}" + name)
	}
	do("pexpire", "lock:{tag}late", "1800000") // still at the source
	w.next(start, watcher.Extended, "lock:{tag}late")
	w.nothingEnded(start)

	do("del", "lock:{tag}gone")
	if e := w.next(start, watcher.Deleted, "lock:{tag}gone"); e.Inferred || e.Owner.Raw() != "me" {
		t.Errorf("a lock that is released during the move is told as %+v", e)
	}
	do("set", "lock:{tag}retaken", "R", "px", "3600000")
	w.until("the next owner", func([]watcher.Event) bool { return w.held()["lock:{tag}retaken"] == "R" })
	do("pexpire", "lock:{tag}plain", "1200000")
	w.next(start, watcher.Extended, "lock:{tag}plain")
	w.expires("lock:{tag}short", func(key, ms string) { do("set", key, "S", "px", ms) })

	m.Move(ledger)
	m.MoveAll()
	m.Finish()
	for _, name := range []string{"plain", "forever", "retaken", "torn", "recorded", "late", "new"} {
		if e := w.next(start, watcher.Moved, "lock:{tag}"+name); e.Node != to.Addr {
			t.Errorf("%s is told to have moved to %s; it is at %s", name, e.Node, to.Addr)
		}
	}
	w.shows(c.Nodes)
	for _, e := range w.since(start, "", ends...) {
		if key := e.Key.Raw(); key != "lock:{tag}gone" && key != "lock:{tag}retaken" && !strings.HasPrefix(key, "lock:{tag}short") {
			t.Errorf("of a lock that has moved is told:\n%s", log([]watcher.Event{e}))
		}
	}
	if d, ok := w.live.Detail("lock:{tag}recorded", watcher.Query{}, time.Now()); !ok || d.Fence != hold.Fence || d.Waiting != 1 {
		t.Errorf("a recorded lock has moved, and is seen as %+v", d)
	}
	if n := len(w.since(start, "", watcher.Gap)); n != 0 {
		t.Errorf("a move is told as %d gaps", n)
	}
	if _, err := core.Release(ctx, "lock:{tag}recorded", "me", &lockcore.ReleaseOptions{Fence: hold.Fence}); err != nil {
		t.Fatal(err)
	}
	if e := w.next(start, watcher.Released, "lock:{tag}recorded"); e.Node != to.Addr {
		t.Errorf("the release at the new node is told as %+v", e)
	}
	w.sane()
}

func TestAClusterIsFollowedThroughEveryChange(t *testing.T) {
	c := startCluster(t)
	c.Each("CONFIG", "SET", "cluster-require-full-coverage", "no")
	ctx := context.Background()
	client := connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	core := lockcore.New(client, lockcore.WithTimeout(time.Minute))
	for i := range 90 {
		key := fmt.Sprintf("lock:%d", i)
		if i%3 == 0 {
			if _, err := core.Acquire(ctx, key, "me", time.Hour, nil); err != nil {
				t.Fatal(err)
			}
		} else if _, err := client.Do(ctx, "set", key, "me", "px", "3600000"); err != nil {
			t.Fatal(err)
		}
	}
	w := followURL(t, resp.Options{URL: c.URL()}, nil)
	w.complete()
	w.shows(c.Nodes)
	turn := 0
	// seen takes a lock of a key's slot until it is granted, and waits until it is shown.
	seen := func(key string) (granted time.Duration) {
		t.Helper()
		turn++
		began := time.Now()
		name := fmt.Sprintf("lock:{%s}new%d", key, turn)
		within(t, "a lock to be granted", func() bool {
			limited, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			_, err := client.Do(limited, "set", name, "new", "px", "3600000")
			return err == nil
		})
		granted = time.Since(began)
		within(t, name+" to be shown", func() bool { return w.held()[name] == "new" })
		return granted
	}
	replicated := func() {
		t.Helper()
		c.AwaitCalm()
		old := c.MasterOf("lock:0")
		locktest.AwaitCopy(t, old, c.ReplicaOf(old))
	}

	t.Run("a killed master", func(t *testing.T) {
		replicated()
		old := c.MasterOf("lock:0")
		next := c.ReplicaOf(old)
		start := w.mark()
		old.Kill()
		if e := w.next(start, watcher.Gap, ""); e.Node != old.Addr || !strings.HasPrefix(e.Reason.Raw(), old.Addr+": ") {
			t.Errorf("the gap is told as %+v", e)
		}
		promoted := locktest.AwaitPromotion(t, next)
		granted := seen("lock:0")
		t.Logf("from the promotion: a new lock granted after %s, shown after %s", granted.Round(time.Millisecond), time.Since(promoted).Round(time.Millisecond))
		w.resynced(start)
		w.shows(c.Nodes)
		w.nothingEnded(start)
		if e := w.next(start, watcher.Moved, "lock:0"); e.Node != next.Addr {
			t.Errorf("a lock of the new master is told as %+v", e)
		}
		old.Start()
		c.AwaitCalm()
		old.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
		seen("lock:0")
		w.shows(c.Nodes)
		w.nothingEnded(start)
	})

	t.Run("a fail-over by hand", func(t *testing.T) {
		replicated()
		old := c.MasterOf("lock:0")
		next := c.ReplicaOf(old)
		start := w.mark()
		if got := next.CLI("CLUSTER", "FAILOVER"); got != "OK" {
			t.Fatal(got)
		}
		promoted := locktest.AwaitPromotion(t, next)
		seen("lock:0")
		t.Logf("from the promotion to a new lock that is shown: %s", time.Since(promoted).Round(time.Millisecond))
		w.resynced(start)
		w.shows(c.Nodes)
		w.nothingEnded(start)
		if e := w.next(start, watcher.Moved, "lock:0"); e.Node != next.Addr {
			t.Errorf("a lock of the new master is told as %+v", e)
		}
		// What the old master says now are the replica's words: an end is told once, by the new one.
		take := func(key, ms string) {
			if _, err := client.Do(ctx, "set", key, "S", "px", ms); err != nil {
				t.Fatal(err)
			}
		}
		if e := w.expires("lock:{lock:0}short", take); e.Node != next.Addr {
			t.Errorf("an expiry at the new master is told as %+v", e)
		}
		w.sane()
	})

	t.Run("a master that only hangs", func(t *testing.T) {
		replicated()
		old := c.MasterOf("lock:0")
		next := c.ReplicaOf(old)
		old.CLI("CLIENT", "PAUSE", "1", "ALL")
		start := w.mark()
		old.Freeze()
		promoted := locktest.AwaitPromotion(t, next)
		seen("lock:0")
		t.Logf("from the promotion to a new lock that is shown: %s", time.Since(promoted).Round(time.Millisecond))
		w.resynced(start)
		old.Thaw()
		c.AwaitCalm()
		seen("lock:0")
		w.shows(c.Nodes)
		w.nothingEnded(start)
	})

	t.Run("a node that is added, gets slots, gives them back and is removed", func(t *testing.T) {
		replicated()
		start := w.mark()
		from := c.MasterOf("lock:{moving}")
		for _, name := range []string{"a", "b"} {
			if _, err := client.Do(ctx, "set", "lock:{moving}"+name, "me", "px", "3600000"); err != nil {
				t.Fatal(err)
			}
		}
		w.next(start, watcher.Acquired, "lock:{moving}b")
		added := c.Join("--notify-keyspace-events", notifying)
		all := append(slices.Clone(c.Nodes), added)
		move := func(from, to *locktest.Redis) {
			slot := fmt.Sprint(c.Slot("lock:{moving}"))
			to.CLI("CLUSTER", "SETSLOT", slot, "IMPORTING", c.ID(from))
			from.CLI("CLUSTER", "SETSLOT", slot, "MIGRATING", c.ID(to))
			for _, name := range []string{"a", "b"} {
				if got := from.CLI("MIGRATE", "127.0.0.1", to.Port(), "lock:{moving}"+name, "0", "5000"); got != "OK" {
					t.Fatal(got)
				}
			}
			to.CLI("CLUSTER", "SETSLOT", slot, "NODE", c.ID(to))
			from.CLI("CLUSTER", "SETSLOT", slot, "NODE", c.ID(to))
		}
		move(from, added)
		if e := w.next(start, watcher.Moved, "lock:{moving}a"); e.Node != added.Addr {
			t.Errorf("a lock of the new node is told as %+v", e)
		}
		w.shows(all)
		begun := time.Now()
		if got := added.CLI("SET", "lock:{moving}new", "N", "PX", "3600000"); got != "OK" {
			t.Fatal(got)
		}
		if e := w.next(start, watcher.Acquired, "lock:{moving}new"); e.Node != added.Addr {
			t.Errorf("a lock of the new node is told as %+v", e)
		}
		t.Logf("a lock at the new node is shown after %s", time.Since(begun).Round(time.Millisecond))
		added.CLI("DEL", "lock:{moving}new")
		w.next(start, watcher.Deleted, "lock:{moving}new")
		second := w.mark()
		move(added, from)
		if e := w.next(second, watcher.Moved, "lock:{moving}a"); e.Node != from.Addr {
			t.Errorf("a lock that came back is told as %+v", e)
		}
		id := c.ID(added)
		added.Kill()
		c.Each("CLUSTER", "FORGET", id)
		w.shows(c.Nodes)
		w.resynced(second)
		for _, e := range w.since(start, "", ends...) {
			if e.Key.Raw() != "lock:{moving}new" {
				t.Errorf("of a lock that has moved is told:\n%s", log([]watcher.Event{e}))
			}
		}
		within(t, "the node to be watched no more", func() bool {
			m := w.live.View(watcher.Query{}, time.Now()).Status.Meter
			return m != nil && len(m.Nodes) == 3
		})
	})

	t.Run("a master that nobody replaces", func(t *testing.T) {
		replicated()
		old := c.MasterOf("lock:0")
		second := c.ReplicaOf(old)
		second.Kill()
		start := w.mark()
		old.Kill()
		if e := w.next(start, watcher.Gap, ""); e.Node != old.Addr {
			t.Errorf("the gap is told as %+v", e)
		}
		within(t, "the meter to tell which node is missing", func() bool {
			m := w.live.View(watcher.Query{}, time.Now()).Status.Meter
			n := 0
			for _, node := range m.Nodes {
				if !node.Problem.Empty() {
					n++
					if node.Node != old.Addr {
						t.Fatalf("%s has the problem %q", node.Node, node.Problem)
					}
				}
			}
			return n == 1
		})
		elsewhere := "1"
		for i := 1; c.MasterOf(elsewhere).Addr == old.Addr; i++ {
			elsewhere = fmt.Sprint(i)
		}
		seen(elsewhere)
		if s := w.live.View(watcher.Query{}, time.Now()).Status; s.Complete {
			t.Error("without a master's locks the picture counts as complete")
		}
		if w.held()["lock:0"] != "me" {
			t.Error("the locks of the missing master are not shown any more")
		}
		w.nothingEnded(start)
		// A while on, each thing that happened has been told once.
		tries := w.mark()
		w.until("more tries to reach it", func(told []watcher.Event) bool {
			n := 0
			for _, e := range told[tries:] {
				if e.Type == watcher.Alive {
					n++
				}
			}
			return n >= 6
		})
		if gaps := w.since(start, "", watcher.Gap); len(gaps) > 4 {
			t.Errorf("a master that stays away is told as %d gaps:\n%s", len(gaps), log(gaps))
		}
		second.Start()
		old.Start()
		c.AwaitCalm()
		c.Each("CONFIG", "SET", "notify-keyspace-events", notifying)
		w.resynced(start)
		seen("lock:0")
		w.shows(c.Nodes)
	})
	w.sane()
}
