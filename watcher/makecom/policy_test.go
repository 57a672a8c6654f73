package makecom

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"locktop/lockcore"
)

func TestModeIsReadByItsName(t *testing.T) {
	for in, want := range map[string]Mode{"sequential": Sequential, "batch": Batch, "parallel": Parallel, " Batch\n": Batch} {
		if got, err := ParseMode(in); err != nil || got != want {
			t.Errorf("ParseMode(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "serial", "batch3"} {
		if m, err := ParseMode(in); err == nil || m != "" || !strings.Contains(err.Error(), "sequential, batch or parallel") {
			t.Errorf("ParseMode(%q) = %q, %v; want an error that names the modes", in, m, err)
		}
	}
}

func TestPolicyThatMakesNoSenseIsRefusedInOneLineThatNamesTheValue(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Policy)
		says   string // "" for a valid policy
	}{
		{"the default is valid", func(p *Policy) {}, ""},
		{"a demo's interval is valid", func(p *Policy) { p.Interval = 20 * time.Millisecond }, ""},
		{"no retries at all is valid", func(p *Policy) { p.Attempts = 0 }, ""},
		{"more retries than Make.com gives is valid", func(p *Policy) { p.Attempts = 50 }, ""},
		{"unknown mode", func(p *Policy) { p.Mode = "lifo" }, `"lifo"`},
		{"no mode", func(p *Policy) { p.Mode = "" }, `""`},
		{"no interval", func(p *Policy) { p.Interval = 0 }, "interval 0s"},
		{"negative interval", func(p *Policy) { p.Interval = -time.Second }, "interval -1s"},
		{"interval of years", func(p *Policy) { p.Interval = 20_000 * time.Hour }, "interval 20000h0m0s"},
		{"negative attempts", func(p *Policy) { p.Attempts = -1 }, "attempts -1"},
		{"a million attempts", func(p *Policy) { p.Attempts = 1e6 }, "attempts 1000000"},
		{"empty batches", func(p *Policy) { p.Batch = 0 }, "batch 0"},
		{"a million at a time", func(p *Policy) { p.Batch = 1e6 }, "batch 1000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy
			tt.change(&p)
			err := p.Validate()
			if tt.says == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "must be") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("err = %v; want one line with %q and what is allowed", err, tt.says)
			}
		})
	}
}

func TestPolicyThatMakeComDoesNotOfferIsWarnedAbout(t *testing.T) {
	tests := []struct {
		name string
		p    Policy
		want []string
	}{
		{"the default is Make.com's own", DefaultPolicy, nil},
		{"both extremes are allowed", Policy{Sequential, BreakMaxInterval, 1, 1}, nil},
		{"20 attempts", Policy{Batch, time.Minute, 20, 3}, []string{"attempts 20"}},
		{"no attempts", Policy{Batch, time.Minute, 0, 3}, []string{"attempts 0"}},
		{"every second", Policy{Batch, time.Second, 10, 3}, []string{"interval 1s"}},
		{"batches of 5", Policy{Batch, time.Minute, 10, 5}, []string{"batch 5"}},
		{"all at once", Policy{Parallel, time.Minute, 10, 3}, []string{"mode parallel"}},
		{"everything", Policy{Batch, time.Second, 11, 1}, []string{"interval", "attempts", "batch"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.p.Warnings()
			if len(got) != len(tt.want) {
				t.Fatalf("Warnings() = %q; want %d", got, len(tt.want))
			}
			for i, w := range tt.want {
				if !strings.Contains(got[i], w) {
					t.Errorf("warning %q lacks %q", got[i], w)
				}
			}
			if err := tt.p.Validate(); err != nil {
				t.Errorf("a warning is no error, but: %v", err)
			}
		})
	}
}

func TestScaleShortensEveryTimeAlike(t *testing.T) {
	tests := []struct {
		speed float64
		want  time.Duration
	}{
		{1, time.Minute}, {60, time.Second}, {0.5, 2 * time.Minute},
		{0, time.Minute}, {-3, time.Minute}, {math.NaN(), time.Minute}, {math.Inf(1), time.Minute},
		{1e300, 1}, {1e-300, MaxInterval},
	}
	for _, tt := range tests {
		want := DefaultPolicy
		want.Interval = tt.want
		if got := DefaultPolicy.Scale(tt.speed); got != want {
			t.Errorf("Scale(%v) = %+v; want %+v", tt.speed, got, want)
		}
	}
}

func TestAttemptsLeftIsOnePlusAttemptsMinusDenialsNeverBelowZero(t *testing.T) {
	for attempts, want := range map[int]int{1: 10, 2: 9, 10: 1, 11: 0, 12: 0, 1000: 0, 0: 11, -5: 11} {
		if got := DefaultPolicy.AttemptsLeft(attempts); got != want {
			t.Errorf("after %d denials %d are left; want %d", attempts, got, want)
		}
	}
	none := Policy{Batch, time.Minute, 0, 3}
	if got := none.AttemptsLeft(1); got != 0 {
		t.Errorf("without retries %d are left after the first denial; want 0", got)
	}
}

func TestRetryComesOneIntervalAfterTheDenialAndSilenceBeginsAfterTwo(t *testing.T) {
	denied := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if got := DefaultPolicy.NextRetry(denied); !got.Equal(denied.Add(time.Minute)) {
		t.Errorf("next retry at %v", got)
	}
	for after, silent := range map[time.Duration]bool{0: false, time.Minute: false, 2*time.Minute - 1: false, 2 * time.Minute: true, time.Hour: true, -time.Hour: false} {
		if got := DefaultPolicy.Silent(denied, denied.Add(after)); got != silent {
			t.Errorf("silent %v after the denial: %v; want %v", after, got, silent)
		}
	}
}

func TestAgainstACrashedHolderTheFirstRetryToWinIsTheFirstAfterItsTTL(t *testing.T) {
	const l = 45 * time.Millisecond
	tests := []struct {
		ttl  time.Duration
		want int
	}{
		{0, 1}, {-time.Second, 1}, {15 * time.Second, 1}, {time.Minute + l, 1}, {time.Minute + l + 1, 2}, {10 * time.Minute, 10}, {time.Hour, 60},
	}
	for _, tt := range tests {
		if got := DefaultPolicy.FirstToWin(tt.ttl, l); got != tt.want {
			t.Errorf("TTL %v: retry %d; want %d", tt.ttl, got, tt.want)
		}
	}
}

func TestEachDenialTakesOneAttemptUntilNoneIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Batch, time.Minute, rapid.IntRange(0, MaxAttempts).Draw(t, "attempts"), 3}
		n := rapid.IntRange(1, 2*MaxAttempts).Draw(t, "denials")
		left, after := p.AttemptsLeft(n), p.AttemptsLeft(n+1)
		if left < 0 || left > 0 && after != left-1 || left == 0 && after != 0 {
			t.Fatalf("%d left, then %d", left, after)
		}
	})
}

func TestAnAcquireRecordsWhetherItsWorkComesBackAtAll(t *testing.T) {
	if c := DefaultPolicy.Comeback(); c.Interval != time.Minute || c.Attempts != 10 {
		t.Errorf("the default comes back as %+v", c)
	}
	none := DefaultPolicy
	none.Attempts = 0
	if c := none.Comeback(); c.Attempts != lockcore.NoRetries {
		t.Errorf("no retries come back as %+v", c)
	}
	if c := DefaultPolicy.Scale(1e6).Comeback(); c.Interval < time.Millisecond {
		t.Errorf("an interval below what the ledger can say: %+v", c)
	}
}
