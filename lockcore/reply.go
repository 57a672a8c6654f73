package lockcore

// Reading a step's reply: one string of items for yes, the first being the server's time; a list
// whose first item says why for no.

import (
	"strings"
	"time"
)

type reply struct {
	done  string // of a yes: items parted by spaces
	items []any  // of a no
}

func readReply(got any) (reply, bool) {
	switch got := got.(type) {
	case string:
		return reply{done: got}, got != ""
	case []any:
		return reply{items: got}, len(got) >= 5
	}
	return reply{}, false
}

func (r reply) yes() bool { return r.items == nil }

// why is the first item of a no.
func (r reply) why() string { return r.text(0) }

// text is item i.
func (r reply) text(i int) string {
	if r.yes() {
		rest := r.done
		for ; i > 0; i-- {
			_, rest, _ = strings.Cut(rest, " ")
		}
		first, _, _ := strings.Cut(rest, " ")
		return first
	}
	if i >= len(r.items) {
		return ""
	}
	s, _ := r.items[i].(string)
	return s
}

// from is item i of a yes with all that follows.
func (r reply) from(i int) string {
	rest := r.done
	for ; i > 0; i-- {
		_, rest, _ = strings.Cut(rest, " ")
	}
	return rest
}

func (r reply) number(i int) int64 { return number(r.text(i)) }

func (r reply) fence(i int) Fence { return Fence(r.number(i)) }

// ttl reads milliseconds; anything that is no number counts as NoTTL, as -1 does.
func (r reply) ttl(i int) time.Duration {
	if t := r.text(i); t == "" || t[0] == '-' {
		return NoTTL
	}
	return time.Duration(r.number(i)) * time.Millisecond
}

// since reads a time of the server's clock and gives how long ago that was; -1 where it is unknown.
func (r reply) since(i int) time.Duration {
	t := r.number(i)
	if t == 0 {
		return -1
	}
	return time.Duration(max(r.now()-t, 0)) * time.Millisecond
}

// holder reads items 1 to 3 of a no.
func (r reply) holder() Holder {
	return Holder{Owner: r.text(1), TTL: r.ttl(2), Fence: r.fence(3)}
}

// past reads items 5 to 11 of a no; it is nil if nothing is remembered.
func (r reply) past(owner string) *Past {
	if len(r.items) < 12 {
		return nil
	}
	p := &Past{Owner: owner, Fence: r.fence(10), Deadline: millis(r.text(11))}
	p.end(r.text(5), r.text(6), r.text(7), r.text(8), r.text(9))
	return p
}

func (r reply) notHeld(op, key, owner string) *NotHeldError {
	return &NotHeldError{Op: op, Key: key, Owner: owner, Holder: r.holder(), Past: r.past(owner)}
}

// now is the server's time at which the step ran, in ms.
func (r reply) now() int64 {
	if r.yes() {
		return r.number(0)
	}
	return r.number(4)
}
