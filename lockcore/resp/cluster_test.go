package resp_test

// Against a real cluster of three masters with a replica each.

import (
	"context"
	"errors"
	"fmt"
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

// both is a key and its ledger, which a step on a lock uses.
func both(key string) []string {
	ledger, _ := lockcore.LedgerKey(key)
	return []string{key, ledger}
}

// take sets a lock and its ledger as a step does, by one script and without trying again.
var take = script(`redis.call('SET', KEYS[1], ARGV[1]) redis.call('HSET', KEYS[2], 'a', 'b') return ARGV[1]`)

func TestCluster(t *testing.T) {
	c := locktest.StartCluster(t)
	ctx := context.Background()
	clustered := func(t *testing.T) *resp.Client {
		return connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	}

	t.Run("the rules hold", func(t *testing.T) {
		client := clustered(t)
		user := 0
		locktest.Check(t, func(t *testing.T) *locktest.Server {
			c.Flush()
			return &locktest.Server{Transport: client, Do: c.Do, Cluster: true, As: func(rights ...string) lockcore.Transport {
				user++
				name := fmt.Sprintf("user%d", user)
				c.Each(append([]string{"ACL", "SETUSER", name, "on", ">pw", "~*", "+@all"}, rights...)...)
				return connect(t, resp.Options{URL: "redis://" + name + ":pw@" + c.Nodes[1].Addr + "/0"})
			}}
		}, false)
		c.Flush()
	})

	t.Run("it is found out, whatever comes first", func(t *testing.T) {
		key := "lock:first"
		other := c.Nodes[0]
		if c.MasterOf(key) == other {
			other = c.Nodes[1]
		}
		url := "redis://" + other.Addr + "/0"
		for name, call := range map[string]func(*resp.Client) error{
			"a script": func(client *resp.Client) error {
				_, err := client.Eval(ctx, take, both(key), []string{"me"})
				return err
			},
			"a command": func(client *resp.Client) error { _, err := client.Do(ctx, "get", key); return err },
			"a read": func(client *resp.Client) error {
				got, err := client.Read(ctx, [][]string{{"TIME"}, {"EXISTS", key}, {"TIME"}})
				if err == nil && (len(got) != 3 || got[1] == nil) {
					err = fmt.Errorf("read %v", got)
				}
				return err
			},
			"a scan":    func(client *resp.Client) error { _, _, err := client.Scan(ctx, "0", "*", 10); return err },
			"a replica": func(client *resp.Client) error { _, err := client.Do(ctx, "get", key); return err },
		} {
			from := url
			if name == "a scan" { // by HELLO, where INFO is forbidden
				c.Each("ACL", "SETUSER", "scanner", "on", ">pw", "~*", "+@all", "-info", "-cluster", "+cluster|slots")
				from = "redis://scanner:pw@" + other.Addr + "/0"
			}
			if name == "a replica" {
				from = "redis://" + c.Nodes[3].Addr + "/0"
			}
			client := connect(t, resp.Options{URL: from})
			if err := call(client); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !client.Redundant() {
				t.Errorf("after %s it still passes for a lone server", name)
			}
		}
	})

	t.Run("all keys are found, and read group by group", func(t *testing.T) {
		c.Flush()
		client := clustered(t)
		locks := lockcore.New(client)
		var want []string
		for i := range 300 {
			key := fmt.Sprintf("lock:%d", i)
			want = append(want, key)
			if _, err := locks.Acquire(ctx, key, "me", time.Minute, nil); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		fresh := clustered(t)
		for cursor := "0"; ; {
			next, keys, err := fresh.Scan(ctx, cursor, "lock:*", 20)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, keys...)
			if cursor = next; cursor == "0" {
				break
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("a scan gave %d keys of %d", len(slices.Compact(got)), len(want))
		}
		seen, err := lockcore.New(clustered(t)).InspectAll(ctx, want)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range seen {
			if l.Err != nil || l.Key != want[i] || l.Owner != "me" || l.Fence == 0 {
				t.Fatalf("%s is seen as %+v", want[i], l)
			}
		}
		for _, key := range want[:20] {
			if got := fresh.NodeOf(key); got != c.MasterOf(key).Addr {
				t.Errorf("%s is said to be on %s", key, got)
			}
			if got := fresh.Group(key); got != fmt.Sprint(c.Slot(key)) {
				t.Errorf("the group of %s is %s", key, got)
			}
		}
	})

	t.Run("commands go where their key is", func(t *testing.T) {
		client := clustered(t)
		if _, err := client.Do(ctx, "XADD", "locktop:audit", "MAXLEN", "~", 10, "*", "a", "b"); err != nil {
			t.Error(err)
		}
		if got := c.Do("XLEN", "locktop:audit"); got != "1" {
			t.Errorf("the stream has %s entries", got)
		}
		if _, err := client.Info(ctx, "server"); err != nil {
			t.Error(err)
		}
		if err := client.ConfigSet(ctx, "slowlog-max-len", "77"); err != nil {
			t.Error(err)
		}
		for _, r := range c.Nodes[:3] {
			if got := r.CLI("CONFIG", "GET", "slowlog-max-len"); !strings.HasSuffix(got, "77") {
				t.Errorf("the setting of %s: %s", r.Addr, got)
			}
		}
		if _, err := client.Do(ctx, "eval", "return redis.call('SET', KEYS[1], ARGV[1])", 1, "lock:evaled", "me"); err != nil {
			t.Error(err)
		}
	})

	t.Run("what cannot be done is said", func(t *testing.T) {
		for _, client := range []*resp.Client{clustered(t), connect(t, resp.Options{URL: "redis://" + c.Hosts()})} {
			if _, err := client.Eval(ctx, take, []string{"a", "b"}, []string{"me"}); !errors.Is(err, lockcore.ErrInvalid) || !strings.Contains(err.Error(), "different slots") {
				t.Errorf("keys of two slots: %v", err)
			}
			sub := client.Subscribe(ctx, "*")
			defer sub.Close()
			if _, err := sub.Receive(); !errors.Is(err, lockcore.ErrInvalid) || !strings.Contains(err.Error(), "list and inspect work") {
				t.Errorf("subscribe: %v", err)
			}
		}
		lone := locktest.StartRedis(t)
		client := connect(t, resp.Options{URL: "redis://" + lone.Addr + "," + lone.Addr + "1"})
		if _, err := client.Do(ctx, "get", "a"); err == nil {
			t.Error("two hosts that are no cluster are taken for one")
		}
		two := connect(t, resp.Options{URL: "redis://" + lone.Addr + "," + locktest.StartRedis(t).Addr})
		if _, err := lockcore.New(two).Acquire(ctx, "lock:a", "me", time.Minute, nil); !errors.Is(err, lockcore.ErrRefused) || !strings.Contains(err.Error(), "no cluster") {
			t.Errorf("two hosts that are no cluster: %v", err)
		}
		if _, err := connect(t, resp.Options{URL: "redis://ann:s3cret@" + c.Hosts()}).Do(ctx, "get", "a"); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a wrong password: %v", err)
		}
	})

	t.Run("a slot on its way", func(t *testing.T) {
		c.Flush()
		client := clustered(t)
		held, free := "lock:{tag}held", "lock:{tag}free"
		if _, err := client.Eval(ctx, take, both(held), []string{"me"}); err != nil {
			t.Fatal(err)
		}
		to := c.Nodes[0]
		if c.MasterOf(held) == to {
			to = c.Nodes[1]
		}
		m := c.Migrate(held, to)
		eval := func(key string) error {
			_, err := client.Eval(ctx, take, both(key), []string{"me"})
			return err
		}
		read := func(key string) error {
			got, err := client.Read(ctx, [][]string{{"TIME"}, {"GET", key}, {"EXISTS", both(key)[1]}, {"TIME"}})
			if err == nil && (got[1] != "me" || got[2] != int64(1)) {
				err = fmt.Errorf("read %v", got)
			}
			return err
		}
		tryAgain := func(what string, err error) {
			t.Helper()
			var reply *lockcore.ReplyError
			if !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "TRYAGAIN") {
				t.Errorf("%s is answered %v; should be TRYAGAIN", what, err)
			}
		}
		if err := eval(held); err != nil {
			t.Errorf("a lock that has not moved: %v", err)
		}
		tryAgain("a free lock of a slot on its way", eval(free))
		m.Move(held)
		tryAgain("a lock whose ledger has not moved", eval(held))
		m.Move(both(held)[1])
		if err := eval(held); err != nil { // by ASK
			t.Errorf("a lock that has moved: %v", err)
		}
		if err := read(held); err != nil { // by ASK
			t.Errorf("reading a lock that has moved: %v", err)
		}
		if got, err := client.Do(ctx, "get", held); err != nil || got != "me" {
			t.Errorf("a lock that has moved: %v, %v", got, err)
		}
		// lockcore tries again until the slot has moved.
		answer := make(chan error, 1)
		go func() {
			_, err := lockcore.New(client, lockcore.WithTimeout(time.Minute)).Acquire(ctx, free, "me", time.Minute, nil)
			answer <- err
		}()
		select {
		case err := <-answer:
			t.Errorf("a free lock of a slot on its way was answered %v before it has moved", err)
		case <-time.After(later):
		}
		m.MoveAll()
		m.Finish()
		if err := <-answer; err != nil {
			t.Errorf("a free lock after its slot has moved: %v", err)
		}
		if err := eval(held); err != nil { // by MOVED
			t.Errorf("a lock after its slot has moved: %v", err)
		}
		if err := read(held); err != nil {
			t.Errorf("reading a lock after its slot has moved: %v", err)
		}
		eventually(t, "the client's map is right", func() bool { return client.NodeOf(held) == to.Addr })
		back := c.Migrate(held, m.From)
		back.MoveAll()
		back.Finish()
		c.AwaitCalm()
	})

	t.Run("nothing is done twice while a slot moves to and fro", func(t *testing.T) {
		c.Flush()
		client := clustered(t)
		count := script(`return redis.call('INCR', KEYS[1])`)
		var keys []string
		for i := range 8 {
			keys = append(keys, fmt.Sprintf("{tag}%d", i))
		}
		to := c.Nodes[0]
		if c.MasterOf(keys[0]) == to {
			to = c.Nodes[1]
		}
		done, unknown := make([]atomic.Int64, len(keys)), make([]atomic.Int64, len(keys))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i, key := range keys {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					ctx, cancel := context.WithCancel(ctx)
					if n%5 == 0 {
						time.AfterFunc(time.Duration(n%300)*time.Microsecond, cancel)
					}
					_, err := client.Eval(ctx, count, []string{key}, nil)
					cancel()
					switch {
					case err == nil:
						done[i].Add(1)
					case errors.Is(err, lockcore.ErrUnknownOutcome):
						unknown[i].Add(1)
					case !errors.Is(err, lockcore.ErrUnreachable):
						t.Errorf("answered %v", err)
					}
				}
			})
		}
		for range 4 {
			m := c.Migrate(keys[0], to)
			m.MoveAll()
			m.Finish()
			to = m.From
		}
		close(stop)
		wg.Wait()
		client.Close() // and what was left has ended
		var all, doubt int64
		for i, key := range keys {
			var n int64
			fmt.Sscan(c.Do("GET", key), &n)
			if n < done[i].Load() || n > done[i].Load()+unknown[i].Load() {
				t.Errorf("%s was counted up %d times; %d calls were answered and %d are in doubt", key, n, done[i].Load(), unknown[i].Load())
			}
			all, doubt = all+done[i].Load(), doubt+unknown[i].Load()
		}
		t.Logf("%d answered, %d in doubt", all, doubt)
		c.AwaitCalm()
	})

	failOver := func(t *testing.T, what string, end func(old, replica *locktest.Redis), mend func(old *locktest.Redis)) {
		client := clustered(t)
		l := startLoad(t, client, 10*time.Second)
		old := c.MasterOf("lock:a")
		replica := c.ReplicaOf(old)
		eventually(t, "locks are granted", func() bool { return l.granted.Load() > 40 })
		end(old, replica)
		promoted := locktest.AwaitPromotion(t, replica)
		first := func() bool {
			limited, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			_, err := lockcore.New(client).Acquire(limited, "lock:a", fmt.Sprint("me", time.Now().UnixNano()), time.Minute, nil)
			return err == nil || errors.Is(err, lockcore.ErrHeld)
		}
		eventually(t, "a lock of the slots that have moved is granted", first)
		t.Logf("%s: %s from the promotion to a first success in the promoted one's slots", what, time.Since(promoted).Round(time.Millisecond))
		l.end()
		mend(old)
		c.AwaitCalm()
		if got := client.NodeOf("lock:a"); got != replica.Addr {
			t.Errorf("lock:a is said to be on %s; it is on %s", got, replica.Addr)
		}
	}
	t.Run("a killed master", func(t *testing.T) {
		failOver(t, "killed", func(old, _ *locktest.Redis) { old.Kill() }, (*locktest.Redis).Start)
	})
	t.Run("a frozen master", func(t *testing.T) {
		var waiting <-chan error
		failOver(t, "frozen", func(old, _ *locktest.Redis) {
			waiting = waitOn(t, connect(t, resp.Options{URL: c.URL(), Timeout: longTimeout}), "lock:a", old.Freeze)
		}, (*locktest.Redis).Thaw)
		if err := <-waiting; !errors.Is(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("who waited for the old master's answer gets %v", err)
		}
	})
	t.Run("a master that was demoted", func(t *testing.T) {
		failOver(t, "by hand", func(_, replica *locktest.Redis) { replica.CLI("CLUSTER", "FAILOVER") }, func(*locktest.Redis) {})
	})

	t.Run("a node that has missed a fail-over brings nobody back", func(t *testing.T) {
		client := connect(t, resp.Options{URL: "redis://" + c.Hosts() + "/0", Timeout: 10 * time.Second})
		old := c.MasterOf("lock:a")
		replica := c.ReplicaOf(old)
		old.Kill()
		eventually(t, "the client knows the new master", func() bool {
			_, err := client.Eval(ctx, take, both("lock:a"), []string{"me"})
			return err == nil && client.NodeOf("lock:a") == replica.Addr
		})
		var others []*locktest.Redis
		for _, r := range c.Nodes {
			if r.Running() {
				others = append(others, r)
				r.Freeze()
			}
		}
		old.Start() // by its file it is a master, and nobody tells it otherwise
		polls := 0
		asked := func() (n int) { // by anybody but this test
			_, after, _ := strings.Cut(old.CLI("INFO", "stats"), "total_commands_processed:")
			fmt.Sscan(after, &n)
			polls++
			return n - polls
		}
		before := asked()
		eventually(t, "the client looks, and again", func() bool {
			limited, cancel := context.WithTimeout(ctx, soon)
			defer cancel()
			client.Eval(limited, take, both("lock:a"), []string{"me"})
			return asked() > before+8 // two commands are one look
		})
		if got := client.NodeOf("lock:a"); got != replica.Addr {
			t.Errorf("the client went back to %s; the master is %s", got, replica.Addr)
		}
		for _, r := range others {
			r.Thaw()
		}
		c.AwaitCalm()
	})

	t.Run("calls of a frozen master end with their context", func(t *testing.T) {
		client := connect(t, resp.Options{URL: c.URL(), Timeout: longTimeout})
		for _, call := range calls {
			if err := call(ctx, client); err != nil {
				t.Fatal(err)
			}
		}
		var all []*locktest.Redis // also its replica, so that nobody takes over
		old := c.MasterOf("lock:a")
		all = append(all, c.ReplicaOf(old), old)
		for _, r := range all {
			r.Freeze()
		}
		for _, name := range []string{"Eval", "Read"} {
			for how, e := range endings {
				ctx, cancel := e.ctx(soon)
				err := calls[name](ctx, client)
				cancel()
				if !errors.Is(err, e.cause) {
					t.Errorf("%s, %s: %v", name, how, err)
				}
			}
		}
		for _, r := range all {
			r.Thaw()
		}
		c.AwaitCalm()
	})

	t.Run("slots that nobody serves", func(t *testing.T) {
		client := clustered(t)
		if _, err := client.Do(ctx, "get", "lock:a"); err != nil {
			t.Fatal(err)
		}
		old := c.MasterOf("lock:a")
		gone := []*locktest.Redis{c.ReplicaOf(old), old}
		for _, r := range gone {
			r.Kill()
		}
		other := "lock:b"
		for i := 0; c.MasterOf(other) == old; i++ {
			other = fmt.Sprint("lock:b", i)
		}
		eventually(t, "the cluster says that it is down", func() bool {
			_, err := client.Eval(ctx, take, both(other), []string{"me"})
			var reply *lockcore.ReplyError
			return errors.As(err, &reply) && strings.HasPrefix(reply.Message, "CLUSTERDOWN")
		})
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if _, err := client.Eval(limited, take, both("lock:a"), []string{"me"}); !errors.Is(err, lockcore.ErrUnreachable) {
			t.Errorf("a lock of slots that nobody serves: %v", err)
		}
		for _, r := range gone {
			r.Start()
		}
		c.AwaitCalm()
		eventually(t, "locks can be taken again", func() bool {
			_, err := client.Eval(ctx, take, both("lock:a"), []string{"me"})
			return err == nil
		})
	})
}
