package chaos_test

// What a client called, what it was answered, and whether that was true.

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"locktop/lockcore"
)

// call is one operation as its client saw it.
type call struct {
	op         string // acquire, extend, release, force-release, inspect
	key, owner string
	tag        string         // an argument that no other call has; empty where there is none
	fence      lockcore.Fence // that the call was about, or was given
	from, to   int            // moments of the lock's history, before the call and after it
	begun, end time.Time
	err        error
	saw        string // the owner that the answer named, of inspect and of a denial
}

func (c call) String() string {
	return fmt.Sprintf("%s %s by %s (%s), moments %d to %d: %v, saw %q", c.op, c.key, c.owner, c.tag, c.from, c.to, c.err, c.saw)
}

// verdict is what an answer turns out to be.
type verdict string

const (
	right   verdict = "right"
	unknown verdict = "unknown outcome"
	notSent verdict = "not sent"
	// True when it was said, by a master that failed before its replica had heard of it.
	lost verdict = "lost with its master"
	// A no to what had been done, with more holds since than a ledger keeps: to a release that is repeated late,
	// or to the very call that did it, whose first answer was lost and whose second try came after all those holds.
	forgotten    verdict = "no longer remembered"
	ownForgotten verdict = "no longer remembered by its own second try"
	wrongYes     verdict = "WRONG YES"
	wrongNo      verdict = "WRONG NO"
	wrongView    verdict = "WRONG VIEW"
	unexpected   verdict = "UNEXPECTED ERROR"
)

func (v verdict) wrong() bool {
	return v == wrongYes || v == wrongNo || v == wrongView || v == unexpected
}

// remembered is how many ended holds a ledger keeps.
const remembered = 8

// judge holds an answer against what happened to the lock.
func (p *past) judge(c call) verdict {
	switch {
	case errors.Is(c.err, lockcore.ErrUnknownOutcome):
		return unknown
	case errors.Is(c.err, lockcore.ErrUnreachable):
		// A release is not told from a later one of the same hold, but for its moment.
		until := len(p.entries)
		if c.op == "release" {
			until = c.to
		}
		if c.tag != "" && len(p.ran(stepOf[c.op], c.from, until, c.tag)) > 0 {
			return wrongNo // it was sent
		}
		return notSent
	}
	switch c.op {
	case "acquire":
		return p.judgeAcquire(c)
	case "extend":
		switch {
		case c.err == nil:
			for _, e := range p.ran("extend", c.from, c.to, c.owner, c.tag) {
				// The clock may tick between the step and the note.
				if want, _ := strconv.ParseInt(c.tag, 10, 64); !e.failed && e.before == c.owner && e.ttl > want-1000 {
					return right
				}
			}
			return wrongYes
		case errors.Is(c.err, lockcore.ErrNotHeld):
			return rightIf(p.free(c.owner, c.from, c.to), wrongNo)
		}
	case "release":
		t := p.tenures[c.owner]
		own := t.ended <= c.to && t.by == "release"
		switch {
		case c.err == nil:
			return rightIf(own, wrongYes)
		case errors.Is(c.err, lockcore.ErrNotHeld):
			var not *lockcore.NotHeldError
			if errors.As(c.err, &not) && not.Past == nil && own && t.ended <= c.from && p.later(c.owner, c.to) >= remembered {
				return forgotten
			}
			return rightIf(t.ended <= c.to && !own, wrongNo)
		}
	case "force-release":
		done := false
		for _, e := range p.ran("force_release", 0, c.to, c.tag) {
			done = done || e.before == c.owner && e.after == ""
		}
		switch {
		case c.err == nil:
			return rightIf(done, wrongYes)
		case errors.Is(c.err, lockcore.ErrChanged):
			return rightIf(!done && p.free(c.owner, c.from, c.to), wrongNo)
		}
	case "inspect":
		if c.err == nil {
			for m := c.from; m <= c.to; m++ {
				if p.holder(m) == c.saw {
					return right
				}
			}
			return wrongView
		}
	}
	return unexpected
}

func (p *past) judgeAcquire(c call) verdict {
	t, granted := p.tenures[c.owner]
	granted = granted && t.begun <= c.to
	switch {
	case c.err == nil:
		return rightIf(granted && t.begun > c.from, wrongYes)
	case errors.Is(c.err, lockcore.ErrHeld):
		// It was held by the one who is named, at a moment at which this call had not been granted.
		for m := c.from; m <= c.to; m++ {
			if p.holder(m) == c.saw && c.saw != "" && c.saw != c.owner && (!granted || m < t.begun) {
				return right
			}
		}
		if granted && t.ended <= c.to && p.requests(c.owner, t.begun, c.to) >= remembered {
			return ownForgotten
		}
		return wrongNo
	case errors.Is(c.err, lockcore.ErrNotHeld): // it was granted, and that is over
		return rightIf(granted && t.ended <= c.to, wrongNo)
	case errors.Is(c.err, lockcore.ErrLate): // it came too late to be granted
		return rightIf(p.free(c.owner, c.from, c.to), wrongNo)
	}
	return unexpected
}

func rightIf(so bool, otherwise verdict) verdict {
	if so {
		return right
	}
	return otherwise
}

// stepOf is the script of an operation.
var stepOf = map[string]string{
	"acquire": "acquire", "extend": "extend", "release": "release", "force-release": "force_release",
}
