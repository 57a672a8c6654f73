package keyspace

// The inbox: where notifications wait for the loop, a burst about one lock as one entry. So what waits is bounded
// by the number of locks that something happens to, not by how often it does.

import (
	"sync"
	"sync/atomic"
	"time"
)

// inboxLimit is how many locks may have something waiting. Beyond it notifications are dropped, counted and told
// as a gap.
const inboxLimit = 1 << 18

// note is what the notifications of one key told since the loop last looked.
type note struct {
	hints    hint
	firstEnd hint      // the first of hintEnded among them
	at       time.Time // when the first of them came
	ended    time.Time // when firstEnd came
	wrote    time.Time // when a value was written last
	place    *place    // that told the last of them
	count    uint32
}

// inbox is filled by the places' ears and emptied by the loop.
type inbox struct {
	ready chan struct{} // has an item where there is something to take

	mu      sync.Mutex
	limit   int
	notes   map[string]note
	spare   map[string]note
	heard   atomic.Int64 // notifications, ever
	dropped atomic.Int64 // of them
}

func newInbox() *inbox {
	return &inbox{ready: make(chan struct{}, 1), limit: inboxLimit, notes: map[string]note{}, spare: map[string]note{}}
}

// arrival is one notification about a key.
type arrival struct {
	key  string
	hint hint
}

// add takes what came at one moment from one place.
func (b *inbox) add(p *place, at time.Time, arrivals []arrival) {
	b.heard.Add(int64(len(arrivals)))
	b.mu.Lock()
	for _, a := range arrivals {
		n, waits := b.notes[a.key]
		if !waits {
			if len(b.notes) >= b.limit {
				b.dropped.Add(1)
				continue
			}
			n.at = at
		}
		if n.firstEnd == 0 && a.hint&hintEnded != 0 {
			n.firstEnd, n.ended = a.hint&hintEnded, at
		}
		if n.firstEnd == 0 && a.hint&(hintSet|hintRestored) != 0 {
			n.hints |= hintReplaced
		}
		if a.hint&(hintSet|hintRestored) != 0 {
			n.wrote = at
		}
		n.hints |= a.hint
		n.place = p
		n.count++
		b.notes[a.key] = n
	}
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take gives all that waits. The map is the inbox's again at the next call.
func (b *inbox) take() map[string]note {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken, next := b.notes, b.spare
	if next == nil {
		next = map[string]note{}
	}
	clear(next)
	b.notes, b.spare = next, taken
	if len(taken) > 4096 { // a map does not shrink, and clearing a large one takes long
		b.spare = nil
	}
	return taken
}
