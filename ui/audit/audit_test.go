package audit

// What the tests of this package stand on: a server in which the stream lies, a trail beside it, and a file that fails.

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is the moment at which all orders of these tests are given.
var at = time.Date(2026, 11, 24, 10, 0, 0, 123e6, time.UTC)

func client(t *testing.T, r *locktest.Redis) *resp.Client {
	t.Helper()
	c, err := resp.New(resp.Options{URL: r.URL(), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// trailOn is a trail with a directory of its own.
func trailOn(t *testing.T, to Commander) *Trail {
	t.Helper()
	return &Trail{
		Dir: Dir{Path: filepath.Join(t.TempDir(), "locktop")}, Stream: to, Server: "redis://cache:6379/0", Host: "build-7",
		Timeout: 10 * time.Second, Now: func() time.Time { return at },
	}
}

func order(operation string) Entry {
	return Entry{
		Operation: operation, Kind: ForceRelease, Operator: "ann", Key: "lock:a", Owner: "A", Fence: 7, TTL: 12 * time.Second, Reason: "its worker is gone",
	}
}

func done(context.Context) (Result, error) { return Result{}, nil }

// stream answers every command the same.
type stream struct {
	reply any
	err   error
	asked int
}

func (s *stream) Do(context.Context, ...any) (any, error) {
	s.asked++
	return s.reply, s.err
}

func local(t *testing.T, trail *Trail) []Order {
	t.Helper()
	orders, damaged, err := Local(trail.Dir)
	if err != nil || damaged != 0 {
		t.Fatalf("the local file: %d damaged lines, %v", damaged, err)
	}
	return orders
}

func lines(t *testing.T, trail *Trail) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(trail.Dir.Path, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// paper is a file that notes what is done to it, and fails when it is told to.
type paper struct {
	did     []string
	text    []byte
	failing string // write, or sync
	from    int    // the failing call of that name, counted from 1; later ones fail too
	calls   map[string]int
}

var errFull = errors.New("no space left on device")

func (p *paper) call(name string) error {
	if p.calls == nil {
		p.calls = map[string]int{}
	}
	p.calls[name]++
	p.did = append(p.did, name)
	if p.failing == name && p.calls[name] >= p.from {
		return errFull
	}
	return nil
}

func (p *paper) Write(b []byte) (int, error) {
	if err := p.call("write"); err != nil {
		p.text = append(p.text, b[:len(b)/2]...)
		return len(b) / 2, err
	}
	p.text = append(p.text, b...)
	return len(b), nil
}

func (p *paper) Sync() error { return p.call("sync") }

func (p *paper) Close() error { return nil }

func (p *paper) ReadAt(b []byte, at int64) (int, error) {
	n := copy(b, p.text[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (p *paper) Stat() (fs.FileInfo, error) { return paperInfo{size: int64(len(p.text))}, nil }

type paperInfo struct {
	fs.FileInfo
	size int64
}

func (i paperInfo) Size() int64 { return i.size }

// held takes a lock for A.
func held(t *testing.T, c *lockcore.Client, key string) *lockcore.Hold {
	t.Helper()
	h, err := c.Acquire(t.Context(), key, "A", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
