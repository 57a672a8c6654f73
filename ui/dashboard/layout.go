package dashboard

// The layout: what goes where in a window of any size.
//
// From the top: the header, the body, the footer. The body is the table, with a pane beside or
// below it where there is room, else one of them at a time. A dialog or the help takes the body.

import (
	"fmt"
	"strings"
)

const (
	leastWidth  = 40
	leastHeight = 10
	// easyTable shows keys of 30 cells and owners of 32 in full.
	easyTable = 136
)

type placing int

const (
	alone placing = iota
	beside
	below
)

// placed says where a pane goes next to the table.
func (m *model) placed() placing {
	switch {
	case m.width >= 170:
		return beside
	case m.height >= 34 && m.width >= 72:
		return below
	case m.width >= 124:
		return beside
	}
	return alone
}

func (m *model) split() bool { return m.placed() != alone }

// sideShown is the pane that is seen next to the table or in its place; paneTable for none.
func (m *model) sideShown() pane {
	switch {
	case !m.split():
		return m.focus
	case m.sideOpen, m.sideAuto:
		return m.side
	}
	return paneTable
}

// area is the size of a part of the screen.
type area struct{ width, height int }

// areas gives the sizes of the table and of the pane. One that is not seen has none.
func (m *model) areas(body int) (table, side area) {
	all := area{m.width, max(body, 0)}
	switch {
	case m.sideShown() == paneTable:
		return all, area{}
	case m.placed() == beside:
		w := max(50, min(m.width*2/5, 92, m.width-easyTable))
		return area{m.width - w - 2, all.height}, area{w, all.height}
	case m.placed() == below:
		h := max(all.height*9/20, 8)
		return area{m.width, all.height - h}, area{m.width, h}
	}
	return area{}, all
}

func (m *model) draw() string {
	if m.width < leastWidth || m.height < leastHeight {
		if m.width <= 0 || m.height <= 0 {
			return ""
		}
		return cut(fmt.Sprintf("locktop needs %d×%d, this is %d×%d", leastWidth, leastHeight, m.width, m.height), m.width)
	}
	if m.dialog != nil {
		return strings.Join(m.dialogScreen(), "\n")
	}
	header, footer := m.header(), m.footer()
	body := m.height - len(header) - len(footer)
	lines := header
	if m.help {
		lines = append(lines, m.helpLines(body)...)
	} else {
		lines = append(lines, m.body(body)...)
	}
	return strings.Join(append(lines, footer...), "\n")
}

func (m *model) body(height int) []string {
	table, side := m.areas(height)
	var rows, pane []string
	if table.height > 0 {
		rows = m.table(table)
	}
	if side.height > 0 {
		pane = m.sidePane(side)
	}
	switch {
	case len(pane) == 0:
		return rows
	case len(rows) == 0:
		return pane
	case m.placed() == below:
		return append(rows, pane...)
	}
	bar := m.styles.plain.paint(dim, "│")
	for i := range rows {
		rows[i] += " " + bar + pane[i]
	}
	return rows
}

// bodyHeight is the height that the body has now.
func (m *model) bodyHeight() int { return m.height - len(m.header()) - len(m.footer()) }

// pageRows is how far a page goes.
func (m *model) pageRows() int {
	table, side := m.areas(m.bodyHeight())
	if m.focus != paneTable {
		return max(side.height-2, 1)
	}
	return max(table.height-1, 1)
}

// keepInSight scrolls the table so that the selected row is on the screen.
func (m *model) keepInSight() {
	if m.width < leastWidth || m.height < leastHeight {
		return
	}
	m.scrollTo(m.visibleRows())
}

// visibleRows is how many locks the table has room for.
func (m *model) visibleRows() int {
	table, _ := m.areas(m.bodyHeight())
	return max(table.height-1, 1)
}

// scrollTo moves the table as little as shows the selected row among visible ones.
func (m *model) scrollTo(visible int) {
	m.offset = min(m.offset, m.selected.index)
	m.offset = max(m.offset, m.selected.index-visible+1)
	m.offset = max(0, min(m.offset, m.snap.view.Total-visible))
}

// line is one line of a pane in the making: text in tones, filled up to a width.
type line struct {
	b    strings.Builder
	p    *palette
	room int
}

func (p *palette) line(w int) *line { return &line{p: p, room: w} }

// add puts text in a tone as far as it fits.
func (l *line) add(t tone, text string) *line {
	if l.room <= 0 || text == "" {
		return l
	}
	text = cut(text, l.room)
	l.room -= width(text)
	l.p.put(&l.b, t, text)
	return l
}

// key puts text that is cut in the middle.
func (l *line) key(t tone, text string, w int) *line {
	return l.add(t, cutMiddle(text, min(w, l.room)))
}

// end fills the line up.
func (l *line) end() string {
	l.p.put(&l.b, plain, spaces(l.room))
	l.room = 0
	return l.b.String()
}

// right puts text at the right edge, if it fits, and ends the line.
func (l *line) right(t tone, text string) string {
	if w := width(text); w <= l.room {
		l.p.put(&l.b, plain, spaces(l.room-w))
		l.p.put(&l.b, t, text)
		l.room = 0
	}
	return l.end()
}
