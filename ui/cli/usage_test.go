package cli

// Wrong usage: a line that names the value and the way out, exit 2, and nothing is sent.

import (
	"strings"
	"testing"
)

func TestWrongUsageIsNamedInALine(t *testing.T) {
	acquire := []string{"acquire", "lock:a", "--owner", "A"}
	with := func(args []string, more ...string) []string { return append(append([]string{}, args...), more...) }
	cases := []struct {
		args  []string
		texts []string
	}{
		{nil, []string{"needs a terminal", "locktop list", "locktop watch", "locktop demo --once"}},
		{[]string{"frobnicate"}, []string{`"frobnicate"`, "locktop --help"}},
		{[]string{"lits"}, []string{`"lits"`, "list"}},
		{[]string{"sieze", "lock:a"}, []string{`"sieze"`, "did you mean seize"}},
		{[]string{"run"}, []string{"which lock", "locktop run KEY -- CMD"}},
		{[]string{"run", "--", "true"}, []string{"which lock"}},
		{[]string{"run", "lock:a"}, []string{"which command", "--"}},
		{[]string{"run", "lock:a", "--"}, []string{"which command"}},
		{[]string{"run", "lock:a", "true"}, []string{"which command", "after --"}},
		{[]string{"run", "lock:a", "lock:b", "--", "true"}, []string{`"lock:b"`}},
		{[]string{"run", "lock:a", "--ttl", "0s", "--", "true"}, []string{"--ttl"}},
		{[]string{"run", "lock:a", "--wait", "-1s", "--", "true"}, []string{"--wait"}},
		{[]string{"run", "lock:a", "--grace", "-1s", "--", "true"}, []string{"--grace"}},
		{[]string{"run", "lock:a", "--conflict-exit-code", "256", "--", "true"}, []string{"--conflict-exit-code", "255"}},
		{[]string{"run", "lock:a", "--owner", strings.Repeat("x", 2000), "--", "true"}, []string{"--owner", "1024"}},
		{[]string{"run", "lock:a", "--read-only", "--", "true"}, []string{"--read-only"}},
		{[]string{"list", "x"}, []string{`"x"`, "locktop list --help"}},
		{[]string{"list", "--json", "--csv"}, []string{"--json", "--csv"}},
		{[]string{"list", "--sentinel-master", "m", "--url", "https://:token@x.upstash.io"}, []string{"--sentinel-master", "REST API"}},
		{[]string{"list", "--url", "localhost:6379"}, []string{"--url", "redis://"}},
		{[]string{"list", "--url", "https://x.upstash.io"}, []string{"--url", "https://x.upstash.io", "UPSTASH_REDIS_REST_TOKEN"}},
		{[]string{"list", "--url", "http://x.upstash.io"}, []string{"http://x.upstash.io", "https://"}},
		{[]string{"list", "--url", "ftp://x"}, []string{`"ftp"`, "redis://"}},
		{[]string{"list", "--url", "redis://127.0.0.1/x"}, []string{"--url"}},
		{[]string{"list", "--timeout", "5"}, []string{`"5"`, "unit", "15s"}},
		{[]string{"list", "--timeout", "0s"}, []string{"--timeout", "more than 0"}},
		{[]string{"list", "--match", ""}, []string{"--match"}},
		{[]string{"list", "--match", "locktop:*"}, []string{`"locktop:*"`, "not locks"}},
		{[]string{"list", "--retry-mode", "random"}, []string{`"random"`, "sequential, batch or parallel"}},
		{[]string{"list", "--retry-interval", "0s"}, []string{"--retry-interval", "more than 0"}},
		{[]string{"list", "--retry-attempts", "ten"}, []string{`"ten"`, "whole number"}},
		{[]string{"list", "--retry-attempts", "-1"}, []string{"--retry-attempts", "-1"}},
		{[]string{"list", "--retry-batch", "0"}, []string{"--retry-batch", "between 1"}},
		{[]string{"list", "--max-ttl", "0s"}, []string{"--max-ttl"}},
		{[]string{"list", "--contention", "monitor"}, []string{"monitor", "auto, ledger or off"}},
		{[]string{"list", "--contention", "all"}, []string{`"all"`, "auto, ledger or off"}},
		{[]string{"list", "--operator", strings.Repeat("x", 200)}, []string{"--operator", "128"}},
		{[]string{"watch", "x"}, []string{`"x"`}},
		{[]string{"inspect"}, []string{"which lock", "locktop inspect KEY"}},
		{[]string{"inspect", "a", "b"}, []string{`"b"`}},
		{[]string{"inspect", ""}, []string{"key is empty"}},
		{[]string{"inspect", "locktop:{lock:a}"}, []string{"locktop:{lock:a}", "own records"}},
		{[]string{"inspect", "base64:???"}, []string{"base64:???", "not base64"}},
		{[]string{"acquire", "lock:a"}, []string{"--owner"}},
		{with(acquire, "--owner", strings.Repeat("x", 2000)), []string{"--owner", "1024"}},
		{with(acquire, "--work", strings.Repeat("x", 2000)), []string{"work", "1024"}},
		{with(acquire, "--ttl", "15"), []string{`"15"`, "--ttl", "unit"}},
		{with(acquire, "--ttl", "soon"), []string{`"soon"`, "15s"}},
		{with(acquire, "--ttl", "0s"), []string{"--ttl"}},
		{with(acquire, "--ttl", "1us"), []string{"--ttl", "1µs"}},
		{with(acquire, "--ttl", "100000h"), []string{"--ttl", "ten years"}},
		{with(acquire, "--wait", "-1s"), []string{"--wait"}},
		{with(acquire, "--read-only"), []string{"acquire", "--read-only"}},
		{with(acquire, "--request-id", "-"), []string{"--request-id", "no request"}},
		{with(acquire, "--request-id", strings.Repeat("r", 100)), []string{"--request-id", "64"}},
		{[]string{"extend", "lock:a", "--owner", "A"}, []string{"--ttl"}},
		{[]string{"extend", "lock:a", "--owner", "A", "--ttl", "1s", "--read-only"}, []string{"--read-only"}},
		{[]string{"release", "lock:a", "--owner", "A", "--read-only"}, []string{"--read-only"}},
		{[]string{"release", "lock:a", "--owner", "A", "--fence", "0"}, []string{"--fence", `"0"`}},
		{[]string{"release", "lock:a", "--owner", "A", "--fence", "9007199254740992"}, []string{"--fence"}},
		{[]string{"force-release", "lock:a", "--reason", "r"}, []string{"--expect-owner"}},
		{[]string{"force-release", "lock:a", "--expect-owner", "A"}, []string{"--reason"}},
		{[]string{"force-release", "lock:a", "--expect-owner", "A", "--reason", " "}, []string{"--reason"}},
		{[]string{"force-release", "lock:a", "--expect-owner", "A", "--reason", strings.Repeat("r", 600)}, []string{"--reason", "512"}},
		{[]string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "r"}, []string{"no terminal", "--yes", "--dry-run"}},
		{[]string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes", "--read-only"}, []string{"--read-only"}},
		{[]string{"seize", "lock:a", "--ttl", "1m", "--reason", "r"}, []string{"--expect-owner"}},
		{[]string{"seize", "lock:a", "--expect-owner", "A", "--reason", "r"}, []string{"--ttl"}},
		{[]string{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m"}, []string{"--reason"}},
		{[]string{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", strings.Repeat("r", 600)}, []string{"--reason", "512"}},
		{[]string{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r"}, []string{"no terminal", "--yes", "--dry-run"}},
		{[]string{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r", "--yes", "--read-only"}, []string{"--read-only"}},
		{[]string{"undo", "lock:a"}, []string{"--operation", "locktop audit"}},
		{[]string{"undo", "lock:a", "--operation", "x", "--reason", strings.Repeat("r", 600)}, []string{"--reason", "512"}},
		{[]string{"undo", "lock:a", "--operation", "x"}, []string{"no terminal", "--yes"}},
		{[]string{"undo", "lock:a", "--operation", "x", "--yes", "--read-only"}, []string{"--read-only"}},
		{[]string{"audit", "lock:a"}, []string{`"lock:a"`}},
		{[]string{"audit", "--key", ""}, []string{"key is empty"}},
		{[]string{"audit", "--since", "-1h"}, []string{"--since"}},
		{[]string{"audit", "--limit", "-1"}, []string{"--limit"}},
		{[]string{"recipe"}, []string{"which recipe", "locktop recipe make"}},
		{[]string{"recipe", "zapier"}, []string{`"zapier"`, "locktop recipe make"}},
		{[]string{"recipe", "make", "x"}, []string{`"x"`}},
		{[]string{"recipe", "make", "--resource", "lock:customers"}, []string{`"lock:customers"`, "same for every event", "{{1.customer_id}}"}},
		{[]string{"recipe", "make", "--resource", ""}, []string{`""`, "{{1.customer_id}}"}},
		{[]string{"recipe", "make", "--resource", "lock:{{id}}"}, []string{"{{id}}", "{{1.id}}"}},
		{[]string{"recipe", "make", "--resource", "{{1.id}}"}, []string{"lock:"}},
		{[]string{"recipe", "make", "--as-published", "--resource", "lock:{{1.id"}, []string{"no }}"}},
		{[]string{"recipe", "make", "--work", "evt"}, []string{`"evt"`, "same for every event"}},
		{[]string{"recipe", "make", "--ttl", "1s"}, []string{"TTL 1s", "3s"}},
		{[]string{"recipe", "make", "--ttl", "100000h"}, []string{"TTL", "ten years"}},
		{[]string{"recipe", "make", "--retry-attempts", "11"}, []string{"11", "1 to 10"}},
		{[]string{"recipe", "make", "--retry-interval", "90s"}, []string{"1m30s", "whole minutes"}},
		{[]string{"recipe", "make", "--retry-mode", "parallel"}, []string{"parallel", "at most 3"}},
		{[]string{"recipe", "make", "--retry-mode", "sequential", "--respond"}, []string{"sequential", "leave one of them out"}},
		{[]string{"recipe", "make", "--as-published", "--respond"}, []string{"--respond", "--as-published"}},
		{[]string{"recipe", "make", "--as-published", "--work", "{{1.id}}"}, []string{"--work", "--as-published"}},
		{[]string{"recipe", "make", "--blueprint", ""}, []string{"--blueprint", "- for stdout"}},
		{[]string{"recipe", "make", "--blueprint", "-", "--json"}, []string{"--blueprint", "--json"}},
		{[]string{"recipe", "make", "--blueprint", "no/such/place.json"}, []string{`"no/such/place.json"`, "no such file"}},
		{[]string{"recipe", "make", "--blueprint", "."}, []string{`"."`}},
		{[]string{"recipe", "make", "--url", "redis://127.0.0.1:1/0"}, []string{"--url", "REST API", "https://"}},
		{[]string{"recipe", "make", "--url", "http://x.upstash.io"}, []string{"http://x.upstash.io", "https://"}},
		{[]string{"completion"}, []string{"bash"}},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			// A server that nobody listens on: whatever is sent would be exit 1.
			s := on("redis://127.0.0.1:1/0")
			s.run(c.args...).fails(t, exitUsage, append(c.texts, "--help")...)
		})
	}
}

func TestTheEnvironmentNamesTheServer(t *testing.T) {
	rest := map[string]string{"UPSTASH_REDIS_REST_URL": "http://127.0.0.1:1", "UPSTASH_REDIS_REST_TOKEN": "t0ken"}
	cases := []struct {
		name  string
		vars  map[string]string
		args  []string
		code  int
		texts []string
	}{
		{"LOCKTOP_URL before REDIS_URL", map[string]string{"LOCKTOP_URL": "redis://127.0.0.1:1/0", "REDIS_URL": "redis://127.0.0.1:2/0"}, nil,
			exitFailed, []string{"redis://127.0.0.1:1/0"}},
		{"REDIS_URL alone", map[string]string{"REDIS_URL": "redis://127.0.0.1:2/0"}, nil, exitFailed, []string{"redis://127.0.0.1:2/0"}},
		{"the flag before all", map[string]string{"LOCKTOP_URL": "redis://127.0.0.1:1/0"}, []string{"--url", "redis://127.0.0.1:3/0"},
			exitFailed, []string{"redis://127.0.0.1:3/0"}},
		{"a REST API", rest, nil, exitFailed, []string{"http://127.0.0.1:1", "unreachable"}},
		{"a REST API without its token", map[string]string{"UPSTASH_REDIS_REST_URL": "https://x.upstash.io"}, nil, exitUsage,
			[]string{"UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"}},
		{"a REST API that is none", map[string]string{"UPSTASH_REDIS_REST_URL": "redis://127.0.0.1:1/0"}, nil, exitUsage,
			[]string{"UPSTASH_REDIS_REST_URL", "https://", "LOCKTOP_URL"}},
		{"a wrong value names its variable", map[string]string{"REDIS_URL": "nonsense"}, nil, exitUsage, []string{"REDIS_URL"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := on("")
			s.vars = c.vars
			got := s.run(append([]string{"list"}, c.args...)...)
			got.fails(t, c.code, c.texts...)
			if strings.Contains(got.err, "t0ken") {
				t.Errorf("the token is shown: %q", got.err)
			}
		})
	}
}

func TestAPasswordIsNeverShown(t *testing.T) {
	for _, url := range []string{
		"redis://u:s3cret@127.0.0.1:1/0", "redis://:s3cret@127.0.0.1:1/0", "redis://u:s3cret@127.0.0.1:1/x", "redis://u:s3cret@127.0.0.1:port/0",
		"redis://u:s3c/s3cret@127.0.0.1/0", "redis://u:%zzs3cret@127.0.0.1/0", "redis://u:s3cret%@127.0.0.1/0", "http://u:s3cret@x", "u:s3cret@127.0.0.1:1",
		"redis://u:s3cret@127.0.0.1:1/0?password=s3cret", "ftp://u:s3cret@x", "redis://u:#s3cret@127.0.0.1:1", "redis://u:[s3cret@127.0.0.1:1",
		"redis://u:pw?s3cret@127.0.0.1:1/0",
	} {
		for _, s := range []*shell{on(url), on("")} {
			args := []string{"list"}
			if s.vars["LOCKTOP_URL"] == "" {
				args = append(args, "--url", url)
			}
			if got := s.run(args...); strings.Contains(got.err+got.out, "s3c") || got.code == exitDone {
				t.Errorf("%s: exit %d, %q", url, got.code, got.err)
			}
		}
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	s := on("")
	for _, args := range [][]string{
		{"--help"}, {"help"}, {"help", "acquire"}, {"acquire", "--help"}, {"--version"}, {"completion", "bash"}, {"completion", "zsh"},
		{"completion", "fish"}, {"completion", "powershell"}, {"list", "--help"}, {"watch", "-h"}, {"force-release", "-h"},
		{"seize", "-h"}, {"run", "-h"}, {"undo", "-h"}, {"audit", "-h"}, {"recipe", "-h"}, {"recipe", "make", "-h"},
	} {
		if out := s.must(t, args...); out == "" {
			t.Errorf("locktop %s printed nothing", strings.Join(args, " "))
		}
	}
	for line := range strings.Lines(s.must(t, "--help")) {
		if len([]rune(strings.TrimRight(line, "\n"))) > 100 {
			t.Errorf("too wide a line of help: %q", line)
		}
	}
	if got := s.must(t, "--version"); !strings.HasPrefix(got, "locktop ") || strings.Count(got, "\n") != 1 {
		t.Errorf("version: %q", got)
	}
}
