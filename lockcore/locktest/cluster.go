package locktest

// A Redis Cluster of three masters with a replica each, all real and on loopback, put
// together by its own commands.

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// slots is how many there are in every cluster.
const slots = 16384

// Cluster is a running cluster. Its methods fail the test on errors.
type Cluster struct {
	Nodes []*Redis // masters first, in the order of their slots, then the replica of each

	t testing.TB
}

// StartCluster starts three masters and three replicas, which take a master for dead after
// 800 ms, and waits until all say that the cluster is well. The arguments are added to each one's.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	args = append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "800",
		"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, args...)
	for range 6 {
		r := startSomewhere(t, func() *Redis { return prepare(t, freeClusterAddr(t), args...) })
		c.Nodes = append(c.Nodes, r)
	}
	for i, r := range c.Nodes[:3] {
		args := []string{"CLUSTER", "ADDSLOTS"}
		for slot := i * slots / 3; slot < (i+1)*slots/3; slot++ {
			args = append(args, strconv.Itoa(slot))
		}
		c.must(r, args...)
	}
	for i, r := range c.Nodes {
		c.must(r, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		c.must(c.Nodes[0], "CLUSTER", "MEET", "127.0.0.1", r.Port())
	}
	await(t, "the nodes of the cluster know each other", func() bool {
		for _, r := range c.Nodes {
			if !strings.Contains(r.CLI("CLUSTER", "INFO"), "cluster_known_nodes:6") || strings.Contains(r.CLI("CLUSTER", "NODES"), "handshake") {
				return false
			}
		}
		return true
	})
	for i, r := range c.Nodes[3:] {
		c.must(r, "CLUSTER", "REPLICATE", c.ID(c.Nodes[i]))
	}
	c.AwaitCalm()
	return c
}

// StartClusterNode starts a cluster of one node, which has all slots, with extra arguments.
func StartClusterNode(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := startSomewhere(t, func() *Redis {
		return prepare(t, freeClusterAddr(t), append([]string{"--cluster-enabled", "yes"}, args...)...)
	})
	all := []string{"CLUSTER", "ADDSLOTS"}
	for slot := range slots {
		all = append(all, strconv.Itoa(slot))
	}
	if reply := r.CLI(all...); reply != "OK" {
		t.Fatalf("locktest: CLUSTER ADDSLOTS on %s: %s", r.Addr, reply)
	}
	await(t, "the node says that its cluster is well", func() bool { return strings.Contains(r.try("CLUSTER", "INFO"), "cluster_state:ok") })
	return r
}

// Join starts one more node, with extra arguments, which has no slots and follows nobody, and waits until all know it.
// It is not among Nodes.
func (c *Cluster) Join(args ...string) *Redis {
	c.t.Helper()
	r := startSomewhere(c.t, func() *Redis {
		return prepare(c.t, freeClusterAddr(c.t), append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "800"}, args...)...)
	})
	c.must(c.Nodes[0], "CLUSTER", "MEET", "127.0.0.1", r.Port())
	id := c.ID(r)
	await(c.t, "all know the new node", func() bool {
		for _, n := range c.running() {
			if !strings.Contains(n.try("CLUSTER", "NODES"), id) {
				return false
			}
		}
		return strings.Contains(r.try("CLUSTER", "INFO"), "cluster_state:ok")
	})
	return r
}

// freeClusterAddr is a free port whose cluster bus, 10,000 above, is free too.
func freeClusterAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := FreeAddr(t)
		_, text, _ := net.SplitHostPort(addr)
		if port, _ := strconv.Atoi(text); port <= 55535 {
			if bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000))); err == nil {
				bus.Close()
				return addr
			}
		}
	}
	t.Fatal("locktest: found no port for a cluster's node")
	return ""
}

func (c *Cluster) must(r *Redis, args ...string) {
	c.t.Helper()
	if reply := r.CLI(args...); reply != "OK" {
		c.t.Fatalf("locktest: %s on %s: %s", strings.Join(args[:2], " "), r.Addr, reply)
	}
}

// URL names one node, the first that runs.
func (c *Cluster) URL() string { return "redis://" + c.running()[0].Addr + "/0" }

// Hosts are the addresses of all nodes, parted by commas.
func (c *Cluster) Hosts() string {
	var all []string
	for _, r := range c.Nodes {
		all = append(all, r.Addr)
	}
	return strings.Join(all, ",")
}

func (c *Cluster) running() []*Redis {
	var all []*Redis
	for _, r := range c.Nodes {
		if r.Running() {
			all = append(all, r)
		}
	}
	return all
}

// AwaitCalm waits until every running node says that the cluster is well and that every
// replica follows its master.
func (c *Cluster) AwaitCalm() {
	c.t.Helper()
	await(c.t, "all nodes say that the cluster is well", func() bool {
		for _, r := range c.running() {
			if info := r.try("CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_ok:16384") {
				return false
			}
			if strings.Contains(r.try("INFO", "replication"), "master_link_status:down") {
				return false
			}
			masters, replicas := 0, 0
			for _, n := range c.seenBy(r) {
				switch {
				case n.gone:
				case n.master && len(n.slots) > 0:
					masters++
				case !n.master:
					replicas++
				}
			}
			if masters != 3 || replicas != len(c.running())-3 {
				return false
			}
		}
		return true
	})
}

// seen is a node of the cluster as another one sees it.
type seen struct {
	id, port     string
	master, gone bool
	epoch        int
	slots        [][2]int
}

