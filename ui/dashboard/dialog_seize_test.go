package dashboard

// Seizing and giving back.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// operators is a Releaser that can do everything, and what it was asked.
type operators struct {
	releases
	seizures []lockcore.Seizure
	undos    []lockcore.Undo
	left     []time.Duration
	missing  []error
	undone   lockcore.Undone
	undoErr  error
}

func (o *operators) ReleaseOnRecord(ctx context.Context, f lockcore.ForceRelease, left time.Duration) (*lockcore.ForcedRelease, []error, error) {
	o.left = append(o.left, left)
	done, err := o.releases.ForceRelease(ctx, f)
	if done != nil && done.Operation == "" {
		done.Operation = f.Operation
	}
	return done, o.missing, err
}

func (o *operators) SeizeOnRecord(ctx context.Context, s lockcore.Seizure, left time.Duration) (*lockcore.Seized, []error, error) {
	o.seizures, o.left = append(o.seizures, s), append(o.left, left)
	if o.err != nil {
		return nil, o.missing, o.err
	}
	return &lockcore.Seized{Hold: lockcore.Hold{Key: s.Key, Owner: s.Operator + "/" + s.Operation, TTL: s.TTL, Fence: 900}, Operation: s.Operation}, o.missing, nil
}

func (o *operators) UndoOnRecord(_ context.Context, u lockcore.Undo, _ lockcore.Past, _ string) (*lockcore.Undone, []error, error) {
	o.undos = append(o.undos, u)
	if o.undoErr != nil {
		return nil, o.missing, o.undoErr
	}
	return &o.undone, o.missing, nil
}

// operating is three locks, the second selected, and somebody who may do everything.
func operating(t *testing.T) (*bench, *operators) {
	b, to := three(t), &operators{}
	b.m.o.Releaser = to
	b.press("j")
	return b, to
}

func TestASeizureTakesTheHoldThatWasShownForATTL(t *testing.T) {
	b, to := operating(t)
	b.press("X")
	b.pass(grace)
	b.see("Seize this lock?", "lock:b", "owner-b", "[ Seize ]", "60s")
	for i, want := range []focus{focusReason, focusTTL, focusName, focusCancel, focusRelease, focusReason} {
		if b.m.dialog.focus != want {
			t.Fatalf("step %d: %v", i, b.m.dialog.focus)
		}
		b.press("tab")
	}
	b.press("shift+tab", "scenario hangs", "enter", "enter", "lock:b", "enter", "tab", "enter")
	if len(to.seizures) != 1 || len(to.orders) != 0 {
		t.Fatalf("%d seizures, %d releases", len(to.seizures), len(to.orders))
	}
	got := to.seizures[0]
	want := lockcore.Seizure{Key: "lock:b", Expect: lockcore.Expectation{Owner: "owner-b", Fence: 101}, TTL: time.Minute,
		Operation: got.Operation, Operator: "ann@ops", Reason: "scenario hangs"}
	if got != want || got.Operation == "" || to.left[0] <= 0 || to.left[0] > time.Minute {
		t.Fatalf("%+v, left %v", got, to.left)
	}
	b.see("seized lock:b for 1m00s: its owner is now", "ann@ops/"+got.Operation)
}

func TestASeizureWantsATTLThatCanBeOne(t *testing.T) {
	b, to := operating(t)
	b.press("X")
	b.pass(grace)
	b.press("r", "enter")
	for _, wrong := range []string{"", "0s", "soon", "60", "-1s", "1us", "100000h"} {
		b.m.dialog.ttl.setValue(wrong)
		b.m.dialog.name.setValue("lock:b")
		b.m.dialog.focus = focusRelease
		b.press("enter")
		b.see("for how long? Write a TTL")
	}
	if len(to.seizures) != 0 {
		t.Fatalf("%+v", to.seizures)
	}
	b.m.dialog.ttl.setValue(" 5m ")
	b.press("enter")
	if len(to.seizures) != 1 || to.seizures[0].TTL != 5*time.Minute {
		t.Fatalf("%+v", to.seizures)
	}
}

func TestASeizureWithoutAnAnswerIsTriedAgainAsTheSameOne(t *testing.T) {
	b, to := operating(t)
	to.err = fmt.Errorf("seize: %w", lockcore.ErrUnknownOutcome)
	seize := func() {
		b.press("X")
		b.pass(grace)
		b.m.dialog.name.setValue("lock:b")
		if b.m.dialog.reason.value() == "" {
			b.m.dialog.reason.setValue("r")
			b.m.dialog.ttl.setValue("90s")
		}
		b.m.dialog.focus = focusRelease
		b.press("enter")
	}
	seize()
	b.see("outcome unknown", "tries the same operation again")
	// A forced release is another order.
	b.press("x")
	if b.m.dialog.again {
		t.Error("x takes a seizure for its own")
	}
	b.pass(grace)
	b.press("esc")
	to.err = nil
	seize()
	if len(to.seizures) != 2 || to.seizures[0].Operation != to.seizures[1].Operation || to.seizures[1].TTL != 90*time.Second {
		t.Fatalf("%+v", to.seizures)
	}
}

