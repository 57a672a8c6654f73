package keyspace_test

// Faults of connections and of the server that is behind them.

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func TestASubscriptionCutAtAnyByteIsAGapAndNothingIsLost(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	const watchers = 8
	// As long as a message about the longest of the keys is.
	key := func(i int) string { return fmt.Sprintf("lock:%d:%03d", i%watchers, i) }
	channel := "__keyspace@0__:" + key(0)
	size := len(fmt.Sprintf("*4\r\n$8\r\npmessage\r\n$22\r\n__keyspace@0__:lock:0:*\r\n$%d\r\n%s\r\n$3\r\nset\r\n", len(channel), channel))
	var all sync.WaitGroup
	for i := range watchers {
		w, p := through(t, srv, func(o *keyspace.Options) { o.Match = []string{fmt.Sprintf("lock:%d:*", i)} })
		w.complete()
		all.Go(func() {
			for at := i; at <= size; at += watchers {
				n := w.told()
				p.Listening(key(at), locktest.WireFault{Kind: locktest.CutReply, At: at})
				srv.CLI("SET", key(at), "me", "PX", "600000")
				if !w.eventually(func() bool {
					told := w.toldSince(n)
					gap, resynced := false, false
					for _, e := range told {
						gap = gap || e.Type == watcher.Gap
						resynced = resynced || gap && e.Type == watcher.Resynced
					}
					return resynced && w.held()[key(at)] == "me"
				}) {
					t.Errorf("cut at byte %d of a message: told was\n%s", at, log(w.toldSince(n)))
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAReadingCutAtAnyByteIsMadeAgain(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w, p := through(t, srv, nil)
	w.complete()
	turn := 0
	p.EveryCut(t, 13, "EXEC", func(f locktest.WireFault) {
		turn++
		owner := fmt.Sprintf("owner-%03d", turn)
		srv.CLI("SET", "lock:a", owner, "PX", "600000")
		w.until(fmt.Sprintf("the lock after %s", f), func([]watcher.Event) bool { return w.held()["lock:a"] == owner })
		w.until("the picture to be complete", func([]watcher.Event) bool { return w.shown().Complete })
	})
	w.agrees()
}

func TestAScanCutAtAnyByteIsMadeAgain(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for i := range 20 {
		srv.CLI("SET", fmt.Sprintf("lock:%02d", i), "me", "PX", "600000")
	}
	w, p := through(t, srv, nil)
	w.complete()
	p.EveryCut(t, 97, "SCAN", func(locktest.WireFault) {
		n := w.told()
		srv.CLI("CLIENT", "KILL", "TYPE", "pubsub")
		w.heals(n)
	})
}

func TestAHalfOpenSubscriptionIsNoticedByWhatDoesNotComeBackThroughIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*keyspace.Options)
		says   string
	}{
		"with a canary": {nil, "notifications from"},
		"read-only":     {readOnly, "nothing heard from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.CLI("SET", "lock:gone", "me", "PX", "600000")
			// Each is read at its deadline, by another connection: that shows nothing of the subscription.
			for i := range 80 {
				srv.CLI("SET", fmt.Sprintf("lock:%02d", i), "me", "PX", fmt.Sprint(1000+100*i))
			}
			w, p := through(t, srv, c.change)
			w.complete()
			n, began := w.told(), time.Now()
			if hushed := p.HushListeners(); hushed != 1 {
				t.Fatalf("%d connections listen", hushed)
			}
			srv.CLI("DEL", "lock:gone")
			srv.CLI("SET", "lock:new", "me", "PX", "600000")
			gap := w.gap(n)
			t.Logf("noticed after %s", gap.Time.Sub(began).Round(time.Millisecond))
			if !strings.Contains(gap.Reason.Raw(), c.says) {
				t.Errorf("the reason is %q", gap.Reason)
			}
			_, between := w.heals(n)
			inferred(t, between, watcher.Deleted, "lock:gone")
			inferred(t, between, watcher.Acquired, "lock:new")
		})
	}
}

func TestASubscriptionThatIsNeverConfirmedIsTriedAgain(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.CLI("SET", "lock:a", "me", "PX", "600000")
	p := locktest.StartProxy(t, srv.Addr)
	p.Listening("psubscribe", locktest.WireFault{Kind: locktest.HangReply, At: 5})
	w := followBy(t, srv, p.URL(), nil)
	if gap := w.gap(0); !strings.Contains(gap.Reason.Raw(), "does not confirm the subscription") {
		t.Errorf("the reason is %q", gap.Reason)
	}
	w.heals(0)
}

func TestAFrozenServerIsAGapUntilItGoesOn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*keyspace.Options){"with a canary": nil, "read-only": readOnly} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.CLI("SET", "lock:a", "me", "PX", "600000")
			w := follow(t, srv, change)
			w.complete()
			n, began := w.told(), time.Now()
			srv.Freeze()
			gap := w.gap(n)
			t.Logf("noticed after %s: %s", gap.Time.Sub(began).Round(time.Millisecond), gap.Reason)
			if s := w.shown(); s.Connected || s.Complete {
				t.Errorf("a frozen server is shown as %+v", s)
			}
			srv.Thaw()
			w.heals(n)
		})
	}
}

