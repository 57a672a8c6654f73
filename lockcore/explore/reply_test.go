package explore

// Replies as a client reads them: lockcore's reply.go, with times in ticks.

import (
	"fmt"
	"strconv"
	"strings"
)

type verdict uint8

const (
	yes verdict = iota + 1
	no
	failed // the server's error
)

// reply is an answer. Which of its fields there are depends on the script.
type reply struct {
	verdict verdict
	why     string // of a no; of an error, its text
	now     int8   // when the script ran
	fence   fence  // of a yes: the hold's; of a seizure, the new one
	left    int64  // of a yes: TTL left, ms
	ended   fence  // of a seizure: the hold that it ended
	before  bool   // of an order: it had been done

	// Of a no: how the hold that was meant ended, where the ledger remembers it.
	how      string
	overran  bool
	past     fence
	deadline int64 // ms
}

func readReply(s script, answer any, err error) reply {
	if err != nil {
		return reply{verdict: failed, why: err.Error()}
	}
	switch answer := answer.(type) {
	case string:
		return readYes(s, answer)
	case []any:
		return readNo(answer)
	}
	panic(fmt.Sprintf("explore: %s answers %v", s, answer))
}

func readYes(s script, answer string) reply {
	if s == foreignSet || s == foreignDel {
		return reply{verdict: map[string]verdict{"1": yes, "0": no}[answer]}
	}
	items := append(strings.Split(answer, " "), "", "", "", "", "", "")
	r := reply{verdict: yes, now: tickAt(number(items[0])), fence: fenceOf(items[1])}
	switch s {
	case acquire, extend:
		r.left = number(items[2])
	case force:
		r.before = items[4] == "1"
	case seize:
		r.left, r.ended, r.before = number(items[2]), fenceOf(items[3]), items[6] == "1"
	case undo:
		r.left, r.before = number(items[2]), items[3] == "1"
	}
	return r
}

func readNo(items []any) reply {
	text := func(i int) string { return items[i].(string) }
	r := reply{verdict: no, why: text(0), now: tickAt(number(text(4)))}
	if len(items) >= 12 {
		how, flags, _ := strings.Cut(text(5), ":")
		r.how, r.overran, r.past = how, strings.HasPrefix(flags, "o"), fenceOf(text(10))
		r.deadline = number(text(11))
	}
	return r
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("explore: no number: " + text)
	}
	return n
}

// ticks is the TTL of a yes as a client counts it here: the ticks that begin before it is over.
func (r reply) ticks() int8 { return int8((r.left + tickMs - 1) / tickMs) }

func (r reply) String() string {
	switch r.verdict {
	case yes:
		s := "yes"
		if r.fence != 0 {
			s += fmt.Sprintf(", fence %s, TTL %d", r.fence, r.ticks())
		}
		if r.before {
			s += ", done before"
		}
		return s
	case no:
		if r.how != "" {
			return fmt.Sprintf("no, %s; fence %s was %s", r.why, r.past, r.how)
		}
		return "no, " + r.why
	case failed:
		return "error " + r.why
	}
	return "nothing"
}
