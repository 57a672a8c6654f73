package keyspace_test

// What every fault has to end in: a gap, told and shown; the picture complete again; and it is the server's.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

// told is how many events there are so far: what a fault brings comes after.
func (w *watch) told() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

// after waits for an event after the first n for which cond holds.
func (w *watch) after(n int, what string, cond func(watcher.Event) bool) watcher.Event {
	w.t.Helper()
	var found watcher.Event
	w.until(what, func(told []watcher.Event) bool {
		for ; n < len(told); n++ {
			if cond(told[n]) {
				found = told[n]
				return true
			}
		}
		return false
	})
	return found
}

// of is true of events of a type about a key; of none where key is empty.
func of(t watcher.Type, key string) func(watcher.Event) bool {
	return func(e watcher.Event) bool { return e.Type == t && e.Key.Raw() == key }
}

// gap waits until one is told after the first n events, and checks that it is shown.
func (w *watch) gap(n int) watcher.Event {
	w.t.Helper()
	e := w.after(n, "a gap", of(watcher.Gap, ""))
	if e.Reason.Empty() {
		w.t.Errorf("a gap does not say why: %+v", e)
	}
	s := w.live.View(watcher.Query{}, w.now()).Status
	if s.Gaps == 0 || !s.Complete && s.Problem.Empty() {
		w.t.Errorf("a gap is shown as %+v", s)
	}
	return e
}

// heals waits for a gap after the first n events, for the picture to be complete again after that and equal to the server's, and
// gives the gap and what was told between.
func (w *watch) heals(n int) (gap watcher.Event, between []watcher.Event) {
	w.t.Helper()
	gap = w.gap(n)
	at := -1
	w.until("the picture to be complete after the gap", func(told []watcher.Event) bool {
		for ; n < len(told); n++ {
			switch e := told[n]; {
			case e.Type == watcher.Gap && at < 0:
				at = n
			case e.Type == watcher.Resynced && at >= 0:
				between = told[at:n]
				return true
			}
		}
		return false
	})
	w.agrees()
	return gap, between
}

// inferred checks that an event about a key is among those, once, and marked as found by comparing.
func inferred(t *testing.T, events []watcher.Event, kind watcher.Type, key string) watcher.Event {
	t.Helper()
	var found []watcher.Event
	for _, e := range events {
		if of(kind, key)(e) {
			found = append(found, e)
		}
	}
	if len(found) != 1 || !found[0].Inferred {
		t.Errorf("%s of %s is told as %+v, among\n%s", kind, key, found, log(events))
		return watcher.Event{}
	}
	return found[0]
}

// through is a watch by way of a proxy.
func through(t testing.TB, srv *locktest.Redis, change func(*keyspace.Options)) (*watch, *locktest.Proxy) {
	t.Helper()
	p := locktest.StartProxy(t, srv.Addr)
	return followBy(t, srv, p.URL(), change), p
}

func readOnly(o *keyspace.Options) { o.ReadOnly = true }

// direct is a plain client of the server, past any proxy.
func direct(t testing.TB, srv *locktest.Redis) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// entry is a lock as the server has it.
type entry struct {
	owner string
	left  time.Duration // -1: it has no TTL
}

// locks are the locks that the server has, read at one moment for each thousand of them.
func locks(ctx context.Context, c *redis.Client) (map[string]entry, error) {
	held := map[string]entry{}
	keys, err := c.Keys(ctx, "lock:*").Result()
	for err == nil && len(keys) > 0 {
		some := keys[:min(len(keys), 1000)]
		keys = keys[len(some):]
		owners, left := make([]*redis.StringCmd, len(some)), make([]*redis.DurationCmd, len(some))
		_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			for i, key := range some {
				owners[i], left[i] = p.Get(ctx, key), p.PTTL(ctx, key)
			}
			return nil
		})
		if err != nil && (err == redis.Nil || strings.HasPrefix(err.Error(), "WRONGTYPE")) {
			err = nil
		}
		for i, key := range some {
			if owners[i].Err() == nil && left[i].Val() != -2 {
				held[key] = entry{owners[i].Val(), left[i].Val()}
			}
		}
	}
	return held, err
}

// agrees waits until the picture is the server's own: keys, owners, and TTLs to 50 ms. What is about to end on either side
// can be missing on the other.
func (w *watch) agrees() {
	w.t.Helper()
	const going = 100 * time.Millisecond
	bare, ctx, difference := direct(w.t, w.srv), context.Background(), ""
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		var b strings.Builder
		began := time.Now()
		held, err := locks(ctx, bare)
		rows := map[string]watcher.Row{}
		v := w.live.View(watcher.Query{}, w.now())
		// What took long to read is as uncertain.
		slack := sameMoment + time.Since(began)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range v.Rows {
			if r.Held && !r.Over {
				rows[r.Key.Raw()] = r
			}
		}
		for key, h := range held {
			r, ok := rows[key]
			delete(rows, key)
			switch {
			case h.left >= 0 && h.left < going+slack:
			case !ok || r.Owner.Raw() != h.owner:
				fmt.Fprintf(&b, "%s is held by %q, shown is %q\n", key, h.owner, r.Owner)
			case (h.left == -1) != (r.TTL == lockcore.NoTTL) || h.left != -1 && (h.left-r.TTL).Abs() > slack:
				fmt.Fprintf(&b, "%s has %s left, shown is %s\n", key, h.left, r.TTL)
			}
		}
		for key, r := range rows {
			if r.TTL > going+slack || r.TTL == lockcore.NoTTL {
				fmt.Fprintf(&b, "%s is free, shown as held by %q\n", key, r.Owner)
			}
		}
		if difference = b.String(); difference == "" && v.Status.Complete {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Fatalf("the picture stays wrong, or incomplete:\n%s\n%s", difference, log(w.events))
}

// toldSince are the events after the first n.
func (w *watch) toldSince(n int) []watcher.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[n:len(w.events):len(w.events)]
}

// eventually is until for goroutines of their own: it tells instead of ending the test.
func (w *watch) eventually(cond func() bool) bool {
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

// shown is how well the picture is said to be known.
func (w *watch) shown() watcher.Status { return w.live.View(watcher.Query{}, w.now()).Status }

// alive waits for n more signs of being alive, which come once a second.
func (w *watch) alive(n int) {
	w.t.Helper()
	from := w.told()
	w.until(fmt.Sprintf("%d signs of life", n), func(told []watcher.Event) bool {
		seen := 0
		for _, e := range told[from:] {
			if e.Type == watcher.Alive {
				seen++
			}
		}
		return seen >= n
	})
}
