package explore

// How runs of an operator's orders are judged: forced releases, seizures, undoings.

import "fmt"

// expected tells whether the present hold is the one that an order is meant for.
func (j *judged) expected() bool {
	h := &j.truth.now
	return h.how == lives && j.owners[h.owner] == j.m.owner && (j.m.fence == 0 || j.m.fence == h.fence) &&
		(j.m.seen == 0 || max(h.deadline-j.m.seen, j.m.seen-h.deadline) <= 50)
}

func (j *judged) force() string {
	meant := j.expected()
	ended := j.truth.now.fence
	switch {
	case j.after.owner != "" && j.changed():
		return "a forced release changed the lock and did not end the hold"
	case j.changed() && !meant:
		return "a forced release ended another hold than it was meant for"
	case j.changed() && j.done&j.m.req.bit() != 0:
		return "one order of a forced release was carried out twice"
	case j.r.verdict == yes && j.r.before != (j.done&j.m.req.bit() != 0):
		return "a forced release is wrong about having been done before"
	case j.r.verdict == yes && j.changed() == j.r.before:
		return "a forced release tells otherwise than it did"
	case j.r.verdict == no && meant && j.done&j.m.req.bit() == 0:
		return "a forced release denies the hold that it is meant for"
	case j.r.verdict == no && j.done&j.m.req.bit() != 0:
		return "a forced release that was carried out is denied when it is repeated"
	case j.changed():
		if j.fault != noHSET && j.after.recorded().highest <= max(ended, j.highest) {
			return "after a forced release the highest fence is still that of the hold that it ended"
		}
		j.ends(forced, j.m.req)
		if j.fault != noHSET { // else it is not on record, and its answer says so
			j.done |= j.m.req.bit()
		}
	}
	return ""
}

func (j *judged) seize() string {
	meant := j.expected()
	switch {
	case j.changed() && !meant:
		return "a seizure ended another hold than it was meant for"
	case j.changed() && j.done&j.m.req.bit() != 0:
		return "one order of a seizure was carried out twice"
	case j.changed():
		switch {
		case j.r.before || j.after.owner != operatorName || j.after.deadline != msAt(j.at)+j.m.ttl || j.r.left != j.m.ttl || j.r.ended != j.truth.now.fence:
			return "a seizure tells otherwise than it did"
		case j.r.fence <= j.highest:
			return fmt.Sprintf("a seizure has the fence %s, and %s was issued before", j.r.fence, j.highest)
		}
		j.ends(seized, j.m.req)
		j.truth.now = hold{fence: j.r.fence, req: j.m.req, how: lives, from: j.at, deadline: j.after.deadline, owner: j.number(operatorName)}
		j.highest = j.r.fence
		j.done |= j.m.req.bit()
		j.granted |= j.m.req.bit()
	case j.r.verdict == yes:
		if h := &j.truth.now; !j.r.before || h.how != lives || h.req != j.m.req || h.fence != j.r.fence || msAt(j.at)+j.r.left != j.before.deadline {
			return "a seizure says yes, and it does not hold the lock"
		}
	case j.r.verdict == no && meant && j.done&j.m.req.bit() == 0:
		return "a seizure denies the hold that it is meant for"
	case j.r.verdict == no && j.truth.now.how == lives && j.truth.now.req == j.m.req:
		return "a seizure that was carried out is denied when it is repeated"
	}
	return ""
}

func (j *judged) undo() string {
	old := j.find(func(h *hold) bool { return h.how == forced && h.op == j.m.undoes })
	switch {
	case j.held() && j.changed():
		return "an undo changed a lock that was held"
	case j.changed():
		switch {
		case old == nil:
			return "an undo gave a lock back that no forced release took"
		case old.told:
			return "an undo gave a lock back to an owner who knows that he lost it"
		case old.taken:
			return "an undo gave a lock back that had gone on to somebody else"
		case old.deadline <= msAt(j.at):
			return "an undo gave a lock back after its deadline"
		case old.fence != 0 && old.fence != j.highest:
			return fmt.Sprintf("an undo gave a lock back with the fence %s, and %s was issued since", old.fence, j.highest)
		case j.after.owner != j.owners[old.owner] || j.after.deadline != old.deadline || j.r.fence != old.fence ||
			j.r.before || j.r.left != old.deadline-msAt(j.at):
			return "an undo gave the lock back other than it was"
		}
		j.truth.now = *old
		j.truth.now.how, j.truth.now.op = lives, j.m.req
		last := 0
		for i := range j.past {
			if &j.past[i] != old {
				j.past[last] = j.past[i]
				last++
			}
		}
		for ; last < len(j.past); last++ {
			j.past[last] = hold{}
		}
	case j.r.verdict == yes:
		if h := &j.truth.now; !j.r.before || h.how != lives || h.op != j.m.req || h.fence != j.r.fence {
			return "an undo says yes, and the lock was not given back"
		}
	case j.r.verdict == no && j.truth.now.how == lives && j.truth.now.op == j.m.req:
		return "an undo that was carried out is denied when it is repeated"
	case j.r.why == "taken" && old != nil:
		old.taken = true
	}
	return ""
}
