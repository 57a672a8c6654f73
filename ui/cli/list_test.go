package cli

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

func listed(t *testing.T, s *shell, args ...string) map[string]wantLock {
	t.Helper()
	var locks []wantLock
	strictly(t, s.must(t, append([]string{"list", "--json"}, args...)...), &locks)
	byKey := map[string]wantLock{}
	for _, l := range locks {
		key, err := json.Marshal(l.Key)
		if err != nil {
			t.Fatal(err)
		}
		byKey[strings.Trim(string(key), `"`)] = l
	}
	return byKey
}

func TestListAsJSON(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	if out := s.must(t, "list", "--json"); out != "[]\n" {
		t.Errorf("no locks: %q", out)
	}
	s.must(t, "acquire", "lock:busy", "--owner", "A", "--ttl", "1m")
	s.run("acquire", "lock:busy", "--owner", "B", "--work", "evt")
	s.run("acquire", "lock:busy", "--owner", "C", "--work", "evt")
	s.must(t, "acquire", "lock:quiet", "--owner", "A", "--ttl", "1m")
	s.must(t, "acquire", "lock:over", "--owner", "A", "--ttl", "1m")
	s.run("acquire", "lock:over", "--owner", "B")
	s.must(t, "release", "lock:over", "--owner", "A")
	r.CLI("SET", "lock:foreign", "X", "PX", "60000")
	r.CLI("SET", "lock:stuck", "X")
	r.CLI("SET", "lock:\xff", "\xfe", "PX", "60000")
	r.CLI("SET", "mutex:other", "X", "PX", "60000")
	r.CLI("RPUSH", "lock:list", "X")

	held := listed(t, s)
	if got := keysOf(held); !slices.Equal(got, []string{"lock:busy", "lock:foreign", "lock:quiet", "lock:stuck", `{"base64":"bG9jazr/"}`}) {
		t.Fatalf("held: %q", got)
	}
	busy := held["lock:busy"]
	if busy.State != "contended" || busy.Owner != "A" || busy.Node != r.Addr || *busy.Denied != 2 || *busy.Overruns != 0 || *busy.NotListed != 0 ||
		*busy.TTL < 1 || *busy.TTL > 60_000 || *busy.Held < 0 || *busy.Fence == 0 || busy.Clears == nil {
		t.Errorf("the contended lock: %+v", busy)
	}
	w := busy.Waiters[0]
	if len(busy.Waiters) != 1 || w.Work != "evt" || w.Owner != "C" || w.Attempts != 2 || w.AttemptsLeft != 9 || w.Position != 1 ||
		w.NextRetry.Sub(w.LastDenied.Time).Minutes() != 1 || *w.Exhaustion != "none" || w.AcquireP90.Before(w.AcquireP50.Time) {
		t.Errorf("its waiter: %+v", w)
	}
	quiet := held["lock:quiet"]
	if quiet.State != "held" || *quiet.Denied != 0 || quiet.Waiters == nil || len(quiet.Waiters) != 0 || quiet.Clears != nil {
		t.Errorf("a recorded lock that nobody waits for: %+v", quiet)
	}
	foreign := held["lock:foreign"]
	if foreign.State != "held" || foreign.Fence != nil || foreign.Held != nil || foreign.Denied != nil || foreign.Overruns != nil ||
		foreign.Overlaps != nil || foreign.Waiters != nil || foreign.NotListed != nil || *foreign.TTL < 1 {
		t.Errorf("a lock that nobody records: %+v", foreign)
	}
	if stuck := held["lock:stuck"]; stuck.State != "stuck" || *stuck.TTL != -1 {
		t.Errorf("a lock without TTL: %+v", stuck)
	}
	if odd := held[`{"base64":"bG9jazr/"}`]; odd.Owner.(map[string]any)["base64"] != "/g==" {
		t.Errorf("an owner that is not text: %+v", odd)
	}

	awaited, ok := listed(t, s, "--all")["lock:over"]
	if !ok || awaited.State != "awaited" || awaited.Owner != nil || awaited.TTL != nil || awaited.Held != nil || awaited.Fence != nil || len(awaited.Waiters) != 1 {
		t.Errorf("the awaited lock: %+v", awaited)
	}
	if got := keysOf(listed(t, s, "--match", "mutex:*")); !slices.Equal(got, []string{"mutex:other"}) {
		t.Errorf("another pattern: %q", got)
	}
	if got := listed(t, s, "--match", "lock:b*", "--match", "lock:q*"); len(got) != 2 {
		t.Errorf("two patterns: %q", keysOf(got))
	}
	if busy := listed(t, s, "--contention", "off")["lock:busy"]; busy.Denied != nil || busy.Waiters != nil || busy.State != "held" {
		t.Errorf("without contention: %+v", busy)
	}
	if quiet := listed(t, s, "--max-ttl", "1s")["lock:quiet"]; quiet.State != "stuck" {
		t.Errorf("a TTL above --max-ttl: %+v", quiet)
	}
	last := listed(t, s, "--retry-attempts", "2", "--retry-mode", "parallel", "--retry-interval", "30s")["lock:busy"].Waiters[0]
	if last.AttemptsLeft != 1 || last.NextRetry.Sub(last.LastDenied.Time).Seconds() != 30 {
		t.Errorf("another policy: %+v", last)
	}
	if all := listed(t, s, "--all", "--retry-attempts", "0"); len(all["lock:busy"].Waiters) != 0 {
		t.Errorf("who has no retry left does not wait: %+v", all["lock:busy"])
	}
}

