package cli

// The version, from what the go tool wrote into the program.

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func version() string {
	number, commit, changed := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			number = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = " with changes"
			}
		}
	}
	return fmt.Sprintf("locktop %s (%s, %s/%s%s%s)", number, runtime.Version(), runtime.GOOS, runtime.GOARCH, commit, changed)
}
