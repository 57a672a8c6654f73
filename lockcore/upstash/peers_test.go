package upstash_test

// The real npm clients beside ours, on the same locks.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

const npmDir = "../../testdata/npm"

// peer is a node process with @upstash/lock and @upstash/redis.
type peer struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Scanner
	log *bytes.Buffer
}

func startPeer(t *testing.T, front *locktest.REST) *peer {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed, and this test runs the real @upstash/lock and @upstash/redis beside ours.\nGet it with: make deps")
	}
	for _, module := range []string{"@upstash/lock", "@upstash/redis"} {
		if _, err := os.Stat(filepath.Join(npmDir, "node_modules", module, "package.json")); err != nil {
			t.Fatalf("%s is not installed in testdata/npm, and this test runs it beside ours.\nGet it with: make deps", module)
		}
	}
	cmd := exec.Command(node, "peer.mjs")
	cmd.Dir = npmDir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "UPSTASH_REDIS_REST_URL=" + front.URL(), "UPSTASH_REDIS_REST_TOKEN=" + front.Token()}
	p := &peer{t: t, log: &bytes.Buffer{}}
	cmd.Stderr = p.log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		kill := time.AfterFunc(limit, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("node ended with %v\n%s", err, p.log)
		}
	})
	p.in, p.out = json.NewEncoder(stdin), bufio.NewScanner(stdout)
	return p
}

// do sends a command and gives its result, or its error as text.
func (p *peer) do(command map[string]any) (result any, failed string) {
	p.t.Helper()
	if err := p.in.Encode(command); err != nil || !p.out.Scan() {
		p.t.Fatalf("node does not answer %v: %v %v", command, err, p.out.Err())
	}
	var answer struct {
		Result any
		Error  string
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		p.t.Fatalf("node answers %q: %v", p.out.Text(), err)
	}
	return answer.Result, answer.Error
}

// is runs a command that must have this result.
func (p *peer) is(want any, command map[string]any) {
	p.t.Helper()
	if got, failed := p.do(command); got != want || failed != "" {
		p.t.Errorf("%v gives %v %s; not %v", command, got, failed, want)
	}
}

func (p *peer) acquires(key, uuid string) {
	p.t.Helper()
	p.is(true, map[string]any{"do": "acquire", "key": key, "lease": 600_000, "uuid": uuid})
}

