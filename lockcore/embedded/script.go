package embedded

// EVAL and its kin: which scripts are known, and how one is run.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

var scriptCommands = []command{
	{name: "eval", arity: -3, flags: notInScript | writes, do: func(c *call) any { return c.eval(false) }},
	{name: "eval_ro", arity: -3, flags: notInScript, do: func(c *call) any { return c.eval(true) }},
	{name: "evalsha", arity: -3, flags: notInScript | writes, do: func(c *call) any { return c.evalSHA(false) }},
	{name: "evalsha_ro", arity: -3, flags: notInScript, do: func(c *call) any { return c.evalSHA(true) }},
	{name: "script", arity: -2, flags: container},
	{name: "script|load", arity: 3, flags: notInScript, do: scriptLoad},
	{name: "script|exists", arity: -3, flags: notInScript, do: scriptExists},
	{name: "script|flush", arity: -2, flags: notInScript, do: scriptFlush},
	{name: "script|kill", arity: 2, flags: notInScript, do: func(*call) any {
		return failure("NOTBUSY No scripts in execution right now.") // while one runs, nobody gets here
	}},
}

// scriptLimit is how long a script may run. Redis lets it go on and answers
// others with BUSY; here nobody else gets in, so it is stopped.
const scriptLimit = 5 * time.Second

// scripts are the known scripts, compiled, and the Lua state that runs them:
// one, since only one script runs at a time.
type scripts struct {
	known map[string]*lua.FunctionProto // by SHA1
	box   *sandbox                      // nil: none yet, or the last one was left in an unknown state
	limit time.Duration
	base  context.Context // done when the server ends
	abort func()
}

func newScripts() *scripts {
	base, abort := context.WithCancel(context.Background())
	return &scripts{known: map[string]*lua.FunctionProto{}, limit: scriptLimit, base: base, abort: abort}
}

// load compiles a script, unless it is known, and gives its SHA1.
func (s *scripts) load(source string) (string, failure) {
	sum := sha1.Sum([]byte(source))
	sha := hex.EncodeToString(sum[:])
	if s.known[sha] != nil {
		return sha, ""
	}
	proto, err := compileLua(source)
	if err != nil {
		return "", failure("ERR Error compiling script (new function): " + err.Error())
	}
	s.known[sha] = proto
	return sha, ""
}

func (c *call) eval(readOnly bool) any {
	keys, args, wrong := c.scriptArguments()
	if wrong != "" {
		return wrong
	}
	sha, wrong := c.scripts.load(c.args[1])
	if wrong != "" {
		return wrong
	}
	return c.runScript(sha, keys, args, readOnly)
}

func (c *call) evalSHA(readOnly bool) any {
	keys, args, wrong := c.scriptArguments()
	if wrong != "" {
		return wrong
	}
	sha := strings.ToLower(c.args[1])
	if c.scripts.known[sha] == nil {
		return failure("NOSCRIPT No matching script. Please use EVAL.")
	}
	return c.runScript(sha, keys, args, readOnly)
}

// scriptArguments splits what follows the script into keys and arguments.
func (c *call) scriptArguments() (keys, args []string, wrong failure) {
	n, isInt := integer(c.args[2])
	rest := c.args[3:]
	switch {
	case !isInt:
		return nil, nil, errInteger
	case n > int64(len(rest)):
		return nil, nil, "ERR Number of keys can't be greater than number of args"
	case n < 0:
		return nil, nil, "ERR Number of keys can't be negative"
	}
	return rest[:n], rest[n:], ""
}

// runScript runs a known script. A SELECT in it ends with it.
func (c *call) runScript(sha string, keys, args []string, readOnly bool) any {
	s := c.scripts
	if s.box == nil {
		s.box = newSandbox()
	}
	ctx, cancel := context.WithTimeout(s.base, s.limit)
	defer cancel()
	db := c.client.db
	defer func() { c.client.db = db }()
	reply, sound := s.box.run(ctx, c, s.known[sha], sha, keys, args, readOnly)
	if !sound {
		s.box.close()
		s.box = nil
	}
	if ctx.Err() != nil {
		return failure(fmt.Sprintf("ERR the script ran for %v and was stopped script: %s, on @user_script:0.", s.limit, sha))
	}
	return reply
}

func scriptLoad(c *call) any {
	sha, wrong := c.scripts.load(c.args[2])
	if wrong != "" {
		return wrong
	}
	return sha
}

func scriptExists(c *call) any {
	known := []any{}
	for _, sha := range c.args[2:] {
		known = append(known, boolean(c.scripts.known[strings.ToLower(sha)] != nil))
	}
	return known
}

func scriptFlush(c *call) any {
	how := ""
	if len(c.args) > 2 {
		how = strings.ToLower(c.args[2])
	}
	if len(c.args) > 3 || len(c.args) == 3 && how != "async" && how != "sync" {
		return failure("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
	}
	c.scripts.known = map[string]*lua.FunctionProto{}
	return ok
}
