package keyspace_test

// Churn: several clients do random things of every kind to a few hundred locks, careful ones and careless ones, while connections
// are cut, the server is killed and started, flushed, paused, and its clock set. In the end the picture is the server's; each
// fault was told as a gap; and no event tells of what did not happen, by what the clients themselves noted (deeds_test.go).
//
// LOCKTOP_CHURN_SEED plays a run again: the same clients do the same things, and the same faults come after the same number of
// them. Only how they interleave is the machine's. LOCKTOP_CHURN_ROUNDS and LOCKTOP_CHURN_OPERATIONS make it longer, as make soak does.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

// fromEnv is a number from the environment.
func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q and no number", name, text)
	}
	return n
}

const (
	churnKeys    = 300
	churnClients = 4
)

func TestAfterAnyChurnUnderFaultsThePictureIsTheServersAndNothingIsInvented(t *testing.T) {
	seed := fromEnv(t, "LOCKTOP_CHURN_SEED", uint64(time.Now().UnixNano()%1_000_000_000))
	rounds := fromEnv(t, "LOCKTOP_CHURN_ROUNDS", 4)
	operations := fromEnv(t, "LOCKTOP_CHURN_OPERATIONS", 1500)
	t.Logf("play it again with LOCKTOP_CHURN_SEED=%d LOCKTOP_CHURN_ROUNDS=%d LOCKTOP_CHURN_OPERATIONS=%d", seed, rounds, operations)
	for round := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed+round), func(t *testing.T) {
			t.Parallel()
			churn(t, seed+round, int(operations))
		})
	}
}

func TestAPolledPictureAfterAChurnIsTheServers(t *testing.T) {
	t.Parallel()
	srv := locktest.StartRedis(t)
	w := follow(t, srv, func(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond })
	w.complete()
	c := &churned{t: t, srv: srv, seed: 1, keys: 30}
	c.play(700)
	w.agrees()
	w.sane()
	if n := w.count(watcher.Gap); n != 0 {
		t.Errorf("%d gaps are told", n)
	}
}

// churned is one churn.
type churned struct {
	t     *testing.T
	srv   *locktest.Redis
	seed  uint64
	keys  int
	deeds deeds
	done  atomic.Int64 // operations so far
	pause time.Duration
}

// churn is one round with faults.
func churn(t *testing.T, seed uint64, operations int) {
	random := rand.New(rand.NewPCG(seed, 0))
	args := []string{"--notify-keyspace-events", notifying, "--client-output-buffer-limit", "pubsub 262144 0 0"}
	if random.IntN(2) == 0 { // a restart brings the data back
		args = append(args, "--appendonly", "yes", "--appendfsync", "no")
	}
	srv, clock := locktest.StartRedisOnClock(t, args...)
	w, p := through(t, srv, nil)
	w.complete()
	c := &churned{t: t, srv: srv, seed: seed, keys: churnKeys, pause: 4 * time.Millisecond}
	f := &faults{churned: c, w: w, p: p, clock: clock, random: random}

	played := make(chan struct{})
	go func() {
		defer close(played)
		c.play(operations)
	}()
	const many = 8
	for i := range many {
		after := int64((i*operations + random.IntN(operations)) / (many + 1))
		for c.done.Load() < after {
			time.Sleep(time.Millisecond)
		}
		f.next(i)
	}
	<-played
	p.Inject(nil)
	w.agrees()
	w.sane()
	c.deeds.judge(t, w.toldSince(0))
}

// faults happen to a churn.
type faults struct {
	*churned
	w      *watch
	p      *locktest.Proxy
	clock  *locktest.Clock
	random *rand.Rand
}

// next has a fault happen, waits until it is told, and checks that.
func (f *faults) next(i int) {
	random, kind := f.random, f.random.IntN(9)
	// Half of them come on top of the one before, which may not be over.
	settled := random.IntN(2) == 0
	if settled && !f.w.eventually(func() bool { return f.w.shown().Complete }) {
		f.t.Errorf("before fault %d the picture does not become complete:\n%s", i, log(f.w.toldSince(0)))
	}
	began := time.Now()
	n := f.w.told()
	gap := true // it has to be told
	name := ""
	switch kind {
	case 0:
		name = "all connections are cut"
		f.p.CutAll()
	case 1:
		name = "a message is cut"
		f.p.Listening("pmessage", locktest.WireFault{Kind: locktest.CutReply, At: random.IntN(120)})
	case 2:
		name = "the subscription is silent"
		gap = f.p.HushListeners() > 0
	case 3:
		name = "the server is killed"
		f.deeds.lost(began)
		f.srv.Kill()
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		f.srv.Start()
	case 4:
		name = "the output buffer overruns"
		for range 2 { // with an ear that is just being opened the first may come too soon
			f.srv.CLI("EVAL", "for i = 1, 4000 do redis.call('set', 'lock:overrun', 'o', 'px', 600000) end redis.call('del', 'lock:overrun')", "0")
		}
		f.deeds.note(deed{kind: "set", key: "lock:overrun", owner: "o", from: began, to: time.Now(), ttl: 10 * time.Minute})
		f.deeds.note(deed{kind: "del", key: "lock:overrun", from: began, to: time.Now()})
	case 5:
		name = "FLUSHALL"
		f.deeds.lost(began)
		f.srv.CLI("FLUSHALL")
	case 6:
		step := time.Duration(random.IntN(4_000_000)-2_000_000) * time.Millisecond
		if step.Abs() < 2*time.Second {
			step = 2 * time.Second
		}
		name = fmt.Sprintf("the server's clock is set by %s", step)
		f.deeds.stepped()
		f.clock.Step(step)
	case 7:
		name = "requests and replies are cut"
		f.p.Inject(&locktest.Random{Seed: f.seed, Share: 0.02, Kinds: []locktest.Kind{locktest.CutRequest, locktest.CutReply, locktest.DelayReply}}, "*")
		time.AfterFunc(time.Second, func() { f.p.Inject(nil) })
		gap = false
	case 8:
		name = "writing is paused"
		f.srv.CLI("CLIENT", "PAUSE", "60000", "WRITE") // its end goes by the clock that is set
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		f.srv.CLI("CLIENT", "UNPAUSE")
		gap = false
	}
	complete := settled && f.w.shown().Complete
	if !gap {
		return
	}
	told := func() bool {
		for _, e := range f.w.toldSince(n) {
			if e.Type == watcher.Gap {
				return true
			}
		}
		return !settled && !complete && !f.w.shown().Complete // on top of one that is not over
	}
	if !f.w.eventually(told) {
		f.t.Errorf("fault %d, %s at %s, is told by no gap:\n%s", i, name, began.Format("05.000"), log(f.w.toldSince(n)))
	}
}

