//go:build unix

package cli

// The built program in a terminal that never answers.

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"locktop/lockcore/locktest"
)

// inTerminal starts the built program in a terminal that never answers.
func inTerminal(t *testing.T, args ...string) (*exec.Cmd, *os.File) {
	t.Helper()
	cmd := exec.Command(program, args...)
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "TERM" && name != "COLORFGBG" && name != "CI" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "COLORTERM=truecolor")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		terminal.Close()
	})
	return cmd, terminal
}

func TestNoCommandAsksTheTerminalAnything(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"--help"}, {"list", "--url", "redis://127.0.0.1:1/0"}, {"nonsense"}} {
		begun := time.Now()
		cmd, terminal := inTerminal(t, args...)
		// All that it writes is read and nothing is ever answered. The end is an error on Linux.
		wrote, _ := io.ReadAll(terminal)
		cmd.Wait()
		t.Logf("locktop %s took %s", strings.Join(args, " "), time.Since(begun).Round(time.Millisecond))
		if len(wrote) == 0 || strings.Contains(string(wrote), "\x1b") {
			t.Errorf("locktop %s wrote %q to its terminal", strings.Join(args, " "), wrote)
		}
	}
}

func TestTheDashboardOpensAndEnds(t *testing.T) {
	r := redisWithEvents(t)
	r.CLI("SET", "lock:shown", "A", "PX", "600000")
	for _, c := range []struct {
		name, url, shows string
		end              func(cmd *exec.Cmd, terminal *os.File)
		code             int
	}{
		{"q", r.URL(), "lock:shown", func(_ *exec.Cmd, terminal *os.File) { terminal.WriteString("q") }, exitDone},
		{"Ctrl+C", r.URL(), "lock:shown", func(_ *exec.Cmd, terminal *os.File) { terminal.WriteString("\x03") }, exitDone},
		{"SIGINT", r.URL(), "lock:shown", func(cmd *exec.Cmd, _ *os.File) { cmd.Process.Signal(os.Interrupt) }, exitInterrupted},
		{"SIGTERM", r.URL(), "lock:shown", func(cmd *exec.Cmd, _ *os.File) { cmd.Process.Signal(syscall.SIGTERM) }, exitTerminated},
		// A server that cannot be reached is no reason not to open.
		{"without a server", "redis://" + locktest.FreeAddr(t) + "/0", "locktop", func(_ *exec.Cmd, terminal *os.File) { terminal.WriteString("q") }, exitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, terminal := inTerminal(t, "--url", c.url)
			var screen buffer
			go io.Copy(&screen, terminal)
			eventually(t, "it shows "+c.shows, func() bool { return strings.Contains(screen.String(), c.shows) })
			c.end(cmd, terminal)
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Fatalf("it did not end; it shows %q", screen.String())
			}
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d instead of %d", code, c.code)
			}
		})
	}
}
