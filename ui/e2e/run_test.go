package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"locktop/lockcore/locktest"
)

// run is locktop run on a lock: flags, and after them the command.
func run(t *testing.T, url string, flagsAndCommand ...string) *process {
	t.Helper()
	return launch(t, url, append([]string{"run", "lock:a"}, flagsAndCommand...)...)
}

func TestRunExitsAsItsCommandDid(t *testing.T) {
	srv := locktest.StartRedis(t)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("\x00\x01\x02"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command []string
		code    int
		says    string // on stderr
	}{
		{[]string{"true"}, 0, ""},
		{[]string{"sh", "-c", "exit 7"}, 7, ""},
		{[]string{"sh", "-c", "exit 3"}, 3, ""},
		{[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		{[]string{"sh", "-c", "echo oops >&2; exit 255"}, 255, "oops\n"},
		{[]string{"no-such-command-anywhere"}, 127, "there is no command no-such-command-anywhere"},
		{[]string{"./no/such/file"}, 127, "there is no command"},
		{[]string{plain}, 126, "permission denied"},
		{[]string{garbage}, 126, "exec format error"},
	} {
		p := run(t, srv.URL(), append([]string{"--"}, c.command...)...)
		if code := p.code(); code != c.code {
			t.Errorf("%v exits with %d, stderr %q", c.command, code, p.err.String())
		}
		if said := p.err.String(); !strings.Contains(said, c.says) || c.says == "" && said != "" || strings.Count(said, "\n") > 1 {
			t.Errorf("%v: stderr %q", c.command, said)
		}
		if n := srv.CLI("EXISTS", "lock:a"); n != "0" {
			t.Errorf("%v: the lock is not released", c.command)
		}
	}
}

func TestRunsCommandKnowsItsLockAndHasItsFiles(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := run(t, srv.URL(), "--owner", "me", "--ttl", "1m", "--", "sh", "-c", `cat; echo "$LOCKTOP_KEY $LOCKTOP_OWNER $LOCKTOP_FENCE"; cat`)
	p.in.Write([]byte("hello\n"))
	p.says("hello")
	_, said := locktop(t, srv, "inspect", "lock:a", "--json")
	fence := regexp.MustCompile(`"fence": (\d+)`).FindStringSubmatch(said)
	if fence == nil {
		t.Fatalf("no fence: %s", said)
	}
	if owner := srv.CLI("GET", "lock:a"); owner != "me" {
		t.Errorf("held by %q", owner)
	}
	p.in.Close()
	if code := p.code(); code != 0 || p.out.String() != "hello\nlock:a me "+fence[1]+"\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, p.out.String(), p.err.String())
	}
	// Without --owner every run has its own name.
	first := run(t, srv.URL(), "--", "printenv", "LOCKTOP_OWNER")
	first.code()
	p = run(t, srv.URL(), "--", "printenv", "LOCKTOP_OWNER")
	p.code()
	if a, b := first.out.String(), p.out.String(); a == b || strings.Count(a, ":") < 2 {
		t.Errorf("the owners are %q and %q", a, b)
	}
}

func TestRunWhereTheLockIsNotToBeHad(t *testing.T) {
	srv := locktest.StartRedis(t)
	srv.CLI("SET", "lock:a", "other", "PX", "600000")
	p := run(t, srv.URL(), "--", "echo", "ran")
	if code := p.code(); code != 3 || !strings.Contains(p.err.String(), "held by other") || p.out.String() != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, p.out.String(), p.err.String())
	}
	for flag, want := range map[string]int{"0": 0, "75": 75} {
		if p := run(t, srv.URL(), "--conflict-exit-code", flag, "--", "echo", "ran"); p.code() != want || p.out.String() != "" {
			t.Errorf("--conflict-exit-code %s: stdout %q, stderr %q", flag, p.out.String(), p.err.String())
		}
	}
	srv.CLI("DEL", "locktop:{lock:a}")
	p = run(t, srv.URL(), "--wait", "5m", "--", "echo", "ran")
	p.until("it waits", func() bool { return srv.CLI("EXISTS", "locktop:{lock:a}") == "1" })
	srv.CLI("DEL", "lock:a")
	if code := p.code(); code != 0 || p.out.String() != "ran\n" {
		t.Errorf("after a wait: exit %d, stdout %q, stderr %q", code, p.out.String(), p.err.String())
	}
	srv.CLI("SET", "lock:a", "other", "PX", "600000")
	srv.CLI("DEL", "locktop:{lock:a}")
	p = run(t, srv.URL(), "--wait", "5m", "--", "echo", "ran")
	p.until("it waits", func() bool { return srv.CLI("EXISTS", "locktop:{lock:a}") == "1" })
	p.signal(syscall.SIGINT)
	if code := p.code(); code != 130 || p.out.String() != "" {
		t.Errorf("interrupted while it waits: exit %d, stdout %q", code, p.out.String())
	}
}

