package embedded

// Commands on keys of any type, and on whole databases.

import "strings"

var keyCommands = []command{
	{name: "del", arity: -2, flags: writes, do: del},
	{name: "unlink", arity: -2, flags: writes, do: del},
	{name: "exists", arity: -2, do: exists},
	{name: "touch", arity: -2, do: exists},
	{name: "type", arity: 2, do: typeOf},
	{name: "rename", arity: 3, flags: writes, do: func(c *call) any { return c.rename(false) }},
	{name: "renamenx", arity: 3, flags: writes, do: func(c *call) any { return c.rename(true) }},
	{name: "copy", arity: -3, flags: writes, do: copyKey},
	{name: "move", arity: 3, flags: writes, do: move},
	{name: "flushdb", arity: -1, flags: writes, do: func(c *call) any { return c.flushSome(c.dbs[c.client.db : c.client.db+1]) }},
	{name: "flushall", arity: -1, flags: writes, do: func(c *call) any { return c.flushSome(c.dbs[:]) }},
	{name: "swapdb", arity: 3, flags: writes, do: swapDB},
}

func del(c *call) any {
	var removed int64
	for _, key := range c.args[1:] {
		if e := c.find(key); e != nil {
			c.remove(c.db(), e)
			c.notify(eventGeneric, "del", c.db(), key)
			removed++
		}
	}
	return removed
}

func exists(c *call) any {
	var found int64
	for _, key := range c.args[1:] {
		found += boolean(c.read(key) != nil)
	}
	return found
}

func typeName(e *entry) string {
	switch e.value.(type) {
	case string:
		return "string"
	case *hash:
		return "hash"
	}
	return "stream"
}

func typeOf(c *call) any {
	if e := c.read(c.args[1]); e != nil {
		return status(typeName(e))
	}
	return status("none")
}

func (c *call) rename(onlyNew bool) any {
	from, to, db := c.args[1], c.args[2], c.db()
	e := c.find(from)
	if e == nil {
		return errNoKey
	}
	if from == to {
		if onlyNew {
			return int64(0)
		}
		return ok
	}
	if old := c.find(to); old != nil {
		if onlyNew {
			return int64(0)
		}
		c.remove(db, old)
	}
	deadline := e.deadline
	moved := c.add(db, to, e.value)
	if deadline != 0 {
		c.setDeadline(db, moved, deadline)
	}
	c.remove(db, e)
	c.notify(eventGeneric, "rename_from", db, from)
	c.notify(eventGeneric, "rename_to", db, to)
	if onlyNew {
		return int64(1)
	}
	return ok
}

func copyKey(c *call) any {
	from, to, target, replace := c.args[1], c.args[2], c.db(), false
	for i := 3; i < len(c.args); i++ {
		switch option := strings.ToLower(c.args[i]); {
		case option == "replace":
			replace = true
		case option == "db" && i+1 < len(c.args):
			i++
			id, wrong := dbIndex(c.args[i])
			if wrong != "" {
				return wrong
			}
			target = c.dbs[id]
		default:
			return errSyntax
		}
	}
	if from == to && target == c.db() {
		return errSameKey
	}
	e := c.read(from)
	if e == nil {
		return int64(0)
	}
	if old := c.live(target, to); old != nil {
		if !replace {
			return int64(0)
		}
		c.remove(target, old)
	}
	value := e.value
	switch v := value.(type) {
	case *hash:
		value = v.clone()
	case *stream:
		value = v.clone()
	}
	twin := c.add(target, to, value)
	if e.deadline != 0 {
		c.setDeadline(target, twin, e.deadline)
	}
	c.notify(eventGeneric, "copy_to", target, to)
	return int64(1)
}

func move(c *call) any {
	id, wrong := dbIndex(c.args[2])
	if wrong != "" {
		return wrong
	}
	source, target := c.db(), c.dbs[id]
	if source == target {
		return errSameKey
	}
	e := c.find(c.args[1])
	if e == nil || c.live(target, e.key) != nil {
		return int64(0)
	}
	deadline := e.deadline
	moved := c.add(target, e.key, e.value)
	if deadline != 0 {
		c.setDeadline(target, moved, deadline)
	}
	c.remove(source, e)
	c.notify(eventGeneric, "move_from", source, e.key)
	c.notify(eventGeneric, "move_to", target, e.key)
	return int64(1)
}

// dbIndex reads a database's number.
func dbIndex(arg string) (int, failure) {
	n, isInt := integer(arg)
	if !isInt {
		return 0, errInteger
	}
	if n < 0 || n >= databases {
		return 0, errDBIndex
	}
	return int(n), ""
}

func (c *call) flushSome(dbs []*database) any {
	if len(c.args) > 2 {
		return errSyntax
	}
	if len(c.args) == 2 {
		if how := strings.ToLower(c.args[1]); how != "async" && how != "sync" {
			return errSyntax
		}
	}
	for _, db := range dbs {
		c.flush(db)
	}
	return ok
}

// swapDB swaps the contents, not the databases: watchers stay with their number.
func swapDB(c *call) any {
	var ids [2]int
	for i, which := range []string{"first", "second"} {
		n, isInt := integer(c.args[1+i])
		if !isInt {
			return failure("ERR invalid " + which + " DB index")
		}
		if n < 0 || n >= databases {
			return errDBIndex
		}
		ids[i] = int(n)
	}
	a, b := c.dbs[ids[0]], c.dbs[ids[1]]
	if a == b {
		return ok
	}
	for _, db := range []*database{a, b} {
		for key := range db.watchers {
			if a.keys[key] != nil || b.keys[key] != nil {
				c.touch(db, key)
			}
		}
	}
	a.keys, b.keys = b.keys, a.keys
	a.order, b.order = b.order, a.order
	a.deadlines, b.deadlines = b.deadlines, a.deadlines
	return ok
}
