package embedded

// The redis table of scripts: calling commands, and the conversions between Lua's values and replies.

import (
	"crypto/sha1"
	"encoding/hex"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// redisTable is what scripts know as redis.
func (b *sandbox) redisTable() *lua.LTable {
	redis := b.state.NewTable()
	for name, fn := range map[string]lua.LGFunction{
		"call":               func(l *lua.LState) int { return b.redisCall(l, true) },
		"pcall":              func(l *lua.LState) int { return b.redisCall(l, false) },
		"error_reply":        errorReply,
		"status_reply":       statusReply,
		"sha1hex":            sha1Hex,
		"log":                redisLog,
		"replicate_commands": func(l *lua.LState) int { l.Push(lua.LTrue); return 1 },
		"set_repl":           func(*lua.LState) int { return 0 },
	} {
		redis.RawSetString(name, b.state.NewFunction(fn))
	}
	for name, n := range map[string]int{
		"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3, "REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": 3,
		"REDIS_VERSION_NUM": 0x07000f,
	} {
		redis.RawSetString(name, lua.LNumber(n))
	}
	redis.RawSetString("REDIS_VERSION", lua.LString(version))
	return redis
}

// redisCall is redis.call, which raises errors, and redis.pcall, which returns them.
func (b *sandbox) redisCall(l *lua.LState, raise bool) int {
	reply := b.execute(l)
	wrong, failed := reply.(failure)
	if !failed {
		l.Push(toLua(l, reply))
		return 1
	}
	t := l.NewTable()
	t.RawSetString("err", lua.LString(wrong))
	if raise {
		setLocation(l, t)
		l.Error(t, 0)
	}
	l.Push(t)
	return 1
}

func (b *sandbox) execute(l *lua.LState) any {
	args := make([]string, l.GetTop())
	for i := range args {
		switch arg := l.Get(i + 1).(type) {
		case lua.LString:
			args[i] = string(arg)
		case lua.LNumber:
			args[i] = luaFormat('g', "17", float64(arg))
		default:
			return failure("ERR Lua redis lib command arguments must be strings or integers")
		}
	}
	if len(args) == 0 {
		return failure("ERR Please specify at least one argument for this redis lib call")
	}
	cmd, wrong := b.call.lookup(args)
	switch {
	case cmd == nil:
		return failure("ERR Unknown Redis command called from script")
	case wrong != "":
		wrong = "ERR Wrong number of args calling Redis command from script"
	case cmd.flags&notInScript != 0:
		wrong = "ERR This Redis command is not allowed from script"
	case b.readOnly && cmd.flags&writes != 0:
		wrong = "ERR Write commands are not allowed from read-only scripts."
	}
	if wrong != "" {
		cmd.rejected++
		return wrong
	}
	return (&call{Server: b.call.Server, client: b.call.client, cmd: cmd, args: args, script: true}).run()
}

// toLua converts a reply as Redis does in RESP2.
func toLua(l *lua.LState, reply any) lua.LValue {
	switch r := reply.(type) {
	case string:
		return lua.LString(r)
	case verbatim:
		return lua.LString(r)
	case int64:
		return lua.LNumber(r)
	case status:
		t := l.NewTable()
		t.RawSetString("ok", lua.LString(r))
		return t
	case failure:
		t := l.NewTable()
		t.RawSetString("err", lua.LString(r))
		return t
	case []any:
		return listToLua(l, r)
	case pairs:
		return listToLua(l, r)
	}
	return lua.LFalse
}

func listToLua(l *lua.LState, items []any) lua.LValue {
	t := l.CreateTable(len(items), 0)
	for _, item := range items {
		t.Append(toLua(l, item))
	}
	return t
}

// toReply converts what a script returns. A table may hold itself, so its depth and size have limits.
func toReply(v lua.LValue, depth int, budget *int) any {
	*budget--
	if depth > maxReplyDeep || *budget < 0 {
		return failure("ERR reached lua stack limit")
	}
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return truncate(float64(v))
	case lua.LBool:
		if v {
			return int64(1)
		}
	case *lua.LTable:
		if text, isString := v.RawGetString("err").(lua.LString); isString {
			return failure(text)
		}
		if text, isString := v.RawGetString("ok").(lua.LString); isString {
			return status(text)
		}
		items := []any{}
		for i := 1; *budget >= 0; i++ {
			item := v.RawGetInt(i)
			if item == lua.LNil {
				break
			}
			items = append(items, toReply(item, depth+1, budget))
		}
		return items
	}
	return null{}
}

// truncate converts as C does on the usual machines: what doesn't fit is the smallest integer.
func truncate(n float64) int64 {
	if math.IsNaN(n) || n >= 1<<63 || n < -1<<63 {
		return math.MinInt64
	}
	return int64(n)
}

// errorReply is redis.error_reply: a text without a code gets ERR.
func errorReply(l *lua.LState) int {
	text, isString := l.Get(1).(lua.LString)
	if !isString || l.GetTop() != 1 {
		l.Push(errorTable(l, "ERR wrong number or type of arguments"))
		return 1
	}
	message := strings.TrimRight(strings.TrimPrefix(string(text), "-"), "\r\n")
	if !strings.Contains(message, " ") {
		message = "ERR " + message
	}
	l.Push(errorTable(l, message))
	return 1
}

func statusReply(l *lua.LState) int {
	text, isString := l.Get(1).(lua.LString)
	if !isString || l.GetTop() != 1 {
		l.Push(errorTable(l, "ERR wrong number or type of arguments"))
		return 1
	}
	t := l.NewTable()
	t.RawSetString("ok", text)
	l.Push(t)
	return 1
}

func errorTable(l *lua.LState, text string) *lua.LTable {
	t := l.NewTable()
	t.RawSetString("err", lua.LString(text))
	return t
}

func sha1Hex(l *lua.LState) int {
	if l.GetTop() != 1 {
		t := errorTable(l, "ERR wrong number of arguments")
		setLocation(l, t)
		l.Error(t, 0)
	}
	sum := sha1.Sum([]byte(luaText(l.Get(1))))
	l.Push(lua.LString(hex.EncodeToString(sum[:])))
	return 1
}

// redisLog checks its arguments; there is no log to write to.
func redisLog(l *lua.LState) int {
	wrong := ""
	level, isNumber := l.Get(1).(lua.LNumber)
	switch {
	case l.GetTop() < 2:
		wrong = "ERR redis.log() requires two arguments or more."
	case !isNumber:
		wrong = "ERR First argument must be a number (log level)."
	case level < 0 || level > 3:
		wrong = "ERR Invalid debug level."
	default:
		return 0
	}
	t := errorTable(l, wrong)
	setLocation(l, t)
	l.Error(t, 0)
	return 0
}