func TestTheNpmClientsAndWeRespectEachOther(t *testing.T) {
	srv, front, client := start(t)
	p := startPeer(t, front)
	c, ctx := lockcore.New(client), context.Background()
	defer c.Wait()
	const uuid, minute = "4f1c9a52-6d2e-4c37-9a51-0f8d3f1a7b6e", time.Minute
	if versions, failed := p.do(map[string]any{"do": "versions"}); failed != "" {
		t.Fatalf("%v %s", versions, failed)
	} else {
		t.Log(versions)
	}

	t.Run("theirs is seen as theirs, and denied to us by name", func(t *testing.T) {
		p.acquires("lock:a", uuid)
		l, err := c.Inspect(ctx, "lock:a")
		if err != nil || l.Owner != uuid || l.Fence != 0 || l.Held != -1 || l.TTL <= 9*minute || l.TTL > 10*minute {
			t.Errorf("seen is %+v, %v", l, err)
		}
		_, err = c.Acquire(ctx, "lock:a", "we", minute, nil)
		held, ok := errors.AsType[*lockcore.HeldError](err)
		if !ok || held.Owner != uuid || held.Fence != 0 || held.TTL <= 9*minute || !strings.Contains(err.Error(), uuid) {
			t.Errorf("our denial is %v", err)
		}
		if _, err := c.Release(ctx, "lock:a", "we", nil); !errors.Is(err, lockcore.ErrNotHeld) {
			t.Errorf("our release of it is answered %v", err)
		}
		p.is("ACQUIRED", map[string]any{"do": "status", "key": "lock:a"})
	})

	t.Run("they extend and release theirs, and we see it", func(t *testing.T) {
		p.is(true, map[string]any{"do": "extend", "key": "lock:a", "ms": 600_000})
		if l, err := c.Inspect(ctx, "lock:a"); err != nil || l.TTL <= 19*minute {
			t.Errorf("extended it is seen as %+v, %v", l, err)
		}
		p.is(true, map[string]any{"do": "release", "key": "lock:a"})
		if l, err := c.Inspect(ctx, "lock:a"); err != nil || l.Owner != "" {
			t.Errorf("released it is seen as %+v, %v", l, err)
		}
	})

	t.Run("ours is refused to them and not touched", func(t *testing.T) {
		h, err := c.Acquire(ctx, "lock:b", "we", 10*minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.is(false, map[string]any{"do": "acquire", "key": "lock:b", "lease": 600_000, "uuid": uuid})
		p.is(nil, map[string]any{"do": "set", "key": "lock:b", "value": uuid, "options": map[string]any{"nx": true, "px": 600_000}})
		p.is("we", map[string]any{"do": "get", "key": "lock:b"})
		p.is("FREE", map[string]any{"do": "status", "key": "lock:b"})
		if got, _ := p.do(map[string]any{"do": "release", "key": "lock:b"}); got == true {
			t.Error("they released what they did not get")
		}
		if l, err := c.Inspect(ctx, "lock:b"); err != nil || l.Owner != "we" || l.Fence != h.Fence {
			t.Errorf("seen is %+v, %v; it should be %+v", l, err, h)
		}
	})

	t.Run("a hold of theirs does not show an earlier fence of ours", func(t *testing.T) {
		h, err := c.Acquire(ctx, "lock:c", uuid, 10*minute, nil) // even of the same owner
		if err != nil {
			t.Fatal(err)
		}
		srv.CLI("DEL", "lock:c")
		p.is(true, map[string]any{"do": "acquire", "key": "lock:c", "lease": 300_000, "uuid": uuid})
		l, err := c.Inspect(ctx, "lock:c")
		if err != nil || l.Owner != uuid || l.Fence != 0 || l.Held != -1 || l.Ledger == nil {
			t.Errorf("seen is %+v, %v; our hold was %+v", l, err, h)
		}
		_, err = c.Acquire(ctx, "lock:c", "other", minute, nil)
		if held, ok := errors.AsType[*lockcore.HeldError](err); !ok || held.Owner != uuid || held.Fence != 0 {
			t.Errorf("a denial is %v", err)
		}
		p.is(true, map[string]any{"do": "release", "key": "lock:c"})
		again, err := c.Acquire(ctx, "lock:c", "we", minute, nil)
		if err != nil || again.Fence <= h.Fence {
			t.Errorf("after it we get %+v, %v; before it %+v", again, err, h)
		}
	})

	t.Run("their late release leaves our later hold alone", func(t *testing.T) {
		p.acquires("lock:d", uuid)
		l, err := c.Inspect(ctx, "lock:d")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ForceRelease(ctx, lockcore.ForceRelease{Key: "lock:d", Expect: l.Expectation(), Operator: "ann", Reason: "it is stuck"}); err != nil {
			t.Fatal(err)
		}
		h, err := c.Acquire(ctx, "lock:d", "we", 10*minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.is(false, map[string]any{"do": "extend", "key": "lock:d", "ms": 600_000})
		p.is(false, map[string]any{"do": "release", "key": "lock:d"})
		p.is("FREE", map[string]any{"do": "status", "key": "lock:d"})
		if l, err := c.Inspect(ctx, "lock:d"); err != nil || l.Owner != "we" || l.Fence != h.Fence || l.TTL <= 9*minute || l.TTL > 10*minute {
			t.Errorf("seen is %+v, %v; it should be %+v", l, err, h)
		}
	})

	t.Run("a forced release that expects another hold leaves theirs alone", func(t *testing.T) {
		p.acquires("lock:e", uuid)
		_, err := c.ForceRelease(ctx, lockcore.ForceRelease{Key: "lock:e", Expect: lockcore.Expectation{Owner: "somebody"}, Operator: "ann", Reason: "it is stuck"})
		if !errors.Is(err, lockcore.ErrChanged) {
			t.Errorf("it is answered %v", err)
		}
		p.is("ACQUIRED", map[string]any{"do": "status", "key": "lock:e"})
	})

	t.Run("text of every kind is the same to both", func(t *testing.T) {
		owner := "ö \x00\n\"\\<&>\u2028🔒"
		if _, err := c.Acquire(ctx, "lock:ü", owner, 10*minute, nil); err != nil {
			t.Fatal(err)
		}
		p.is(owner, map[string]any{"do": "get", "key": "lock:ü"})
		p.is(owner, map[string]any{"do": "eval", "script": "return redis.call('GET', KEYS[1])", "keys": []string{"lock:ü"}, "args": []string{}})
		p.is(float64(1), map[string]any{"do": "eval", "script": "return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0", "keys": []string{"lock:ü"}, "args": []string{owner}})
		p.is(float64(1), map[string]any{"do": "del", "keys": []string{"lock:ü"}})
		if l, err := c.Inspect(ctx, "lock:ü"); err != nil || l.Owner != "" {
			t.Errorf("deleted it is seen as %+v, %v", l, err)
		}
	})
}
