package watcher

// The history: the last events of all locks, each linked to the one before of the same lock.
//
// It is a ring, so that what all locks' events take is bounded however many locks there are: the oldest
// event is forgotten first, whosever it is. A lock that was silent for eventsRemembered events of
// others has none left; that it is held is told by its hold.

// How many events are remembered.
const (
	eventsRemembered = 1 << 14 // of all locks together; some 7 MB
	eventsPerLock    = 50      // that a lock's details have
	eventsInAll      = 500     // that Recent has
)

type history struct {
	ring  []remembered
	added uint64
}

type remembered struct {
	event  Event
	before uint32 // the number of the event before of the same lock; 0 is none
}

// add takes an event and gives its number: how many were added by then, cut to four bytes. before is
// the number of the last one of the same lock.
func (h *history) add(e *Event, before uint32) uint32 {
	if len(h.ring) < eventsRemembered {
		h.ring = append(h.ring, remembered{*e, before})
	} else {
		h.ring[h.added%eventsRemembered] = remembered{*e, before}
	}
	h.added++
	return uint32(h.added)
}

// numbered gives an event by its number, if it is still remembered.
func (h *history) numbered(n uint32) (*remembered, bool) {
	age := uint64(uint32(h.added) - n)
	if n == 0 || age >= uint64(len(h.ring)) {
		return nil, false
	}
	return &h.ring[(h.added-1-age)%eventsRemembered], true
}

// of gives the last events of a lock, oldest first, from its last one's number.
func (h *history) of(key string, last uint32) []Event {
	n := 0
	for at := last; n < eventsPerLock; n++ {
		r, ok := h.numbered(at)
		if !ok || r.event.Key.Raw() != key {
			break
		}
		at = r.before
	}
	if n == 0 {
		return nil
	}
	events := make([]Event, n)
	for n > 0 {
		r, _ := h.numbered(last)
		n--
		events[n], last = r.event, r.before
	}
	return events
}

// recent gives the last events of all, oldest first.
func (h *history) recent() []Event {
	n := min(len(h.ring), eventsInAll)
	events := make([]Event, 0, n)
	for i := uint64(n); i > 0; i-- {
		events = append(events, h.ring[(h.added-i)%eventsRemembered].event)
	}
	return events
}
