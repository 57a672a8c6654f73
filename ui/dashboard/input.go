package dashboard

// What keys do. Whatever is on top takes them: the dialog, the help, the filter line, then the
// pane that has the focus.

import (
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"locktop/watcher"
)

type copiedMsg struct {
	owner watcher.Text
	err   error
}

// key takes one key message. Runes that were typed faster than they were read come together;
// they are keys all the same. What is pasted is text, and only a field takes text.
func (m *model) key(msg tea.KeyMsg) tea.Cmd {
	if key.Matches(msg, keys.QuitNow) {
		return tea.Quit
	}
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 || m.dialog != nil || m.filtering {
		if msg.Paste && m.dialog == nil && !m.filtering {
			return nil
		}
		return m.oneKey(msg)
	}
	if msg.Paste {
		return nil
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		cmds = append(cmds, m.oneKey(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}))
	}
	return tea.Batch(cmds...)
}

func (m *model) oneKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case m.dialog != nil:
		return m.dialogKey(msg)
	case m.help:
		return m.helpKey(msg)
	case m.filtering:
		return m.filterKey(msg)
	}
	switch {
	case key.Matches(msg, keys.Quit):
		return m.quit()
	case key.Matches(msg, keys.Suspend):
		return tea.Suspend
	case key.Matches(msg, keys.Help):
		m.help, m.helpOffset = true, 0
	case key.Matches(msg, keys.Back):
		return m.back()
	case key.Matches(msg, keys.Next):
		return m.turn(1)
	case key.Matches(msg, keys.Previous):
		return m.turn(-1)
	case key.Matches(msg, keys.Details):
		m.chosen = true
		return m.toggle(paneDetails)
	case key.Matches(msg, keys.Events):
		return m.toggle(paneEvents)
	case key.Matches(msg, keys.Filter):
		return m.startFilter()
	case key.Matches(msg, keys.Sort):
		i := slices.Index(watcher.Columns, m.sort)
		return m.order(watcher.Columns[(i+1)%len(watcher.Columns)], false)
	case key.Matches(msg, keys.Reverse):
		return m.order(m.sort, !m.reverse)
	case key.Matches(msg, keys.Pause):
		return m.pause()
	case key.Matches(msg, keys.Copy):
		return m.copyOwner()
	case key.Matches(msg, keys.Release):
		m.chosen = true
		return m.openDialog(false)
	case key.Matches(msg, keys.Seize):
		m.chosen = true
		return m.openDialog(true)
	case key.Matches(msg, keys.Undo):
		return m.undo()
	default:
		return m.move(msg)
	}
	return nil
}

func (m *model) quit() tea.Cmd {
	if m.releasing > 0 && !m.warned {
		m.warned = true
		m.say(notice, longer, "an order is under way and its outcome is not known yet; q again quits all the same")
		return nil
	}
	return tea.Quit
}

// back closes one thing at a time and never quits.
func (m *model) back() tea.Cmd {
	switch {
	case m.message.text != "" && m.message.until.After(m.now) && m.focus == paneTable:
		m.message = message{}
	case m.focus != paneTable:
		m.focus = paneTable
		if !m.split() {
			m.side, m.sideOpen, m.sideAuto = paneDetails, false, true
		}
	case m.filter != "":
		return m.setFilter("")
	case m.sideShown() != paneTable:
		m.sideOpen, m.sideAuto = false, false
	}
	m.keepInSight()
	return nil
}

// turn gives the focus to the next pane: table, details, events.
func (m *model) turn(by int) tea.Cmd {
	m.focus = (m.focus + pane(by) + 3) % 3
	if m.focus != paneTable {
		m.open(m.focus)
	} else if !m.split() {
		m.side, m.sideOpen, m.sideAuto = paneDetails, false, true
	}
	m.keepInSight()
	return m.fetch(false)
}

func (m *model) open(p pane) {
	if m.side != p {
		m.sideOffset = 0
	}
	m.side, m.sideOpen, m.sideAuto = p, true, false
	if p == paneEvents {
		m.sideOffset = 0
	}
}

