package cli

import (
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

func inspected(t *testing.T, s *shell, args ...string) wantInspect {
	t.Helper()
	var l wantInspect
	strictly(t, s.must(t, append([]string{"inspect", "--json"}, args...)...), &l)
	return l
}

func TestInspectAsJSON(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())

	l := inspected(t, s, "never:seen")
	if l.State != "free" || l.Key != "never:seen" || l.Owner != nil || l.TTL != nil || l.Holds != nil || l.Denied != nil || l.Waiters != nil {
		t.Errorf("a lock that never was: %+v", l)
	}

	fence := strings.TrimSpace(s.must(t, "acquire", "any:key", "--owner", "A", "--ttl", "1m"))
	s.must(t, "release", "any:key", "--owner", "A")
	l = inspected(t, s, "any:key")
	if l.State != "free" || l.Owner != nil || *l.Denied != 0 || len(l.Holds) != 1 || l.Holds[0].Owner != "A" || l.Holds[0].How != "released" ||
		l.Holds[0].By != nil || l.Holds[0].Ended.Before(l.Holds[0].Acquired.Time) {
		t.Errorf("a lock that was released: %+v", l)
	}

	s.must(t, "acquire", "any:key", "--owner", "B", "--ttl", "1m")
	s.run("acquire", "any:key", "--owner", "C")
	s.must(t, "force-release", "any:key", "--expect-owner", "B", "--reason", "gone", "--yes", "--operator", "me@here")
	l = inspected(t, s, "any:key")
	if l.State != "awaited" || len(l.Waiters) != 1 || len(l.Holds) != 2 || l.Holds[0].How != "forced" || *l.Holds[0].By != "me@here" || *l.Holds[0].Reason != "gone" {
		t.Errorf("a lock that was forced: %+v", l)
	}
	if l := inspected(t, s, "any:key", "--contention", "off"); l.State != "free" || l.Waiters != nil || l.Holds != nil {
		t.Errorf("without contention: %+v", l)
	}

	s.must(t, "acquire", "any:key", "--owner", "C", "--ttl", "1m")
	l = inspected(t, s, "any:key", "--match", "another:*")
	if l.State != "held" || l.Owner != "C" || *l.TTL < 1 || *l.Held < 0 || l.Fence == nil || len(l.Waiters) != 0 || l.Node != r.Addr {
		t.Errorf("a lock that is held: %+v", l)
	}
	if text := s.must(t, "inspect", "any:key"); !strings.Contains(text, "forced by me@here: gone") || !strings.Contains(text, fence) {
		t.Errorf("for people:\n%s", text)
	}

	r.CLI("SET", "\xff", "\xfe")
	if l := inspected(t, s, "base64:/w=="); l.State != "stuck" || *l.TTL != -1 || l.Holds != nil || l.Owner.(map[string]any)["base64"] != "/g==" {
		t.Errorf("a key that is not text: %+v", l)
	}
}

func TestListAndInspectAgree(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "10m")
	for _, who := range []string{"B", "C", "D", "B"} {
		s.run("acquire", "lock:a", "--owner", who)
	}
	l, i := listed(t, s)["lock:a"], inspected(t, s, "lock:a")
	if l.State != i.State || *l.Denied != *i.Denied || *l.Fence != *i.Fence || len(l.Waiters) != 3 || len(i.Waiters) != 3 {
		t.Fatalf("list %+v\ninspect %+v", l, i)
	}
	for n := range l.Waiters {
		a, b := l.Waiters[n], i.Waiters[n]
		if a.Work != b.Work || a.Position != b.Position || a.Attempts != b.Attempts || a.LastDenied.Sub(b.LastDenied.Time).Abs() > 1e9 {
			t.Errorf("waiter %d: list %+v, inspect %+v", n, a, b)
		}
	}
	text := s.must(t, "inspect", "lock:a")
	for _, want := range []string{"contended", "WAITER", "NEXT RETRY", "waiting   3, clears at"} {
		if !strings.Contains(text, want) {
			t.Errorf("for people it lacks %q:\n%s", want, text)
		}
	}
}

func TestInspectRefusesWhatIsNoLock(t *testing.T) {
	r := locktest.StartRedis(t)
	r.CLI("RPUSH", "lock:list\x1b[2J", "x")
	got := on(r.URL()).run("inspect", "lock:list\x1b[2J")
	got.fails(t, exitFailed, "no lock", "another type", `lock:list\x1b[2J`)
}

func TestHostileTextStaysText(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	evil := "\x1b]52;c;ZXZpbA==\a\u202e\u009b2J\r\n"
	r.CLI("SET", "lock:"+evil, evil, "PX", "60000")
	for _, args := range [][]string{
		{"list"}, {"list", "--csv"}, {"list", "--json"}, {"inspect", "lock:" + evil}, {"inspect", "--json", "lock:" + evil},
		{"acquire", "lock:" + evil, "--owner", "A"}, {"release", "lock:" + evil, "--owner", "A"},
		{"force-release", "lock:" + evil, "--expect-owner", evil + "x", "--reason", evil, "--yes"},
		{"force-release", "lock:" + evil, "--expect-owner", evil, "--reason", evil, "--dry-run"},
		{"force-release", "lock:" + evil, "--expect-owner", evil, "--reason", evil, "--yes"},
		{"release", "lock:" + evil, "--owner", evil}, {"inspect", "lock:" + evil},
		{evil}, {"list", evil}, {"list", "--url", evil}, {"list", "--retry-mode", evil}, {"list", "--" + evil}, {"inspect", "base64:" + evil},
		{"list", "--url", "redis://u:p@127.0.0.1:1/" + evil}, {"list", "--match", "locktop:" + evil}, {"acquire", "a", "--owner", "A", "--ttl", evil},
	} {
		got := s.run(args...)
		for _, r := range strings.ReplaceAll(got.out+got.err, "\n", "") {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
				t.Errorf("locktop %q wrote %q", args, got.out+got.err)
				break
			}
		}
	}
}
