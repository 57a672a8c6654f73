package lockcore

// The words of a lock as Go types: hold, fence, holder, and how a hold ended.

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Fence is a number that grows with every successful acquire of a lock. Hand it to
// the guarded store, which rejects a writer that comes with a lower one than it has
// seen. 0 is unknown: nobody recorded the hold. Always below 2^53.
type Fence uint64

// String gives the digits, or "unknown".
func (f Fence) String() string {
	if f == 0 {
		return "unknown"
	}
	return strconv.FormatUint(uint64(f), 10)
}

// NoTTL stands for the TTL of a lock that never expires by itself.
const NoTTL time.Duration = -1

// Hold is one owner's tenure of one lock, as its acquire or extend was answered.
type Hold struct {
	Key   string
	Owner string
	Fence Fence         // 0 where an extend met a lock that nobody recorded
	TTL   time.Duration // that the server granted, or NoTTL
	Until time.Time     // when it is over: TTL from when the request left, on the local monotonic clock; zero for NoTTL
	Again bool          // the owner held it already: nothing was changed
	// Request that it was granted to; empty if none was named. Release takes it as well as the fence.
	Request string
}

// Holder is who has a lock now.
type Holder struct {
	Owner string        // empty: nobody
	TTL   time.Duration // left, or NoTTL
	Fence Fence         // 0 if nobody recorded it
}

func (h Holder) text() string {
	if h.Owner == "" {
		return "nobody holds it now"
	}
	return fmt.Sprintf("%q holds it now, for %s", h.Owner, ttlText(h.TTL))
}

// How a hold ended.
type How string

// The ends of a hold.
const (
	HowReleased How = "released" // by its owner
	HowExpired  How = "expired"  // its TTL ran out
	HowDeleted  How = "deleted"  // somebody removed the key, nobody knows who
	HowForced   How = "forced"   // released by an operator
	HowSeized   How = "seized"   // taken over by an operator
)

// Past is a hold that has ended, as the ledger remembers it. Times are the server's.
type Past struct {
	Owner     string
	Fence     Fence     // 0 if nobody recorded its acquire
	Acquired  time.Time // zero if unknown
	Deadline  time.Time // zero if it had no TTL
	Ended     time.Time // zero if unknown
	How       How
	Operation string // of an operator's end, its id
	By        string // of an operator's end, the operator
	Reason    string // of an operator's end

	// Overran is how long after the deadline the owner was still at work, as far as its own late call proved
	// it; 0 if nothing did. Overlap: somebody else held the lock by then, so two were inside at once.
	Overran time.Duration
	Overlap bool
}

// end takes how a hold ended from the ledger's words.
func (p *Past) end(how, at, operation, by, reason string) {
	how, flags, _ := strings.Cut(how, ":")
	p.How, p.Ended = How(how), millis(at)
	p.Operation, p.By, p.Reason = fromItem(operation), fromItem(by), fromItem(reason)
	if strings.HasPrefix(flags, "o") {
		p.Overran, p.Overlap, p.Operation = time.Duration(number(operation))*time.Millisecond, flags == "ol", ""
	}
}

func (p *Past) text() string {
	s := "that hold was " + string(p.How)
	if p.How == HowExpired {
		s = "that hold expired"
		if p.Overran > 0 {
			s += fmt.Sprintf(" %s before its owner was done", p.Overran)
		}
		if p.Overlap {
			s += " and somebody else got in"
		}
	}
	if !p.Ended.IsZero() {
		s += " at " + p.Ended.UTC().Format(time.RFC3339)
	}
	if p.By != "" {
		s += fmt.Sprintf(" by %q", p.By)
	}
	if p.Reason != "" {
		s += fmt.Sprintf(" (%q)", p.Reason)
	}
	return s
}

// item and fromItem keep free text from breaking the ledger's space-separated fields.
func item(s string) string {
	switch s {
	case "":
		return "-"
	case "-":
		return "%2D"
	}
	return url.QueryEscape(s)
}

func fromItem(s string) string {
	if s == "-" {
		return ""
	}
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}
