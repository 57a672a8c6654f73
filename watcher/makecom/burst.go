package makecom

// The live burst of the demo: webhooks that arrive all at once, the workers that take them, and what is denied coming back
// as the policy says. Simulator computes such a course; Burst lives through it, in real time, and takes and releases real
// locks. The demo's are in a Redis of its own, over TCP.
//
// At the start all webhooks arrive. Workers take them in order; the contenders of the one shared record come early enough to
// all be among the first that are taken, so one of them gets the lock and the others are denied at once. Each execution is
// the one that doc.go describes: a call that acquires, the section, a call that releases. A call takes Latency, the real
// one in its middle, so that effects in Redis come half a call after the start, as from a REST API that is far away. A real
// call that takes longer than half of that makes it longer.
//
// A denial frees its worker. The work comes back as a new execution with an owner of its own, on none of the workers, when
// the policy lets it: as in Simulator, and in the modes Sequential and Batch not while an execution of a webhook runs. An
// acquire that fails in another way comes back just the same: that is what the Break handler does.
//
// One goroutine (burstplay.go) knows what waits and what runs, and starts a goroutine for
// each execution. When the context ends nothing new starts, and whatever is held is released with a short time limit of
// its own: the burst leaves no lock behind, or says so in its summary.

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"locktop/lockcore"
)

// Locker takes and releases locks; *lockcore.Client does.
type Locker interface {
	Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *lockcore.AcquireOptions) (*lockcore.Hold, error)
	Release(ctx context.Context, key, owner string, o *lockcore.ReleaseOptions) (*lockcore.Release, error)
}

// Burst is a burst of webhooks. The zero value is not valid; start from DefaultBurst.
type Burst struct {
	Webhooks int // that arrive at once
	Workers  int // webhooks that are worked on at a time
	SameKey  int // how many of the webhooks are about one and the same record; the others have one each

	Section time.Duration // the critical section
	Latency time.Duration // one call, request to answer
	TTL     time.Duration // of a lock; whole milliseconds
	Policy  Policy        // how denied work comes back
	Pause   time.Duration // of Repeat: from when a wave's webhooks are done to the next wave

	// Speed is how many times faster than real the times above are: the summary is given in real time. Set by Scale; 0 is 1.
	Speed float64
	// Rand draws names and the order of webhooks; nil: at random. It is used by one goroutine.
	Rand *rand.Rand
	// Observe, if not nil, is called after each change, by one goroutine. While it runs nothing else starts.
	Observe func(Progress)
}

// DefaultBurst is the published scenario: 100 webhooks on 40 workers, ten of them about one customer.
var DefaultBurst = Burst{
	Webhooks: 100, Workers: 40, SameKey: 10,
	Section: 2 * time.Second, Latency: DefaultLatency, TTL: 15 * time.Second,
	Policy: DefaultPolicy, Pause: 10 * time.Second,
}

// Beyond these a burst is a mistake rather than a choice.
const (
	MaxWebhooks = 100_000
	MaxWorkers  = 10_000
)

// lettingGo is how long releasing what is still held may take when the burst ends early.
const lettingGo = 2 * time.Second

// Progress is how far a burst has come.
type Progress struct {
	Queued    int       // webhooks that no worker has taken yet
	Held      int       // locks held
	Waiting   int       // works that were denied and come back
	Done      int       // works that had the lock and are done
	Exhausted int       // works that used up their attempts
	Next      time.Time // when the first of those that wait may come back; zero if none waits
}

// Validate reports the first value that makes no sense, in one line.
func (b Burst) Validate() error {
	switch {
	case b.Webhooks < 1 || b.Webhooks > MaxWebhooks:
		return fmt.Errorf("webhooks %d: must be between 1 and %d", b.Webhooks, MaxWebhooks)
	case b.Workers < 1 || b.Workers > MaxWorkers:
		return fmt.Errorf("workers %d: must be between 1 and %d", b.Workers, MaxWorkers)
	case b.SameKey < 0 || b.SameKey > b.Webhooks:
		return fmt.Errorf("same key %d: must be between 0 and the number of webhooks, %d", b.SameKey, b.Webhooks)
	case b.Section < 0 || b.Section > MaxInterval:
		return fmt.Errorf("section %v: must be between 0 and %d days", b.Section, MaxInterval/(24*time.Hour))
	case b.Latency < 0 || b.Latency > MaxInterval:
		return fmt.Errorf("latency %v: must be between 0 and %d days", b.Latency, MaxInterval/(24*time.Hour))
	case b.Pause < 0 || b.Pause > MaxInterval:
		return fmt.Errorf("pause %v: must be between 0 and %d days", b.Pause, MaxInterval/(24*time.Hour))
	}
	if err := lockcore.CheckTTL(b.TTL); err != nil {
		return err
	}
	return b.Policy.Validate()
}

// Scale shortens every time of the burst alike, those of its policy too: 60 makes a minute a second. A speed that is not a
// positive number changes nothing. The TTL stays a whole number of milliseconds and at least lockcore.MinTTL.
func (b Burst) Scale(speed float64) Burst {
	if !(speed > 0) || math.IsInf(speed, 1) {
		return b
	}
	b.Section = shorten(b.Section, speed)
	b.Latency = shorten(b.Latency, speed)
	b.Pause = shorten(b.Pause, speed)
	b.TTL = min(max(shorten(b.TTL, speed).Round(time.Millisecond), lockcore.MinTTL), lockcore.MaxTTL)
	b.Policy = b.Policy.Scale(speed)
	b.Speed = b.speed() * speed
	return b
}

func shorten(d time.Duration, speed float64) time.Duration {
	return time.Duration(math.Round(min(float64(d)/speed, float64(lockcore.MaxTTL))))
}

func (b Burst) speed() float64 {
	if b.Speed > 0 {
		return b.Speed
	}
	return 1
}

// Run plays one round: until each webhook has had its lock or used up its attempts, or ctx ends. The summary tells how far
// it came, also with an error, which is ctx's cause or says what of b makes no sense.
func (b Burst) Run(ctx context.Context, l Locker) (Summary, error) {
	p, err := b.start(ctx, l)
	if err != nil {
		return Summary{}, err
	}
	p.arrive()
	err = p.loop()
	return p.summary(), err
}

// Repeat plays wave after wave until ctx ends, which is no error. Each wave is about the same records. The contenders of
// the shared one come again with the first wave after all of the last time are in (or out of attempts), so that they do
// not pile up: those that were denied have the record to themselves until then.
func (b Burst) Repeat(ctx context.Context, l Locker) error {
	p, err := b.start(ctx, l)
	if err != nil {
		return err
	}
	p.waves = true
	p.arrive()
	if err := p.loop(); ctx.Err() == nil {
		return err
	}
	return nil
}
