package makecom

// A burst being played: what waits, what runs, and one execution from its start to its last answer.

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"locktop/lockcore"
)

// play is one run of a Burst. Everything in it belongs to the goroutine that runs loop.
type play struct {
	Burst
	ctx     context.Context
	locker  Locker
	reports chan report
	waves   bool

	shared  string   // the one record
	records []string // the others, a webhook each

	queue   []*job    // webhooks that no worker has taken
	waiting []*job    // denied, by when they may come back
	running int       // executions
	fresh   int       // of them those of webhooks
	held    int       // of them those that have their lock
	places  int       // retries of a batch; 0: there are no batches
	batch   int       // of the present batch, those that have started
	ends    time.Time // when the present batch will be over, as far as can be told
	pending int       // jobs on the shared record that are not over

	began   time.Time
	cleared time.Time // when the last execution of a webhook was over
	next    time.Time // when the next wave comes, while none is there
	tally
}

// job is a piece of work on its way: a webhook, and then its retries.
type job struct {
	work, key string
	shared    bool
	tries     int       // so far
	due       time.Time // when it comes back
}

// report is what an execution tells.
type report struct {
	*job
	what what
	at   time.Time // of granted, when the lock was; of all others, when the execution was over
	err  error     // what went wrong, if anything did
	ends time.Time // of granted, when the execution will be over
	held bool      // it had the lock
	leak bool      // it may have it still: releasing failed, and once more
}

// what became of an execution.
type what string

const (
	granted what = "granted" // it has the lock; another report follows
	done    what = "done"    // it had the lock until its section was over
	lost    what = "lost"    // the same, but when it released, the lock was not its any more
	denied  what = "denied"  // somebody else had the lock
	failed  what = "failed"  // the acquire failed in another way
	dropped what = "dropped" // the burst ended first
)

func (b Burst) start(ctx context.Context, l Locker) (*play, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	if b.Rand == nil {
		b.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	p := &play{Burst: b, ctx: ctx, locker: l, reports: make(chan report), began: time.Now()}
	p.cleared = p.began
	switch b.Policy.Mode {
	case Sequential:
		p.places = 1
	case Batch:
		p.places = b.Policy.Batch
	}
	p.shared = p.record()
	for range b.Webhooks - b.SameKey {
		p.records = append(p.records, p.record())
	}
	return p, nil
}

// arrive queues the webhooks of a wave: one of each record in any order, and between the first of them those of the
// shared one, unless those of the last time are still about.
func (p *play) arrive() {
	p.next = time.Time{}
	p.Rand.Shuffle(len(p.records), func(i, j int) { p.records[i], p.records[j] = p.records[j], p.records[i] })
	same := p.SameKey
	if p.pending > 0 {
		same = 0
	}
	if same > 0 {
		p.sharedAt, p.sharedDone = nil, time.Time{}
	}
	all := same + len(p.records)
	spread := max(1, min(p.Workers, all)/max(1, same)) // a contender every so many webhooks
	for i, others := 0, p.records; i < all; i++ {
		j := &job{work: "evt_" + p.letters(24), key: p.shared, shared: true}
		if left := same - p.pending; left > 0 && (i%spread == 0 || len(others) == 0) {
			p.pending++
		} else {
			j.key, j.shared, others = others[0], false, others[1:]
		}
		p.queue = append(p.queue, j)
	}
}

// loop plays until all is over, or ctx is.
func (p *play) loop() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p.begin()
		p.observe()
		if p.running == 0 && len(p.waiting) == 0 && len(p.queue) == 0 && !p.waves {
			return nil
		}
		timer.Stop() // from here on nothing stale comes out of it
		if at := p.wake(); !at.IsZero() {
			timer.Reset(time.Until(at))
		}
		select {
		case r := <-p.reports:
			p.settle(r)
		case <-timer.C:
		case <-p.ctx.Done():
			for p.running > 0 {
				p.settle(<-p.reports)
			}
			return context.Cause(p.ctx)
		}
	}
}

