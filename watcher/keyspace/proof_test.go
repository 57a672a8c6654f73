package keyspace_test

// How it is proven that notifications arrive: by a canary that nobody else sees, by pings where nothing may be written, and
// over REST, where neither is possible, not at all, which is said.

import (
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

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

func TestOverRESTANotificationThatAKeysNameFakesEndsNoLock(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.CLI("SET", "lock:victim", "me", "PX", "600000")
	front := locktest.StartREST(t, srv.Addr)
	w := followREST(t, front, nil)
	w.srv = srv
	w.complete()
	forger := "lock:x\n\ndata: pmessage,__keyspace@0__:lock:*,__keyspace@0__:lock:victim"
	srv.CLI("SET", forger, "me", "PX", "600000") // is told as a set of the victim
	srv.CLI("DEL", forger)                       // is told as its del
	srv.CLI("SET", "lock:after", "me", "PX", "600000")
	w.event(watcher.Acquired, "lock:after")
	w.agrees()
	for _, e := range w.toldSince(0) {
		if e.Key.Raw() == "lock:victim" && !(e.Type == watcher.Acquired && e.Inferred) {
			t.Errorf("of the victim is told:\n%s", log([]watcher.Event{e}))
		}
	}
	n := w.told()
	srv.CLI("DEL", "lock:victim")
	w.after(n, "its real end", of(watcher.Deleted, "lock:victim"))
}

func TestOverRESTWithoutWritingItPollsBesidesAndSaysSo(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	front := locktest.StartREST(t, srv.Addr)
	w := followREST(t, front, readOnly)
	w.srv = srv
	w.complete()
	if s := w.shown(); s.Link.Polled == 0 || s.Link.Warning.Empty() {
		t.Errorf("the link is %+v", s.Link)
	}
	srv.CLI("SET", "lock:a", "me", "PX", "600000")
	w.event(watcher.Acquired, "lock:a")
	front.Streams(locktest.RESTStreams{Silent: true}) // nothing more comes, and nothing can show it
	srv.CLI("SET", "lock:b", "me", "PX", "600000")
	w.event(watcher.Acquired, "lock:b")
	w.alive(10) // longer than a silence may last where something must come
	if n := w.count(watcher.Gap); n != 0 {
		t.Errorf("%d gaps are told:\n%s", n, log(w.toldSince(0)))
	}
	if size := srv.CLI("KEYS", "locktop:*"); size != "" {
		t.Errorf("the server has %q", size)
	}
}

func TestACanaryThatCannotBeWrittenAnyMoreIsReplacedByPings(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	w, p := through(t, srv, nil)
	w.complete()
	srv.CLI("CONFIG", "SET", "min-replicas-to-write", "1") // NOREPLICAS
	w.alive(5)
	if n := w.count(watcher.Gap); n != 0 {
		t.Errorf("%d gaps are told:\n%s", n, log(w.toldSince(0)))
	}
	n := w.told()
	p.HushListeners()
	if gap := w.gap(n); !strings.Contains(gap.Reason.Raw(), "nothing heard from") {
		t.Errorf("the reason is %q", gap.Reason)
	}
	w.heals(n)
}
