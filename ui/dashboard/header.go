package dashboard

// The header: which server, how fresh the picture is, the counts, and what should be known
// about the picture. And the footer: what an action did, or which keys there are.

import (
	"fmt"
	"strconv"
	"strings"

	"locktop/watcher"
)

// howRecorded is the way to get contention where nobody records it.
const howRecorded = "denials are recorded when workers acquire through locktop/lockcore"

func (m *model) header() []string {
	lines := []string{m.titleLine()}
	lines = append(lines, m.countLines()...)
	if meter := m.meterLine(); meter != "" {
		lines = append(lines, meter)
	}
	banners := m.banners()
	if most := max(1, (m.height-8)/4); len(banners) > most {
		banners = banners[:most]
	}
	return append(lines, banners...)
}

// connection says in a word or two how good the picture is.
func (m *model) connection() (tone, string) {
	s := &m.snap.view.Status
	age := "no data yet"
	if !s.Heard.IsZero() {
		age = seconds(m.clockNow().Sub(s.Heard)) + " old"
	}
	switch {
	case !m.known, s.Since.IsZero() && s.Heard.IsZero():
		return orange, "○ connecting"
	case !s.Connected && !s.Problem.Empty() && s.Heard.IsZero():
		return red, "○ not connected"
	case !s.Connected:
		return red, "○ reconnecting, " + age
	case m.silent() > 0:
		return red, "○ silent, " + age
	case !s.Complete && m.loading() != "":
		return orange, "○ reading " + m.loading() + ", " + age
	case !s.Complete:
		return orange, "○ reading, " + age
	case s.Link.Polled > 0:
		return yellow, "● polled, " + age
	}
	return green, "● live, " + age
}

func (m *model) titleLine() string {
	p := &m.styles.plain
	t, connection := m.connection()
	badge := ""
	if m.o.ReadOnly {
		badge = " READ-ONLY "
	}
	if !m.styles.colours && badge != "" {
		badge = "[READ-ONLY]"
	}
	l := p.line(m.width)
	l.add(accent, " locktop ").add(plain, " ")
	tail := width(connection) + 1
	if badge != "" {
		tail += width(badge) + 1
	}
	patterns := watcher.NewText(strings.Join(m.o.Patterns, " ")).String()
	url := watcher.NewText(m.o.URL).String()
	room := l.room - tail - 1
	if width(url)+2+width(patterns) <= room {
		l.add(bold, url).add(plain, "  ").add(dim, patterns)
	} else {
		l.key(bold, url, max(room, 0))
	}
	l.add(plain, spaces(l.room-tail))
	if badge != "" {
		l.add(notice, badge).add(plain, " ")
	}
	return l.add(t, connection).end()
}

// unrecorded: locks are held, and nothing says that anybody records contention.
func (m *model) unrecorded() bool {
	f := &m.snap.view.Figures
	return m.blank() || f.Held > 0 && f.Unrecorded == f.Held && f.Waiting == 0 && f.Awaited == 0 && f.DeniedPerMinute == 0
}

// blank: nothing was ever heard, so that no figure means anything.
func (m *model) blank() bool { return !m.known || m.snap.view.Status.Heard.IsZero() }

// countLines are the counts as name and number, in one line where they fit.
func (m *model) countLines() []string {
	f := &m.snap.view.Figures
	type count struct {
		name  string
		value string
		tone  tone
	}
	num := func(n int, loud tone) (string, tone) {
		if m.blank() {
			return "?", dim
		}
		if n == 0 {
			return "0", plain
		}
		return strconv.Itoa(n), loud
	}
	var counts []count
	add := func(name string, n int, loud tone, unknown bool) {
		value, t := num(n, loud)
		if unknown {
			value, t = "?", dim
		}
		counts = append(counts, count{name, value, t})
	}
	unknown := m.unrecorded()
	add("held", f.Held, bold, false)
	add("waiting", f.Waiting, cyan, unknown)
	add("denied/min", f.DeniedPerMinute, cyan, unknown)
	add("expired", f.Expired, yellow, false)
	add("overruns", f.Overruns, red, unknown && f.Overruns == 0)

	p := &m.styles.plain
	l := p.line(m.width)
	l.add(plain, " ")
	var lines []string
	for i, c := range counts {
		need := len(c.name) + 1 + len(c.value)
		if i > 0 {
			if need+2 > l.room {
				lines = append(lines, l.end())
				l = p.line(m.width)
				l.add(plain, " ")
			} else {
				l.add(plain, "  ")
			}
		}
		l.add(dim, c.name).add(plain, " ").add(c.tone, c.value)
	}
	return append(lines, l.right(dim, "sort "+m.sortText()+" "))
}

