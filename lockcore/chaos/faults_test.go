package chaos_test

// Ten thousand operations of many clients on few locks, with faults thrown by dice.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

const (
	workers = 8
	faulty  = 0.15 // of the requests
	// long is a TTL that runs out in no test.
	long = 10 * time.Hour
)

// weather is the kinds of faults and how often each: those that hang cost a time-out.
var weather = slices.Concat(
	slices.Repeat([]locktest.Kind{locktest.CutRequest, locktest.CutReply, locktest.DelayReply, locktest.DoubleRequest, locktest.Reorder}, 3),
	[]locktest.Kind{locktest.HangRequest, locktest.HangReply, locktest.LateRequest})

func TestTenThousandFaultyOperations(t *testing.T) {
	seed := seedOf(t)
	onEachSite(t, func(t *testing.T, s *site) {
		h := storm(s, seed, s.operations, nil)
		for _, wrong := range h.wrong {
			t.Error(wrong)
		}
		if h.verdicts[right] == 0 || h.grants < 100 || s.injected()[locktest.DoubleRequest] == 0 {
			t.Errorf("too little happened to prove anything: %d grants, answers %v, faults %v", h.grants, h.verdicts, s.injected())
		}
		t.Log(h)
		t.Logf("faults: %v", s.injected())
	})
}

// storm lets many clients loose on few locks while faults are thrown, and holds a hearing of what they were
// told. through is put between lockcore and each transport; nil for nothing.
func storm(s *site, seed uint64, operations int, through func(lockcore.Transport) lockcore.Transport) *hearing {
	s.inject(func(proxy int) locktest.Plan {
		return &locktest.Random{Seed: seed + uint64(proxy), Share: faulty, Kinds: weather}
	})
	var left atomic.Int64
	left.Store(int64(operations))
	crew := make([]*worker, workers)
	store := &guarded{highest: map[string]lockcore.Fence{}}
	var wg sync.WaitGroup
	for i := range crew {
		connection := s.connect(patience)
		defer connection.Close()
		var transport lockcore.Transport = noting{Transport: connection}
		if through != nil {
			transport = through(transport)
		}
		// Every second one has no time for a second try after a time-out, and is told more often that nobody knows.
		timeout := 4 * patience
		if i%2 == 1 {
			timeout = patience / 2
		}
		crew[i] = &worker{
			s: s, number: i, name: fmt.Sprintf("w%d", i), store: store, dice: rand.New(rand.NewPCG(seed, uint64(i))),
			c: lockcore.New(transport, lockcore.WithTimeout(timeout)), released: map[string]bool{},
		}
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				crew[i].operate()
			}
		})
	}
	wg.Wait()
	for _, w := range crew {
		w.c.Wait()
	}
	s.settle()
	return hear(s, crew, store, nil)
}

// seedOf is a new seed for each run, or the one that LOCKTOP_TEST_SEED asks for again.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if again := os.Getenv("LOCKTOP_TEST_SEED"); again != "" {
		if _, err := fmt.Sscan(again, &seed); err != nil {
			t.Fatalf("LOCKTOP_TEST_SEED=%q: %v", again, err)
		}
	}
	t.Logf("again with LOCKTOP_TEST_SEED=%d", seed)
	return seed
}

// worker is a client that does one thing after another, by dice.
type worker struct {
	s      *site
	number int
	name   string
	c      *lockcore.Client
	dice   *rand.Rand
	store  *guarded

	returned func(call) // is told of each call; may be nil

	calls    []call
	mine     []call          // the acquires whose holds it has, as far as it knows
	freed    []call          // those that it has released, or was told that it has not any more
	released map[string]bool // owners whose release it has called
}

// guarded stands for the stores that the locks guard: each takes a write only with a fence that is
// not below the highest it has seen.
type guarded struct {
	mu       sync.Mutex
	highest  map[string]lockcore.Fence
	rejected []call
}

