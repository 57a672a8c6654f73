package resp_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/lockcore/resp/wire"
)

// zoo makes keys of every kind that a pattern can come upon, and gives their names.
func zoo(t *testing.T, client *resp.Client) []string {
	t.Helper()
	ctx := context.Background()
	locks := lockcore.New(client)
	var keys []string
	do := func(key string, args ...any) {
		t.Helper()
		keys = append(keys, key)
		if _, err := client.Do(ctx, append([]any{args[0], key}, args[1:]...)...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 900 {
		do(fmt.Sprintf("lock:plain%d", i), "set", fmt.Sprintf("owner \xff\r\n%d", i), "px", 3600000)
	}
	do("lock:noTTL", "set", "me")
	do("lock:empty", "set", "", "px", 3600000)
	do("lock:hash", "hset", "a", "b")
	do("lock:long", "set", strings.Repeat("x", wire.MaxBulk+1))
	do("lock:gone", "del")
	do("lock:{}x", "set", "me", "px", 3600000)
	do("lock:oddLedger", "set", "me", "px", 3600000)
	if _, err := client.Do(ctx, "set", "locktop:{lock:oddLedger}", "no hash"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		key := fmt.Sprintf("lock:ours%d", i)
		keys = append(keys, key)
		h, err := locks.Acquire(ctx, key, "me", time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := locks.Acquire(ctx, key, "another", time.Hour, nil); !errors.Is(err, lockcore.ErrHeld) {
			t.Fatal(err)
		}
		if i%2 == 0 { // free, and awaited
			if _, err := locks.Release(ctx, key, "me", &lockcore.ReleaseOptions{Fence: h.Fence}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return keys
}

// alike compares what was read of a lock by two ways, one after the other.
func alike(t *testing.T, got, want lockcore.Lock) {
	t.Helper()
	if got.ServerTime.IsZero() || got.ReadAt.IsZero() || got.RoundTrip <= 0 {
		t.Errorf("%s was read at %v, %v, in %v", got.Key, got.ServerTime, got.ReadAt, got.RoundTrip)
	}
	if (got.Err == nil) != (want.Err == nil) || want.Err != nil && !errors.Is(got.Err, lockcore.ErrWrongType) {
		t.Errorf("%s: %v; want %v", got.Key, got.Err, want.Err)
	}
	if d := got.Deadline.Sub(want.Deadline); got.Fence == 0 && d.Abs() > time.Minute || got.Fence != 0 && d != 0 {
		t.Errorf("%s ends at %v; want %v", got.Key, got.Deadline, want.Deadline)
	}
	if (got.TTL == lockcore.NoTTL) != (want.TTL == lockcore.NoTTL) || (got.TTL-want.TTL).Abs() > time.Minute {
		t.Errorf("%s has another %v; want %v", got.Key, got.TTL, want.TTL)
	}
	if (got.Held < 0) != (want.Held < 0) {
		t.Errorf("%s has been held for %v; want %v", got.Key, got.Held, want.Held)
	}
	for _, l := range []*lockcore.Lock{&got, &want} {
		l.ServerTime, l.ReadAt, l.RoundTrip, l.Err, l.Deadline, l.TTL, l.Held = time.Time{}, time.Time{}, 0, nil, time.Time{}, 0, 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v; want %+v", got, want)
	}
}

// readsAsInspect holds a reader against the ordinary way.
func readsAsInspect(t *testing.T, r *resp.Reader, client *resp.Client, keys []string) {
	t.Helper()
	ctx := context.Background()
	want, err := lockcore.New(client).InspectAll(ctx, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if len(want[i].Owner) > wire.MaxBulk { // the one difference
			want[i].Owner, want[i].Err = "", lockcore.ErrWrongType
			want[i].TTL, want[i].Deadline = lockcore.NoTTL, time.Time{}
		}
	}
	for _, ledgers := range []resp.Ledgers{resp.LedgersUnlikely, resp.LedgersLikely, resp.LedgersIgnored} {
		got, err := r.ReadLocks(ctx, keys, ledgers)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d locks of %d, %v", len(got), len(want), err)
		}
		for i := range got {
			w := want[i]
			if ledgers == resp.LedgersIgnored {
				if w.Fence != 0 {
					w.Deadline = got[i].Deadline
				}
				w.Ledger, w.Fence, w.Held = nil, 0, -1
			}
			alike(t, got[i], w)
		}
	}
}

func TestAReaderReadsWhatInspectReads(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: "redis://" + srv.Addr + "/2"})
	keys := zoo(t, client)
	r := client.At(srv.Addr).Reader()
	defer r.Close()
	readsAsInspect(t, r, client, keys)

	// A user who may no more than the README says gets the same.
	srv.CLI("ACL", "SETUSER", "viewer", "on", ">pw", "resetkeys", "%R~lock:*", "%R~locktop:*", "resetchannels", "-@all", "+hello", "+auth", "+ping", "+select",
		"+client|setname", "+psubscribe", "+punsubscribe", "+scan", "+get", "+pttl", "+hgetall", "+time", "+multi", "+exec", "+info", "+config|get")
	viewer := connect(t, resp.Options{URL: "redis://viewer:pw@" + srv.Addr + "/2", Name: "locktop"})
	reading := viewer.At(srv.Addr).Reader()
	defer reading.Close()
	readsAsInspect(t, reading, client, keys)

	// One who may not even that is told so.
	srv.CLI("ACL", "SETUSER", "blind", "on", ">pw", "~*", "-@all", "+get", "+select")
	blind := connect(t, resp.Options{URL: "redis://blind:pw@" + srv.Addr + "/2"}).At(srv.Addr).Reader()
	defer blind.Close()
	var reply *lockcore.ReplyError
	if _, err := blind.ReadLocks(context.Background(), keys, resp.LedgersUnlikely); !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "NOPERM") {
		t.Errorf("without any right: %v", err)
	}
	if _, _, err := blind.ScanPage(context.Background(), "0", "*", 10); !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "NOPERM") {
		t.Errorf("a scan without the right: %v", err)
	}
	if locks, err := r.ReadLocks(context.Background(), nil, resp.LedgersLikely); err != nil || len(locks) != 0 {
		t.Errorf("of no keys: %v, %v", locks, err)
	}
}

func scanAll(t *testing.T, r *resp.Reader, match string) []string {
	t.Helper()
	var all []string
	for cursor := "0"; ; {
		next, keys, err := r.ScanPage(context.Background(), cursor, match, 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, keys...)
		if cursor = next; cursor == "0" {
			slices.Sort(all)
			return slices.Compact(all)
		}
	}
}

// While other clients change owner and TTL together, no reading mixes those of two.
func TestOwnerAndTTLAreOneMoments(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL()})
	ctx, stop := context.WithCancel(context.Background())
	var keys []string
	for i := range 600 {
		keys = append(keys, fmt.Sprintf("lock:%d", i))
	}
	set := func(hours int) {
		for _, key := range keys {
			if _, err := client.Do(context.Background(), "set", key, fmt.Sprint(hours), "ex", 3600*hours); err != nil {
				t.Error(err)
				return
			}
		}
	}
	set(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for hours := 2; ctx.Err() == nil; hours = hours%9 + 1 {
			set(hours)
		}
	}()
	r := client.At(srv.Addr).Reader()
	defer r.Close()
	owners := map[string]bool{}
	for round := 0; len(owners) < 5; round++ {
		locks, err := r.ReadLocks(ctx, keys, resp.Ledgers(round%2)) // without ledgers both are in use
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range locks {
			owners[l.Owner] = true
			if hours := fmt.Sprint(int((l.TTL + 30*time.Minute).Hours())); hours != l.Owner {
				t.Fatalf("%s has owner %s and %v left", l.Key, l.Owner, l.TTL)
			}
		}
	}
	stop()
	<-done
}

