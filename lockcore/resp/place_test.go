package resp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// addrs are the places' addresses, in order.
func addrs(places []*resp.Place) []string {
	var all []string
	for _, p := range places {
		all = append(all, p.Addr())
	}
	return all
}

func TestALoneServerIsOnePlace(t *testing.T) {
	srv := locktest.StartRedis(t)
	ctx := context.Background()
	for _, url := range []string{srv.URL(), "unix://" + srv.Socket()} {
		client := connect(t, resp.Options{URL: url})
		places, err := client.Places(ctx)
		if err != nil || len(places) != 1 || places[0].Addr() != client.Node() || !places[0].Owns("lock:a") {
			t.Fatalf("%s: %v, %v", url, addrs(places), err)
		}
		p := places[0]
		if err := p.ConfigSet(ctx, "notify-keyspace-events", "K$"); err != nil {
			t.Error(err)
		}
		if got, err := p.ConfigGet(ctx, "notify-keyspace-events"); err != nil || got != "$K" {
			t.Errorf("the setting is %q, %v", got, err)
		}
		if got, err := p.Info(ctx, "server"); err != nil || got["tcp_port"] != srv.Port() {
			t.Errorf("the port is %q, %v", got["tcp_port"], err)
		}
		if client.At("127.0.0.1:1").Owns("lock:a") {
			t.Error("another server is said to have the key")
		}
	}
	srv.Kill()
	client := connect(t, resp.Options{URL: srv.URL(), Timeout: time.Second})
	if _, err := client.Places(ctx); !errors.Is(err, lockcore.ErrUnreachable) {
		t.Errorf("of a server that is not there: %v", err)
	}
}

func TestThePlacesOfAClusterAreItsMasters(t *testing.T) {
	c := locktest.StartCluster(t)
	ctx := context.Background()
	client := connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	masters := func() []string {
		var all []string
		for _, r := range c.Nodes[:3] {
			all = append(all, r.Addr)
		}
		return slices.Sorted(slices.Values(all))
	}
	places, err := client.Places(ctx)
	if err != nil || !slices.Equal(addrs(places), masters()) {
		t.Fatalf("the places are %v, %v; the masters are %v", addrs(places), err, masters())
	}

	for i := range 30 {
		key := fmt.Sprintf("lock:%d", i)
		c.Do("SET", key, "me")
		for _, p := range places {
			if is := p.Addr() == c.MasterOf(key).Addr; p.Owns(key) != is {
				t.Errorf("%s has %s: %v", p.Addr(), key, !is)
			}
		}
	}
	found := 0
	for _, p := range places {
		for cursor := "0"; ; {
			next, keys, err := p.Scan(ctx, cursor, "lock:*", 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if found++; !p.Owns(key) {
					t.Errorf("%s gives %s, which is another's", p.Addr(), key)
				}
			}
			if cursor = next; cursor == "0" {
				break
			}
		}
	}
	if found != 30 {
		t.Errorf("the places have %d keys of 30", found)
	}

	var reply *lockcore.ReplyError
	for _, p := range places {
		if _, err := p.Do(ctx, "get", "lock:1"); !p.Owns("lock:1") && (!errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "MOVED")) {
			t.Errorf("a key of another place's: %v", err)
		}
	}

	// A replica takes over: the place is another one, and the old one is told to be none.
	old := c.MasterOf("lock:1")
	c.ReplicaOf(old).CLI("CLUSTER", "FAILOVER")
	var replica *locktest.Redis
	eventually(t, "the cluster has another master for the key", func() bool { replica = c.MasterOf("lock:1"); return replica != old })
	eventually(t, "the places have followed", func() bool {
		places, err = client.Places(ctx)
		return err == nil && slices.Contains(addrs(places), replica.Addr) && !slices.Contains(addrs(places), old.Addr)
	})
	if client.At(old.Addr).Owns("lock:1") || !client.At(replica.Addr).Owns("lock:1") {
		t.Error("the old master is said to have the key still")
	}
}

func TestThePlaceOfSentinelIsItsMaster(t *testing.T) {
	s := locktest.StartSentinel(t)
	ctx := context.Background()
	client := guarded(t, s, 10*time.Second)
	if client.At(s.Master().Addr).Owns("lock:a") {
		t.Error("a key is said to be there before anybody was asked")
	}
	places, err := client.Places(ctx)
	if err != nil || len(places) != 1 || places[0].Addr() != s.Master().Addr || !places[0].Owns("lock:a") {
		t.Fatalf("the places are %v, %v", addrs(places), err)
	}
	old, replica := s.Master(), s.Replica()
	old.Kill()
	eventually(t, "the place has followed", func() bool {
		places, err := client.Places(ctx)
		return err == nil && places[0].Addr() == replica.Addr
	})
	if client.At(old.Addr).Owns("lock:a") || !client.At(replica.Addr).Owns("lock:a") {
		t.Error("the old master is said to have the key still")
	}
	old.Start()
	s.AwaitCalm()
}

