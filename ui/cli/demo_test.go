//go:build linux

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/watcher/makecom"
)

type wantDemo struct {
	Speed       float64       `json:"speed"`
	Webhooks    int           `json:"webhooks"`
	Workers     int           `json:"workers"`
	Sequential  wantClearance `json:"sequential"`
	Mutex       wantClearance `json:"mutex"`
	Speedup     float64       `json:"speedup"`
	SameKey     wantSameKey   `json:"same_key"`
	FirstTry    int           `json:"first_try"`
	Acquired    int           `json:"acquired"`
	Denied      int           `json:"denied"`
	DeniedFirst int           `json:"denied_first"`
	Retried     int           `json:"retried"`
	Exhausted   int           `json:"exhausted"`
	Unresolved  []string      `json:"unresolved"`
	Unfinished  int           `json:"unfinished"`
	Lost        int           `json:"lost"`
	Forced      int           `json:"forced"`
	Failed      int           `json:"failed"`
	Problem     *string       `json:"problem"`
	LeftHeld    int           `json:"left_held"`
	TookMs      int64         `json:"took_ms"`
}

type wantRound struct {
	wantDemo
	Forecasts wantScore `json:"forecasts"`
}

type wantScore struct {
	Settled      int      `json:"settled"`
	Acquired     int      `json:"acquired"`
	Unknown      int      `json:"unknown"`
	Skipped      int      `json:"skipped"`
	MeanError    *int64   `json:"mean_error_ms"`
	ByP50        *float64 `json:"by_p50"`
	ByP50Of      int      `json:"by_p50_of"`
	ByP90        *float64 `json:"by_p90"`
	ByP90Of      int      `json:"by_p90_of"`
	Brier        *float64 `json:"brier"`
	BaseBrier    *float64 `json:"base_rate_brier"`
	CertainWrong int      `json:"certain_wrong"`
	Risks        []struct {
		UpTo      float64 `json:"up_to"`
		Forecasts int     `json:"forecasts"`
		Said      float64 `json:"said"`
		RanOut    float64 `json:"ran_out"`
	} `json:"risks"`
	ClearsOff *float64 `json:"clears_off"`
	ClearsOf  int      `json:"clears_of"`
	Doubt     *string  `json:"doubt"`
}

type wantClearance struct {
	ClearanceMs    int64   `json:"clearance_ms"`
	ThroughputPerS float64 `json:"throughput_per_s"`
	AddedLatencyMs int64   `json:"added_latency_ms"`
}

type wantSameKey struct {
	Contenders int     `json:"contenders"`
	RetryMode  string  `json:"retry_mode"`
	Acquired   int     `json:"acquired"`
	Exhausted  int     `json:"exhausted"`
	LastDoneMs *int64  `json:"last_done_ms"`
	AcquireMs  []int64 `json:"acquire_ms"`
}

// alone is a shell whose environment names servers that the demo has nothing to do with.
func alone() *shell {
	return &shell{
		vars: map[string]string{"LOCKTOP_URL": "nonsense", "UPSTASH_REDIS_REST_URL": "https://x.upstash.io"},
		in:   strings.NewReader(""), ctx: context.Background(),
	}
}

func TestDemoOncePrintsASummaryAsJSON(t *testing.T) {
	for _, server := range []string{"embedded", "redis"} {
		t.Run(server, func(t *testing.T) {
			out := alone().must(t, "demo", "--once", "--speed", "200", "--json", "--server", server)
			var got wantRound
			strictly(t, out, &got)
			if got.Speed != 200 || got.Webhooks != 100 || got.Workers != 40 || got.SameKey.Contenders != 10 || got.SameKey.RetryMode != "batch" {
				t.Errorf("another burst than the default: %s", out)
			}
			if got.Sequential != (wantClearance{200_000, 0.5, 0}) || got.Mutex.AddedLatencyMs != 90 {
				t.Errorf("%+v, %+v", got.Sequential, got.Mutex)
			}
			// All is accounted for, on a slow machine too.
			if got.Acquired+got.Exhausted != 100 || len(got.Unresolved) != got.Exhausted || got.Unfinished+got.Failed+got.LeftHeld != 0 ||
				got.FirstTry+got.DeniedFirst != 100 || got.SameKey.Acquired != len(got.SameKey.AcquireMs) || got.Problem != nil {
				t.Errorf("something is missing: %s", out)
			}
			// How good the forecasts are depends on the machine; that all of them are accounted for does not.
			f := got.Forecasts
			if f.ByP90Of > f.Acquired || f.Acquired > f.Settled || f.Settled+f.Unknown > got.Denied || f.CertainWrong != 0 {
				t.Errorf("forecasts: %+v", f)
			}
		})
	}
}

