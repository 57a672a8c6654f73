package keyspace

// The canary: a key of our own that is set now and then, whose notification must come back through the
// subscription. It proves what a ping does not: that the server is alive, sends notifications, and that they arrive.
//
// Where nothing may be written, a ping on the subscription itself has to do, and looks at the server's setting.

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"locktop/lockcore"
)

// canaryPrefix begins every canary's name. Its channel is one of the ledgers' pattern.
const canaryPrefix = lockcore.LedgerPrefix + "canary:"

const canaryTTL = 10 * time.Second

// canary is one place's.
type canary struct {
	name    atomic.Pointer[string]
	dead    atomic.Bool  // it cannot be written here: pings have to do
	excused atomic.Bool  // it could not be written the last time, which passes: until then too
	proved  atomic.Int64 // when its notification came last, as a moment
	written atomic.Int64 // when it was written last, as a moment
	kinds   atomic.Int32 // hints of it that were heard, ever
	busy    atomic.Bool  // one is being written
}

// newCanary has a name that the place answers for. Of a place without slots it has none that could be written.
func newCanary(p Place, write bool) *canary {
	c := &canary{}
	c.rename(p)
	if !write {
		c.dead.Store(true)
	}
	return c
}

func (c *canary) rename(p Place) {
	key := canaryPrefix + rand.Text()
	for i := 0; !p.Owns(key); i++ {
		if i == 1<<16 {
			c.dead.Store(true)
			break
		}
		key = canaryPrefix + rand.Text()
	}
	c.name.Store(&key)
}

func (c *canary) key() string { return *c.name.Load() }

// sing has the canary written, without waiting for it.
func (c *canary) sing(ctx context.Context, s *Source, p Place) {
	if c.dead.Load() || !c.busy.CompareAndSwap(false, true) {
		return
	}
	s.beside.Go(func() {
		defer c.busy.Store(false)
		_, err := p.Do(ctx, "set", c.key(), "1", "px", strconv.FormatInt(canaryTTL.Milliseconds(), 10))
		var refused *lockcore.ReplyError
		switch {
		case err == nil:
			c.written.Store(int64(s.moment(s.now())))
			if c.excused.Swap(false) {
				c.proved.Store(c.written.Load()) // from here on it has to prove again
			}
		case !errors.As(err, &refused):
		case transient(err): // its slot is on its way to another node, or the cluster is down
			c.excused.Store(true)
			c.rename(p)
		default:
			c.dead.Store(true) // a right that is missing, a replica, no memory: the server lives, and pings must do
		}
	})
}

// hear takes a notification about it.
func (c *canary) hear(h hint, at moment) {
	c.kinds.Or(int32(h))
	c.proved.Store(int64(at))
}

// Kinds of notification that a server which does not tell its setting has to send for us to rely on it: first those that
// a key with a TTL makes, then those of a hash that is removed.
const (
	enoughOfTTL  = int32(hintSet | hintTTL | hintExpired)
	enoughOfHash = int32(hintLedger | hintDeleted)
)

// prove has the server send a notification of each kind that matters, and tells whether all came within limit.
func (c *canary) prove(ctx context.Context, p Place, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !c.busy.CompareAndSwap(false, true) { // what is being written would keep the key from expiring
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	defer c.busy.Store(false)
	return !c.dead.Load() &&
		c.provoke(ctx, p, enoughOfTTL, []any{"pttl", c.key()}, []any{"set", c.key(), "1", "px", "1"}) &&
		c.provoke(ctx, p, enoughOfHash, nil, []any{"hset", c.key(), "f", "1"}, []any{"pexpire", c.key(), "10000"}, []any{"del", c.key()})
}

// provoke sends commands, and then another one again and again until all kinds were heard, or ctx is over.
func (c *canary) provoke(ctx context.Context, p Place, kinds int32, again []any, commands ...[]any) bool {
	for _, command := range commands {
		if _, err := p.Do(ctx, command...); err != nil {
			return false
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.kinds.Load()&kinds != kinds {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if again != nil {
			p.Do(ctx, again...) // a key whose time is over is removed when it is looked at
		}
	}
	return true
}
