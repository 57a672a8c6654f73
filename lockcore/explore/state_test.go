package explore

// A state of the whole world, its bounds, and every step that can be taken from it.

import (
	"fmt"
	"slices"
)

// Who takes part. The clients come first.
const (
	actors       = 3      // clients, and the operator
	foreigner    = actors // sends no message: his commands are carried out at once
	operatorName = "operator"
	maxCopies    = 3
)

// bounds are what a world is made of and how much may happen in it.
type bounds struct {
	name     string
	owners   []string     // of the clients; equal names are allowed
	ttl      int8         // ticks
	edge     bool         // a TTL ends on a tick, and not just before it: in that millisecond the key is still there
	longer   int8         // TTL that an extend asks for; ttl if 0
	timeout  int8         // of a client's call, ticks
	until    int8         // the last tick
	wall     [actors]int8 // by how much a client's clock on the wall is ahead of the server's
	sessions uint8        // acquires of each client
	extends  uint8        // of each hold
	tries    uint8        // of each call
	unnamed  bool         // the clients name no requests
	byOwner  bool         // the clients release and extend by owner alone, not by fence

	losses, doubles, copies uint8 // messages or answers lost or late, messages doubled, copies on their way at once
	faults                  uint8 // times that the server refuses one of these commands
	refused                 []fault
	forces, seizures, undos uint8
	blind                   bool   // the operator names the owner only, no fence
	foreign                 uint8  // SETs and DELs of a foreign client's, in the first client's name
	stranger                string // the foreign client's name, where it is not the first client's

	// strict counts it as a breach, too, where a client was denied at its only try, and a copy of that try, made by
	// the network and not by the client, is granted when the lock is free. See TestACopyOfADeniedRequest.
	strict bool

	states int // to stop at

	// Mutations of the client: the TTL is counted from the answer and not from when the request left; after an
	// unknown outcome nothing is given up.
	lateStart, keepsDoubt bool
}

// state is all that decides what can happen next, and nothing else.
type state struct {
	world                            int32            // both keys, and what is true
	copies                           [maxCopies]int32 // messages that are on their way and that nobody waits for, the highest first
	over                             uint32           // requests whose callers were told that they hold nothing, as bits
	now                              int8
	foreignUntil                     int8  // till when the foreign client believes to hold the lock
	losses, doubles, faults, foreign uint8 // left
	orders, undos                    uint8 // given
	actor                            [actors]actor
}

// actor is a client, or the operator.
type actor struct {
	fence                 fence   // of the hold that it believes in; 0: none
	until                 int8    // it believes until then
	known, earliest, last int8    // its serverClock, less a millisecond each
	req                   request // of that hold
	sessions, extends     uint8   // used
	forced                request // the operator's last forced release
	call, cleaning        call    // what it waits for, and what it gives up in the background
}

// call is one call of lockcore's Client that has not returned.
type call struct {
	message int32 // as it was sent, at each try
	reply   int32 // on its way back; 0: none
	flags   flags
	kind    kind
	req     request
	tries   uint8
	first   int8 // when the call began
	begun   int8 // when its run began; see Client.run
	sent    int8 // when the present try left
}

type kind uint8

const (
	idle kind = iota
	acquiring
	extending
	releasing
	givingUp
	forcing
	seizing
	undoing
)

type flags uint16

const (
	travels   flags = 1 << iota // the present try has not reached the server
	doubt                       // an earlier try got no answer
	corrected                   // it was told that it was late, and named another time
	doubled                     // the network made a copy of a try that was answered with a no
	proving                     // the second run of a late call, for the record
)

// next emits every state that can follow.
func (x *explorer) next(s *state, emit func(*state, step, string)) {
	for i := range s.actor {
		x.acts(s, uint8(i), emit)
	}
	for i, m := range s.copies {
		if m == 0 || i > 0 && s.copies[i-1] == m {
			continue
		}
		to := *s
		to.copies[i] = 0
		to.sortCopies()
		reply, complaint := x.runs(&to, m, noFault)
		emit(&to, step{what: copyArrives, message: m, reply: reply}, complaint)
	}
	if s.foreign > 0 {
		for _, m := range x.foreignMessages {
			to := *s
			to.foreign--
			reply, complaint := x.runs(&to, m, noFault)
			if x.server.replies[reply].verdict != yes {
				continue // nothing happened
			}
			to.foreignUntil = 0
			if x.messages[m].script == foreignSet {
				to.foreignUntil = s.now + x.ttl
			}
			emit(&to, step{what: foreignActs, message: m, reply: reply}, complaint)
		}
	}
	if s.now < x.until {
		to := *s
		to.now++
		to.world = x.passes(s.world, to.now)
		emit(&to, step{what: tick}, "")
	}
}

// acts emits what one actor does, and what becomes of its messages.
func (x *explorer) acts(s *state, i uint8, emit func(*state, step, string)) {
	a := &s.actor[i]
	for _, c := range [...]*call{&a.call, &a.cleaning} {
		if c.kind == idle {
			continue
		}
		background := c == &a.cleaning
		at := func(to *state) *call {
			if background {
				return &to.actor[i].cleaning
			}
			return &to.actor[i].call
		}
		if c.reply != 0 {
			to := *s
			if x.reads(&to, i, at(&to)) {
				emit(&to, step{what: reads, actor: i, reply: c.reply}, "")
			}
		}
		if c.flags&travels != 0 {
			x.arrives(s, i, at, emit)
		}
		if s.losses > 0 {
			x.loses(s, i, at, emit)
		}
	}
	if a.call.kind != idle {
		return
	}
	if int(i) < len(x.owners) {
		x.clientBegins(s, i, emit)
	} else if int(i) == actors-1 {
		x.operatorBegins(s, i, emit)
	}
}

