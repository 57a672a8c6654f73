package makecom

// The retry policy: how denied work comes back, and what that means for one waiter by itself.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"locktop/lockcore"
)

// Mode says how many retries of a scenario run side by side.
type Mode string

const (
	// Sequential is the scenario setting "sequential processing": one execution at a time, first tries included.
	Sequential Mode = "sequential"
	// Batch is how Make.com retries incomplete executions of an ordinary scenario: a few at a time, the next few when
	// those are done.
	Batch Mode = "batch"
	// Parallel is every retry at its own time, whatever else runs: clients other than Make.com.
	Parallel Mode = "parallel"
)

// What Make.com's documentation of the Break error handler and of incomplete executions allows.
const (
	// BreakMinAttempts and BreakMaxAttempts bound the "number of attempts" of the Break handler.
	BreakMinAttempts, BreakMaxAttempts = 1, 10
	// BreakMinInterval and BreakMaxInterval bound its "interval between attempts", which is set in whole minutes.
	BreakMinInterval, BreakMaxInterval = time.Minute, 44_640 * time.Minute
	// BreakBatch is how many retries of one scenario Make.com runs at a time.
	BreakBatch = 3
)

// Beyond these a policy is a mistake rather than a choice.
const (
	MaxInterval = 366 * 24 * time.Hour
	MaxAttempts = 10_000
	MaxBatch    = 10_000
)

// Policy is how denied work comes back. The zero value is not valid; start from DefaultPolicy.
type Policy struct {
	Mode     Mode
	Interval time.Duration // from a denial to the retry
	Attempts int           // retries after the first try
	Batch    int           // retries at a time; of Mode Batch only
}

// DefaultPolicy is ten retries a minute apart, three at a time: the most retries the Break handler gives, as fast as it
// gives them.
var DefaultPolicy = Policy{Mode: Batch, Interval: time.Minute, Attempts: BreakMaxAttempts, Batch: BreakBatch}

// ParseMode reads a mode by its name, in any case.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(strings.ToLower(strings.TrimSpace(s))); m {
	case Sequential, Batch, Parallel:
		return m, nil
	}
	return "", modeError(s)
}

func modeError(s string) error {
	return fmt.Errorf("retry mode %q: must be sequential, batch or parallel", s)
}

// Validate reports the first value that makes no sense, in one line that names the value and what is allowed. What
// makes sense but is not to be had from Make.com is no error; see Warnings.
func (p Policy) Validate() error {
	switch p.Mode {
	case Sequential, Batch, Parallel:
	default:
		return modeError(string(p.Mode))
	}
	if p.Interval <= 0 || p.Interval > MaxInterval {
		return fmt.Errorf("retry interval %v: must be more than 0 and at most %d days", p.Interval, MaxInterval/(24*time.Hour))
	}
	if p.Attempts < 0 || p.Attempts > MaxAttempts {
		return fmt.Errorf("retry attempts %d: must be between 0 and %d", p.Attempts, MaxAttempts)
	}
	if p.Batch < 1 || p.Batch > MaxBatch {
		return fmt.Errorf("retry batch %d: must be between 1 and %d", p.Batch, MaxBatch)
	}
	return nil
}

// Warnings says, a line each, what of a valid policy Make.com's Break handler does not offer. None of it is wrong for other
// clients, or for a demonstration at higher speed.
func (p Policy) Warnings() []string {
	var lines []string
	if p.Interval < BreakMinInterval || p.Interval > BreakMaxInterval {
		lines = append(lines, fmt.Sprintf("retry interval %v: Make.com's Break handler takes 1 to %d minutes", p.Interval, BreakMaxInterval/time.Minute))
	}
	if p.Attempts < BreakMinAttempts || p.Attempts > BreakMaxAttempts {
		lines = append(lines, fmt.Sprintf("retry attempts %d: Make.com's Break handler takes %d to %d", p.Attempts, BreakMinAttempts, BreakMaxAttempts))
	}
	if p.Mode == Batch && p.Batch != BreakBatch {
		lines = append(lines, fmt.Sprintf("retry batch %d: Make.com runs %d retries of a scenario at a time", p.Batch, BreakBatch))
	}
	if p.Mode == Parallel {
		lines = append(lines, fmt.Sprintf("retry mode parallel: Make.com runs at most %d retries of a scenario at a time", BreakBatch))
	}
	return lines
}

// Scale shortens every time of the policy alike, for a demonstration at speed times the real one: 60 makes a minute a
// second. A speed that is not a positive number changes nothing. An interval never becomes 0.
func (p Policy) Scale(speed float64) Policy {
	if !(speed > 0) || math.IsInf(speed, 1) {
		return p
	}
	if d := float64(p.Interval) / speed; d >= float64(MaxInterval) {
		p.Interval = max(p.Interval, MaxInterval)
	} else if p.Interval > 0 {
		p.Interval = max(1, time.Duration(math.Round(d)))
	}
	return p
}

// AttemptsLeft is how many retries are still to come for work that was denied so many times, its first try included:
// 1 + Attempts − attempts, never below 0.
func (p Policy) AttemptsLeft(attempts int) int {
	return max(0, 1+p.Attempts-max(0, attempts))
}

// NextRetry is when work comes back that was last denied then. In the modes Sequential and Batch it may have to wait for
// its turn on top of that.
func (p Policy) NextRetry(lastDenied time.Time) time.Time {
	return lastDenied.Add(p.Interval)
}

// Silent reports whether work that was last denied then is no longer expected back: nothing was heard of it for two retry
// intervals. Where so many wait that their turns take longer than that (Sequential, Batch), the last of them may be silent
// for a while and still come.
func (p Policy) Silent(lastDenied, now time.Time) bool {
	return now.Sub(lastDenied) >= 2*p.Interval
}

// Grace is how much later than reckoned is still on time: a sixtieth of the interval, which is a second of a minute, and no
// less than two calls.
func (p Policy) Grace(latency time.Duration) time.Duration {
	return max(p.Interval/60, 2*latency)
}

// FirstToWin is the number, from 1, of the first retry that can win against a holder that crashed just after taking the
// lock: its TTL runs to the end, and retries come every interval + latency: max(1, ⌈ttl / (interval + latency)⌉). Work
// with fewer retries than that is certain to run out.
func (p Policy) FirstToWin(ttl, latency time.Duration) int {
	every := p.Interval + latency
	if ttl <= 0 || every <= 0 {
		return 1
	}
	return int(ceilDiv(ttl, every))
}

// ceilDiv is ⌈a/b⌉ for a ≥ 0, b > 0.
func ceilDiv(a, b time.Duration) time.Duration {
	n := a / b
	if a%b != 0 {
		n++
	}
	return n
}

// Comeback is the policy as far as an acquire records it with a denial.
func (p Policy) Comeback() lockcore.Comeback {
	c := lockcore.Comeback{Interval: max(p.Interval.Round(time.Millisecond), time.Millisecond), Attempts: p.Attempts}
	if p.Attempts == 0 {
		c.Attempts = lockcore.NoRetries
	}
	return c
}
