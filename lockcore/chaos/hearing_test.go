package chaos_test

// The hearing: all answers of a storm, held against the histories of the locks.

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"locktop/lockcore"
)

// hearing is what came out.
type hearing struct {
	calls, grants int
	verdicts      map[verdict]int
	copies        map[grant]int
	rejected      int      // writes that a guarded store did not take
	wrong         []string // each a promise that was broken
}

func (h *hearing) String() string {
	return fmt.Sprintf("%d calls: %d right, %d of unknown outcome (%.2f %%), %d not sent, %d lost with their master, %d no longer remembered (%d by their own second try); "+
		"wrong yes: %d, wrong no: %d, wrong views: %d; %d late writes rejected by fence; holds of unanswered requests: %v",
		h.calls, h.verdicts[right], h.verdicts[unknown], 100*float64(h.verdicts[unknown])/float64(max(h.calls, 1)), h.verdicts[notSent], h.verdicts[lost], h.verdicts[forgotten], h.verdicts[ownForgotten],
		h.verdicts[wrongYes], h.verdicts[wrongNo], h.verdicts[wrongView], h.rejected, h.copies)
}

// hear asks of every answer whether it was true, and of every hold whether it was somebody's. Where masters
// failed, the aftermath says what that excuses; else it is nil.
func hear(s *site, crew []*worker, store *guarded, after *aftermath) *hearing {
	h := &hearing{verdicts: map[verdict]int{}, copies: map[grant]int{}, rejected: len(store.rejected)}
	complain := func(format string, args ...any) { h.wrong = append(h.wrong, fmt.Sprintf(format, args...)) }
	acquires, granted := map[string]call{}, map[string][]call{}
	pasts := map[string]*past{}
	for _, key := range s.keys {
		p, wrong := newPast(s.history(key))
		for _, w := range wrong {
			complain("%s: %s", key, w)
		}
		if last := p.holder(len(p.entries)); last != s.holder(key) {
			complain("%s: the notes end with %q, and the lock is held by %q", key, last, s.holder(key))
		}
		pasts[key] = p
	}
	if after != nil {
		after.place(pasts, crew, store)
	}
	for _, w := range crew {
		for _, c := range w.calls {
			if c.op == "acquire" && c.err == nil {
				pasts[c.key].answered(c.owner, c.to)
			}
		}
	}
	for _, w := range crew {
		for _, c := range w.calls {
			p := pasts[c.key]
			v := p.judge(c)
			if after != nil {
				v = after.judge(p, c)
			}
			h.calls++
			h.verdicts[v]++
			if v.wrong() {
				complain("%s: %s%s", v, c, p.around(c))
			}
			if c.op == "acquire" {
				acquires[c.owner] = c
				if c.err == nil && v != lost {
					granted[c.key] = append(granted[c.key], c)
				}
			}
		}
	}
	for key, p := range pasts {
		h.grants += len(granted[key])
		// Fences rise in the order of the holds.
		slices.SortFunc(granted[key], func(a, b call) int { return p.tenures[a.owner].begun - p.tenures[b.owner].begun })
		for i, c := range granted[key] {
			if i > 0 && c.fence <= granted[key][i-1].fence {
				complain("fence %s follows fence %s: %s", c.fence, granted[key][i-1].fence, c)
			}
		}
		for owner, held := range p.tenures {
			c := acquires[owner]
			if c.err != nil {
				g := p.unanswered(c, held)
				h.copies[g]++
				if g == heldForNobody {
					complain("%s: %s: %s%s", key, g, c, p.around(c))
				}
			} else if held.by == "release" && !called(crew, c, held.ended) {
				complain("%s was released by nobody's call: %s%s", key, c, p.around(c))
			}
		}
		for _, t := range p.again {
			g := p.grantedAgain(t)
			h.copies[g]++
			if g == grantedTwice {
				complain("%s: %s: %s%s", key, g, acquires[t.owner], p.around(acquires[t.owner]))
			}
		}
	}
	for _, c := range store.rejected {
		if !pasts[c.key].free(c.owner, c.from, c.to) && (after == nil || !after.rejects(c)) {
			complain("a write was rejected under a lock that its owner held all the time: %s", c)
		}
	}
	if after != nil {
		h.wrong = append(h.wrong, after.wrong(crew)...)
	}
	return h
}

// grant is what a hold was that no answer told of.
type grant string

const (
	swallowed  grant = "its answer was lost, and it was given back"
	notCleaned grant = "its answer was lost, and no request to give it back got through"
	tellsEnd   grant = "its answer was lost, and its end was told"
	// A late copy is refused if its request was given up, or is among the last eight that were granted or
	// given up. Two kinds of copies get past that within the request's not-after time, and take the lock
	// until it is ended by force or by its TTL:
	afterDenial   grant = "a late copy of a request that had been denied and whose client saw no reason to give it up"
	afterEight    grant = "a late copy of a request that was granted before, with eight others since"
	heldForNobody grant = "HELD FOR NOBODY"
	grantedTwice  grant = "GRANTED TWICE"
)

// unanswered says what became of a hold whose acquire was not answered with a yes.
func (p *past) unanswered(c call, held tenure) grant {
	givenUp := slices.IndexFunc(p.entries, func(e entry) bool { return e.step == "release" && strings.HasPrefix(e.args, c.owner+" ") })
	denied := slices.IndexFunc(p.entries, func(e entry) bool {
		return e.step == "acquire" && e.before == e.after && strings.HasPrefix(e.args, c.owner+" ")
	})
	switch {
	case givenUp >= 0 && givenUp+1 < held.begun: // and granted all the same
		if p.requests(c.owner, givenUp+1, held.begun) >= remembered {
			return afterEight
		}
		return heldForNobody
	case givenUp >= 0:
		return swallowed
	case errors.Is(c.err, lockcore.ErrNotHeld) && held.ended <= c.to:
		// It was ended by force before the second try, whose answer says so. Nothing was left to give back, so it
		// does not matter whether the request to do so got through.
		return tellsEnd
	case denied >= 0 && denied+1 < held.begun:
		return afterDenial
	case errors.Is(c.err, lockcore.ErrUnknownOutcome) || errors.Is(c.err, lockcore.ErrLate):
		return notCleaned
	}
	return heldForNobody
}

// grantedAgain says how an owner could get the lock a second time by one request.
func (p *past) grantedAgain(t tenure) grant {
	other := p.tenures[t.owner].begun
	if p.requests(t.owner, min(other, t.begun), max(other, t.begun)-1) >= remembered {
		return afterEight
	}
	return grantedTwice
}

// called tells whether somebody had begun to release that hold by then.
func called(crew []*worker, acquired call, moment int) bool {
	for _, w := range crew {
		for _, c := range w.calls {
			if c.op == "release" && c.owner == acquired.owner && c.from < moment {
				return true
			}
		}
	}
	return false
}

// around is the part of the history that a call saw, and what its owner did.
func (p *past) around(c call) string {
	var b strings.Builder
	for i, e := range p.entries {
		if i >= c.from-2 && i <= c.to+1 || strings.HasPrefix(e.args, c.owner+" ") {
			fmt.Fprintf(&b, "\n    %d %s", i, e)
		}
	}
	return b.String()
}
