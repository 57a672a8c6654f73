package watcher

// Score: how good forecasts were, by what happened.
//
// The forecast of a waiter says by when it has the lock with a probability of 50 and 90 %, and how likely it is to run out of
// attempts. Of those that got the lock, it is counted how far off the 50 % time was and how many came by each of the two; of
// all, how good the risk was: by the Brier score, the mean of (risk − what happened)² with 1 for who ran out, which is 0 at
// best. Who always says the share of those that run out, the base rate, has that share × (1 − share): a risk that is no
// better tells nothing.

import (
	"fmt"
	"math"
	"time"
)

// outcome is what became of one forecast.
type outcome struct {
	timed, bounded bool          // it had a 50 %, and a 90 % time, and the waiter got the lock
	half, inside   bool          // by those
	off            time.Duration // from the 50 % time, whatever the direction
	judged, ranOut bool          // it had a risk; the waiter ran out
	certain        bool
	risk           float64
}

// RiskBands are the bands in which risks are compared with what happened: up to each of these, and certain.
var RiskBands = [...]float64{0, 0.05, 0.25, 0.5, 0.75, 1}

// Band is what happened to those whose risk lay in one band.
type Band struct {
	Forecasts, RanOut int
	Risk              float64 // that was said, on average
}

// Share is what ran out, of all; NaN of none.
func (b Band) Share() float64 { return float64(b.RanOut) / float64(b.Forecasts) }

// Score is how good some forecasts were. Averages and shares of none are 0.
type Score struct {
	Settled  int // forecasts that are counted: the waiter got in, or ran out
	Acquired int // of them those whose waiter got in
	Unknown  int // forecasts of which nobody knows what came: the waiter went away, or nobody saw it, or an operator interfered
	Skipped  int // times that none was made: too many were denied at once

	Timed   int           // of Acquired those that had a 50 % time
	Off     time.Duration // by how much it was off, on average
	Half    int           // of Timed those who came by it
	Bounded int           // of Acquired those that had a 90 % time
	Inside  int           // and came by it

	Judged       int     // of Settled those that had a risk
	Brier        float64 // of them
	Base         float64 // what the base rate would have had
	CertainWrong int     // who got in though it was certain that they would not
	Bands        [len(RiskBands)]Band

	Cleared   int     // forecasts of when a lock clears that are counted
	ClearsOff float64 // by what part of the time that was left they were off, on average
}

// sums are what a score is made of.
type sums struct {
	Score
	off, brier float64
	ranOut     int
	risks      [len(RiskBands)]float64
	clearsOff  float64
}

func (s *sums) add(o outcome) {
	s.Settled++
	if !o.ranOut {
		s.Acquired++
		if o.certain {
			s.CertainWrong++
		}
	}
	if o.timed {
		s.Timed++
		s.off += float64(o.off)
		s.Half += one(o.half)
	}
	if o.bounded {
		s.Bounded++
		s.Inside += one(o.inside)
	}
	if !o.judged {
		return
	}
	s.Judged++
	s.ranOut += one(o.ranOut)
	s.brier += math.Pow(o.risk-float64(one(o.ranOut)), 2)
	i := 0
	for i < len(RiskBands)-1 && (o.risk > RiskBands[i] || o.certain) {
		i++
	}
	b := &s.Bands[i]
	b.Forecasts++
	b.RanOut += one(o.ranOut)
	s.risks[i] += o.risk
}

func (s *sums) addClears(off float64) {
	s.Cleared++
	s.clearsOff += off
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// score does the averages.
func (s *sums) score() Score {
	r := s.Score
	if r.Timed > 0 {
		r.Off = time.Duration(s.off / float64(r.Timed))
	}
	if r.Judged > 0 {
		share := float64(s.ranOut) / float64(r.Judged)
		r.Brier, r.Base = s.brier/float64(r.Judged), share*(1-share)
	}
	for i := range r.Bands {
		if n := r.Bands[i].Forecasts; n > 0 {
			r.Bands[i].Risk = s.risks[i] / float64(n)
		}
	}
	if r.Cleared > 0 {
		r.ClearsOff = s.clearsOff / float64(r.Cleared)
	}
	return r
}

// When forecasts are called unreliable. Of ten that are right, fewer than seven are so by chance once in 80 times.
const (
	doubtFrom   = 10   // forecasts; with fewer nothing is said
	doubtInside = 0.7  // came by their 90 % time, at least
	doubtBrier  = 0.05 // by which a risk is worse than the base rate
)

// Doubt says, in words, what is wrong with forecasts that have such a score; "" where nothing is.
func (s Score) Doubt() string {
	switch {
	case s.CertainWrong > 0:
		return fmt.Sprintf("%d got in that were certain not to", s.CertainWrong)
	case s.Bounded >= doubtFrom && float64(s.Inside) < doubtInside*float64(s.Bounded):
		return fmt.Sprintf("%.0f %% of %d came by their time", 100*float64(s.Inside)/float64(s.Bounded), s.Bounded)
	case s.Judged >= doubtFrom && s.Brier > s.Base+doubtBrier:
		return fmt.Sprintf("the risk of running out was misjudged for %d", s.Judged)
	}
	return ""
}

// outcomesPerFamily is how many outcomes of a family are remembered: what "lately" means.
const outcomesPerFamily = 64

// lately has the last outcomes of a family.
type lately struct {
	ring []outcome
	n    int // ever added
}

func (l *lately) add(o outcome) {
	if len(l.ring) < outcomesPerFamily {
		l.ring = append(l.ring, o)
	} else {
		l.ring[l.n%outcomesPerFamily] = o
	}
	l.n++
}

func (l *lately) score() Score {
	var s sums
	for _, o := range l.ring {
		s.add(o)
	}
	return s.score()
}
