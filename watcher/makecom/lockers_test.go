package makecom

// What the player's tests play against: a real server with a check on who is inside, and a Locker and a Store without one, for
// exact times.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// guarded counts who is inside of each record the way that goes wrong if two are: by reading, then writing.
type guarded struct {
	t testing.TB
	*lockcore.Client
	pool   *resp.Client
	fences sync.Map // by owner
	mu     sync.Mutex
	count  map[string]*atomic.Int64
}

func guard(t testing.TB, server *locktest.Redis) *guarded {
	pool, err := resp.New(resp.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return &guarded{t: t, Client: lockcore.New(pool), pool: pool, count: map[string]*atomic.Int64{}}
}

func (g *guarded) record(key string) *atomic.Int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count[key] == nil {
		g.count[key] = new(atomic.Int64)
	}
	return g.count[key]
}

func (g *guarded) entered() map[string]int64 {
	all := map[string]int64{}
	for key, n := range g.count {
		if n.Load() > 0 {
			all[key] = n.Load()
		}
	}
	return all
}

func (g *guarded) Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *lockcore.AcquireOptions) (*lockcore.Hold, error) {
	h, err := g.Client.Acquire(ctx, key, owner, ttl, o)
	if err == nil {
		g.fences.Store(owner, h.Fence)
	}
	return h, err
}

func (g *guarded) Release(ctx context.Context, key, owner string, o *lockcore.ReleaseOptions) (*lockcore.Release, error) {
	// Only an acquire that was cut off has no fence to release with.
	if fence, ok := g.fences.Load(owner); ok && (o == nil || o.Fence != fence) {
		g.t.Errorf("a release of fence %v with %+v", fence, o)
	}
	n := g.record(key)
	read := n.Load()
	runtime.Gosched()
	n.Store(read + 1)
	return g.Client.Release(ctx, key, owner, o)
}

// memory is a Locker without a server: for exact times. late, if not nil, is how late a call reaches it.
type memory struct {
	t        testing.TB
	mu       sync.Mutex
	locks    map[string]lockcore.Hold
	fence    lockcore.Fence
	calls    []asked
	acquired int
	released int
	late     func() time.Duration
	acquire  func(n int) error // what the nth acquire answers instead; it is done but for ErrUnreachable
	release  func(n int) error // what the nth release answers, and is not done
}

type asked struct {
	key, owner string
	at         time.Time
	lockcore.AcquireOptions
}

func newMemory(t testing.TB) *memory { return &memory{t: t, locks: map[string]lockcore.Hold{}} }

func (m *memory) wait() {
	if m.late != nil {
		m.mu.Lock()
		d := m.late()
		m.mu.Unlock()
		time.Sleep(d)
	}
}

func (m *memory) inside() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, h := range m.locks {
		if time.Now().Before(h.Until) {
			n++
		}
	}
	return n
}

func (m *memory) Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *lockcore.AcquireOptions) (*lockcore.Hold, error) {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return nil, lockcore.ErrUnreachable
	}
	m.calls = append(m.calls, asked{key, owner, time.Now(), *o})
	m.acquired++
	var answer error
	if m.acquire != nil {
		if answer = m.acquire(m.acquired); errors.Is(answer, lockcore.ErrUnreachable) {
			return nil, answer
		}
	}
	if h, taken := m.locks[key]; taken && time.Now().Before(h.Until) {
		return nil, &lockcore.HeldError{Key: key, Owner: h.Owner}
	}
	m.fence++
	h := lockcore.Hold{Key: key, Owner: owner, Fence: m.fence, TTL: ttl, Until: time.Now().Add(ttl)}
	m.locks[key] = h
	if answer != nil {
		return nil, answer
	}
	return &h, nil
}

func (m *memory) Release(ctx context.Context, key, owner string, o *lockcore.ReleaseOptions) (*lockcore.Release, error) {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.released++
	if m.release != nil {
		if err := m.release(m.released); err != nil {
			return nil, err
		}
	}
	h := m.locks[key]
	if ctx.Err() != nil {
		return nil, lockcore.ErrUnreachable
	}
	if h.Owner != owner || !time.Now().Before(h.Until) || o.Fence != 0 && o.Fence != h.Fence {
		return nil, &lockcore.NotHeldError{Op: "release", Key: key, Owner: owner}
	}
	delete(m.locks, key)
	return &lockcore.Release{Fence: h.Fence}, nil
}

// plainDelete is a memory whose release deletes the lock of whoever has it.
type plainDelete struct{ *memory }

func (p plainDelete) Release(ctx context.Context, key, owner string, o *lockcore.ReleaseOptions) (*lockcore.Release, error) {
	release, err := p.memory.Release(ctx, key, owner, o)
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, there := p.locks[key]; errors.Is(err, lockcore.ErrNotHeld) && there && time.Now().Before(h.Until) {
		delete(p.locks, key)
		return nil, fmt.Errorf("release %s: %w", key, ErrRemovedOther)
	}
	return release, err
}

// cells is a Store without a server.
type cells struct {
	mu sync.Mutex
	memoryStore
}

func (c *cells) Read(_ context.Context, record string, fence lockcore.Fence) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cell(record).pass(int64(fence)) {
		return 0, ErrLateWriter
	}
	return c.cell(record).value, nil
}

func (c *cells) Write(_ context.Context, record string, value int64, fence lockcore.Fence) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cell(record).pass(int64(fence)) {
		return ErrLateWriter
	}
	c.cell(record).value = value
	return nil
}
