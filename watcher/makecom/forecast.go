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
	"math"
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

// course is the waiters' future, played in expectation. Its times count from now.
type course struct {
	fs        []Forecast
	now       time.Time
	overlap   bool          // rounds don't wait for each other (Parallel)
	gone      bool          // the present holder is
	call      time.Duration // L
	blur      time.Duration // of retries that start within it, any may reach Redis first
	places    float64       // waiters in a round, at most
	every     time.Duration // R + L, from one retry of a waiter to its next
	hold      time.Duration // H
	holdKnown bool
	done      time.Duration // C, from a retry that wins to its end

	idle  time.Duration // from when on the next round may start
	freed time.Duration // from when on a retry finds the lock free

	first, back turns // those on their first retry from now; those that were denied since
	round       []turn
	got         []float64 // of each waiter, the probability that it has had the lock
	stay        []float64 // and that it ran out; −1 while neither is certain
	wins        []win
}

// turn is a retry to come: whose, when, how many it has left with this one, and the probability that it is needed.
type turn struct {
	at   time.Duration
	who  int
	left int
	stay float64
}

// win is a share of an acquire: when the winner is done, and how probable it is.
type win struct {
	done  time.Duration
	share float64
}

func newCourse(p Policy, l Lock, fs []Forecast, now time.Time) *course {
	c := &course{fs: fs, now: now, every: p.Interval + l.Latency, call: l.Latency, gone: l.gone()}
	c.hold, c.holdKnown = l.hold()
	c.done = c.hold + l.Latency
	c.blur = min(max(l.Latency/2, leastBlur), c.hold)
	switch p.Mode {
	case Sequential:
		c.places = 1
	case Parallel:
		c.overlap, c.places = true, math.Inf(1)
	default:
		c.places = float64(p.Batch)
	}
	n := len(fs)
	chances := make([]float64, 2*n)
	c.got, c.stay = chances[:n], chances[n:]
	turns := make([]turn, 3*n)
	c.first.all, c.back.all, c.round = turns[:0:n], turns[n:n:2*n], turns[2*n:2*n]
	c.wins = make([]win, 0, 2*n)
	return c
}

// enter puts a waiter in line. Retries that come before the lock can be free are denied, without playing them; whoever
// has no more than those is all but certain to run out, and certain if the holder is gone. Where no retry starts before the
// holder is done, all wait for it.
func (c *course) enter(who int, end time.Duration) {
	f := &c.fs[who]
	if f.AttemptsLeft == 0 {
		c.stay[who] = 1
		return
	}
	c.stay[who] = -1
	t := turn{at: f.Next.Sub(c.now), who: who, left: f.AttemptsLeft, stay: 1}
	if reaches := t.at + c.call; c.idle == 0 && reaches < end {
		denied := ceilDiv(end-reaches, c.every)
		if denied >= time.Duration(t.left) {
			if c.stay[who] = 1; !c.gone {
				c.stay[who] = almost
			}
			return
		}
		t.at, t.left = t.at+denied*c.every, t.left-int(denied)
	}
	c.first.push(t)
}

// play plays round after round until nobody is left, or nothing more is known.
func (c *course) play() {
	for {
		head := c.peek()
		if head == nil {
			return
		}
		start := max(head.at, c.idle)
		if start > horizon {
			return
		}
		if start < c.freed {
			c.again(c.pop(), start)
			continue
		}
		present := c.gather(start)
		c.share(start, present)
		if !c.holdKnown {
			return
		}
		busy := 1.0
		if present < 1-tiny {
			busy = present
		}
		if c.overlap {
			c.freed = start + part(c.hold, busy)
		} else {
			c.idle = start + part(c.done, busy)
		}
	}
}

// gather takes the waiters of a round that starts then, and says how many they are to be expected.
func (c *course) gather(start time.Duration) (present float64) {
	c.round = c.round[:0]
	for {
		t := c.peek()
		if t == nil || t.at > start && t.at >= start+c.hold {
			return present
		}
		if len(c.round) > 0 && present+t.stay > c.places+tiny {
			return present
		}
		present += t.stay
		c.round = append(c.round, *c.pop())
	}
}

