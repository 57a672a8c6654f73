package keyspace_test

// Resyncing many locks while they change.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/watcher"
)

func TestResyncingAHundredThousandLocksLosesNothingAndStaysResponsive(t *testing.T) {
	const many = 100_000
	srv := newServer(t)
	srv.CLI("EVAL", fmt.Sprintf("for i = 1, %d do redis.call('set', 'lock:' .. i, 'me', 'px', 3600000) end", many), "0")
	w := follow(t, srv, nil)
	w.complete()
	n, pictures := w.told(), w.count(watcher.Resynced)

	// Half of them end and nothing is heard of it.
	bare, ctx := direct(t, srv), context.Background()
	if _, err := bare.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "client", "kill", "type", "pubsub")
		return p.Eval(ctx, fmt.Sprintf("for i = 1, %d do redis.call('del', 'lock:' .. i) end return 1", many/2), nil).Err()
	}); err != nil {
		t.Fatal(err)
	}
	w.gap(n)
	w.after(n, "the connection", of(watcher.Connected, ""))

	// Now it resyncs, and meanwhile locks come and go.
	resynced := func() bool { return w.count(watcher.Resynced) > pictures }
	longest, during := time.Duration(0), 0
	for i := 0; !resynced(); i++ {
		key, from := fmt.Sprintf("lock:new:%d", i), w.told()
		bare.Set(ctx, key, "me", time.Hour)
		bare.Del(ctx, fmt.Sprintf("lock:%d", many-i))
		began := time.Now()
		w.after(from, "a new lock", of(watcher.Acquired, key))
		w.live.View(watcher.Query{Limit: 50}, time.Now())
		if !resynced() {
			during++
			longest = max(longest, time.Since(began))
		}
	}
	if during == 0 {
		t.Error("no lock was told of before the picture was complete again")
	}
	w.agrees()
	w.sane()
	counts := map[watcher.Type]int{}
	for _, e := range w.toldSince(n) {
		counts[e.Type]++
	}
	if counts[watcher.Deleted] < many/2 || counts[watcher.Expired]+counts[watcher.Overwritten] > 0 {
		t.Errorf("told are %v", counts)
	}
	began, ended := w.after(n, "a gap", of(watcher.Gap, "")), w.after(n, "the end", of(watcher.Resynced, ""))
	t.Logf("complete again after %s; %d locks that came meanwhile were seen after %s at most",
		ended.Time.Sub(began.Time).Round(time.Millisecond), during, longest.Round(time.Millisecond))
}

func TestAnOverrunOfALockThatIsFreeIsToldOnceHoweverOftenItIsScanned(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	core, ctx := cores(t, srv), context.Background()
	w := follow(t, srv, nil)
	w.complete()
	if _, err := core.Acquire(ctx, "lock:a", "slow", 200*time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
	w.event(watcher.Expired, "lock:a")
	core.Release(ctx, "lock:a", "slow", nil) // too late, which proves it
	w.event(watcher.Overrun, "lock:a")
	w.alive(4) // longer than a free lock is remembered otherwise
	n := w.told()
	srv.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	w.heals(n)
	if n := w.count(watcher.Overrun); n != 1 {
		t.Errorf("one overrun is told %d times", n)
	}
}
