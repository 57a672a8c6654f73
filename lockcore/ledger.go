package lockcore

// Reading a ledger: the fields that scripts/ledger.lua describes, as Go values.

import (
	"cmp"
	"regexp"
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

var (
	statePattern  = regexp.MustCompile(`(?s)^(\d+) \d+ \d+ (.*)$`)
	countsPattern = regexp.MustCompile(`^(\d+) \d+$`)
	holdPattern   = regexp.MustCompile(`(?s)^(\d+) (\d+) (\d+) (\d+) (\S+) (\S+) (\S+) (\S+) \S+ (.*)$`)
	waiterPattern = regexp.MustCompile(`(?s)^(\d+) (\d+) (\d+) (.*)$`)
	beyondPattern = regexp.MustCompile(`^(\d+) (\d+)$`)
)

// parseLedger reads a HGETALL. Fields that it cannot read count as absent: a ledger is
// data from outside. An empty hash is no ledger.
func parseLedger(fields map[string]string) *Ledger {
	if len(fields) == 0 {
		return nil
	}
	l := &Ledger{
		Overruns: number(fields["o"]),
		Overlaps: number(fields["l"]),
	}
	if m := countsPattern.FindStringSubmatch(fields["d"]); m != nil {
		l.Denied = number(m[1])
	}
	if m := beyondPattern.FindStringSubmatch(fields["x"]); m != nil {
		l.NotListed = number(m[1])
	}
	if m := statePattern.FindStringSubmatch(fields["s"]); m != nil {
		l.HighestFence = Fence(number(m[1]))
		if h, ok := parseHold(m[2]); ok {
			l.present, l.presentLive = h, h.how == "-"
			if !l.presentLive {
				l.Holds = append(l.Holds, h.past())
			}
		}
	}
	for name, value := range fields {
		if work, ok := strings.CutPrefix(name, "w:"); ok {
			if m := waiterPattern.FindStringSubmatch(value); m != nil {
				l.Waiters = append(l.Waiters, Waiter{
					Work: work, Owner: m[4], Attempts: int(number(m[1])), First: millis(m[2]), Last: millis(m[3]),
				})
			}
		} else if len(name) == 2 && name[0] == 'p' {
			if h, ok := parseHold(value); ok {
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

func parseHold(h string) (holdFields, bool) {
	m := holdPattern.FindStringSubmatch(h)
	if m == nil {
		return holdFields{}, false
	}
	return holdFields{
		fence: Fence(number(m[1])), acquired: millis(m[2]), deadline: millis(m[3]), owner: m[9],
		ended: m[4], how: m[5], op: m[6], by: m[7], reason: m[8],
	}, true
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
