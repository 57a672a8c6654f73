package dashboard

// The selection: a lock and the hold that was seen of it, never a row's number.
//
// Until the user chooses, it is the first row's lock for as long as that is in sight from the top,
// so that what is worst is what a fresh dashboard shows.
//
// It follows its lock wherever sorting puts it. When the lock leaves the picture, the lock that
// then stands at the same place is selected, and for a while that is said wherever it matters,
// as is a hold that changed hands under the selection.
//
// The picture has the rows around the selection and no others. A row that the user goes to and that is not
// among them is pending until the next picture, which is asked for at once: until then nothing is selected.

import (
	"fmt"
	"time"

	"locktop/watcher"
)

// justNow is how long a change under the selection is worth a warning.
const justNow = 2 * time.Second

type selection struct {
	key     watcher.Text
	index   int    // among all rows
	pending bool   // the row at index is to be selected when it comes
	serial  uint64 // of the last hold that was seen
	owner   watcher.Text

	handedAt time.Time // when another hold took the place of the seen one
	before   watcher.Text
	movedAt  time.Time // when the selection moved by itself
	from     watcher.Text
}

// row is the selected row of the picture; nil if there is none.
func (m *model) row() *watcher.Row {
	if r := m.rowAt(m.selected.index); r != nil && !m.selected.key.Empty() && r.Key.Raw() == m.selected.key.Raw() {
		return r
	}
	return nil
}

// rowAt is the i-th of all rows, if the picture has it.
func (m *model) rowAt(i int) *watcher.Row {
	v := &m.snap.view
	if i -= v.Offset; i >= 0 && i < len(v.Rows) {
		return &v.Rows[i]
	}
	return nil
}

// selectAt is the user's choice of a row.
func (m *model) selectAt(i int) {
	v := &m.snap.view
	if v.Total == 0 {
		m.selected = selection{}
		return
	}
	i = max(0, min(i, v.Total-1))
	if m.frozen() { // no other rows will come
		i = max(v.Offset, min(i, v.Offset+len(v.Rows)-1))
	}
	r := m.rowAt(i)
	if r == nil {
		m.selected = selection{index: i, pending: true}
		return
	}
	if r.Key.Raw() != m.selected.key.Raw() {
		m.selected = selection{key: r.Key, serial: r.Serial, owner: r.Owner}
		m.sideOffset = 0
	}
	m.selected.index = i
	m.keepInSight()
}

// moveTo selects a row because the lock that was selected is elsewhere or gone.
func (m *model) moveTo(i int, from watcher.Text, at time.Time) {
	m.selectAt(i)
	if !m.selected.key.Empty() || m.selected.pending {
		m.selected.from, m.selected.movedAt = from, at
	}
}

// follow finds the selected lock in a new picture.
func (m *model) follow(now time.Time) {
	s := &m.selected
	asked := m.reordered // by the user: what moves now does not surprise
	m.reordered = false
	if s.key.Empty() {
		m.moveTo(s.index, s.from, s.movedAt)
		return
	}
	if r := m.rowAt(s.index); r == nil || r.Key.Raw() != s.key.Raw() {
		i, known := m.find(s.key.Raw())
		switch {
		case !known: // it was asked for the rows around another lock
			m.wanted = true
			return
		case i < 0 && asked:
			m.selectAt(s.index)
			return
		case i < 0:
			m.moveTo(s.index, s.key, now)
			return
		}
		s.index = i
	}
	if !m.chosen && s.index >= m.visibleRows() {
		m.moveTo(0, s.key, now)
		return
	}
	if r := m.rowAt(s.index); r.Serial != 0 && r.Serial != s.serial {
		if s.serial != 0 {
			s.handedAt, s.before = now, s.owner
		}
		s.serial, s.owner = r.Serial, r.Owner
	}
	m.keepInSight()
}

// find gives a lock's place among all rows, -1 if it is not there; false if the picture cannot tell.
func (m *model) find(key string) (int, bool) {
	v := &m.snap.view
	for i := range v.Rows {
		if v.Rows[i].Key.Raw() == key {
			return v.Offset + i, true
		}
	}
	return -1, m.snap.around == key || len(v.Rows) == v.Total
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
