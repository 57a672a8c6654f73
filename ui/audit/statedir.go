package audit

// Where a user's programs keep what they have to remember between two runs.

import (
	"errors"
	"path/filepath"
	"runtime"
)

// StateDirVariable names another directory for the trail.
const StateDirVariable = "LOCKTOP_STATE_DIR"

// Dir is the directory of the local file.
type Dir struct {
	Path string
	// Given: the user chose the directory, perhaps a shared one. Else it is locktop's own, which
	// is made private.
	Given bool
}

// File is the path of the trail's file.
func (d Dir) File() string { return filepath.Join(d.Path, FileName) }

// errNoDir is what comes of the zero Dir.
var errNoDir = errors.New("the environment names no home directory")

// StateDir finds the directory by the environment; it is the zero Dir where that names none. It makes nothing.
func StateDir(getenv func(string) string) Dir { return stateDir(runtime.GOOS, getenv) }

func stateDir(system string, getenv func(string) string) Dir {
	if given := getenv(StateDirVariable); given != "" {
		return Dir{Path: filepath.Clean(given), Given: true}
	}
	base, home := "", getenv("HOME")
	switch system {
	case "windows":
		base = getenv("LocalAppData")
		if home = getenv("USERPROFILE"); base == "" && home != "" {
			base = filepath.Join(home, "AppData", "Local")
		}
	case "darwin":
		if home != "" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default:
		if home != "" {
			base = filepath.Join(home, ".local", "state")
		}
	}
	// A relative one counts as not given, as the XDG base directory specification has it.
	if xdg := getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) && system != "windows" {
		base = xdg
	}
	if !filepath.IsAbs(base) {
		return Dir{}
	}
	return Dir{Path: filepath.Join(base, "locktop")}
}
