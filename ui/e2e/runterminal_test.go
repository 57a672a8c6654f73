package e2e

// locktop run in a shell on a terminal: the keys that stop, end and feed a command.

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"locktop/lockcore/locktest"
)

// interactive is a shell with job control in a terminal of its own.
func interactive(t *testing.T, url string) *terminal {
	t.Helper()
	cmd := exec.Command("sh", "-i")
	cmd.Env = append(os.Environ(), "TERM=dumb", "PS1=$ ", "ENV=", "LOCKTOP_URL="+url, "L="+binary)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: cmd, pty: f, vt: vt10x.New(vt10x.WithSize(120, 40)), done: make(chan struct{})}
	go term.read()
	t.Cleanup(func() {
		cmd.Process.Kill()
		f.Close()
		<-term.done
	})
	term.shows("$")
	return term
}

// asks types a line and waits for an answer on a line of its own.
func (term *terminal) asks(line, answer string) {
	term.t.Helper()
	term.types(line + "\r")
	term.answers(answer)
}

func (term *terminal) answers(answer string) {
	term.t.Helper()
	term.until("the answer "+answer, func(s string) bool {
		for l := range strings.Lines(s) {
			if strings.TrimSpace(strings.TrimPrefix(l, "$ ")) == answer { // the prompt may come first
				return true
			}
		}
		return false
	})
}

func TestRunInTheForegroundHasTheTerminal(t *testing.T) {
	srv := locktest.StartRedis(t)
	term := interactive(t, srv.URL())
	// It reads what is typed, and ends by Ctrl+C.
	term.asks(`$L run lock:a -- sh -c 'echo go; read x; echo "read $x"; exec sleep 600'; echo "code=$?"`, "go")
	term.types("hello\r")
	term.answers("read hello")
	term.types(ctrlC)
	term.shows("^Ccode=130")
	// The shell has its terminal back.
	term.asks("echo next", "next")
	if n := srv.CLI("EXISTS", "lock:a"); n != "0" {
		t.Error("the lock is not released")
	}
	// It is the foreground, without having to ask.
	term.asks(`$L run lock:a -- sh -c 'until set -- $(ps -o pgid= -o tpgid= -p $$); [ "$1" = "$2" ]; do sleep 0.02; done; echo front'`, "front")
	// A command that takes Ctrl+C for something else goes on.
	term.asks(`$L run lock:a -- sh -c 'trap "echo no" INT; echo go2; read x || read x; echo "then $x"'; echo "code2=$?"`, "go2")
	term.types(ctrlC)
	term.shows("^Cno")
	term.types("x\r")
	term.until("its end", func(s string) bool { return strings.Contains(s, "\ncode2=0") })
}

func TestCtrlZStopsBothAndFgGoesOn(t *testing.T) {
	srv := locktest.StartRedis(t)
	term := interactive(t, srv.URL())
	term.asks(`$L run lock:a --ttl 10m -- sh -c 'echo go; while read x; do echo "read $x"; done; exit 4'; echo "code=$?"`, "go")
	term.types("\x1a")
	term.until("the shell to say that it is stopped", func(s string) bool { return strings.Contains(s, "topped") })
	term.asks("echo between", "between")
	if owner := srv.CLI("EXISTS", "lock:a"); owner != "1" {
		t.Error("the lock is released while the command is stopped")
	}
	term.types("fg\r")
	term.types("hello\r")
	term.answers("read hello")
	term.types("\x04")
	term.asks("echo after", "after")
	term.until("the lock to be free", func(string) bool { return srv.CLI("EXISTS", "lock:a") == "0" })
}

func TestRunInAPipelineLeavesTheTerminalToTheOthers(t *testing.T) {
	srv := locktest.StartRedis(t)
	term := interactive(t, srv.URL())
	// The reader at its end wants the terminal, as a pager does.
	term.asks(`$L run lock:a -- sh -c 'echo text; exec sleep 600' | sh -c 'read x; echo "have $x"; read y </dev/tty; echo "typed $y"; exec sleep 600'`, "have text")
	term.types("key\r")
	term.answers("typed key")
	term.types(ctrlC)
	term.asks("echo next", "next")
	term.until("the lock to be free", func(string) bool { return srv.CLI("EXISTS", "lock:a") == "0" })
	// A command in the middle of one can still ask for a password.
	term.asks(`echo in | $L run lock:a -- sh -c 'read x; echo "ask"; read y </dev/tty; echo "got $x $y"' | cat`, "ask")
	term.types("pass\r")
	term.answers("got in pass")
	term.asks("echo last", "last")
}

func TestRunInTheBackgroundComesForward(t *testing.T) {
	srv := locktest.StartRedis(t)
	term := interactive(t, srv.URL())
	term.asks(`$L run lock:a -- sh -c 'echo go; read x; echo "read $x"' &`, "go")
	term.asks("echo meanwhile", "meanwhile")
	term.types("fg\r")
	term.types("hello\r")
	term.answers("read hello")
	term.asks("echo next", "next")
}

func TestALostLockEndsTheForegroundToo(t *testing.T) {
	srv := locktest.StartRedis(t)
	term := interactive(t, srv.URL())
	term.asks(`$L run lock:a --owner me --ttl 5s -- sh -c 'echo go; sleep 600 & wait'; echo "code=$?"`, "go")
	if code, out := locktop(t, srv, "force-release", "lock:a", "--expect-owner", "me", "--reason", "r", "--yes"); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	term.answers("code=4")
	term.asks("echo next", "next")
}