func TestDemoWithoutATerminalPlaysOnceForPeople(t *testing.T) {
	out := alone().must(t, "demo", "--speed", "200", "--retry-mode", "parallel", "--retry-attempts", "12")
	for _, text := range []string{
		"100 webhooks at once, 40 workers, 10 webhooks about one customer.\n", "200 times as fast",
		"one after the other    200.0 s     0.5         0 ms\n", "\nparallel, with a lock  ", "retry mode parallel",
		"\nholds lost ", "\nnote", "Make.com runs at most 3 retries",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("it lacks %q:\n%s", text, out)
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\r") {
		t.Errorf("not plain text: %q", out)
	}
}

func TestDemoTakesTheRetryPolicy(t *testing.T) {
	out := alone().must(t, "demo", "--once", "--speed", "200", "--json", "--retry-attempts", "0")
	var got wantRound
	strictly(t, out, &got)
	if got.Exhausted != got.DeniedFirst || got.Retried != 0 || got.SameKey.Exhausted == 0 {
		t.Errorf("without retries whoever is denied is out: %s", out)
	}
}

func TestDemoWrongUsage(t *testing.T) {
	for _, test := range []struct {
		args  []string
		texts []string
	}{
		{[]string{"--speed", "0"}, []string{"--speed", "from 1 to 1000"}},
		{[]string{"--speed", "0.5"}, []string{"--speed", "from 1 to 1000"}},
		{[]string{"--speed", "1001"}, []string{"--speed", "from 1 to 1000"}},
		{[]string{"--speed", "NaN"}, []string{"--speed", "from 1 to 1000"}},
		{[]string{"--speed", "fast"}, []string{`"fast"`, "from 1 to 1000"}},
		{[]string{"--scenario", "calm"}, []string{`"calm"`, "must be burst, crash, overrun, storm or dirty-write"}},
		{[]string{"--server", "docker"}, []string{`"docker"`, "embedded or redis"}},
		{[]string{"--url", "redis://127.0.0.1:6379/0"}, []string{"--url", "server of its own"}},
		{[]string{"--retry-mode", "random"}, []string{`"random"`}},
		{[]string{"burst"}, []string{`"burst"`}},
	} {
		alone().run(append([]string{"demo", "--once"}, test.args...)...).fails(t, exitUsage, append(test.texts, "see locktop demo --help")...)
	}
}

func TestDemoWithoutRedisServerSaysSo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	alone().run("demo", "--once", "--server", "redis").fails(t, exitFailed, "no redis-server on the PATH", "--server embedded")
}

func TestDemoSaysWhyRedisServerDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte("#!/bin/sh\necho 'first'\necho 'no \033[31mluck'\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	alone().run("demo", "--once", "--server", "redis").fails(t, exitFailed, "redis-server ended at once", `no \x1b[31mluck`)
	empty(t, temporary)
}

