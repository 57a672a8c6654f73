package watcher

// Live joins a source and a table: one goroutine applies events, any may look.

import (
	"context"
	"sync"
	"time"

	"locktop/watcher/makecom"
)

// How a view is prepared; variables so that tests can have it done in many steps with few locks.
var (
	// stepsAtOnce is how many steps events have to wait for: a millisecond or two.
	stepsAtOnce = 8
	// patience is how many times as many it takes before all is done at once. Those who want different
	// things at the same time undo each other's.
	patience = 1000
)

// Live is a table that follows a source. Its zero value is not ready; use NewLive.
type Live struct {
	mu    sync.Mutex
	table *Table
}

// NewLive has an empty table.
func NewLive() *Live { return &Live{table: NewTable()} }

// Run applies the source's events until ctx ends or the source fails. also, if not nil,
// is called with each event after it was applied.
func (l *Live) Run(ctx context.Context, s Source, also func(Event)) error {
	return s.Run(ctx, func(e Event) {
		l.mu.Lock()
		l.table.Apply(e)
		l.mu.Unlock()
		if also != nil {
			also(e)
		}
	})
}

// Scoring is Table.Scoring; it is to be called before Run.
func (l *Live) Scoring(policy makecom.Policy, latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.Scoring(policy, latency)
}

// Score is Table.Score.
func (l *Live) Score() Score {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.Score()
}

// Version grows with every event that changes anything to be seen.
func (l *Live) Version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.Version()
}

// View answers a query at a moment. What takes long the first time, a new filter or the order by
// owner, is done in steps, between which events go in.
func (l *Live) View(q Query, now time.Time) View {
	for tries := 0; tries < patience && !l.prepare(q); tries++ {
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.View(q, now)
}

func (l *Live) prepare(q Query) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.prepare(q, stepsAtOnce)
}

// Detail gives everything about one lock; false if the table knows nothing of it.
func (l *Live) Detail(key string, q Query, now time.Time) (Detail, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.Detail(key, q, now)
}

// Recent are the last events of all locks and of the watching itself, oldest first.
func (l *Live) Recent() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.Recent()
}
