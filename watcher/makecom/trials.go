package makecom

// Trials: the waiters' future played many times, each time with another luck. In the mode Batch, and in Parallel where not all
// retry together, who meets whom depends on who won before, and no closed form is of use: a forecast there is what came of
// so many short simulations from the present state of the lock.
//
// A trial follows the rules of contest.go, without its bookkeeping. In Parallel a retry that finds the lock free gets it, and
// keeps it for one hold. In Batch a batch is the first few whose time has come, and those that come due while it is not full
// and in its first half; the next one starts when its winner is done. Those that start within a blur of the first (half a
// call, and no less than clocks and timers are off), the rivals, have the same chance to reach Redis first; who comes later, while the lock is held, is denied. In which order
// rivals come back is for chance to say as well.
//
// The luck is drawn from the same numbers each time, so that the same question has the same answer, and what is on the
// screen changes when the lock does and not by itself.

import (
	"math/rand/v2"
	"slices"
	"time"
)

// How many trials a forecast rests on. A probability of one half is off by 1.6 % then (standard error), by 2.5 % in a batch
// line of 50, and by 9 % with the fewest, which hundreds of waiters with hundreds of attempts get.
const (
	trialsAtMost  = 1000
	trialsAtLeast = 32
	triesInAll    = 60_000 // of all trials together, about: they take a millisecond or two
)

// never is when a waiter gets the lock that runs out.
const never = time.Duration(1<<63 - 1)

// trials are the trials of those who are in line.
type trials struct {
	*course
	line []turn
	end  time.Duration // when the holder is done
	luck *rand.PCG

	first, back []turn // who is to come: for the first time, and, from number from on, again
	from        int
	rivals      []turn
	tries       int
	drawn       bool          // luck was needed
	last        time.Duration // when the last that got in is done
	got         []time.Duration
}

// tried writes down what comes of many trials: of everyone in line its chances. It gives when all are done, as probable as
// not.
func (c *course) tried(end time.Duration) time.Duration {
	line := c.first.all[c.first.from:]
	t := trials{course: c, line: line, end: end, luck: rand.NewPCG(1, 2), back: make([]turn, 0, 4*len(line))}
	n := 1 // where nothing is left to chance, one says it all
	if t.play(make([]time.Duration, len(line))); t.drawn {
		n = min(max(triesInAll/max(1, t.tries), trialsAtLeast), trialsAtMost)
	}
	got, last := make([]time.Duration, n*len(line)), make([]time.Duration, n) // of each trial
	for i := range n {
		t.play(got[i*len(line):][:len(line)])
		last[i] = t.last
	}
	one := make([]time.Duration, n)
	for place, turn := range line {
		for i := range one {
			one[i] = got[i*len(line)+place]
		}
		slices.Sort(one)
		f := &c.fs[turn.who]
		f.AcquireP50, f.AcquireP90 = c.granted(quantile(one, 0.5)), c.granted(quantile(one, 0.9))
		in, _ := slices.BinarySearch(one, never)
		// That it never got in does not make it certain that it won't.
		c.stay[turn.who] = min(float64(n-in)/float64(n), almost)
	}
	slices.Sort(last)
	return quantile(last, 0.5)
}

// quantile is the time by which so many of all sorted ones are.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted))+1-tiny)-1]
}

// play is one trial. It says of each in line when it starts the try that wins.
func (t *trials) play(got []time.Duration) {
	t.got, t.first, t.back, t.from, t.last, t.tries = got, t.line, t.back[:0], 0, t.end, 0
	for i := range t.got {
		t.got[i] = never
	}
	if t.overlap {
		t.playParallel()
	} else {
		t.playBatches()
	}
}

func (t *trials) playParallel() {
	freed := time.Duration(0)
	for {
		next, ok := t.next(horizon)
		if !ok {
			return
		}
		if next.at < freed {
			t.deny(&next, next.at)
			continue
		}
		t.rivals = append(t.rivals[:0], next)
		for {
			rival, ok := t.next(next.at + t.blur)
			if !ok {
				break
			}
			t.rivals = append(t.rivals, rival)
		}
		t.shuffle(t.rivals)
		winner := &t.rivals[0]
		freed = winner.at + t.hold
		t.grant(winner, winner.at)
		for i := range t.rivals[1:] {
			t.deny(&t.rivals[1+i], t.rivals[1+i].at)
		}
	}
}

func (t *trials) playBatches() {
	for idle := t.idle; ; {
		head, ok := t.next(horizon)
		if !ok {
			return
		}
		start := max(head.at, idle)
		if start > horizon {
			return
		}
		t.rivals = append(t.rivals[:0], head)
		for float64(len(t.rivals)) < t.places {
			rival, ok := t.next(start + t.blur)
			if !ok {
				break
			}
			t.rivals = append(t.rivals, rival)
		}
		t.shuffle(t.rivals)
		at := max(t.rivals[0].at, start)
		t.grant(&t.rivals[0], at)
		idle = at + t.done
		for i := range t.rivals[1:] {
			t.deny(&t.rivals[1+i], max(t.rivals[1+i].at, start))
		}
		for size := len(t.rivals); float64(size) < t.places; size++ {
			late, ok := t.next(idle - t.done/2 - 1)
			if !ok {
				break
			}
			t.deny(&late, late.at)
		}
	}
}

// next takes the turn that comes next out of the line, if it comes by then. Its who is a place in the line.
func (t *trials) next(by time.Duration) (turn, bool) {
	again := t.back[t.from:]
	if len(t.first) > 0 && (len(again) == 0 || t.first[0].at <= again[0].at) {
		next := t.first[0]
		if next.at > by {
			return turn{}, false
		}
		next.who = len(t.line) - len(t.first)
		t.first = t.first[1:]
		return next, true
	}
	if len(again) == 0 || again[0].at > by {
		return turn{}, false
	}
	t.from++
	return again[0], true
}

func (t *trials) grant(winner *turn, at time.Duration) {
	t.tries++
	t.got[winner.who] = at
	t.last = max(t.last, at+t.done)
}

// deny puts who was denied at a retry that started then in line for the next one, if it has one.
func (t *trials) deny(loser *turn, at time.Duration) {
	if t.tries++; loser.left == 1 {
		return
	}
	t.back = append(t.back, turn{at: at + t.every, who: loser.who, left: loser.left - 1})
	for n := len(t.back) - 1; n > t.from && t.back[n-1].at > t.back[n].at; n-- { // nearly always in order
		t.back[n-1], t.back[n] = t.back[n], t.back[n-1]
	}
}

// shuffle puts rivals into any order.
func (t *trials) shuffle(rivals []turn) {
	for i := range len(rivals) - 1 {
		t.drawn = true
		other := i + int(t.luck.Uint64()>>33*uint64(len(rivals)-i)>>31)
		rivals[i], rivals[other] = rivals[other], rivals[i]
	}
}
