package embedded

// The CLIENT command: who is connected, under which name, and away with them.

import (
	"fmt"
	"slices"
	"strings"
)

var clientCommands = []command{
	{name: "client", arity: -2, flags: container},
	{name: "client|id", arity: 2, flags: notInScript, do: func(c *call) any { return c.client.id }},
	{name: "client|setname", arity: 3, flags: notInScript, do: clientSetname},
	{name: "client|getname", arity: 2, flags: notInScript, do: clientGetname},
	{name: "client|setinfo", arity: 4, flags: notInScript, do: clientSetinfo},
	{name: "client|info", arity: 2, flags: notInScript, do: func(c *call) any { return verbatim(c.describe(c.client) + "\n") }},
	{name: "client|list", arity: -2, flags: notInScript, do: clientList},
	{name: "client|kill", arity: -3, flags: notInScript, do: clientKill},
	{name: "client|no-evict", arity: 3, flags: notInScript, do: clientSwitch},
	{name: "client|no-touch", arity: 3, flags: notInScript, do: clientSwitch},
}

const errClientName = failure("ERR Client names cannot contain spaces, newlines or special characters.")

func isClientName(name string) bool {
	for i := range len(name) {
		if name[i] < '!' || name[i] > '~' {
			return false
		}
	}
	return true
}

func clientSetname(c *call) any {
	if !isClientName(c.args[2]) {
		return errClientName
	}
	c.client.name = c.args[2]
	return ok
}

func clientGetname(c *call) any {
	if c.client.name == "" {
		return null{}
	}
	return c.client.name
}

// clientSetinfo came with Redis 7.2; clients send it unasked, so it is taken, and not kept.
func clientSetinfo(c *call) any {
	if what := strings.ToLower(c.args[2]); what != "lib-name" && what != "lib-ver" {
		return failure("ERR Unrecognized option '" + c.args[2] + "'")
	}
	return ok
}

// clientSwitch takes on or off for what this server never does.
func clientSwitch(c *call) any {
	if how := strings.ToLower(c.args[2]); how != "on" && how != "off" {
		return errSyntax
	}
	return ok
}

func (c *client) kind() string {
	if c.subscriptions() > 0 {
		return "pubsub"
	}
	return "normal"
}

// describe is a client's line in CLIENT LIST. What this server doesn't measure is 0.
func (s *Server) describe(c *client) string {
	flags, queued := "", -1
	if c.subscriptions() > 0 {
		flags += "P"
	}
	if c.queue != nil {
		flags += "x"
		queued = len(c.queue.calls)
	}
	if c.touched {
		flags += "d"
	}
	if flags == "" {
		flags = "N"
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=0 multi=%d "+
		"qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), 7+c.id, c.name, (s.now-c.since)/1000, (s.now-c.last)/1000, flags, c.db,
		len(c.channel), len(c.pattern), queued, c.out.pending(), orNULL(c.command), c.resp)
}

func orNULL(command string) string {
	if command == "" {
		return "NULL"
	}
	return command
}

// byAge gives the clients, the oldest first.
func (s *Server) byAge() []*client {
	all := make([]*client, 0, len(s.clients))
	for _, c := range s.clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *client) int { return int(a.id - b.id) })
	return all
}

func clientList(c *call) any {
	var kind string
	var ids []int64
	switch {
	case len(c.args) == 2:
	case len(c.args) == 4 && strings.EqualFold(c.args[2], "type"):
		kind = strings.ToLower(c.args[3])
		if !isClientKind(kind) {
			return failure("ERR Unknown client type '" + c.args[3] + "'")
		}
	case len(c.args) > 3 && strings.EqualFold(c.args[2], "id"):
		for _, arg := range c.args[3:] {
			id, isInt := integer(arg)
			if !isInt || id < 1 {
				return failure("ERR Invalid client ID")
			}
			ids = append(ids, id)
		}
	default:
		return errSyntax
	}
	var list strings.Builder
	for _, other := range c.byAge() {
		if (kind == "" || kind == other.kind()) && (ids == nil || slices.Contains(ids, other.id)) {
			list.WriteString(c.describe(other) + "\n")
		}
	}
	return verbatim(list.String())
}

func isClientKind(kind string) bool {
	return slices.Contains([]string{"normal", "pubsub", "master", "replica", "slave"}, kind)
}

// clientKill closes connections: CLIENT KILL addr, or by filters that must all apply.
func clientKill(c *call) any {
	if len(c.args) == 3 {
		for _, other := range c.clients {
			if other.conn.RemoteAddr().String() == c.args[2] {
				c.kill(other)
				return ok
			}
		}
		return failure("ERR No such client")
	}
	if len(c.args)%2 == 1 {
		return errSyntax
	}
	var id int64
	var addr, laddr, kind, user string
	skipMe := true
	for i := 2; i < len(c.args); i += 2 {
		value := c.args[i+1]
		switch strings.ToLower(c.args[i]) {
		case "id":
			var isInt bool
			if id, isInt = integer(value); !isInt || id < 1 {
				return failure("ERR client-id should be greater than 0")
			}
		case "addr":
			addr = value
		case "laddr":
			laddr = value
		case "type":
			if kind = strings.ToLower(value); !isClientKind(kind) {
				return failure("ERR Unknown client type '" + value + "'")
			}
		case "user":
			if user = value; user != "default" {
				return failure("ERR No such user '" + user + "'")
			}
		case "skipme":
			switch strings.ToLower(value) {
			case "yes":
				skipMe = true
			case "no":
				skipMe = false
			default:
				return errSyntax
			}
		default:
			return errSyntax
		}
	}
	var killed int64
	for _, other := range c.byAge() {
		if id != 0 && id != other.id || addr != "" && addr != other.conn.RemoteAddr().String() ||
			laddr != "" && laddr != other.conn.LocalAddr().String() || kind != "" && kind != other.kind() ||
			skipMe && other == c.client {
			continue
		}
		c.kill(other)
		killed++
	}
	return killed
}

// kill ends a connection; one's own after the reply.
func (c *call) kill(other *client) {
	if other == c.client {
		other.leaving = true
		return
	}
	other.out.cut()
}
