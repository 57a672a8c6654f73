package keyspace_test

// Faults that no notification tells: keys removed in silence, settings, clocks; and what a watch does not do itself.

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func TestWhatIsRemovedWithoutAnEventIsAGapAndInferred(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "EVAL return(redis.call('flushall')) 0"} {
		for name, change := range map[string]func(*keyspace.Options){"": nil, " read-only": readOnly} {
			t.Run(command+name, func(t *testing.T) {
				t.Parallel()
				srv := newServer(t)
				srv.CLI("SET", "lock:gone", "me", "PX", "600000")
				srv.CLI("SET", "lock:taken", "me", "PX", "600000")
				w := follow(t, srv, change)
				w.complete()
				n, began := w.told(), time.Now()
				srv.CLI(strings.Fields(command)...)
				srv.CLI("SET", "lock:new", "other", "PX", "600000")
				if e := w.after(n, "a lock that is taken meanwhile", of(watcher.Acquired, "lock:new")); e.Inferred {
					t.Errorf("told is %+v", e)
				}
				gap, between := w.heals(n)
				t.Logf("noticed after %s", gap.Time.Sub(began).Round(time.Millisecond))
				inferred(t, between, watcher.Deleted, "lock:gone")
				inferred(t, between, watcher.Deleted, "lock:taken")
				if !strings.Contains(gap.Reason.Raw(), "FLUSHALL, FLUSHDB or SWAPDB") {
					t.Errorf("the reason is %q", gap.Reason)
				}
			})
		}
	}
}

func TestStatisticsThatWereResetAreAGapAndNotCalledAFlush(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.CLI("FLUSHALL")
	w := follow(t, srv, nil)
	w.complete()
	n := w.told()
	srv.CLI("CONFIG", "RESETSTAT")
	if gap, _ := w.heals(n); !strings.Contains(gap.Reason.Raw(), "statistics were reset") {
		t.Errorf("the reason is %q", gap.Reason)
	}
}

func TestNotificationsSwitchedOffWhileWatchingAreAGapAndPolledUntilTheyAreBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting string
		change  func(*keyspace.Options)
	}{
		"off":                 {"", nil},
		"off, read-only":      {"", readOnly},
		"no channels of keys": {"E$gxeh", nil},
		"no expiries":         {"K$gh", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.CLI("SET", "lock:gone", "me", "PX", "600000")
			w := follow(t, srv, func(o *keyspace.Options) {
				o.PollEvery = 20 * time.Millisecond
				if c.change != nil {
					c.change(o)
				}
			})
			w.complete()
			n, began := w.told(), time.Now()
			srv.CLI("CONFIG", "SET", "notify-keyspace-events", c.setting)
			srv.CLI("SET", "lock:new", "me", "PX", "600000")
			srv.CLI("DEL", "lock:gone")
			gap, _ := w.heals(n)
			t.Logf("noticed after %s: %s", gap.Time.Sub(began).Round(time.Millisecond), gap.Reason)
			if s := w.shown(); s.Link.Polled == 0 || s.Link.Warning.Empty() {
				t.Errorf("without notifications the link is %+v", s.Link)
			}
			if held := w.held(); len(held) != 1 || held["lock:new"] != "me" {
				t.Errorf("held are %v", held)
			}
			n = w.told()
			srv.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
			w.heals(n)
			w.until("notifications again", func([]watcher.Event) bool { return w.shown().Link == watcher.Link{} })
			srv.CLI("DEL", "lock:new")
			if e := w.after(n, "the notified end", of(watcher.Deleted, "lock:new")); e.Inferred {
				t.Errorf("a notified end is told as %+v", e)
			}
		})
	}
}

func TestAServersClockThatIsSetIsAGapAndTheTimesAreRightAgain(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			srv, clock := locktest.StartRedisOnClock(t, "--notify-keyspace-events", notifying)
			srv.CLI("SET", "lock:half", "me", "PX", "1800000")
			srv.CLI("SET", "lock:long", "me", "PX", "10800000")
			srv.CLI("SET", "lock:ever", "me")
			w := follow(t, srv, nil)
			w.complete()
			n, began := w.told(), time.Now()
			clock.Step(step)
			gap, between := w.heals(n)
			t.Logf("noticed after %s: %s", gap.Time.Sub(began).Round(time.Millisecond), gap.Reason)
			if !strings.Contains(gap.Reason.Raw(), "a clock was set") {
				t.Errorf("the reason is %q", gap.Reason)
			}
			inferred(t, between, watcher.Adjusted, "lock:long")
			expired := 0
			if step > 30*time.Minute {
				expired = 1
			}
			if n := w.count(watcher.Expired); n != expired {
				t.Errorf("%d locks are told as expired", n)
			}
			for _, kind := range []watcher.Type{watcher.Extended, watcher.Persisted, watcher.Deleted, watcher.Overwritten} {
				if n := w.count(kind); n != 0 {
					t.Errorf("%d locks are told as %s", n, kind)
				}
			}
		})
	}
}

