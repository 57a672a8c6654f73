package chaos_test

// A storm whose masters fail: the clients, what they find, and the hearing at its end.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

const (
	// A client that waits for the new master, and one that soon says that nobody knows.
	lastingTry, lastingCall = 3 * time.Second, 15 * time.Second
	briefTry, briefCall     = 150 * time.Millisecond, 300 * time.Millisecond
	// tardy is how much later than its time a call may end on a machine that is busy with other things.
	tardy = 15 * time.Second
	// calm is between two operations of a client while nothing happens.
	calm = 20 * time.Millisecond
	// a few operations of all clients together
	few = 80
)

// upheaval is a storm whose masters fail.
type upheaval struct {
	*site
	servers  []*locktest.Redis
	crew     []*worker
	store    *guarded
	tries    tries
	failures []*failure
	limit    time.Duration // for the clients to find a new master; generous, and short only where they will not

	called atomic.Int64
	rush   atomic.Bool // the clients do not rest between operations
	over   atomic.Bool
	wg     sync.WaitGroup
	mu     sync.Mutex
	found  map[int]map[string]time.Time // when the last call began that was answered, by worker and lock
	lost   []string                     // who never found a new master
	gone   int                          // executions that were lost
}

// rebel lets clients loose on locks of servers that log. options name the topology; through is put between each
// transport and lockcore's notes, nil for nothing.
func rebel(t *testing.T, seed uint64, keys []string, servers []*locktest.Redis, options resp.Options, through func(lockcore.Transport) lockcore.Transport) *upheaval {
	u := &upheaval{servers: servers, limit: 2 * time.Minute, store: &guarded{highest: map[string]lockcore.Fence{}}, found: map[int]map[string]time.Time{}}
	u.site = &site{t: t, keys: keys, clocked: true}
	named := func(name string) func(time.Duration) connection {
		return u.site.found(func(timeout time.Duration) resp.Options {
			o := options
			o.Timeout, o.Name = timeout, name
			return o
		})
	}
	for i := range workers {
		u.found[i] = map[string]time.Time{}
	}
	connect := named(clientName)
	u.direct = named("")(time.Minute)
	t.Cleanup(func() { u.direct.Close() })
	for i := range workers {
		once, all := lastingTry, lastingCall
		if i%2 == 1 {
			once, all = briefTry, briefCall
		}
		connection := connect(once)
		var transport lockcore.Transport = connection
		if through != nil {
			transport = through(transport)
		}
		w := &worker{
			s: u.site, number: i, name: fmt.Sprintf("w%d", i), store: u.store, dice: rand.New(rand.NewPCG(seed, uint64(i))),
			c: lockcore.New(noting{transport, &u.tries}, lockcore.WithTimeout(all)), released: map[string]bool{},
		}
		w.returned = func(c call) {
			u.called.Add(1)
			if answered(c) {
				u.mu.Lock()
				u.found[i][c.key] = c.begun
				u.mu.Unlock()
			}
		}
		u.crew = append(u.crew, w)
		u.wg.Go(func() {
			defer connection.Close()
			for !u.over.Load() {
				w.operate()
				if !u.rush.Load() {
					time.Sleep(calm)
				}
			}
			w.c.Wait()
		})
	}
	t.Cleanup(u.end)
	return u
}

// answered tells that a server has said something to a call, yes or no.
func answered(c call) bool {
	return c.err == nil || errors.Is(c.err, lockcore.ErrHeld) || errors.Is(c.err, lockcore.ErrNotHeld) ||
		errors.Is(c.err, lockcore.ErrChanged) || errors.Is(c.err, lockcore.ErrLate)
}

// let waits until the clients have done some operations more.
func (u *upheaval) let(n int) {
	for until := u.called.Load() + int64(n); u.called.Load() < until; {
		time.Sleep(time.Millisecond)
	}
}

