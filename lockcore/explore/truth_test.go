package explore

// What really happened to the lock, kept apart from the ledger, and the rules by which each run of a script is judged.

import "fmt"

// end is how a hold ended.
type end uint8

const (
	none end = iota // no hold
	lives
	released
	expired
	forced
	seized
	deleted // by a foreign DEL
)

func (e end) String() string {
	return [...]string{"none", "-", "released", "expired", "forced", "seized", "deleted"}[e]
}

// hold is one owner's tenure.
type hold struct {
	fence    fence   // 0: a foreign client's
	req      request // that it was granted to
	op       request // the order that ended it; while it lives, the undo that gave it back
	how      end
	from     int8
	owner    uint8 // its number
	deadline int64 // ms
	// Of a hold that was ended by force: its owner knows; an undo found the lock taken.
	told, taken bool
	// Its owner knows, and the server refused to have that on record. Where writes are refused one moment and not the
	// next, an undo can then give the lock back to somebody who does not want it; until its TTL ends.
	untold  bool
	counted bool // as an overrun
}

// truth is all that happened to the lock, as far as a rule asks for it.
type truth struct {
	now     hold
	past    [8]hold // the newest first
	highest fence
	granted uint32 // the requests that were granted, as bits
	closed  uint32 // the requests that were released or given up
	done    uint32 // the operations that were carried out
}

// ends puts the present hold to the past.
func (w *truth) ends(how end, op request) {
	w.now.how, w.now.op = how, op
	if w.past[len(w.past)-1].how != none {
		panic("explore: more holds than the past has room for")
	}
	copy(w.past[1:], w.past[:])
	w.past[0], w.now = w.now, hold{}
}

// find finds an ended hold.
func (w *truth) find(is func(*hold) bool) *hold {
	for i := range w.past {
		if w.past[i].how != none && is(&w.past[i]) {
			return &w.past[i]
		}
	}
	return nil
}

func (w *truth) byFence(f fence) *hold { return w.find(func(h *hold) bool { return h.fence == f }) }

// judged is one run of a script under judgement.
type judged struct {
	truth
	m             message
	at            int8
	fault         fault
	owners        []string
	before, after snapshot
	r             reply
}

// judge gives what is true after a run, and the rule that it broke or "".
func (j *judged) judge() string {
	if j.r.verdict != yes && j.changed() {
		return "a step that was denied or failed changed the lock"
	}
	complaint := [...]func() string{
		acquire: j.acquire, extend: j.extend, release: j.release, force: j.force, seize: j.seize, undo: j.undo,
		foreignSet: j.foreignSet, foreignDel: j.foreignDel,
	}[j.m.script]()
	if complaint == "" {
		complaint = j.overruns()
	}
	if complaint == "" {
		complaint = j.record()
	}
	return complaint
}

func (j *judged) held() bool { return j.before.owner != "" }
func (j *judged) changed() bool {
	return j.before.owner != j.after.owner || j.before.deadline != j.after.deadline
}

// own tells whether the present hold is the one that the message names.
func (j *judged) own() bool {
	return j.truth.now.how == lives && j.owners[j.truth.now.owner] == j.m.owner &&
		(j.m.fence == 0 || j.m.fence == j.truth.now.fence) && (j.m.req == 0 || j.m.req == j.truth.now.req)
}

func (j *judged) number(owner string) uint8 {
	for i, name := range j.owners {
		if name == owner {
			return uint8(i)
		}
	}
	panic("explore: nobody is called " + owner)
}

func (j *judged) acquire() string {
	h := &j.truth.now
	switch {
	case !j.held() && j.changed():
		switch {
		case j.after.owner != j.m.owner || j.after.deadline != msAt(j.at)+j.m.ttl || j.r.left != j.m.ttl:
			return "a grant with another owner or TTL than was asked for"
		case j.r.fence <= j.highest:
			return fmt.Sprintf("a new hold has the fence %s, and %s was issued before", j.r.fence, j.highest)
		case j.m.req != 0 && j.granted&j.m.req.bit() != 0:
			return "a request was granted twice"
		case j.m.req != 0 && j.closed&j.m.req.bit() != 0:
			return "a request was granted that had been given up"
		case j.m.req != 0 && msAt(j.at) > j.m.until:
			return "a request was granted after its time"
		}
		*h = hold{fence: j.r.fence, req: j.m.req, how: lives, from: j.at, deadline: j.after.deadline, owner: j.number(j.m.owner)}
		j.highest = j.r.fence
		if j.m.req != 0 {
			j.granted |= j.m.req.bit()
		}
	case j.changed():
		return "an acquire changed a lock that was held"
	case j.r.verdict == yes && j.before.owner != j.m.owner:
		return "an acquire says yes, and the lock is somebody else's"
	case j.r.verdict == yes && j.m.req != h.req && j.m.req != 0:
		return "an acquire says yes to another request than the one that holds the lock"
	case j.r.verdict == yes && msAt(j.at)+j.r.left != j.before.deadline:
		return "an acquire tells another TTL than the lock has"
	case j.r.verdict == yes && h.fence == 0: // a foreign hold of its own name is on record from here on
		if j.r.fence <= j.highest {
			return "a hold that is recorded late has no new fence"
		}
		h.fence, j.highest = j.r.fence, j.r.fence
	case j.r.verdict == yes && j.r.fence != h.fence:
		return fmt.Sprintf("the repeat of a live request has the fence %s, the first had %s", j.r.fence, h.fence)
	case j.r.verdict == no && h.how == lives && h.req == j.m.req && j.owners[h.owner] == j.m.owner:
		return "the repeat of a live request is denied"
	}
	j.tell()
	return ""
}