func TestOurOwnClockThatIsSetIsAGapAndTheTimesAreRightAgain(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.CLI("SET", "lock:half", "me", "PX", "1800000")
			srv.CLI("SET", "lock:long", "me", "PX", "10800000")
			var offset atomic.Int64
			w := follow(t, srv, func(o *keyspace.Options) {
				o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			})
			w.complete()
			n := w.told()
			offset.Store(int64(step))
			_, between := w.heals(n)
			for _, kind := range []watcher.Type{watcher.Expired, watcher.Extended, watcher.Deleted, watcher.Acquired} {
				for _, e := range w.toldSince(n) {
					if e.Type == kind {
						t.Errorf("told is %s of %s", kind, e.Key)
					}
				}
			}
			inferred(t, between, watcher.Adjusted, "lock:half")
			inferred(t, between, watcher.Adjusted, "lock:long")
			// And it goes on: what happens is told, a silence noticed, a deadline looked at.
			srv.CLI("SET", "lock:new", "me", "PX", "300")
			w.after(n, "a lock after the step", of(watcher.Acquired, "lock:new"))
			w.after(n, "its end", of(watcher.Expired, "lock:new"))
			w.alive(2)
			n = w.told()
			srv.Freeze()
			w.gap(n)
			srv.Thaw()
			w.heals(n)
		})
	}
}

func TestThousandsOfLocksThatExpireAtOneInstantAreAllToldAsExpired(t *testing.T) {
	t.Parallel()
	const many = 5000
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	at := time.Now().Add(3 * time.Second).UnixMilli()
	srv.CLI("EVAL", fmt.Sprintf("for i = 1, %d do redis.call('set', 'lock:' .. i, 'me', 'pxat', %d) end", many, at), "0")
	w.until("all of them", func([]watcher.Event) bool { return w.count(watcher.Acquired) == many })
	w.until("the end of all", func([]watcher.Event) bool { return w.count(watcher.Expired) == many })
	w.agrees()
	told := map[string]int{}
	for _, e := range w.toldSince(0) {
		if e.Type == watcher.Expired {
			told[e.Key.Raw()]++
		} else if e.Type.Ends() || e.Type == watcher.Gap {
			t.Errorf("told is %s of %q %s", e.Type, e.Key, e.Reason)
		}
	}
	if len(told) != many {
		t.Errorf("%d locks are told as expired", len(told))
	}
	w.alive(1)
	if m := w.shown().Meter; m == nil || m.LateSeen == 0 {
		t.Errorf("how late they were told is not known: %+v", m)
	} else {
		t.Logf("%d expiries were told at most %s late", m.LateSeen, m.Late.Round(time.Millisecond))
	}
}

func TestNothingIsWrittenWhereNothingMayBe(t *testing.T) {
	t.Parallel()
	srv := locktest.StartRedis(t, "--notify-keyspace-events", "")
	w := follow(t, srv, func(o *keyspace.Options) {
		o.ReadOnly, o.EnableNotifications, o.Match, o.PollEvery = true, true, []string{"*"}, 50*time.Millisecond
	})
	w.complete()
	if got := srv.CLI("CONFIG", "GET", "notify-keyspace-events"); got != "notify-keyspace-events\n" {
		t.Errorf("the server's setting was changed: %q", got)
	}
	srv.CLI("CONFIG", "SET", "notify-keyspace-events", notifying)
	w.until("notifications", func([]watcher.Event) bool { return w.shown().Complete && w.shown().Link.Polled == 0 })
	n := w.told()
	srv.CLI("FLUSHALL")
	w.heals(n)
	w.alive(3)
	for line := range strings.Lines(srv.CLI("INFO", "commandstats")) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "cmdstat_"), ":")
		switch name {
		case "", "# Commandstats", "get", "pttl", "hgetall", "exists", "time", "multi", "exec", "scan", "dbsize", "ping", "psubscribe", "info", "config", "config|get",
			"hello", "client|setname", "select", "config|set", "flushall", "keys": // some are the test's own
		default:
			t.Errorf("the server was sent %s", line)
		}
	}
	if size := srv.CLI("DBSIZE"); size != "0" {
		t.Errorf("the server has %s keys", size)
	}
}

func TestACanaryIsNoLockAndNoEvent(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w := follow(t, srv, func(o *keyspace.Options) { o.Match = []string{"*"} })
	other := follow(t, srv, func(o *keyspace.Options) { o.Match, o.NoLedger = []string{"*"}, true })
	w.complete()
	other.complete()
	n := w.told()
	w.alive(4)
	other.alive(1)
	if keys := srv.CLI("KEYS", "locktop:canary:*"); strings.Count(keys, "locktop:canary:") != 2 {
		t.Errorf("the canaries are %q", keys)
	}
	srv.CLI("SET", "some key", "me", "PX", "600000")
	for _, w := range []*watch{w, other} {
		w.event(watcher.Acquired, "some key")
		for _, e := range w.toldSince(0) {
			if e.Type != watcher.Alive && !e.Key.Empty() && e.Key.Raw() != "some key" {
				t.Errorf("told is %s of %q", e.Type, e.Key)
			}
		}
		if held := w.held(); len(held) != 1 {
			t.Errorf("held are %v", held)
		}
	}
	w.alive(1)
	if m := w.shown().Meter; m.Heard > 6 {
		t.Errorf("%d notifications were heard of one lock, with the canaries, since %d events", m.Heard, n)
	}
}

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
