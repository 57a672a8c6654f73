package cli

// list and inspect on a cluster while masters fail and slots move.

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"locktop/lockcore/locktest"
)

// listedNow runs list and tells what is wrong with it: it has to have each of these keys once, and no other.
func (s *shell) listedNow(keys map[string]bool, args ...string) (nodes map[string]string, wrong string) {
	got := s.run(append([]string{"list", "--json"}, args...)...)
	if got.code != exitDone || got.err != "" {
		return nil, fmt.Sprintf("exit code %d: %s", got.code, got.err)
	}
	var locks []struct{ Key, Node, Owner string }
	if err := json.Unmarshal([]byte(got.out), &locks); err != nil {
		return nil, err.Error()
	}
	nodes = map[string]string{}
	for _, l := range locks {
		if _, twice := nodes[l.Key]; twice || !keys[l.Key] || l.Owner != "me" {
			wrong += fmt.Sprintf("%+v; ", l)
		}
		nodes[l.Key] = l.Node
	}
	for key := range keys {
		if nodes[key] == "" {
			wrong += key + " is missing; "
		}
	}
	return nodes, wrong
}

func TestListOnAClusterMissesNothingAndDoublesNothing(t *testing.T) {
	c := locktest.StartCluster(t)
	s := on(c.URL())
	keys, tags := map[string]bool{}, []string{"a", "b", "c", "d"}
	for i := range 120 {
		key := fmt.Sprintf("lock:%d", i)
		if i < 40 {
			key = fmt.Sprintf("lock:{%s}%d", tags[i%len(tags)], i)
		}
		keys[key] = true
		if i%2 == 0 {
			c.Do("SET", key, "me", "PX", "3600000")
		} else {
			s.must(t, "acquire", key, "--owner", "me", "--ttl", "1h")
		}
	}
	everythingIsRight := func(when string) {
		t.Helper()
		nodes, wrong := s.listedNow(keys)
		if wrong != "" {
			t.Fatalf("%s: %s", when, wrong)
		}
		for key, node := range nodes {
			if at := c.MasterOf(key).Addr; node != at {
				t.Errorf("%s list says that %s is at %s; it is at %s", when, key, node, at)
			}
		}
		for _, tag := range tags {
			key := fmt.Sprintf("lock:{%s}%d", tag, strings.Index("abcd", tag))
			if out := s.must(t, "inspect", key, "--json"); !strings.Contains(out, `"node": "`+c.MasterOf(key).Addr+`"`) {
				t.Errorf("%s inspect of %s says\n%s", when, key, out)
			}
		}
	}
	everythingIsRight("at rest")

	// A slot that stays between two nodes.
	to := c.Nodes[0]
	if c.MasterOf("lock:{a}0") == to {
		to = c.Nodes[1]
	}
	m := c.Migrate("lock:{a}0", to)
	for range 5 {
		m.Move(m.Left())
		if _, wrong := s.listedNow(keys); wrong != "" {
			t.Errorf("while a slot is between two nodes: %s", wrong)
		}
		for _, key := range []string{"lock:{a}0", "lock:{a}4"} {
			if out := s.must(t, "inspect", key); !strings.Contains(out, "me") {
				t.Errorf("inspect of %s says\n%s", key, out)
			}
		}
	}
	m.MoveAll()
	m.Finish()

	// Slots that move to and fro.
	stop, done := make(chan struct{}), make(chan struct{})
	var lists atomic.Int32
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, wrong := s.listedNow(keys); wrong != "" {
				t.Errorf("while slots move: %s", wrong)
			}
			lists.Add(1)
		}
	}()
	for turn := 0; turn < 4 || lists.Load() < 10; turn++ {
		for _, tag := range tags {
			key := "lock:{" + tag + "}"
			c.AwaitCalm() // until all agree who has the slot, two can say that they do
			from := c.MasterOf(key)
			to := c.Nodes[turn%3]
			if to == from {
				to = c.Nodes[(turn+1)%3]
			}
			m := c.Migrate(key, to)
			m.MoveAll()
			m.Finish()
		}
	}
	close(stop)
	<-done
	c.AwaitCalm()
	everythingIsRight("after slots have moved")

	old := c.MasterOf("lock:1")
	next := c.ReplicaOf(old)
	locktest.AwaitCopy(t, old, next)
	if old == c.Nodes[0] {
		s = on("redis://" + c.Nodes[1].Addr + "/0")
	}
	old.Kill()
	if _, wrong := s.listedNow(keys, "--timeout", "1m"); wrong != "" {
		t.Errorf("while a master is being replaced: %s", wrong)
	}
	locktest.AwaitPromotion(t, next)
	everythingIsRight("after a fail-over")
	old.Start()
	c.AwaitCalm()
	everythingIsRight("after the old master has come back")
}