func TestAReaderOutlivesItsConnectionAndEndsWithItsContext(t *testing.T) {
	srv := locktest.StartRedis(t)
	client := connect(t, resp.Options{URL: srv.URL(), Timeout: longTimeout})
	r := client.At(srv.Addr).Reader()
	defer r.Close()
	ctx := context.Background()
	read := func(ctx context.Context) error {
		_, err := r.ReadLocks(ctx, []string{"lock:a"}, resp.LedgersUnlikely)
		return err
	}
	for range 3 {
		if err := read(ctx); err != nil {
			t.Fatal(err)
		}
		srv.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	}
	srv.Kill()
	if err := read(ctx); !errors.Is(err, lockcore.ErrUnreachable) {
		t.Errorf("a server that is gone: %v", err)
	}
	srv.Start()
	if err := read(ctx); err != nil {
		t.Errorf("a server that is back: %v", err)
	}

	srv.Freeze()
	for how, e := range endings {
		limited, cancel := e.ctx(soon)
		if err := read(limited); !errors.Is(err, lockcore.ErrUnreachable) || !errors.Is(err, e.cause) {
			t.Errorf("%s: %v", how, err)
		}
		cancel()
	}
	waiting := make(chan error, 20)
	for range cap(waiting) { // more than may be under way
		go func() { waiting <- read(ctx) }()
	}
	r.Close()
	for range cap(waiting) {
		if err := <-waiting; !errors.Is(err, lockcore.ErrUnreachable) {
			t.Errorf("closed: %v", err)
		}
	}
	srv.Thaw()
	if err := read(ctx); !errors.Is(err, lockcore.ErrUnreachable) {
		t.Errorf("after it was closed: %v", err)
	}

	hasty := connect(t, resp.Options{URL: srv.URL(), Timeout: later}).At(srv.Addr).Reader()
	defer hasty.Close()
	if _, _, err := hasty.ScanPage(ctx, "0", "*", 1); err != nil {
		t.Fatal(err)
	}
	srv.Freeze()
	if _, _, err := hasty.ScanPage(ctx, "0", "*", 1); !errors.Is(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("a server that froze: %v", err)
	}
	srv.Thaw()
}