// play lets the clients do so many things.
func (c *churned) play(operations int) {
	var wg sync.WaitGroup
	for client := range churnClients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(c.seed, uint64(client+1)))
			core, err := resp.New(resp.Options{URL: c.srv.URL(), Timeout: time.Second})
			if err != nil {
				c.t.Error(err)
				return
			}
			defer core.Close()
			bare := redis.NewClient(&redis.Options{Addr: c.srv.Addr, Protocol: 2, MaxRetries: -1})
			defer bare.Close()
			a := &actor{churned: c, id: client, random: random, bare: bare, core: lockcore.New(core), ctx: context.Background()}
			for i := range operations / churnClients {
				a.act(i)
				c.done.Add(1)
				if c.pause > 0 {
					time.Sleep(time.Duration(random.Int64N(int64(c.pause))))
				}
			}
		})
	}
	wg.Wait()
}

// actor is one of the clients.
type actor struct {
	*churned
	id     int
	random *rand.Rand
	bare   *redis.Client
	core   *lockcore.Client
	ctx    context.Context
	forced string // operation id of its last forced release
	key    string // of that
}

// act does one thing, and notes it.
func (a *actor) act(i int) {
	r := a.random
	key, other := fmt.Sprintf("lock:%d", r.IntN(a.keys)), fmt.Sprintf("lock:%d", r.IntN(a.keys))
	owner := fmt.Sprintf("owner-%d-%d", a.id, i)
	if r.IntN(4) == 0 { // a name that is used again
		owner = fmt.Sprintf("again-%d", r.IntN(3))
	}
	ttl := time.Duration(1+r.IntN(300)) * time.Millisecond
	if r.IntN(2) == 0 {
		ttl = time.Duration(1+r.IntN(100)) * time.Hour
	}
	d := deed{key: key, owner: owner, ttl: ttl, from: time.Now()}
	err := error(nil)
	switch kind := r.IntN(17); kind {
	case 0:
		d.kind = "set nx"
		err = a.bare.SetArgs(a.ctx, key, owner, redis.SetArgs{Mode: "NX", TTL: ttl}).Err()
	case 1:
		d.kind = "set"
		err = a.bare.Set(a.ctx, key, owner, ttl).Err()
	case 2:
		d.kind, d.ttl = "set", 0
		err = a.bare.Set(a.ctx, key, owner, 0).Err()
	case 3:
		d.kind = "del"
		err = a.bare.Del(a.ctx, key).Err()
	case 4:
		d.kind = "pexpire"
		err = a.bare.PExpire(a.ctx, key, ttl).Err()
	case 5:
		d.kind = "del" // that is what a TTL in the past does
		err = a.bare.PExpire(a.ctx, key, -time.Second).Err()
	case 6:
		d.kind = "persist"
		err = a.bare.Persist(a.ctx, key).Err()
	case 7:
		d.kind, d.other = "rename", other
		err = a.bare.Rename(a.ctx, key, other).Err()
	case 8, 9, 10, 11:
		d.kind, d.work = "acquire", fmt.Sprintf("evt-%d", r.IntN(5))
		_, err = a.core.Acquire(a.ctx, key, owner, ttl, &lockcore.AcquireOptions{Work: d.work})
	case 12, 13, 14, 15: // what wants somebody who holds it
		l, seen := a.core.Inspect(a.ctx, key)
		if seen != nil || l.Owner == "" {
			return
		}
		d.owner = l.Owner
		switch r.IntN(5) {
		case 0:
			d.kind = "extend"
			_, err = a.core.Extend(a.ctx, key, l.Owner, ttl, nil)
		case 1, 2:
			d.kind = "release"
			_, err = a.core.Release(a.ctx, key, l.Owner, nil)
		case 3:
			d.kind = "force"
			a.forced, a.key = lockcore.NewOperation(), key
			_, err = a.core.ForceRelease(a.ctx, lockcore.ForceRelease{Key: key, Expect: l.Expectation(), Operation: a.forced, Operator: "ann", Reason: "churn"})
		case 4:
			d.kind, d.owner = "seize", owner
			_, err = a.core.Seize(a.ctx, lockcore.Seizure{Key: key, Expect: l.Expectation(), TTL: ttl, Owner: owner, Operator: "ann", Reason: "churn"})
		}
	case 16:
		if a.forced == "" {
			return
		}
		d.kind, d.key, d.owner = "undo", a.key, ""
		_, err = a.core.Undo(a.ctx, lockcore.Undo{Key: a.key, Forced: a.forced})
		a.forced = ""
	}
	d.to, d.failed = time.Now(), err != nil
	d.unsure = err != nil && !strings.HasPrefix(err.Error(), "ERR no such key") && err != redis.Nil
	a.deeds.note(d)
}
