package cli

// What the tests of this package stand on: commands in-process on a real redis-server, and
// the built program for what only a process has: exit codes, signals, a terminal.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore/locktest"
	"locktop/ui/audit"
)

// program is the built locktop.
var program string

// stateDir is where the tests' audit trail lies, unless a test wants one of its own.
var stateDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "locktop-cli")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, source := range []string{"../../main.go", "../quiet/quiet.go"} {
		os.Stat(source) // no package of this test imports them: without this, go test would take an old result for theirs
	}
	program, stateDir = filepath.Join(dir, "locktop"), filepath.Join(dir, "state")
	if out, err := exec.Command("go", "build", "-o", program, "locktop").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build locktop: %v\n%s", err, out)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// buffer can be written by a command and looked at by its test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// answer is what a command said.
type answer struct {
	out, err string
	code     int
}

// shell runs commands in-process.
type shell struct {
	vars     map[string]string
	in       io.Reader
	terminal bool
	ctx      context.Context
}

// on is a shell in which LOCKTOP_URL names the server.
func on(url string) *shell {
	return &shell{vars: map[string]string{"LOCKTOP_URL": url, audit.StateDirVariable: stateDir}, in: strings.NewReader(""), ctx: context.Background()}
}

func (s *shell) env(out, err io.Writer, args ...string) *env {
	return &env{
		args: args, in: s.in, out: out, err: err, inTerminal: s.terminal, outTerminal: s.terminal,
		getenv: func(name string) string { return s.vars[name] }, now: time.Now,
	}
}

func (s *shell) run(args ...string) answer {
	var out, err buffer
	code := run(s.ctx, s.env(&out, &err, args...))
	return answer{out.String(), err.String(), code}
}

// must runs a command that succeeds.
func (s *shell) must(t *testing.T, args ...string) string {
	t.Helper()
	got := s.run(args...)
	if got.code != exitDone || got.err != "" {
		t.Fatalf("locktop %s: exit %d, %q", strings.Join(args, " "), got.code, got.err)
	}
	return got.out
}

// fails checks that a command ended with a code and one line with all the texts in it.
func (a answer) fails(t *testing.T, code int, texts ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("exit code %d instead of %d; stderr %q", a.code, code, a.err)
	}
	if a.out != "" {
		t.Errorf("it printed %q and failed", a.out)
	}
	if strings.Count(a.err, "\n") != 1 || !strings.HasSuffix(a.err, "\n") || !strings.HasPrefix(a.err, "locktop: ") {
		t.Errorf("not one line that begins with the program's name: %q", a.err)
	}
	for _, text := range texts {
		if !strings.Contains(a.err, text) {
			t.Errorf("the line lacks %q: %q", text, a.err)
		}
	}
}

// running is a started program.
type running struct {
	cmd      *exec.Cmd
	out, err buffer
	done     chan error
}

// start runs the built program with LOCKTOP_URL set.
func start(t *testing.T, url string, args ...string) *running {
	t.Helper()
	return startInto(t, nil, url, args...)
}

// startInto gives it a file as stdout, which is the program's own from then on.
func startInto(t *testing.T, out *os.File, url string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(program, args...), done: make(chan error, 1)}
	r.cmd.Env = append(os.Environ(), "LOCKTOP_URL="+url, audit.StateDirVariable+"="+stateDir)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.err
	if out != nil {
		defer out.Close()
		r.cmd.Stdout = out
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// answer waits for the program to end.
func (r *running) answer(t *testing.T) answer {
	t.Helper()
	select {
	case err := <-r.done:
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("locktop %v did not end; stdout %q, stderr %q", r.cmd.Args, r.out.String(), r.err.String())
	}
	return answer{r.out.String(), r.err.String(), r.cmd.ProcessState.ExitCode()}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// redisWithEvents is a server that sends the notifications that watching needs.
func redisWithEvents(t *testing.T) *locktest.Redis {
	return locktest.StartRedis(t, "--notify-keyspace-events", "KA")
}
