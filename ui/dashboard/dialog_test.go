package dashboard

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

// opened is the dialog of lock:b, ready to take keys.
func opened(t *testing.T) *bench {
	b := three(t)
	b.press("j", "x")
	b.pass(grace)
	return b
}

func (b *bench) orders(n int) {
	b.t.Helper()
	if len(b.released.orders) != n {
		b.t.Fatalf("%d orders, want %d", len(b.released.orders), n)
	}
}

func TestForceReleaseEndsTheHoldThatWasShown(t *testing.T) {
	b := opened(t)
	b.see("Force-release this lock?", "lock:b", "owner-b", "101", "55s")
	b.press("scenario hangs", "enter", "lock:b", "enter", "tab", "enter")
	b.orders(1)
	got := b.released.orders[0]
	want := lockcore.ForceRelease{Key: "lock:b", Expect: lockcore.Expectation{Owner: "owner-b", Fence: 101}, Operation: got.Operation, Operator: "ann@ops", Reason: "scenario hangs"}
	if got != want || got.Operation == "" {
		t.Fatalf("%+v", got)
	}
	b.see("released lock:b")
}

func TestTheDeadlineStandsInForAFenceThatNobodyRecorded(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.hold("lock:plain", "o", time.Minute, 0)
	b.pass(5 * time.Second)
	b.press("x")
	if e := b.m.dialog.order.Expect; !e.Deadline.Equal(start.Add(time.Minute)) || e.NoTTL || e.Fence != 0 {
		t.Fatalf("%+v", e)
	}
	b.press("esc")
	b.pass(grace)
	b.press("esc")
	b.hold("lock:plain", "p", lockcore.NoTTL, 0)
	b.pass(5 * time.Second)
	b.press("x")
	if e := b.m.dialog.order.Expect; !e.NoTTL || e.Owner != "p" {
		t.Fatalf("%+v", e)
	}
	if b.m.dialog.needName {
		t.Fatal("a stuck hold wants no typed confirmation")
	}
}

func TestKeysOfTheFirstMomentsAreDropped(t *testing.T) {
	b := three(t)
	b.press("xyes", "enter", "esc", "tab", "tab")
	b.pass(grace - time.Millisecond)
	b.press("z", "esc")
	if d := b.m.dialog; d == nil || d.reason.value() != "" || d.focus != focusReason {
		t.Fatalf("%+v", d)
	}
	b.pass(time.Millisecond)
	b.press("z")
	if b.m.dialog.reason.value() != "z" {
		t.Fatal("keys after the grace are taken")
	}
}

func TestFocusGoesReasonNameCancelRelease(t *testing.T) {
	b := opened(t)
	for i, want := range []focus{focusReason, focusName, focusCancel, focusRelease, focusReason} {
		if b.m.dialog.focus != want {
			t.Fatalf("step %d: %v", i, b.m.dialog.focus)
		}
		b.press("tab")
	}
	for i, want := range []focus{focusName, focusReason, focusRelease, focusCancel} {
		if b.m.dialog.focus != want {
			t.Fatalf("back %d: %v", i, b.m.dialog.focus)
		}
		b.press("shift+tab")
	}
}

func TestWhereTheHoldIsNotAliveNoNameIsAsked(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.hold("lock:stuck", "o", lockcore.NoTTL, 7)
	b.pass(3 * time.Second)
	b.press("x")
	b.pass(grace)
	b.press("why", "enter")
	if b.m.dialog.focus != focusCancel {
		t.Fatal("Cancel follows the reason")
	}
	b.press("shift+tab")
	if b.m.dialog.focus != focusReason {
		t.Fatal("the reason is before Cancel")
	}
	b.press("tab", "right", "enter")
	b.orders(1)
}

func TestEnterNeverReachesReleaseByItself(t *testing.T) {
	b := opened(t)
	b.press("r", "enter", "lock:b", "enter", "enter", "enter", "enter")
	b.orders(0)
	if b.m.dialog != nil {
		t.Fatal("the third Enter pressed Cancel")
	}
}

func TestEscCancels(t *testing.T) {
	b := opened(t)
	b.press("r", "esc")
	b.orders(0)
	if b.m.dialog != nil || b.quit {
		t.Fatal("closed, not quit")
	}
}

