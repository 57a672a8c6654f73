package embedded

// Walking the keys: SCAN, KEYS, RANDOMKEY, DBSIZE.

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"locktop/lockcore/glob"
)

var scanCommands = []command{
	{name: "scan", arity: -2, do: scan},
	{name: "keys", arity: 2, do: keys},
	{name: "randomkey", arity: 1, do: randomKey},
	{name: "dbsize", arity: 1, do: func(c *call) any { return int64(len(c.db().keys)) }},
}

type scanOption struct {
	match string
	count int
	kind  string // a type's name; empty: all
}

func scanCursor(arg string) (uint64, failure) {
	cursor, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return 0, "ERR invalid cursor"
	}
	return cursor, ""
}

func scanOptions(args []string, withType bool) (scanOption, failure) {
	o := scanOption{match: "*", count: 10}
	for ; len(args) >= 2; args = args[2:] {
		switch name := strings.ToLower(args[0]); {
		case name == "match":
			o.match = args[1]
		case name == "count":
			n, isInt := integer(args[1])
			if !isInt {
				return o, errInteger
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(n)
		case name == "type" && withType:
			o.kind = strings.ToLower(args[1])
		default:
			return o, errSyntax
		}
	}
	if len(args) > 0 {
		return o, errSyntax
	}
	return o, ""
}

func scan(c *call) any {
	cursor, wrong := scanCursor(c.args[1])
	if wrong != "" {
		return wrong
	}
	o, wrong := scanOptions(c.args[2:], true)
	if wrong != "" {
		return wrong
	}
	found := []any{}
	var due []*entry // removed after the walk, which must not be moved under
	next := c.db().order.walk(cursor, o.count, func(e *entry) {
		switch {
		case !glob.Match(o.match, e.key) || o.kind != "" && o.kind != typeName(e):
		case c.isDue(e):
			due = append(due, e)
		default:
			found = append(found, e.key)
		}
	})
	for _, e := range due {
		c.expire(c.db(), e)
	}
	return []any{strconv.FormatUint(next, 10), found}
}

func keys(c *call) any {
	found := []any{}
	for key, e := range c.db().keys {
		if !c.isDue(e) && glob.Match(c.args[1], key) {
			found = append(found, key)
		}
	}
	return found
}

func randomKey(c *call) any {
	for len(c.db().keys) > 0 {
		slots := c.db().order.slots
		// Under half of the slots are holes, so this finds a key soon.
		if e := slots[rand.IntN(len(slots))].entry; e != nil && c.live(c.db(), e.key) != nil {
			return e.key
		}
	}
	return null{}
}
