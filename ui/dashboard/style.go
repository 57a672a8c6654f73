package dashboard

// Styles: what each kind of text looks like, as SGR sequences made once for a colour profile.
//
// Text is cut and padded before it is painted, so no colour bleeds. The background stays the
// terminal's own, but for the selected row; so the plain colours are mid-tones that can be read
// on black and on white, and those of the selected row may be bright. Without colours nothing
// is painted at all, and everything is said by words and by the > of the selection.

import (
	"strings"

	"github.com/muesli/termenv"

	"locktop/watcher"
)

type tone int

const (
	plain tone = iota
	bold
	dim
	red
	orange
	yellow
	green
	cyan
	blue
	alarm  // a block that cannot be overlooked
	notice // a block that should be seen
	accent // a block that belongs to the frame
	cursor // where a typed character goes
	tones
)

// palette has the sequence that switches each tone on, and the one that ends it.
type palette struct {
	on  [tones]string
	off string
}

// styles are the palettes of plain rows and of the selected one.
type styles struct {
	plain, selected palette
	colours         bool
}

func newStyles(p termenv.Profile) *styles {
	var codes, chosen [tones]string
	switch p {
	case termenv.TrueColor:
		codes = [tones]string{"", "1", "38;2;128;134;142", "1;38;2;222;62;68", "38;2;214;110;24", "38;2;176;132;0", "38;2;46;150;82",
			"38;2;0;146;162", "38;2;66;124;214", "1;38;2;255;255;255;48;2;190;38;46", "38;2;20;20;20;48;2;226;170;44", "1;38;2;255;255;255;48;2;36;92;138", "7"}
		chosen = onGround("48;2;38;56;78", [tones]string{"38;2;236;240;244", "1;38;2;255;255;255", "38;2;160;172;184", "1;38;2;255;128;128", "38;2;255;170;92", "38;2;244;208;88",
			"38;2;120;220;150", "38;2;96;216;230", "38;2;140;186;255", "", "", "", ""})
	case termenv.ANSI256:
		codes = [tones]string{"", "1", "38;5;244", "1;38;5;160", "38;5;166", "38;5;136", "38;5;35",
			"38;5;37", "38;5;68", "1;38;5;231;48;5;160", "38;5;16;48;5;178", "1;38;5;231;48;5;24", "7"}
		chosen = onGround("48;5;237", [tones]string{"38;5;255", "1;38;5;231", "38;5;248", "1;38;5;210", "38;5;215", "38;5;221",
			"38;5;114", "38;5;80", "38;5;111", "", "", "", ""})
	case termenv.ANSI:
		codes = [tones]string{"", "1", "2", "1;31", "31", "33", "32", "36", "34", "1;7;31", "7;33", "1;7", "7"}
		for i := range chosen {
			chosen[i] = "7"
		}
		chosen[bold], chosen[red] = "1;7", "1;7"
	default:
		return &styles{}
	}
	s := &styles{colours: true}
	s.plain, s.selected = sequences(codes), sequences(chosen)
	return s
}

func onGround(ground string, codes [tones]string) [tones]string {
	for i, c := range codes {
		codes[i] = strings.TrimSuffix(ground+";"+c, ";")
	}
	return codes
}

func sequences(codes [tones]string) palette {
	p := palette{off: "\x1b[m"}
	for i, c := range codes {
		if c != "" {
			p.on[i] = "\x1b[" + c + "m"
		}
	}
	return p
}

// paint gives text in a tone.
func (p *palette) paint(t tone, text string) string {
	if p.on[t] == "" || text == "" {
		return text
	}
	return p.on[t] + text + p.off
}

// put writes text in a tone.
func (p *palette) put(b *strings.Builder, t tone, text string) {
	if p.on[t] == "" || text == "" {
		b.WriteString(text)
		return
	}
	b.WriteString(p.on[t])
	b.WriteString(text)
	b.WriteString(p.off)
}

// toneOf is how a state looks: the worse, the louder.
func toneOf(s watcher.State) tone {
	switch s {
	case watcher.Stuck, watcher.Overran:
		return red
	case watcher.Overdue:
		return orange
	case watcher.Expiring:
		return yellow
	case watcher.Contended:
		return cyan
	case watcher.Held:
		return green
	case watcher.Awaited:
		return blue
	}
	return dim
}
