package explore

// Steps from one state to the next, and how a way to a violation is told.

import "fmt"

// step is a way from one state to the next.
type step struct {
	what  what
	actor uint8
	// message that was carried out, and the answer to it, where that is part of the step.
	message, reply int32
	fault          fault
}

type what uint8

const (
	start what = iota
	tick
	reads
	sends
	arrives
	arrivesAndStays
	copyArrives
	loses
	losesAndStays
	losesAndStops
	losesAndStaysAndStops
	foreignActs
)

func (x *explorer) text(s *state, st step) string {
	name := "the operator"
	if int(st.actor) < len(x.owners) {
		name = fmt.Sprintf("client %d (%q)", st.actor, x.owners[st.actor])
	}
	at := fmt.Sprintf("t=%d: ", s.now)
	message := x.messages[st.message].String()
	answer := x.server.replies[st.reply].String()
	if st.fault != noFault {
		answer += fmt.Sprintf(" (the server refuses %s)", st.fault)
	}
	switch st.what {
	case start:
		return "nothing has happened"
	case tick:
		return fmt.Sprintf("t=%d", s.now)
	case reads:
		return at + name + " reads: " + answer
	case sends:
		return at + name + " sends " + message
	case arrives:
		return at + "the server runs " + message + ": " + answer
	case arrivesAndStays:
		return at + "the server runs " + message + ": " + answer + "; a copy of it stays on its way"
	case copyArrives:
		return at + "the server runs a copy of " + message + ": " + answer
	case loses, losesAndStays, losesAndStops, losesAndStaysAndStops:
		text := at + name + " gets no answer to " + message
		if st.what == losesAndStays || st.what == losesAndStaysAndStops {
			text += ", which is still on its way"
		}
		if st.what == loses || st.what == losesAndStays {
			return text + ", and tries again"
		}
		if x.messages[st.message].script == acquire {
			return text + ", and gives it up"
		}
		return text + ", and stops trying"
	case foreignActs:
		return at + "a foreign client runs " + message + ": " + answer
	}
	return "?"
}
