package chaos_test

// The model of one lock, as porcupine wants it: which answers can follow which, if every operation happened at
// one moment between its call and its return.

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"locktop/lockcore"
)

// asked is what a client called.
type asked struct {
	op        string // acquire, give-up, extend, release, force-release, inspect
	owner     string // who asks; of a forced release whose hold is meant, of an inspection nobody
	fence     lockcore.Fence
	operation string // of a forced release
}

// told is what it was answered.
type told struct {
	answer answer
	holder string         // that the answer named, of inspect and of a no
	fence  lockcore.Fence // of the acquire's hold, or of the named holder; 0 for unknown
	how    lockcore.How   // the asker's own hold ended, where the answer says so
}

type answer string

const (
	yes      answer = "yes"
	repeated answer = "yes, before" // it had been done already, maybe by an earlier try of the same call
	no       answer = "no"
	perhaps  answer = "unknown" // it may have happened at any time since the call, or never
)

// lockState is the lock. It is comparable, as porcupine wants it.
type lockState struct {
	holder  string
	fence   lockcore.Fence // 0 where an answer that would have told it was lost
	highest lockcore.Fence // of those that are known
	ended   string         // " owner=how" for each hold that is over
}

func (s lockState) howEnded(owner string) lockcore.How {
	for _, e := range strings.Fields(s.ended) {
		if o, how, _ := strings.Cut(e, "="); o == owner {
			return lockcore.How(how)
		}
	}
	return ""
}

// free is the state after the present hold has ended.
func (s lockState) free(how lockcore.How) lockState {
	ended := append(strings.Fields(s.ended), s.holder+"="+string(how))
	slices.Sort(ended) // so that two ways to one state give the same
	return lockState{highest: s.highest, ended: strings.Join(ended, " ")}
}

// with is the state once it is known that the present hold has this fence. It is no state where that cannot be.
func (s lockState) with(fence lockcore.Fence) (lockState, bool) {
	switch {
	case fence == 0 || fence == s.fence:
		return s, true
	case s.fence != 0 || fence <= s.highest:
		return s, false
	}
	s.fence, s.highest = fence, fence
	return s, true
}

// next are the states that an operation can leave; none if it cannot have been answered so.
func (s lockState) next(in asked, out told) []lockState {
	mine, known := s.with(in.fence)
	known = known && s.holder == in.owner // the hold that is meant is there, and mine is the state with its fence
	switch in.op {
	case "acquire":
		return s.afterAcquire(in, out)
	case "give-up": // in the background, after an acquire whose outcome is unknown
		if s.holder == in.owner {
			return []lockState{s, s.free(lockcore.HowReleased)}
		}
		return []lockState{s}
	case "extend":
		switch {
		case out.answer == perhaps:
			return []lockState{s}
		case out.answer == yes && known:
			return []lockState{mine}
		case out.answer == no && s.howEnded(in.owner) != "":
			return s.naming(out)
		}
	case "release":
		how := s.howEnded(in.owner)
		switch {
		case out.answer == perhaps && known:
			return []lockState{s, mine.free(lockcore.HowReleased)}
		case out.answer == perhaps:
			return []lockState{s}
		case out.answer == yes && known, out.answer == repeated && known:
			return []lockState{mine.free(lockcore.HowReleased)}
		case out.answer == repeated && how == lockcore.HowReleased:
			return []lockState{s}
		case out.answer == no && how == out.how && how != "" && how != lockcore.HowReleased:
			return s.naming(out)
		}
	case "force-release":
		forced := lockcore.How("forced:" + in.operation)
		switch {
		case out.answer == perhaps && known:
			return []lockState{s, mine.free(forced)}
		case out.answer == perhaps:
			return []lockState{s}
		case out.answer == yes && known, out.answer == repeated && known:
			return []lockState{mine.free(forced)}
		case out.answer == repeated && s.howEnded(in.owner) == forced:
			return []lockState{s}
		case out.answer == no && s.holder != in.owner:
			return s.naming(out)
		}
	case "inspect":
		return s.naming(out)
	}
	return nil
}

func (s lockState) afterAcquire(in asked, out told) []lockState {
	can := s.holder == "" && s.howEnded(in.owner) == ""
	taken := s
	taken.holder, taken.fence = in.owner, 0
	switch out.answer {
	case yes:
		if taken, ok := taken.with(out.fence); can && ok && out.fence != 0 {
			return []lockState{taken}
		}
		return nil
	case no:
		if s.holder == in.owner || s.holder == "" {
			return nil
		}
		return s.naming(out)
	}
	if can {
		return []lockState{s, taken}
	}
	return []lockState{s}
}

// naming is the state if it has the holder that the answer named.
func (s lockState) naming(out told) []lockState {
	if known, ok := s.with(out.fence); ok && s.holder == out.holder {
		return []lockState{known}
	}
	return nil
}

// aLock is the model for porcupine. How a hold was forced is the model's own: answers only say "forced".
var aLock = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{lockState{}} },
	Step: func(state, input, output any) []any {
		s, out := state.(lockState), output.(told)
		in := input.(asked)
		if in.op == "release" && out.how == lockcore.HowForced {
			// by whichever operation it was
			out.how = s.howEnded(in.owner)
			if !strings.HasPrefix(string(out.how), "forced") {
				return nil
			}
		}
		var all []any
		for _, n := range s.next(in, out) {
			all = append(all, n)
		}
		return all
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}).ToModel()

// never is when an operation returned that nobody knows the outcome of.
const never = math.MaxInt64

// checkLimit is how long the search for an order may take: it grows fast with unknown outcomes. What takes longer
// is undecided, and proves nothing either way.
const checkLimit = time.Minute

func linearizable(history []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(aLock, history, checkLimit)
}
