package makecom

// What the model recommends, and why.
//
// The TTL has two bounds. Below is the section: it is a typical one, and one that takes three times as long should still be
// inside its lock. Above is the retry interval: who is denied is away for that long anyway, so a holder that crashes costs
// nobody a second retry as long as its lock is gone by then. A TTL between the two is left as it is.
//
// The interval is the shortest of whole minutes, as the Break handler takes them, with which as few run out as with any,
// also behind a holder that crashed with the recommended TTL. It is found by simulation.

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// slack is how many times the typical hold a TTL should last.
const slack = 3

// patient is how many longer intervals are tried in vain before the search ends.
const patient = 3

// Recommendation is a TTL and a retry interval, with the reasons.
type Recommendation struct {
	TTLMs           int64  `json:"ttl_ms"`
	RetryIntervalMs int64  `json:"retry_interval_ms"`
	Why             string `json:"why"`
}

// recommend is for the real scenario, whatever its speed.
func (s Scenario) recommend() (Recommendation, error) {
	s = s.Scale(1 / s.speed())
	hold := s.Section + s.Latency
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }

	least := max(time.Second, (slack*hold + time.Second - 1).Truncate(time.Second))
	ttl := s.TTL
	switch {
	case s.TTL < least && hold > s.TTL:
		ttl = least
		say("TTL %s: a hold takes %s, so with %s the lock is gone before its owner is done; %d times a hold leaves room for a slow one", plain(ttl), plain(hold), plain(s.TTL), slack)
	case s.TTL < least:
		ttl = least
		say("TTL %s: %s is less than %d times the %s of a hold, so a section that is slow for once outlives its lock", plain(ttl), plain(s.TTL), slack, plain(hold))
	case s.TTL > s.Policy.Interval && s.TTL > least:
		ttl = max(least, s.Policy.Interval.Truncate(time.Second))
		say("TTL %s: a holder that crashes keeps its record for the whole TTL, and with %s work that comes back every %s would try in vain meanwhile", plain(ttl), plain(s.TTL), plain(s.Policy.Interval))
	default:
		say("TTL %s: over %d times the %s of a hold, so a slow section keeps its lock; and not above the retry interval, so a holder that crashes costs nobody a second retry", plain(ttl), slack, plain(hold))
	}
	s.TTL = ttl

	interval, out, err := s.bestInterval()
	if err != nil {
		return Recommendation{}, err
	}
	switch {
	case interval == BreakMinInterval:
		say("interval %s: the shortest that Make.com's Break handler takes", plain(interval))
	default:
		say("interval %s: with a shorter one more work runs out of its %d retries, at the latest when a holder crashes", plain(interval), s.Policy.Attempts)
	}
	if out > 0 {
		say("out of their %d retries all the same, with retry mode %s: %d of %d contenders; %s", s.Policy.Attempts, s.Policy.Mode, out, s.SameKey, s.wayOut())
	}
	if hold > MakeRun {
		say("no run of Make.com lasts longer than %s", plain(MakeRun))
	}
	return Recommendation{TTLMs: ttl.Milliseconds(), RetryIntervalMs: interval.Milliseconds(), Why: strings.Join(why, ". ")}, nil
}

// wayOut is what helps where no interval does.
func (s Scenario) wayOut() string {
	if s.Policy.Mode == Parallel {
		return fmt.Sprintf("one gets in an interval: spread the retries, or let at most %d run at a time", BreakBatch)
	}
	return "what helps is more attempts, or fewer webhooks about one record at a time"
}

// bestInterval is the shortest interval with which as few contenders as possible run out, and how many do, the worse of two
// cases: all goes well, or the first holder crashes.
func (s Scenario) bestInterval() (best time.Duration, fewest int, err error) {
	s = s.contenders()
	fewest = math.MaxInt
	// With less than that, the last retry comes before a crashed holder's lock is gone.
	minutes := max(1, ceilDiv(ceilDiv(s.TTL, time.Duration(max(1, s.Policy.Attempts)))-s.Latency, time.Minute))
	for vain := 0; vain < patient && fewest > 0 && minutes*time.Minute <= BreakMaxInterval; minutes++ {
		s.Policy.Interval = minutes * time.Minute
		worst := 0
		for crashing := range min(2, s.SameKey) {
			s.Crashing = crashing
			played, err := s.Simulate(nil)
			if err != nil {
				return 0, 0, err
			}
			worst = max(worst, played.Exhausted)
		}
		if vain++; worst < fewest {
			best, fewest, vain = s.Policy.Interval, worst, 0
		}
	}
	return max(best, BreakMinInterval), min(fewest, s.SameKey), nil
}

// plain is a duration without the units that are 0.
func plain(d time.Duration) string {
	text := d.Round(time.Millisecond).String()
	for _, none := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}
