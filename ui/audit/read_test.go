package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/watcher"
)

func TestAnIntentWithoutAnOutcomeIsNotRecorded(t *testing.T) {
	trail := trailOn(t, discard{})
	func() {
		defer func() { recover() }() // the process ends in the middle of the step
		trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { panic("killed") })
	}()
	got := local(t, trail)
	if len(got) != 1 || !got[0].NotRecorded() || got[0].Reason != "its worker is gone" {
		t.Fatalf("on record: %+v", got)
	}
	// Tried again, it is done; and once more, killed, it stays done.
	trail.Do(t.Context(), order("op"), done)
	func() {
		defer func() { recover() }()
		trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { panic("killed") })
	}()
	if got = local(t, trail); len(got) != 1 || got[0].Outcome != Done {
		t.Errorf("on record: %+v", got)
	}
	// What was not sent at first may have been sent at the second try.
	trail = trailOn(t, discard{})
	trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { return Result{}, lockcore.ErrUnreachable })
	func() {
		defer func() { recover() }()
		trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { panic("killed") })
	}()
	if got = local(t, trail); len(got) != 1 || !got[0].NotRecorded() {
		t.Errorf("on record: %+v", got)
	}
}

func TestBytesThatAreNoTextSurvive(t *testing.T) {
	srv := locktest.StartRedis(t)
	trail := trailOn(t, client(t, srv))
	e := order("op")
	e.Key, e.Owner, e.Reason, e.TTL, e.Fence = "lock:\xff\x00", "\x1b]0;x\a\u202e", `{"base64":"no"}`, lockcore.NoTTL, 0
	if _, err := trail.Do(t.Context(), e, done); err != nil {
		t.Fatal(err)
	}
	if text := lines(t, trail)[0]; !strings.Contains(text, `"key":{"base64":"bG9jazr/AA=="}`) || !utf8.ValidString(text) ||
		strings.ContainsAny(text, "\x1b\a\u202e") || !strings.Contains(text, `"ttl_ms":-1`) || !strings.Contains(text, `"fence":null`) {
		t.Errorf("the line is %q", text)
	}
	published, _, err := Published(t.Context(), trail.Stream, 0)
	if err != nil || len(published) != 1 {
		t.Fatal(published, err)
	}
	for _, o := range append(local(t, trail), published...) {
		if o.Key != e.Key || o.Owner != e.Owner || o.Reason != e.Reason || o.TTL != e.TTL || o.Fence != 0 {
			t.Errorf("read back: %+v", o)
		}
	}
}

func TestAKeyOfTheGreatestLengthFitsALine(t *testing.T) {
	trail := trailOn(t, discard{})
	e := order("op")
	e.Key, e.Owner = strings.Repeat("\x01", lockcore.MaxKey), strings.Repeat("\xff", lockcore.MaxOwner)
	if _, err := trail.Do(t.Context(), e, done); err != nil {
		t.Fatal(err)
	}
	if got := local(t, trail); len(got) != 1 || got[0].Key != e.Key || got[0].Outcome != Done {
		t.Errorf("%d orders are on record", len(got))
	}
}

