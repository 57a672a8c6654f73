package dashboard

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"locktop/watcher"
)

var _ term.File = (*screen)(nil) // or bubbletea would not see a terminal

func tempScreen(t *testing.T) (*screen, func() string) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return newScreen(f), func() string {
		got, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
}

func TestAFrameIsSynchronizedAndNothingElseIs(t *testing.T) {
	s, written := tempScreen(t)
	frame := ansi.CursorHomePosition + "hello"
	if n, err := s.Write([]byte(frame)); n != len(frame) || err != nil {
		t.Fatal(n, err)
	}
	if _, err := io.WriteString(s, ansi.ShowCursor); err != nil {
		t.Fatal(err)
	}
	if got := written(); got != beginFrame+frame+endFrame+ansi.ShowCursor {
		t.Fatalf("%q", got)
	}
}

func TestCopyingEncodesTheRawText(t *testing.T) {
	t.Setenv("TMUX", "")
	t.Setenv("TERM", "xterm")
	s, written := tempScreen(t)
	if err := s.copyText("a\x1b[31mb"); err != nil {
		t.Fatal(err)
	}
	if got := written(); got != "\x1b]52;c;YRtbMzFtYg==\a" {
		t.Fatalf("%q", got)
	}
}

// run runs the dashboard with typed input, on a file in place of a terminal.
func run(t *testing.T, ctx context.Context, typed string) (string, error) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, out := io.Pipe()
	defer out.Close()
	go func() { io.WriteString(out, typed) }()
	defer in.Close()
	err = Run(ctx, Options{Locks: watcher.NewLive(), Input: in, Output: f})
	got, _ := os.ReadFile(f.Name())
	return string(got), err
}

func TestQuittingLeavesTheTerminalAsItWas(t *testing.T) {
	for _, key := range []string{"q", "\x03"} {
		got, err := run(t, context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got, "\x1b[?1049h") || !strings.Contains(got[strings.LastIndex(got, "\x1b[?1049h"):], "\x1b[?1049l") || strings.LastIndex(got, "\x1b[?25h") < strings.LastIndex(got, "\x1b[?25l") {
			t.Fatalf("%q", got)
		}
	}
}

func TestTheEndOfTheContextEndsTheDashboard(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	got, err := run(t, ctx, "")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(got, "\x1b[?1049l") {
		t.Fatal(err)
	}
}

func TestLocksMustBeSet(t *testing.T) {
	if Run(context.Background(), Options{}) == nil {
		t.Fatal("no error")
	}
}
