package makecom

// Trials: the waiters' future played many times, each time with another luck. In the mode Batch who meets whom depends on who
// won before, and no closed form is of use: a forecast there is what came of so many short simulations from the present
// state of the lock.
//
// A trial follows the rules of contest.go, without its bookkeeping: a batch is the first few whose time has come, and those
// that come due while it is not full and its winner still holds the lock; the next one starts when the winner is done. Those
// that start within half a call of the first have the same chance to reach Redis first; who joins later is denied. In which
// order the losers come back is for chance to say as well.
//
// The luck is drawn from the same numbers each time, so that the same question has the same answer, and what is on the
// screen changes when the lock does and not by itself.

import (
	"math/rand/v2"
	"slices"
	"time"
)

// How many trials a forecast rests on. A probability of one half is off by 1.6 % then (standard error), by 2.5 % in a line of
// 50, and by 6 % with the fewest, which a line of hundreds gets.
const (
	trialsAtMost  = 1000
	trialsAtLeast = 64
	triesInAll    = 60_000 // of all trials together, about: they take a millisecond or two
)

// never is when a waiter gets the lock that runs out.
const never = time.Duration(1<<63 - 1)

// trials is what came of all trials.
type trials struct {
	n    int
	got  []time.Duration // n of each waiter in line: when it starts the try that wins; or never
	last []time.Duration // n: when the last of all is done
}

// trials plays those who are in line.
func (c *course) trials(end time.Duration) trials {
	line := c.first.all[c.first.from:]
	places := int(c.places)
	n := triesInAll / max(1, len(line)*min(places, len(line)/2+1))
	t := trials{n: min(max(n, trialsAtLeast), trialsAtMost)}
	t.got, t.last = make([]time.Duration, len(line)*t.n), make([]time.Duration, t.n)
	luck := rand.NewPCG(1, 2)
	back := make([]turn, 0, 4*len(line))
	round := make([]turn, 0, min(places, len(line)))
	for i := range t.n {
		t.last[i] = end
		first, idle := line, c.idle
		back, from := back[:0], 0
		for {
			round = round[:0]
			start := never
			for len(round) < places {
				var next turn
				fresh := len(first) > 0 && (from == len(back) || first[0].at <= back[from].at)
				switch {
				case fresh:
					next = first[0]
				case from < len(back):
					next = back[from]
				default:
					next.at = never
				}
				if len(round) == 0 {
					start = max(next.at, idle)
				}
				if next.at == never || next.at > start && next.at >= start+c.hold {
					break
				}
				if fresh {
					next.who = len(line) - len(first) // its place in the line
					first = first[1:]
				} else {
					from++
				}
				round = append(round, next)
			}
			if len(round) == 0 || start > horizon {
				break
			}
			rivals := 1
			for rivals < len(round) && round[rivals].at <= start+c.call/2 {
				rivals++
			}
			if rivals > 1 {
				for k := range rivals - 1 { // the rivals in any order
					other := k + int(luck.Uint64()>>33*uint64(rivals-k)>>31)
					round[k], round[other] = round[other], round[k]
				}
			}
			for k := range round {
				r := &round[k]
				at := max(r.at, start)
				switch {
				case k == 0:
					t.got[r.who*t.n+i] = at
					t.last[i] = max(t.last[i], at+c.done)
					idle = at + c.done
				case r.left == 1:
					t.got[r.who*t.n+i] = never
				default:
					back = append(back, turn{at: at + c.every, who: r.who, left: r.left - 1})
					for n := len(back) - 1; n > from && back[n-1].at > back[n].at; n-- { // rivals that were swapped
						back[n-1], back[n] = back[n], back[n-1]
					}
				}
			}
		}
		for ; len(first) > 0; first = first[1:] { // beyond the horizon
			t.got[(len(line)-len(first))*t.n+i] = never
		}
		for ; from < len(back); from++ {
			t.got[back[from].who*t.n+i] = never
		}
	}
	return t
}

// tried writes down what came of the trials: of everyone in line its chances, and when all are done.
func (c *course) tried(end time.Duration) time.Duration {
	t := c.trials(end)
	for place, turn := range c.first.all[c.first.from:] {
		got := t.got[place*t.n : (place+1)*t.n]
		slices.Sort(got)
		f := &c.fs[turn.who]
		f.AcquireP50 = c.granted(quantile(got, 0.5))
		f.AcquireP90 = c.granted(quantile(got, 0.9))
		in, _ := slices.BinarySearch(got, never)
		// That it never got in does not make it certain that it won't.
		c.stay[turn.who] = min(float64(t.n-in)/float64(t.n), almost)
	}
	slices.Sort(t.last)
	return quantile(t.last, 0.5)
}

// quantile is the time by which so many of all sorted ones are.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted))+1-tiny)-1]
}
