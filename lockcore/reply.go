package lockcore

// Reading a step's reply: a list whose first item is 1 for done, 0 for not.

import "time"

type reply []any

func (r reply) ok() bool { return r.number(0) == 1 }

func (r reply) text(i int) string {
	if i >= len(r) {
		return ""
	}
	s, _ := r[i].(string)
	return s
}

func (r reply) number(i int) int64 {
	if i >= len(r) {
		return 0
	}
	if n, ok := r[i].(int64); ok {
		return n
	}
	return number(r.text(i))
}

func (r reply) fence(i int) Fence { return Fence(r.number(i)) }

// ttl reads milliseconds; anything that is no number counts as NoTTL, as -1 does.
func (r reply) ttl(i int) time.Duration {
	if t := r.text(i); t == "" || t[0] == '-' {
		return NoTTL
	}
	return time.Duration(r.number(i)) * time.Millisecond
}

// holder reads items 1 to 3 of a "not done".
func (r reply) holder() Holder {
	return Holder{Owner: r.text(1), TTL: r.ttl(2), Fence: r.fence(3)}
}

// past reads items 4 to 9 of a "not done".
func (r reply) past(owner string) *Past {
	if len(r) < 10 {
		return nil
	}
	return &Past{
		Owner: owner, Fence: r.fence(9), How: How(r.text(4)), Ended: millis(r.text(5)),
		Operation: fromItem(r.text(6)), By: fromItem(r.text(7)), Reason: fromItem(r.text(8)),
	}
}

func (r reply) notHeld(op, key, owner string) *NotHeldError {
	return &NotHeldError{Op: op, Key: key, Owner: owner, Holder: r.holder(), Past: r.past(owner)}
}
