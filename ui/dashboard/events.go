package dashboard

// The log of events: what happened to all locks and to the watching, newest first.

import (
	"fmt"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// eventLines draws the part of the log that is scrolled to.
func (m *model) eventLines(w, height int) (lines []string, note string) {
	p := &m.styles.plain
	if m.o.Log == nil {
		return []string{p.line(w).add(dim, " there is no log here").end()}, ""
	}
	events := m.snap.events
	if len(events) == 0 {
		return []string{p.line(w).add(dim, " nothing has happened yet").end()}, ""
	}
	m.sideOffset = max(0, min(m.sideOffset, len(events)-height))
	for i := len(events) - 1 - m.sideOffset; i >= 0 && len(lines) < height; i-- {
		lines = append(lines, m.eventLine(&events[i], w, m.snap.now, true))
	}
	return lines, fmt.Sprintf("newest first, %d–%d of %d", m.sideOffset+1, m.sideOffset+len(lines), len(events))
}

func toneOfEvent(t watcher.Type) tone {
	switch t {
	case watcher.Overrun, watcher.Overlap, watcher.Gap:
		return red
	case watcher.Forced, watcher.Seized, watcher.Overwritten, watcher.Persisted, watcher.Evicted:
		return orange
	case watcher.Expired, watcher.Deleted:
		return yellow
	case watcher.Denied:
		return cyan
	case watcher.Acquired, watcher.Connected, watcher.Resynced:
		return green
	}
	return plain
}

// eventLine is one event; with the lock's name where it is not plain whose it is.
func (m *model) eventLine(e *watcher.Event, w int, now time.Time, named bool) string {
	l := m.styles.plain.line(w)
	l.add(dim, " "+pad(clock(e.Time, now), 8)+" ").add(toneOfEvent(e.Type), pad(string(e.Type), 11)+" ")
	if named && !e.Key.Empty() {
		l.key(plain, e.Key.String(), max(l.room/2, 8)).add(plain, "  ")
	}
	return l.add(dim, eventWords(e)).end()
}

func eventWords(e *watcher.Event) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if !e.Owner.Empty() {
		add("%s", cutMiddle(e.Owner.String(), 24))
	}
	if !e.PreviousOwner.Empty() {
		add("after %s", cutMiddle(e.PreviousOwner.String(), 24))
	}
	switch e.Type {
	case watcher.Acquired, watcher.Extended, watcher.Seized, watcher.Overwritten:
		if e.TTL == lockcore.NoTTL {
			add("without a TTL")
		} else if e.TTL > 0 {
			add("TTL %s", short(e.TTL))
		}
	case watcher.Moved:
		add("to %s", watcher.NewText(e.Node))
	case watcher.Denied:
		if e.Attempts > 0 {
			add("attempt %d", e.Attempts)
		}
	}
	if !e.Work.Empty() && e.Work.Raw() != e.Owner.Raw() {
		add("work %s", cutMiddle(e.Work.String(), 24))
	}
	if e.Type.Ends() && e.Held > 0 {
		add("held %s", short(e.Held))
	}
	if !e.By.Empty() {
		add("by %s", e.By)
	}
	if !e.Reason.Empty() {
		add("%s", e.Reason)
	}
	if e.Inferred {
		add("(seen by comparing)")
	}
	return strings.Join(words, "  ")
}
