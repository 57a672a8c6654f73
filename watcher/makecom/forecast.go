package makecom

// The forecast: when each waiter of a lock comes back, when it gets the lock, and whether it runs out of retries.
//
// F₀, when the present holder is done, is the smaller of its TTL left and typical hold − age, where the typical hold is that
// of holds that last as long as the present one did already. Where that difference is not known or is used up, the holder is
// taken to be gone, and its lock to run to its TTL. A free lock has F₀ = now.
//
// From there Predict plays the waiters' future. In the mode Batch, and in Parallel where retries do not all come within half a
// call, it does so many times (trials.go). Otherwise once, in expectation: waiters are not heads but probabilities of still
// being there. A round is a set of retries that meet: one of them wins, each with the same chance, and the others come back
// one interval after their denial was answered, if they have a retry left.
//
//   - Sequential: a round is one retry, and none starts before the previous execution is done:
//     Aᵢ = max(nextᵢ, Fᵢ₋₁), Fᵢ = Aᵢ + C. Nobody runs out as long as holders release.
//   - Parallel: a round is everybody whose retry comes with the first that finds the lock free: who arrives first is a matter
//     of milliseconds that no policy promises. m waiters that retry together win in round 1…m with equal chance: try j is at
//     next + (j−1)(R+L), the mean next + (m−1)/2·(R+L), and with r retries left max(0, m−r)/m of them run out. Retries that
//     are spread over J seconds win side by side, about min(m, max(1, J/(H+J/m))) per interval.
//
// In the modes Sequential and Batch no retry starts while the holder still runs, since Make.com starts none while the
// scenario runs. In Parallel, and against a holder that is gone, what comes before F₀ is denied and uses up a retry.
//
// This is exact where the same waiters meet again and again with equally many retries left, as after a burst. Elsewhere it
// leaves out that the waiters' fortunes depend on each other. In its tests, against a Simulator that draws who is first, the risk
// of all of them together is right within 3 %, and each one's within 4 %.
//
// Times are those that a watcher of Redis sees. A denial is recorded in the middle of its call and answered half a call later,
// and the retry that wins is granted the lock in the middle of its own: one call and one interval lie between the two. In
// between, times of turns count without that call.

import (
	"slices"
	"time"
)

// DefaultLatency is one call to a Redis REST API from Make.com, request to answer, where none was measured.
const DefaultLatency = 45 * time.Millisecond

// LikelyRisk is the risk of running out from which on a waiter counts as likely to.
const LikelyRisk = 0.05

// horizon is how far a forecast looks; what lies beyond counts as never. It keeps sums of durations from overflowing.
const horizon = 50 * MaxInterval

// tiny is the probability that counts as none, almost the one that is given where everything speaks against a waiter and
// nothing rules it out.
const (
	tiny   = 1e-9
	almost = 0.999
)

// leastBlur is how far apart retries must be at least for their order to be certain, however quick calls are: clocks, timers
// and threads are not more exact than that.
const leastBlur = 5 * time.Millisecond

// goneAfter is how many times the longest known hold makes sure that a holder does not come back.
const goneAfter = 2

// Lock is a lock as the forecast sees it, at the moment of the forecast.
type Lock struct {
	Held     bool          // false: nobody holds it, its waiters are expected back (awaited)
	TTL      time.Duration // left; of a held lock with HasTTL
	HasTTL   bool
	Age      time.Duration // how long the present hold has lasted; with AgeKnown
	AgeKnown bool
	Typical  time.Duration // typical hold as seen in Redis, critical section + one call: the median of recent ones; 0: unknown
	Lasts    time.Duration // what the present hold is expected to take in all, given its age; 0: Typical
	Longest  time.Duration // the longest of the recent holds; 0: Typical
	Latency  time.Duration // one call, request to answer; 0: DefaultLatency
}

// Waiter is work that was denied and is expected back. Those that Policy.Silent gives up are best left out.
type Waiter struct {
	Attempts   int       // denials, the first included
	LastDenied time.Time // in Redis; one after the moment of the forecast counts as at that moment: clocks differ
}

// Exhaustion says in a word how likely a waiter is to run out of retries before it gets the lock.
type Exhaustion string

const (
	Unknown Exhaustion = ""        // nothing says when the lock will be free
	None    Exhaustion = "none"    // a risk under LikelyRisk
	Likely  Exhaustion = "likely"  // more than that
	Certain Exhaustion = "certain" // no retry that is left can win: all come while a holder that is gone keeps the lock
)

// Forecast is what is to be expected for one waiter.
type Forecast struct {
	// Next is when the policy lets the waiter come back. A time that has passed is given as the moment of the forecast:
	// due now. Zero where no retry is left.
	Next time.Time
	// Position is the waiter's place, from 1, in the order in which they come back: by last denial, equal ones in the
	// order given, those without a retry left behind all others.
	Position     int
	AttemptsLeft int
	// AcquireP50 and AcquireP90 are the times by which Redis has granted it the lock with a probability of 50 and 90 %. Zero where that is
	// unknown, or where the risk of running out leaves no such time.
	AcquireP50, AcquireP90 time.Time
	// Risk is the probability of running out of retries, 0 to 1; 0 too where Exhaustion is Unknown.
	Risk       float64
	Exhaustion Exhaustion
}

