package cli

// Acquire, extend and release as scripts use them.

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
)

func TestAScriptTakesExtendsAndReleasesALock(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	out := s.must(t, "acquire", "lock:a", "--owner", "A")
	if !regexp.MustCompile(`^[1-9][0-9]*\n$`).MatchString(out) {
		t.Fatalf("the fence alone: %q", out)
	}
	if again := s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1h"); again != out {
		t.Errorf("its own hold again: fence %q, then %q", out, again)
	}
	if left := r.CLI("PTTL", "lock:a"); len(left) > 5 {
		t.Errorf("taking it again changed the TTL: %s", left)
	}
	s.run("acquire", "lock:a", "--owner", "B", "--work", "evt").fails(t, exitHeld, "denial 1 of this work")
	s.run("acquire", "lock:a", "--owner", "C", "--work", "evt").fails(t, exitHeld, "denial 2 of this work")

	fence := strings.TrimSpace(out)
	if left := s.must(t, "extend", "lock:a", "--owner", "A", "--ttl", "1m", "--fence", fence); left != "1m0s\n" {
		t.Errorf("the TTL left: %q", left)
	}
	s.run("extend", "lock:a", "--owner", "B", "--ttl", "1m").fails(t, exitNotHeld, "not held by B", "A holds it now, for another")
	if left := s.must(t, "extend", "lock:a", "--owner", "A", "--ttl", "1s"); left == "1s\n" {
		t.Errorf("extend shortened it: %q", left)
	}
	r.CLI("SET", "lock:forever", "A")
	if left := s.must(t, "extend", "lock:forever", "--owner", "A", "--ttl", "1s"); left != "none\n" {
		t.Errorf("the TTL left of a hold without one: %q", left)
	}
	s.run("acquire", "lock:forever", "--owner", "B").fails(t, exitHeld, "without a TTL")

	s.must(t, "release", "lock:a", "--owner", "A")
	if out := s.must(t, "release", "lock:a", "--owner", "A"); !strings.Contains(out, "already") {
		t.Errorf("released once more: %q", out)
	}
	s.run("extend", "lock:a", "--owner", "A", "--ttl", "1m").fails(t, exitNotHeld, "that hold was released", "nobody holds it now")
	s.run("release", "lock:never", "--owner", "A").fails(t, exitNotHeld, "nobody holds it now")
}

func TestAFenceKeepsALateReleaseFromALaterHold(t *testing.T) {
	s := on(locktest.StartRedis(t).URL())
	first := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A"))
	s.must(t, "release", "lock:a", "--owner", "A", "--fence", first)
	second := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A"))

	s.vars[fenceVariable] = first
	if out := s.must(t, "release", "lock:a", "--owner", "A"); !strings.Contains(out, "already") {
		t.Errorf("a late duplicate: %q", out)
	}
	s.run("extend", "lock:a", "--owner", "A", "--ttl", "1m").fails(t, exitNotHeld, "that hold was released")
	// The flag comes before the variable.
	if out := s.must(t, "release", "lock:a", "--owner", "A", "--fence", second); strings.Contains(out, "already") {
		t.Errorf("the present hold: %q", out)
	}
	s.vars[fenceVariable] = "none"
	s.run("release", "lock:a", "--owner", "A").fails(t, exitUsage, fenceVariable, `"none"`)
}

func TestTheRetryPolicyGoesToTheLedger(t *testing.T) {
	s := on(locktest.StartRedis(t).URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	retry := []string{"acquire", "lock:a", "--owner", "B", "--retry-attempts", "1"}
	s.run(retry...).fails(t, exitHeld, "denial 1 of")
	s.run(retry...).fails(t, exitHeld, "denial 2 of")
	s.run(retry...).fails(t, exitHeld, "denial 1 of") // its retries were used up: it was started anew
}

func TestAcquireWaits(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.run("acquire", "lock:a", "--owner", "B", "--wait", "250ms").fails(t, exitHeld, "held by A", "denial 1 of this work")

	// B looks again until A has gone, and is not denied once more meanwhile.
	done := make(chan answer)
	go func() { done <- on(r.URL()).run("acquire", "lock:a", "--owner", "C", "--wait", "1m") }()
	eventually(t, "the wait has begun", func() bool { return *listed(t, s)["lock:a"].Denied == 2 })
	s.must(t, "release", "lock:a", "--owner", "A")
	got := <-done
	if got.code != exitDone || got.out == "" {
		t.Fatalf("%+v", got)
	}
	if l := inspected(t, s, "lock:a"); l.Owner != "C" || *l.Denied != 2 {
		t.Errorf("a wait is one denial: %+v", l)
	}
	// A hold that expires is waited for no longer than it lasts.
	s.must(t, "release", "lock:a", "--owner", "C")
	s.must(t, "acquire", "lock:a", "--owner", "D", "--ttl", "20ms")
	begun := time.Now()
	s.must(t, "acquire", "lock:a", "--owner", "E", "--wait", "1m")
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestARequestIsGrantedOnce(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	acquire := func(request string) []string {
		return []string{"acquire", "lock:a", "--owner", "A", "--ttl", "1m", "--request-id", request}
	}
	fence := s.must(t, acquire("r1")...)
	if again := s.must(t, acquire("r1")...); again != fence {
		t.Errorf("a repeat: fence %q, then %q", fence, again)
	}
	s.run(acquire("r2")...).fails(t, exitHeld, "held by A")
	s.must(t, "release", "lock:a", "--owner", "A", "--fence", strings.TrimSpace(fence))
	s.run(acquire("r1")...).fails(t, exitNotHeld, "that hold was released")
	if second := s.must(t, acquire("r2")...); second <= fence {
		t.Errorf("the next one: fence %q after %q", second, fence)
	}
}