func TestRunPassesSignalsOn(t *testing.T) {
	srv := locktest.StartRedis(t)
	for name, s := range map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "WINCH": syscall.SIGWINCH,
	} {
		// The command decides what comes of it; what it started gets it too.
		p := run(t, srv.URL(), "--", "sh", "-c", `trap 'echo "heard `+name+`"; exit 9' `+name+`; echo ready; while :; do sleep 0.02; done`)
		p.says("ready")
		p.signal(s)
		if code := p.code(); code != 9 || !strings.Contains(p.out.String(), "heard "+name) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", name, code, p.out.String(), p.err.String())
		}
		if n := srv.CLI("EXISTS", "lock:a"); n != "0" {
			t.Errorf("%s: the lock is not released", name)
		}
	}
	p := run(t, srv.URL(), "--", "sh", "-c", "echo ready; exec sleep 600")
	p.says("ready")
	p.signal(syscall.SIGTERM)
	if code := p.code(); code != 143 {
		t.Errorf("ended by TERM: exit %d", code)
	}
	// However long the command takes to end, it is waited for.
	p = run(t, srv.URL(), "--", "sh", "-c", `trap 'echo "not yet"' INT; echo ready; while [ ! -e "$0" ]; do sleep 0.02; done; echo bye; exit 5`, filepath.Join(t.TempDir(), "go"))
	p.says("ready")
	p.signal(syscall.SIGINT)
	p.says("not yet")
	if n := srv.CLI("EXISTS", "lock:a"); n != "1" {
		t.Error("the lock is released while the command runs")
	}
	if err := os.WriteFile(p.cmd.Args[len(p.cmd.Args)-1], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != 5 || !strings.HasSuffix(p.out.String(), "bye\n") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, p.out.String(), p.err.String())
	}
}

func TestALostLockStopsTheCommandAndAllThatItStarted(t *testing.T) {
	srv := locktest.StartRedis(t)
	for name, c := range map[string]struct{ grace, script string }{
		"at TERM": {"10m", `sleep 600 & sleep 600 & echo ready; wait`},
		"at KILL": {"100ms", `trap "" TERM; sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo ready; while :; do sleep 0.1; done`},
		// The command itself ends at TERM, what it started does not.
		"what is left": {"100ms", `sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo ready; wait`},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, srv.URL(), "--owner", "me", "--ttl", "5s", "--grace", c.grace, "--", "sh", "-c", c.script)
			p.says("ready")
			if code, out := locktop(t, srv, "force-release", "lock:a", "--expect-owner", "me", "--reason", "INC-42", "--operator", "ann", "--yes"); code != 0 {
				t.Fatalf("force-release: %d, %s", code, out)
			}
			if code := p.code(); code != 4 { // code waits for everybody who has stdout open
				t.Errorf("exit %d", code)
			}
			if said := p.err.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "lost") || !strings.Contains(said, "by ann (INC-42)") {
				t.Errorf("stderr %q", said)
			}
		})
	}
}

func TestALockThatCannotBeRenewedIsLostWhenItsTTLIsOver(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := run(t, srv.URL(), "--ttl", "4s", "--timeout", "1s", "--", "sh", "-c", `trap 'sleep 0.2; exit 0' TERM; echo ready; while :; do sleep 0.02; done`)
	p.says("ready")
	srv.Freeze()
	p.until("it notices", func() bool { return strings.Contains(p.err.String(), "lost") })
	srv.Thaw()
	if code := p.code(); code != 4 {
		t.Errorf("exit %d", code)
	}
	if said := p.err.String(); !strings.Contains(said, "could not be renewed") && !strings.Contains(said, "was not renewed") || !strings.Contains(said, "after the lock's TTL had run out") {
		t.Errorf("stderr %q", said)
	}
}

func TestTheLockIsRenewedForAsLongAsTheCommandRuns(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := run(t, srv.URL(), "--ttl", "400ms", "--", "sh", "-c", "echo ready; cat")
	p.says("ready")
	for begun := time.Now(); time.Since(begun) < 1500*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if n := srv.CLI("EXISTS", "lock:a"); n != "1" && p.err.String() == "" {
			p.until("it notices", func() bool { return p.err.String() != "" }) // a machine too slow to renew in time tells so
		}
	}
	p.in.Close()
	code := p.code()
	if lost := strings.Contains(p.err.String(), "lost"); code != 0 && !lost {
		t.Errorf("exit %d, stderr %q", code, p.err.String())
	}
}

func TestAnUnknownReleaseIsAWarning(t *testing.T) {
	srv := locktest.StartRedis(t)
	proxy := locktest.StartProxy(t, srv.Addr)
	p := run(t, proxy.URL(), "--ttl", "10m", "--timeout", "2s", "--", "sh", "-c", "echo ready; cat; exit 6")
	p.says("ready")
	proxy.LoseRepliesTo("evalsha", false)
	p.in.Close()
	if code := p.code(); code != 6 || !strings.Contains(p.err.String(), "whether the lock is released is not known") || strings.Count(p.err.String(), "\n") != 1 {
		t.Errorf("exit %d, stderr %q", code, p.err.String())
	}
}

func TestAKilledLocktopDoesNotLeaveItsCommandRunning(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only Linux tells a process of its parent's end")
		return
	}
	srv := locktest.StartRedis(t)
	p := run(t, srv.URL(), "--", "sh", "-c", "echo ready; exec sleep 600")
	p.says("ready")
	p.signal(syscall.SIGKILL)
	p.code() // waits for everybody who has stdout open
}

func TestNohupStaysNohup(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := launchBy(t, srv.URL(), "sh", "-c", `trap "" HUP; exec "$0" run lock:a -- sh -c 'trap "echo heard" USR1; echo ready; until read x; do :; done; echo "got $x"'`, binary)
	p.says("ready")
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGUSR1) // passed on after the other one, if that is passed on at all
	p.says("heard")
	p.in.Write([]byte("it\n"))
	p.says("got it")
	if code := p.code(); code != 0 {
		t.Errorf("exit %d, stderr %q", code, p.err.String())
	}
}
