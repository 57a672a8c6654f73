package dashboard

// The help: every key, from the key map itself, so that it cannot lie.

import "locktop/watcher"

// helpLines draws exactly height lines.
func (m *model) helpLines(height int) []string {
	p := &m.styles.plain
	var text []string
	row := func(l *line) { text = append(text, l.end()) }
	row(p.line(m.width).add(plain, " ").add(bold, "Keys").add(dim, "   ? or esc closes"))
	perLine := 1
	if m.width >= 78 {
		perLine = 2
	}
	for _, g := range keys.groups() {
		name := g.name
		for i := 0; i < len(g.keys); i += perLine {
			l := p.line(m.width).add(plain, " ").add(bold, pad(name, 7))
			name = ""
			for _, k := range g.keys[i:min(i+perLine, len(g.keys))] {
				h := k.Help()
				does := h.Desc
				if m.o.ReadOnly && (h.Key == keys.Release.Help().Key || h.Key == keys.Seize.Help().Key || h.Key == keys.Undo.Help().Key) {
					does = "nothing: this is read-only"
				}
				l.add(cyan, pad(h.Key, 10)).add(plain, pad(does, 26))
			}
			row(l)
		}
	}
	for i, part := range wrap("A filter is text to be found, or a regular expression after ~ or between slashes. A leading ! inverts it.", m.width-8, 4) {
		row(p.line(m.width).add(dim, pad(map[bool]string{true: " filter"}[i == 0], 8)+part))
	}
	name := "states"
	for i := 0; i < len(states); i += perLine {
		l := p.line(m.width).add(plain, " ").add(bold, pad(name, 7))
		name = ""
		for _, s := range states[i:min(i+perLine, len(states))] {
			l.add(toneOf(s.state), pad(string(s.state), 10)).add(plain, pad(s.means, 26))
		}
		row(l)
	}
	m.helpOffset = max(0, min(m.helpOffset, len(text)-height))
	text = text[m.helpOffset:]
	for len(text) < height {
		text = append(text, spaces(m.width))
	}
	return text[:height]
}

// states are what the help says of each state, worst first.
var states = []struct {
	state watcher.State
	means string
}{
	{watcher.Stuck, "no TTL, or too long a one"},
	{watcher.Overran, "lately outlived its TTL"},
	{watcher.Overdue, "held longer than usual"},
	{watcher.Expiring, "under a fifth of TTL left"},
	{watcher.Contended, "held, and somebody waits"},
	{watcher.Held, "held, and nobody waits"},
	{watcher.Awaited, "free, work will be back"},
}