func (j *judged) extend() string {
	h := &j.truth.now
	switch {
	case !j.held() && j.changed():
		return "an extend created a lock"
	case j.after.owner != j.before.owner:
		return "an extend changed the owner"
	case j.after.deadline < j.before.deadline:
		return "an extend shortened the hold"
	case j.r.verdict == yes && !j.own():
		return "an extend says yes to somebody who does not hold the lock"
	case j.r.verdict == yes && (msAt(j.at)+j.r.left != j.after.deadline || j.r.left < j.m.ttl || j.r.fence != h.fence):
		return "an extend tells another TTL or fence than the hold has"
	case j.r.verdict == no && j.own():
		return "an extend denies its own hold"
	}
	if j.r.verdict == yes {
		h.deadline = j.after.deadline
	}
	j.tell()
	return ""
}

func (j *judged) release() string {
	own := j.own()
	switch {
	case j.after.owner != "" && j.changed():
		return "a release changed the lock and did not end the hold"
	case j.changed() && !own:
		return "a release ended a hold that it does not name"
	case j.r.verdict == yes && !j.changed():
		return "a release says yes and ended nothing"
	case j.r.verdict == no && own:
		return "a release denies its own hold"
	case j.changed():
		j.ends(released, 0)
	}
	if j.r.verdict != failed && j.m.req != 0 {
		j.closed |= j.m.req.bit()
	}
	j.tell()
	return ""
}

// tell notes whether the old owner of a forced hold knows from here on.
func (j *judged) tell() {
	if j.r.how != forced.String() && j.r.how != seized.String() {
		return
	}
	if h := j.byFence(j.r.past); h != nil && j.owners[h.owner] == j.m.owner {
		h.told, h.untold = h.told || j.fault != noHSET, h.untold || j.fault == noHSET
	}
}

func (j *judged) foreignSet() string {
	if j.r.verdict == yes {
		j.truth.now = hold{how: lives, from: j.at, deadline: j.after.deadline, owner: j.number(j.m.owner)}
	}
	return ""
}

func (j *judged) foreignDel() string {
	if j.r.verdict == yes {
		j.ends(deleted, 0)
	}
	return ""
}

// overruns judges what was counted: one at most, once a hold, only of one that expired, and only for a call of its
// owner's that was really sent after the deadline. An overlap needs somebody else who got in.
func (j *judged) overruns() string {
	more := func(field string) int64 { return count(j.after.field(field)) - count(j.before.field(field)) }
	n, overlaps := more("o"), more("l")
	if n == 0 && overlaps == 0 {
		return ""
	}
	h := j.byFence(j.r.past)
	switch {
	case n != 1 || overlaps < 0 || overlaps > 1:
		return fmt.Sprintf("one call counted %d overruns and %d overlaps", n, overlaps)
	case h == nil || j.owners[h.owner] != j.m.owner || h.how != expired && h.how != deleted: // who deletes a key tells nobody
		return "an overrun was counted of a hold that did not expire, or not its owner's"
	case h.counted:
		return "an overrun was counted twice"
	case msAt(j.m.sent) <= h.deadline:
		return "an overrun was counted for a call that was sent in time"
	}
	h.counted = true
	if overlaps == 1 {
		other := func(o *hold) bool {
			return o.owner != h.owner && msAt(o.from) >= h.deadline && (o.fence == 0 || o.from <= j.m.sent)
		}
		if !(j.truth.now.how == lives && other(&j.truth.now)) && j.find(other) == nil {
			return "an overlap was counted, and nobody else had got in"
		}
	}
	return ""
}

func count(text string) int64 {
	if text == "" {
		return 0
	}
	return number(text)
}

// record judges what the ledger says of the newest hold. Where a write was refused, it need not be up to date.
func (j *judged) record() string {
	r := j.after.recorded()
	h := j.byFence(r.fence)
	if r.fence == 0 || h == nil {
		return ""
	}
	switch how := trimmed(r.how); how {
	case released.String(), forced.String(), seized.String():
		if h.how.String() != how {
			return fmt.Sprintf("the ledger says that a hold was %s, and it was %s", how, h.how)
		}
	}
	return ""
}

func trimmed(how string) string {
	for i := range how {
		if how[i] == ':' {
			return how[:i]
		}
	}
	return how
}
