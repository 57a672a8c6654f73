package cli

// Who forced what, when and why.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locktop/lockcore/locktest"
	"locktop/ui/audit"
)

type wantAudit struct {
	Time      utc      `json:"time"`
	Operation string   `json:"operation"`
	Kind      string   `json:"kind"`
	Key       any      `json:"key"`
	Owner     any      `json:"owner"`
	Fence     *uint64  `json:"fence"`
	TTL       *int64   `json:"ttl_ms"`
	Operator  string   `json:"operator"`
	Host      string   `json:"host"`
	Server    string   `json:"server"`
	Reason    string   `json:"reason"`
	Outcome   *string  `json:"outcome"`
	Ended     *utc     `json:"ended"`
	NewOwner  *string  `json:"new_owner"`
	NewFence  *uint64  `json:"new_fence"`
	Undoes    *string  `json:"undoes"`
	Recorded  []string `json:"recorded"`
}

// auditing is a shell with a trail of its own.
func auditing(t *testing.T, url string) *shell {
	s := on(url)
	s.vars[audit.StateDirVariable] = filepath.Join(t.TempDir(), "state")
	return s
}

func (s *shell) audit(t *testing.T, args ...string) []wantAudit {
	t.Helper()
	var got []wantAudit
	strictly(t, s.must(t, append([]string{"audit", "--json"}, args...)...), &got)
	return got
}

func TestAuditTellsWhoForcedWhat(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	if out := s.must(t, "audit"); out != "nothing is on record\n" {
		t.Errorf("%q", out)
	}
	if got := s.audit(t); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	force := []string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "its worker is gone", "--operator", "ann", "--yes"}
	s.must(t, append(force, "--dry-run")...)
	if got := s.audit(t); len(got) != 0 {
		t.Errorf("a dry run is on record: %+v", got)
	}
	op := operationID.FindStringSubmatch(s.must(t, force...))[1]
	s.must(t, "undo", "lock:a", "--operation", op, "--yes", "--operator", "bob", "--reason", "it lives")
	s.must(t, "seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "again", "--operator", "ann", "--yes")

	got := s.audit(t)
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	forced, undone, seized := got[0], got[1], got[2]
	if forced.Kind != "force-release" || forced.Operation != op || forced.Key != "lock:a" || forced.Owner != "A" || forced.Fence == nil || forced.Operator != "ann" ||
		forced.Reason != "its worker is gone" || *forced.Outcome != "done" || forced.Ended == nil || forced.Server != r.URL() || forced.Host == "" ||
		*forced.TTL <= 0 || *forced.TTL > 60000 || strings.Join(forced.Recorded, " ") != "local stream" {
		t.Errorf("forced: %+v", forced)
	}
	if undone.Kind != "undo" || *undone.Undoes != op || *undone.NewOwner != "A" || undone.Reason != "it lives" || undone.Operator != "bob" || *undone.Outcome != "done" {
		t.Errorf("undone: %+v", undone)
	}
	if seized.Kind != "seize" || seized.NewOwner == nil || *seized.NewOwner != "ann/"+seized.Operation || seized.NewFence == nil || *seized.NewFence <= *seized.Fence {
		t.Errorf("seized: %+v", seized)
	}

	// Another machine sees the same by the stream.
	other := auditing(t, r.URL())
	for i, o := range other.audit(t) {
		if o.Operation != got[i].Operation || *o.Outcome != *got[i].Outcome || strings.Join(o.Recorded, " ") != "stream" {
			t.Errorf("elsewhere: %+v", o)
		}
	}
	table := s.must(t, "audit")
	for _, text := range []string{"force-release", "undo", "seize", "its worker is gone", "here, server", op} {
		if !strings.Contains(table, text) {
			t.Errorf("the table lacks %q:\n%s", text, table)
		}
	}

	s.must(t, "acquire", "lock:b", "--owner", "B", "--ttl", "1m")
	s.must(t, "force-release", "lock:b", "--expect-owner", "B", "--reason", "r", "--yes")
	if got := s.audit(t, "--key", "lock:b"); len(got) != 1 || got[0].Key != "lock:b" {
		t.Errorf("of one lock: %+v", got)
	}
	if got := s.run("audit", "--limit", "1", "--json"); got.code != exitDone || strings.Count(got.out, "operation") != 1 || !strings.Contains(got.out, "lock:b") || !strings.Contains(got.err, "older ones are left out") {
		t.Errorf("the last one: %+v", got)
	}
	if got := s.audit(t, "--since", "1h"); len(got) != 4 {
		t.Errorf("of the last hour: %+v", got)
	}
}

func TestARefusedOrderIsOnRecordToo(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.terminal = true
	s.in = &typist{func() { on(r.URL()).run("release", "lock:a", "--owner", "A") }, strings.NewReader("y\n")}
	if got := s.run("force-release", "lock:a", "--expect-owner", "A", "--reason", "r"); got.code != exitHeld {
		t.Fatalf("%+v", got)
	}
	if got := s.audit(t); len(got) != 1 || *got[0].Outcome != "changed" {
		t.Errorf("%+v", got)
	}
}

