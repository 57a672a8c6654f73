package makecom

// Contenders on one key, played against each other in virtual time from any state that a lock can be in: the simulation of
// simulate.go for one record, as a forecast asks for it.
//
// All tries of an instant reach Redis half a call later, in the order of the contenders or in one that Tie draws; the first
// that finds the lock free gets it. The winner's release takes effect half a call before it is answered; a loser hears of its
// denial one call after its start and comes back an interval later. First tries start when they come; retries as the
// policy's mode lets them:
//
//   - Parallel: each at its time.
//   - Batch: at most Policy.Batch of them in a batch. The next batch starts when all of the previous are done; one that
//     comes due in the first half of a batch that is not full joins it.
//   - Sequential: the same with one.
//
// In Batch and Sequential no retry starts while a first try, or the holder at the start, still runs: Make.com's
// documentation of incomplete executions.

import (
	"container/heap"
	"slices"
	"time"
)

// Simulator plays contenders on one key. Its times count from the start of the simulation, at 0.
type Simulator struct {
	Policy  Policy
	Section time.Duration // the critical section, without the calls that acquire and release
	Latency time.Duration // one call, request to answer; 0: none

	Freed time.Duration // from when on the lock is free in Redis; 0: from the start
	Idle  time.Duration // from when on the scenario lets retries start, in the modes Sequential and Batch

	// Tie draws who is first among those that come in the same instant: the smaller number, as from rand.Rand's Uint64.
	// nil: in the order given, so that every run is the same.
	Tie func() uint64
}

// Contender is one piece of work that wants the lock.
type Contender struct {
	At    time.Duration // when its next try is due
	Tries int           // tries it has, that one included
	Fresh bool          // that one is its first: a new event, not a retry
}

// Fate is what became of a contender.
type Fate struct {
	Acquired time.Duration // when Redis granted it the lock
	Done     time.Duration // when its release, or its last denial, was answered
	Denied   int           // how often it was denied
	RanOut   bool          // it never got the lock, and Acquired means nothing
}

// Outcome is what became of all of them.
type Outcome struct {
	Fates    []Fate          // in the order of the contenders
	Acquired []time.Duration // when the lock was granted, in order
	RanOut   int             // how many never got it
	LastDone time.Duration   // when the last that got it was done
}

// Burst plays k contenders that all try at 0 for the first time, on as many workers, and come back as the policy says.
func (s Simulator) Burst(k int) Outcome {
	cs := make([]Contender, max(0, k))
	for i := range cs {
		cs[i] = Contender{Tries: 1 + s.Policy.Attempts, Fresh: true}
	}
	return s.Run(cs)
}

// Run plays the contenders until each has had the lock or used up its tries.
func (s Simulator) Run(cs []Contender) Outcome {
	p := s.Policy.limited()
	sim := newSimulation(Scenario{Workers: len(cs) + 1, Section: s.Section, Latency: s.Latency, Policy: p}, s.Tie)
	const key = "the key"
	if s.Freed > 0 {
		sim.fence++
		sim.locks[key] = &lease{fence: sim.fence, until: epoch.Add(s.Freed)}
	}
	if s.Idle > 0 { // the holder is an execution of a webhook, and ends then
		sim.running, sim.fresh = 1, 1
		heap.Push(&sim.under, &simulated{stage: ending, at: epoch.Add(s.Idle)})
	}
	jobs := make([]job, len(cs))
	for i, c := range cs {
		if c.Tries < 1 {
			continue
		}
		j := &jobs[i]
		*j = job{key: key, shared: true, first: c.Fresh, tries: 1 + p.Attempts - c.Tries, tie: uint64(i)}
		if s.Tie != nil {
			j.tie = s.Tie()
		}
		if j.arrives = epoch.Add(max(0, c.At)); c.Fresh {
			sim.coming = append(sim.coming, j)
		} else {
			j.due = j.arrives
			sim.wait(j)
		}
	}
	slices.SortStableFunc(sim.coming, func(a, b *job) int { return a.arrives.Compare(b.arrives) })
	sim.play()

	out := Outcome{Fates: make([]Fate, len(cs))}
	for i := range cs {
		f, j := &out.Fates[i], &jobs[i]
		if f.RanOut = j.granted.IsZero(); f.RanOut {
			out.RanOut++
		} else {
			f.Acquired = j.granted.Sub(epoch)
		}
		if cs[i].Tries < 1 {
			continue
		}
		f.Done, f.Denied = j.over.Sub(epoch), j.tries-(1+p.Attempts-cs[i].Tries)
		if !f.RanOut {
			f.Denied--
			out.Acquired = append(out.Acquired, f.Acquired)
			out.LastDone = max(out.LastDone, f.Done)
		}
	}
	slices.Sort(out.Acquired)
	return out
}
