package makecom

// The simulation: a scenario in virtual time, one course of events after another, as fast as the machine can. It decides what
// starts when by the same schedule as the live player, and counts by the same tally; only here an execution is a row of
// instants, and Redis and the store are a map.
//
// Each execution is at one stage at a time, and the next event is that of the execution whose stage comes first. Of the same
// instant, writes and releases come before tries, so that a try that arrives just when the lock is freed gets it; and all of
// them come before anything new starts. Tries that reach Redis in the same instant do so as they started, or as Tie draws.

import (
	"container/heap"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// epoch is when every simulation begins.
var epoch = time.Unix(0, 0)

// Simulate plays the scenario in virtual time and tells what comes of it. tie draws who is first among those that come in
// the same instant, the smaller number, as rand.Rand's Uint64 does; nil: as they come, so that every run is the same.
func (s Scenario) Simulate(tie func() uint64) (Summary, error) {
	return s.SimulateSeen(tie, nil)
}

// SimulateSeen is Simulate, and tells what a watcher of Redis would see of it, in the order in which it happens. A TTL that
// is over is told when the next try meets it, or at the end.
func (s Scenario) SimulateSeen(tie func() uint64, see func(Sight)) (Summary, error) {
	if err := s.Validate(); err != nil {
		return Summary{}, err
	}
	sim := newSimulation(s, tie)
	sim.see = see
	sim.store = memoryStore{}
	sim.arrive(sim.now)
	sim.play()
	sim.sweep()
	return sim.summary(sim.now, &Counted{Updates: sim.updates(), Value: sim.store.total(), Lost: sim.updates() - sim.store.total()}), nil
}

// Sight is what a watcher of Redis sees of a simulation.
type Sight struct {
	What     SightOf
	At       time.Duration // since the webhooks arrived
	Key      string
	Work     string        // who was granted or denied the lock
	Attempts int           // tries of that work so far, this one included
	Fence    int64         // of the hold
	TTL      time.Duration // of a hold that begins; 0: none
}

// SightOf says what is seen.
type SightOf string

// What is seen. Nothing is seen of a holder that crashed.
const (
	SightGranted  SightOf = "granted"
	SightDenied   SightOf = "denied"
	SightReleased SightOf = "released" // by its owner
	SightRemoved  SightOf = "removed"  // by somebody else's DEL
	SightExpired  SightOf = "expired"
)

// simulation is one run of a scenario in virtual time.
type simulation struct {
	*schedule
	see   func(Sight) // may be nil
	now   time.Time
	tie   func() uint64
	redis limiter
	locks map[string]*lease
	fence int64
	store memoryStore // nil: nothing is written
	under executions
	spare []*simulated // that are over, to be used again
	count uint64       // executions that have started
}

// lease is a lock as Redis has it.
type lease struct {
	fence int64     // of who has it; 0: nobody
	until time.Time // its TTL; the zero time: none
}

// stage is what an execution does next. Their order is that of events of the same instant.
type stage int

const (
	writing   stage = iota // its update reaches the store
	releasing              // its release reaches Redis
	reaching               // its try reaches Redis
	reading                // its section begins
	crashing               // it ends without a word
	ending                 // its last answer is there
)

// simulated is an execution in virtual time.
type simulated struct {
	job     *job // nil: a holder from before the simulation
	at      time.Time
	stage   stage
	order   uint64 // among those that reach Redis in the same instant
	start   time.Time
	fence   int64
	read    int64 // what it read of the store
	outcome report
}

func newSimulation(s Scenario, tie func() uint64) *simulation {
	r := rand.New(rand.NewPCG(1, 1)) // it draws names, and the order of records that are all alike
	return &simulation{
		schedule: newSchedule(s, r, epoch), now: epoch, tie: tie, redis: limiter{Rate: s.Redis}, locks: map[string]*lease{},
	}
}

// play plays until nothing is left to happen.
func (s *simulation) play() {
	for {
		s.begin(s.now, s.execute)
		next := s.wake(s.now)
		if len(s.under) > 0 && (next.IsZero() || !s.under[0].at.After(next)) {
			next = s.under[0].at
		}
		if next.IsZero() {
			return
		}
		s.now = later(s.now, next)
		for len(s.under) > 0 && !s.under[0].at.After(s.now) {
			e := s.under[0]
			if s.step(e) {
				heap.Fix(&s.under, 0)
			} else {
				s.spare = append(s.spare, heap.Pop(&s.under).(*simulated))
			}
		}
	}
}

// execute starts an execution.
func (s *simulation) execute(j *job) {
	var e *simulated
	if n := len(s.spare); n > 0 {
		e, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		e = &simulated{}
	}
	*e = simulated{job: j, start: s.now, at: s.now.Add(s.Latency / 2), stage: reaching, order: s.count}
	s.count++
	if s.tie != nil {
		e.order = s.tie()
	}
	if s.Guard == GuardNone {
		e.at = s.now
	}
	heap.Push(&s.under, e)
}

// step lets an execution do what is next; false when it is over.
func (s *simulation) step(e *simulated) bool {
	out := &e.outcome
	switch e.stage {
	case reaching:
		s.reach(e)
	case reading:
		if s.store != nil {
			c := s.store.cell(e.job.key)
			c.pass(s.shown(e))
			e.read = c.value
		}
		e.goes(writing, out.left)
	case writing:
		if s.store != nil {
			c := s.store.cell(e.job.key)
			if out.wrote = c.pass(s.shown(e)); out.wrote {
				c.value = e.read + 1
			} else {
				out.what = rejected
			}
		}
		if s.Guard == GuardNone {
			out.at = e.at
			e.goes(ending, e.at)
		} else {
			e.goes(releasing, e.at.Add(s.Latency/2))
		}
	case releasing:
		s.release(e)
		out.at = out.left.Add(s.Latency)
		e.goes(ending, out.at)
	case crashing:
		out.what, out.at = crashed, e.at
		e.goes(ending, e.at)
	case ending:
		if e.job == nil { // the holder from before
			s.running--
			s.fresh--
			return false
		}
		out.job = e.job
		if s.tie != nil {
			e.job.tie = s.tie()
		}
		s.settle(*out)
		return false
	}
	return true
}

// goes sets what an execution does next, and when.
func (e *simulated) goes(to stage, at time.Time) { e.stage, e.at = to, at }

// shown is the fence that a store is shown; 0: none.
func (s *simulation) shown(e *simulated) int64 {
	if s.Guard == GuardFence {
		return e.fence
	}
	return 0
}

// reach is a try that reaches Redis, or with GuardNone the beginning of a section.
func (s *simulation) reach(e *simulated) {
	out := &e.outcome
	answered := e.start.Add(s.Latency)
	l := s.locks[e.job.key]
	switch {
	case s.Guard == GuardNone:
		answered = e.at
	case !s.redis.pass(e.at):
		*out = report{what: failed, at: answered, err: errTooMany}
		e.goes(ending, answered)
		return
	case l == nil:
		l = &lease{}
		s.locks[e.job.key] = l
	case l.fence != 0 && (l.until.IsZero() || l.until.After(e.at)):
		*out = report{what: denied, at: answered}
		s.tell(SightDenied, e, l, e.at)
		e.goes(ending, answered)
		return
	}
	s.expire(e.job.key, l)
	s.fence++
	e.fence = s.fence
	if s.Guard != GuardNone {
		l.fence, l.until = e.fence, time.Time{}
		if s.TTL > 0 {
			l.until = e.at.Add(s.TTL)
		}
		s.tell(SightGranted, e, l, e.at)
	}
	section, crashes := s.hold(s.holds.number(e.job))
	*out = report{what: done, held: true, entered: answered, left: answered.Add(section)}
	s.settle(report{job: e.job, what: granted, at: e.at, ends: out.left.Add(s.Latency)})
	if crashes {
		out.left = answered.Add(section / 2)
		e.goes(crashing, out.left)
		return
	}
	e.goes(reading, answered)
}

// release is a release that reaches Redis.
func (s *simulation) release(e *simulated) {
	out := &e.outcome
	l := s.locks[e.job.key]
	free := l.fence == 0 || !l.until.IsZero() && !l.until.After(e.at)
	mine := !free && l.fence == e.fence
	if !s.redis.pass(e.at) {
		out.err, out.leak = errTooMany, mine
		return
	}
	if !mine && out.what == done {
		out.what = lost
	}
	if mine || s.Guard == GuardDelete {
		out.removed = !mine && !free
		if mine {
			s.tell(SightReleased, e, l, e.at)
		} else if out.removed {
			s.tell(SightRemoved, e, l, e.at)
		} else {
			s.expire(e.job.key, l)
		}
		l.fence = 0
	}
}

// tell lets the watcher see what an execution did to a lock.
func (s *simulation) tell(what SightOf, e *simulated, l *lease, at time.Time) {
	if s.see == nil {
		return
	}
	sight := Sight{What: what, At: at.Sub(epoch), Key: e.job.key, Work: e.job.work, Attempts: e.job.tries, Fence: l.fence}
	if what == SightGranted {
		sight.TTL = s.TTL
	}
	s.see(sight)
}

// expire tells that a hold is over whose TTL is, if there is one.
func (s *simulation) expire(key string, l *lease) {
	if s.see != nil && l.fence != 0 {
		s.see(Sight{What: SightExpired, At: l.until.Sub(epoch), Key: key, Fence: l.fence})
	}
}

// sweep tells of the holds that nobody ended, as their TTL does after the end.
func (s *simulation) sweep() {
	for _, key := range slices.Sorted(maps.Keys(s.locks)) {
		if l := s.locks[key]; !l.until.IsZero() {
			s.expire(key, l)
			l.fence = 0
		}
	}
}

// executions is a heap of executions, the one whose stage comes first on top.
type executions []*simulated

func (q executions) Len() int      { return len(q) }
func (q executions) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *executions) Push(x any)   { *q = append(*q, x.(*simulated)) }
func (q *executions) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
func (q executions) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case !a.at.Equal(b.at):
		return a.at.Before(b.at)
	case a.stage != b.stage:
		return a.stage < b.stage
	}
	return a.order < b.order
}