// executed is how many commands a server has executed before this question, by its own count.
func executed(t *testing.T, srv *locktest.Redis) int64 {
	t.Helper()
	total := int64(0)
	for line := range strings.Lines(srv.CLI("INFO", "commandstats")) {
		if _, after, ok := strings.Cut(line, ":calls="); ok {
			count, _, _ := strings.Cut(after, ",")
			n, err := strconv.ParseInt(count, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}

func TestCommandsAreCountedAsTheServerCountsThem(t *testing.T) {
	srv := locktest.StartRedis(t)
	ctx := context.Background()
	client := connect(t, resp.Options{URL: "redis://" + srv.Addr + "/3", Name: "locktop"})
	before := executed(t, srv) + 1 // and the question itself
	if _, err := client.Read(ctx, [][]string{{"TIME"}, {"GET", "a"}, {"PTTL", "a"}}); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		if _, err := client.Do(ctx, "get", "a"); err != nil {
			t.Fatal(err)
		}
	}
	places, err := client.Places(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := places[0].Info(ctx, "server"); err != nil {
		t.Fatal(err)
	}
	r := places[0].Reader()
	defer r.Close()
	if _, err := r.ReadLocks(ctx, []string{"lock:a", "lock:b"}, resp.LedgersUnlikely); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ScanPage(ctx, "0", "*", 10); err != nil {
		t.Fatal(err)
	}
	sub := places[0].Subscribe(ctx, "a*")
	defer sub.Close()
	inForce(t, sub, 1)
	if got, want := client.Commands(), executed(t, srv)-before; got != want {
		t.Errorf("%d commands are counted; the server has executed %d", got, want)
	}
}

func TestLocksOfASlotOnItsWayAreReadWhereTheyAre(t *testing.T) {
	c := locktest.StartCluster(t)
	ctx := context.Background()
	client := connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	core := lockcore.New(client)
	plain, recorded, free := "lock:{tag}plain", "lock:{tag}recorded", "lock:{tag}free"
	c.Do("SET", plain, "P", "PX", "600000")
	hold, err := core.Acquire(ctx, recorded, "R", 10*time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	reads := func(when string, owner string) {
		t.Helper()
		locks, err := core.InspectAll(ctx, []string{plain, recorded, free})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if p := locks[0]; p.Err != nil || p.Owner != owner || owner != "" && (p.TTL <= 0 || p.Deadline.IsZero()) {
			t.Errorf("%s a plain lock is read as %+v", when, p)
		}
		if r := locks[1]; r.Err != nil || r.Owner != "R" || r.ServerTime.IsZero() {
			t.Errorf("%s a recorded lock is read as %+v", when, r)
		}
		if f := locks[2]; f.Err != nil || f.Owner != "" {
			t.Errorf("%s a free lock is read as %+v", when, f)
		}
	}
	fence := func(when string) {
		t.Helper()
		if l, err := core.Inspect(ctx, recorded); err != nil || l.Fence != hold.Fence || l.Held < 0 {
			t.Errorf("%s a recorded lock is read as %+v, %v", when, l, err)
		}
	}
	drawn := func() (int64, bool) {
		if _, err := client.Places(ctx); err != nil {
			t.Fatal(err)
		}
		return client.Drawn()
	}
	reads("at rest", "P")
	before, moving := drawn()
	if again, _ := drawn(); moving || again != before {
		t.Errorf("at rest the map was drawn %d times, then %d; moving: %v", before, again, moving)
	}
	to := c.Nodes[0]
	if c.MasterOf(plain) == to {
		to = c.Nodes[1]
	}
	m := c.Migrate(plain, to)
	eventually(t, "a slot is seen to move", func() bool { _, moving := drawn(); return moving })
	reads("before any key has moved", "P")
	fence("before any key has moved")
	m.Move(plain)
	m.Move(recorded)
	reads("after the locks have moved and the ledger has not", "P")
	fence("after the locks have moved and the ledger has not")
	m.MoveAll()
	reads("after all keys have moved", "P")
	fence("after all keys have moved")
	if _, err := client.Do(ctx, "del", plain); err != nil {
		t.Fatal(err)
	}
	reads("after a release at the new node", "")
	m.Finish()
	reads("when the slot is the new node's", "")
	fence("when the slot is the new node's")
	eventually(t, "no slot is seen to move", func() bool { _, moving := drawn(); return !moving })
	if after, _ := drawn(); after == before {
		t.Error("the map was drawn anew, and that is not told")
	}
}