func TestWithoutAPlaceForTheTrailNothingIsForced(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	blocked := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.vars[audit.StateDirVariable] = filepath.Join(blocked, "state")
	fence := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m"))
	for _, args := range [][]string{
		{"force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes"},
		{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r", "--yes"},
	} {
		s.run(args...).fails(t, exitFailed, args[0]+" lock:a on "+r.URL(), "put on record first", "not a directory", audit.StateDirVariable)
	}
	s.must(t, "extend", "lock:a", "--owner", "A", "--ttl", "1m", "--fence", fence)
	delete(s.vars, audit.StateDirVariable)
	s.run("force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes").fails(t, exitFailed, "no home directory", audit.StateDirVariable)
	if n := r.CLI("EXISTS", audit.StreamKey); n != "0" {
		t.Error("the stream has an entry")
	}
	if got := s.run("audit"); got.code != exitDone || !strings.Contains(got.err, "no home directory") || got.out == "" {
		t.Errorf("audit: %+v", got)
	}
}

func TestAStreamThatCannotBeWrittenIsAWarning(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	r.CLI("SET", audit.StreamKey, "no stream")
	got := s.run("force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes")
	if got.code != exitDone || !strings.HasPrefix(got.out, "released lock:a") || strings.Count(got.err, "\n") != 1 ||
		!strings.Contains(got.err, "audit trail is not complete") || !strings.Contains(got.err, "WRONGTYPE") {
		t.Errorf("%+v", got)
	}
	// Reading it is refused as well: what this machine has is shown, and that it is not all.
	got = s.run("audit", "--json")
	var all []wantAudit
	strictly(t, got.out, &all)
	if got.code != exitFailed || len(all) != 1 || *all[0].Outcome != "done" || strings.Join(all[0].Recorded, " ") != "local" ||
		!strings.Contains(got.err, "WRONGTYPE") || !strings.Contains(got.err, "shown is only what this machine recorded") {
		t.Errorf("%+v", got)
	}
	if got := s.audit(t, "--local"); len(got) != 1 {
		t.Errorf("local: %+v", got)
	}
}

func TestAuditWithoutAServerShowsWhatThisMachineHas(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes")
	r.Kill()
	got := s.run("audit")
	if got.code != exitFailed || !strings.Contains(got.out, "lock:a") || !strings.Contains(got.err, "unreachable") || !strings.Contains(got.err, "shown is only") {
		t.Errorf("%+v", got)
	}
	// Another server's orders are left out, and that is said.
	s.vars["LOCKTOP_URL"] = "redis://127.0.0.1:1/0"
	if got := s.run("audit", "--local"); got.code != exitDone || got.out != "nothing is on record\n" || !strings.Contains(got.err, "1 orders that this machine recorded about other servers") {
		t.Errorf("%+v", got)
	}
	if got := s.audit(t, "--local", "--all"); len(got) != 1 {
		t.Errorf("all: %+v", got)
	}
}

func TestAUserWhoMayNotReadTheStreamIsTold(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	r.CLI("ACL", "SETUSER", "viewer", "on", ">pw", "~lock:*", "-@all", "+get")
	s.vars["LOCKTOP_URL"] = "redis://viewer:pw@" + r.Addr + "/0"
	if got := s.run("audit"); got.code != exitFailed || !strings.Contains(got.err, "NOPERM") || got.out == "" || strings.Contains(got.err, "pw@") {
		t.Errorf("%+v", got)
	}
}

func TestHostileEntriesAreShownHarmless(t *testing.T) {
	r := locktest.StartRedis(t)
	s := auditing(t, r.URL())
	entry, _ := json.Marshal(map[string]any{
		"time": "2026-11-24T10:00:00Z", "operation": "\x1b[2Jop", "kind": "\u202eseize", "operator": "\x1b]0;x\a", "host": "h", "server": "s",
		"key": map[string]string{"base64": "bG9jazr/"}, "owner": "\u200b", "reason": "a\nb", "outcome": "\u009b31mdone",
	})
	r.CLI("XADD", audit.StreamKey, "*", "entry", string(entry))
	r.CLI("XADD", audit.StreamKey, "*", "entry", strings.Repeat("[", 20000))
	for _, args := range [][]string{{"audit"}, {"audit", "--json"}} {
		got := s.run(args...)
		if got.code != exitDone || strings.ContainsAny(got.out+got.err, "\x1b\a\u202e\u200b\u009b") || !strings.Contains(got.err, "1 entries of the stream") {
			t.Errorf("%+v", got)
		}
	}
	if out := s.run("audit").out; strings.Count(out, "\n") != 2 || !strings.Contains(out, `lock:\xff`) {
		t.Errorf("%q", out)
	}
	if out := s.run("audit", "--json").out; !strings.Contains(out, `"key":{"base64":"bG9jazr/"}`) {
		t.Errorf("%q", out)
	}
}

func TestAuditLeavesOutWhatWasForcedOnAnotherServer(t *testing.T) {
	here, there := locktest.StartRedis(t), locktest.StartRedis(t)
	s := auditing(t, there.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "its worker is gone", "--yes")
	if got := s.audit(t); len(got) != 1 {
		t.Errorf("there are on record %+v", got)
	}
	if got := s.run("audit", "--json", "--url", here.URL()); got.code != 0 || strings.TrimSpace(got.out) != "[]" || !strings.Contains(got.err, "--all shows them") {
		t.Errorf("of another server is told %q, %q", got.out, got.err)
	}
	if got := s.audit(t, "--url", here.URL(), "--all"); len(got) != 1 {
		t.Errorf("with --all are told %+v", got)
	}
}
