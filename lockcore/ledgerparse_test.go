package lockcore

// Reading a ledger, held against the patterns that say what its fields look like.

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The fields as patterns: slow, and plain to see.
var (
	statePattern  = regexp.MustCompile(`(?s)^(\d+) \d+ \d+ (.*)$`)
	countsPattern = regexp.MustCompile(`^(\d+) \d+$`)
	holdPattern   = regexp.MustCompile(`(?s)^(\d+) (\d+) (\d+) (\d+) (\S+) (\S+) (\S+) (\S+) \S+ (.*)$`)
	waiterPattern = regexp.MustCompile(`(?s)^(\d+) (\d+) (\d+) (.*)$`)
	beyondPattern = regexp.MustCompile(`^(\d+) (\d+)$`)
)

// parseByPatterns is parseLedger by them.
func parseByPatterns(fields map[string]string) *Ledger {
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
		if h, ok := holdByPattern(m[2]); ok {
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
			if h, ok := holdByPattern(value); ok {
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

func holdByPattern(h string) (holdFields, bool) {
	m := holdPattern.FindStringSubmatch(h)
	if m == nil {
		return holdFields{}, false
	}
	return holdFields{
		fence: Fence(number(m[1])), acquired: millis(m[2]), deadline: millis(m[3]), owner: m[9],
		ended: m[4], how: m[5], op: m[6], by: m[7], reason: m[8],
	}, true
}

var ledgerFields = []string{
	"s", "1795420800000123 7 1795507200000 1795420800000123 1795420800000 1795420815000 0 - - - - req1 me",
	"s", "5 0 0 3 1 2 12 released op by re%20ason - an owner\nof two lines",
	"s", "5 0 0 3 1 2 0 - - - -", "s", "5 0 0 3 1 2 0 - - - - r ", "s", "5 0  3 1 2 0 - - - - r o", "s", "", "s", "a", "s", "5 0 0 x",
	"p0", "3 1 2 12 expired:ol op by why r o", "p1", "3 1 2 12 forced:t op by why r \xff\x00", "p2", "x 1 2 3 4 5 6 7 8", "p3", "1 2 3 4 x\v 6 7 8 9 o",
	"w:work", "3 10 20 owner", "w:", "3 10 20 ", "w:b", "3 10 20", "w:c", "-3 10 20 o", "w:d", "99999999999999999999 10 20 o",
	"d", "18 3", "d", "18", "d", "18 3 ", "x", "4 100", "x", " 4", "o", "2", "l", "1", "l", "-1", "r", " a b ", "u", "a b 3", "q", "1",
}

func TestALedgerIsReadAsItsPatternsSay(t *testing.T) {
	for i := 0; i < len(ledgerFields); i += 2 {
		for j := 0; j < len(ledgerFields); j += 2 {
			sameLedger(t, ledgerFields[i], ledgerFields[i+1], ledgerFields[j], ledgerFields[j+1])
		}
	}
	if parseLedger(nil) != nil {
		t.Error("an empty hash is a ledger")
	}
}

func FuzzLedger(f *testing.F) {
	for i := 0; i+3 < len(ledgerFields); i += 2 {
		f.Add(ledgerFields[i], ledgerFields[i+1], ledgerFields[i+2], ledgerFields[i+3])
	}
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) { sameLedger(t, n1, v1, n2, v2) })
}

func sameLedger(t *testing.T, n1, v1, n2, v2 string) {
	t.Helper()
	if n1 == n2 { // no hash has a field twice
		return
	}
	got, want := parseLedger([]string{n1, v1, n2, v2}), parseByPatterns(map[string]string{n1: v1, n2: v2})
	for _, l := range []*Ledger{got, want} { // holds of the same fence and end have no order
		slices.SortFunc(l.Holds, func(a, b Past) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %q, %q: %q\nread %+v\nwant %+v", n1, v1, n2, v2, got, want)
	}
}

func BenchmarkLedger(b *testing.B) {
	fields := []string{
		"s", "1795420800000123 7 1795507200000 1795420800000123 1795420800000 1795420815000 0 - - - - req1 cc1c49323b344687a324888762206003",
		"r", " req1 ", "d", "18 3", "w:evt_1", "3 1795420800000 1795420860000 o1", "w:evt_2", "3 1795420800000 1795420860000 o2",
		"p0", "1795420800000120 1795420700000 1795420715000 1795420800000 released - - - req0 5c1c49323b344687a324888762206003",
	}
	of := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		of[fields[i]] = fields[i+1]
	}
	b.Run("patterns", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parseByPatterns(of)
		}
	})
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parseLedger(fields)
		}
	})
}
