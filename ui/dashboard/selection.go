package dashboard

// The selection: a lock and the hold that was seen of it, never a row's number.
//
// Until the user chooses, it is the first row's lock for as long as that is in sight from the top,
// so that what is worst is what a fresh dashboard shows.
//
// It follows its lock wherever sorting puts it. When the lock leaves the picture, the lock that
// then stands at the same place is selected, and for a while that is said wherever it matters,
// as is a hold that changed hands under the selection.

import (
	"fmt"
	"time"

	"locktop/watcher"
)

// justNow is how long a change under the selection is worth a warning.
const justNow = 2 * time.Second

type selection struct {
	key    watcher.Text
	index  int
	serial uint64 // of the last hold that was seen
	owner  watcher.Text

	handedAt time.Time // when another hold took the place of the seen one
	before   watcher.Text
	movedAt  time.Time // when the selection moved by itself
	from     watcher.Text
}

// row is the selected row of the picture; nil if there is none.
func (m *model) row() *watcher.Row {
	rows := m.snap.view.Rows
	if i := m.selected.index; i < len(rows) && !m.selected.key.Empty() && rows[i].Key.Raw() == m.selected.key.Raw() {
		return &rows[i]
	}
	return nil
}

// selectAt is the user's choice of a row.
func (m *model) selectAt(i int) {
	rows := m.snap.view.Rows
	if len(rows) == 0 {
		m.selected = selection{}
		return
	}
	i = max(0, min(i, len(rows)-1))
	if rows[i].Key.Raw() != m.selected.key.Raw() {
		m.selected = selection{key: rows[i].Key, serial: rows[i].Serial, owner: rows[i].Owner}
		m.sideOffset = 0
	}
	m.selected.index = i
	m.keepInSight()
}

// follow finds the selected lock in a new picture.
func (m *model) follow(now time.Time) {
	s, rows := &m.selected, m.snap.view.Rows
	asked := m.reordered // by the user: what moves now does not surprise
	m.reordered = false
	if s.key.Empty() {
		m.selectAt(s.index)
		return
	}
	if s.index >= len(rows) || rows[s.index].Key.Raw() != s.key.Raw() {
		found := -1
		for i := range rows {
			if rows[i].Key.Raw() == s.key.Raw() {
				found = i
				break
			}
		}
		if found < 0 {
			gone := s.key
			m.selectAt(s.index)
			if !asked && !m.selected.key.Empty() {
				m.selected.from, m.selected.movedAt = gone, now
			}
			return
		}
		s.index = found
	}
	if !m.chosen && s.index >= m.visibleRows() {
		gone := s.key
		m.selectAt(0)
		m.selected.from, m.selected.movedAt = gone, now
		return
	}
	if r := &rows[s.index]; r.Serial != 0 && r.Serial != s.serial {
		if s.serial != 0 {
			s.handedAt, s.before = now, s.owner
		}
		s.serial, s.owner = r.Serial, r.Owner
	}
	m.keepInSight()
}

// surprise says what changed under the selection so recently that it may not have been noticed.
func (m *model) surprise(now time.Time) string {
	s := &m.selected
	switch r := m.row(); {
	case r == nil:
	case !s.handedAt.IsZero() && now.Sub(s.handedAt) < justNow:
		return fmt.Sprintf("it changed hands %s ago; before, %s held it", tenths(now.Sub(s.handedAt)), s.before)
	case !s.movedAt.IsZero() && now.Sub(s.movedAt) < justNow:
		return fmt.Sprintf("the selection moved here by itself %s ago; it was on %s", tenths(now.Sub(s.movedAt)), s.from)
	case r.Held && r.HeldFor >= 0 && r.HeldFor < justNow:
		return fmt.Sprintf("this hold began only %s ago", tenths(r.HeldFor))
	}
	return ""
}

func tenths(d time.Duration) string { return fmt.Sprintf("%.1f s", max(d, 0).Seconds()) }
