package keyspace_test

// What the tests of several servers have in common: the servers' own word on what is held, and where.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

// truth is a lock by its server's word.
type truth struct {
	owner string
	left  time.Duration // negative: no TTL
	node  string
}

// truthOf asks the servers that are masters what they hold, also in slots that they are just taking over.
func truthOf(servers []*locktest.Redis) (map[string]truth, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, masters := map[string]truth{}, 0
	for _, r := range servers {
		if !r.Running() {
			continue
		}
		bare := redis.NewClient(&redis.Options{Addr: r.Addr, Protocol: 2, MaxRetries: -1})
		defer bare.Close()
		role, err := bare.Do(ctx, "role").Slice()
		if err != nil {
			return nil, err
		}
		if role[0] != "master" {
			continue
		}
		masters++
		keys, err := bare.Keys(ctx, "lock:*").Result()
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			pipe := bare.Pipeline()
			if len(servers) > 2 {
				pipe.Do(ctx, "asking")
			}
			owner := pipe.Get(ctx, key)
			if len(servers) > 2 {
				pipe.Do(ctx, "asking")
			}
			left := pipe.PTTL(ctx, key)
			if _, err := pipe.Exec(ctx); err != nil {
				if errors.Is(err, redis.Nil) || strings.HasPrefix(err.Error(), "MOVED") || strings.HasPrefix(err.Error(), "ASK") {
					continue // it is gone, or another's
				}
				return nil, err
			}
			if left.Val() != -2 {
				found[key] = truth{owner.Val(), left.Val(), r.Addr}
			}
		}
	}
	if masters == 0 {
		return nil, errors.New("there is no master")
	}
	return found, nil
}

// shows waits until the table is what the masters among servers hold: keys, owners, TTLs to 50 ms, nodes, which have another
// name where one is given.
func (w *watch) shows(servers []*locktest.Redis, name ...string) {
	w.t.Helper()
	difference := ""
	for limit := time.Now().Add(2 * patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		difference = ""
		before := time.Now()
		want, err := truthOf(servers)
		took := time.Since(before)
		if err != nil {
			difference = err.Error()
			continue
		}
		rows := map[string]watcher.Row{}
		view := w.live.View(watcher.Query{}, before.Add(took/2))
		for _, r := range view.Rows {
			if r.Held && !r.Over {
				rows[r.Key.Raw()] = r
			}
		}
		for key, is := range want {
			if len(name) > 0 {
				is.node = name[0]
			}
			r, ok := rows[key]
			delete(rows, key)
			switch {
			case is.left >= 0 && is.left < 100*time.Millisecond: // it is going
			case !ok || r.Owner.Raw() != is.owner:
				difference += fmt.Sprintf("%s is held by %q, shown is %q\n", key, is.owner, r.Owner)
			case (is.left < 0) != (r.TTL == lockcore.NoTTL) || is.left >= 0 && (is.left-r.TTL).Abs() > 50*time.Millisecond+took/2:
				difference += fmt.Sprintf("%s has %s left, shown is %s\n", key, is.left, r.TTL)
			case r.Node != is.node:
				difference += fmt.Sprintf("%s is at %s, shown is %s\n", key, is.node, r.Node)
			}
		}
		for key, r := range rows {
			if r.TTL > 100*time.Millisecond || r.TTL == lockcore.NoTTL {
				difference += fmt.Sprintf("%s is free, shown as held by %q\n", key, r.Owner)
			}
		}
		if difference == "" {
			return
		}
	}
	w.t.Fatalf("the table stays wrong:\n%s\n%s", difference, w.log())
}

func (w *watch) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return log(w.events)
}

// mark is how many events were told so far.
func (w *watch) mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

// since gives the events after a mark, of one key where it is not empty.
func (w *watch) since(mark int, key string, types ...watcher.Type) []watcher.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []watcher.Event
	for _, e := range w.events[mark:] {
		for _, t := range types {
			if e.Type == t && (key == "" || e.Key.Raw() == key) {
				found = append(found, e)
			}
		}
	}
	return found
}

// next waits for an event of a key after a mark.
func (w *watch) next(mark int, t watcher.Type, key string) watcher.Event {
	w.t.Helper()
	w.until(fmt.Sprintf("%s of %q", t, key), func([]watcher.Event) bool { return len(w.since(mark, key, t)) > 0 })
	return w.since(mark, key, t)[0]
}

var ends = []watcher.Type{watcher.Released, watcher.Deleted, watcher.Expired, watcher.Forced, watcher.Evicted, watcher.Overwritten}

// nothingEnded checks that no lock was told to have ended after a mark.
func (w *watch) nothingEnded(mark int) {
	w.t.Helper()
	if over := w.since(mark, "", ends...); len(over) > 0 {
		w.t.Errorf("of locks that are held all the time is told:\n%s", log(over))
	}
}

// resynced waits until the picture is complete again after a mark.
func (w *watch) resynced(mark int) {
	w.t.Helper()
	w.until("the picture to be complete again", func([]watcher.Event) bool {
		return len(w.since(mark, "", watcher.Resynced)) > 0 && w.live.View(watcher.Query{}, time.Now()).Status.Complete
	})
}

// expires has locks taken for longer and longer, until one is seen before it is over, and gives the event of its expiry.
func (w *watch) expires(prefix string, take func(key, ms string)) watcher.Event {
	w.t.Helper()
	for ttl := 300 * time.Millisecond; ttl < patience; ttl *= 2 {
		key, start := fmt.Sprint(prefix, ttl.Milliseconds()), w.mark()
		take(key, fmt.Sprint(ttl.Milliseconds()))
		over := time.Now().Add(ttl + time.Second)
		seen := func() bool { return len(w.since(start, key, watcher.Acquired)) > 0 }
		within(w.t, key+" to be seen or over", func() bool { return seen() || time.Now().After(over) })
		if seen() {
			return w.next(start, watcher.Expired, key)
		}
	}
	w.t.Fatalf("no lock was seen before it was over:\n%s", w.log())
	return watcher.Event{}
}

// within waits for a condition.
func within(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(2 * patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func connect(t *testing.T, o resp.Options) *resp.Client {
	t.Helper()
	client, err := resp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
