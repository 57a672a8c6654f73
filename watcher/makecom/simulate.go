package makecom

// The simulation: contenders on one key, played against each other in virtual time, one course of events after another.
//
// It steps from one instant at which tries start to the next. All tries of an instant reach Redis half a call later, in
// the order of the contenders or in one that Tie draws; the first that finds the lock free gets it. The winner's release
// takes effect half a call before it is answered; a loser hears of its denial one call after its start and comes back an
// interval later. First tries start when they come; retries as the policy's mode lets them:
//
//   - Parallel: each at its time.
//   - Batch: at most Policy.Batch of them in a batch. The next batch starts when all of the previous are done; one that
//     comes due while a batch runs that is not full joins it.
//   - Sequential: the same with one.
//
// In Batch and Sequential no retry starts while a first try, or the holder at the start, still runs: Make.com's
// documentation of incomplete executions.

import (
	"cmp"
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
	r := contest{Simulator: s, freed: s.Freed, idle: s.Idle, fates: make([]Fate, len(cs))}
	r.Policy = r.Policy.limited()
	switch r.Policy.Mode {
	case Parallel:
	case Sequential:
		r.places = 1
	default:
		r.places = r.Policy.Batch
	}
	for i, c := range cs {
		if c.Tries < 1 {
			r.fates[i].RanOut = true
			continue
		}
		heap.Push(r.line(c.Fresh), r.try(max(0, c.At), i, c.Tries, c.Fresh))
	}
	for len(r.fresh)+len(r.retries) > 0 {
		r.step()
	}
	out := Outcome{Fates: r.fates}
	for _, f := range r.fates {
		if f.RanOut {
			out.RanOut++
			continue
		}
		out.Acquired = append(out.Acquired, f.Acquired)
		out.LastDone = max(out.LastDone, f.Done)
	}
	slices.Sort(out.Acquired)
	return out
}

// contest is one run of a Simulator.
type contest struct {
	Simulator
	fresh, retries tries

	freed time.Duration // from when on a call finds the lock free
	idle  time.Duration // from when on a retry may start: first tries are done

	places    int           // in a batch; 0: there are no batches
	started   int           // in the present batch
	batchFrom time.Duration // its start
	batchDone time.Duration // when all that have started are done

	now   []try // those that start at this instant
	fates []Fate
}

// try is one try of a contender: due then, and among equals in the order of tie.
type try struct {
	due   time.Duration
	tie   uint64
	who   int
	left  int // tries left, this one included
	fresh bool
}

func (r *contest) line(fresh bool) *tries {
	if fresh {
		return &r.fresh
	}
	return &r.retries
}

func (r *contest) try(due time.Duration, who, left int, fresh bool) try {
	t := try{due: due, tie: uint64(who), who: who, left: left, fresh: fresh}
	if r.Tie != nil {
		t.tie = r.Tie()
	}
	return t
}

// step plays the next instant at which tries start.
func (r *contest) step() {
	var at time.Duration
	switch {
	case len(r.fresh) == 0:
		at = r.start(r.retries[0])
	case len(r.retries) == 0:
		at = r.fresh[0].due
	default:
		at = min(r.fresh[0].due, r.start(r.retries[0]))
	}
	r.now = r.now[:0]
	for len(r.fresh) > 0 && r.fresh[0].due == at {
		r.now = append(r.now, heap.Pop(&r.fresh).(try))
	}
	for len(r.retries) > 0 && r.start(r.retries[0]) == at {
		r.join(at)
		r.now = append(r.now, heap.Pop(&r.retries).(try))
	}
	if r.Tie != nil {
		for i := range r.now {
			r.now[i].tie = r.Tie()
		}
		slices.SortFunc(r.now, func(a, b try) int { return cmp.Compare(a.tie, b.tie) })
	}
	for _, t := range r.now {
		r.resolve(t, at)
	}
}

// joins reports whether a retry still gets a place in the present batch.
func (r *contest) joins(t try) bool {
	return r.started > 0 && r.started < r.places && t.due < r.batchDone
}

// start is when a retry starts, as things stand.
func (r *contest) start(t try) time.Duration {
	switch {
	case r.places == 0:
		return t.due
	case r.joins(t):
		return max(t.due, r.batchFrom, r.idle)
	}
	return max(t.due, r.batchDone, r.idle)
}

// join gives the next retry, which starts then, its place in a batch.
func (r *contest) join(at time.Duration) {
	if r.places == 0 {
		return
	}
	if !r.joins(r.retries[0]) {
		r.started, r.batchFrom = 0, at
	}
	r.started++
	r.batchDone = max(r.batchDone, at+max(1, r.Latency)) // as long as a denial takes; resolve knows better
}

// resolve lets a try that starts then have its way with the lock.
func (r *contest) resolve(t try, at time.Duration) {
	f := &r.fates[t.who]
	if reach := at + r.Latency/2; reach >= r.freed {
		f.Acquired = reach
		f.Done = at + r.Section + 2*r.Latency
		r.freed = reach + r.Section + r.Latency
	} else {
		f.Denied++
		f.Done = at + r.Latency
		if t.left > 1 {
			heap.Push(&r.retries, r.try(f.Done+r.Policy.Interval, t.who, t.left-1, false))
		} else {
			f.RanOut = true
		}
	}
	switch {
	case t.fresh:
		r.idle = max(r.idle, f.Done)
	case r.places > 0:
		r.batchDone = max(r.batchDone, f.Done)
	}
}

// tries is a heap of tries, the one due first on top.
type tries []try

func (q tries) Len() int      { return len(q) }
func (q tries) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *tries) Push(x any)   { *q = append(*q, x.(try)) }
func (q *tries) Pop() any {
	old := *q
	t := old[len(old)-1]
	*q = old[:len(old)-1]
	return t
}
func (q tries) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].tie < q[j].tie
}
