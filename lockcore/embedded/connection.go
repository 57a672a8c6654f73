package embedded

// Commands about the connection itself, and those that say something of the
// server without touching a key.

import (
	"strconv"
	"strings"
)

var connectionCommands = []command{
	{name: "ping", arity: -1, flags: whileReading, do: ping},
	{name: "echo", arity: 2, do: func(c *call) any { return c.args[1] }},
	{name: "hello", arity: -1, flags: notInScript, do: hello},
	{name: "auth", arity: -2, flags: notInScript, do: auth},
	{name: "select", arity: 2, do: selectDB},
	{name: "quit", arity: -1, flags: notInScript | unqueued | whileReading, do: quit},
	{name: "reset", arity: 1, flags: notInScript | unqueued | whileReading, do: reset},
	{name: "time", arity: 1, do: tellTime},
	{name: "wait", arity: 3, flags: notInScript, do: wait},
	{name: "role", arity: 1, flags: notInScript, do: func(*call) any { return []any{"master", int64(0), []any{}} }},
	{name: "command", arity: -1, flags: container, do: func(*call) any { return []any{} }},
	{name: "command|count", arity: 2, do: commandCount},
	{name: "command|info", arity: -2, do: commandInfo},
	{name: "cluster", arity: -2, do: noCluster},
	{name: "readonly", arity: 1, do: noCluster},
	{name: "readwrite", arity: 1, do: noCluster},
	{name: "acl", arity: -2, flags: container},
	{name: "acl|whoami", arity: 2, flags: notInScript, do: func(*call) any { return "default" }},
}

func ping(c *call) any {
	if len(c.args) > 2 {
		return wrongNumber("ping")
	}
	text := ""
	if len(c.args) == 2 {
		text = c.args[1]
	}
	if c.client.resp == 2 && c.client.subscriptions() > 0 && !c.script {
		return []any{"pong", text}
	}
	if len(c.args) == 2 {
		return text
	}
	return status("PONG")
}

// hello negotiates the protocol. Options take effect only if all of them are right.
func hello(c *call) any {
	resp, name, renamed := int64(c.client.resp), "", false
	args := c.args[1:]
	if len(args) > 0 {
		var isInt bool
		if resp, isInt = integer(args[0]); !isInt {
			return failure("ERR Protocol version is not an integer or out of range")
		}
		if resp < 2 || resp > 3 {
			return failure("NOPROTO unsupported protocol version")
		}
		args = args[1:]
	}
	for len(args) > 0 {
		switch option := strings.ToLower(args[0]); {
		case option == "auth" && len(args) > 2:
			if args[1] != "default" {
				return errWrongPassword
			}
			args = args[3:]
		case option == "setname" && len(args) > 1:
			if !isClientName(args[1]) {
				return errClientName
			}
			name, renamed = args[1], true
			args = args[2:]
		default:
			return failure("ERR Syntax error in HELLO option '" + args[0] + "'")
		}
	}
	c.client.resp = int(resp)
	if renamed {
		c.client.name = name
	}
	return pairs{
		"server", "redis", "version", version, "proto", resp, "id", c.client.id,
		"mode", "standalone", "role", "master", "modules", []any{},
	}
}

const errWrongPassword = failure("WRONGPASS invalid username-password pair or user is disabled.")

// auth answers as a server without a password does.
func auth(c *call) any {
	switch {
	case len(c.args) == 2:
		return failure("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case len(c.args) > 3:
		return errSyntax
	case c.args[1] != "default":
		return errWrongPassword
	}
	return ok
}

func selectDB(c *call) any {
	id, wrong := dbIndex(c.args[1])
	if wrong != "" {
		return wrong
	}
	c.client.db = id
	return ok
}

func quit(c *call) any {
	c.client.leaving = true
	return ok
}

// reset makes the connection as it was when it came.
func reset(c *call) any {
	c.client.queue = nil
	c.unwatch(c.client)
	c.unsubscribeAll(c.client)
	c.client.db, c.client.resp, c.client.name = 0, 2, ""
	return status("RESET")
}

func tellTime(c *call) any {
	return []any{strconv.FormatInt(c.time.Unix(), 10), strconv.Itoa(c.time.Nanosecond() / 1000)}
}

// wait would wait for replicas; there are none, and it tells so at once.
func wait(c *call) any {
	if _, isInt := integer(c.args[1]); !isInt {
		return errInteger
	}
	timeout, isInt := integer(c.args[2])
	if !isInt {
		return failure("ERR timeout is not an integer or out of range")
	}
	if timeout < 0 {
		return failure("ERR timeout is negative")
	}
	return int64(0)
}

func noCluster(*call) any {
	return failure("ERR This instance has cluster support disabled")
}

func commandCount(c *call) any {
	var n int64
	for name := range c.commands {
		n += boolean(!strings.Contains(name, "|"))
	}
	return n
}

// commandInfo knows none; nor is there COMMAND DOCS: redis-cli then shows its own help.
func commandInfo(c *call) any {
	unknown := make([]any, len(c.args)-2)
	for i := range unknown {
		unknown[i] = nullArray{}
	}
	return unknown
}
