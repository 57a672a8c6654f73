package cli

// Exit codes, the errors that carry them, and the one line that each becomes.

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1   // unreachable, refused by the server, a success that came too late
	exitUsage       = 2   // wrong usage: nothing was sent
	exitHeld        = 3   // held by somebody else, or not as a forced release expects it
	exitNotHeld     = 4   // not held by this owner, or not any more
	exitUnknown     = 5   // the request went out and no answer came back
	exitHungUp      = 129 // 128 + the number of the signal, as shells have it
	exitInterrupted = 130
	exitTerminated  = 143
)

// fault is an error that says all that the user is to be told.
type fault struct {
	code int
	line string // without the program's name; empty: nothing is said
}

func (f *fault) Error() string { return f.line }

// What ended the command from outside.
var (
	errHungUp      = &fault{code: exitHungUp}
	errInterrupted = &fault{code: exitInterrupted}
	errTerminated  = &fault{code: exitTerminated}
)

// errReaderGone ends a command whose output nobody reads any more.
var errReaderGone = fmt.Errorf("nobody reads the output: %w", syscall.EPIPE)

func failed(format string, args ...any) error {
	return &fault{exitFailed, fmt.Sprintf(format, args...)}
}

// usage is a wrong value, flag or argument: the line names it and the way out.
func usage(format string, args ...any) error { return &fault{exitUsage, fmt.Sprintf(format, args...)} }

// verdict turns the error that a command ended with into the line for stderr and the exit code.
func (e *env) verdict(command string, err error) (line string, code int) {
	var f *fault
	switch {
	case err == nil:
		return "", exitDone
	case errors.Is(err, syscall.EPIPE):
		return "", exitDone // whoever read along has seen enough
	case errors.As(err, &f):
	case e.began:
		f = &fault{exitFailed, err.Error()}
	default:
		f = &fault{exitUsage, err.Error()}
	}
	if f.line == "" {
		return "", f.code
	}
	line = "locktop: " + f.line
	if f.code == exitUsage {
		line += "; see " + command + " --help"
	}
	return oneLine(line), f.code
}

// oneLine is the last guard of the terminal: whatever a line was put together from, it
// stays one line without a control character.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// print writes an answer to stdout; that nobody can read it is a failure like others.
func (e *env) print(text string) error {
	_, err := io.WriteString(e.out, text)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		return failed("cannot write the answer: %s", strconv.QuoteToASCII(err.Error()))
	}
	return err
}
