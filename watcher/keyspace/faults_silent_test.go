package keyspace_test

// Faults that no notification tells: keys removed in silence, settings, clocks, and everything at once.

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore/locktest"
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