func TestReleaseSaysWhatIsMissing(t *testing.T) {
	b := opened(t)
	b.press("shift+tab", "enter")
	b.see("a reason is missing")
	b.press("tab", "   ", "shift+tab", "enter")
	b.see("a reason is missing")
	b.press("tab", "why", "shift+tab", "enter")
	b.see("the lock's name is missing")
	b.press("shift+tab", "shift+tab", "lock:c", "tab", "tab", "enter")
	b.see("the name typed is not the lock's")
	b.orders(0)
}

func TestANameWithEscapesIsTypedAsShown(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.hold("lock:\x1b[31m\u202ex", "o", time.Minute, 7)
	b.pass(3 * time.Second)
	b.press("x")
	b.pass(grace)
	b.press("why", "tab", `lock:\x1b[31m\u202ex`, "tab", "tab", "enter")
	b.orders(1)
	if b.released.orders[0].Key != "lock:\x1b[31m\u202ex" {
		t.Fatal("the order is for the raw key")
	}
}

func TestAHoldThatIsGoneOrChangedIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		says   string
	}{
		"released":      {func(b *bench) { b.ends("lock:b", watcher.Released) }, "gone: released by its owner"},
		"expired":       {func(b *bench) { b.ends("lock:b", watcher.Expired) }, "gone: expired"},
		"other owner":   {func(b *bench) { b.hold("lock:b", "thief", time.Minute, 200) }, "now held by thief"},
		"later hold":    {func(b *bench) { b.hold("lock:b", "owner-b", time.Minute, 201) }, "now held by a later hold of the same owner, fence 201"},
		"while paused":  {func(b *bench) { b.m.paused = true; b.hold("lock:b", "thief", time.Minute, 200) }, "now held by thief"},
		"gone for good": {func(b *bench) { b.ends("lock:b", watcher.Deleted); b.now = b.now.Add(time.Hour) }, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			b := opened(t)
			b.press("why", "tab", "lock:b", "tab", "tab")
			c.change(b)
			b.pass(tickEvery)
			b.see(c.says, "disabled", "owner-b")
			b.press("enter")
			b.orders(0)
			b.see("not released: ")
			if b.m.dialog == nil {
				t.Fatal("the dialog stays")
			}
		})
	}
}

func TestAnUnrecordedHoldThatWasExtendedIsLeftAlone(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.hold("lock:plain", "o", time.Minute, 0)
	b.pass(5 * time.Second)
	b.press("x")
	b.apply(watcher.Event{Type: watcher.Extended, Key: watcher.NewText("lock:plain"), TTL: time.Minute, Deadline: b.now.Add(time.Minute)})
	b.pass(grace)
	b.see("changed: it was extended", "disabled")
}

func TestAPausedPictureIsComparedWithTheLiveLock(t *testing.T) {
	b := three(t)
	b.press("j", "p")
	b.hold("lock:b", "thief", time.Minute, 200)
	b.pass(time.Second)
	b.miss("thief")
	b.press("x")
	b.pass(grace)
	b.see("owner-b", "now held by thief", "disabled")
}

func TestAHoldThatChangedHandsJustNowIsSaid(t *testing.T) {
	b := three(t)
	b.press("j")
	b.hold("lock:b", "next", time.Minute, 200)
	b.pass(tickEvery)
	b.pass(time.Second)
	b.press("x")
	b.see("it changed hands 1.0 s ago; before, owner-b held it")
	b.pass(grace)
	b.press("esc")
	b.pass(3 * time.Second)
	b.press("x")
	b.miss("changed hands")
}

func TestWhatCameOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		result lockcore.ForcedRelease
		says   string
	}{
		"done":       {nil, lockcore.ForcedRelease{}, "released lock:b"},
		"before":     {nil, lockcore.ForcedRelease{Before: true}, "the first try had done it already"},
		"unrecorded": {nil, lockcore.ForcedRelease{NotRecorded: "OOM"}, "will not learn of it: OOM"},
		"gone": {&lockcore.ChangedError{Key: "lock:b", Past: &lockcore.Past{How: lockcore.HowForced, By: "bob"}}, lockcore.ForcedRelease{},
			"gone: nobody holds lock:b any more; it was released by force by bob"},
		"changed": {fmt.Errorf("x: %w", &lockcore.ChangedError{Key: "lock:b", Holder: lockcore.Holder{Owner: "thi\x1bef"}}), lockcore.ForcedRelease{}, `now held by thi\x1bef`},
		"unknown": {fmt.Errorf("force: %w", lockcore.ErrUnknownOutcome), lockcore.ForcedRelease{}, "outcome unknown: "},
		"refused": {errors.New("NOPERM \x1b]52;c;AAAA\a no"), lockcore.ForcedRelease{}, `not released: NOPERM \x1b]52;c;AAAA\a no`},
	} {
		t.Run(name, func(t *testing.T) {
			b := opened(t)
			b.released.err, b.released.result = c.err, c.result
			b.press("why", "tab", "lock:b", "tab", "tab", "enter")
			b.orders(1)
			b.see(c.says)
			if i := indexControl(b.m.View()); i >= 0 {
				t.Fatalf("a control character at %d", i)
			}
		})
	}
}

func TestAnUnknownOutcomeIsTriedAgainWithTheSameOperation(t *testing.T) {
	b := opened(t)
	b.released.err = fmt.Errorf("force: %w", lockcore.ErrUnknownOutcome)
	b.press("why", "tab", "lock:b", "tab", "tab", "enter")
	b.released.err = nil
	b.press("x")
	b.pass(grace)
	b.see("the outcome of the last try is unknown", "why")
	b.press("tab", "lock:b", "tab", "tab", "enter")
	b.orders(2)
	if o := b.released.orders; o[0].Operation != o[1].Operation {
		t.Fatal("another operation")
	}
	b.press("x")
	if b.m.dialog.again {
		t.Fatal("a settled order is over")
	}
}

func TestReadOnlyReleasesNothing(t *testing.T) {
	for _, change := range []func(*Options){func(o *Options) { o.ReadOnly = true }, func(o *Options) { o.Releaser = nil }} {
		b := three(t, change)
		b.press("x")
		if b.m.dialog != nil {
			t.Fatal("a dialog")
		}
		b.see("this is read-only", "[READ-ONLY]")
	}
}

func TestAnAwaitedLockHasNothingToRelease(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.deny("lock:awaited", "evt_1", 1, 0)
	b.pass(time.Second)
	b.see("awaited")
	b.press("x")
	b.see("nobody holds lock:awaited")
}

func TestPastedTextIsNoCommand(t *testing.T) {
	b := three(t)
	b.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("xq"), Paste: true})
	if b.m.dialog != nil || b.quit {
		t.Fatal("a paste did something")
	}
	b.press("x")
	b.pass(grace)
	b.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("why\x1b[31m\nnot"), Paste: true})
	if b.m.dialog.reason.value() == "" {
		t.Fatal("a field takes text")
	}
	if i := indexControl(b.m.View()); i >= 0 {
		t.Fatalf("a control character at %d", i)
	}
}

func TestQuittingWarnsWhileAnOrderIsUnderWay(t *testing.T) {
	b := opened(t)
	b.press("why", "tab", "lock:b", "tab", "tab")
	_, cmd := b.m.Update(tea.KeyMsg{Type: tea.KeyEnter}) // sent, not answered
	b.press("q")
	if b.quit {
		t.Fatal("quit without a warning")
	}
	b.see("an order is under way")
	b.run(cmd)
	b.see("released lock:b")
	b.press("q")
	if !b.quit {
		t.Fatal("no quit")
	}
}

func TestAReleaseIsLimitedInTime(t *testing.T) {
	b := newBench(t)
	if b.m.o.Timeout != DefaultTimeout || b.m.ctx != context.Background() {
		t.Fatal("the defaults")
	}
}

// indexControl finds a control character other than those of our own colours and line ends.
func indexControl(s string) int {
	for i, r := range s {
		if r != '\n' && r != 0x1b && (r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0x200b && r <= 0x200f || r == 0xfeff) {
			return i
		}
		if r == 0x1b && !ours.MatchString(s[i:min(i+48, len(s))]) {
			return i
		}
	}
	return -1
}
