package embedded

// Hash values. Fields keep the order in which they came, as in Redis's compact form.

import (
	"strconv"

	"locktop/lockcore/glob"
)

var hashCommands = []command{
	{name: "hset", arity: -4, flags: writes, do: hset},
	{name: "hmset", arity: -4, flags: writes, do: hset},
	{name: "hsetnx", arity: 4, flags: writes, do: hsetnx},
	{name: "hget", arity: 3, do: hget},
	{name: "hmget", arity: -3, do: hmget},
	{name: "hgetall", arity: 2, do: hgetall},
	{name: "hkeys", arity: 2, do: func(c *call) any { return c.listFields(true, false) }},
	{name: "hvals", arity: 2, do: func(c *call) any { return c.listFields(false, true) }},
	{name: "hdel", arity: -3, flags: writes, do: hdel},
	{name: "hlen", arity: 2, do: hlen},
	{name: "hexists", arity: 3, do: hexists},
	{name: "hstrlen", arity: 3, do: hstrlen},
	{name: "hincrby", arity: 4, flags: writes, do: hincrby},
	{name: "hscan", arity: -3, do: hscan},
}

type hash struct {
	place  map[string]int // of a field in fields
	fields []field
}

type field struct{ name, value string }

func newHash() *hash { return &hash{place: map[string]int{}} }

func (h *hash) get(name string) (string, bool) {
	if h == nil {
		return "", false
	}
	at, found := h.place[name]
	if !found {
		return "", false
	}
	return h.fields[at].value, true
}

// set tells whether the field is new.
func (h *hash) set(name, value string) bool {
	if at, found := h.place[name]; found {
		h.fields[at].value = value
		return false
	}
	h.place[name] = len(h.fields)
	h.fields = append(h.fields, field{name, value})
	return true
}

// removeAll removes fields in one pass, since each removal moves those after it.
func (h *hash) removeAll(names []string) (removed int64) {
	for _, name := range names {
		if _, found := h.place[name]; found {
			delete(h.place, name)
			removed++
		}
	}
	if removed == 0 {
		return 0
	}
	kept := h.fields[:0]
	for _, f := range h.fields {
		if _, found := h.place[f.name]; found {
			h.place[f.name] = len(kept)
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
	return removed
}

func (h *hash) clone() *hash {
	twin := newHash()
	for _, f := range h.fields {
		twin.set(f.name, f.value)
	}
	return twin
}

// hashOf gives an entry's hash, nil if there is no entry.
func hashOf(e *entry) (*hash, failure) {
	if e == nil {
		return nil, ""
	}
	h, isHash := e.value.(*hash)
	if !isHash {
		return nil, errWrongType
	}
	return h, ""
}

// hashToWrite gives the hash at args[1], a new one if there is none.
func (c *call) hashToWrite() (*hash, failure) {
	h, wrong := hashOf(c.find(c.args[1]))
	if wrong == "" && h == nil {
		h = newHash()
		c.add(c.db(), c.args[1], h)
	}
	return h, wrong
}

func hset(c *call) any {
	if len(c.args)%2 == 1 {
		return wrongNumber(c.cmd.name)
	}
	h, wrong := c.hashToWrite()
	if wrong != "" {
		return wrong
	}
	var created int64
	for i := 2; i < len(c.args); i += 2 {
		created += boolean(h.set(c.args[i], c.args[i+1]))
	}
	c.touch(c.db(), c.args[1])
	c.notify(eventHash, "hset", c.db(), c.args[1])
	if c.cmd.name == "hmset" {
		return ok
	}
	return created
}

func hsetnx(c *call) any {
	h, wrong := hashOf(c.find(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if _, found := h.get(c.args[2]); found {
		return int64(0)
	}
	h, _ = c.hashToWrite()
	h.set(c.args[2], c.args[3])
	c.touch(c.db(), c.args[1])
	c.notify(eventHash, "hset", c.db(), c.args[1])
	return int64(1)
}

func hget(c *call) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if value, found := h.get(c.args[2]); found {
		return value
	}
	return null{}
}

func hmget(c *call) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	values := make([]any, 0, len(c.args)-2)
	for _, name := range c.args[2:] {
		if value, found := h.get(name); found {
			values = append(values, value)
		} else {
			values = append(values, null{})
		}
	}
	return values
}

func hgetall(c *call) any {
	switch all := c.listFields(true, true).(type) {
	case []any:
		return pairs(all)
	default:
		return all
	}
}

func (c *call) listFields(names, values bool) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if h == nil {
		return []any{}
	}
	all := make([]any, 0, 2*len(h.fields))
	for _, f := range h.fields {
		if names {
			all = append(all, f.name)
		}
		if values {
			all = append(all, f.value)
		}
	}
	return all
}

func hdel(c *call) any {
	e := c.find(c.args[1])
	h, wrong := hashOf(e)
	if wrong != "" {
		return wrong
	}
	if h == nil {
		return int64(0)
	}
	removed := h.removeAll(c.args[2:])
	if removed == 0 {
		return removed
	}
	c.touch(c.db(), e.key)
	c.notify(eventHash, "hdel", c.db(), e.key)
	if len(h.fields) == 0 {
		c.remove(c.db(), e)
		c.notify(eventGeneric, "del", c.db(), e.key)
	}
	return removed
}

func hlen(c *call) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if h == nil {
		return int64(0)
	}
	return int64(len(h.fields))
}

func hexists(c *call) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	_, found := h.get(c.args[2])
	return boolean(found)
}

func hstrlen(c *call) any {
	h, wrong := hashOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	value, _ := h.get(c.args[2])
	return int64(len(value))
}

func hincrby(c *call) any {
	by, isInt := integer(c.args[3])
	if !isInt {
		return errInteger
	}
	h, wrong := c.hashToWrite()
	if wrong != "" {
		return wrong
	}
	var n int64
	if old, found := h.get(c.args[2]); found {
		if n, isInt = integer(old); !isInt {
			return failure("ERR hash value is not an integer")
		}
	}
	if overflows(n, by) {
		return errOverflow
	}
	h.set(c.args[2], strconv.FormatInt(n+by, 10))
	c.touch(c.db(), c.args[1])
	c.notify(eventHash, "hincrby", c.db(), c.args[1])
	return n + by
}

// hscan gives all fields at once, as Redis does while a hash is small.
func hscan(c *call) any {
	if _, wrong := scanCursor(c.args[2]); wrong != "" {
		return wrong
	}
	h, bad := hashOf(c.read(c.args[1]))
	if bad != "" {
		return bad
	}
	o, wrong := scanOptions(c.args[3:], false)
	if wrong != "" {
		return wrong
	}
	found := []any{}
	if h != nil {
		for _, f := range h.fields {
			if glob.Match(o.match, f.name) {
				found = append(found, f.name, f.value)
			}
		}
	}
	return []any{"0", found}
}