// begin notes that a master is about to fail, once its replica is in step.
func (u *upheaval) begin(what string, old, replica *locktest.Redis, keys []string) *failure {
	f := &failure{what: what, old: slices.Index(u.servers, old), keys: keys, loses: true, marked: time.Now().UnixMicro()}
	u.failures = append(u.failures, f)
	offset := func(r *locktest.Redis, field string) (n int64) {
		_, after, _ := strings.Cut(r.CLI("INFO", "replication"), "\n"+field+":")
		fmt.Sscan(after, &n)
		return n
	}
	reached := offset(old, "master_repl_offset")
	u.await("the replica is in step", func() bool { return offset(replica, "slave_repl_offset") >= reached })
	return f
}

// tail lets the clients do what will be lost, and leaves them at it: from now on the master's replica hears of
// nothing more. The others are told to notice when the master fails.
func (u *upheaval) tail(master *locktest.Redis, watch func()) {
	master.CLI("ACL", "SETUSER", "default", "-psync", "-sync")
	master.CLI("CLIENT", "KILL", "TYPE", "replica")
	watch()
	u.rush.Store(true)
	u.let(few)
}

func catchUp(former *locktest.Redis) { former.CLI("ACL", "SETUSER", "default", "+psync", "+sync") }

// await waits for something that must come; the limit only decides how soon a fault is reported.
func (u *upheaval) await(what string, holds func() bool) bool {
	u.t.Helper()
	return u.within(2*time.Minute, holds) || func() bool { u.t.Fatalf("never: %s", what); return false }()
}

func (u *upheaval) within(limit time.Duration, holds func() bool) bool {
	for end := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// succeed waits until the replica is master and every client has found it, and says how long that took.
func (u *upheaval) succeed(f *failure, replica *locktest.Redis, known func()) {
	u.t.Helper()
	ended := time.UnixMicro(f.ended)
	promoted := locktest.AwaitPromotion(u.t, replica)
	known()
	told := time.Now()
	for i := range u.crew {
		if !u.within(u.limit, func() bool { return u.answeredSince(i, f) }) {
			u.lost = append(u.lost, fmt.Sprintf("%s: client %d, within %s of the promotion", unfound, i, u.limit))
		}
	}
	u.t.Logf("%s: the replica was master after %s, which all could know after %s and every client had found after %s", f.what,
		promoted.Sub(ended).Round(time.Millisecond), told.Sub(ended).Round(time.Millisecond), time.Since(ended).Round(time.Millisecond))
}

// unfound is what is said of clients that were not answered any more.
const unfound = "NEVER FOUND THE NEW MASTER"

// answeredSince tells whether a client was answered in a call that began after a failure, on a lock of that master.
func (u *upheaval) answeredSince(i int, f *failure) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(f.keys, func(key string) bool { return u.found[i][key].UnixMicro() > f.ended })
}

func (u *upheaval) end() {
	u.over.Store(true)
	u.wg.Wait()
}

// hear ends the storm and holds the hearing.
func (u *upheaval) hear() *hearing {
	u.t.Helper()
	u.end()
	// The servers have seen the ends of all connections, and so executed what came by them.
	for _, r := range u.servers {
		u.await("the clients have gone", func() bool {
			return !strings.Contains(r.CLI("CLIENT", "LIST"), "name="+clientName+" ")
		})
	}
	var runs []*run
	for i, r := range u.servers {
		runs = append(runs, readLog(u.t, i, r)...)
	}
	after := newAftermath(runs, u.tries.all, u.failures)
	h := hear(u.site, u.crew, u.store, after)
	h.wrong = append(h.wrong, u.lost...)
	latest := time.Duration(0)
	for i, w := range u.crew {
		limit := lastingCall + lastingTry
		if i%2 == 1 {
			limit = briefCall + briefTry
		}
		for _, c := range w.calls {
			late := c.end.Sub(c.begun) - limit
			latest = max(latest, late)
			if late > tardy {
				h.wrong = append(h.wrong, fmt.Sprintf("it took %s: %s", c.end.Sub(c.begun), c))
			}
		}
	}
	for _, r := range runs {
		if !r.survived {
			u.gone++
		}
	}
	u.t.Log(h)
	u.t.Logf("%d tries, %d executions, %d of them lost; no call ended more than %s after its time", len(u.tries.all), len(runs), u.gone, max(latest, 0).Round(time.Millisecond))
	return h
}

// clientName is by what the servers know the storm's clients.
const clientName = "chaos"
