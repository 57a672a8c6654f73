package dashboard

// A field to type in: the library's editing, drawn by ourselves, since the library draws
// through styles that ask the terminal, and draws whatever was pasted.

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

type field struct {
	input textinput.Model
}

func newField(limit int) field {
	f := field{textinput.New()}
	f.input.CharLimit = limit
	// Pasting comes from the terminal. The library's own would start a program to ask for the
	// clipboard of the machine this runs on, which is not the operator's.
	f.input.KeyMap.Paste = key.NewBinding(key.WithDisabled())
	return f
}

func (f *field) value() string       { return f.input.Value() }
func (f *field) setValue(s string)   { f.input.SetValue(s); f.input.CursorEnd() }
func (f *field) focus()              { f.input.Focus() }
func (f *field) blur()               { f.input.Blur() }
func (f *field) update(m tea.KeyMsg) { f.input, _ = f.input.Update(m) }

// draw shows the part around the cursor, in w cells. Where nothing may be painted, the cursor is a bar.
func (f *field) draw(p *palette, w int) string {
	if w <= 1 {
		return spaces(w)
	}
	runes := []rune(f.value())
	for i, r := range runes {
		if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) {
			runes[i] = '·'
		}
	}
	if !f.input.Focused() {
		return p.paint(plain, pad(string(runes), w))
	}
	at := min(f.input.Position(), len(runes))
	before, under, after := string(runes[:at]), " ", ""
	if at < len(runes) {
		under, after = string(runes[at]), string(runes[at+1:])
	}
	if p.on[cursor] == "" {
		after, under = strings.TrimRight(under+after, " "), "▏"
	}
	room := w - width(under)
	if room <= 0 {
		return spaces(w)
	}
	if full := width(before); full > room {
		before = tail(before, full, room)
	}
	after = ansi.Truncate(after, room-width(before), "")
	rest := spaces(w - width(before) - width(under) - width(after))
	return before + p.paint(cursor, under) + after + rest
}