func TestAServerThatStaysAwayIsOneGapAndNotOneForEachTry(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	n := w.told()
	srv.Freeze() // connections are still accepted, by the kernel
	w.gap(n)
	w.alive(6) // seconds, in which it is tried again and again
	reasons := map[string]bool{}
	for _, e := range w.toldSince(n) {
		if e.Type != watcher.Gap {
			continue
		}
		// The same in other words is news; another port of ours is not.
		reason := regexp.MustCompile(`\d+`).ReplaceAllString(e.Reason.Raw(), "")
		if reasons[reason] {
			t.Errorf("a frozen server is told twice as %q:\n%s", e.Reason, log(w.toldSince(n)))
		}
		reasons[reason] = true
	}
	if s := w.shown(); s.Gaps != 1 {
		t.Errorf("one absence is shown as %d gaps", s.Gaps)
	}
	srv.Thaw()
	w.heals(n)
}

func TestARestartWithItsDataIsAGapAndWhatRanOutMeanwhileIsToldAsExpired(t *testing.T) {
	t.Parallel()
	srv := newServer(t, "--appendonly", "yes", "--appendfsync", "always")
	srv.CLI("SET", "lock:stays", "me", "PX", "600000")
	srv.CLI("SET", "lock:short", "me", "PX", "400")
	w := follow(t, srv, nil)
	w.event(watcher.Acquired, "lock:short")
	w.complete()
	n := w.told()
	srv.Kill()
	w.gap(n)
	w.until("the short one to be over by our clock", func([]watcher.Event) bool {
		for _, r := range w.live.View(watcher.Query{}, time.Now()).Rows {
			if r.Key.Raw() == "lock:short" {
				return r.Over || !r.Held
			}
		}
		return true
	})
	if w.held()["lock:short"] == "" && w.count(watcher.Expired) == 0 {
		t.Error("a lock is gone that no server confirmed")
	}
	srv.Start()
	_, between := w.heals(n)
	if w.count(watcher.Expired) != 1 || w.count(watcher.Deleted) != 0 {
		t.Errorf("told was\n%s", log(between))
	}
	if held := w.held(); len(held) != 1 || held["lock:stays"] != "me" {
		t.Errorf("held are %v", held)
	}
}

func TestARestartWithoutItsDataIsAGapAndWhatIsGoneIsInferred(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for i := range 50 {
		srv.CLI("SET", fmt.Sprintf("lock:%d", i), "me", "PX", "600000")
	}
	w := follow(t, srv, nil)
	w.complete()
	n := w.told()
	srv.Kill()
	srv.Start()
	srv.CLI("SET", "lock:7", "other", "PX", "600000")
	_, between := w.heals(n)
	for i := range 50 {
		inferred(t, between, watcher.Deleted, fmt.Sprintf("lock:%d", i))
	}
	inferred(t, between, watcher.Acquired, "lock:7")
}

func TestASubscriberCutByTheOutputBufferLimitIsAGap(t *testing.T) {
	t.Parallel()
	srv := newServer(t, "--client-output-buffer-limit", "pubsub 65536 0 0")
	w := follow(t, srv, nil)
	w.complete()
	n := w.told()
	// One script, whose notifications are written when it has ended: more than the limit.
	srv.CLI("EVAL", "for i = 1, 3000 do redis.call('set', 'lock:' .. i, 'me', 'px', 600000) end", "0")
	w.heals(n)
	if held := w.held(); len(held) != 3000 {
		t.Errorf("%d locks are held", len(held))
	}
	if info := srv.CLI("INFO", "stats"); strings.Contains(info, "client_output_buffer_limit_disconnections:0") {
		t.Error("nobody was cut by the limit")
	}
}

func TestAPausedServerIsAGapAndNothingExpiresMeanwhile(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"ALL", "WRITE"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.CLI("SET", "lock:long", "me", "PX", "600000")
			srv.CLI("SET", "lock:short", "me", "PX", "1500")
			w := follow(t, srv, nil)
			w.complete()
			n := w.told()
			srv.CLI("CLIENT", "PAUSE", "6000", mode)
			w.heals(n)
			w.after(n, "the short one's end", of(watcher.Expired, "lock:short"))
			if d := w.count(watcher.Deleted); d != 0 {
				t.Errorf("%d locks are told as deleted", d)
			}
		})
	}
}

func TestASlowServerIsWatchedAllTheSame(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w, p := through(t, srv, nil)
	w.complete()
	n := w.told()
	p.Inject(&locktest.Random{Seed: 1, Share: 1, Kinds: []locktest.Kind{locktest.DelayReply}, MaxDelay: 300 * time.Millisecond}, "EXEC", "SCAN", "SET", "INFO", "CONFIG")
	for i := range 20 {
		srv.CLI("SET", fmt.Sprintf("lock:%d", i), "me", "PX", "600000")
	}
	for i := range 20 {
		if e := w.after(n, "a lock", of(watcher.Acquired, fmt.Sprintf("lock:%d", i))); e.Inferred {
			t.Errorf("told is %+v", e)
		}
	}
	srv.CLI("DEL", "lock:3")
	w.after(n, "its end", of(watcher.Deleted, "lock:3"))
}

func TestAnyFaultOnAnyWireIsSurvived(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w, p := through(t, srv, nil)
	w.complete()
	kinds := []locktest.Kind{locktest.CutRequest, locktest.CutReply, locktest.CutReply, locktest.DelayReply}
	p.Inject(&locktest.Random{Seed: 7, Share: 0.03, Kinds: kinds}, "*")
	bare, ctx := direct(t, srv), context.Background()
	for i := range 600 {
		key := fmt.Sprintf("lock:%d", i%40)
		if i%3 == 0 {
			bare.Del(ctx, key)
		} else {
			bare.Set(ctx, key, fmt.Sprint("owner-", i), time.Duration(1+i%7)*100*time.Second)
		}
		if i%20 == 0 {
			time.Sleep(20 * time.Millisecond) // lets what was sent so far be read; decides nothing
		}
	}
	p.Inject(nil)
	w.agrees()
	w.sane()
}
