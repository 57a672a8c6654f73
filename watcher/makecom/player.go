package makecom

// The live player: it lives through a scenario, in real time, and takes and releases real locks. The demo's are in a Redis of
// its own, over TCP.
//
// A call takes Latency, the real one in its middle, so that effects in Redis come half a call after the start, as from a REST
// API that is far away. A real call that takes longer than half of that makes it longer.
//
// One goroutine (playing.go) keeps the schedule, and starts a goroutine for each execution. When the context ends nothing
// new starts, and whatever is held is released with a short time limit of its own: a play leaves no lock behind but those
// that the scenario has its holders crash on, or says so in its summary.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"locktop/lockcore"
)

// Locker takes and releases locks; *lockcore.Client does. With GuardDelete it is one whose releases don't compare the owner,
// and answer with ErrRemovedOther where the lock was somebody else's.
type Locker interface {
	Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *lockcore.AcquireOptions) (*lockcore.Hold, error)
	Release(ctx context.Context, key, owner string, o *lockcore.ReleaseOptions) (*lockcore.Release, error)
}

// Player plays a scenario. The zero value is not valid; start from DefaultPlayer.
type Player struct {
	Scenario

	Pause time.Duration // of Repeat: from when a wave's webhooks are done to the next wave
	// Prefix begins the name of each lock; "" is that of a customer of the demo.
	Prefix string
	// Store, if not nil, is read and written in each section, and counted at the end of Run.
	Store Store
	// Rand draws names and the order of webhooks; nil: at random. It is used by one goroutine.
	Rand *rand.Rand
	// Observe, if not nil, is called after each change, by one goroutine. While it runs nothing else starts.
	Observe func(Progress)
}

// DefaultPlayer plays DefaultScenario.
var DefaultPlayer = Player{Scenario: DefaultScenario, Pause: 10 * time.Second}

// lettingGo is how long releasing what is still held may take when the play ends early.
const lettingGo = 2 * time.Second

// Progress is how far a play has come.
type Progress struct {
	Queued    int       // webhooks that no worker has taken yet
	Held      int       // executions that have their lock
	Waiting   int       // works that were denied and come back
	Done      int       // works that had the lock and are done
	Exhausted int       // works that used up their attempts
	Next      time.Time // when the first of those that wait may come back; zero if none waits
	Refused   int       // webhooks that Make.com did not accept
	Crashed   int       // works whose execution ended without releasing its lock
}

// Validate reports the first value that makes no sense, in one line.
func (b Player) Validate() error {
	if b.Pause < 0 || b.Pause > MaxInterval {
		return fmt.Errorf("pause %v: must be between 0 and %d days", b.Pause, MaxInterval/(24*time.Hour))
	}
	return b.Scenario.Validate()
}

// Scale shortens every time alike; see Scenario.Scale.
func (b Player) Scale(speed float64) Player {
	before := b.speed()
	b.Scenario = b.Scenario.Scale(speed)
	b.Pause = shorten(b.Pause, b.speed()/before)
	return b
}

// Run plays one round: until each webhook has had its lock or used up its attempts, or ctx ends. The summary tells how far
// it came, also with an error, which is ctx's cause, or says what of b makes no sense or why the store could not be counted.
func (b Player) Run(ctx context.Context, l Locker) (Summary, error) {
	p, err := b.start(ctx, l)
	if err != nil {
		return Summary{}, err
	}
	p.arrive(p.began)
	err = p.loop()
	now := time.Now()
	if b.Store == nil || err != nil {
		return p.summary(now, nil), err
	}
	counted, err := p.countStore()
	return p.summary(now, counted), err
}

// Repeat plays wave after wave until ctx ends, which is no error. Each wave is about the same records. The contenders of
// the shared one come again with the first wave after all of the last time are in (or out of attempts), so that they do
// not pile up: those that were denied have the record to themselves until then.
func (b Player) Repeat(ctx context.Context, l Locker) error {
	p, err := b.start(ctx, l)
	if err != nil {
		return err
	}
	p.waves, p.pause = true, b.Pause
	p.arrive(p.began)
	if err := p.loop(); ctx.Err() == nil {
		return err
	}
	return nil
}