// toggle opens a pane with the focus, or closes it.
func (m *model) toggle(p pane) tea.Cmd {
	if m.sideShown() == p && (m.focus == p || m.split()) {
		m.focus, m.side, m.sideOpen, m.sideAuto = paneTable, paneDetails, false, !m.split()
	} else {
		m.open(p)
		if !m.split() || p == paneEvents {
			m.focus = p
		}
	}
	m.keepInSight()
	return m.fetch(false)
}

func (m *model) order(by watcher.Column, reverse bool) tea.Cmd {
	if m.paused {
		m.say(notice, briefly, "the picture is paused: p goes on, then sort")
		return nil
	}
	m.sort, m.reverse = by, reverse
	return m.requery()
}

func (m *model) pause() tea.Cmd {
	m.paused = !m.paused
	m.pausedAt = time.Time{}
	return m.fetch(false)
}

func (m *model) move(msg tea.KeyMsg) tea.Cmd {
	page := m.pageRows()
	at := &m.sideOffset
	if m.focus == paneTable {
		i := m.selected.index
		at = &i
	}
	switch {
	case key.Matches(msg, keys.Up):
		*at--
	case key.Matches(msg, keys.Down):
		*at++
	case key.Matches(msg, keys.PageUp):
		*at -= page
	case key.Matches(msg, keys.PageDown):
		*at += page
	case key.Matches(msg, keys.Top):
		*at = 0
	case key.Matches(msg, keys.Bottom):
		*at = 1 << 30
	default:
		return nil
	}
	if m.focus != paneTable {
		m.clampSide()
		return nil
	}
	before := m.selected.key.Raw()
	m.chosen = true
	m.selectAt(*at)
	_, detailed := m.snap.details[m.selected.key.Raw()]
	if m.selected.pending || m.short() || !detailed && before != m.selected.key.Raw() && m.sideShown() == paneDetails {
		return m.fetch(false)
	}
	return nil
}

// copyOwner puts the raw owner on the terminal's clipboard: what is shown may be escaped.
func (m *model) copyOwner() tea.Cmd {
	row := m.row()
	if row == nil || !row.Held {
		m.say(notice, briefly, "nobody holds it: there is no owner to copy")
		return nil
	}
	owner, to := row.Owner, m.clipboard
	if to == nil {
		return nil
	}
	return func() tea.Msg { return copiedMsg{owner, to.copyText(owner.Raw())} }
}

func (m *model) copied(msg copiedMsg) {
	if msg.err != nil {
		m.say(alarm, longer, "not copied: "+watcher.NewText(msg.err.Error()).String())
		return
	}
	m.say(green, briefly, "owner copied to the terminal's clipboard: "+msg.owner.String())
}

// startFilter opens the line to type a filter in.
func (m *model) startFilter() tea.Cmd {
	if m.paused {
		m.say(notice, briefly, "the picture is paused: p goes on, then filter")
		return nil
	}
	m.filtering, m.filterErr = true, ""
	m.typed.setValue(m.filter)
	m.typed.focus()
	return nil
}

func (m *model) filterKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.Back):
		m.filtering = false
		return m.setFilter("")
	case key.Matches(msg, keys.Details):
		if m.filterErr == "" {
			m.filtering = false
		}
		return nil
	}
	m.typed.update(msg)
	return m.setFilter(m.typed.value())
}

// setFilter applies a filter. One that cannot be read is reported and the last good one stays.
func (m *model) setFilter(text string) tea.Cmd {
	keep, err := keeper(text)
	if err != nil {
		m.filterErr = watcher.NewText(err.Error()).String()
		return nil
	}
	m.filterErr = ""
	if text == m.filter {
		return nil
	}
	m.filter, m.keep = text, both(m.o.Query.Keep, keep)
	return m.requery()
}

func (m *model) helpKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.Quit):
		return m.quit()
	case key.Matches(msg, keys.Help), key.Matches(msg, keys.Back):
		m.help = false
	case key.Matches(msg, keys.Up):
		m.helpOffset = max(m.helpOffset-1, 0)
	case key.Matches(msg, keys.Down), key.Matches(msg, keys.PageDown):
		m.helpOffset++
	}
	return nil
}
