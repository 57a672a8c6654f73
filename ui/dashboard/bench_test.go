package dashboard

// A dashboard on a table of its own, a clock that stands still, and keys as people type them.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/watcher"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 14, 3, 0, 0, 0, time.UTC)

type releases struct {
	orders []lockcore.ForceRelease
	err    error
	result lockcore.ForcedRelease
}

func (r *releases) ForceRelease(ctx context.Context, f lockcore.ForceRelease) (*lockcore.ForcedRelease, error) {
	r.orders = append(r.orders, f)
	if _, limited := ctx.Deadline(); !limited {
		return nil, fmt.Errorf("no time limit")
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.result, nil
}

type copies []string

func (c *copies) copyText(s string) error { *c = append(*c, s); return nil }

type bench struct {
	t        testing.TB
	m        *model
	table    *watcher.Table
	now      time.Time
	released *releases
	copied   copies
	quit     bool
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	b := &bench{t: t, table: watcher.NewTable(), now: start, released: &releases{}}
	o := Options{Locks: b.table, Log: b.table, Releaser: b.released, URL: "redis://127.0.0.1:6379/0", Patterns: []string{"lock:*"},
		Operator: "ann@ops", Profile: termenv.Ascii, Now: func() time.Time { return b.now }}
	for _, c := range change {
		c(&o)
	}
	b.m = newModel(context.Background(), o)
	b.m.clipboard = &b.copied
	b.m.tick = func() tea.Cmd { return nil }
	b.run(b.m.Init())
	b.size(80, 24)
	return b
}

func (b *bench) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			b.run(c)
		}
	case tea.QuitMsg:
		b.quit = true
	default:
		b.send(msg)
	}
}

func (b *bench) send(msg tea.Msg) {
	_, cmd := b.m.Update(msg)
	b.run(cmd)
}

func (b *bench) size(w, h int) { b.send(tea.WindowSizeMsg{Width: w, Height: h}) }

// pass lets time go by, and the dashboard look.
func (b *bench) pass(d time.Duration) { b.now = b.now.Add(d); b.send(tickMsg{}) }

var named = map[string]tea.KeyType{"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab,
	"up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
	"left": tea.KeyLeft, "right": tea.KeyRight, "ctrl+c": tea.KeyCtrlC, "ctrl+z": tea.KeyCtrlZ, "ctrl+v": tea.KeyCtrlV}

func (b *bench) press(keys ...string) {
	for _, k := range keys {
		if t, ok := named[k]; ok {
			b.send(tea.KeyMsg{Type: t})
		} else {
			b.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)})
		}
	}
}

func (b *bench) apply(events ...watcher.Event) {
	for _, e := range events {
		if e.Time.IsZero() {
			e.Time = b.now
		}
		b.table.Apply(e)
	}
}

// connect makes the picture a complete one.
func (b *bench) connect() {
	b.apply(watcher.Event{Type: watcher.Connected, Link: &watcher.Link{}}, watcher.Event{Type: watcher.Resynced})
}

// hold lets owner acquire the lock; ttl may be lockcore.NoTTL.
func (b *bench) hold(key, owner string, ttl time.Duration, fence lockcore.Fence) {
	e := watcher.Event{Type: watcher.Acquired, Key: watcher.NewText(key), Owner: watcher.NewText(owner), TTL: ttl, Fence: fence, Node: "127.0.0.1:6379"}
	if ttl > 0 {
		e.Deadline = b.now.Add(ttl)
	}
	if fence != 0 {
		e.Counts = &watcher.Counts{}
	}
	b.apply(e)
}

func (b *bench) ends(key string, how watcher.Type) {
	b.apply(watcher.Event{Type: how, Key: watcher.NewText(key), Held: watcher.Unknown})
}

func (b *bench) deny(key, work string, attempts int, ago time.Duration) {
	b.apply(watcher.Event{Type: watcher.Denied, Time: b.now.Add(-ago), Key: watcher.NewText(key), Owner: watcher.NewText("o-" + work),
		Work: watcher.NewText(work), Attempts: attempts, Counts: &watcher.Counts{Denied: int64(attempts)}})
}

func (b *bench) screen() string { return ansi.Strip(b.m.View()) }

func (b *bench) see(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.screen(), text) {
			b.t.Fatalf("%q is not on the screen:\n%s", text, b.screen())
		}
	}
}

func (b *bench) miss(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.screen(), text) {
			b.t.Fatalf("%q is on the screen:\n%s", text, b.screen())
		}
	}
}

// chosen is the line with the selection's mark.
func (b *bench) chosen() string {
	for _, l := range strings.Split(b.screen(), "\n") {
		if strings.HasPrefix(l, "> ") {
			return l
		}
	}
	return ""
}

// three is a table of three held locks, sorted by name: a, b, c.
func three(t testing.TB, change ...func(*Options)) *bench {
	b := newBench(t, append([]func(*Options){func(o *Options) { o.Query.Sort = watcher.ByLock }}, change...)...)
	b.connect()
	for i, k := range []string{"lock:a", "lock:b", "lock:c"} {
		b.hold(k, "owner-"+k[5:], time.Minute, lockcore.Fence(100+i))
	}
	b.pass(5 * time.Second)
	return b
}
