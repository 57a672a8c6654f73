package cli

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/watcher"
)

// watching runs watch in-process until it is stopped.
type watching struct {
	out, err buffer
	stop     func() int
}

func (s *shell) watch(t *testing.T, args ...string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &watching{}
	done := make(chan int, 1)
	go func() { done <- run(ctx, s.env(&w.out, &w.err, append([]string{"watch"}, args...)...)) }()
	w.stop = func() int {
		cancel(errInterrupted)
		return <-done
	}
	return w
}

func (w *watching) until(t *testing.T, text string) {
	t.Helper()
	eventually(t, "watch says "+text, func() bool { return strings.Contains(w.out.String(), text) })
}

func TestWatchAsJSON(t *testing.T) {
	r := redisWithEvents(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:there", "--owner", "T", "--ttl", "1m")
	s.run("acquire", "lock:there", "--owner", "W", "--work", "evt")
	w := s.watch(t, "--json")
	w.until(t, `"resynced"`)
	fence := strings.TrimSpace(s.must(t, "acquire", "lock:new", "--owner", "N", "--ttl", "1m"))
	w.until(t, `"fence":`+fence)
	s.must(t, "release", "lock:new", "--owner", "N")
	w.until(t, `"released"`)
	r.CLI("SET", "lock:\xff", "X", "PX", "60000")
	w.until(t, "bG9jazr/")
	if code := w.stop(); code != exitInterrupted || w.err.String() != "" {
		t.Errorf("exit code %d, %q", code, w.err.String())
	}

	byType := map[string]wantEvent{}
	for line := range strings.Lines(w.out.String()) {
		var e wantEvent
		strictlySome(t, line, &e)
		if e.Inferred == nil || e.Time.Location() != time.UTC || e.Type == "alive" {
			t.Errorf("event %s", line)
		}
		if _, ok := byType[e.Type]; !ok {
			byType[e.Type] = e
		}
	}
	if a := byType["acquired"]; a.Key != "lock:there" || a.Owner != "T" || !*a.Inferred || *a.TTL > 60_000 || a.Fence == nil {
		t.Errorf("it begins with what is held: %+v", a)
	}
	if d := byType["denied"]; d.Key != "lock:there" || d.Work != "evt" || *d.Attempts != 1 || !*d.Inferred {
		t.Errorf("and with who waits: %+v", d)
	}
	if e := byType["released"]; e.Key != "lock:new" || e.Owner != "N" || *e.Inferred || *e.Node != r.Addr {
		t.Errorf("released: %+v", e)
	}
}

func TestWatchForPeople(t *testing.T) {
	r := redisWithEvents(t)
	s := on(r.URL())
	w := s.watch(t)
	w.until(t, "resynced")
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	w.until(t, "acquired")
	s.run("acquire", "lock:a", "--owner", "B", "--work", "evt\x1b[2J")
	w.until(t, "denied")
	s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "gone", "--yes", "--operator", "me")
	w.until(t, "forced")
	w.stop()
	for _, want := range []string{"TTL ", `work evt\x1b[2J, denial 1`, "by me, gone"} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, w.out.String())
		}
	}
	if strings.Contains(w.out.String(), "\x1b") {
		t.Errorf("an escape sequence: %q", w.out.String())
	}
}

func TestWatchGoesOnWhenTheServerGoesAway(t *testing.T) {
	r := redisWithEvents(t)
	w := on(r.URL()).watch(t, "--json")
	w.until(t, `"resynced"`)
	r.Kill()
	w.until(t, `"gap"`)
	r.Start()
	r.CLI("SET", "lock:later", "X", "PX", "60000")
	w.until(t, "lock:later")
	if code := w.stop(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

func TestWatchTurnsNotificationsOnOnlyWhereItIsAskedTo(t *testing.T) {
	setting := func(r *locktest.Redis) string {
		return strings.TrimPrefix(r.CLI("CONFIG", "GET", "notify-keyspace-events"), "notify-keyspace-events\n")
	}
	for _, c := range []struct {
		args    []string
		changes bool
	}{{nil, false}, {[]string{"--enable-notifications"}, true}, {[]string{"--enable-notifications", "--read-only"}, false}} {
		r := locktest.StartRedis(t)
		before := setting(r)
		w := on(r.URL()).watch(t, c.args...)
		w.until(t, "resynced")
		w.stop()
		if after := setting(r); (after != before) != c.changes {
			t.Errorf("watch %v: the setting was %q and is %q", c.args, before, after)
		}
	}
}

// stubborn is a source that does not end when it is asked to, and then says one thing more.
type stubborn struct{ release chan struct{} }

func (s stubborn) Run(_ context.Context, emit func(watcher.Event)) error {
	emit(watcher.Event{Type: watcher.Alive})
	emit(watcher.Event{Type: watcher.Connected})
	<-s.release
	emit(watcher.Event{Type: watcher.Resynced})
	return nil
}

// afterWrite does something once a line is out.
type afterWrite struct {
	io.Writer
	do func()
}

func (a afterWrite) Write(p []byte) (int, error) {
	n, err := a.Writer.Write(p)
	a.do()
	return n, err
}

func TestWatchDoesNotWaitForASourceThatHangs(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	source := stubborn{make(chan struct{})}
	defer close(source.release)
	var out buffer
	interrupt := afterWrite{&out, func() { cancel(errInterrupted) }}
	err := on("").env(interrupt, &out).watch(ctx, source, func(e watcher.Event) (string, error) {
		return string(e.Type) + "\n", nil
	})
	if err != errInterrupted || out.String() != "connected\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestWatchFollowsACluster(t *testing.T) {
	c := locktest.StartCluster(t)
	c.Each("CONFIG", "SET", "notify-keyspace-events", "K$gxeh")
	s := on(c.URL())
	w := s.watch(t, "--json")
	w.until(t, `"resynced"`)
	for _, key := range []string{"lock:a", "lock:b", "lock:c", "lock:d"} { // of all three masters
		c.Do("SET", key, "me", "PX", "60000")
		w.until(t, `"type":"acquired","key":"`+key+`","inferred":false`)
		if !strings.Contains(w.out.String(), `"node":"`+c.MasterOf(key).Addr+`"`) {
			t.Errorf("the node of %s is not told:\n%s", key, w.out.String())
		}
	}
	if code := w.stop(); code != exitInterrupted {
		t.Errorf("exit code %d, %q", code, w.err.String())
	}
}
