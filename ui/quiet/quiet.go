// Package quiet keeps the program from asking the terminal questions before main begins.
//
// The terminal libraries ask for the background colour when they are imported, and wait
// five seconds where no answer comes: in every command, even --version. They do not ask a
// terminal that calls itself dumb. So this package makes TERM say that, and Restore takes
// it back at the start of main.
//
// It must be initialised before them. Packages are initialised in the order of their import
// paths, each as soon as what it imports is ready, so this one imports os and nothing else:
// with that ready it is the next in line, while the libraries still wait for packages of the
// standard library that come later (os/exec, os/signal…).
//
// What this does not do: a library that has looked at TERM by then has settled on a terminal
// without colours. The dashboard asks again, for itself and with a time limit.
package quiet

import "os"

var (
	term string
	set  bool
)

func init() {
	term, set = os.LookupEnv("TERM")
	os.Setenv("TERM", "dumb")
}

// Restore gives TERM the value that the program was started with.
func Restore() {
	if set {
		os.Setenv("TERM", term)
	} else {
		os.Unsetenv("TERM")
	}
}
