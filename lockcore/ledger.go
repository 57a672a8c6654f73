package lockcore

// Reading a ledger: the fields that scripts/ledger.lua describes, as Go values.

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WaitersKept is how many waiters a ledger lists; beyond that it only counts.
const WaitersKept = 256

// deadlineTolerance is how far the ledger's deadline and the key's may lie apart for both
// to speak of the same hold.
const deadlineTolerance = 5 * time.Millisecond

// Ledger is what is recorded beside a lock. Times are the server's clock.
type Ledger struct {
	HighestFence Fence
	Denied       int64 // denials since the ledger began
	Overruns     int64
	Overlaps     int64
	Waiters      []Waiter // by their first denial
	NotListed    int64    // waiters beyond WaitersKept, as far as they can be told apart
	Holds        []Past   // the last holds that ended, newest first

	present     holdFields
	presentLive bool
}

// Waiter is a work that was denied. Whether it is still expected back is a matter of
// the retry policy that the reader assumes.
type Waiter struct {
	Work     string
	Owner    string // of its last attempt
	Attempts int    // denials, the first one included
	First    time.Time
	Last     time.Time
}

type holdFields struct {
	fence               Fence
	acquired, deadline  time.Time
	owner               string
	ended               string // ms, 0 where unknown
	how, op, by, reason string // "-" where there is none
}

// parseLedger reads a HGETALL: names and values in turn. Fields that it cannot read count as absent: a
// ledger is data from outside. An empty hash is no ledger.
func parseLedger(fields []string) *Ledger {
	if len(fields) < 2 {
		return nil
	}
	l := &Ledger{}
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := fields[i], items{rest: fields[i+1]}
		switch {
		case name == "s":
			l.readState(value)
		case name == "d":
			if count := value.digits(); value.endsWithDigits() {
				l.Denied = number(count)
			}
		case name == "x":
			if count := value.digits(); value.endsWithDigits() {
				l.NotListed = number(count)
			}
		case name == "o":
			l.Overruns = number(value.rest)
		case name == "l":
			l.Overlaps = number(value.rest)
		case strings.HasPrefix(name, "w:"):
			l.readWaiter(name[len("w:"):], value)
		case len(name) == 2 && name[0] == 'p':
			if h, ok := value.hold(); ok {
				l.Holds = append(l.Holds, h.past())
			}
		}
	}
	slices.SortFunc(l.Waiters, func(a, b Waiter) int {
		return cmp.Or(a.First.Compare(b.First), strings.Compare(a.Work, b.Work))
	})
	l.sortHolds()
	return l
}

// readState reads the field s.
func (l *Ledger) readState(s items) {
	highest := s.digits()
	s.digits() // how many holds were archived
	s.digits() // when the ledger expires
	if s.bad {
		return
	}
	l.HighestFence = Fence(number(highest))
	h, ok := s.hold()
	if !ok {
		return
	}
	l.present, l.presentLive = h, h.how == "-"
	if !l.presentLive {
		l.Holds = append(l.Holds, h.past())
	}
}

// readWaiter reads a field w:WORK.
func (l *Ledger) readWaiter(work string, s items) {
	attempts, first, last := s.digits(), s.digits(), s.digits()
	if !s.bad {
		l.Waiters = append(l.Waiters, Waiter{
			Work: work, Owner: s.rest, Attempts: int(number(attempts)), First: millis(first), Last: millis(last),
		})
	}
}

// endUnseen adds the recorded hold to the ended ones where the key shows that it is over
// though no end is recorded: its deadline passed, or somebody else has the lock, or nobody.
// owner is who holds the lock now, now the server's clock.
func (l *Ledger) endUnseen(owner string, now time.Time) {
	if l == nil || !l.presentLive || l.present.owner == owner {
		return
	}
	h := l.present
	h.how, h.ended = "deleted", "0"
	if !h.deadline.IsZero() && !now.Before(h.deadline) {
		h.how, h.ended = "expired", strconv.FormatInt(h.deadline.UnixMilli(), 10)
	}
	l.Holds = append(l.Holds, h.past())
	l.sortHolds()
}

func (l *Ledger) sortHolds() {
	slices.SortFunc(l.Holds, func(a, b Past) int {
		return cmp.Or(cmp.Compare(b.Fence, a.Fence), b.Ended.Compare(a.Ended))
	})
}

// past is a hold that has ended.
func (h holdFields) past() Past {
	p := Past{Owner: h.owner, Fence: h.fence, Acquired: h.acquired, Deadline: h.deadline}
	p.end(h.how, h.ended, h.op, h.by, h.reason)
	return p
}

// speaksOf tells whether the recorded hold is the one that was found in Redis: the same
// owner, not ended, and deadlines that agree. from and to are the server's clock before
// and after the key was read. Else somebody who keeps no ledger took the lock, and
// nothing recorded is true of it.
func (l *Ledger) speaksOf(owner string, ttl time.Duration, from, to time.Time) bool {
	if l == nil || !l.presentLive || l.present.owner != owner {
		return false
	}
	if ttl == NoTTL || l.present.deadline.IsZero() {
		return ttl == NoTTL && l.present.deadline.IsZero()
	}
	return !l.present.deadline.Before(from.Add(ttl-deadlineTolerance)) &&
		!l.present.deadline.After(to.Add(ttl+deadlineTolerance))
}

// items is a field that is taken apart from the left: items parted by single spaces, none empty or with
// white space in it, and a rest that may hold anything. bad tells that one was not as it has to be.
type items struct {
	rest string
	bad  bool
}

func (s *items) word() string {
	for i := range len(s.rest) {
		switch s.rest[i] {
		case ' ':
			word := s.rest[:i]
			s.rest, s.bad = s.rest[i+1:], s.bad || i == 0
			return word
		case '\t', '\n', '\f', '\r':
			s.bad = true
			return ""
		}
	}
	s.bad = true
	return ""
}

func (s *items) digits() string {
	word := s.word()
	s.bad = s.bad || !isDigits(word)
	return word
}

// endsWithDigits tells that one number is left, and that all before it was right.
func (s *items) endsWithDigits() bool { return !s.bad && isDigits(s.rest) }

// hold reads "fence acquired deadline ended how operation by reason request owner".
func (s *items) hold() (h holdFields, ok bool) {
	h.fence, h.acquired, h.deadline = Fence(number(s.digits())), millis(s.digits()), millis(s.digits())
	h.ended, h.how, h.op, h.by, h.reason = s.digits(), s.word(), s.word(), s.word(), s.word()
	s.word() // the request
	h.owner = s.rest
	return h, !s.bad
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// number reads digits; what is no whole number below 2^53 counts as 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n >= 1<<53 {
		return 0
	}
	return n
}

// millis reads a time of the server's clock; 0 is unknown.
func millis(s string) time.Time {
	n := number(s)
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}
