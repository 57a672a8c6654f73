package dashboard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

func TestSelectionStaysOnItsLockWhenRowsMove(t *testing.T) {
	b := three(t)
	b.press("j")
	for _, k := range []string{"lock:aa", "lock:ab", "lock:0"} {
		b.hold(k, "x", time.Minute, 1)
	}
	b.pass(time.Second)
	if !strings.Contains(b.chosen(), "lock:b ") {
		t.Fatalf("selected: %q", b.chosen())
	}
	b.press("S")
	if !strings.Contains(b.chosen(), "lock:b ") {
		t.Fatalf("after reversing: %q", b.chosen())
	}
}

func TestALockThatEndedStaysForAWhileAndThenItsNeighbourIsSelected(t *testing.T) {
	b := three(t)
	b.press("j")
	b.ends("lock:b", watcher.Released)
	b.pass(time.Second)
	if c := b.chosen(); !strings.Contains(c, "lock:b ") || !strings.Contains(c, "released") || strings.Contains(c, "█") {
		t.Fatalf("selected: %q", c)
	}
	b.press("x")
	b.see("nobody holds lock:b: released by its owner")
	b.pass(watcher.Linger + time.Second)
	if !strings.Contains(b.chosen(), "lock:c ") {
		t.Fatalf("selected: %q", b.chosen())
	}
	b.press("x")
	b.see("the selection moved here by itself 0.0 s ago; it was on lock:b", "owner-c")
}

func TestAllKeysOfMovement(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Query.Sort = watcher.ByLock })
	b.connect()
	for c := 'a'; c <= 'z'; c++ {
		b.hold("lock:"+string(c)+string(c), "o", time.Minute, 1)
	}
	b.pass(time.Second)
	for _, step := range []struct{ key, at string }{
		{"j", "bb"}, {"down", "cc"}, {"k", "bb"}, {"up", "aa"}, {"k", "aa"}, {"G", "zz"}, {"j", "zz"}, {"g", "aa"}, {"end", "zz"}, {"home", "aa"},
		{"pgdown", "uu"}, {"pgup", "aa"}, {"jjj", "dd"},
	} {
		b.press(step.key)
		if c := b.chosen(); !strings.Contains(c, "lock:"+step.at) {
			t.Fatalf("%s: %q, want %s\n%s", step.key, c, step.at, b.screen())
		}
	}
}

func TestAnEmptyPictureHasNoSelection(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.pass(time.Second)
	b.press("j", "G", "k", "x")
	b.see("no lock is selected", "Nobody holds a lock that matches lock:*")
	b.press("y")
	b.see("no owner to copy")
}

// Thirty locks that sort before the selected one leave no room for it on a small screen.
func TestUntilTheUserChoosesTheWorstStaysInSight(t *testing.T) {
	for _, choose := range []bool{false, true} {
		b := newBench(t, func(o *Options) { o.Query.Sort = watcher.ByLock })
		b.size(80, 24)
		b.connect()
		b.hold("lock:z", "owner-z", time.Minute, 7)
		b.pass(5 * time.Second)
		if choose {
			b.press("g") // the first row, and by choice
		}
		for i := range 30 {
			b.hold(fmt.Sprintf("lock:a%02d", i), "owner-a", time.Minute, lockcore.Fence(100+i))
		}
		b.pass(5 * time.Second)
		want := "lock:a00"
		if choose {
			want = "lock:z"
		}
		if got := b.chosen(); !strings.Contains(got, want) {
			t.Errorf("chosen by the user: %v; selected is %q, should be %s:\n%s", choose, got, want, b.screen())
		}
	}
}
