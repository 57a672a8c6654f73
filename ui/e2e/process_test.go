package e2e

// The built program without a terminal: started, looked at while it runs, ended.

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is the running program.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	in       io.WriteCloser
	out, err output
	closed   chan struct{} // when nobody has its stdout open any more: neither the program nor what it started
	done     chan struct{} // when the program itself has ended
}

// output can be written and looked at at once.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// launch starts the program on a server.
func launch(t *testing.T, url string, args ...string) *process {
	t.Helper()
	return launchBy(t, url, binary, args...)
}

// launchBy starts it by another program.
func launchBy(t *testing.T, url, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), closed: make(chan struct{}), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "LOCKTOP_URL="+url)
	stdout, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout = write
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	go func() {
		defer close(p.closed)
		io.Copy(&p.out, stdout)
		stdout.Close()
	}()
	go func() {
		defer close(p.done)
		io.Copy(&p.err, stderr)
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.in.Close()
	})
	return p
}

// until waits for a condition.
func (p *process) until(what string, holds func() bool) {
	p.t.Helper()
	for limit := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			p.t.Fatalf("waited in vain until %s; stdout %q, stderr %q", what, p.out.String(), p.err.String())
		}
	}
}

func (p *process) says(text string) {
	p.t.Helper()
	p.until("it says "+text, func() bool { return strings.Contains(p.out.String(), text) })
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// code waits for the end of the program, and of everything that it started.
func (p *process) code() int {
	p.t.Helper()
	for what, ended := range map[string]chan struct{}{"the program": p.done, "what it started": p.closed} {
		select {
		case <-ended:
		case <-time.After(patience):
			p.t.Fatalf("%s does not end; stdout %q, stderr %q", what, p.out.String(), p.err.String())
		}
	}
	return p.cmd.ProcessState.ExitCode()
}