// write is one under a hold; c is the acquire that got it.
func (g *guarded) write(s *site, c call) {
	c.from, c.begun = s.moment(c.key), time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if highest := g.highest[c.key]; c.fence < highest {
		c.to, c.end, c.saw = s.moment(c.key), time.Now(), highest.String()
		g.rejected = append(g.rejected, c)
		return
	}
	g.highest[c.key] = c.fence
}

// operate does one operation and notes what came of it.
func (w *worker) operate() {
	n := len(w.calls)
	id := fmt.Sprintf("%s-%d", w.name, n)
	ctx := context.Background()
	if len(w.mine) > 0 && w.dice.IntN(4) > 0 {
		throw := w.dice.IntN(75)
		h := w.mine[w.dice.IntN(len(w.mine))]
		switch {
		case throw < 25:
			// Longer each time, and as long as in no other call.
			ttl := long + time.Duration((n+1)*workers+w.number)*time.Millisecond
			w.call(call{op: "extend", key: h.key, owner: h.owner, fence: h.fence, tag: fmt.Sprint(ttl.Milliseconds())}, func(c *call) {
				_, c.err = w.c.Extend(ctx, h.key, h.owner, ttl, &lockcore.ExtendOptions{Fence: h.fence})
			})
		case throw < 65:
			c := w.release(h)
			if c.err == nil || errors.Is(c.err, lockcore.ErrNotHeld) {
				w.mine = slices.DeleteFunc(w.mine, func(m call) bool { return m.owner == h.owner })
				w.freed = append(w.freed, h)
			}
		default:
			w.store.write(w.s, h)
		}
		return
	}
	key := w.s.keys[w.dice.IntN(len(w.s.keys))]
	switch throw := w.dice.IntN(100); {
	case throw < 10 && len(w.freed) > 0: // a release that is repeated, of any age
		w.release(w.freed[max(0, len(w.freed)-1-w.dice.IntN(3))])
	case throw < 30:
		w.force(key, id)
	default:
		c := w.call(call{op: "acquire", key: key, owner: id, tag: id}, func(c *call) {
			h, err := w.c.Acquire(ctx, key, id, long, nil)
			c.err = err
			var held *lockcore.HeldError
			if errors.As(err, &held) {
				c.saw = held.Owner
			} else if err == nil {
				c.fence = h.Fence
			}
		})
		if c.err == nil {
			w.mine = append(w.mine, c)
			w.store.write(w.s, c)
		}
	}
}

func (w *worker) call(c call, do func(*call)) call {
	c.from, c.begun = w.s.moment(c.key), time.Now()
	do(&c)
	c.to, c.end = w.s.moment(c.key), time.Now()
	w.calls = append(w.calls, c)
	if w.returned != nil {
		w.returned(c)
	}
	return c
}

func (w *worker) release(h call) call {
	tag := h.owner
	if w.released[h.owner] {
		tag = "" // what ran can have been an earlier call's
	}
	w.released[h.owner] = true
	return w.call(call{op: "release", key: h.key, owner: h.owner, fence: h.fence, tag: tag}, func(c *call) {
		_, c.err = w.c.Release(context.Background(), h.key, h.owner, &lockcore.ReleaseOptions{Fence: h.fence})
	})
}

// force looks who has a lock and ends that hold.
func (w *worker) force(key, id string) {
	var l *lockcore.Lock
	c := w.call(call{op: "inspect", key: key}, func(c *call) {
		if l, c.err = w.c.Inspect(context.Background(), key); c.err == nil {
			c.saw, c.fence = l.Owner, l.Fence
		}
	})
	if c.err != nil || l.Owner == "" {
		return
	}
	w.call(call{op: "force-release", key: key, owner: l.Owner, fence: l.Fence, tag: id}, func(c *call) {
		_, c.err = w.c.ForceRelease(context.Background(), lockcore.ForceRelease{
			Key: key, Expect: l.Expectation(), Operation: id, Operator: w.name, Reason: "chaos",
		})
	})
}
