package keyspace_test

// Servers that send no notifications, do not tell whether they do, or refuse to be listened to; and what polling costs.

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func (w *watch) link() watcher.Link { return w.live.View(watcher.Query{}, time.Now()).Status.Link }

// often makes a watch poll much, so that a test need not wait.
func often(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond }

func TestNotificationsOfAServerThatHidesItsSettingAreProven(t *testing.T) {
	for name, hide := range map[string]struct {
		args []string
		acl  []string
	}{
		"forbidden to this user":  {acl: []string{"-config"}},
		"not there at all":        {args: []string{"--rename-command", "CONFIG", ""}},
		"nor INFO, nor much else": {acl: []string{"-config", "-info", "-dbsize", "-hello", "-client"}},
	} {
		for setting, polled := range map[string]bool{notifying: false, "KEA": false, "": true, "K$": true, "Kgxe$": true, "E$gxeh": true} {
			t.Run(name+", "+strconv.Quote(setting), func(t *testing.T) {
				t.Parallel() // it takes a while to see that nothing comes
				srv := locktest.StartRedis(t, append([]string{"--notify-keyspace-events", setting}, hide.args...)...)
				srv.CLI(append([]string{"ACL", "SETUSER", "v", "on", ">pw", "~*", "&*", "+@all"}, hide.acl...)...)
				w := followURL(t, resp.Options{URL: "redis://v:pw@" + srv.Addr + "/0"}, often)
				w.complete()
				if l := w.link(); (l.Polled > 0) != polled || l.Warning.Empty() == polled {
					t.Errorf("it is watched as %+v", l)
				}
				start := w.mark()
				srv.CLI("SET", "lock:a", "A", "NX", "PX", "3600000")
				if e := w.next(start, watcher.Acquired, "lock:a"); !polled && e.Inferred {
					t.Errorf("acquired is told as %+v", e)
				}
				srv.CLI("DEL", "lock:a")
				w.next(start, watcher.Deleted, "lock:a")
			})
		}
	}
}

func TestAServerWithoutPubSubIsPolledAndSaysWhy(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]struct {
		args []string
		acl  []string
		why  string
	}{
		"psubscribe is unknown":             {args: []string{"--rename-command", "PSUBSCRIBE", ""}, why: "unknown command"},
		"psubscribe is forbidden":           {acl: []string{"-psubscribe"}, why: "PSUBSCRIBE"},
		"the channels are forbidden":        {acl: []string{"resetchannels"}, why: "channels"},
		"config and psubscribe are unknown": {args: []string{"--rename-command", "PSUBSCRIBE", "", "--rename-command", "CONFIG", ""}, why: "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, hide.args...)
			srv.CLI(append([]string{"ACL", "SETUSER", "v", "on", ">pw", "~*", "&*", "+@all"}, hide.acl...)...)
			w := followURL(t, resp.Options{URL: "redis://v:pw@" + srv.Addr + "/0"}, often)
			w.complete()
			if l := w.link(); l.Polled == 0 || !strings.Contains(l.Warning.String(), hide.why) {
				t.Errorf("it is watched as %+v", l)
			}
			start := w.mark()
			srv.CLI("SET", "lock:a", "A", "PX", "3600000")
			w.next(start, watcher.Acquired, "lock:a")
			srv.CLI("DEL", "lock:a")
			w.next(start, watcher.Deleted, "lock:a")
			w.expires("lock:s", func(key, ms string) { srv.CLI("SET", key, "S", "PX", ms) })
			if gaps := w.since(0, "", watcher.Gap); len(gaps) > 0 {
				t.Errorf("that it is polled is told as a gap:\n%s", log(gaps))
			}
		})
	}
}

// executed is how many commands a server has executed, by its own count, beside those that ask.
func executed(t *testing.T, srv *locktest.Redis) (n int) {
	t.Helper()
	for line := range strings.Lines(srv.CLI("INFO", "commandstats")) {
		if name, after, ok := strings.Cut(line, ":calls="); ok && name != "cmdstat_info" {
			count, _, _ := strings.Cut(after, ",")
			calls, _ := strconv.Atoi(count)
			n += calls
		}
	}
	return n
}

func TestPollingKeepsToItsBudgetAndTellsHowOftenItReads(t *testing.T) {
	t.Parallel()
	const budget = 2000 // commands a second
	for _, locks := range []int{10, 400, 2000} {
		t.Run(fmt.Sprint(locks, " locks"), func(t *testing.T) {
			t.Parallel()
			srv := locktest.StartRedis(t)
			for i := range locks {
				srv.CLI("SET", fmt.Sprint("lock:", i), "me", "PX", "3600000")
			}
			w := follow(t, srv, func(o *keyspace.Options) { o.PollEvery = 100 * time.Millisecond })
			w.complete()
			need := 3 * time.Duration(locks) * time.Second / budget
			if need > 200*time.Millisecond {
				w.until("the longer pause", func([]watcher.Event) bool { return w.link().Polled >= need })
			}
			if l := w.link(); l.Polled > 2*max(need, 100*time.Millisecond) || l.Warning.Empty() {
				t.Errorf("%d locks are watched as %+v", locks, l)
			}
			began, before := time.Now(), executed(t, srv)
			w.seconds(4)
			took, commands := time.Since(began), executed(t, srv)-before
			rate := float64(commands) / took.Seconds()
			t.Logf("%d locks, read every %s: %.0f commands a second", locks, w.link().Polled, rate)
			// One reading more than fits into that time may have begun in it.
			if most := budget*1.1*took.Seconds() + 3.1*float64(locks) + 50; float64(commands) > most {
				t.Errorf("%d commands in %s; %.0f would keep to the budget", commands, took, most)
			}
			types := map[watcher.Type]int{}
			for _, e := range w.since(0, "", append(ends, watcher.Acquired, watcher.Extended, watcher.Persisted)...) {
				types[e.Type]++
			}
			if len(types) > 1 || types[watcher.Acquired] != locks {
				t.Errorf("of %d locks that nothing happens to is told %v", locks, types)
			}
			m := w.live.View(watcher.Query{}, time.Now()).Status.Meter
			if m == nil || m.PerMinute <= 0 || m.ByRequests || len(m.Nodes) != 1 || m.Nodes[0].Polled != w.link().Polled && need <= 100*time.Millisecond {
				t.Errorf("the meter is %+v", m)
			}
			// What it counts is what the server has executed.
			counted := func() int { return int(w.live.View(watcher.Query{}, time.Now()).Status.Meter.Commands) }
			w.seconds(2)
			all := executed(t, srv) - locks // and the locks that were set
			if got := counted(); got > all+5 || float64(got) < 0.5*float64(all)-100 {
				t.Errorf("%d commands are counted; the server has executed %d", got, all)
			}
		})
	}
}