// wake is when something may have to start that no report announces; zero if nothing.
func (p *play) wake() time.Time {
	at := p.next
	// Without room, it is a report that makes some.
	if len(p.waiting) > 0 && p.room(time.Now(), p.running == 0) {
		if due := p.waiting[0].due; at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// begin starts whatever may start now.
func (p *play) begin() {
	if p.ctx.Err() != nil {
		return
	}
	now := time.Now()
	if !p.next.IsZero() && !p.next.After(now) {
		p.arrive()
	}
	for len(p.queue) > 0 && p.fresh < p.Workers {
		p.fresh++
		p.execute(p.queue[0])
		p.queue = p.queue[1:]
	}
	if p.running == 0 {
		p.batch, p.ends = 0, now.Add(p.Latency)
	}
	for fill := p.batch == 0; len(p.waiting) > 0 && !p.waiting[0].due.After(now) && p.room(now, fill); {
		p.batch++
		p.retried++
		p.execute(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// room tells whether the policy lets one more retry start now: in a batch that is being filled, or one that is not full
// and has not been running for long. Simulator lets retries join until the end, but its instants are exact, and retries do
// come due just when a batch ends: they were denied at the beginning of such a batch, one interval ago. Here calls and
// timers are late, some of them would join and waste a try, and be torn from those that they belong with. So a batch in
// its second half is let end.
func (p *play) room(now time.Time, fill bool) bool {
	switch {
	case p.places == 0:
		return true
	case p.fresh > 0 || p.batch >= p.places:
		return false
	}
	return fill || now.Before(p.ends.Add(-(p.Section+2*p.Latency)/2))
}

// settle takes in what an execution tells.
func (p *play) settle(r report) {
	p.count(r)
	if r.what == granted {
		p.held++
		if r.tries > 1 {
			p.ends = later(p.ends, r.ends)
		}
		return
	}
	p.running--
	if r.tries == 1 {
		p.fresh--
		p.cleared = later(p.cleared, r.at)
		if p.waves && p.fresh == 0 && len(p.queue) == 0 {
			p.next = p.cleared.Add(p.Pause)
		}
	}
	if r.held {
		p.held--
	}
	comes := (r.what == denied || r.what == failed) && r.tries <= p.Policy.Attempts
	if comes {
		r.due = r.at.Add(p.Policy.Interval)
		p.waiting = append(p.waiting, r.job)
		slices.SortStableFunc(p.waiting, func(a, b *job) int { return a.due.Compare(b.due) })
	} else if r.shared {
		p.pending--
	}
}

func (p *play) observe() {
	if p.Observe == nil {
		return
	}
	o := Progress{Queued: len(p.queue), Held: p.held, Waiting: len(p.waiting), Done: p.done, Exhausted: p.exhausted}
	if o.Waiting > 0 {
		o.Next = p.waiting[0].due
	}
	p.Observe(o)
}

// execute starts one execution: with an owner of its own, since a retry is a new execution.
func (p *play) execute(j *job) {
	j.tries++
	p.running++
	e := execution{job: *j, Burst: p.Burst, locker: p.locker, owner: p.id(), start: time.Now()}
	go e.run(p.ctx, func(r report) {
		r.job = j
		p.reports <- r
	})
}

// execution is one try of a job.
type execution struct {
	job
	Burst
	locker Locker
	owner  string
	start  time.Time
}

// run lives through an execution. Its times follow from one another, so that timers that are late don't add up.
func (e *execution) run(ctx context.Context, tell func(report)) {
	if !sleep(ctx, e.start.Add(e.Latency/2)) {
		tell(report{what: dropped, at: time.Now()})
		return
	}
	hold, err := e.locker.Acquire(ctx, e.key, e.owner, e.TTL, &lockcore.AcquireOptions{
		Work: e.work,
		// Redis counts in milliseconds, and 0 would stand for the default.
		Comeback: e.Policy.Comeback(),
	})
	reached := time.Now()
	answered := later(e.start.Add(e.Latency), reached)
	if err != nil {
		r := report{what: failed, at: answered, err: err}
		if errors.Is(err, lockcore.ErrHeld) {
			r.what = denied
		} else if errors.Is(err, lockcore.ErrUnknownOutcome) || errors.Is(err, lockcore.ErrLate) || ctx.Err() != nil {
			// It may have the lock without knowing. Nobody else has its owner's name, so no fence is needed.
			r.leak = e.letGo(ctx, 0) != nil
		}
		if !sleep(ctx, answered) {
			r.what = dropped
		}
		tell(r)
		return
	}
	tell(report{what: granted, at: reached, ends: answered.Add(e.Section + e.Latency)})

	if !sleep(ctx, answered.Add(e.Section+e.Latency/2)) {
		err := e.letGo(ctx, hold.Fence)
		tell(report{what: dropped, at: time.Now(), err: err, held: true, leak: err != nil})
		return
	}
	_, err = e.locker.Release(ctx, e.key, e.owner, &lockcore.ReleaseOptions{Fence: hold.Fence})
	r := report{what: done, at: later(answered.Add(e.Section+e.Latency), time.Now()), err: err, held: true}
	switch {
	case errors.Is(err, lockcore.ErrNotHeld):
		r.what = lost
	case err != nil:
		r.leak = e.letGo(ctx, hold.Fence) != nil
	}
	sleep(ctx, r.at)
	tell(r)
}

// letGo releases what is held, or what may be, also when ctx has ended; nil if it is certain afterwards that nothing is.
// A release can be repeated: it knows its hold by owner and fence.
func (e *execution) letGo(ctx context.Context, fence lockcore.Fence) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lettingGo)
	defer cancel()
	_, err := e.locker.Release(ctx, e.key, e.owner, &lockcore.ReleaseOptions{Fence: fence})
	if errors.Is(err, lockcore.ErrNotHeld) {
		return nil
	}
	return err
}

// sleep waits until then; false if ctx ended first.
func sleep(ctx context.Context, then time.Time) bool {
	timer := time.NewTimer(time.Until(then))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// record draws the name of a lock: a customer's.
func (p *play) record() string { return "lock:stripe_cus_" + p.letters(14) }

// id draws an execution id: 32 hex digits.
func (p *play) id() string {
	var id [16]byte
	for i := range id {
		id[i] = byte(p.Rand.Uint32())
	}
	return hex.EncodeToString(id[:])
}

func (p *play) letters(n int) string {
	const of = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	s := make([]byte, n)
	for i := range s {
		s[i] = of[p.Rand.IntN(len(of))]
	}
	return string(s)
}