func keysOf(m map[string]wantLock) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestListAsCSV(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	fence := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", `A, "B"`, "--ttl", "1m"))
	r.CLI("SET", "lock:foreign", "=HYPERLINK(1)", "PX", "60000")
	r.CLI("SET", "lock:esc", "\x1b[2J")
	r.CLI("SET", "@lock", "+1", "PX", "60000")
	rows, err := csv.NewReader(strings.NewReader(s.must(t, "list", "--csv", "--match", "*lock*"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "key,node,owner,fence,state,ttl_ms,held_ms,waiting,denied" {
		t.Errorf("header: %q", got)
	}
	byKey := map[string][]string{}
	for _, row := range rows[1:] {
		byKey[row[0]] = row
	}
	if a := byKey["lock:a"]; a[2] != `A, "B"` || a[3] != fence || a[4] != "held" || a[5] == "" || a[6] == "" || a[7] != "0" || a[8] != "0" {
		t.Errorf("a recorded lock: %q", a)
	}
	if f := byKey["lock:foreign"]; f[2] != "base64:PUhZUEVSTElOSygxKQ==" || f[3] != "" || f[6] != "" || f[7] != "" || f[8] != "" {
		t.Errorf("a foreign lock: %q", f)
	}
	if e := byKey["lock:esc"]; !strings.HasPrefix(e[2], "base64:") || e[5] != "-1" {
		t.Errorf("a hostile owner: %q", e)
	}
	at := byKey["base64:QGxvY2s="]
	if at == nil {
		t.Fatalf("no key like a formula: %q", byKey)
	}
	// What the file says, a command takes.
	s.must(t, "release", at[0], "--owner", at[2])
}

func TestListAsATable(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	if out := s.must(t, "list"); strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "LOCK ") {
		t.Errorf("no locks: %q", out)
	}
	s.must(t, "acquire", "lock:語", "--owner", "A", "--ttl", "1m")
	s.run("acquire", "lock:語", "--owner", "B")
	r.CLI("SET", "lock:a-longer-name", "evil\x1b[2J\u202e\n")
	out := s.must(t, "list", "--all")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("a header and two rows: %q", out)
	}
	column := strings.Index(lines[0], "OWNER")
	if lines[1][column:column+4] != "evil" || !strings.Contains(lines[1], " none ") || !strings.HasSuffix(lines[1], "stuck") {
		t.Errorf("the stuck lock is not first, or not aligned:\n%s", out)
	}
	// The wide character takes two columns and three bytes.
	if lines[2][column+1:column+3] != "A " || !strings.HasSuffix(lines[2], "contended") {
		t.Errorf("not aligned:\n%s", out)
	}
	if strings.ContainsAny(out, "\x1b\u202e") || !strings.Contains(out, `\x1b`) {
		t.Errorf("a hostile owner: %q", out)
	}
}

func TestListTellsOnATerminalWhyThereIsNothing(t *testing.T) {
	s := on(locktest.StartRedis(t).URL())
	s.terminal = true
	if got := s.run("list", "--match", "nothing:*"); got.code != exitDone || !strings.Contains(got.err, "nothing:*") {
		t.Errorf("%+v", got)
	}
}

func TestListFailsWhereTheServerRefuses(t *testing.T) {
	r := locktest.StartRedis(t, "--requirepass", "s3cret")
	on(r.URL()).run("list").fails(t, exitFailed, "list on "+r.URL(), "refused by the server", "NOAUTH", "in the URL")
	wrong := "redis://:wr0ng@" + r.Addr + "/0"
	got := on(wrong).run("list")
	got.fails(t, exitFailed, "WRONGPASS", "check user and password")
	if strings.Contains(got.err, "wr0ng") {
		t.Errorf("the password is shown: %q", got.err)
	}
	on("redis://:s3cret@"+r.Addr+"/0").must(t, "list")
}