func TestReadersOfAClusterReadItAll(t *testing.T) {
	c := locktest.StartCluster(t)
	ctx := context.Background()
	client := connect(t, resp.Options{URL: c.URL(), Timeout: 10 * time.Second})
	var want []string
	for i := range 300 {
		key := fmt.Sprintf("lock:%d", i)
		want = append(want, key)
		if i%2 == 0 {
			c.Do("SET", key, "me", "PX", "3600000")
		} else if _, err := lockcore.New(client).Acquire(ctx, key, "me", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	places, err := client.Places(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range places {
		r := p.Reader()
		defer r.Close()
		keys := scanAll(t, r, "lock:*")
		got = append(got, keys...)
		readsAsInspect(t, r, client, keys)
		// Keys that are another's, as after their slot has moved, are found all the same.
		readsAsInspect(t, r, client, want)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%d keys were found of %d", len(got), len(want))
	}

	old := c.MasterOf("lock:1")
	r := client.At(old.Addr).Reader()
	defer r.Close()
	if _, err := r.ReadLocks(ctx, want, resp.LedgersLikely); err != nil {
		t.Fatal(err)
	}
	c.ReplicaOf(old).CLI("CLUSTER", "FAILOVER")
	eventually(t, "the reader of a master that was replaced is over", func() bool {
		client.Places(ctx)
		_, _, err := r.ScanPage(ctx, "0", "*", 10)
		return errors.Is(err, lockcore.ErrUnreachable) && strings.Contains(err.Error(), "not the master any more")
	})
}
