package embedded

// Keyspace notifications: which events are sent, and to which channels.

import (
	"strconv"
	"strings"
)

// eventClass is a set of the letters of notify-keyspace-events.
type eventClass uint16

const (
	eventGeneric eventClass = 1 << iota
	eventString
	eventList
	eventSet
	eventHash
	eventSorted
	eventExpired
	eventEvicted
	eventStream
	eventModule
	eventNew
	eventKeyspace
	eventKeyevent
	eventMiss

	eventAll = eventGeneric | eventString | eventList | eventSet | eventHash | eventSorted |
		eventExpired | eventEvicted | eventStream | eventModule
)

// eventLetters are in the order in which CONFIG GET gives them back; the first
// singles of them are left out if all that A stands for are set. That n is among
// them, and so is lost in "A", is Redis's own mistake.
const (
	eventLetters = "g$lshzxetdnKEm"
	singles      = 11
)

// parseEvents reads a notify-keyspace-events setting.
func parseEvents(setting string) (eventClass, bool) {
	var class eventClass
	for i := range len(setting) {
		if setting[i] == 'A' {
			class |= eventAll
			continue
		}
		at := strings.IndexByte(eventLetters, setting[i])
		if at < 0 {
			return 0, false
		}
		class |= 1 << at
	}
	return class, true
}

func (class eventClass) String() string {
	var b strings.Builder
	from := 0
	if class&eventAll == eventAll {
		b.WriteByte('A')
		from = singles
	}
	for i := from; i < len(eventLetters); i++ {
		if class&(1<<i) != 0 {
			b.WriteByte(eventLetters[i])
		}
	}
	return b.String()
}

// notify sends an event about a key to whoever listens.
func (s *Server) notify(class eventClass, event string, db *database, key string) {
	if s.events&class == 0 || len(s.channels)+len(s.patterns) == 0 {
		return
	}
	where := "@" + strconv.Itoa(db.id) + "__:"
	if s.events&eventKeyspace != 0 {
		s.publish("__keyspace"+where+key, event)
	}
	if s.events&eventKeyevent != 0 {
		s.publish("__keyevent"+where+event, key)
	}
}
