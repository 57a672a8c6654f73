package makecom

// What both engines of a scenario decide alike: which webhook is accepted, which execution starts when, and what becomes of
// the work when one is over. A schedule does no I/O and never asks for the time: the engine says what happened and when, and
// starts what it is told to.

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// schedule is the state of a scenario that is being played.
type schedule struct {
	Scenario
	rand  *rand.Rand
	waves bool          // the webhooks come again and again,
	pause time.Duration // so long after the last of a wave is over
	// margin is how long before its end a batch takes no more retries. Retries do come due just when a batch ends: they were
	// denied at the beginning of such a batch, one interval ago. Calls and timers are late, some of them would join and waste
	// a try, and be torn from those that they belong with.
	margin time.Duration

	prefix  string   // of the records' names
	shared  string   // the one record
	records []string // the others, a webhook each
	rate    limiter  // of webhooks

	coming  []*job    // webhooks that have not arrived, in the order of their times
	queue   []*job    // webhooks that no worker has taken
	waiting []*job    // denied, by when they may come back
	running int       // executions
	fresh   int       // of them those of webhooks
	held    int       // of them those that are in their section or on their way out
	places  int       // retries of a batch; 0: there are no batches
	batch   int       // of the present batch, those that have started
	ends    time.Time // when the present batch will be over, as far as can be told
	pending int       // jobs on the shared record that are not over
	holds   holds     // of the shared record

	began   time.Time
	cleared time.Time // when the last execution of a webhook was over
	next    time.Time // when the next wave comes, while none is there
	tally
}

// job is a piece of work on its way: a webhook, and then its retries.
type job struct {
	work, key string
	shared    bool
	arrives   time.Time
	first     bool      // its next execution, or the one that runs, is its first
	tries     int       // so far
	due       time.Time // when it comes back
	tie       uint64    // who is first among those that are due at once: the smaller

	granted time.Time // when it was last granted the lock
	over    time.Time // when its last execution was over
}

// what became of an execution.
type what string

const (
	granted  what = "granted"  // it has the lock; another report follows
	done     what = "done"     // it had the lock until its section was over
	lost     what = "lost"     // the same, but when it released, the lock was not its any more
	rejected what = "rejected" // it had the lock, and the store turned it away, since a higher fence was there before
	crashed  what = "crashed"  // it had the lock and ended without releasing it
	denied   what = "denied"   // somebody else had the lock
	failed   what = "failed"   // the acquire failed in another way
	dropped  what = "dropped"  // the play ended first
)

// report is what an execution tells.
type report struct {
	*job
	what    what
	at      time.Time // of granted, when the lock was; of all others, when the execution was over
	err     error     // what went wrong, if anything did
	ends    time.Time // of granted, when the execution will be over
	held    bool      // it had the lock
	entered time.Time // of those that had it: when their section began
	left    time.Time // and ended
	wrote   bool      // its update was written to the store
	removed bool      // it removed a lock that was somebody else's
	leak    bool      // it may have the lock still: releasing failed, and once more
}

// holds counts those of the shared record. The executions of a live play count together.
type holds struct{ atomic.Int64 }

// number is that of a job's hold, which has begun, from 0; negative where it is another record's.
func (h *holds) number(j *job) int {
	if !j.shared {
		return -1
	}
	return int(h.Add(1)) - 1
}

func newSchedule(s Scenario, r *rand.Rand, now time.Time) *schedule {
	p := &schedule{Scenario: s, rand: r, began: now, cleared: now, rate: limiter{Rate: s.Rate}, prefix: "lock:stripe_cus_"}
	p.margin = (s.Section + 2*s.Latency) / 2
	switch s.Policy.Mode {
	case Sequential:
		p.places = 1
	case Batch:
		p.places = s.Policy.Batch
	}
	return p
}

// arrive lets the webhooks of a wave come from now on: one of each record in any order, and between the first of them those
// of the shared one, unless those of the last time are still about.
func (p *schedule) arrive(now time.Time) {
	p.next = time.Time{}
	if p.shared == "" {
		p.shared = p.record()
		for range p.Webhooks - p.SameKey {
			p.records = append(p.records, p.record())
		}
	}
	p.rand.Shuffle(len(p.records), func(i, j int) { p.records[i], p.records[j] = p.records[j], p.records[i] })
	same := p.SameKey
	if p.pending > 0 {
		same = 0
	}
	if same > 0 {
		p.sharedAt, p.sharedDone = nil, time.Time{}
		p.holds.Store(0)
	}
	all := same + len(p.records)
	among := all // the webhooks between which the contenders come
	if p.Spread == 0 {
		among = min(p.Workers, all)
	}
	every := max(1, among/max(1, same)) // a contender every so many webhooks
	for i, others, come := 0, p.records, 0; i < all; i++ {
		j := &job{work: "evt_" + p.letters(24), key: p.shared, shared: true, first: true}
		if come < same && (i%every == 0 || len(others) == 0) {
			come++
			p.pending++
		} else {
			j.key, j.shared, others = others[0], false, others[1:]
		}
		j.arrives = now.Add(time.Duration(float64(p.Spread) * float64(i) / float64(all)))
		p.coming = append(p.coming, j)
	}
}

