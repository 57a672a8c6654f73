package locktest

// A real redis-server as a child process: started on a free loopback port,
// stopped, killed, frozen and started again on the same port.

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a server may take until it answers. Generous: it only
// decides how soon a broken set-up is reported, never whether a test passes.
const startLimit = 30 * time.Second

// Redis is a running redis-server. Its methods fail the test on errors.
type Redis struct {
	Addr string // 127.0.0.1:port, the plain TCP listener
	Dir  string // its working directory, removed with the test

	t    testing.TB
	args []string
	conf string   // a sentinel's configuration file; empty for a server
	env  []string // beside that of the test, as name=value
	mu   sync.Mutex
	cmd  *exec.Cmd
	log  *bytes.Buffer
	// frozen is set between Freeze and Thaw
	frozen bool
}

// Binary is the server program that tests run: LOCKTOP_TEST_SERVER, else redis-server.
func Binary() string {
	if b := os.Getenv("LOCKTOP_TEST_SERVER"); b != "" {
		return b
	}
	return "redis-server"
}

// StartRedis starts a server with extra arguments, such as "--notify-keyspace-events", "KA",
// and stops it with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startSomewhere(t, func() *Redis { return prepare(t, FreeAddr(t), args...) })
}

// startSomewhere starts what prepare gives. A port that was free can be taken by the time it
// is used, by another test at the same time: then it is tried with another one.
func startSomewhere(t testing.TB, prepare func() *Redis) *Redis {
	t.Helper()
	for range 10 {
		if r := prepare(); r.start() {
			return r
		}
	}
	t.Fatalf("locktest: found no port for %s that stayed free", Binary())
	return nil
}

// prepare gives a server that has not been started, in a directory of its own.
func prepare(t testing.TB, addr string, args ...string) *Redis {
	t.Helper()
	// A unix socket's path has a limit of 108 bytes, which t.TempDir can pass.
	dir, err := os.MkdirTemp("", "locktest")
	if err != nil {
		t.Fatalf("locktest: make a directory for redis-server: %v", err)
	}
	r := &Redis{Addr: addr, Dir: dir, t: t, args: args}
	t.Cleanup(func() {
		r.stop()
		os.RemoveAll(dir)
	})
	return r
}

// FreeAddr is a loopback address whose port was free a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("locktest: find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().String()
}

// URL is the server's address as locktop takes it.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// Socket is the path of the server's unix socket.
func (r *Redis) Socket() string { return filepath.Join(r.Dir, "redis.sock") }

// Port is the port of the plain TCP listener.
func (r *Redis) Port() string { return r.Addr[strings.LastIndexByte(r.Addr, ':')+1:] }

// Start starts the server again after Kill, on the same port and
// with whatever data it had saved.
func (r *Redis) Start() {
	r.t.Helper()
	if !r.start() {
		r.t.Fatalf("locktest: %s is taken by another server", r.Addr)
	}
}

// start is false where another server answers on the port.
func (r *Redis) start() bool {
	r.t.Helper()
	path, err := exec.LookPath(Binary())
	if err != nil {
		r.t.Fatalf("locktest: %s is not installed, and these tests need a real one.\n"+
			"Get it with: make deps   (or: apt-get install redis-server; brew install redis)", Binary())
	}
	args := append([]string{
		"--port", r.Port(), "--bind", "127.0.0.1", "--dir", r.Dir,
		"--unixsocket", r.Socket(), "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, r.args...)
	if r.conf != "" {
		args = []string{r.conf, "--sentinel"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = &bytes.Buffer{}
	r.cmd = exec.Command(path, args...)
	r.cmd.Env = append(os.Environ(), r.env...)
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("locktest: start %s: %v", path, err)
	}
	for limit := time.Now().Add(startLimit); ; {
		if err := ping(r.Addr); err == nil {
			if r.isItself() {
				return true
			}
			r.cmd.Process.Kill()
			r.cmd.Wait()
			r.cmd = nil
			return false
		} else if time.Now().After(limit) {
			r.cmd.Process.Kill()
			r.cmd.Wait()
			r.t.Fatalf("locktest: %s did not answer on %s: %v\n%s", path, r.Addr, err, r.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// isItself tells that the server that answers is the process that was started. One that wants
// a password does not say, and is believed.
func (r *Redis) isItself() bool {
	info, err := command(r.Addr, []string{"INFO", "server"})
	return err == nil && (strings.HasPrefix(info, "-") || strings.Contains(info, fmt.Sprintf("process_id:%d\r", r.cmd.Process.Pid)))
}

// ping is enough of the protocol to see that a server answers; with a password
// or an ACL it answers with an error, which is an answer too.
func ping(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	if err != nil {
		return err
	}
	if reply := string(buf[:n]); strings.HasPrefix(reply, "-LOADING") {
		return fmt.Errorf("it says %q", reply)
	}
	return nil
}

// Kill ends the server at once, as a crash does (SIGKILL).
func (r *Redis) Kill() { r.t.Helper(); r.stop() }

// Freeze stops the server from running while its connections stay open (SIGSTOP); Thaw goes on.
func (r *Redis) Freeze() { r.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server run again.
func (r *Redis) Thaw() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s syscall.Signal) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		r.t.Fatalf("locktest: the server is not running")
	}
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatalf("locktest: signal %v: %v", s, err)
	}
	r.frozen = s == syscall.SIGSTOP
}

// Running tells that the server was neither killed nor frozen.
func (r *Redis) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cmd != nil && !r.frozen
}

func (r *Redis) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return
	}
	r.cmd.Process.Kill()
	r.cmd.Wait()
	r.cmd, r.frozen = nil, false
}

// CLI sends one command as redis-cli would, by its own small client, and returns
// the reply as text; an error reply is returned with its leading "-".
func (r *Redis) CLI(args ...string) string {
	r.t.Helper()
	return Command(r.t, r.Addr, args...)
}

// try is CLI for a server that may be just about to cut its connections; it gives "" then.
func (r *Redis) try(args ...string) string {
	reply, _ := command(r.Addr, args)
	return reply
}

// Command does for any server what CLI does for this one.
func Command(t testing.TB, addr string, args ...string) string {
	t.Helper()
	reply, err := command(addr, args)
	if err != nil {
		t.Fatalf("locktest: %s on %s: %v", args[0], addr, err)
	}
	return reply
}

func command(addr string, args []string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(startLimit))
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return "", err
	}
	return readReply(newLines(c))
}

// readReply flattens a RESP2 reply into text: bulk strings and integers as they
// are, nil as "(nil)", arrays one element a line.
func readReply(in *lines) (string, error) {
	line, err := in.line()
	if err != nil {
		return "", err
	}
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "(nil)", err
		}
		return in.bytes(n)
	case '*':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "(nil)", err
		}
		items := make([]string, n)
		for i := range items {
			if items[i], err = readReply(in); err != nil {
				return "", err
			}
		}
		return strings.Join(items, "\n"), nil
	}
	return line, nil // an error reply
}
