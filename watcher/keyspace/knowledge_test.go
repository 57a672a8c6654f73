package keyspace_test

// What is known, what is not, and what is not kept for ever.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func TestNotificationsThatCannotBeKeptAreCountedAndAGap(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	client, err := resp.New(resp.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	blocked, goOn := make(chan struct{}), make(chan struct{})
	o := keyspace.Options{Server: keyspace.Redis(client)}
	source := keyspace.New(o)
	source.LimitInbox(10)
	t.Cleanup(func() { client.Close() })
	w := run(t, source, o, func(e watcher.Event) {
		if e.Key.Raw() == "lock:first" { // whoever takes the events is busy
			close(blocked)
			<-goOn
		}
	})
	w.srv = srv
	w.complete()
	srv.CLI("SET", "lock:first", "me", "PX", "600000")
	<-blocked
	n := w.told()
	srv.CLI("EVAL", "for i = 1, 1000 do redis.call('set', 'lock:' .. i, 'me', 'px', 600000) end", "0")
	if !w.eventually(func() bool { return source.Heard() >= 2000 }) {
		t.Errorf("%d notifications were heard", source.Heard())
	}
	close(goOn)
	gap, _ := w.heals(n)
	if !strings.Contains(gap.Reason.Raw(), "faster than they could be kept") {
		t.Errorf("the reason is %q", gap.Reason)
	}
	w.alive(2)
	if m := w.shown().Meter; m.Dropped == 0 || m.Dropped >= m.Heard || m.Queue != 0 {
		t.Errorf("the figures are %+v", m)
	}
}

func TestALockThatIsExtendedIsLookedAtAtItsNewDeadline(t *testing.T) {
	t.Parallel()
	// The server looks for keys that are over so seldom that only a reading makes it tell.
	srv := newServer(t, "--hz", "1", "--active-expire-effort", "1")
	srv.CLI("EVAL", "for i = 1, 20000 do redis.call('set', 'other:' .. i, 'x', 'px', 3600000) end", "0")
	w := follow(t, srv, nil)
	w.complete()
	srv.CLI("SET", "lock:a", "me", "PX", "500")
	w.event(watcher.Acquired, "lock:a")
	srv.CLI("PEXPIRE", "lock:a", "1500")
	w.event(watcher.Extended, "lock:a")
	n := w.told()
	w.after(n, "its end", of(watcher.Expired, "lock:a"))
	w.alive(1)
	if m := w.shown().Meter; m.LateSeen != 1 {
		t.Errorf("lateness was seen %d times", m.LateSeen)
	}
}

func TestEndedLocksLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	client, err := resp.New(resp.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	o := keyspace.Options{Server: keyspace.Redis(client)}
	source := keyspace.New(o)
	t.Run("watch", func(t *testing.T) {
		w := run(t, source, o, nil)
		w.srv = srv
		w.complete()
		for round := range 20 {
			n := w.told()
			srv.CLI("EVAL", fmt.Sprintf("for i = 1, 1000 do redis.call('set', 'lock:%d:' .. i, 'me', 'px', 3600000) end", round), "0")
			w.until("the locks", func(told []watcher.Event) bool { return ofType(told[n:], watcher.Acquired) == 1000 })
			srv.CLI("EVAL", fmt.Sprintf("for i = 1, 1000 do redis.call('del', 'lock:%d:' .. i) end", round), "0")
			w.until("their ends", func(told []watcher.Event) bool { return ofType(told[n:], watcher.Deleted) == 1000 })
		}
	})
	if n := source.Waiting(); n > 8192 {
		t.Errorf("of 20000 locks that ended %d still wait for their deadline", n)
	}
}

func ofType(events []watcher.Event, kind watcher.Type) int {
	n := 0
	for _, e := range events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func TestWhatIsNotKnownIsNotTold(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	core := cores(t, srv)
	w := follow(t, srv, nil)
	w.complete()
	ctx := t.Context()

	// Who deleted a lock is not known, even if it was its owner; who released it is.
	for _, key := range []string{"lock:deleted", "lock:released"} {
		if _, err := core.Acquire(ctx, key, "me", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		w.event(watcher.Acquired, key)
	}
	srv.CLI("DEL", "lock:deleted")
	if _, err := core.Release(ctx, "lock:released", "me", nil); err != nil {
		t.Fatal(err)
	}
	w.event(watcher.Deleted, "lock:deleted")
	w.event(watcher.Released, "lock:released")

	// Of a lock without a ledger contention is unknown, not 0.
	srv.CLI("SET", "lock:plain", "me", "NX", "PX", "600000")
	srv.CLI("SET", "lock:plain", "other", "NX", "PX", "600000")
	if e := w.event(watcher.Acquired, "lock:plain"); e.Counts != nil || e.Fence != 0 {
		t.Errorf("told is %+v", e)
	}
	for _, r := range w.live.View(watcher.Query{}, time.Now()).Rows {
		if r.Key.Raw() == "lock:plain" && r.Recorded {
			t.Errorf("its contention is shown as recorded: %+v", r)
		}
	}

	// A lock whose time is up by our clock is over, and held until the server confirms it.
	srv.CLI("SET", "lock:short", "me", "PX", "700")
	w.event(watcher.Acquired, "lock:short")
	n := w.told()
	srv.Freeze()
	w.until("its end by our clock", func([]watcher.Event) bool {
		for _, r := range w.live.View(watcher.Query{}, time.Now()).Rows {
			if r.Key.Raw() == "lock:short" {
				return r.Held && r.Over
			}
		}
		return false
	})
	if w.count(watcher.Expired) != 0 {
		t.Error("its end is told though the server was silent")
	}
	w.gap(n)

	// How old the data of a node is, is told while it is silent.
	var first time.Time
	w.until("the age of the data to grow", func([]watcher.Event) bool {
		m := w.shown().Meter
		if m == nil || len(m.Nodes) != 1 || m.Nodes[0].Node != srv.Addr || m.Nodes[0].Problem.Empty() {
			return false
		}
		if first.IsZero() {
			first = m.Nodes[0].Heard
		}
		return !first.IsZero() && m.Nodes[0].Heard.Equal(first) && time.Since(first) > 4*time.Second
	})
	srv.Thaw()
	w.event(watcher.Expired, "lock:short")
	if m := w.shown().Meter; m.Dropped != 0 || m.Heard == 0 || m.Told == 0 || m.Commands == 0 {
		t.Errorf("the figures are %+v", m)
	}
}