// admit takes in the webhooks that have arrived by now, as long as there is room.
func (p *schedule) admit(now time.Time, start func(*job)) {
	p.take(start)
	for len(p.coming) > 0 && !p.coming[0].arrives.After(now) {
		j := p.coming[0]
		p.coming = p.coming[1:]
		switch {
		case !p.rate.pass(j.arrives):
			p.refused++
		case p.Queue > 0 && len(p.queue) >= p.Queue:
			p.overflowed++
		default:
			p.queue = append(p.queue, j)
			p.take(start)
			continue
		}
		if j.shared {
			p.pending--
		}
	}
}

// take gives free workers what waits for them.
func (p *schedule) take(start func(*job)) {
	for len(p.queue) > 0 && p.fresh < p.Workers {
		p.fresh++
		p.start(p.queue[0], start)
		p.queue = p.queue[1:]
	}
}

func (p *schedule) start(j *job, start func(*job)) {
	j.tries++
	p.running++
	start(j)
}

// begin starts whatever may start now.
func (p *schedule) begin(now time.Time, start func(*job)) {
	if !p.next.IsZero() && !p.next.After(now) {
		p.arrive(now)
	}
	p.admit(now, start)
	if p.running == 0 {
		p.batch, p.ends = 0, now.Add(p.Latency)
	}
	for fill := p.batch == 0; len(p.waiting) > 0 && !p.waiting[0].due.After(now) && p.room(now, fill); {
		p.batch++
		p.retried++
		p.ends = later(p.ends, now.Add(p.Latency)) // as long as a denial takes; settle knows better
		p.start(p.waiting[0], start)
		p.waiting = p.waiting[1:]
	}
}

// room tells whether the policy lets one more retry start now: in a batch that is being filled, or in one that runs, is
// not full and does not end soon.
func (p *schedule) room(now time.Time, fill bool) bool {
	switch {
	case p.places == 0:
		return true
	case p.fresh > 0 || p.batch >= p.places:
		return false
	}
	return fill || now.Before(p.ends.Add(-p.margin))
}

// wake is when something may have to start that no report announces; zero if nothing.
func (p *schedule) wake(now time.Time) time.Time {
	at := p.next
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(p.coming) > 0 {
		sooner(p.coming[0].arrives)
	}
	// Without room, it is a report that makes some.
	if len(p.waiting) > 0 && p.room(now, p.running == 0) {
		sooner(p.waiting[0].due)
	}
	return at
}

// over tells whether nothing is left to happen.
func (p *schedule) over() bool {
	return p.running+len(p.waiting)+len(p.queue)+len(p.coming) == 0 && !p.waves
}

// settle takes in what an execution tells.
func (p *schedule) settle(r report) {
	p.count(r)
	if r.what == granted {
		p.held++
		r.job.granted = r.at
		if !r.first {
			p.ends = later(p.ends, r.ends)
		}
		return
	}
	p.running--
	r.job.over = r.at
	if r.first {
		p.fresh--
		r.first = false
		p.cleared = later(p.cleared, r.at)
		if p.waves && p.fresh+len(p.queue)+len(p.coming) == 0 {
			p.next = p.cleared.Add(p.pause)
		}
	}
	if r.held {
		p.held--
	}
	if r.comesBack(p.Policy) {
		r.due = r.at.Add(p.Policy.Interval)
		p.wait(r.job)
	} else if r.shared {
		p.pending--
	}
}

// turnedAway tells whether the execution did not do its work, and the Break handler saw it.
func (r *report) turnedAway() bool {
	return r.what == denied || r.what == failed || r.what == rejected
}

func (r *report) comesBack(p Policy) bool { return r.turnedAway() && r.tries <= p.Attempts }

// wait puts a job in its place among those that wait, which is nearly always the end.
func (p *schedule) wait(j *job) {
	i := len(p.waiting)
	for i > 0 && (j.due.Before(p.waiting[i-1].due) || j.due.Equal(p.waiting[i-1].due) && j.tie < p.waiting[i-1].tie) {
		i--
	}
	p.waiting = slices.Insert(p.waiting, i, j)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// record draws the name of a lock.
func (p *schedule) record() string { return p.prefix + p.letters(14) }

func (p *schedule) letters(n int) string {
	const of = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	s := make([]byte, n)
	for i := range s {
		s[i] = of[p.rand.IntN(len(of))]
	}
	return string(s)
}
