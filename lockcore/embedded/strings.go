package embedded

// String values, SET above all.

import (
	"math"
	"strconv"
	"strings"
)

var stringCommands = []command{
	{name: "get", arity: 2, do: get},
	{name: "set", arity: -3, flags: writes, do: set},
	{name: "setnx", arity: 3, flags: writes, do: setnx},
	{name: "setex", arity: 4, flags: writes, do: func(c *call) any { return setex(c, 1000) }},
	{name: "psetex", arity: 4, flags: writes, do: func(c *call) any { return setex(c, 1) }},
	{name: "getset", arity: 3, flags: writes, do: getset},
	{name: "getdel", arity: 2, flags: writes, do: getdel},
	{name: "getex", arity: -2, flags: writes, do: getex},
	{name: "mget", arity: -2, do: mget},
	{name: "mset", arity: -3, flags: writes, do: mset},
	{name: "strlen", arity: 2, do: strlen},
	{name: "append", arity: 3, flags: writes, do: appendTo},
	{name: "incr", arity: 2, flags: writes, do: func(c *call) any { return c.increase(1) }},
	{name: "decr", arity: 2, flags: writes, do: func(c *call) any { return c.increase(-1) }},
	{name: "incrby", arity: 3, flags: writes, do: incrby},
	{name: "decrby", arity: 3, flags: writes, do: decrby},
}

// stringOf gives a key's string; a key that is not there is null.
func stringOf(e *entry) any {
	if e == nil {
		return null{}
	}
	if s, isString := e.value.(string); isString {
		return s
	}
	return errWrongType
}

func get(c *call) any { return stringOf(c.read(c.args[1])) }

// setOptions are those of SET and GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expiry                        string // the number; empty: none was given
	unit                          int64  // of expiry, in ms
	absolute                      bool
}

// options reads the options of SET or GETEX, each of which has some of its own.
func (c *call) options(args []string, isSet bool) (o setOptions, valid bool) {
	hasExpiry := false
	for i := 0; i < len(args); i++ {
		name := strings.ToLower(args[i])
		free := !hasExpiry && !o.keepTTL && !o.persist
		switch {
		case isSet && name == "nx" && !o.xx:
			o.nx = true
		case isSet && name == "xx" && !o.nx:
			o.xx = true
		case isSet && name == "get":
			o.get = true
		case isSet && name == "keepttl" && !hasExpiry:
			o.keepTTL = true
		case !isSet && name == "persist" && !hasExpiry:
			o.persist = true
		case (name == "ex" || name == "px" || name == "exat" || name == "pxat") && free && i+1 < len(args):
			hasExpiry = true
			o.unit, o.absolute = 1000, strings.HasSuffix(name, "at")
			if name[0] == 'p' {
				o.unit = 1
			}
			i++
			o.expiry = args[i]
		default:
			return o, false
		}
	}
	if hasExpiry && o.expiry == "" {
		o.expiry = "-" // given, and not a number
	}
	return o, true
}

// expiryOf gives the deadline that the options ask for, 0 if none.
func (c *call) expiryOf(o setOptions) (int64, failure) {
	if o.expiry == "" {
		return 0, ""
	}
	base := c.now
	if o.absolute {
		base = 0
	}
	return c.deadline(o.expiry, o.unit, base)
}

func set(c *call) any {
	o, valid := c.options(c.args[3:], true)
	if !valid {
		return errSyntax
	}
	at, wrong := c.expiryOf(o)
	if wrong != "" {
		return wrong
	}
	key, reply := c.args[1], any(ok)
	if o.get {
		reply = stringOf(c.read(key))
		if _, failed := reply.(failure); failed {
			return reply
		}
	}
	if exists := c.find(key) != nil; o.nx && exists || o.xx && !exists {
		if o.get {
			return reply
		}
		return null{}
	}
	c.store(key, c.args[2], o.keepTTL)
	if at != 0 {
		c.setDeadline(c.db(), c.db().keys[key], at)
		c.notify(eventGeneric, "expire", c.db(), key)
	}
	return reply
}

