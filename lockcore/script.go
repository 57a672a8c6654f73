package lockcore

// The Lua steps, one file each in scripts/, embedded and hashed once.

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"
)

// A Script is one atomic step on a lock. A transport runs it by EVALSHA with its
// SHA1, and by EVAL with its Source where the server answers NOSCRIPT.
type Script struct {
	Name   string // acquire, extend, release, force_release
	Source string
	SHA1   string // of Source, 40 hex digits
}

var (
	//go:embed scripts/ledger.lua
	ledgerLua string
	//go:embed scripts/acquire.lua
	acquireLua string
	//go:embed scripts/extend.lua
	extendLua string
	//go:embed scripts/release.lua
	releaseLua string
	//go:embed scripts/force_release.lua
	forceReleaseLua string

	acquireScript      = newScript("acquire", acquireLua)
	extendScript       = newScript("extend", extendLua)
	releaseScript      = newScript("release", releaseLua)
	forceReleaseScript = newScript("force_release", forceReleaseLua)
)

func newScript(name, step string) *Script {
	source := ledgerLua + "\n" + step
	sum := sha1.Sum([]byte(source))
	return &Script{Name: name, Source: source, SHA1: hex.EncodeToString(sum[:])}
}

// op is the step's name as errors have it.
func (s *Script) op() string { return strings.ReplaceAll(s.Name, "_", "-") }
