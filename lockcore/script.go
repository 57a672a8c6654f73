package lockcore

// The Lua steps, one file each in scripts/, embedded, put together and hashed once.

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// A Script is one atomic step on a lock. A transport runs it by EVALSHA with its
// SHA1, and by EVAL with its Source where the server answers NOSCRIPT.
type Script struct {
	Name   string // acquire, extend, release, force_release, seize, undo
	Source string
	SHA1   string // of Source, 40 hex digits
}

//go:embed scripts/*.lua
var scriptFiles embed.FS

var (
	acquireScript      = newScript("acquire")
	extendScript       = newScript("extend")
	releaseScript      = newScript("release")
	forceReleaseScript = newScript("force_release")
	seizeScript        = newScript("seize")
	undoScript         = newScript("undo")
)

// Scripts are all steps, for those who want to look at them or try them out.
func Scripts() []*Script {
	return []*Script{acquireScript, extendScript, releaseScript, forceReleaseScript, seizeScript, undoScript}
}

// include is a line of a step that stands for another file: "--@ ledger" for scripts/ledger.lua. What
// only few calls need is included where they need it, since a function costs time whenever it is made; what all
// calls need comes as plain statements.
var include = regexp.MustCompile(`(?m)^ *--@ (\w+)\n`)

func newScript(name string) *Script {
	source := assembled(name)
	sum := sha1.Sum([]byte(source))
	return &Script{Name: name, Source: source, SHA1: hex.EncodeToString(sum[:])}
}

// assembled is a file with what it includes.
func assembled(name string) string {
	return include.ReplaceAllStringFunc(scriptFile(name), func(line string) string {
		return assembled(include.FindStringSubmatch(line)[1])
	})
}

func scriptFile(name string) string {
	text, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(fmt.Sprintf("lockcore: scripts/%s.lua is not embedded", name)) // seen by whatever starts the program first
	}
	return string(text)
}

// op is the step's name as errors have it.
func (s *Script) op() string { return strings.ReplaceAll(s.Name, "_", "-") }