// arrives has the server carry out what is under way.
func (x *explorer) arrives(s *state, i uint8, at func(*state) *call, emit func(*state, step, string)) {
	m := at(s).message
	for f := range faults {
		if f != noFault && (s.faults == 0 || !slices.Contains(x.refused, f)) {
			continue
		}
		to := *s
		if f != noFault {
			to.faults--
		}
		reply, complaint := x.runs(&to, m, f)
		c := at(&to)
		c.reply, c.flags = reply, c.flags&^travels
		emit(&to, step{what: arrives, actor: i, message: m, reply: reply, fault: f}, complaint)
		if f == noFault && s.doubles > 0 && x.room(&to) {
			to.doubles--
			to.add(m)
			if x.server.replies[reply].verdict != yes {
				at(&to).flags |= doubled
			}
			emit(&to, step{what: arrivesAndStays, actor: i, message: m, reply: reply}, complaint)
		}
	}
}

// loses has the present try of a call fail for want of an answer: its message is lost, or still on its way, or was
// carried out and the answer is lost. The call tries again where Client.again and Client.pause let it; what has a
// caller may also stop, since the caller's context may end.
func (x *explorer) loses(s *state, i uint8, at func(*state) *call, emit func(*state, step, string)) {
	c := at(s)
	for _, stays := range [...]bool{false, true} {
		if stays && (c.flags&travels == 0 || !x.room(s)) {
			continue
		}
		lost := *s
		lost.losses--
		if stays {
			lost.add(c.message)
		}
		again := x.repeatable(c) && c.tries < x.tries && c.begun >= 0 && s.now-c.begun < x.timeout
		if c.kind == givingUp {
			again = again && s.now-c.first < x.timeout
		}
		if again {
			to := lost
			n := at(&to)
			n.reply, n.sent, n.flags = 0, s.now, n.flags|travels|doubt
			n.tries++
			emit(&to, step{what: pick(stays, losesAndStays, loses), actor: i, message: c.message}, "")
		}
		if !again || c.kind != givingUp {
			to := lost
			n := at(&to)
			n.flags |= doubt
			if x.stops(&to, i, n) {
				emit(&to, step{what: pick(stays, losesAndStaysAndStops, losesAndStops), actor: i, message: c.message}, "")
			}
		}
	}
}

func pick(yes bool, a, b what) what {
	if yes {
		return a
	}
	return b
}

// ttlMs is a TTL of so many ticks.
func (x *explorer) ttlMs(ticks int8) int64 {
	if x.edge {
		return ms(ticks)
	}
	return ms(ticks) - 1
}

// tidy forgets what makes no difference any more, so that states which differ in nothing else are one.
func (x *explorer) tidy(s *state) {
	for i := range s.actor {
		a := &s.actor[i]
		if a.fence != 0 && a.until <= s.now {
			a.until = 0
		}
		if a.call.kind == idle && a.cleaning.kind == idle && a.fence == 0 && a.sessions == x.sessions && i < len(x.owners) {
			a.known, a.earliest, a.last = 0, 0, 0
		}
		for _, c := range [...]*call{&a.call, &a.cleaning} {
			if c.kind == idle {
				continue
			}
			if c.tries == x.tries || s.losses == 0 || s.now-c.begun >= x.timeout || !x.repeatable(c) {
				c.begun = -1 // it does not try again
			}
		}
	}
	if s.foreignUntil <= s.now {
		s.foreignUntil = 0
	}
}

func (x *explorer) room(s *state) bool { return s.copies[x.copies-1] == 0 }

func (s *state) add(m int32) {
	s.copies[maxCopies-1] = m
	s.sortCopies()
}

func (s *state) sortCopies() {
	slices.SortFunc(s.copies[:], func(a, b int32) int { return int(b - a) })
}

// check gives the rule that a state breaks, or "".
func (x *explorer) check(s *state) string {
	w := &x.worlds[s.world].truth
	for i := range s.actor {
		a := &s.actor[i]
		if a.fence == 0 || s.now >= a.until {
			continue
		}
		if w.now.how == lives && w.now.fence == a.fence {
			for j := range i {
				if other := &s.actor[j]; other.fence == a.fence && s.now < other.until {
					return "two believe in the same hold"
				}
			}
			continue
		}
		old := w.byFence(a.fence)
		switch {
		case old == nil:
			return "somebody believes in a hold that there never was"
		case old.how != forced && old.how != seized && old.how != deleted:
			return fmt.Sprintf("actor %d believes to hold the lock until %d with the fence %s, and that hold was %s", i, a.until, a.fence, old.how)
		case w.now.how == lives && w.now.fence != 0 && w.now.fence <= a.fence:
			return "who was put out by force has no lower fence than the present hold"
		}
	}
	if s.now < s.foreignUntil && !(w.now.how == lives && w.now.fence == 0) && w.find(func(h *hold) bool {
		return h.fence == 0 && (h.how == forced || h.how == seized || h.how == deleted)
	}) == nil {
		return "the foreign client believes to hold the lock, and lost it unnoticed"
	}
	if w.now.how == lives && !w.now.untold && s.over&w.now.req.bit()&^1 != 0 {
		return "the lock is held for a request whose caller was told that it holds nothing"
	}
	return ""
}
