package dashboard

// The table of locks: a heading and the rows that are on the screen, no others.

import (
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// table draws exactly a.height lines, each a.width cells wide.
func (m *model) table(a area) []string {
	cols := columnsIn(a.width, m.keyWidth, m.ownerWidth)
	lines := make([]string, 0, a.height)
	lines = append(lines, m.heading(cols, a.width))
	total := m.snap.view.Total
	if total == 0 && a.height > 2 {
		for _, text := range append([]string{""}, wrap(m.emptyText(), a.width-4, a.height-2)...) {
			lines = append(lines, m.styles.plain.line(a.width).add(dim, "  "+text).end())
		}
	}
	for i := m.offset; i < total && len(lines) < a.height; i++ {
		if r := m.rowAt(i); r != nil {
			lines = append(lines, m.tableRow(r, cols, a.width, i == m.selected.index && !m.selected.pending))
		} else {
			lines = append(lines, spaces(a.width)) // it is on its way
		}
	}
	for len(lines) < a.height {
		lines = append(lines, spaces(a.width))
	}
	return lines[:a.height]
}

func (m *model) emptyText() string {
	s := &m.snap.view.Status
	patterns := watcher.NewText(strings.Join(m.o.Patterns, " ")).String()
	switch {
	case m.filter != "":
		return "No lock matches the filter. esc clears it."
	case !m.known || !s.Complete && s.Problem.Empty():
		return "Reading the locks…"
	case !s.Complete:
		return "There is no picture of the locks yet: " + s.Problem.String()
	case patterns != "":
		return "Nobody holds a lock that matches " + patterns + ", and nobody waits for one."
	}
	return "Nobody holds a lock, and nobody waits for one."
}

func (m *model) heading(cols [columnKinds]int, w int) string {
	p := &m.styles.plain
	l := p.line(w)
	if m.focus == paneTable {
		l.add(plain, "  ")
	} else {
		l.add(dim, "  ")
	}
	first := true
	for kind, cw := range cols {
		if cw == 0 {
			continue
		}
		if !first {
			l.add(plain, spaces(columnGap))
		}
		first = false
		c := &columns[kind]
		text, t := c.heading, dim
		if c.sort == m.sort && c.sort != "" {
			mark := "▾"
			if m.reverse {
				mark = "▴"
			}
			text, t = text+mark, bold
		}
		if c.left {
			l.add(t, pad(text, cw))
		} else {
			l.add(t, padLeft(text, cw))
		}
	}
	return l.end()
}

// cell is what a column says of a row.
type cell struct {
	text string
	tone tone
}

func (m *model) tableRow(r *watcher.Row, cols [columnKinds]int, w int, selected bool) string {
	p, mark := &m.styles.plain, "  "
	if selected {
		mark = "> "
		if m.styles.colours {
			p = &m.styles.selected
		}
	}
	faded := !r.Held && r.Waiting == 0 || m.old()
	now := m.snap.now
	l := p.line(w)
	l.b.Grow(w + 160)
	if selected {
		l.add(bold, mark)
	} else {
		l.add(plain, mark)
	}
	first := true
	for kind, cw := range cols {
		if cw == 0 {
			continue
		}
		if !first {
			p.put(&l.b, plain, " ")
			l.room -= columnGap
		}
		first = false
		if columnKind(kind) == colBar {
			m.bar(l, r, cw, faded)
			continue
		}
		c := m.cell(columnKind(kind), r, now)
		if columnKind(kind) == colLock || columnKind(kind) == colOwner {
			c.text = cutMiddle(c.text, cw)
		} else {
			c.text = cut(c.text, cw)
		}
		if faded {
			c.tone = dim
		}
		blank := spaces(cw - width(c.text))
		if !columns[kind].left {
			p.put(&l.b, plain, blank)
			blank = ""
		}
		p.put(&l.b, c.tone, c.text)
		p.put(&l.b, plain, blank)
		l.room -= cw
	}
	return l.end()
}

func (m *model) cell(kind columnKind, r *watcher.Row, now time.Time) cell {
	switch kind {
	case colLock:
		if toneOf(r.State) == red {
			return cell{r.Key.String(), red}
		}
		return cell{r.Key.String(), plain}
	case colOwner:
		if !r.Held {
			return cell{ownerText(r), dim}
		}
		return cell{r.Owner.String(), plain}
	case colHeld:
		if !r.Held {
			if r.Waiting == 0 && r.Ended != nil {
				return cell{short(r.Ended.Held), dim}
			}
			return cell{"", dim}
		}
		t := plain
		if r.State == watcher.Overdue {
			t = orange
		}
		return cell{short(r.HeldFor), t}
	case colTTL:
		return m.ttlCell(r)
	case colWaiting:
		switch {
		case !r.Recorded:
			return cell{"?", dim}
		case r.Waiting == 0:
			return cell{"0", dim}
		}
		return cell{number(int64(r.Waiting)), cyan}
	case colDenied:
		switch {
		case !r.Recorded:
			return cell{"?", dim}
		case r.Denied == 0:
			return cell{"0", dim}
		}
		return cell{number(r.Denied), plain}
	case colRetry:
		if !r.Recorded {
			return cell{"?", dim}
		}
		return cell{countdown(r.NextRetry, now), blue}
	case colClears:
		if r.Waiting == 0 {
			return cell{"", dim}
		}
		if r.Clears.Sub(now) > 20*time.Hour {
			return cell{"in " + short(r.Clears.Sub(now)), plain}
		}
		return cell{clock(r.Clears, now), plain}
	}
	return stateCell(r)
}

// ttlCell is the time left. It is marked where it is counted from an old picture.
func (m *model) ttlCell(r *watcher.Row) cell {
	if !r.Held {
		return cell{"", dim}
	}
	t, text := toneOfTTL(r), short(r.TTL)
	if m.old() && r.TTL != lockcore.NoTTL {
		text += "?"
	}
	return cell{text, t}
}

func toneOfTTL(r *watcher.Row) tone {
	switch {
	case r.TTL == lockcore.NoTTL, r.Over, r.State == watcher.Stuck:
		return red
	case r.State == watcher.Expiring, r.TTLShare < 0.2:
		return yellow
	}
	return green
}

// stateCell is the state as a word, or how a lock that is free ended.
func stateCell(r *watcher.Row) cell {
	switch {
	case r.Over && r.State != watcher.Stuck && r.State != watcher.Overran:
		return cell{"expired?", yellow}
	case !r.Held && r.Waiting == 0 && r.Ended != nil:
		return cell{string(r.Ended.How), dim}
	}
	return cell{string(r.State), toneOf(r.State)}
}

// ownerText is what the owner's column says of a row: of a free lock, how it got free.
func ownerText(r *watcher.Row) string {
	switch {
	case r.Held:
		return r.Owner.String()
	case r.Waiting > 0 || r.Ended == nil:
		return ""
	}
	return r.Ended.Hold.Owner.String()
}

var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws the share of the TTL that is left.
func (m *model) bar(l *line, r *watcher.Row, w int, faded bool) {
	if !r.Held || r.TTL == lockcore.NoTTL {
		l.add(plain, spaces(w))
		return
	}
	t := toneOfTTL(r)
	if faded {
		t = dim
	}
	n := int(r.TTLShare*float64(w*8) + 0.5)
	n = max(0, min(n, w*8))
	if n == 0 && r.TTL > 0 {
		n = 1
	}
	full, rest := n/8, n%8
	text := strings.Repeat("█", full) + eighths[rest]
	used := full
	if rest > 0 {
		used++
	}
	l.p.put(&l.b, t, text)
	l.p.put(&l.b, dim, strings.Repeat("·", w-used))
	l.room -= w
}
