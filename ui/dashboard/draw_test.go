package dashboard

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"pgregory.net/rapid"

	"locktop/lockcore"
	"locktop/watcher"
)

var update = flag.Bool("update", false, "write the golden screens")

// ours is a colour as we write it.
var ours = regexp.MustCompile(`^\x1b\[[0-9;]*m`)

// busy is a table with a lock in every state.
func busy(t testing.TB, change ...func(*Options)) *bench {
	b := newBench(t, change...)
	b.connect()
	T := watcher.NewText
	for range 6 {
		b.apply(watcher.Event{Type: watcher.Acquired, Key: T("lock:invoice_1"), Owner: T("x"), TTL: time.Minute},
			watcher.Event{Type: watcher.Released, Key: T("lock:invoice_1"), Owner: T("x"), Held: 2 * time.Second})
	}
	b.hold("lock:nightly-export", "host-17/4711", lockcore.NoTTL, 1795420800000101)
	b.hold("lock:invoice_9", "7d0f5c8a9be94c43a2c4ad3d3c7f1b55", 90*time.Second, 1795420800000102)
	b.hold("lock:order_with_a_rather_long_name:eu-west-1:shard-7", "f00dfeedf00dfeedf00dfeedf00dfeed", 24*time.Second, 1795420800000103)
	b.hold("lock:plain", "somebody-else", 3*time.Minute, 0)
	b.pass(20 * time.Second)
	b.hold("lock:stripe_cus_123", "cc1c49323b344687a324888762206003", 15*time.Second, 1795420800000123)
	b.hold("lock:stripe_cus_456", "1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f", 15*time.Second, 1795420800000124)
	for i := range 3 {
		b.deny("lock:stripe_cus_123", fmt.Sprintf("evt_%d", i+1), i+1, time.Duration(i)*9*time.Second)
	}
	b.deny("lock:stripe_cus_123", "evt_lost", 11, 5*time.Second)
	b.deny("lock:hubspot_9", "evt_88", 3, 30*time.Second)
	b.hold("lock:pay_1", "a", time.Second, 1795420800000125)
	b.ends("lock:pay_1", watcher.Expired)
	b.apply(watcher.Event{Type: watcher.Overrun, Key: T("lock:pay_1"), Owner: T("a"), Counts: &watcher.Counts{Overruns: 1}})
	b.hold("lock:pay_1", "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2", 15*time.Second, 1795420800000126)
	b.hold("lock:done", "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0", 15*time.Second, 1795420800000127)
	b.pass(2 * time.Second)
	b.ends("lock:done", watcher.Released)
	b.pass(time.Second)
	return b
}

func golden(t *testing.T, name string, b *bench) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := b.m.View() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s\nwant\n%s", name, got, want)
	}
}

func TestGoldenScreens(t *testing.T) {
	for name, keys := range map[string][]string{
		"table": {"j", "j"}, "details": {"j", "j", "j", "j", "enter"}, "events": {"e"}, "help": {"?"}, "filter": {"/", "!stripe"},
		"dialog": {"j", "j", "j", "j", "x"}, "paused": {"p"},
	} {
		b := busy(t)
		b.press(keys...)
		b.pass(tickEvery)
		golden(t, name, b)
	}
	b := busy(t, func(o *Options) {
		o.Profile = termenv.ANSI256
		o.ReadOnly = true
		o.Note = "join: locktop --url redis://127.0.0.1:49152/0"
	})
	golden(t, "table-256", b)
	b = busy(t)
	b.apply(watcher.Event{Type: watcher.Gap, Reason: watcher.NewText("dial tcp 127.0.0.1:6379: connect: connection refused")})
	b.pass(9 * time.Second)
	golden(t, "reconnecting", b)
	b = busy(t)
	b.size(40, 10)
	golden(t, "least", b)
	b = busy(t)
	b.size(180, 40)
	golden(t, "wide", b)
}

func TestNewsIsAskedForAtEachFrame(t *testing.T) {
	news := "lost 1"
	b := newBench(t, func(o *Options) { o.News = func() string { return news } })
	b.connect()
	b.see("lost 1")
	news = "lost 2"
	b.pass(tickEvery)
	b.see("lost 2")
}