// Result is the forecast for a lock.
type Result struct {
	Waiters []Forecast // in the order of the waiters given
	// ClearsP50 is when, with a probability of 50 %, the holder and after it the last waiter that gets in are done. Zero
	// where unknown, and for a free lock that nobody will get.
	ClearsP50 time.Time
	// Until is when time alone, without anything happening to the lock, changes the forecast: before that the same question
	// has the same answer. The moment of the forecast, or before, where it changes all the time.
	Until time.Time
}

// Predict says what is to be expected for each waiter of a lock, at now. The policy should be valid; values that are not
// are brought into their limits. It is a pure function of its arguments and doesn't change them.
func Predict(p Policy, l Lock, ws []Waiter, now time.Time) Result {
	p, l = p.limited(), l.limited()
	res := Result{Waiters: make([]Forecast, len(ws))}
	for i, w := range ws {
		f := &res.Waiters[i]
		f.AttemptsLeft = p.AttemptsLeft(w.Attempts)
		if f.AttemptsLeft == 0 {
			f.Risk, f.Exhaustion = 1, Certain
			continue
		}
		f.Next = p.Next(w.LastDenied, now)
	}
	queue := line(ws, res.Waiters)
	for n, i := range queue {
		res.Waiters[i].Position = n + 1
	}

	end, runs, known := l.end()
	res.Until = now.Add(l.steady(end))
	for i, w := range ws {
		switch f := &res.Waiters[i]; {
		case f.AttemptsLeft == 0:
		case w.LastDenied.After(now) || !f.Next.After(now):
			res.Until = now
		case f.Next.Before(res.Until):
			res.Until = f.Next
		}
	}
	if !known {
		return res
	}
	c := newCourse(p, l, res.Waiters, now)
	if runs && p.Mode != Parallel {
		c.idle = end
	}
	for _, i := range queue {
		c.enter(i, end)
	}
	if c.needsTrials() {
		last := c.tried(end)
		c.judge()
		res.ClearsP50 = now.Add(last)
		return res
	}
	c.play()
	c.judge()
	if l.Held || len(c.wins) > 0 {
		res.ClearsP50 = c.clears(end)
	}
	return res
}

// line puts waiters into the order in which they come back, as indices: by last denial, those without a retry left last.
func line(ws []Waiter, fs []Forecast) []int {
	order := make([]int, len(ws))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if left := fs[a].AttemptsLeft > 0; left != (fs[b].AttemptsLeft > 0) {
			if left {
				return -1
			}
			return 1
		}
		return ws[a].LastDenied.Compare(ws[b].LastDenied)
	})
	return order
}

// Next is when work comes back that was last denied then, seen from now: never before now, and at most one interval away.
func (p Policy) Next(lastDenied, now time.Time) time.Time {
	next := p.NextRetry(lastDenied)
	if next.Before(now) {
		return now
	}
	if latest := now.Add(p.Interval); next.After(latest) {
		return latest
	}
	return next
}

// limited brings what Validate would refuse into its limits.
func (p Policy) limited() Policy {
	p.Interval = min(max(p.Interval, 0), MaxInterval)
	p.Attempts = min(max(p.Attempts, 0), MaxAttempts)
	p.Batch = min(max(p.Batch, 1), MaxBatch)
	return p
}

// limited fills in the latency and keeps every time between 0 and the horizon.
func (l Lock) limited() Lock {
	if l.Latency <= 0 {
		l.Latency = DefaultLatency
	}
	for _, d := range []*time.Duration{&l.TTL, &l.Age, &l.Typical, &l.Lasts, &l.Longest, &l.Latency} {
		*d = min(max(*d, 0), horizon)
	}
	if l.Lasts == 0 {
		l.Lasts = l.Typical
	}
	return l
}

// end is F₀, from now: when the present hold ends. It runs if its holder is expected to end it, rather than its TTL.
func (l Lock) end() (after time.Duration, runs, known bool) {
	switch {
	case !l.Held:
		return 0, false, true
	case l.AgeKnown && l.Lasts > l.Age:
		after = l.Lasts - l.Age
		if l.HasTTL {
			after = min(after, l.TTL)
		}
		return after, true, true
	case l.HasTTL:
		return l.TTL, false, true
	}
	return 0, false, false
}

// gone tells that the holder is, as far as its lock can show it: it has taken over twice as long as any hold that is known.
func (l Lock) gone() bool {
	return l.Held && l.AgeKnown && l.Typical > 0 && l.Age > goneAfter*max(l.Longest, l.Typical, l.Lasts)
}

// steady is for how long the lock says the same of itself, while nothing happens to it.
func (l Lock) steady(end time.Duration) time.Duration {
	d := time.Duration(horizon)
	if !l.Held {
		return d
	}
	if l.Typical == 0 && l.HasTTL && !l.AgeKnown || l.HasTTL && l.TTL == 0 {
		return 0
	}
	if end > 0 {
		d = end
	}
	if gone := goneAfter*max(l.Longest, l.Typical, l.Lasts) - l.Age; l.AgeKnown && gone >= 0 {
		d = min(d, gone)
	}
	return d
}

// hold is H, how long each hold to come is taken to last: the typical one; where none is known the whole lease of the
// present one, as for the holder itself; else unknown.
func (l Lock) hold() (h time.Duration, known bool) {
	switch {
	case l.Typical > 0:
		return l.Typical, true
	case l.Held && l.HasTTL && l.AgeKnown:
		return min(l.TTL+l.Age, horizon), true
	case l.Held && l.HasTTL:
		return l.TTL, true
	}
	return 0, false
}
