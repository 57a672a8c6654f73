package embedded

// The Lua that scripts see: the base, string, table and math libraries without
// what reaches out of the script, the redis table, and globals that can't be changed,
// so that one script leaves nothing behind for the next.

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

const scriptName = "user_script" // as Redis calls every script in errors

// baseFunctions are what scripts get of the base library.
var baseFunctions = []string{
	"assert", "error", "ipairs", "next", "pairs", "rawequal", "rawget",
	"select", "type", "unpack", "xpcall", "_VERSION",
}

// The limits of a script's stacks. Lua's own are in the same order of magnitude.
const (
	maxCalls     = 1 << 10
	firstStack   = 1 << 12
	maxStack     = 1 << 18
	maxRepeated  = 64 << 20 // bytes of string.rep's result
	maxReplyDeep = 1 << 10
	maxReplySize = 1 << 20 // values in a reply
)

type sandbox struct {
	state   *lua.LState
	globals *lua.LTable // what names without a local mean
	env     *lua.LTable // in front of it: empty, refuses writes
	guarded map[*lua.LTable]bool
	decoy   *lua.LTable // what getmetatable gives for them
	onError *lua.LFunction

	// Of the script that is running:
	call     *call
	readOnly bool
}

func newSandbox() *sandbox {
	state := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxCalls,
		RegistrySize: firstStack, RegistryMaxSize: maxStack, RegistryGrowStep: firstStack,
	})
	b := &sandbox{state: state, guarded: map[*lua.LTable]bool{}}
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.StringLibName: lua.OpenString, lua.TabLibName: lua.OpenTable, lua.MathLibName: lua.OpenMath,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	b.globals = state.NewTable()
	for _, name := range baseFunctions {
		b.globals.RawSetString(name, state.GetGlobal(name))
	}
	for name, fn := range map[string]lua.LGFunction{
		"tostring": toString, "tonumber": toNumber, "pcall": pcall, "getmetatable": b.getMetatable, "setmetatable": b.setMetatable, "rawset": b.rawSet, "loadstring": b.loadString,
		"collectgarbage": func(l *lua.LState) int { l.Push(lua.LNumber(0)); return 1 }, // the server's memory is none of a script's business
		textFunction:     concatOperand,
		numberFunction:   arithmeticOperand,
	} {
		b.globals.RawSetString(name, state.NewFunction(fn))
	}
	b.addLibraries()
	b.env, b.decoy = b.guard(b.globals), b.guard(state.NewTable())
	b.globals.RawSetString("_G", b.env)
	b.globals.Metatable = b.metatable(map[string]lua.LGFunction{"__index": func(l *lua.LState) int {
		l.RaiseError("Script attempted to access nonexistent global variable '%s'", lua.LVAsString(l.ToStringMeta(l.Get(2))))
		return 0
	}})
	b.onError = state.NewFunction(locateError)
	return b
}

func (b *sandbox) close() { b.state.Close() }

func (b *sandbox) addLibraries() {
	text := b.state.GetGlobal(lua.StringLibName).(*lua.LTable)
	for name, texts := range map[string]int{
		"byte": 1, "find": 2, "gmatch": 2, "gsub": 3, "len": 1, "lower": 1, "match": 2, "reverse": 1, "sub": 1, "upper": 1,
	} {
		text.RawSetString(name, withText(text.RawGetString(name).(*lua.LFunction), texts))
	}
	text.RawSetString("rep", b.state.NewFunction(repeat))
	text.RawSetString("format", b.state.NewFunction(formatLua))
	text.RawSetString("dump", lua.LNil)
	tables := b.state.GetGlobal(lua.TabLibName).(*lua.LTable)
	tables.RawSetString("concat", b.state.NewFunction(tableConcat))
	for name, lib := range map[string]*lua.LTable{
		"redis": b.redisTable(), "string": text, "table": tables, "math": b.state.GetGlobal(lua.MathLibName).(*lua.LTable),
	} {
		b.globals.RawSetString(name, b.guard(lib))
	}
}

// guard gives a table through which another can be read and not changed.
func (b *sandbox) guard(t *lua.LTable) *lua.LTable {
	front := b.state.NewTable()
	meta := b.metatable(map[string]lua.LGFunction{"__newindex": refuseChange})
	meta.RawSetString("__index", t)
	front.Metatable = meta
	b.guarded[front] = true
	return front
}

func (b *sandbox) metatable(functions map[string]lua.LGFunction) *lua.LTable {
	meta := b.state.NewTable()
	for name, fn := range functions {
		meta.RawSetString(name, b.state.NewFunction(fn))
	}
	return meta
}

const readOnlyTable = "Attempt to modify a readonly table"

func refuseChange(l *lua.LState) int {
	l.RaiseError(readOnlyTable)
	return 0
}

// getMetatable gives an empty one for what is guarded and for strings, which share
// theirs: a script that got the true one could change what all scripts see.
func (b *sandbox) getMetatable(l *lua.LState) int {
	t, isTable := l.CheckAny(1).(*lua.LTable)
	if !isTable || b.guarded[t] {
		l.Push(b.decoy)
	} else if hidden := l.GetMetaField(t, "__metatable"); hidden != lua.LNil {
		l.Push(hidden)
	} else {
		l.Push(t.Metatable)
	}
	return 1
}