func TestTheWatchingIsMeteredWhereThereIsRoom(t *testing.T) {
	b := busy(t)
	meter := &watcher.Meter{
		HeardRate: 1204.4, ToldRate: 3.25, Queue: 7, Dropped: 2, PerMinute: 180, Late: 1200 * time.Millisecond, LateSeen: 3,
		Nodes:   []watcher.NodeState{{Node: "a:1", Heard: b.now}, {Node: "b:2", Heard: b.now.Add(-4 * time.Second), Problem: watcher.NewText("refused")}},
		Loading: &watcher.Loading{Read: 400, Waiting: 600, Share: 0.42},
	}
	b.apply(watcher.Event{Type: watcher.Gap, Reason: watcher.NewText("lost")}, watcher.Event{Type: watcher.Connected, Link: &watcher.Link{}},
		watcher.Event{Type: watcher.Alive, Meter: meter})
	b.size(160, 40)
	wide := ansi.Strip(b.m.View())
	for _, want := range []string{
		"heard 1204/s, told 3.2/s · queue 7, dropped 2 · costs 180 commands/min · expiries told up to 1.2 s late · 2 nodes, the oldest data 4 s",
		"reading 42 %", "b:2 is not watched, its data is 4 s old: refused",
	} {
		if !strings.Contains(wide, want) {
			t.Errorf("%q is missing:\n%s", want, wide)
		}
	}
	b.size(80, 24)
	if narrow := ansi.Strip(b.m.View()); strings.Contains(narrow, "heard 1204/s") || !strings.Contains(narrow, "tells expiries up to 1.2 s late") {
		t.Errorf("on a small screen:\n%s", narrow)
	}
}

func TestHeaderCounts(t *testing.T) {
	b := newBench(t)
	b.see("held ?  waiting ?")
	b.connect()
	for i := range 12 {
		b.hold(fmt.Sprintf("lock:%d", i), "o", time.Minute, 5)
	}
	b.pass(time.Second)
	for i := range 3 {
		b.deny("lock:1", fmt.Sprintf("w%d", i), 1, 0)
	}
	b.hold("lock:x", "o", time.Second, 5)
	b.ends("lock:x", watcher.Expired)
	b.pass(time.Second)
	b.see("held 12  waiting 3  denied/min 3  expired 1  overruns 0", "● live")
	b.size(40, 10)
	b.see("held 12  waiting 3  denied/min 3", "expired 1  overruns 0")
}

func TestContentionThatNobodyRecordsIsUnknown(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.hold("lock:plain", "o", time.Minute, 0)
	b.pass(time.Second)
	b.size(140, 30)
	b.see("held 1  waiting ?  denied/min ?  expired 0  overruns ?", howRecorded)
}

func TestWithoutColoursEverythingIsSaidInWords(t *testing.T) {
	b := busy(t)
	for _, keys := range [][]string{nil, {"x"}, {"esc", "?"}, {"?", "e"}, {"tab", "/", "stripe"}} {
		b.press(keys...)
		b.pass(grace)
		if strings.Contains(b.m.View(), "\x1b") {
			t.Fatalf("an escape sequence in %q", b.m.View())
		}
	}
	b = busy(t)
	b.see("> lock:nightly-export", "stuck", "overrun", "overdue", "expiring", "contended", "held", "awaited", "released")
}

func TestColoursOfEachProfile(t *testing.T) {
	for _, p := range []termenv.Profile{termenv.TrueColor, termenv.ANSI256, termenv.ANSI} {
		b := busy(t, func(o *Options) { o.Profile = p })
		v := b.m.View()
		if !strings.Contains(v, "\x1b[") || indexControl(v) >= 0 {
			t.Fatalf("profile %v: %q", p, v)
		}
		if p == termenv.ANSI && regexp.MustCompile(`[34]8;[25]`).MatchString(v) {
			t.Fatal("more than 16 colours")
		}
		for _, l := range strings.Split(v, "\n") {
			if i := strings.LastIndex(l, "\x1b["); i >= 0 && !strings.HasPrefix(l[i:], "\x1b[m") {
				t.Fatalf("colours bleed: %q", l)
			}
		}
	}
}

func TestOldDataIsShownAsOld(t *testing.T) {
	b := busy(t)
	b.apply(watcher.Event{Type: watcher.Gap, Reason: watcher.NewText("connection refused")})
	b.pass(12 * time.Second)
	b.see("reconnecting: connection refused · data is 13 s old", "○ reconnecting", "no TTL", "s?")
	b = busy(t)
	b.pass(8 * time.Second)
	b.see("the server has been silent for 9 s", "○ silent")
	b = busy(t)
	b.apply(watcher.Event{Type: watcher.Connected, Link: &watcher.Link{Polled: 2 * time.Second, Warning: watcher.NewText("notifications are off")}}, watcher.Event{Type: watcher.Resynced})
	b.pass(time.Second)
	b.see("polled every 2 s: notifications are off", "● polled")
}