func TestWithoutASeizerNothingIsSeized(t *testing.T) {
	b := three(t)
	b.press("j", "X")
	b.see("locks cannot be seized here")
	b.press("u")
	b.see("nothing to undo")
	if b.m.dialog != nil {
		t.Error("a dialog opened")
	}
	b = newBench(t, func(o *Options) { o.ReadOnly, o.Releaser = true, &operators{} })
	b.connect()
	b.hold("lock:a", "o", time.Minute, 5)
	b.pass(time.Second)
	b.press("X")
	b.see("this is read-only")
}

// freed releases lock:b by force.
func freed(t *testing.T) (*bench, *operators) {
	t.Helper()
	b, to := operating(t)
	b.press("x")
	b.pass(grace)
	b.m.dialog.reason.setValue("r")
	b.m.dialog.name.setValue("lock:b")
	b.m.dialog.focus = focusRelease
	b.press("enter")
	if len(to.orders) != 1 {
		t.Fatalf("%d releases", len(to.orders))
	}
	b.see("released lock:b · u gives it back")
	b.ends("lock:b", watcher.Forced)
	b.pass(time.Second)
	return b, to
}

func TestUGivesTheLockBackWhateverIsSelected(t *testing.T) {
	b, to := freed(t)
	to.undone = lockcore.Undone{Owner: "owner-b", Fence: 101, TTL: 40 * time.Second}
	b.press("k", "k", "u")
	if len(to.undos) != 1 || to.undos[0].Key != "lock:b" || to.undos[0].Forced != to.orders[0].Operation || to.undos[0].Operation == to.undos[0].Forced {
		t.Fatalf("%+v", to.undos)
	}
	b.see("gave lock:b back to owner-b, TTL 40s")
	b.press("u")
	b.see("nothing to undo")
}

func TestALockThatWasSeenToBeTakenIsNotGivenBack(t *testing.T) {
	b, to := freed(t)
	b.hold("lock:b", "thief", time.Minute, 0)
	b.ends("lock:b", watcher.Deleted)
	b.pass(time.Second)
	b.press("u")
	b.see("not undone: thief took lock:b at")
	if len(to.undos) != 0 {
		t.Fatalf("%+v", to.undos)
	}
	b.press("u")
	b.see("nothing to undo")
}

func TestAnUndoThatIsRefusedSaysWhyAndOneWithoutAnAnswerIsTriedAgain(t *testing.T) {
	for why, c := range map[string]struct {
		err   error
		says  string
		again bool
	}{
		"taken":   {&lockcore.ChangedError{Holder: lockcore.Holder{Owner: "thief", TTL: time.Second}, Why: "taken"}, "not undone: lock:b is now held by thief", false},
		"told":    {&lockcore.ChangedError{Why: "told"}, "not undone: its old owner has been told already", false},
		"passed":  {&lockcore.ChangedError{Why: "passed"}, "not undone: the deadline of that hold has passed", false},
		"other":   {&lockcore.ChangedError{Why: "unknown"}, "not undone: that release is not the last thing", false},
		"unknown": {fmt.Errorf("x: %w", lockcore.ErrUnknownOutcome), "outcome unknown", true},
		"away":    {fmt.Errorf("x: %w", lockcore.ErrUnreachable), "not undone: x: server unreachable", true},
	} {
		b, to := freed(t)
		to.undoErr = c.err
		b.press("u")
		b.see(c.says)
		b.press("u")
		if again := len(to.undos) == 2 && to.undos[0] == to.undos[1]; again != c.again {
			t.Errorf("%s: %+v", why, to.undos)
		}
	}
}

func TestWhatIsNotOnRecordIsSaidBesideTheOutcome(t *testing.T) {
	b, to := operating(t)
	b.size(200, 24)
	to.missing = []error{errors.New("the stream has no entry of it: NOPERM")}
	b.press("x")
	b.pass(grace)
	b.m.dialog.reason.setValue("r")
	b.m.dialog.name.setValue("lock:b")
	b.m.dialog.focus = focusRelease
	b.press("enter")
	b.see("released lock:b", "the audit trail is not complete: the stream has no entry of it: NOPERM")
}

func TestTheSeizureDialogFitsTheLeastWindow(t *testing.T) {
	b, _ := operating(t)
	b.press("X")
	b.pass(grace)
	b.size(40, 10)
	b.see("Seize this lock?", "lock:b", "owner-b", "Reason", "For     60s", "Name", "Cancel", "Seize ]", "esc cancels")
	golden(t, "seize-least", b)
	b.size(80, 24)
	golden(t, "seize", b)
}
