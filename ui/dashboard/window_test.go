package dashboard

// The dashboard on more locks than a picture has.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

// crowded is a dashboard on locks from lock:0000 on, sorted by name.
func crowded(t testing.TB, n int) *bench {
	b := newBench(t, func(o *Options) { o.Query.Sort = watcher.ByLock })
	b.connect()
	for i := range n {
		b.hold(fmt.Sprintf("lock:%04d", i), fmt.Sprintf("owner-%d", i), time.Minute, lockcore.Fence(100+i))
	}
	b.pass(5 * time.Second)
	return b
}

// sound checks that the screen is full of rows in their order, and the selection among them.
func (b *bench) sound(step string, selected int) {
	b.t.Helper()
	m, v := b.m, &b.m.snap.view
	if m.selected.index != selected || m.row() == nil {
		b.t.Fatalf("%s: selected is row %d, should be %d: %+v", step, m.selected.index, selected, m.selected)
	}
	if most := 4*m.visibleRows() + 1; len(v.Rows) > most {
		b.t.Fatalf("%s: the picture has %d rows of %d, should have at most %d", step, len(v.Rows), v.Total, most)
	}
	if m.offset > selected || selected >= m.offset+m.visibleRows() || m.offset > max(v.Total-m.visibleRows(), 0) {
		b.t.Fatalf("%s: row %d of %d is selected, the screen begins at %d and has %d", step, selected, v.Total, m.offset, m.visibleRows())
	}
	for i := m.offset; i < min(m.offset+m.visibleRows(), v.Total); i++ {
		if r := m.rowAt(i); r == nil || !strings.Contains(b.screen(), r.Key.String()) {
			b.t.Fatalf("%s: row %d of %d is not on the screen:\n%s", step, i, v.Total, b.screen())
		}
	}
}

func TestMovingThroughMoreLocksThanAPictureHas(t *testing.T) {
	b := crowded(t, 3000)
	page := b.m.pageRows()
	b.sound("at first", 0)
	at := 0
	for range 40 {
		b.press("pgdown")
		at += page
		b.sound("pgdown", at)
		if c := b.chosen(); !strings.Contains(c, fmt.Sprintf("lock:%04d", at)) {
			t.Fatalf("after pages to %d the selection is %q", at, c)
		}
	}
	b.press(strings.Repeat("j", 100))
	b.sound("j", at+100)
	b.press("G")
	b.sound("G", 2999)
	b.press("pgup", "k")
	b.sound("up from the last", 2999-page-1)
	b.press("g")
	b.sound("g", 0)
	b.see("lock:0000")
}

func TestTheSelectionIsFollowedToAnyPlace(t *testing.T) {
	b := crowded(t, 3000)
	b.press("pgdown", "j") // by choice, near the beginning
	at := b.m.pageRows() + 1
	key := fmt.Sprintf("lock:%04d", at)
	b.press("S")
	b.sound("reversed", 2999-at)
	if !strings.Contains(b.chosen(), key) {
		t.Fatalf("reversed the selection is %q", b.chosen())
	}
	// A hundred locks more come before it.
	b.press("S")
	for i := range 100 {
		b.hold(fmt.Sprintf("lock:!%d", i), "x", time.Minute, 1)
	}
	b.pass(time.Second)
	b.sound("after others came", at+100)
	// Gone in the middle of them all: its neighbour is selected, and that is said.
	b.press("S")
	b.ends(key, watcher.Released)
	b.pass(watcher.Linger + time.Second)
	b.sound("gone", 2999-at)
	b.press("x")
	b.see("the selection moved here by itself", "it was on "+key)
}

func TestAFilterLeavesAPictureOfWhatItKeeps(t *testing.T) {
	b := crowded(t, 3000)
	b.press("pgdown", "/", "7", "enter")
	b.see("filter 7 · 813 shown, 2187 hidden")
	b.press("G")
	b.sound("the last that is kept", 812)
	b.see("lock:2997")
	b.press("esc")
	b.sound("all again", 2997)
}

// While the picture with the row is on its way there is nothing that a key could act on.
func TestBeyondThePictureNothingIsSelectedUntilItComes(t *testing.T) {
	b := crowded(t, 3000)
	_, cmd := b.m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("G")})
	b.press("x")
	b.see("no lock is selected")
	b.press("k", "k")
	b.run(cmd)
	b.sound("when it came", 2997)
}

func TestAPausedPictureHasTheRowsAroundTheSelection(t *testing.T) {
	b := crowded(t, 5000)
	b.press("G", "pgup")
	at := b.m.selected.index
	b.press("p")
	b.see("PAUSED", fmt.Sprintf("the %d locks around the selection", frozenRows))
	if b.m.selected.index != at {
		t.Errorf("pausing moved the selection from %d to %d", at, b.m.selected.index)
	}
	b.press("enter")
	b.see("owner-" + fmt.Sprint(at))
	b.press("esc", "esc", "g")
	if got, want := b.m.selected.index, 5000-frozenRows; got != want {
		t.Errorf("the first of the paused picture is %d, should be %d", got, want)
	}
	b.press("G")
	b.see("lock:4999")
	b.press("p", "g")
	b.sound("going on", 0)
}
