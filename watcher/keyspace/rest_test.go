package keyspace_test

// Over a REST API: by its event streams, and where it has none.

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func followREST(t *testing.T, front *locktest.REST, change func(*keyspace.Options)) *watch {
	t.Helper()
	client, err := upstash.New(upstash.Options{URL: front.URL(), Token: front.Token()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return followServer(t, keyspace.REST(client), change)
}

func TestOverRESTStreamsTellOfEveryLockAtOnce(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	front := locktest.StartREST(t, srv.Addr)
	srv.CLI("SET", "lock:before", "B", "PX", "3600000")
	w := followREST(t, front, nil)
	w.complete()
	if l := w.link(); l.Polled != 0 || !l.Warning.Empty() {
		t.Errorf("it is watched as %+v", l)
	}
	slowest := time.Duration(0)
	for _, key := range []string{"lock:a", "lock:b", "lock:a,b", "lock:,", "lock:pmessage,x", "lock: ", "lock:ü"} {
		start, began := w.mark(), time.Now()
		srv.CLI("SET", key, "by,anybody", "NX", "PX", "3600000")
		e := w.next(start, watcher.Acquired, key)
		slowest = max(slowest, time.Since(began))
		if e.Owner.Raw() != "by,anybody" || e.Inferred || e.Node != front.Addr {
			t.Errorf("acquired is told as %+v", e)
		}
		srv.CLI("DEL", key)
		w.next(start, watcher.Deleted, key)
	}
	t.Logf("from SET to its event: %s at most", slowest.Round(time.Millisecond))
	start := w.mark()
	w.expires("lock:s", func(key, ms string) { srv.CLI("SET", key, "S", "PX", ms) })
	client, err := upstash.New(upstash.Options{URL: front.URL(), Token: front.Token()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	core := lockcore.New(client)
	hold, err := core.Acquire(t.Context(), "lock:recorded", "me", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	core.Acquire(t.Context(), "lock:recorded", "other", time.Minute, &lockcore.AcquireOptions{Work: "evt_1"})
	if e := w.next(start, watcher.Denied, "lock:recorded"); e.Work.Raw() != "evt_1" {
		t.Errorf("denied is told as %+v", e)
	}
	if _, err := core.Release(t.Context(), "lock:recorded", "me", nil); err != nil {
		t.Fatal(err)
	}
	if e := w.next(start, watcher.Released, "lock:recorded"); e.Fence != hold.Fence {
		t.Errorf("released is told as %+v", e)
	}
	if n := w.count(watcher.Gap); n != 0 {
		t.Errorf("%d gaps are told:\n%s", n, w.log())
	}
	w.shows([]*locktest.Redis{srv}, front.Addr)
	w.sane()
}

func TestOverRESTAStreamThatEndsIsAGap(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	front := locktest.StartREST(t, srv.Addr)
	w := followREST(t, front, nil)
	w.complete()
	for name, end := range map[string]func(){"ends": front.EndStreams, "is cut": front.CutStreams} {
		start := w.mark()
		end()
		w.next(start, watcher.Gap, "")
		srv.CLI("SET", "lock:"+name, "me", "PX", "3600000")
		w.next(start, watcher.Acquired, "lock:"+name)
		w.resynced(start)
	}
	// A stream that goes on and brings nothing is noticed by what does not come back.
	start := w.mark()
	front.Streams(locktest.RESTStreams{Silent: true, KeepAlive: 100 * time.Millisecond})
	srv.CLI("SET", "lock:unheard", "me", "PX", "3600000")
	w.next(start, watcher.Gap, "")
	front.Streams(locktest.RESTStreams{})
	w.next(start, watcher.Acquired, "lock:unheard")
	w.resynced(start)
	w.shows([]*locktest.Redis{srv}, front.Addr)
}

func TestOverRESTAKeyThatCannotBeToldApartIsAGapAndSeen(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	front := locktest.StartREST(t, srv.Addr)
	w := followREST(t, front, nil)
	w.complete()
	for _, key := range []string{"lock:two\nlines", "lock:x\n\ndata: pmessage,__keyspace@0__:lock:*,__keyspace@0__:lock:forged,set"} {
		start := w.mark()
		srv.CLI("SET", key, "me", "PX", "3600000")
		if e := w.next(start, watcher.Acquired, key); e.Owner.Raw() != "me" {
			t.Errorf("%q is told as %+v", key, e)
		}
		if forged := w.since(start, "lock:forged", watcher.Acquired); len(forged) > 0 {
			t.Errorf("a lock that nobody took is told:\n%s", log(forged))
		}
	}
	w.shows([]*locktest.Redis{srv}, front.Addr)
}

func TestOverRESTWithoutStreamsItIsPolled(t *testing.T) {
	t.Parallel()
	for name, without := range map[string]func(*testing.T) (*locktest.Redis, *locktest.REST){
		"there are no streams": func(t *testing.T) (*locktest.Redis, *locktest.REST) {
			srv := newServer(t)
			front := locktest.StartREST(t, srv.Addr)
			front.Inject(locktest.RESTFault{Path: "/psubscribe", Status: http.StatusNotFound, Body: "not found"})
			return srv, front
		},
		"it takes them for a command": func(t *testing.T) (*locktest.Redis, *locktest.REST) {
			srv := newServer(t)
			front := locktest.StartREST(t, srv.Addr)
			front.Inject(locktest.RESTFault{Path: "/psubscribe", Status: http.StatusBadRequest, Body: `{"error":"ERR Command is not available: 'PSUBSCRIBE'"}`})
			return srv, front
		},
		"notifications are off": func(t *testing.T) (*locktest.Redis, *locktest.REST) {
			srv := locktest.StartRedis(t)
			return srv, locktest.StartREST(t, srv.Addr)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, front := without(t)
			w := followREST(t, front, nil)
			w.complete()
			if l := w.link(); l.Polled != keyspace.DefaultPollEvery || l.Warning.Empty() {
				t.Errorf("it is watched as %+v", l)
			}
			start, began := w.mark(), time.Now()
			srv.CLI("SET", "lock:a", "A", "NX", "PX", "3600000")
			w.next(start, watcher.Acquired, "lock:a")
			t.Logf("from SET to its event: %s", time.Since(began).Round(time.Millisecond))
			srv.CLI("DEL", "lock:a")
			w.next(start, watcher.Deleted, "lock:a")
			before, from := len(front.Requests()), time.Now()
			w.seconds(6)
			requests, took := len(front.Requests())-before, time.Since(from)
			m := w.live.View(watcher.Query{}, time.Now()).Status.Meter
			t.Logf("%d requests in %s, told are %.0f a minute", requests, took.Round(time.Millisecond), m.PerMinute)
			if per := float64(requests) / took.Minutes(); !m.ByRequests || m.PerMinute < per/3 || m.PerMinute > 3*per+20 {
				t.Errorf("%.0f requests a minute are sent, told are %.0f", per, m.PerMinute)
			}
			if gaps := w.since(0, "", watcher.Gap); len(gaps) > 0 {
				t.Errorf("that it is polled is told as a gap:\n%s", log(gaps))
			}
			if strings.Contains(w.log(), front.Token()) {
				t.Error("the token is told")
			}
		})
	}
}

func TestOverRESTWhatIsPaidForIsCounted(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	front := locktest.StartREST(t, srv.Addr)
	w := followREST(t, front, nil)
	w.complete()
	w.seconds(10)
	m := w.live.View(watcher.Query{}, time.Now()).Status.Meter
	sent := int64(len(front.Requests()))
	if !m.ByRequests || m.Commands > sent || m.Commands < sent-10 {
		t.Errorf("%d requests are counted, %d were sent", m.Commands, sent)
	}
	t.Logf("at rest %.0f requests a minute", m.PerMinute)
}