func (c *Cluster) seenBy(r *Redis) []seen {
	c.t.Helper()
	var all []seen
	for _, line := range strings.Split(strings.TrimSpace(r.CLI("CLUSTER", "NODES")), "\n") {
		f := strings.Fields(line) // id, ip:port@bus, flags, master, ping, pong, epoch, link, slots…
		if len(f) < 8 {
			c.t.Fatalf("locktest: CLUSTER NODES on %s says %q", r.Addr, line)
		}
		addr, _, _ := strings.Cut(f[1], "@")
		n := seen{id: f[0], port: addr[strings.LastIndexByte(addr, ':')+1:], master: strings.Contains(f[2], "master"), gone: strings.Contains(f[2], "fail")}
		n.epoch, _ = strconv.Atoi(f[6])
		for _, s := range f[8:] {
			if from, to, _ := strings.Cut(s, "-"); !strings.HasPrefix(s, "[") {
				if to == "" {
					to = from
				}
				a, _ := strconv.Atoi(from)
				b, _ := strconv.Atoi(to)
				n.slots = append(n.slots, [2]int{a, b})
			}
		}
		all = append(all, n)
	}
	return all
}

// ID is a node's name in the cluster.
func (c *Cluster) ID(r *Redis) string { c.t.Helper(); return r.CLI("CLUSTER", "MYID") }

// Slot is the slot of a key.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	n, err := strconv.Atoi(c.running()[0].CLI("CLUSTER", "KEYSLOT", key))
	if err != nil {
		c.t.Fatalf("locktest: the slot of %q: %v", key, err)
	}
	return n
}

// MasterOf is the node that has a key's slot, by the newest claim that running nodes know of.
func (c *Cluster) MasterOf(key string) *Redis {
	c.t.Helper()
	slot := c.Slot(key)
	port, epoch := "", -1
	// What a master says of itself counts first: of others it may not have heard yet.
	for _, ofItself := range []bool{true, false} {
		for _, r := range c.running() {
			for _, n := range c.seenBy(r) {
				if ofItself != (n.port == r.Port()) {
					continue
				}
				for _, s := range n.slots {
					if n.master && slot >= s[0] && slot <= s[1] && n.epoch > epoch {
						port, epoch = n.port, n.epoch
					}
				}
			}
		}
		if port != "" {
			break
		}
	}
	for _, r := range c.Nodes {
		if r.Port() == port {
			return r
		}
	}
	c.t.Fatalf("locktest: nobody has slot %d", slot)
	return nil
}

// ReplicaOf is a running node that follows a master, by that master's word.
func (c *Cluster) ReplicaOf(master *Redis) *Redis {
	c.t.Helper()
	for _, r := range c.running() {
		if info := r.CLI("INFO", "replication"); strings.Contains(info, "role:slave") && strings.Contains(info, "master_port:"+master.Port()+"\r") {
			return r
		}
	}
	c.t.Fatalf("locktest: nobody follows %s", master.Addr)
	return nil
}

// Do sends a command with a key to the node that has the key.
func (c *Cluster) Do(args ...string) string { c.t.Helper(); return c.MasterOf(args[1]).CLI(args...) }

// Each sends a command to every running node.
func (c *Cluster) Each(args ...string) {
	c.t.Helper()
	for _, r := range c.running() {
		r.CLI(args...)
	}
}

// Flush empties all masters.
func (c *Cluster) Flush() {
	c.t.Helper()
	for _, r := range c.running() {
		if strings.HasPrefix(r.CLI("ROLE"), "master") {
			c.must(r, "FLUSHALL")
		}
	}
}

// Migration is a slot on its way from one master to another.
type Migration struct {
	Slot     int
	From, To *Redis

	c *Cluster
}

// Migrate begins to move a key's slot: from now on its keys are asked for at both ends.
func (c *Cluster) Migrate(key string, to *Redis) *Migration {
	c.t.Helper()
	m := &Migration{Slot: c.Slot(key), From: c.MasterOf(key), To: to, c: c}
	slot := strconv.Itoa(m.Slot)
	c.must(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ID(m.From))
	c.must(m.From, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ID(to))
	return m
}

// Move moves one key. One that has gone meanwhile is no fault.
func (m *Migration) Move(key string) {
	m.c.t.Helper()
	if reply := m.From.CLI("MIGRATE", "127.0.0.1", m.To.Port(), key, "0", "5000"); reply != "OK" && reply != "NOKEY" {
		m.c.t.Fatalf("locktest: MIGRATE %s from %s to %s: %s", key, m.From.Addr, m.To.Addr, reply)
	}
}

// Left is a key that the slot still has at its old master; empty if there is none.
func (m *Migration) Left() string {
	m.c.t.Helper()
	return m.From.CLI("CLUSTER", "GETKEYSINSLOT", strconv.Itoa(m.Slot), "1")
}

// MoveAll moves all keys that the slot has.
func (m *Migration) MoveAll() {
	m.c.t.Helper()
	for key := m.Left(); key != ""; key = m.Left() {
		m.Move(key)
	}
}

// Finish gives the slot to its new master, and tells all.
func (m *Migration) Finish() {
	m.c.t.Helper()
	id := m.c.ID(m.To)
	slot := strconv.Itoa(m.Slot)
	m.c.must(m.To, "CLUSTER", "SETSLOT", slot, "NODE", id)
	m.c.must(m.From, "CLUSTER", "SETSLOT", slot, "NODE", id)
}
