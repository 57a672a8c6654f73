package cli

// The demo's own server: embedded in this process, or a redis-server beside it. Both listen on a free port of loopback,
// keep nothing on disk, and are gone when the demo is.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"locktop/lockcore/embedded"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

// The kinds of server.
const (
	demoEmbedded = "embedded"
	demoRedis    = "redis"
)

// How long a redis-server may take to answer, and to end before it is killed.
const (
	redisStart = 10 * time.Second
	redisEnd   = time.Second
)

// demoServer is a running server.
type demoServer struct {
	url       string
	ended     <-chan struct{} // closed if it ends by itself; nil if it can't
	lastWords func() string   // why, as far as it said; begins with a colon, or empty
	stop      func()
}

func startDemoServer(ctx context.Context, kind string) (*demoServer, error) {
	if kind == demoRedis {
		return startRedisServer(ctx)
	}
	s, err := embedded.Start(embedded.Options{})
	if err != nil {
		return nil, failed("demo: cannot start the embedded server: %s", watcher.NewText(err.Error()))
	}
	return &demoServer{url: s.URL(), lastWords: func() string { return "" }, stop: func() { s.Close() }}, nil
}

// startRedisServer runs redis-server from PATH and waits until it answers.
func startRedisServer(ctx context.Context) (*demoServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, failed("demo: there is no redis-server on the PATH; install it, or use --server embedded")
	}
	for try := 1; ; try++ {
		s, err := tryRedisServer(ctx, program)
		// Between finding a port that is free and listening on it somebody else may have taken it.
		if err == nil || try == 5 || !strings.Contains(err.Error(), "listening on port") {
			return s, err
		}
	}
}

func tryRedisServer(ctx context.Context, program string) (*demoServer, error) {
	dir, err := os.MkdirTemp("", "locktop-demo-")
	if err != nil {
		return nil, failed("demo: cannot make a directory for redis-server: %s", watcher.NewText(err.Error()))
	}
	removeDir := func() { os.RemoveAll(dir) }
	port, err := freePort()
	if err != nil {
		removeDir()
		return nil, failed("demo: no free port on loopback: %s", watcher.NewText(err.Error()))
	}
	said := &tail{}
	cmd := exec.Command(program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--notify-keyspace-events", demoEvents)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	ended, err := startChild(cmd)
	if err != nil {
		removeDir()
		return nil, failed("demo: cannot start redis-server: %s", watcher.NewText(err.Error()))
	}
	s := &demoServer{url: fmt.Sprintf("redis://127.0.0.1:%d/0", port), ended: ended, lastWords: said.String}
	s.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		timer := time.NewTimer(redisEnd)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			cmd.Process.Kill()
			<-ended
		}
		removeDir()
	})
	if err := s.answers(ctx, cmd.Process.Pid); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// answers waits until the server does, that very process: nobody else's is ever touched.
func (s *demoServer) answers(ctx context.Context, pid int) error {
	client, err := resp.New(resp.Options{URL: s.url, Timeout: time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	limit := time.NewTimer(redisStart)
	defer limit.Stop()
	for {
		info, err := within(ctx, time.Second, func(ctx context.Context) (map[string]string, error) { return client.Info(ctx, "server") })
		if err == nil && info["process_id"] == strconv.Itoa(pid) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.ended:
			return failed("demo: redis-server ended at once%s", s.lastWords())
		case <-limit.C:
			return failed("demo: redis-server does not answer on %s%s", s.url, s.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no TCP address")
	}
	return a.Port, nil
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailKept = 4096

// Write takes what it says, and forgets the beginning.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = append([]byte(nil), t.text[max(0, len(t.text)-tailKept):]...)
	return len(p), nil
}

// String is the last line, as the end of a sentence.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.text), []byte("\n"))
	line := bytes.TrimSpace(lines[len(lines)-1])
	if len(line) == 0 {
		return ""
	}
	return ": " + watcher.NewText(string(line)).String()
}