// share gives everyone of the round the same chance to win, and sends home those who lose.
func (c *course) share(start time.Duration, present float64) {
	for i := range c.round {
		t := &c.round[i]
		at := max(t.at, start)
		chance := t.stay / max(1, present)
		c.wins = append(c.wins, win{at + c.done, chance})
		before := c.got[t.who]
		after := before + chance
		c.got[t.who] = after
		f := &c.fs[t.who]
		if reaches(before, after, 0.5) {
			f.AcquireP50 = c.granted(at)
		}
		if reaches(before, after, 0.9) {
			f.AcquireP90 = c.granted(at)
		}
		t.stay -= chance
		c.again(t, at)
	}
}

// granted is when Redis grants the lock to a turn of that time; zero for never.
func (c *course) granted(at time.Duration) time.Time {
	if at == never {
		return time.Time{}
	}
	return c.now.Add(at + c.call)
}

// again puts a waiter that was denied at a retry that started then in line for the next one, if it has one.
func (c *course) again(t *turn, at time.Duration) {
	switch {
	case t.stay < tiny:
		c.stay[t.who] = 0
	case t.left == 1:
		c.stay[t.who] = t.stay
	default:
		c.back.push(turn{at: at + c.every, who: t.who, left: t.left - 1, stay: t.stay})
	}
}

// judge writes down everyone's risk. Who is still in line at the end has an unknown one if the length of a hold is not
// known, and else nothing left to hope for within the horizon.
func (c *course) judge() {
	for i, stay := range c.stay {
		if stay < 0 {
			if !c.holdKnown {
				continue
			}
			stay = 1 - c.got[i]
		}
		f := &c.fs[i]
		f.Risk = min(max(stay, 0), 1)
		switch {
		case f.Risk >= 1-tiny:
			f.Risk, f.Exhaustion = 1, Certain
		case f.Risk >= LikelyRisk:
			f.Exhaustion = Likely
		default:
			f.Exhaustion = None
		}
	}
}

// clears is when the last of all wins is done, as probable as not; zero where not all of them are known.
func (c *course) clears(end time.Duration) time.Time {
	for i := range c.fs {
		if c.fs[i].Exhaustion == Unknown {
			return time.Time{}
		}
	}
	if !c.holdKnown && len(c.wins) > 0 {
		return time.Time{}
	}
	toCome := 0.0
	for _, w := range c.wins {
		toCome += w.share
	}
	last := end
	for _, w := range c.wins {
		if toCome < 0.5 {
			break
		}
		toCome -= w.share
		last = max(last, w.done)
	}
	return c.now.Add(last)
}

// needsTrials tells that there is no closed form: more than one in line, in batches, or in parallel where not all of them
// retry at once.
func (c *course) needsTrials() bool {
	line := c.first.all[c.first.from:]
	if !c.holdKnown || len(line) < 2 {
		return false
	}
	if c.overlap {
		return line[len(line)-1].at > line[0].at+c.blur
	}
	return c.places > 1
}

// peek is the turn that comes next; nil where nobody is in line.
func (c *course) peek() *turn {
	a, b := c.first.head(), c.back.head()
	if a == nil || b != nil && b.at < a.at {
		return b
	}
	return a
}

// pop takes the turn that comes next out of the line. It is valid until the next push.
func (c *course) pop() *turn {
	t := c.peek()
	if t == c.first.head() {
		c.first.from++
	} else {
		c.back.from++
	}
	return t
}

// turns is a line of turns in the order of their times, equal ones as they came.
type turns struct {
	all  []turn
	from int
}

func (q *turns) head() *turn {
	if q.from == len(q.all) {
		return nil
	}
	return &q.all[q.from]
}

// push puts a turn in its place, which is nearly always the end. The room of those that left is used again.
func (q *turns) push(t turn) {
	if len(q.all) == cap(q.all) && q.from > 0 {
		q.all = q.all[:copy(q.all, q.all[q.from:])]
		q.from = 0
	}
	q.all = append(q.all, t)
	for i := len(q.all) - 1; i > q.from && q.all[i-1].at > t.at; i-- {
		q.all[i-1], q.all[i] = q.all[i], q.all[i-1]
	}
}

// reaches reports whether a probability rose to a quantile in this step.
func reaches(before, after, quantile float64) bool {
	return before < quantile-tiny && after >= quantile-tiny
}

// part is a part, 0 to 1, of a duration.
func part(d time.Duration, share float64) time.Duration {
	if share == 1 {
		return d
	}
	return time.Duration(float64(d) * share)
}
