//go:build linux

package cli

import (
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

type wantModel struct {
	Sequential wantClearance `json:"sequential"`
	Mutex      wantClearance `json:"mutex"`
	Speedup    float64       `json:"speedup"`
	SameKey    wantSameKey   `json:"same_key"`
	Overlap    float64       `json:"overlap_probability"`
	Recommend  struct {
		TTL      int64  `json:"ttl_ms"`
		Interval int64  `json:"retry_interval_ms"`
		Why      string `json:"why"`
	} `json:"recommend"`
}

func TestModelPrintsTheContractsJSON(t *testing.T) {
	var got wantModel
	out := alone().must(t, "model", "--json", "--same-key", "10")
	strictly(t, out, &got)
	if got.Sequential != (wantClearance{200_000, 0.5, 0}) || got.Mutex != (wantClearance{6270, 15.95, 90}) || got.Speedup != 31.9 {
		t.Errorf("%s", out)
	}
	if s := got.SameKey; s.Contenders != 10 || s.RetryMode != "batch" || s.Acquired != 10 || s.Exhausted != 0 || *s.LastDoneMs != 186_405 || len(s.AcquireMs) != 10 {
		t.Errorf("%+v", s)
	}
	if got.Overlap != 0 || got.Recommend.TTL != 15_000 || got.Recommend.Interval != 60_000 || got.Recommend.Why == "" {
		t.Errorf("%s", out)
	}
}

func TestModelGivesTheTableOfContendersWithTheDefaultWorkers(t *testing.T) {
	for _, test := range []struct {
		k, mode  string
		runOut   int
		lastDone int64 // tenths of a second
	}{
		{"2", "parallel", 0, 621}, {"12", "parallel", 1, 6025}, {"50", "parallel", 39, 6025},
		{"10", "sequential", 0, 789}, {"50", "sequential", 0, 1625},
		{"11", "batch", 0, 1864}, {"20", "batch", 0, 1927}, {"50", "batch", 0, 2136},
	} {
		var got wantModel
		strictly(t, alone().must(t, "model", "--json", "--same-key", test.k, "--retry-mode", test.mode), &got)
		if got.SameKey.Exhausted != test.runOut || (*got.SameKey.LastDoneMs+50)/100 != test.lastDone {
			t.Errorf("%s %s: %+v, %d ms", test.k, test.mode, got.SameKey, *got.SameKey.LastDoneMs)
		}
	}
}

func TestModelForPeople(t *testing.T) {
	for _, test := range []struct {
		args  string
		texts []string
	}{
		{"", []string{"100 webhooks at once on 40 workers", "one after the other    200.0 s     0.5         0 ms\n", "parallel, with a lock  6.27 s      15.95       90 ms\n", "faster          31.9 times", "recommended     TTL 15s, retry interval 1m", "because         TTL 15s: "}},
		{"--same-key 10", []string{"10 at once: 10 get in, 0 out of retries", "0.0  60.1  62.2  64.2  120.1", "after 186.4 s", "2.18 a webhook"}},
		{"--same-key 50 --retry-mode sequential", []string{"78.9  and 39 more, the last at  160.4 s"}},
		{"--same-key 20 --retry-mode parallel", []string{"11 get in, 9 out of retries", "note", "Make.com runs at most 3 retries", "9 of 20 contenders"}},
		{"--section 20s", []string{"0 %: that somebody else gets in", "5.045s before its release", "with 15s the lock is gone"}},
		{"--section 61s --tries 0.01", []string{"36.87 %"}},
		{"--requests 1000", []string{"refused", "700 webhooks with 429: Make.com takes 300 in 10s", "spread all over 34s"}},
		{"--requests 1000 --spread 1m", []string{"1000 webhooks within 1m"}},
		{"--requests 300 --queue 200", []string{"60 webhooks with 400: the queue takes 200"}},
		{"--redis-rate 20", []string{"beyond the 20 a second of the Redis's plan"}},
		{"--same-key 3 --chart", []string{"one after the other    ██", "contender 3            ██", " 120.1 s", "gets the lock at"}},
		{"--same-key 20 --retry-mode parallel --chart", []string{"9 others", "never: out of retries"}},
	} {
		out := alone().must(t, append([]string{"model"}, strings.Fields(test.args)...)...)
		for _, text := range test.texts {
			if !strings.Contains(out, text) {
				t.Errorf("model %s lacks %q:\n%s", test.args, text, out)
			}
		}
		if strings.Contains(out, "refused") && !strings.Contains(strings.Join(test.texts, ""), "webhooks with") && !strings.Contains(test.args, "redis-rate") {
			t.Errorf("model %s: something is refused:\n%s", test.args, out)
		}
	}
}

func TestModelNamesWhatIsRefusedInJSON(t *testing.T) {
	out := alone().must(t, "model", "--json", "--requests", "400", "--queue", "200")
	if !strings.Contains(out, `"limits":{"refused":100,"overflowed":60,"failed":0}`) {
		t.Errorf("%s", out)
	}
}

func TestModelWrongUsage(t *testing.T) {
	for args, texts := range map[string][]string{
		"--requests 0":                {"--requests 0", "between 1 and 100000"},
		"--workers 0":                 {"--workers 0", "between 1"},
		"--same-key 0":                {"--same-key 0"},
		"--same-key 101":              {"--same-key 101", "100"},
		"--section 0s":                {"--section 0s", "more than 0"},
		"--section -1s":               {"--section -1s"},
		"--section 2":                 {"--section", "unit"},
		"--latency -1s":               {"--latency -1s"},
		"--spread -1s":                {"--spread -1s"},
		"--ttl 0s":                    {"--ttl", "0s"},
		"--ttl 1.5ms":                 {"--ttl", "1.5ms", "whole"},
		"--tries NaN":                 {"--tries NaN"},
		"--queue 10001":               {"--queue 10001", "10000"},
		"--redis-rate -1":             {"--redis-rate -1"},
		"--json --chart":              {"--json", "--chart"},
		"--speed 5":                   {"--speed", "--verify"},
		"--url redis://127.0.0.1:1/0": {"--url", "--verify"},
		"--verify --speed 0":          {"--speed", "from 1 to 1000"},
		"--verify --read-only":        {"--read-only"},
		"--retry-mode hope":           {`"hope"`},
		"burst":                       {`"burst"`},
	} {
		alone().run(append([]string{"model"}, strings.Fields(args)...)...).fails(t, exitUsage, append(texts, "see locktop model --help")...)
	}
}

type wantVerified struct {
	wantModel
	Verify struct {
		Server    string     `json:"server"`
		Predicted wantPlayed `json:"predicted"`
		Measured  wantPlayed `json:"measured"`
		Forecasts struct {
			Simulated wantScore `json:"simulated"`
			Measured  wantScore `json:"measured"`
		} `json:"forecasts"`
	} `json:"verify"`
}

type wantPlayed struct {
	wantDemo
	Trouble wantTrouble `json:"trouble"`
}

type wantTrouble struct {
	Guard      string     `json:"guard"`
	Refused    int        `json:"refused"`
	Overflowed int        `json:"overflowed"`
	Crashed    int        `json:"crashed"`
	Overlaps   int        `json:"overlaps"`
	Removed    int        `json:"removed"`
	Rejected   int        `json:"rejected"`
	Store      *wantStore `json:"store"`
}

type wantStore struct {
	Updates int64 `json:"updates"`
	Value   int64 `json:"value"`
	Lost    int64 `json:"lost"`
}

// What is counted is exact on any machine; times are only as good as it is idle, and are reported.
func TestModelVerifyPlaysItWithRealLocks(t *testing.T) {
	server := locktest.StartRedis(t)
	for name, args := range map[string][]string{"embedded": nil, "given": {"--url", server.URL()}} {
		out := alone().must(t, append([]string{"model", "--json", "--verify", "--speed", "60", "--ttl", "30m", "--same-key", "4", "--retry-attempts", "30"}, args...)...)
		var got wantVerified
		strictly(t, out, &got)
		p, m := got.Verify.Predicted, got.Verify.Measured
		if m.Acquired != 100 || p.Acquired != 100 || m.Exhausted+m.Lost+m.Failed+m.LeftHeld+m.Unfinished != 0 || m.SameKey.Acquired != 4 || m.Speed != 60 {
			t.Errorf("%s: %s", name, out)
		}
		if 10*m.Mutex.ClearanceMs < 9*p.Mutex.ClearanceMs || m.Mutex.ClearanceMs > 100*p.Mutex.ClearanceMs {
			t.Errorf("%s: cleared in %d ms, predicted %d ms", name, m.Mutex.ClearanceMs, p.Mutex.ClearanceMs)
		}
		t.Logf("%s: cleared in %d ms, predicted %d ms", name, m.Mutex.ClearanceMs, p.Mutex.ClearanceMs)
		// Four contenders of one record: three are denied, and one of the two that are left again.
		if f := got.Verify.Forecasts.Simulated; f.Settled != p.Denied || f.Unknown+f.Skipped+f.CertainWrong != 0 || f.Doubt != nil || *f.ByP90 != 1 || *f.ClearsOff > 0.01 {
			t.Errorf("%s: forecasts of the simulation: %+v", name, f)
		}
		if f := got.Verify.Forecasts.Measured; f.Settled+f.Unknown > m.Denied || f.CertainWrong > 0 {
			t.Errorf("%s: forecasts of what was played: %+v", name, f)
		}
		if given := strings.Contains(got.Verify.Server, server.Port()); given != (name == "given") {
			t.Errorf("%s: it was played on %s", name, got.Verify.Server)
		}
	}
	if left := server.CLI("KEYS", "*"); left != "" {
		t.Errorf("left on the given server: %q", left)
	}
}

func TestModelVerifyForPeople(t *testing.T) {
	out := alone().must(t, "model", "--verify", "--speed", "100", "--ttl", "5m", "--same-key", "4")
	for _, text := range []string{"FORECASTS ", "SIMULATED", "\ngot it by their 90 % time  90 %", "\nran out, at no risk ", "played on redis://127.0.0.1:", "PREDICTED", "MEASURED", "\ncleared in ", "\nall over ", "played 100 times as fast"} {
		if !strings.Contains(out, text) {
			t.Errorf("it lacks %q:\n%s", text, out)
		}
	}
}

func TestModelVerifySaysThatAServerCannotBeReached(t *testing.T) {
	server := locktest.StartRedis(t)
	url := server.URL()
	server.Kill()
	alone().run("model", "--verify", "--url", url).fails(t, exitFailed, "unreachable")
}
