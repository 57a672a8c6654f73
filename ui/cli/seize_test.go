package cli

// Taking a lock over, and giving one back.

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

var (
	operationID  = regexp.MustCompile(`operation ([0-9a-f]{32})`)
	releaseWith  = regexp.MustCompile(`(?m)^release it with +locktop (.*)$`)
	fenceOfOwner = regexp.MustCompile(`(?m)^fence +(\d+)$`)
)

func TestASeizedLockIsTheOperatorsAtOnce(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	first := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m"))
	seize := []string{"seize", "lock:a", "--expect-owner", "A", "--expect-fence", first, "--ttl", "5m", "--reason", "it hangs", "--operator", "ann"}

	if out := s.must(t, append(seize, "--dry-run", "--read-only")...); !strings.HasPrefix(out, "would seize lock:a on "+r.URL()+" from A") || !strings.Contains(out, "; ann would hold it for 5m") {
		t.Errorf("dry run: %q", out)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Fatalf("the dry run seized it for %q", owner)
	}

	s.terminal, s.in = true, strings.NewReader("n\n")
	if got := s.run(seize...); got.code != exitFailed || !strings.Contains(got.err, "Seize lock:a") || !strings.Contains(got.err, "not seized, as you did not say yes") {
		t.Errorf("no: %+v", got)
	}

	out := s.must(t, append(seize, "--yes")...)
	op := operationID.FindStringSubmatch(out)
	if op == nil || !strings.HasPrefix(out, "seized lock:a on "+r.URL()+" from A (fence "+first) {
		t.Fatalf("%q", out)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "ann/"+op[1] {
		t.Errorf("held by %q", owner)
	}
	if fence := fenceOfOwner.FindStringSubmatch(out); fence == nil || fence[1] <= first {
		t.Errorf("the fence is not above %s: %q", first, out)
	}
	s.run("acquire", "lock:a", "--owner", "B").fails(t, exitHeld, "held by ann/")
	s.run("extend", "lock:a", "--owner", "A", "--ttl", "1m").fails(t, exitNotHeld, "revoked", "took the lock over", "by ann", "it hangs")
	// What it says of releasing is a command that does it.
	release := releaseWith.FindStringSubmatch(out)
	if release == nil {
		t.Fatalf("it does not say how to release it: %q", out)
	}
	s.must(t, strings.Fields(release[1])...)
	if owner := r.CLI("GET", "lock:a"); owner != "(nil)" {
		t.Errorf("held by %q", owner)
	}
	s.run("undo", "lock:a", "--operation", op[1], "--yes").fails(t, exitHeld, "not undone", "no forced release")
}

func TestSeizeRefusesWhatIsNotAsExpected(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	seize := []string{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r", "--yes"}
	s.run(seize...).fails(t, exitHeld, "not seized", "nobody holds it")
	s.must(t, "acquire", "lock:a", "--owner", "B", "--ttl", "1m")
	s.run(seize...).fails(t, exitHeld, "not seized", "B holds it, fence")
	s.run(append(seize, "--dry-run")...).fails(t, exitHeld, "not seized", "B holds it, fence")

	// A change between the look and the act.
	r.CLI("DEL", "lock:a")
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.terminal = true
	s.in = &typist{func() { on(r.URL()).run("release", "lock:a", "--owner", "A") }, strings.NewReader("y\n")}
	got := s.run(seize[:len(seize)-1]...)
	if got.code != exitHeld || got.out != "" || !strings.Contains(got.err, "not seized, the lock has changed: that hold was released") {
		t.Errorf("%+v", got)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "(nil)" {
		t.Errorf("held by %q", owner)
	}
}

func TestAForcedReleaseIsUndone(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	fence := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "10m"))
	forced := func() string {
		t.Helper()
		out := s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes")
		op := operationID.FindStringSubmatch(out)
		if op == nil {
			t.Fatalf("no operation id: %q", out)
		}
		return op[1]
	}
	op := forced()

	s.terminal, s.in = true, strings.NewReader("n\n")
	if got := s.run("undo", "lock:a", "--operation", op); got.code != exitFailed || !strings.Contains(got.err, "Give lock:a on "+r.URL()+" to A (fence "+fence+") back? [y/N]") {
		t.Errorf("no: %+v", got)
	}
	s.in = strings.NewReader("y\n")
	got := s.run("undo", "lock:a", "--operation", op)
	if got.code != exitDone || !strings.HasPrefix(got.out, "gave lock:a on "+r.URL()+" to A (fence "+fence+") back, with 9m") {
		t.Fatalf("%+v", got)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Errorf("held by %q", owner)
	}
	s.must(t, "extend", "lock:a", "--owner", "A", "--ttl", "1m", "--fence", fence)

	s.run("undo", "lock:a", "--operation", op, "--yes").fails(t, exitHeld, "not undone", "A holds it now")
	s.run("undo", "lock:b", "--operation", op, "--yes").fails(t, exitHeld, "not undone", "no forced release with this operation id")

	op = forced()
	s.must(t, "acquire", "lock:a", "--owner", "B", "--ttl", "1m")
	s.run("undo", "lock:a", "--operation", op, "--yes").fails(t, exitHeld, "not undone", "B holds it now, fence")
	s.must(t, "release", "lock:a", "--owner", "B")
	s.run("undo", "lock:a", "--operation", op, "--yes").fails(t, exitHeld, "not undone", "nobody holds it now")

	r.CLI("DEL", "lock:a", "locktop:{lock:a}")
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	op = forced()
	s.run("extend", "lock:a", "--owner", "A", "--ttl", "1m").fails(t, exitNotHeld, "revoked")
	s.run("undo", "lock:a", "--operation", op, "--yes").fails(t, exitHeld, "not undone, its old owner has been told already")
}

func TestAnInterruptAtTheQuestionChangesNothing(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.terminal, s.in = true, io.LimitReader(strings.NewReader(""), 0)
	if got := s.run("seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r"); got.code != exitFailed || !strings.Contains(got.err, "not seized") {
		t.Errorf("%+v", got)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Errorf("held by %q", owner)
	}
}
