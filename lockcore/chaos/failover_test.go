package chaos_test

// Storms in which masters fail under the clients: guarded by Sentinel, and of a cluster.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// logging are the arguments of a server that logs.
var logging = []string{"--logfile", logFile}

func TestMastersFailInAStorm(t *testing.T) {
	seed := seedOf(t)
	for name, storm := range map[string]func(*testing.T, uint64) *upheaval{"sentinel": sentinelStorm, "cluster": clusterStorm} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := storm(t, seed)
			h := u.hear()
			for i, wrong := range h.wrong {
				if i == 20 {
					t.Errorf("and %d more", len(h.wrong)-i)
					break
				}
				t.Error(wrong)
			}
			if h.verdicts[right] < 3*few || h.grants < few/4 || u.gone == 0 {
				t.Errorf("too little happened to prove anything: %d executions lost, %s", u.gone, h)
			}
		})
	}
}

// sentinelStorm has the master killed, then the next one frozen, in one order or the other.
func sentinelStorm(t *testing.T, seed uint64) *upheaval {
	s := locktest.StartSentinel(t, logging...)
	watchful(s, false)
	u := rebel(t, seed, fewLocks, s.Servers, guardedBy(s), nil)
	u.let(few)
	for _, turn := range rand.New(rand.NewPCG(seed, 1<<32)).Perm(2) {
		if turn == 0 {
			u.kill(s)
		} else {
			u.freeze(s)
		}
	}
	u.let(few)
	return u
}

// watchful lets the sentinels take a silent master for dead, or keeps them from it: a busy machine is no failure.
func watchful(s *locktest.Sentinel, really bool) {
	after := "3600000" // ms
	if really {
		after = "1000"
	}
	for _, r := range s.Sentinels {
		r.CLI("SENTINEL", "SET", locktest.SentinelMaster, "down-after-milliseconds", after)
	}
}

func guardedBy(s *locktest.Sentinel) resp.Options {
	return resp.Options{URL: s.URL() + "?pool_size=4", SentinelMaster: locktest.SentinelMaster}
}

// kill ends the master, which comes back empty and by its own word a master.
func (u *upheaval) kill(s *locktest.Sentinel) {
	old, replica := s.Master(), s.Replica()
	f := u.begin("killed", old, replica, u.keys)
	u.tail(old, func() { watchful(s, true) })
	old.Kill()
	f.ended = time.Now().UnixMicro()
	u.rush.Store(false)
	u.succeed(f, replica, func() { s.Master() })
	watchful(s, false)
	f.back = time.Now().UnixMicro()
	old.Start()
	old.CLI("REPLICAOF", "NO", "ONE") // one that began as a replica too
	u.demote(s, f, old, replica)
}

// freeze stops the master in mid-air. It goes on where it stopped once everybody has found the new one, and
// for a while says yes to whoever asks it.
func (u *upheaval) freeze(s *locktest.Sentinel) {
	old, replica := s.Master(), s.Replica()
	f := u.begin("frozen", old, replica, u.keys)
	u.tail(old, func() { watchful(s, true) })
	old.Freeze()
	f.ended = time.Now().UnixMicro()
	u.rush.Store(false)
	u.succeed(f, replica, func() { s.Master() })
	watchful(s, false)
	f.back = time.Now().UnixMicro()
	old.Thaw()
	u.demote(s, f, old, replica)
}

// demote makes a former master a replica, as the sentinels would in some seconds.
func (u *upheaval) demote(s *locktest.Sentinel, f *failure, old, replica *locktest.Redis) {
	u.let(few)
	catchUp(old)
	u.await("the former master follows", func() bool { return strings.HasPrefix(old.CLI("REPLICAOF", "127.0.0.1", replica.Port()), "OK") })
	s.AwaitCalm()
	f.over = time.Now().UnixMicro()
	u.let(few)
}

// clusterStorm has a master killed, a slot moved under its locks, and a master demoted by hand.
func clusterStorm(t *testing.T, seed uint64) *upheaval {
	c := locktest.StartCluster(t, logging...)
	// A busy machine is no failure: a master is taken for dead only where it is.
	c.Each("CONFIG", "SET", "cluster-node-timeout", "10000")
	keys := keysOn(c, c.Nodes[0], c.Nodes[0], c.Nodes[1], c.Nodes[2])
	u := rebel(t, seed, keys, c.Nodes, resp.Options{URL: c.URL() + "?pool_size=4"}, nil)
	u.let(few)

	old, replica := c.Nodes[0], c.ReplicaOf(c.Nodes[0])
	f := u.begin("killed", old, replica, keys[:2])
	u.tail(old, func() { c.Each("CONFIG", "SET", "cluster-node-timeout", "800") })
	old.Kill()
	f.ended = time.Now().UnixMicro()
	u.rush.Store(false)
	u.succeed(f, replica, func() {
		u.await("the nodes agree on the promoted one", func() bool { return c.MasterOf(keys[0]) == replica })
	})
	c.Each("CONFIG", "SET", "cluster-node-timeout", "10000")
	f.back = time.Now().UnixMicro()
	old.Start()
	old.CLI("CONFIG", "SET", "cluster-node-timeout", "10000")
	c.AwaitCalm()
	f.over = time.Now().UnixMicro()
	u.let(few)

	// The locks of a slot that moves are held, released and asked for all the while.
	m := c.Migrate(keys[2], c.Nodes[2])
	u.rush.Store(true)
	for key := m.Left(); key != ""; key = m.Left() {
		u.let(few / 4)
		m.Move(key)
	}
	u.let(few)
	m.Finish()
	u.let(few)
	u.rush.Store(false)
	c.AwaitCalm()
	for what, n := range u.redirections() {
		if n == 0 {
			t.Errorf("nobody was answered %s", what)
		}
	}

	// By hand nothing is lost: the old master waits for its replica.
	old, replica = c.Nodes[2], c.ReplicaOf(c.Nodes[2])
	u.rush.Store(true)
	u.let(few)
	f = &failure{what: "demoted", old: slices.Index(c.Nodes, old), keys: keys[2:], ended: time.Now().UnixMicro()}
	u.failures = append(u.failures, f)
	u.await("the replica takes over", func() bool {
		replica.CLI("CLUSTER", "FAILOVER") // again, if it took too long
		return u.within(10*time.Second, func() bool { return strings.HasPrefix(replica.CLI("ROLE"), "master") })
	})
	u.rush.Store(false)
	u.succeed(f, replica, func() {
		u.await("the nodes agree on the promoted one", func() bool { return c.MasterOf(keys[2]) == replica })
	})
	c.AwaitCalm()
	f.over = time.Now().UnixMicro()
	u.let(few)
	return u
}

// keysOn are locks of these masters, one each.
func keysOn(c *locktest.Cluster, masters ...*locktest.Redis) (keys []string) {
	for i := 0; len(keys) < len(masters); i++ {
		if key := fmt.Sprintf("lock:%d", i); c.MasterOf(key) == masters[len(keys)] {
			keys = append(keys, key)
		}
	}
	return keys
}

// redirections counts the answers that all servers gave to who came to the wrong one, or too early.
func (u *upheaval) redirections() map[string]int {
	all := map[string]int{"ASK": 0, "MOVED": 0, "TRYAGAIN": 0}
	for _, r := range u.servers {
		for line := range strings.Lines(r.CLI("INFO", "errorstats")) {
			for what := range all {
				n := 0
				if _, err := fmt.Sscanf(line, "errorstat_"+what+":count=%d", &n); err == nil {
					all[what] += n
				}
			}
		}
	}
	u.t.Logf("answers on the way: %v", maps.Clone(all))
	return all
}