func TestKeysAreCutInTheMiddle(t *testing.T) {
	b := busy(t)
	b.see("lock:orde…1:shard-7", "cc1c49…206003")
	b.size(165, 30)
	b.press("esc")
	b.see("lock:order_with_a_rather_long_name:eu-west-1:shard-7")
	for _, s := range []string{"a", "abcdef", "日本語の鍵", "a日b本c語d", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦"} {
		for w := range 20 {
			if got := cutMiddle(s, w); width(got) > w {
				t.Fatalf("%q in %d: %q", s, w, got)
			}
		}
	}
}

func TestEveryColumnSorts(t *testing.T) {
	b := busy(t)
	b.size(120, 30)
	headings := map[watcher.Column]string{watcher.ByLock: "LOCK▾", watcher.ByOwner: "OWNER▾", watcher.ByHeld: "HELD▾", watcher.ByTTL: "TTL▾",
		watcher.ByWaiting: "WAIT▾", watcher.ByDenied: "DENIED▾", watcher.ByRetry: "NEXT▾", watcher.ByClears: "CLEARS▾", watcher.ByState: "STATE▾"}
	for range watcher.Columns {
		b.press("s")
		b.see(headings[b.m.sort], "sort "+string(b.m.sort))
		b.press("S")
		b.see(strings.Replace(headings[b.m.sort], "▾", "▴", 1))
	}
}

func TestPauseFreezesThePicture(t *testing.T) {
	b := three(t)
	b.see("55s")
	b.press("p")
	b.hold("lock:new", "o", time.Minute, 9)
	b.pass(10 * time.Second)
	b.see("PAUSED for 10 s", "55s")
	b.miss("lock:new")
	b.press("s")
	b.see("the picture is paused")
	b.press("j", "p")
	b.see("lock:new")
	b.miss("PAUSED")
}

func TestFilter(t *testing.T) {
	b := busy(t)
	b.press("/", "STRIPE", "enter")
	b.see("filter STRIPE · 2 shown, 7 hidden")
	b.miss("lock:pay_1")
	b.press("esc")
	b.see("lock:pay_1")
	b.press("/", "~cus_(1")
	b.see("not applied: missing closing )", "lock:stripe_cus_456")
	b.press(")", "enter")
	b.see("1 shown")
	b.press("/", "esc")
	b.see("lock:pay_1")
	b.press("/", "!/^lock:stripe/")
	b.press("enter")
	b.miss("lock:stripe_")
	b.see("lock:pay_1")
	b.press("esc")
	b.press("/", "4711")
	b.see("lock:nightly-export")
	b.miss("lock:pay_1")
	b.press("zzz", "enter")
	b.see("No lock matches the filter")
	b.press("q")
	if !b.quit {
		t.Fatal("q quits")
	}
}

func TestPanes(t *testing.T) {
	b := busy(t)
	b.press("j", "j", "j", "j", "enter")
	b.see("> DETAILS", "cc1c49323b344687a324888762206003", "1795420800000123", "WAITING 3", "USED UP THEIR ATTEMPTS 1", "evt_2", "RUNS OUT", "unlikely")
	b.press("tab")
	b.see("> EVENTS", "overrun")
	b.press("tab")
	b.see("LOCK  ")
	b.press("shift+tab")
	b.see("> EVENTS")
	b.press("esc")
	b.see("LOCK  ")
	b.press("e", "G", "g", "e")
	b.see("LOCK  ")
	b.size(180, 50)
	b.see("DETAILS", "LOCK  ", "WAITING 3")
	b.press("esc")
	b.miss("DETAILS")
	b.press("enter")
	b.see("DETAILS")
	b.press("y")
	b.see("owner copied")
	if len(b.copied) != 1 || b.copied[0] != "cc1c49323b344687a324888762206003" {
		t.Fatalf("%q", b.copied)
	}
	b.press("esc", "esc", "esc", "esc")
	if b.quit {
		t.Fatal("esc never quits")
	}
	b.press("ctrl+c")
	if !b.quit {
		t.Fatal("ctrl+c quits")
	}
}

func TestTheHelpNamesEveryKey(t *testing.T) {
	b := newBench(t)
	b.size(80, 24)
	b.press("?")
	for _, g := range keys.groups() {
		for _, k := range g.keys {
			b.see(k.Help().Key, k.Help().Desc)
		}
	}
	b.press("esc")
	b.miss("page up")
}

func TestTooSmallAWindowSaysSo(t *testing.T) {
	b := busy(t)
	b.size(39, 24)
	if v := b.m.View(); strings.Contains(v, "\n") || !strings.Contains(v, "needs 40×10") {
		t.Fatalf("%q", v)
	}
}

