package dashboard

// The dialog of a forced release, and of a seizure.
//
// What it is for is captured when it opens: the hold that was shown. The live hold is compared
// with that all the while, and the server compares once more in one step with the release. Keys
// of the first moments are dropped, nothing destructive has the focus, and Enter presses only a
// button that has it.

import (
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

// grace is how long after its opening the dialog takes no keys: they were meant for something else.
const grace = 400 * time.Millisecond

// sameDeadline is how far two readings of one hold's deadline may lie apart.
const sameDeadline = 50 * time.Millisecond

type focus int

const (
	focusReason focus = iota
	focusTTL          // of a seizure
	focusName
	focusCancel
	focusRelease
	focuses
)

// order is what the operator wants to be done with somebody else's hold.
type order struct {
	lockcore.ForceRelease
	seize bool          // take the lock over instead of ending the hold alone
	ttl   time.Duration // of a seizure
}

// seizeFor is what the TTL of a seizure is at first.
const seizeFor = "60s"

type dialog struct {
	order    order       // but the reason and the TTL
	as       watcher.Row // the hold as it was shown
	opened   time.Time
	surprise string
	again    bool // the same order went out before, and its outcome is unknown

	needName bool // the hold looks alive: releasing it wants a second thought
	reason   field
	ttl      field
	name     field
	focus    focus
	said     string // why Release did nothing

	live  watcher.Row
	known bool // of the live lock anything is known
	seen  bool // live was asked for since it opened
}

// openDialog is for the selected lock, if somebody holds it.
func (m *model) openDialog(seize bool) tea.Cmd {
	row := m.row()
	_, seizes := m.o.Releaser.(Seizer)
	switch {
	case m.o.ReadOnly:
		m.say(notice, briefly, "this is read-only: nothing can be released here")
		return nil
	case seize && !seizes:
		m.say(notice, briefly, "locks cannot be seized here")
		return nil
	case row == nil:
		m.say(notice, briefly, "no lock is selected")
		return nil
	case !row.Held:
		text := "nobody holds " + row.Key.String()
		if row.Ended != nil {
			text += ": " + endWords(row.Ended, m.snap.now)
		}
		m.say(notice, briefly, text)
		return nil
	}
	d := &dialog{as: *row, opened: m.now, surprise: m.surprise(m.snap.now), needName: row.Alive(),
		reason: newField(lockcore.MaxReason), ttl: newField(16), name: newField(0)}
	d.ttl.setValue(seizeFor)
	d.order = order{seize: seize, ForceRelease: lockcore.ForceRelease{
		Key: row.Key.Raw(), Operation: lockcore.NewOperation(), Operator: m.o.Operator,
		Expect: lockcore.Expectation{Owner: row.Owner.Raw(), Fence: row.Fence},
	}}
	if row.Fence == 0 {
		d.order.Expect.Deadline, d.order.Expect.NoTTL = row.Deadline, row.TTL == lockcore.NoTTL
	}
	if old, ok := m.unsettled[row.Key.Raw()]; ok && old.seize == seize && old.Expect.Owner == d.order.Expect.Owner && old.Expect.Fence == row.Fence {
		d.order.Operation, d.again = old.Operation, true
		d.reason.setValue(old.Reason)
		if seize {
			d.ttl.setValue(old.ttl.String())
		}
	}
	d.reason.focus()
	m.dialog, m.message = d, message{}
	return m.fetch(false)
}

// see takes the live state of the lock.
func (d *dialog) see(live watcher.Row, known bool) {
	d.live, d.known, d.seen = live, known, true
	if known && d.unchanged() && live.Alive() {
		d.needName = true // it was extended since: its owner is at work
	}
}

// unchanged: the live hold is the one that was shown.
func (d *dialog) unchanged() bool {
	l, as := &d.live, &d.as
	switch {
	case !d.seen:
		return true
	case !d.known || !l.Held || l.Serial != as.Serial || l.Owner.Raw() != as.Owner.Raw():
		return false
	case as.Fence != 0:
		return l.Fence == as.Fence
	}
	return l.Fence == 0 && (l.TTL == lockcore.NoTTL) == (as.TTL == lockcore.NoTTL) && l.Deadline.Sub(as.Deadline).Abs() <= sameDeadline
}

// liveText says how the live lock compares with the one that was shown.
func (d *dialog) liveText(now time.Time) (tone, string) {
	l, as := &d.live, &d.as
	switch {
	case !d.seen:
		return dim, "…"
	case d.known && l.Held && l.Owner.Raw() != as.Owner.Raw():
		return alarm, "now held by " + l.Owner.String()
	case d.known && l.Held && !d.unchanged() && l.Serial == as.Serial:
		return alarm, "changed: it was extended or recorded meanwhile; close this and look again"
	case d.known && l.Held && !d.unchanged():
		return alarm, "now held by a later hold of the same owner, fence " + l.Fence.String()
	case !d.known:
		return alarm, "gone"
	case !l.Held && l.Ended != nil && l.Ended.Hold.Serial == as.Serial:
		return alarm, "gone: " + endWords(l.Ended, now)
	case !l.Held:
		return alarm, "gone: nobody holds it"
	case l.Over:
		return yellow, "its TTL is up; the server has not confirmed it yet"
	}
	text := "still held by it, TTL " + short(l.TTL)
	if l.TTL == lockcore.NoTTL {
		text = "still held by it, no TTL"
	}
	return green, text
}

// missing is why Release does nothing yet; empty if it may.
func (d *dialog) missing(now time.Time) string {
	switch {
	case !d.seen:
		return "the live lock was not looked at yet"
	case !d.unchanged():
		_, text := d.liveText(now)
		return d.order.nothing() + ": " + text
	case strings.TrimSpace(d.reason.value()) == "":
		return "a reason is missing"
	case len(d.reason.value()) > lockcore.MaxReason:
		return "the reason is too long"
	case d.order.seize && d.lasting() == 0:
		return "for how long? Write a TTL as in 60s or 5m"
	case d.needName && d.name.value() == "":
		return "the lock's name is missing: type it to confirm"
	case d.needName && d.name.value() != d.as.Key.String():
		return "the name typed is not the lock's"
	}
	return ""
}

// lasting is the TTL of a seizure; 0 if what is typed cannot be one.
func (d *dialog) lasting() time.Duration {
	ttl, err := time.ParseDuration(strings.TrimSpace(d.ttl.value()))
	if err != nil || lockcore.CheckTTL(ttl) != nil {
		return 0
	}
	return ttl
}

// nothing says what was not done.
func (o *order) nothing() string {
	if o.seize {
		return "not seized"
	}
	return "not released"
}

func (d *dialog) turn(by focus) {
	d.focus = (d.focus + by + focuses) % focuses
	for d.focus == focusName && !d.needName || d.focus == focusTTL && !d.order.seize {
		d.focus += by
	}
	d.reason.blur()
	d.ttl.blur()
	d.name.blur()
	switch d.focus {
	case focusReason:
		d.reason.focus()
	case focusTTL:
		d.ttl.focus()
	case focusName:
		d.name.focus()
	}
}

var dialogKeys = struct{ next, previous, left, right, press, cancel key.Binding }{
	next:     key.NewBinding(key.WithKeys("tab", "down")),
	previous: key.NewBinding(key.WithKeys("shift+tab", "up")),
	left:     key.NewBinding(key.WithKeys("left")),
	right:    key.NewBinding(key.WithKeys("right")),
	press:    key.NewBinding(key.WithKeys("enter")),
	cancel:   key.NewBinding(key.WithKeys("esc")),
}

func (m *model) dialogKey(msg tea.KeyMsg) tea.Cmd {
	d := m.dialog
	if m.now.Sub(d.opened) < grace {
		return nil
	}
	button := d.focus == focusCancel || d.focus == focusRelease
	switch {
	case key.Matches(msg, dialogKeys.cancel):
		m.dialog = nil
	case key.Matches(msg, dialogKeys.next), button && key.Matches(msg, dialogKeys.right) && d.focus == focusCancel:
		d.turn(1)
	case key.Matches(msg, dialogKeys.previous), button && key.Matches(msg, dialogKeys.left) && d.focus == focusRelease:
		d.turn(-1)
	case key.Matches(msg, dialogKeys.press):
		switch d.focus {
		case focusCancel:
			m.dialog = nil
		case focusRelease:
			if d.said = d.missing(m.now); d.said == "" {
				return m.release()
			}
		default:
			d.turn(1)
		}
	case d.focus == focusReason:
		d.reason.update(msg)
		d.said = ""
	case d.focus == focusTTL:
		d.ttl.update(msg)
		d.said = ""
	case d.focus == focusName:
		d.name.update(msg)
		d.said = ""
	}
	return nil
}

// dialogScreen draws the dialog over the whole window. At the least height all of it still fits.
func (m *model) dialogScreen() []string {
	d, p, w := m.dialog, &m.styles.plain, m.width
	roomy := m.height >= 20
	var lines []string
	blank := func() {
		if roomy {
			lines = append(lines, p.line(w).end())
		}
	}
	row := func(name string, t tone, text string, most int) {
		if !roomy {
			most = 1
		}
		parts := []string{cut(text, w-11)}
		if name == "lock" || name == "owner" {
			parts[0] = cutMiddle(text, w-11)
		}
		if most > 1 {
			parts = wrap(text, w-11, most)
		}
		for _, part := range parts {
			lines = append(lines, p.line(w).add(dim, " "+pad(name, 9)).add(t, part).end())
			name = ""
		}
	}
	title := " Force-release this lock? "
	if d.order.seize {
		title = " Seize this lock? "
	}
	lines = append(lines, p.paint(alarm, pad(title, w)))
	blank()
	row("lock", bold, d.as.Key.String(), 3)
	row("owner", plain, d.as.Owner.String(), 3)
	ttl := "TTL " + short(d.as.TTL)
	if d.as.TTL == lockcore.NoTTL {
		ttl = "no TTL"
	}
	facts := "fence " + d.as.Fence.String() + ", " + ttl
	if roomy {
		row("fence", plain, d.as.Fence.String(), 1)
		row("TTL", plain, strings.TrimPrefix(ttl, "TTL ")+", held "+short(d.as.HeldFor)+", "+stateCell(&d.as).text+dialogWhy(&d.as)+" when this opened", 2)
	} else {
		row("was", plain, facts, 1)
	}
	t, text := d.liveText(m.now)
	row("now", t, text, 2)
	if d.surprise != "" {
		if roomy {
			row("beware", notice, d.surprise, 2)
		} else if t == green || t == dim {
			lines[len(lines)-1] = p.line(w).add(dim, " beware   ").add(notice, d.surprise).end()
		}
	}
	if d.again && roomy {
		row("again", plain, "the outcome of the last try is unknown; this repeats the same operation", 2)
	}
	if m.old() && roomy {
		row("old", notice, "the picture is old; the server compares again before it releases", 2)
	}
	blank()
	field := func(name string, f *field, focused bool) {
		mark := "  "
		if focused {
			mark = "> "
		}
		l := p.line(w).add(bold, mark).add(plain, pad(name, 8))
		l.b.WriteString(f.draw(p, w-11))
		l.room -= w - 11
		lines = append(lines, l.end())
		if roomy {
			lines = append(lines, p.line(w).add(plain, "          ").add(dim, strings.Repeat("─", max(min(w-12, 60), 0))).end())
		}
	}
	field("Reason", &d.reason, d.focus == focusReason)
	if d.order.seize {
		field("For", &d.ttl, d.focus == focusTTL)
	}
	if d.needName {
		field("Name", &d.name, d.focus == focusName)
		if roomy {
			row("", dim, "The hold looks alive. Type the lock's name to confirm.", 1)
		}
	}
	blank()
	lines = append(lines, m.buttons(w))
	blank()
	if d.said != "" {
		lines = append(lines, p.line(w).add(plain, " ").add(red, d.said).end())
	} else {
		hint := " tab next · enter moves on, presses a button · esc cancels"
		if w < 60 {
			hint = " tab next · enter presses · esc cancels"
		}
		lines = append(lines, p.line(w).add(dim, hint).end())
	}
	if over := len(lines) - m.height; over > 0 {
		// Everything matters here; only what was wrapped can be too much. The end has the buttons.
		lines = append(lines[:3], lines[3+over:]...)
	}
	for len(lines) < m.height {
		lines = append(lines, p.line(w).end())
	}
	return lines[:m.height]
}

func dialogWhy(r *watcher.Row) string {
	if r.Why == "" || r.Over {
		return ""
	}
	return " (" + r.Why + ")"
}

func (m *model) buttons(w int) string {
	d, p := m.dialog, &m.styles.plain
	l := p.line(w).add(plain, "  ")
	button := func(word string, focused bool, loud tone) {
		switch {
		case focused:
			l.add(bold, "> ").add(loud, "[ "+word+" ]")
		default:
			l.add(plain, "  ").add(plain, "[ "+word+" ]")
		}
		l.add(plain, "  ")
	}
	button("Cancel", d.focus == focusCancel, accent)
	word := "Release"
	if d.order.seize {
		word = "Seize"
	}
	if d.unchanged() {
		button(word, d.focus == focusRelease, alarm)
	} else {
		button(word+": disabled", d.focus == focusRelease, dim)
	}
	return l.end()
}
