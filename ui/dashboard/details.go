package dashboard

// The pane beside the table, and the details of the selected lock in it.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

// sidePane draws exactly a.height lines: a title and as much of the content as fits.
func (m *model) sidePane(a area) []string {
	p := &m.styles.plain
	var content []string
	title, note := "DETAILS", ""
	if m.sideShown() == paneEvents {
		title = "EVENTS"
		content, note = m.eventLines(a.width, max(a.height-1, 0))
	} else {
		content = m.detailLines(a.width)
		room := a.height - 1
		m.sideOffset = max(0, min(m.sideOffset, len(content)-room))
		if len(content) > room {
			note = fmt.Sprintf("%d–%d of %d", m.sideOffset+1, min(m.sideOffset+room, len(content)), len(content))
		}
		content = content[min(m.sideOffset, len(content)):]
	}
	head := p.line(a.width)
	rule := dim
	if m.focus == m.sideShown() {
		rule = bold
		title = "> " + title
	} else {
		title = "─ " + title
	}
	head.add(rule, title+" ")
	if note != "" {
		note = " " + note + " "
	}
	for fill := head.room - width(note); fill > 0; fill -= 16 {
		head.add(dim, "────────────────"[:3*min(fill, 16)])
	}
	head.add(dim, note)
	lines := append(make([]string, 0, a.height), head.end())
	for _, c := range content {
		if len(lines) == a.height {
			break
		}
		lines = append(lines, c)
	}
	for len(lines) < a.height {
		lines = append(lines, spaces(a.width))
	}
	return lines
}

// clampSide keeps the pane's scrolling within its content; the drawing knows how long that is.
func (m *model) clampSide() { m.sideOffset = max(0, m.sideOffset) }

// detailLines are all lines about the selected lock.
func (m *model) detailLines(w int) []string {
	p := &m.styles.plain
	if m.selected.pending {
		return []string{p.line(w).add(dim, " reading…").end()}
	}
	if m.selected.key.Empty() {
		return []string{p.line(w).add(dim, " no lock is selected").end()}
	}
	d, ok := m.snap.details[m.selected.key.Raw()]
	if !ok {
		text := " reading…"
		if m.frozen() {
			text = " not in the paused picture"
		}
		return []string{p.line(w).add(plain, " ").key(bold, m.selected.key.String(), w-2).end(), p.line(w).add(dim, text).end()}
	}
	now := m.snap.now
	var lines []string
	row := func(name string, t tone, text string) {
		for i, part := range wrap(text, w-11, 4) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, p.line(w).add(dim, " "+pad(name, 9)).add(t, part).end())
		}
	}
	s := stateCell(&d.Row)
	for i, part := range wrap(d.Key.String(), w-2, 3) {
		_ = i
		lines = append(lines, p.line(w).add(plain, " ").add(bold, part).end())
	}
	state := s.text
	if d.Why != "" && !d.Over {
		state += ": " + d.Why
	}
	row("state", s.tone, state)
	if d.Held {
		m.holdLines(&d, now, row)
	} else {
		row("owner", dim, "nobody holds it")
	}
	if e := d.Ended; e != nil {
		row("before", plain, endWords(e, now)+"; it was "+e.Hold.Owner.String()+"'s")
	}
	if d.Known > 0 {
		row("usual", dim, fmt.Sprintf("%s held, the median of %d recent holds of its kind", short(d.Typical), d.Known))
	} else if len(d.Waiters) > 0 {
		row("usual", dim, "unknown: no hold of its kind was seen to end, so forecasts go by the TTL")
	}
	if d.Recorded {
		row("counted", plain, fmt.Sprintf("denied %d  overruns %d  overlaps %d", d.Denied, d.Overruns, d.Overlaps))
	} else {
		row("waiting", dim, "unknown: "+howRecorded)
	}
	if d.Node != "" {
		row("node", dim, watcher.NewText(d.Node).String())
	}
	if d.Recorded {
		lines = append(lines, m.waiterLines(&d, now, w)...)
	}
	lines = append(lines, p.line(w).end(), p.line(w).add(plain, " ").add(bold, "LAST EVENTS").end())
	if len(d.Events) == 0 {
		lines = append(lines, p.line(w).add(dim, " none was seen").end())
	}
	for i := len(d.Events) - 1; i >= 0; i-- {
		lines = append(lines, m.eventLine(&d.Events[i], w, now, false))
	}
	return lines
}

func (m *model) holdLines(d *watcher.Detail, now time.Time, row func(string, tone, string)) {
	row("owner", plain, d.Owner.String())
	row("fence", plain, d.Fence.String())
	held := "unknown for how long: nobody saw it begin"
	if d.HeldFor >= 0 {
		held = short(d.HeldFor) + ", since " + clock(now.Add(-d.HeldFor), now)
	}
	row("held", plain, held)
	switch {
	case d.TTL == lockcore.NoTTL:
		row("TTL", red, "none: it never expires by itself")
	case d.Over:
		row("TTL", yellow, "up by our clock; the server has not confirmed it yet")
	default:
		row("TTL", toneOfTTL(&d.Row), short(d.TTL)+" left, until "+clock(now.Add(d.TTL), now))
	}
}

