// Package e2e tests the built program as a person meets it: in a pseudo-terminal, against a
// real server, keys in, screen out.
package e2e

// A terminal for the built program: what it draws is kept as a screen, what a test types reaches it.

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	_ "locktop/ui/cli" // what the program is made of: when that changes, no old result of these tests counts
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	// Under nohup HUP is ignored, and the programs started here would inherit that. Heard, it is theirs by default.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := os.MkdirTemp("", "locktop-e2e")
	if err != nil {
		panic(err)
	}
	for _, source := range []string{"../../main.go", "../quiet/quiet.go"} {
		os.Stat(source) // not imported, and part of the program too
	}
	binary = filepath.Join(dir, "locktop")
	os.Setenv("LOCKTOP_STATE_DIR", filepath.Join(dir, "state")) // the audit trail of these tests
	build := exec.Command("go", "build", "-o", binary, "../..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long a screen may take to show what it must; it decides nothing else.
const patience = 30 * time.Second

// terminal runs the program on a screen.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File
	vt   vt10x.Terminal
	done chan struct{} // closed when the program has ended and all it drew was read
	err  error

	mu  sync.Mutex
	raw []byte // everything it ever drew
}

// start runs the program in a terminal of a size. Environment entries come as NAME=value.
func start(t *testing.T, cols, rows int, env []string, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "NO_COLOR=", "CI=", "LOCKTOP_URL=", "REDIS_URL="}, env...)...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: cmd, pty: f, vt: vt10x.New(vt10x.WithSize(cols, rows)), done: make(chan struct{})}
	go term.read()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-term.done
		f.Close()
	})
	return term
}

func (term *terminal) read() {
	buf := make([]byte, 1<<16)
	for {
		n, err := term.pty.Read(buf)
		if n > 0 {
			term.mu.Lock()
			term.raw = append(term.raw, buf[:n]...)
			term.vt.Write(buf[:n])
			term.mu.Unlock()
		}
		if err != nil {
			break
		}
	}
	term.err = term.cmd.Wait()
	close(term.done)
}

// screen is what a person sees.
func (term *terminal) screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	lines := strings.Split(term.vt.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// drawn is every byte that ever went to the terminal.
func (term *terminal) drawn() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return string(term.raw)
}

// until waits until the screen shows what cond wants, and gives that screen.
func (term *terminal) until(what string, cond func(screen string) bool) string {
	term.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s := term.screen()
		if cond(s) {
			return s
		}
		select {
		case <-term.done:
			term.t.Fatalf("the program ended (%v) before %s; the screen is\n%s", term.err, what, s)
		default:
		}
		if time.Now().After(limit) {
			term.t.Fatalf("waited in vain for %s; the screen is\n%s", what, s)
		}
	}
}

func (term *terminal) shows(text string) string {
	term.t.Helper()
	return term.until(fmt.Sprintf("%q", text), func(s string) bool { return strings.Contains(s, text) })
}

func (term *terminal) showsNot(text string) string {
	term.t.Helper()
	return term.until(fmt.Sprintf("no %q", text), func(s string) bool { return !strings.Contains(s, text) })
}

// types sends keys.
func (term *terminal) types(keys string) {
	term.t.Helper()
	if _, err := term.pty.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// Keys that have no letter.
const (
	enter  = "\r"
	escape = "\x1b"
	tab    = "\t"
	ctrlC  = "\x03"
)

// ends waits for the program's end and gives its exit code.
func (term *terminal) ends() int {
	term.t.Helper()
	select {
	case <-term.done:
	case <-time.After(patience):
		term.t.Fatalf("the program does not end; the screen is\n%s", term.screen())
	}
	return term.cmd.ProcessState.ExitCode()
}

// line gives the line of the screen that has a text in it.
func line(screen, text string) string {
	for l := range strings.Lines(screen) {
		if strings.Contains(l, text) {
			return strings.TrimRight(l, "\n")
		}
	}
	return ""
}