func fits(t interface{ Fatalf(string, ...any) }, b *bench) {
	v := b.m.View()
	lines := strings.Split(v, "\n")
	if b.m.height > 0 && len(lines) > b.m.height {
		t.Fatalf("%d lines in a window of %d×%d", len(lines), b.m.width, b.m.height)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > b.m.width {
			t.Fatalf("a line of %d in a window of %d×%d: %q", w, b.m.width, b.m.height, l)
		}
	}
	if i := indexControl(v); i >= 0 {
		t.Fatalf("a control character at %d: %q", i, v[max(0, i-20):min(len(v), i+20)])
	}
}

func TestEverySizeAndEveryTextFits(t *testing.T) {
	allKeys := []string{"j", "k", "G", "g", "enter", "tab", "shift+tab", "e", "s", "S", "p", "/", "?", "x", "y", "esc", "a", "日", "!", "~(", "pgdown", "pgup", "left"}
	hostile := []string{"lock:a", "\x1b[31m\x1b]52;c;QQ==\a", "lock:\u202eevil\u2066\u200b\ufeff", "日本語の鍵日本語の鍵日本語の鍵", "👩‍👩‍👧‍👦🏳️‍🌈e\u0301", strings.Repeat("k", 10_000), "\x00\xff\xfe\r\n\t", "\u009b31m", " ", `\`}
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(testing.TB(nil), func(o *Options) {
			o.Profile = rapid.SampledFrom([]termenv.Profile{termenv.Ascii, termenv.ANSI, termenv.ANSI256, termenv.TrueColor}).Draw(t, "profile")
			o.Note = rapid.SampledFrom(hostile).Draw(t, "note")
			if news := rapid.SampledFrom(append(hostile, "")).Draw(t, "news"); rapid.Bool().Draw(t, "has news") {
				o.News = func() string { return news }
			}
			o.URL = rapid.SampledFrom(hostile).Draw(t, "url")
			o.ReadOnly = rapid.Bool().Draw(t, "read-only")
		})
		if rapid.Bool().Draw(t, "connected") {
			b.connect()
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				b.size(rapid.IntRange(0, 300).Draw(t, "w"), rapid.IntRange(0, 100).Draw(t, "h"))
			case 1:
				b.size(rapid.IntRange(38, 90).Draw(t, "w"), rapid.IntRange(9, 30).Draw(t, "h"))
			case 2:
				b.hold(rapid.SampledFrom(hostile).Draw(t, "key"), rapid.SampledFrom(hostile).Draw(t, "owner"),
					rapid.SampledFrom([]time.Duration{lockcore.NoTTL, time.Millisecond, time.Second, time.Minute, 800 * time.Hour, 87600 * time.Hour}).Draw(t, "ttl"), lockcore.Fence(rapid.IntRange(0, 3).Draw(t, "fence")))
			case 3:
				b.ends(rapid.SampledFrom(hostile).Draw(t, "key"), rapid.SampledFrom([]watcher.Type{watcher.Released, watcher.Expired, watcher.Forced, watcher.Deleted, watcher.Gap, watcher.Resynced}).Draw(t, "how"))
			case 4:
				b.deny(rapid.SampledFrom(hostile).Draw(t, "key"), rapid.SampledFrom(hostile).Draw(t, "work"), rapid.IntRange(1, 11).Draw(t, "attempts"), 0)
			case 5:
				b.pass(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			default:
				b.press(rapid.SampledFrom(allKeys).Draw(t, "key"))
			}
			fits(t, b)
		}
	})
}

func TestASteadyPictureIsNotDrawnAgain(t *testing.T) {
	b := busy(t)
	b.m.View()
	type other struct{}
	b.send(other{})
	if b.m.stale {
		t.Fatal("a message that changes nothing makes no frame")
	}
}

// many is a dashboard of 50 rows on 10,000 locks.
func many(t testing.TB) *bench {
	b := newBench(t, func(o *Options) { o.Profile = termenv.TrueColor })
	b.connect()
	for i := range 10_000 {
		b.hold(fmt.Sprintf("lock:stripe_cus_%05d", i), fmt.Sprintf("%032x", i*7919), time.Duration(20+i%60)*time.Second, lockcore.Fence(i))
	}
	b.size(120, 55)
	b.press("enter", "enter", "esc")
	b.pass(time.Second)
	return b
}

func BenchmarkFrame(b *testing.B) {
	d := many(b)
	d.m.sideOpen, d.m.sideAuto = false, false
	d.m.keepInSight()
	b.ReportAllocs()
	for b.Loop() {
		d.m.stale = true
		d.m.View()
	}
}

func BenchmarkSnapshot(b *testing.B) {
	d := many(b)
	r := request{o: &d.m.o, query: d.m.window(), picture: true}
	b.ReportAllocs()
	for b.Loop() {
		r.run()
	}
}