// store sets a string and says so. The deadline goes, unless it is to be kept.
func (c *call) store(key, value string, keepTTL bool) {
	e := c.put(key, value)
	if !keepTTL {
		c.setDeadline(c.db(), e, 0)
	}
	c.notify(eventString, "set", c.db(), key)
}

func setnx(c *call) any {
	if c.find(c.args[1]) != nil {
		return int64(0)
	}
	c.store(c.args[1], c.args[2], false)
	return int64(1)
}

func setex(c *call, unit int64) any {
	at, wrong := c.deadline(c.args[2], unit, c.now)
	if wrong != "" {
		return wrong
	}
	key := c.args[1]
	c.store(key, c.args[3], false)
	c.setDeadline(c.db(), c.db().keys[key], at)
	c.notify(eventGeneric, "expire", c.db(), key)
	return ok
}

func getset(c *call) any {
	reply := stringOf(c.read(c.args[1]))
	if _, failed := reply.(failure); !failed {
		c.store(c.args[1], c.args[2], false)
	}
	return reply
}

func getdel(c *call) any {
	e := c.read(c.args[1])
	reply := stringOf(e)
	if _, isString := reply.(string); isString {
		c.remove(c.db(), e)
		c.notify(eventGeneric, "del", c.db(), e.key)
	}
	return reply
}

func getex(c *call) any {
	o, valid := c.options(c.args[2:], false)
	if !valid {
		return errSyntax
	}
	e := c.read(c.args[1])
	reply := stringOf(e)
	if _, isString := reply.(string); !isString {
		return reply
	}
	at, wrong := c.expiryOf(o)
	switch {
	case wrong != "":
		return wrong
	case at != 0 && at <= c.now:
		c.remove(c.db(), e)
		c.notify(eventGeneric, "del", c.db(), e.key)
	case at != 0:
		c.setDeadline(c.db(), e, at)
		c.notify(eventGeneric, "expire", c.db(), e.key)
	case o.persist && e.deadline != 0:
		c.setDeadline(c.db(), e, 0)
		c.notify(eventGeneric, "persist", c.db(), e.key)
	}
	return reply
}

func mget(c *call) any {
	values := make([]any, 0, len(c.args)-1)
	for _, key := range c.args[1:] {
		value := stringOf(c.read(key))
		if _, failed := value.(failure); failed {
			value = null{}
		}
		values = append(values, value)
	}
	return values
}

func mset(c *call) any {
	if len(c.args)%2 == 0 {
		return wrongNumber("mset")
	}
	for i := 1; i < len(c.args); i += 2 {
		c.store(c.args[i], c.args[i+1], false)
	}
	return ok
}

func strlen(c *call) any {
	switch s := stringOf(c.read(c.args[1])).(type) {
	case string:
		return int64(len(s))
	case failure:
		return s
	}
	return int64(0)
}

func appendTo(c *call) any {
	e := c.find(c.args[1])
	value := c.args[2]
	switch old := stringOf(e).(type) {
	case failure:
		return old
	case string:
		if len(old)+len(value) > maxArgument {
			return errTooLong
		}
		value = old + value
	}
	c.put(c.args[1], value)
	c.notify(eventString, "append", c.db(), c.args[1])
	return int64(len(value))
}

func incrby(c *call) any {
	n, isInt := integer(c.args[2])
	if !isInt {
		return errInteger
	}
	return c.increase(n)
}

func decrby(c *call) any {
	n, isInt := integer(c.args[2])
	if !isInt {
		return errInteger
	}
	if n == math.MinInt64 {
		return failure("ERR decrement would overflow")
	}
	return c.increase(-n)
}

func (c *call) increase(by int64) any {
	key, n := c.args[1], int64(0)
	switch old := stringOf(c.find(key)).(type) {
	case failure:
		return old
	case string:
		var isInt bool
		if n, isInt = integer(old); !isInt {
			return errInteger
		}
	}
	if overflows(n, by) {
		return errOverflow
	}
	c.put(key, strconv.FormatInt(n+by, 10))
	c.notify(eventString, "incrby", c.db(), key)
	return n + by
}

func overflows(n, by int64) bool {
	return by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by
}