func TestDemoThatIsInterruptedEndsAtOnce(t *testing.T) {
	for _, server := range []string{"embedded", "redis"} {
		temporary := t.TempDir()
		t.Setenv("TMPDIR", temporary)
		s := alone()
		ctx, cancel := context.WithCancelCause(context.Background())
		s.ctx = ctx
		time.AfterFunc(500*time.Millisecond, func() { cancel(errInterrupted) })
		begun := time.Now()
		if got := s.run("demo", "--once", "--server", server); got.code != exitInterrupted || got.out != "" || got.err != "" {
			t.Errorf("%s: exit %d, %q, %q", server, got.code, got.out, got.err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: it took %v to end", server, took)
		}
		empty(t, temporary)
	}
}

func TestDemoEndsWithItsServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := goleak.IgnoreCurrent()
	s := alone()
	done := make(chan answer, 1)
	go func() { done <- s.run("demo", "--once", "--server", "redis") }()
	var pid int
	eventually(t, "the server runs", func() bool { pid = childOf(os.Getpid(), "redis-server"); return pid != 0 })
	time.Sleep(300 * time.Millisecond) // into the burst; sooner is right too, only less to the point
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-done:
		got.fails(t, exitFailed, "demo: the server on redis://127.0.0.1:", "ended before the demo did")
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on without a server")
	}
	empty(t, os.Getenv("TMPDIR"))
	// The Redis client notices up to a second late that it need not connect again.
	eventually(t, "all is at rest", func() bool { return goleak.Find(before) == nil })
}

func TestDemoOpensTheDashboardAndQuitsCleanly(t *testing.T) {
	for _, server := range []string{"embedded", "redis"} {
		t.Run(server, func(t *testing.T) {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			cmd, terminal := inTerminal(t, "demo", "--speed", "4", "--server", server)
			var screen buffer
			go io.Copy(&screen, terminal)
			eventually(t, "locks are shown", func() bool { return strings.Contains(screen.String(), "lock:stripe") })
			address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(screen.String())
			if address == "" {
				t.Fatalf("the header has no URL: %q", screen.String())
			}
			// A second terminal can join, and sees who waits for the shared record.
			joined := on("redis://" + address + "/0")
			eventually(t, "somebody waits", func() bool {
				return strings.Contains(joined.must(t, "list", "--all", "--json", "--retry-interval", "15s"), `"attempts":1`)
			})
			terminal.WriteString("q")
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Fatalf("it did not end; it shows %q", screen.String())
			}
			if code := cmd.ProcessState.ExitCode(); code != exitDone {
				t.Errorf("exit code %d", code)
			}
			eventually(t, "the terminal is as it was", func() bool { return strings.Contains(screen.String(), "\x1b[?1049l") })
			if after := screen.String()[strings.LastIndex(screen.String(), "\x1b[?1049l"):]; strings.Contains(after, "locktop:") {
				t.Errorf("it says at the end: %q", after)
			}
			joined.run("list").fails(t, exitFailed, "unreachable")
			empty(t, temporary)
		})
	}
}

// childOf finds a child process by its name; 0 if there is none.
func childOf(parent int, name string) int {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var pid, ppid int
		var state string
		_, rest, _ := strings.Cut(string(text), ") ")
		fmt.Sscan(string(text), &pid)
		fmt.Sscan(rest, &state, &ppid)
		if ppid == parent && strings.Contains(string(text), "("+name) && state != "Z" {
			return pid
		}
	}
	return 0
}

func TestDemoSaysHowToJoinWithTheSameForecasts(t *testing.T) {
	for _, test := range []struct {
		speed  float64
		change func(*makecom.Policy)
		want   string
	}{
		{1, func(p *makecom.Policy) {}, ""},
		{20, func(p *makecom.Policy) {}, " --retry-interval 3s"},
		{1, func(p *makecom.Policy) { p.Batch = 7 }, " --retry-batch 7"},
		{1, func(p *makecom.Policy) { p.Mode, p.Attempts, p.Batch = makecom.Parallel, 3, 7 }, " --retry-mode parallel --retry-attempts 3"},
	} {
		s := &settings{url: "redis://127.0.0.1:4711/0"}
		s.query.Policy = makecom.DefaultPolicy.Scale(test.speed)
		test.change(&s.query.Policy)
		if got := (&demo{}).joining(s); got != "locktop --url redis://127.0.0.1:4711/0"+test.want {
			t.Errorf("got %q; want it to end in %q", got, test.want)
		}
	}
}

// empty checks that a directory is.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