func (m *model) waiterLines(d *watcher.Detail, now time.Time, w int) []string {
	p := &m.styles.plain
	head := fmt.Sprintf("WAITING %d", d.Waiting)
	clears := ""
	if !d.Clears.IsZero() {
		clears = "  all in and done at " + clock(d.Clears, now)
	}
	lines := []string{p.line(w).end(), p.line(w).add(plain, " ").add(bold, head).add(dim, clears).end()}
	lines = append(lines, m.scoreLines(d, w)...)
	if len(d.Waiters) > 0 {
		// # work left next 50% 90% risk
		next := 8
		for i := range d.Waiters {
			if d.Waiters[i].Late > 0 {
				next = 12
			}
		}
		work := max(8, w-1-4-6-next-9-9-13)
		wide := w >= 62
		if !wide {
			work = max(8, w-1-4-6-next-9)
		}
		l := p.line(w).add(dim, " "+padLeft("#", 2)+"  "+pad("WORK", work-1)+" "+padLeft("LEFT", 5)+padLeft("NEXT", next)+padLeft("GETS IT", 9))
		if wide {
			l.add(dim, padLeft("90 % BY", 9)+"  "+"RUNS OUT")
		}
		lines = append(lines, l.end())
		for i := range d.Waiters {
			f := &d.Waiters[i]
			l := p.line(w).add(dim, " "+padLeft(number(int64(f.Position)), 2)+"  ")
			l.add(plain, pad(cutMiddle(f.Work.String(), work-1), work-1)+" ")
			l.add(plain, padLeft(number(int64(f.AttemptsLeft)), 5))
			if f.Late > 0 {
				l.add(orange, padLeft("late "+short(f.Late), next))
			} else {
				l.add(blue, padLeft(countdown(f.Next, now), next))
			}
			risk, t := exhaustionWords(f.Forecast.Exhaustion, f.Risk)
			if !wide {
				in := untilText(f.AcquireP50, now)
				if f.Forecast.Exhaustion == makecom.Certain {
					in = "never"
				}
				lines = append(lines, l.add(plain, padLeft(in, 9)).end())
				if t != dim {
					lines = append(lines, p.line(w).add(plain, "     ").add(t, "runs out of attempts: "+risk).end())
				}
				continue
			}
			l.add(plain, padLeft(untilText(f.AcquireP50, now), 9)).add(dim, padLeft(untilText(f.AcquireP90, now), 9))
			lines = append(lines, l.add(t, "  "+risk).end())
		}
	}
	if d.NotListed > 0 {
		lines = append(lines, p.line(w).add(dim, fmt.Sprintf(" and %d more that the ledger only counts", d.NotListed)).end())
	}
	if n := len(d.Exhausted); n > 0 {
		lines = append(lines, p.line(w).end(), p.line(w).add(plain, " ").add(red, fmt.Sprintf("USED UP THEIR ATTEMPTS %d", n)).add(dim, "  they do not come back by themselves").end())
		for i := range d.Exhausted {
			e := &d.Exhausted[i]
			tail := fmt.Sprintf("  %d attempts, last %s", e.Attempts, clock(e.Last, now))
			lines = append(lines, p.line(w).add(plain, "     ").key(red, e.Work.String(), max(w-6-width(tail), 8)).add(dim, tail).end())
		}
	}
	if n := len(d.Gone); n > 0 {
		lines = append(lines, p.line(w).end(), p.line(w).add(plain, " ").add(orange, fmt.Sprintf("GONE %d", n)).add(dim, "  they should have come back and did not").end())
		for i := range d.Gone {
			g := &d.Gone[i]
			tail := fmt.Sprintf("  %d attempts, last %s", g.Attempts, clock(g.Last, now))
			lines = append(lines, p.line(w).add(plain, "     ").key(orange, g.Work.String(), max(w-6-width(tail), 8)).add(dim, tail).end())
		}
	}
	return lines
}

// scoreLines say how good the last forecasts of such locks were.
func (m *model) scoreLines(d *watcher.Detail, w int) []string {
	var lines []string
	add := func(t tone, text string) {
		for _, part := range wrap(text, w-2, 3) {
			lines = append(lines, m.styles.plain.line(w).add(plain, " ").add(t, part).end())
		}
	}
	s := &d.Score
	var parts []string
	if s.Timed > 0 {
		parts = append(parts, "off by "+short(s.Off)+" on average")
	}
	if s.Bounded > 0 {
		parts = append(parts, fmt.Sprintf("%d %% of %d by the 90 %% time", 100*s.Inside/s.Bounded, s.Bounded))
	}
	if len(parts) > 0 {
		add(dim, "forecasts lately: "+strings.Join(parts, ", "))
	}
	if doubt := s.Doubt(); doubt != "" {
		add(orange, "unreliable lately: "+doubt)
	}
	return lines
}

func untilText(t, now time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return countdown(t, now)
}

// exhaustionWords say how likely a waiter is to run out of attempts.
func exhaustionWords(e makecom.Exhaustion, risk float64) (string, tone) {
	switch e {
	case makecom.None:
		return "unlikely", dim
	case makecom.Likely:
		return fmt.Sprintf("likely %.0f %%", math.Floor(risk*100)), orange
	case makecom.Certain:
		return "certain", red
	}
	return "unknown", dim
}

// endWords say how a hold ended.
func endWords(e *watcher.End, now time.Time) string {
	word := map[watcher.Type]string{
		watcher.Released: "released by its owner", watcher.Deleted: "deleted, nobody knows by whom", watcher.Expired: "expired",
		watcher.Forced: "released by force", watcher.Evicted: "evicted by the server", watcher.Acquired: "over when the next one was seen",
	}[e.How]
	if word == "" {
		word = string(e.How)
	}
	if !e.By.Empty() {
		word += " by " + e.By.String()
	}
	if !e.Reason.Empty() {
		word += " (" + e.Reason.String() + ")"
	}
	word += " " + seconds(now.Sub(e.At)) + " ago"
	if e.Held >= 0 {
		word += " after " + short(e.Held)
	}
	return word
}