func TestDamagedLinesAreCountedAndTheOthersRead(t *testing.T) {
	l := func(op, phase, outcome string) string {
		return fmt.Sprintf(`{"time":"2026-11-24T10:00:00Z","phase":%q,"operation":%q,"kind":"seize","key":"lock:a","outcome":%q,"unheard":[1]}`, phase, op, outcome)
	}
	text := strings.Join([]string{
		l("op1", "intent", ""), "", "nonsense", `{"time":"x"}`, `{}`, `[]`, `null`, `{"time":"2026-11-24T10:00:00Z","operation":"","kind":"seize"}`,
		strings.Repeat("[", 5000), `"` + strings.Repeat("x", longestEntry+10) + `"`, l("op1", "outcome", "done"), l("op2", "intent", ""), l("op2", "outcome", "changed")[:60],
	}, "\n")
	got, damaged, err := readLocal(strings.NewReader(text))
	if err != nil || damaged != 9 || len(got) != 2 || got[0].Outcome != Done || !got[1].NotRecorded() {
		t.Errorf("%+v, %d damaged, %v", got, damaged, err)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	dir := Dir{Path: t.TempDir()}
	if got, _, err := Local(dir); got != nil || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
	if err := os.Mkdir(filepath.Join(dir.Path, FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Local(dir); err == nil {
		t.Error("a directory is read")
	}
}

func TestTheStreamIsReadInPagesNewestFirstAndBounded(t *testing.T) {
	srv := locktest.StartRedis(t)
	c := client(t, srv)
	none, _, err := Published(t.Context(), c, 0)
	if err != nil || len(none) != 0 {
		t.Errorf("no stream: %v, %v", none, err)
	}
	const all = 2*streamPage + 30
	for i := range all {
		e := order("op" + strconv.Itoa(i))
		e.Time = at
		l := e.line()
		if _, err := add(t.Context(), c, l); err != nil {
			t.Fatal(err)
		}
	}
	srv.CLI("XADD", StreamKey, "*", "entry", "nonsense")
	srv.CLI("XADD", StreamKey, "*", "something", "else", "odd", "one")
	got, damaged, err := Published(t.Context(), c, 0)
	if err != nil || damaged != 2 || len(got) != all || got[0].Operation != "op"+strconv.Itoa(all-1) || got[all-1].Operation != "op0" {
		t.Errorf("%d orders, %d damaged, %v", len(got), damaged, err)
	}
	if got, _, err = Published(t.Context(), c, 3); err != nil || len(got) != 3 || got[0].Operation != "op"+strconv.Itoa(all-1) {
		t.Errorf("the last three: %+v, %v", got, err)
	}
	srv.CLI("DEL", StreamKey)
	srv.CLI("SET", StreamKey, "x")
	var refused *lockcore.ReplyError
	if _, _, err = Published(t.Context(), c, 0); !errors.As(err, &refused) {
		t.Errorf("another type: %v", err)
	}
}

func TestTheStreamIsKeptShort(t *testing.T) {
	srv := locktest.StartRedis(t)
	c := client(t, srv)
	e := order("op")
	for range streamKept + 500 {
		if _, err := add(t.Context(), c, e.line()); err != nil {
			t.Fatal(err)
		}
	}
	// The trimming is approximate: by whole nodes of a hundred entries.
	if n, _ := strconv.Atoi(srv.CLI("XLEN", StreamKey)); n < streamKept || n > streamKept+200 {
		t.Errorf("the stream has %d entries", n)
	}
}

func TestBothSourcesTellOneStory(t *testing.T) {
	one := func(op, outcome string, seconds int, mend func(*Order)) Order {
		o := Order{Entry: order(op), Local: true}
		o.Time, o.Outcome = at.Add(time.Duration(seconds)*time.Second), outcome
		if mend != nil {
			mend(&o)
		}
		return o
	}
	stream := func(op, outcome string, seconds int, mend func(*Order)) Order {
		o := one(op, outcome, seconds, mend)
		o.Local, o.StreamID = false, "1-"+strconv.Itoa(seconds)
		return o
	}
	got := Join(
		[]Order{
			one("killed before the stream", "", 5, nil),
			one("killed after the stream", "", 1, nil),
			one("unknown, then done", Unknown, 3, nil),
			one("borrowed", Done, 2, nil),
		},
		[]Order{ // newest first
			stream("elsewhere", Done, 6, nil),
			stream("unknown, then done", Done, 3, nil),
			stream("unknown, then done", Unknown, 3, nil),
			stream("borrowed", Changed, 4, func(o *Order) { o.Key = "lock:b" }),
			stream("killed after the stream", Done, 1, func(o *Order) { o.NewOwner = "ann" }),
		})
	var told []string
	for _, o := range got {
		told = append(told, fmt.Sprintf("%s: %s %t %t", o.Operation, o.Outcome, o.Local, o.StreamID != ""))
	}
	want := []string{
		"killed after the stream: done true true",
		"borrowed: done true false",
		"unknown, then done: done true true",
		"borrowed: changed false true",
		"killed before the stream:  true false",
		"elsewhere: done false true",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("they tell\n%s", strings.Join(told, "\n"))
	}
}

func FuzzLine(f *testing.F) {
	e := order("op")
	e.Time = at
	l := e.line()
	whole, _ := l.encode()
	f.Add(whole)
	f.Add([]byte(`{"time":"2026-11-24T10:00:00Z","operation":{"base64":"/w=="},"kind":"undo","ttl_ms":-5,"fence":9007199254740993}`))
	f.Add([]byte(`{"time":"0001-01-02T00:00:00Z","operation":"\ud800","kind":null,"key":{"base64":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := decode(raw)
		if err != nil {
			return
		}
		e := got.entry()
		if e.TTL < watcher.Unknown || e.Fence >= 1<<53 {
			t.Errorf("%q gives %+v", raw, e)
		}
		l := e.line()
		again, err := l.encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", e, err)
		}
		for _, r := range string(again) {
			if r < 0x20 || r == 0x7f || r == 0x9b || r == 0x202e {
				t.Errorf("%q has a control character", again)
			}
		}
		back, err := decode(again)
		if err != nil {
			t.Fatalf("%q cannot be read: %v", again, err)
		}
		if got := back.entry(); !got.Time.Equal(e.Time.Truncate(time.Millisecond)) || got.Key != e.Key || got.Owner != e.Owner || got.TTL != e.TTL || got.Outcome != e.Outcome {
			t.Errorf("%+v came back as %+v", e, got)
		}
	})
}

func FuzzLocalFile(f *testing.F) {
	e := order("op")
	e.Time = at
	l := e.line()
	whole, _ := l.encode()
	f.Add(append(append([]byte{}, whole...), '\n'))
	f.Add([]byte("\n\n{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		orders, damaged, err := readLocal(strings.NewReader(string(text)))
		if err != nil || len(orders)+damaged > strings.Count(string(text), "\n")+1 {
			t.Errorf("%d orders, %d damaged, %v", len(orders), damaged, err)
		}
	})
}
