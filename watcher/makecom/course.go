package makecom

// The course of things to come, played once in expectation: the closed forms of forecast.go. What has none is for trials.go,
// which begins with the same line of waiters.

import (
	"math"
	"time"
)

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
