package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"locktop/lockcore/locktest"
)

// trail is a state directory of a test's own.
func trail(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	t.Setenv("LOCKTOP_STATE_DIR", dir)
	return filepath.Join(dir, "audit.jsonl")
}

// onRecord is what locktop audit tells.
func onRecord(t *testing.T, url string, flags ...string) []map[string]any {
	t.Helper()
	p := launch(t, url, append([]string{"audit", "--json"}, flags...)...)
	if code := p.code(); code != 0 {
		t.Fatalf("audit exits with %d: %s", code, p.err.String())
	}
	var all []map[string]any
	if err := json.Unmarshal([]byte(p.out.String()), &all); err != nil {
		t.Fatalf("%v: %s", err, p.out.String())
	}
	return all
}

func TestAKilledOrderLeavesItsIntent(t *testing.T) {
	srv := locktest.StartRedis(t)
	trail(t)
	proxy := locktest.StartProxy(t, srv.Addr)
	for kind, args := range map[string][]string{
		"force-release": {"force-release", "lock:a", "--expect-owner", "A", "--reason", "INC-42", "--operator", "ann", "--yes"},
		"seize":         {"seize", "lock:a", "--expect-owner", "A", "--reason", "INC-42", "--operator", "ann", "--ttl", "1m", "--yes"},
	} {
		// Once past the proxy, so that the server knows the script and answers what was done.
		srv.CLI("SET", "lock:a", "A", "PX", "600000")
		if code, out := locktop(t, srv, args...); code != 0 {
			t.Fatalf("exit %d: %s", code, out)
		}
		srv.CLI("SET", "lock:a", "A", "PX", "600000")
		lost := proxy.Lost()
		proxy.LoseRepliesTo("evalsha", false)
		p := launch(t, proxy.URL(), append(args, "--timeout", "10m")...)
		p.until("its step is done and the answer hangs", func() bool { return proxy.Lost() > lost })
		p.signal(syscall.SIGKILL)
		p.code()
		proxy.LoseRepliesTo("", false)

		all := onRecord(t, proxy.URL(), "--key", "lock:a")
		last := all[len(all)-1]
		if last["kind"] != kind || last["outcome"] != nil || last["reason"] != "INC-42" || last["operator"] != "ann" || last["owner"] != "A" {
			t.Errorf("on record is %v", last)
		}
		if owner := srv.CLI("GET", "lock:a"); owner == "A" {
			t.Errorf("the step was not done, so this test shows nothing")
		}
		table := launch(t, proxy.URL(), "audit")
		if table.code(); !strings.Contains(table.out.String(), "outcome not recorded") {
			t.Errorf("the table says\n%s", table.out.String())
		}
	}
	if n := srv.CLI("XLEN", "locktop:audit"); n != "2" {
		t.Errorf("the stream has %s entries", n)
	}
}

func TestAnOrderThatIsKilledBeforeItsStepLeavesItsIntent(t *testing.T) {
	srv := locktest.StartRedis(t)
	file := trail(t)
	srv.CLI("SET", "lock:a", "A", "PX", "600000")
	p := launch(t, srv.URL(), "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes", "--timeout", "10m")
	// Whenever the line is there, before the step or after it, the trail knows of the order.
	p.until("the intent is written", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "\n")
	})
	p.cmd.Process.Kill()
	p.code()
	all := onRecord(t, srv.URL())
	done := srv.CLI("EXISTS", "lock:a") == "0"
	if len(all) != 1 || all[0]["outcome"] == "done" && !done {
		t.Errorf("on record is %v, and done: %t", all, done)
	}
}

func TestAnInterruptedOrderIsOnRecordAsUnknown(t *testing.T) {
	srv := locktest.StartRedis(t)
	trail(t)
	proxy := locktest.StartProxy(t, srv.Addr)
	force := []string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes"}
	srv.CLI("SET", "lock:a", "A", "PX", "600000")
	if code, out := locktop(t, srv, force...); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	srv.CLI("SET", "lock:a", "A", "PX", "600000")
	proxy.LoseRepliesTo("evalsha", false)
	p := launch(t, proxy.URL(), append(force, "--timeout", "10m")...)
	p.until("the answer hangs", func() bool { return proxy.Lost() > 0 })
	p.signal(syscall.SIGINT)
	if code := p.code(); code != 130 || !strings.Contains(p.err.String(), "locktop inspect lock:a") {
		t.Errorf("exit %d, stderr %q", code, p.err.String())
	}
	all := onRecord(t, proxy.URL())
	if len(all) != 2 || all[1]["outcome"] != "unknown" {
		t.Errorf("on record is %v", all)
	}
}

