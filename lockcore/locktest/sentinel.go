package locktest

// A master, its replica and three sentinels that guard them, all real and on loopback.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SentinelMaster is the name under which sentinels guard their master.
const SentinelMaster = "locks"

// Sentinel is a guarded pair of servers. Its methods fail the test on errors.
type Sentinel struct {
	Servers   []*Redis // one is master at a time
	Sentinels []*Redis

	t testing.TB
}

// StartSentinel starts a master, a replica and three sentinels, which take a master for dead
// after half a second, and waits until all know each other. The arguments are added to both servers'.
func StartSentinel(t testing.TB, args ...string) *Sentinel {
	t.Helper()
	s := &Sentinel{t: t}
	args = append([]string{"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, args...)
	master := StartRedis(t, args...)
	replica := StartRedis(t, append(args[:len(args):len(args)], "--replicaof", "127.0.0.1 "+master.Port())...)
	s.Servers = []*Redis{master, replica}
	for range 3 {
		s.Sentinels = append(s.Sentinels, startGuard(t, master.Port(), 2, 500*time.Millisecond))
	}
	s.AwaitCalm()
	return s
}

// StartGuard starts one sentinel that names a server at this port, a proxy's say, as the master, and never
// takes it for dead while a test lasts.
func StartGuard(t testing.TB, port string) *Redis {
	t.Helper()
	return startGuard(t, port, 1, time.Hour)
}

func startGuard(t testing.TB, port string, quorum int, downAfter time.Duration) *Redis {
	t.Helper()
	return startSomewhere(t, func() *Redis {
		r := prepare(t, FreeAddr(t))
		r.conf = filepath.Join(r.Dir, "sentinel.conf")
		conf := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s 127.0.0.1 %[4]s %[5]d\n"+
			"sentinel down-after-milliseconds %[3]s %[6]d\nsentinel failover-timeout %[3]s 2000\n",
			r.Port(), r.Dir, SentinelMaster, port, quorum, downAfter.Milliseconds())
		if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
			t.Fatalf("locktest: write %s: %v", r.conf, err)
		}
		return r
	})
}

// Hosts are the sentinels' addresses, parted by commas.
func (s *Sentinel) Hosts() string {
	var all []string
	for _, r := range s.Sentinels {
		all = append(all, r.Addr)
	}
	return strings.Join(all, ",")
}

// URL names all sentinels.
func (s *Sentinel) URL() string { return "redis://" + s.Hosts() + "/0" }

// Master is the server that the sentinels name, all of them the same.
func (s *Sentinel) Master() *Redis {
	s.t.Helper()
	var named *Redis
	await(s.t, "the sentinels agree on a master", func() bool {
		names := map[string]bool{}
		for _, r := range s.Sentinels {
			names[strings.ReplaceAll(r.try("SENTINEL", "get-master-addr-by-name", SentinelMaster), "\n", ":")] = true
		}
		for _, r := range s.Servers {
			if names[r.Addr] && len(names) == 1 {
				named = r
				return true
			}
		}
		return false
	})
	return named
}

// Replica is the server that is not master.
func (s *Sentinel) Replica() *Redis {
	if s.Master() == s.Servers[0] {
		return s.Servers[1]
	}
	return s.Servers[0]
}

// AwaitCalm waits until the master has a replica that follows it, and every sentinel knows all others.
func (s *Sentinel) AwaitCalm() {
	s.t.Helper()
	await(s.t, "the sentinels know each other and the replica follows", func() bool {
		for _, r := range s.Sentinels {
			f := flat(r.try("SENTINEL", "master", SentinelMaster))
			if f["num-other-sentinels"] != "2" || f["num-slaves"] != "1" || f["flags"] != "master" {
				return false
			}
		}
		master := s.Master()
		for _, r := range s.Servers {
			if info := r.try("INFO", "replication"); r != master && (!strings.Contains(info, "master_link_status:up") ||
				!strings.Contains(info, "master_port:"+master.Port())) {
				return false
			}
		}
		return strings.Contains(master.try("INFO", "replication"), "role:master")
	})
}

// AwaitPromotion waits until a server says that it is master. Its connections are cut as it becomes one.
func AwaitPromotion(t testing.TB, r *Redis) time.Time {
	t.Helper()
	await(t, r.Addr+" is promoted", func() bool { return strings.HasPrefix(r.try("ROLE"), "master") })
	return time.Now()
}

// AwaitCopy waits until a replica has all that its master has now.
func AwaitCopy(t testing.TB, master, replica *Redis) {
	t.Helper()
	offset := func(r *Redis, name string) (n int64) {
		_, after, _ := strings.Cut(r.try("INFO", "replication"), name+":")
		fmt.Sscan(after, &n)
		return n
	}
	all := offset(master, "master_repl_offset")
	await(t, replica.Addr+" has what "+master.Addr+" has", func() bool { return all > 0 && offset(replica, "slave_repl_offset") >= all })
}

// flat reads names and values that alternate, a line each.
func flat(reply string) map[string]string {
	lines, fields := strings.Split(reply, "\n"), map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		fields[lines[i]] = lines[i+1]
	}
	return fields
}

// awaitLimit only decides how soon a broken set-up is reported, never whether a test passes.
const awaitLimit = 2 * time.Minute

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(awaitLimit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("locktest: waited %s, but never: %s", awaitLimit, what)
		}
	}
}
