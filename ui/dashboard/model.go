package dashboard

// The model: all state of the dashboard, and what each message does to it.

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/watcher"
)

type pane int

const (
	paneTable pane = iota
	paneDetails
	paneEvents
)

// clipboard is where a copied owner goes.
type clipboard interface {
	copyText(string) error
}

type model struct {
	ctx       context.Context
	o         Options
	styles    *styles
	clipboard clipboard

	width, height int
	now           time.Time // of the last message that came with one

	snap       snapshot
	known      bool // the first picture has come
	fetching   bool
	wanted     bool // another fetch, once this one is back
	restUntil  time.Time
	generation int // of sort and filter
	keyWidth   int // widest seen; they only grow, so that columns stay where they are
	ownerWidth int

	sort      watcher.Column
	reverse   bool
	filter    string          // as applied
	keep      *watcher.Filter // what was typed, and what the options leave out
	filtering bool
	typed     field
	filterErr string

	selected  selection
	chosen    bool // by the user; until then the selection is where the worst is
	reordered bool // the user changed order or filter since the last picture
	offset    int  // the first row on the screen

	focus      pane
	side       pane // what the place beside the table shows, when it shows anything
	sideOpen   bool
	sideAuto   bool // nobody opened or closed it yet: it is open where there is room
	sideOffset int

	help       bool
	helpOffset int
	dialog     *dialog
	paused     bool
	pausedAt   time.Time // when the picture that is shown was taken

	message   message
	unsettled map[string]order // orders whose outcome is unknown, by lock
	undoable  *undoable        // the last forced release
	releasing int              // orders that are under way
	warned    bool             // that quitting leaves one under way

	frame string
	stale bool // frame is not what the model says any more

	tick func() tea.Cmd // the only clock
}

// message is a line that tells what an action did.
type message struct {
	text  string
	tone  tone
	until time.Time
}

const (
	briefly  = 5 * time.Second
	longer   = 20 * time.Second
	outlived = time.Hour // until something else is to be said
)

func newModel(ctx context.Context, o Options) *model {
	o = o.withDefaults()
	return &model{
		ctx: ctx, o: o, styles: newStyles(o.Profile), now: o.Now(), sort: o.Query.Sort, reverse: o.Query.Reverse,
		keep: o.Query.Keep, typed: newField(256), side: paneDetails, sideAuto: true, unsettled: map[string]order{}, stale: true, tick: tick,
	}
}

// Init asks for the first picture and starts the only clock.
func (m *model) Init() tea.Cmd { return tea.Batch(m.fetch(false), m.tick()) }

// Update takes a message. It does no I/O.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(msg.Width, 0), max(msg.Height, 0)
		m.keyWidth, m.ownerWidth = 0, 0
		m.keepInSight()
		cmd = m.fetch(false)
	case tickMsg:
		m.now = m.o.Now()
		cmd = m.tick()
		if !m.now.Before(m.restUntil) {
			cmd = tea.Batch(cmd, m.fetch(!m.counting()))
		}
	case snapshotMsg:
		cmd = m.took(msg)
	case tea.KeyMsg:
		m.now = m.o.Now()
		cmd = m.key(msg)
	case releasedMsg:
		m.now = m.o.Now()
		cmd = m.released(msg)
	case undoneMsg:
		m.now = m.o.Now()
		cmd = m.undone(msg)
	case copiedMsg:
		m.now = m.o.Now()
		m.copied(msg)
	default:
		return m, nil // what is drawn stays
	}
	m.stale = true
	return m, cmd
}

// View gives the frame. It runs after every message, so it draws only if one changed something.
func (m *model) View() string {
	if m.stale {
		m.frame, m.stale = m.draw(), false
	}
	return m.frame
}

func (m *model) say(t tone, lasts time.Duration, text string) {
	m.message = message{text: text, tone: t, until: m.now.Add(lasts)}
}

// requery asks for the picture anew after the user changed what is wanted.
func (m *model) requery() tea.Cmd {
	m.generation++
	m.reordered = true
	return m.fetch(false)
}

// old tells whether the picture may differ from the server's.
func (m *model) old() bool {
	s := &m.snap.view.Status
	return !s.Complete || !s.Connected || m.silent() > 0
}

// A server that is heard less often than that has fallen silent.
const silence = 7 * time.Second

// silent is for how long nothing was heard, where that is too long.
func (m *model) silent() time.Duration {
	s := &m.snap.view.Status
	limit := max(silence, 3*s.Link.Polled)
	if age := m.clockNow().Sub(s.Heard); !s.Heard.IsZero() && age > limit {
		return age
	}
	return 0
}

// clockNow is the moment that ages are counted to: while paused, that of the frozen picture.
func (m *model) clockNow() time.Time {
	if m.frozen() {
		return m.snap.now
	}
	if m.snap.now.After(m.now) {
		return m.snap.now
	}
	return m.now
}