func TestTheTrailIsTheUsersAlone(t *testing.T) {
	srv := locktest.StartRedis(t)
	home := t.TempDir()
	t.Setenv("LOCKTOP_STATE_DIR", "")
	t.Setenv("XDG_STATE_HOME", home)
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	force := func() {
		t.Helper()
		srv.CLI("SET", "lock:a", "A")
		if code, out := locktop(t, srv, "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes"); code != 0 {
			t.Fatalf("exit %d: %s", code, out)
		}
		for path, want := range map[string]os.FileMode{"locktop": 0o700, "locktop/audit.jsonl": 0o600} {
			info, err := os.Stat(filepath.Join(home, path))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode().Perm(), err)
			}
		}
	}
	force()
	os.Chmod(filepath.Join(home, "locktop/audit.jsonl"), 0o666)
	force()
	if code, out := locktop(t, srv, "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--dry-run"); code != 3 || !strings.Contains(out, "nobody holds it") {
		t.Errorf("dry run: %d, %s", code, out)
	}
	text, _ := os.ReadFile(filepath.Join(home, "locktop/audit.jsonl"))
	if n := strings.Count(string(text), "\n"); n != 4 {
		t.Errorf("the file has %d lines:\n%s", n, text)
	}
}

func TestNoSecretIsPutOnRecord(t *testing.T) {
	srv := locktest.StartRedis(t)
	file := trail(t)
	srv.CLI("ACL", "SETUSER", "ann", "on", ">s3cret", "~*", "&*", "+@all")
	srv.CLI("SET", "lock:a", "A")
	p := launch(t, "redis://ann:s3cret@"+srv.Addr+"/0", "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes")
	if code := p.code(); code != 0 {
		t.Fatalf("exit %d: %s", code, p.err.String())
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "ann@"+srv.Addr) || strings.Contains(string(text)+srv.CLI("XRANGE", "locktop:audit", "-", "+"), "s3cret") {
		t.Errorf("%v, %s", err, text)
	}
}

func TestTheDashboardsForcedReleaseIsOnRecord(t *testing.T) {
	srv := server(t)
	trail(t)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 80, 24, "--operator", "ann")
	term.force("its worker is gone", "")
	term.types(tab + enter)
	term.until("the lock to be free", func(s string) bool {
		return strings.Contains(s, "held 0") && strings.Contains(s, "released lock:invoice_7")
	})
	all := onRecord(t, srv.URL())
	if len(all) != 1 || all[0]["kind"] != "force-release" || all[0]["outcome"] != "done" || all[0]["operator"] != "ann" || all[0]["reason"] != "its worker is gone" ||
		all[0]["owner"] != owner32 || all[0]["ttl_ms"] != -1. {
		t.Errorf("on record is %v", all)
	}
}

func TestWithoutAPlaceForTheTrailTheDashboardForcesNothing(t *testing.T) {
	srv := server(t)
	blocked := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOCKTOP_STATE_DIR", blocked)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 200, 24)
	term.force("its worker is gone", "")
	term.types(tab + enter)
	term.shows("not released: it cannot be put on record first")
	if got := srv.CLI("GET", "lock:invoice_7"); got != owner32 {
		t.Errorf("held by %q", got)
	}
}

func TestTheDemoLeavesTheUsersTrailAlone(t *testing.T) {
	file := trail(t)
	term := start(t, 200, 60, nil, "demo")
	url := joinURL.FindString(term.until("held locks", func(s string) bool { return number(heldCount, s) >= 30 }))
	term.types("x")
	term.shows("Cancel")
	term.until("the dialog to take keys", func(s string) bool {
		if strings.Contains(line(s, "Reason"), "#") {
			return true
		}
		term.types("#")
		return false
	})
	name := strings.Fields(line(term.screen(), " lock "))[1]
	term.types(enter + name + enter + tab + enter)
	published := 0
	term.until("the release to be on record", func(string) bool {
		published = len(onRecord(t, url, "--all"))
		return published > 0
	})
	term.types("q")
	if code := term.ends(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the user's own trail was written to: %v", err)
	}
}
