package keyspace_test

// A master and its replica that sentinels guard.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

// guarded is a pair of servers under sentinels, with a watch on it and a client of it.
type guarded struct {
	*locktest.Sentinel
	*watch
	turn int
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	s := locktest.StartSentinel(t)
	for _, r := range s.Servers {
		r.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
	}
	// One sentinel is named; it knows the others.
	to := resp.Options{URL: "redis://" + s.Sentinels[0].Addr + "/0", SentinelMaster: locktest.SentinelMaster}
	g := &guarded{Sentinel: s}
	core := lockcore.New(connect(t, resp.Options{URL: s.URL(), SentinelMaster: to.SentinelMaster, Timeout: 10 * time.Second}))
	for i := range 20 {
		key := fmt.Sprintf("lock:%d", i)
		if _, err := core.Acquire(context.Background(), key, "me", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		s.Master().CLI("SET", key+"plain", "me", "PX", "3600000")
	}
	g.watch = followURL(t, to, nil)
	g.complete()
	g.shows(s.Servers)
	return g
}

// take has a lock taken at the new master, and waits until it is shown. It gives when.
func (g *guarded) take(at *locktest.Redis) time.Time {
	g.watch.t.Helper()
	g.turn++
	key := fmt.Sprintf("lock:new%d", g.turn)
	if got := at.CLI("SET", key, "new", "PX", "3600000"); got != "OK" {
		g.watch.t.Fatal(got)
	}
	within(g.watch.t, key+" to be shown", func() bool { return g.held()[key] == "new" })
	return time.Now()
}

// followed checks that the watch is at the new master.
func (g *guarded) followed(start int, now *locktest.Redis) {
	g.watch.t.Helper()
	g.resynced(start)
	g.shows(g.Servers)
	g.nothingEnded(start)
	if e := g.next(start, watcher.Moved, "lock:1"); e.Node != now.Addr {
		g.watch.t.Errorf("a lock at the promoted master is told as %+v", e)
	}
	if e := g.next(start, watcher.Acquired, fmt.Sprintf("lock:new%d", g.turn)); e.Node != now.Addr {
		g.watch.t.Errorf("a new lock at the promoted master is told as %+v", e)
	}
}

func TestSentinelsPromotedMasterIsFollowed(t *testing.T) {
	g := startGuarded(t)
	t.Run("after the master was killed", func(t *testing.T) {
		old, next := g.Master(), g.Replica()
		locktest.AwaitCopy(g.watch.t, old, next)
		start := g.mark()
		old.Kill()
		promoted := locktest.AwaitPromotion(t, next)
		t.Logf("from the promotion to a new lock that is shown: %s", g.take(next).Sub(promoted).Round(time.Millisecond))
		g.followed(start, next)
		old.Start()
		g.AwaitCalm()
		old.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
		g.take(next)
		g.shows(g.Servers)
		g.nothingEnded(start)
	})
	t.Run("after a fail-over by hand", func(t *testing.T) {
		old, next := g.Master(), g.Replica()
		locktest.AwaitCopy(g.watch.t, old, next)
		start := g.mark()
		within(t, "a sentinel to begin", func() bool { return g.Sentinels[0].CLI("SENTINEL", "FAILOVER", locktest.SentinelMaster) == "OK" })
		promoted := locktest.AwaitPromotion(t, next)
		within(t, "the sentinels to name it", func() bool { return g.Master() == next })
		t.Logf("from the promotion to a new lock that is shown: %s", g.take(next).Sub(promoted).Round(time.Millisecond))
		g.followed(start, next)
		g.AwaitCalm()
		g.shows(g.Servers)
	})
	t.Run("after the master only hung", func(t *testing.T) {
		old, next := g.Master(), g.Replica()
		locktest.AwaitCopy(g.watch.t, old, next)
		start := g.mark()
		old.Freeze()
		promoted := locktest.AwaitPromotion(t, next)
		t.Logf("from the promotion to a new lock that is shown: %s", g.take(next).Sub(promoted).Round(time.Millisecond))
		g.followed(start, next)
		old.Thaw()
		g.AwaitCalm()
		g.take(next)
		g.shows(g.Servers)
		g.nothingEnded(start)
	})
	g.sane()
}

// A ghost is a lock that only the frozen old master has: taken there just before it froze and not replicated, or by a
// client that did not notice, before the sentinels have told the server that it is master no more.
func TestADemotedMastersLocksAreNoGhosts(t *testing.T) {
	g := startGuarded(t)
	old, next := g.Master(), g.Replica()
	locktest.AwaitCopy(g.watch.t, old, next)
	next.Freeze() // so that it does not get what comes now
	old.CLI("CLIENT", "KILL", "TYPE", "replica")
	old.CLI("SET", "lock:ghost", "G", "PX", "3600000")
	g.event(watcher.Acquired, "lock:ghost")
	start := g.mark()
	old.Freeze()
	next.Thaw()
	late := make(chan struct{})
	locktest.AwaitPromotion(t, next)
	g.take(next)
	g.resynced(start)
	if e := g.next(start, watcher.Deleted, "lock:ghost"); !e.Inferred || e.Owner.Raw() != "G" {
		t.Errorf("a lock that the new master does not have is told as %+v", e)
	}
	thawed := g.mark()
	old.Thaw()
	go func() { // whoever is connected to it still may write there until it is told
		defer close(late)
		locktest.Command(t, old.Addr, "SET", "lock:late", "G", "PX", "3600000")
	}()
	<-late
	g.AwaitCalm()
	g.take(next)
	g.shows(g.Servers)
	for _, key := range []string{"lock:ghost", "lock:late"} {
		if of := g.since(thawed, key, watcher.Acquired); len(of) > 0 {
			t.Errorf("what only the demoted master has is told:\n%s", log(of))
		}
	}
	g.sane()
}
