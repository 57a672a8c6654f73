package makecom

// A scenario being played: the goroutine that keeps its schedule, and one execution from its start to its last answer.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"locktop/lockcore"
)

// play is one run of a Player. Everything in it belongs to the goroutine that runs loop, but for what its executions share.
type play struct {
	*schedule
	player  Player
	ctx     context.Context
	locker  Locker
	reports chan report
	redis   *plan
}

// plan is what the plan of a Redis allows, for all executions.
type plan struct {
	mu sync.Mutex
	limiter
}

func (p *plan) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter.pass(time.Now())
}

func (b Player) start(ctx context.Context, l Locker) (*play, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	if b.Rand == nil {
		b.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	p := &play{
		schedule: newSchedule(b.Scenario, b.Rand, time.Now()), player: b,
		ctx: ctx, locker: l, reports: make(chan report), redis: &plan{limiter: limiter{Rate: b.Redis}},
	}
	if b.Prefix != "" {
		p.prefix = b.Prefix
	}
	return p, nil
}

// loop plays until all is over, or ctx is.
func (p *play) loop() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if p.ctx.Err() == nil {
			p.begin(time.Now(), p.execute)
		}
		p.observe()
		if p.over() {
			return nil
		}
		timer.Stop() // from here on nothing stale comes out of it
		if at := p.wake(time.Now()); !at.IsZero() {
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

func (p *play) observe() {
	if p.player.Observe == nil {
		return
	}
	o := Progress{Queued: len(p.queue), Held: p.held, Waiting: len(p.waiting), Done: p.done, Exhausted: p.exhausted, Refused: p.refused + p.overflowed, Crashed: p.crashed}
	if o.Waiting > 0 {
		o.Next = p.waiting[0].due
	}
	p.player.Observe(o)
}

// execute starts one execution: with an owner of its own, since a retry is a new execution.
func (p *play) execute(j *job) {
	e := execution{job: *j, Player: p.player, locker: p.locker, redis: p.redis, holds: &p.holds, owner: p.id(), start: time.Now()}
	go e.run(p.ctx, func(r report) {
		r.job = j
		p.reports <- r
	})
}

// execution is one try of a job.
type execution struct {
	job
	Player
	locker Locker
	redis  *plan
	holds  *holds
	owner  string
	start  time.Time
}

// run lives through an execution. Its times follow from one another, so that timers that are late don't add up.
func (e *execution) run(ctx context.Context, tell func(report)) {
	if e.Guard == GuardNone {
		section, _ := e.hold(e.holds.number(&e.job))
		r := report{what: done, held: true, entered: e.start}
		tell(report{what: granted, at: e.start, ends: e.start.Add(section)})
		r.left = e.inside(ctx, e.start, section, 0, &r)
		r.at = r.left
		tell(r)
		return
	}
	if !sleep(ctx, e.start.Add(e.Latency/2)) {
		tell(report{what: dropped, at: time.Now()})
		return
	}
	hold, err := e.acquire(ctx)
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
	section, crashes := e.hold(e.holds.number(&e.job))
	tell(report{what: granted, at: reached, ends: answered.Add(section + e.Latency)})

	r := report{what: done, held: true, entered: answered}
	if crashes && sleep(ctx, answered.Add(section/2)) {
		r.what, r.at, r.left = crashed, later(answered.Add(section/2), time.Now()), time.Now()
		tell(r)
		return
	}
	r.left = e.inside(ctx, answered, section, hold.Fence, &r)
	if !sleep(ctx, answered.Add(section+e.Latency/2)) {
		r.what, r.at = dropped, time.Now()
		if r.err = e.letGo(ctx, hold.Fence); r.err != nil {
			r.leak = true
		}
		tell(r)
		return
	}
	err = e.release(ctx, hold.Fence)
	r.at = later(answered.Add(section+e.Latency), time.Now())
	switch {
	case errors.Is(err, ErrRemovedOther):
		r.removed = true
		fallthrough
	case errors.Is(err, lockcore.ErrNotHeld):
		if r.what == done {
			r.what, r.err = lost, err
		}
	case err != nil:
		r.err = err
		r.leak = e.letGo(ctx, hold.Fence) != nil
	}
	sleep(ctx, r.at)
	tell(r)
}

// inside is the critical section: it reads the store at its beginning and writes it at its end, and tells when that was.
func (e *execution) inside(ctx context.Context, from time.Time, section time.Duration, fence lockcore.Fence, r *report) time.Time {
	until := from.Add(section)
	if e.Guard != GuardFence {
		fence = 0
	}
	var value int64
	var err error
	if e.Store != nil {
		value, err = e.Store.Read(ctx, e.key, fence)
	}
	if !sleep(ctx, until) {
		r.what = dropped
		return time.Now()
	}
	if e.Store != nil && err == nil {
		err = e.Store.Write(ctx, e.key, value+1, fence)
		r.wrote = err == nil
	}
	switch {
	case errors.Is(err, ErrLateWriter):
		r.what = rejected
	case err != nil:
		r.err = err
	}
	return later(until, time.Now())
}

func (e *execution) acquire(ctx context.Context) (*lockcore.Hold, error) {
	if !e.redis.pass() {
		return nil, errTooMany
	}
	// Redis counts in milliseconds, and 0 would stand for the default.
	return e.locker.Acquire(ctx, e.key, e.owner, e.TTL, &lockcore.AcquireOptions{Work: e.work, Comeback: e.Policy.Comeback()})
}

func (e *execution) release(ctx context.Context, fence lockcore.Fence) error {
	if !e.redis.pass() {
		return errTooMany
	}
	_, err := e.locker.Release(ctx, e.key, e.owner, &lockcore.ReleaseOptions{Fence: fence})
	return err
}

// countStore asks the store what became of the updates that it acknowledged.
func (p *play) countStore() (*Counted, error) {
	c := &Counted{Updates: p.updates()}
	for record := range p.written {
		value, err := p.player.Store.Read(p.ctx, record, 0)
		if err != nil {
			return nil, fmt.Errorf("count the updates of %s: %w", record, err)
		}
		c.Value += value
	}
	c.Lost = c.Updates - c.Value
	return c, nil
}

// letGo releases what is held, or what may be, also when ctx has ended; nil if it is certain afterwards that nothing is.
// A release of lockcore can be repeated: it knows its hold by owner and fence.
func (e *execution) letGo(ctx context.Context, fence lockcore.Fence) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lettingGo)
	defer cancel()
	_, err := e.locker.Release(ctx, e.key, e.owner, &lockcore.ReleaseOptions{Fence: fence})
	if errors.Is(err, lockcore.ErrNotHeld) || errors.Is(err, ErrRemovedOther) {
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

// id draws an execution id: 32 hex digits.
func (p *play) id() string {
	var id [16]byte
	for i := range id {
		id[i] = byte(p.rand.Uint32())
	}
	return hex.EncodeToString(id[:])
}