func (m *model) sortText() string {
	mark := "▾"
	if m.reverse {
		mark = "▴"
	}
	return string(m.sort) + mark
}

// banners are lines about the picture, the most important first.
func (m *model) banners() []string {
	var lines []string
	s, f := &m.snap.view.Status, &m.snap.view.Figures
	say := func(t tone, text string) {
		lines = append(lines, m.styles.plain.paint(t, pad(" "+cut(text, m.width-2), m.width)))
	}
	age := "there is no data yet"
	if !s.Heard.IsZero() {
		age = "data is " + seconds(m.clockNow().Sub(s.Heard)) + " old"
	}
	switch {
	case !m.known:
	case !s.Connected && !s.Problem.Empty():
		text := "reconnecting: " + s.Problem.String() + " · " + age
		if room := m.width - 2; width(text) > room { // the age must not be what is cut
			text = cut("reconnecting: "+s.Problem.String(), max(room-width(age)-3, 10)) + " · " + age
		}
		say(alarm, text)
	case !s.Problem.Empty():
		say(notice, "events were missed ("+s.Problem.String()+"), reading the locks again · "+age)
	case m.silent() > 0:
		say(alarm, "the server has been silent for "+seconds(m.silent())+" · "+age)
	}
	m.watchingBanners(say)
	if m.paused {
		since := m.pausedAt
		if since.IsZero() {
			since = m.now
		}
		some := ""
		if v := &m.snap.view; m.frozen() && len(v.Rows) < v.Total {
			some = fmt.Sprintf(" · the %d locks around the selection", len(v.Rows))
		}
		say(notice, "PAUSED for "+seconds(m.now.Sub(since))+some+" · p goes on · a forced release looks at the live lock")
	}
	if m.filter != "" {
		say(bold, fmt.Sprintf("filter %s · %d shown, %d hidden · esc clears", watcher.NewText(m.filter), m.snap.view.Total, m.snap.view.Hidden))
	}
	if s.Link.Polled > 0 && s.Complete {
		text := "polled every " + seconds(s.Link.Polled)
		if !s.Link.Warning.Empty() {
			text += ": " + s.Link.Warning.String()
		}
		say(yellow, text)
	} else if !s.Link.Warning.Empty() && s.Complete {
		say(yellow, s.Link.Warning.String())
	}
	if m.known && f.Unrecorded > 0 {
		who := "contention is unknown"
		if !m.unrecorded() {
			who = fmt.Sprintf("contention of %d locks is unknown", f.Unrecorded)
			if f.Unrecorded == 1 {
				who = "contention of one lock is unknown"
			}
		}
		say(dim, who+": "+howRecorded)
	}
	if m.o.News != nil {
		if news := m.o.News(); news != "" {
			say(cyan, watcher.NewText(news).String())
		}
	}
	if m.o.Note != "" {
		say(dim, watcher.NewText(m.o.Note).String())
	}
	return lines
}

// footer is the last line or lines.
func (m *model) footer() []string {
	p := &m.styles.plain
	switch {
	case m.filtering:
		l := p.line(m.width)
		l.add(bold, "/")
		tail := "enter keeps · esc clears "
		t := dim
		if m.filterErr != "" {
			tail, t = "not applied: "+m.filterErr+" ", red
		}
		tail = cut(tail, m.width/2)
		w := max(l.room-width(tail)-1, 8)
		l.b.WriteString(m.typed.draw(p, w))
		l.room -= w
		return []string{l.right(t, tail)}
	case m.message.text != "" && m.message.until.After(m.now):
		t := m.message.tone
		lines := wrap(m.message.text, m.width-2, 3)
		for i := range lines {
			lines[i] = p.paint(t, pad(" "+lines[i], m.width))
		}
		return lines
	}
	l := p.line(m.width)
	for _, k := range keys.footer() {
		name, _, _ := strings.Cut(k.binding.Help().Key, " ")
		if m.o.ReadOnly && k.word == "release" {
			continue
		}
		if need := 1 + width(name) + 1 + len(k.word) + 1; need > l.room {
			break
		}
		l.add(plain, " ").add(bold, name).add(plain, " ").add(dim, k.word).add(plain, " ")
	}
	return []string{l.end()}
}
