package dashboard

// The screen: how a frame gets to the terminal in one piece.
//
// The renderer hands over a whole frame in one Write that starts by sending the cursor home.
// Around it goes synchronized output (mode 2026), so that a terminal that knows the mode shows
// the frame at once, and others ignore two short sequences: no flicker, no torn rows.

import (
	"bytes"
	"os"
	"strings"
	"sync"

	"github.com/aymanbagabas/go-osc52/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
)

var frameStart = []byte(ansi.CursorHomePosition)

// screen is the output as the renderer sees it: still a terminal's file, which it is recognised by.
type screen struct {
	file *os.File
	mu   sync.Mutex // a copy to the clipboard must not land inside a frame
	buf  []byte
}

func newScreen(f *os.File) *screen { return &screen{file: f} }

func (s *screen) Read(p []byte) (int, error) { return s.file.Read(p) }
func (s *screen) Close() error               { return s.file.Close() }
func (s *screen) Fd() uintptr                { return s.file.Fd() }

// Write passes p on, a frame between the marks of synchronized output. It answers for p alone.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.HasPrefix(p, frameStart) {
		return s.file.Write(p)
	}
	s.buf = append(append(append(s.buf[:0], beginFrame...), p...), endFrame...)
	n, err := s.file.Write(s.buf)
	return max(0, min(n-len(beginFrame), len(p))), err
}

// copyText puts text on the clipboard of the terminal, over SSH too. A multiplexer gets it in
// both forms: its own, and passed through to the terminal outside.
func (s *screen) copyText(text string) error {
	sequence := osc52.New(text)
	all := sequence.String()
	switch {
	case os.Getenv("TMUX") != "":
		all += sequence.Tmux().String()
	case strings.HasPrefix(os.Getenv("TERM"), "screen"):
		all = sequence.Screen().String()
	}
	_, err := s.Write([]byte(all))
	return err
}
