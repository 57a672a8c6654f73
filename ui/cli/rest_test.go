package cli

// Commands over a REST API and through sentinels.

import (
	"strings"
	"testing"

	"locktop/lockcore/locktest"
	"locktop/ui/audit"
)

func TestCommandsWorkOverAREST(t *testing.T) {
	r := locktest.StartRedis(t)
	front := locktest.StartREST(t, r.Addr)
	s := auditing(t, "")
	delete(s.vars, "LOCKTOP_URL")
	s.vars["UPSTASH_REDIS_REST_URL"], s.vars["UPSTASH_REDIS_REST_TOKEN"] = front.URL(), front.Token()

	fence := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "10m"))
	s.run("acquire", "lock:a", "--owner", "B", "--work", "evt").fails(t, exitHeld, "held by A", "denial 1 of this work")
	r.CLI("SET", "lock:plain", "P", "PX", "600000")
	r.CLI("SET", "other", "x")
	if out := s.must(t, "inspect", "lock:a", "--json"); !strings.Contains(out, `"fence": `+fence) || !strings.Contains(out, `"work": "evt"`) {
		t.Errorf("inspect: %s", out)
	}
	s.must(t, "extend", "lock:a", "--owner", "A", "--ttl", "20m", "--fence", fence)
	if out := s.must(t, "list", "--json"); strings.Count(out, `"key"`) != 2 || !strings.Contains(out, `"denied":1`) || !strings.Contains(out, "lock:plain") {
		t.Errorf("list: %s", out)
	}
	if out := s.must(t, "list", "--contention", "off", "--json"); strings.Count(out, `"denied":null`) != 2 {
		t.Errorf("without contention: %s", out)
	}
	out := s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "gone", "--yes")
	op := operationID.FindStringSubmatch(out)
	if op == nil || !strings.Contains(out, front.URL()) {
		t.Fatalf("force-release: %s", out)
	}
	if out := s.must(t, "list", "--all", "--json"); !strings.Contains(out, `"state":"awaited"`) {
		t.Errorf("list --all: %s", out)
	}
	s.must(t, "undo", "lock:a", "--operation", op[1], "--yes")
	s.must(t, "release", "lock:a", "--owner", "A", "--fence", fence)
	if got := s.audit(t); len(got) != 2 || *got[0].Outcome != "done" || strings.Join(got[1].Recorded, " ") != "local stream" {
		t.Errorf("audit: %+v", got)
	}
	if got := s.run("run", "lock:b", "--", "sh", "-c", "exit 7"); got.code != 7 || got.err != "" {
		t.Errorf("run: %+v", got)
	}
	r.CLI("CONFIG", "SET", "notify-keyspace-events", "K$gxeh")
	w := s.watch(t, "--json")
	w.until(t, `"resynced"`)
	r.CLI("SET", "lock:foreign", "F", "NX", "PX", "60000")
	w.until(t, `"type":"acquired","key":"lock:foreign","inferred":false`)
	if code := w.stop(); code != exitInterrupted {
		t.Errorf("watch: exit code %d, %q", code, w.err.String())
	}

	s.vars["UPSTASH_REDIS_REST_TOKEN"] = "wr0ng"
	for _, args := range [][]string{{"list"}, {"inspect", "lock:a"}, {"acquire", "lock:a", "--owner", "A"}, {"audit", "--local"}} {
		got := s.run(args...)
		if strings.Contains(got.err+got.out, "wr0ng") || got.code != exitFailed && args[0] != "audit" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if text := r.CLI("XRANGE", audit.StreamKey, "-", "+"); strings.Contains(text, front.Token()) {
		t.Error("the token is on record")
	}
}

func TestCommandsGoToTheMasterThatSentinelsGuard(t *testing.T) {
	guarded := locktest.StartSentinel(t)
	s := auditing(t, guarded.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "10m", "--sentinel-master", locktest.SentinelMaster)
	if out := s.must(t, "list", "--sentinel-master", locktest.SentinelMaster); !strings.Contains(out, "lock:a") {
		t.Errorf("list: %s", out)
	}
	s.must(t, "force-release", "lock:a", "--expect-owner", "A", "--reason", "gone", "--yes", "--sentinel-master", locktest.SentinelMaster)
	if got := s.audit(t, "--sentinel-master", locktest.SentinelMaster); len(got) != 1 || len(got[0].Recorded) != 2 {
		t.Errorf("audit: %+v", got)
	}
}
