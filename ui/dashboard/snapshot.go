package dashboard

// Snapshots: what the dashboard knows at one moment, fetched by a command.
//
// A view of many locks takes milliseconds and the table's mutex; neither belongs in
// the event loop. It has the rows around the selection, a few screens of them. One fetch is under way at a time, at most five a second, fewer where they
// take long, and none where nothing changed and nothing counts down.

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/watcher"
)

const (
	tickEvery = 200 * time.Millisecond
	// restRatio: after a fetch that took d, the next one waits that many times d.
	restRatio = 10
	// frozenRows bounds the rows of a paused picture, each of which has its details.
	frozenRows = 2001
)

type tickMsg struct{}

func tick() tea.Cmd {
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

// snapshot is the picture that is drawn.
type snapshot struct {
	now     time.Time
	version uint64
	view    watcher.View
	around  string // the lock that the rows were asked for around
	details map[string]watcher.Detail
	events  []watcher.Event
}

// request is what a fetch needs, copied, so that it runs beside the event loop.
type request struct {
	o          *Options
	query      watcher.Query
	generation int    // of sort and filter; an answer to an older one is not shown
	version    uint64 // that is shown already; with unless
	unless     bool   // no picture if that still is the version
	picture    bool   // the whole picture, not only the target
	all        bool   // with the details of its rows, to be frozen
	detail     string // the lock whose details are shown
	events     bool
	target     string // of the open dialog: asked live, whatever is frozen
}

// snapshotMsg is the answer to a request.
type snapshotMsg struct {
	generation int
	all        bool
	picture    *snapshot // nil: as before
	target     string
	live       watcher.Detail
	liveKnown  bool
	at         time.Time
	took       time.Duration
	keyWidth   int // of the widest shown
	ownerWidth int
}

func (r request) run() tea.Msg {
	now := r.o.Now()
	answer := snapshotMsg{generation: r.generation, all: r.all, target: r.target, at: now}
	if r.target != "" {
		answer.live, answer.liveKnown = r.o.Locks.Detail(r.target, r.query, now)
	}
	version := r.o.Locks.Version()
	if r.picture && !(r.unless && version == r.version) {
		s := &snapshot{now: now, version: version, view: r.o.Locks.View(r.query, now), around: r.query.Around, details: map[string]watcher.Detail{}}
		for i := range s.view.Rows {
			row := &s.view.Rows[i]
			answer.keyWidth = max(answer.keyWidth, width(row.Key.String()))
			answer.ownerWidth = max(answer.ownerWidth, width(ownerText(row)))
			if r.all {
				r.addDetail(s, row.Key.Raw(), now)
			}
		}
		if r.detail != "" {
			r.addDetail(s, r.detail, now)
		}
		if (r.events || r.all) && r.o.Log != nil {
			s.events = r.o.Log.Recent()
		}
		answer.picture = s
	}
	answer.took = r.o.Now().Sub(now)
	return answer
}

func (r request) addDetail(s *snapshot, key string, now time.Time) {
	if d, ok := r.o.Locks.Detail(key, r.query, now); ok {
		s.details[key] = d
	}
}

// fetch asks for what is to be seen. While one fetch is under way, it only notes that
// another is wanted.
func (m *model) fetch(unless bool) tea.Cmd {
	if m.fetching {
		m.wanted = m.wanted || !unless
		return nil
	}
	r := request{
		o: &m.o, query: m.window(), generation: m.generation, version: m.snap.version, unless: unless,
		picture: !m.frozen(), all: m.paused, events: m.sideShown() == paneEvents,
	}
	if m.sideShown() == paneDetails {
		r.detail = m.selected.key.Raw()
	}
	if m.dialog != nil {
		r.target = m.dialog.order.Key
	}
	if !r.picture && r.target == "" {
		return nil
	}
	m.fetching, m.wanted = true, false
	return r.run
}

// frozen: the picture is paused and has come.
func (m *model) frozen() bool { return m.paused && !m.pausedAt.IsZero() }

// query is the viewer's, with the sorting and the filter of now.
func (m *model) query() watcher.Query {
	q := m.o.Query
	q.Sort, q.Reverse, q.Keep = m.sort, m.reverse, m.keep
	return q
}

// window is the query for the rows around the selection: two screens of them on either side, or as many as
// may be frozen.
func (m *model) window() watcher.Query {
	q := m.query()
	visible := m.visibleRows()
	q.Margin = 2 * visible
	if m.paused {
		q.Margin = max(q.Margin, frozenRows/2)
	}
	q.Limit = 2*q.Margin + 1
	q.Offset = m.offset - visible
	if s := &m.selected; s.pending {
		q.Offset = s.index - q.Margin
	} else {
		q.Around = s.key.Raw()
	}
	return q
}

// short tells whether the picture lacks rows that are a page away.
func (m *model) short() bool {
	v, page := &m.snap.view, m.visibleRows()
	from, to := max(m.offset-page, 0), min(m.offset+2*page, v.Total)
	return !m.frozen() && (from < v.Offset || to > v.Offset+len(v.Rows))
}

// counting tells whether something on the screen changes by itself as time passes.
func (m *model) counting() bool {
	return len(m.snap.view.Rows) > 0 || m.dialog != nil || m.snap.view.Figures.DeniedPerMinute > 0
}

func (m *model) took(a snapshotMsg) tea.Cmd {
	m.fetching = false
	m.restUntil = a.at.Add(a.took * restRatio)
	if m.dialog != nil && a.target == m.dialog.order.Key {
		m.dialog.see(a.live.Row, a.liveKnown)
	}
	if a.generation != m.generation || a.all != m.paused {
		// Asked before the sorting, the filter or the pause changed.
		return m.fetch(false)
	}
	if a.picture != nil {
		if a.picture.events == nil {
			a.picture.events = m.snap.events
		}
		m.snap, m.known = *a.picture, true
		m.keyWidth, m.ownerWidth = max(m.keyWidth, a.keyWidth), max(m.ownerWidth, a.ownerWidth)
		m.follow(a.at)
		m.wanted = m.wanted || m.selected.pending
		if m.paused && m.pausedAt.IsZero() {
			m.pausedAt = a.at
		}
	}
	if m.wanted {
		return m.fetch(false)
	}
	return nil
}