func (b *sandbox) setMetatable(l *lua.LState) int {
	t := l.CheckTable(1)
	if b.guarded[t] {
		l.Error(lua.LString(readOnlyTable), 0)
	}
	if l.GetMetaField(t, "__metatable") != lua.LNil {
		l.RaiseError("cannot change a protected metatable")
	}
	switch meta := l.Get(2).(type) {
	case *lua.LTable:
		t.Metatable = meta
	case *lua.LNilType:
		t.Metatable = lua.LNil
	default:
		l.ArgError(2, "nil or table expected")
	}
	l.SetTop(1)
	return 1
}

func (b *sandbox) rawSet(l *lua.LState) int {
	t := l.CheckTable(1)
	if b.guarded[t] {
		l.Error(lua.LString(readOnlyTable), 0)
	}
	l.RawSet(t, l.CheckAny(2), l.CheckAny(3))
	l.SetTop(1)
	return 1
}

func (b *sandbox) loadString(l *lua.LState) int {
	proto, err := compileLua(l.CheckString(1))
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(err.Error()))
		return 2
	}
	fn := l.NewFunctionFromProto(proto)
	fn.Env = b.env
	l.Push(fn)
	return 1
}

// pcall gives the text of an error that is a table with a field err, as Redis 7 does.
func pcall(l *lua.LState) int {
	l.CheckAny(1)
	if err := l.PCall(l.GetTop()-1, lua.MultRet, nil); err != nil {
		object := lua.LValue(lua.LString(err.Error()))
		if api, isAPI := err.(*lua.ApiError); isAPI {
			object = api.Object
		}
		if t, isTable := object.(*lua.LTable); isTable {
			if text := t.RawGetString("err"); lua.LVCanConvToString(text) {
				object = text
			}
		}
		l.Push(lua.LFalse)
		l.Push(object)
		return 2
	}
	l.Insert(lua.LTrue, 1)
	return l.GetTop()
}

// run runs a script. Not sound means that the sandbox must not be used again.
func (b *sandbox) run(ctx context.Context, c *call, proto *lua.FunctionProto, sha string, keys, args []string, readOnly bool) (reply any, sound bool) {
	b.call, b.readOnly = c, readOnly
	defer func() { b.call = nil }()
	b.globals.RawSetString("KEYS", b.listOf(keys))
	b.globals.RawSetString("ARGV", b.listOf(args))
	fn := b.state.NewFunctionFromProto(proto)
	fn.Env = b.env
	b.state.SetContext(ctx)
	b.state.Push(fn)
	err := b.state.PCall(0, 1, b.onError)
	if err == nil {
		budget := maxReplySize
		reply = toReply(b.state.Get(-1), 0, &budget)
		b.state.SetTop(0)
		return reply, true
	}
	api, isAPI := err.(*lua.ApiError)
	sound = isAPI && api.Type != lua.ApiErrorPanic && ctx.Err() == nil
	b.state.SetTop(0)
	return errorOf(err, sha), sound
}

func (b *sandbox) listOf(items []string) *lua.LTable {
	t := b.state.CreateTable(len(items), 0)
	for _, item := range items {
		t.Append(lua.LString(item))
	}
	return t
}

// locateError makes a table of an error, with the script's line in it, while the stack is still there.
func locateError(l *lua.LState) int {
	t, isTable := l.Get(1).(*lua.LTable)
	if !isTable {
		t = l.NewTable()
		t.RawSetString("err", lua.LString("ERR "+luaText(l.Get(1))))
	}
	setLocation(l, t)
	l.Push(t)
	return 1
}

// setLocation notes in an error where the script is.
func setLocation(l *lua.LState, t *lua.LTable) {
	for level := 0; level < maxCalls; level++ {
		frame, found := l.GetStack(level)
		if !found {
			return
		}
		if _, err := l.GetInfo("Sl", frame, lua.LNil); err == nil && frame.Source != "" {
			t.RawSetString("source", lua.LString("@"+frame.Source))
			t.RawSetString("line", lua.LNumber(frame.CurrentLine))
			return
		}
	}
}

// errorOf is the reply for a script that failed.
func errorOf(err error, sha string) failure {
	api, isAPI := err.(*lua.ApiError)
	if !isAPI {
		return failure("ERR Error running script " + sha + ", " + err.Error())
	}
	t, isTable := api.Object.(*lua.LTable)
	if !isTable {
		return failure("ERR Error running script " + sha + ", " + luaText(api.Object))
	}
	text := luaText(t.RawGetString("err"))
	if text == "nil" {
		text = "ERR unknown error"
	}
	line := t.RawGetString("line")
	if line == lua.LNil {
		return failure(text)
	}
	return failure(text + " script: " + sha + ", on " + luaText(t.RawGetString("source")) + ":" + luaText(line) + ".")
}
