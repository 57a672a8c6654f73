package embedded

// Deadlines: how keys reach them, and the commands that set and tell them.

import (
	"strings"
	"time"
)

var expireCommands = []command{
	{name: "expire", arity: -3, flags: writes, do: func(c *call) any { return c.setExpiry(1000, c.now) }},
	{name: "pexpire", arity: -3, flags: writes, do: func(c *call) any { return c.setExpiry(1, c.now) }},
	{name: "expireat", arity: -3, flags: writes, do: func(c *call) any { return c.setExpiry(1000, 0) }},
	{name: "pexpireat", arity: -3, flags: writes, do: func(c *call) any { return c.setExpiry(1, 0) }},
	{name: "ttl", arity: 2, do: func(c *call) any { return c.tellExpiry(1000, c.now) }},
	{name: "pttl", arity: 2, do: func(c *call) any { return c.tellExpiry(1, c.now) }},
	{name: "expiretime", arity: 2, do: func(c *call) any { return c.tellExpiry(1000, 0) }},
	{name: "pexpiretime", arity: 2, do: func(c *call) any { return c.tellExpiry(1, 0) }},
	{name: "persist", arity: 2, flags: writes, do: persist},
}

func (s *Server) isDue(e *entry) bool { return e.deadline != 0 && s.now > e.deadline }

// expire removes a key whose deadline has passed.
func (s *Server) expire(db *database, e *entry) {
	s.remove(db, e)
	s.counters.expired++
	s.notify(eventExpired, "expired", db, e.key)
}

const (
	// expireBatch is how many keys expire before others get the lock again.
	expireBatch = 200
	// jumpCheck is how often a clock that may jump is looked at.
	jumpCheck = 10 * time.Millisecond
	longest   = time.Hour
)

// expireInTime removes keys when they are due, whether or not anybody asks for them.
func (s *Server) expireInTime() {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.expireDue())
	}
}

// expireDue removes a batch of due keys and gives the time until the next look.
func (s *Server) expireDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setNow()
	s.nextWake = never
	left := expireBatch
	for _, db := range s.dbs {
		for ; left > 0 && len(db.deadlines) > 0 && s.isDue(db.deadlines[0]); left-- {
			s.expire(db, db.deadlines[0])
		}
		if len(db.deadlines) > 0 {
			s.nextWake = min(s.nextWake, db.deadlines[0].deadline)
		}
	}
	if s.nextWake == never {
		return longest
	}
	// Due is past the deadline's millisecond, not in it.
	wait := longest
	if s.nextWake-s.now < longest.Milliseconds() {
		wait = max(0, time.UnixMilli(s.nextWake+1).Sub(s.time))
	}
	if s.ownClock {
		wait = min(wait, jumpCheck)
	}
	return wait
}

// setExpiry is EXPIRE and its kin: a number of units after base.
func (c *call) setExpiry(unit, base int64) any {
	key := c.args[1]
	var nx, xx, gt, lt bool
	for _, option := range c.args[3:] {
		switch strings.ToLower(option) {
		case "nx":
			nx = true
		case "xx":
			xx = true
		case "gt":
			gt = true
		case "lt":
			lt = true
		default:
			return failure("ERR Unsupported option " + option)
		}
	}
	if nx && (xx || gt || lt) {
		return failure("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if gt && lt {
		return failure("ERR GT and LT options at the same time are not compatible")
	}
	n, isInt := integer(c.args[2])
	if !isInt {
		return errInteger
	}
	if n > never/unit || n < -never/unit || base > 0 && n*unit > never-base {
		return invalidExpire(c.cmd.name)
	}
	at := n*unit + base
	e := c.find(key)
	if e == nil {
		return int64(0)
	}
	// No deadline counts as one that never comes.
	had := e.deadline != 0
	if nx && had || xx && !had || gt && (!had || at <= e.deadline) || lt && had && at >= e.deadline {
		return int64(0)
	}
	if at <= c.now {
		c.remove(c.db(), e)
		c.notify(eventGeneric, "del", c.db(), key)
		return int64(1)
	}
	c.setDeadline(c.db(), e, at)
	c.notify(eventGeneric, "expire", c.db(), key)
	return int64(1)
}

func invalidExpire(command string) failure {
	return failure("ERR invalid expire time in '" + command + "' command")
}

// deadline reads the time option of SET and its kin: n units after base, and after now.
func (c *call) deadline(n string, unit, base int64) (int64, failure) {
	v, isInt := integer(n)
	if !isInt {
		return 0, errInteger
	}
	if v <= 0 || v > never/unit || v*unit > never-base {
		return 0, invalidExpire(c.cmd.name)
	}
	return v*unit + base, ""
}

func (c *call) tellExpiry(unit, base int64) any {
	e := c.read(c.args[1])
	if e == nil {
		return int64(-2)
	}
	if e.deadline == 0 {
		return int64(-1)
	}
	left := max(0, e.deadline-base)
	return (left + unit/2) / unit
}

func persist(c *call) any {
	e := c.find(c.args[1])
	if e == nil || e.deadline == 0 {
		return int64(0)
	}
	c.setDeadline(c.db(), e, 0)
	c.notify(eventGeneric, "persist", c.db(), e.key)
	return int64(1)
}
