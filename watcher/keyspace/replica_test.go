package keyspace_test

// A replica as the server that the URL names: it tells what its master tells it, and deletes where its master expires.

import (
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func startReplica(t *testing.T, args ...string) (master, replica *locktest.Redis) {
	t.Helper()
	master = locktest.StartRedis(t, "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
	replica = newServer(t, append([]string{"--replicaof", "127.0.0.1 " + master.Port()}, args...)...)
	linked(t, replica)
	return master, replica
}

func linked(t *testing.T, replica *locktest.Redis) {
	t.Helper()
	within(t, "the replica to follow", func() bool {
		return strings.Contains(replica.CLI("INFO", "replication"), "master_link_status:up")
	})
}

func TestAReplicaTellsWhatItsMasterDoes(t *testing.T) {
	master, replica := startReplica(t)
	master.CLI("SET", "lock:before", "B", "PX", "3600000")
	locktest.AwaitCopy(t, master, replica)
	w := follow(t, replica, nil)
	w.complete()
	if s := w.live.View(watcher.Query{}, time.Now()).Status; s.Link.Polled != 0 {
		t.Errorf("a replica that sends notifications is watched as %+v", s.Link)
	}
	start := w.mark()
	master.CLI("SET", "lock:a", "A", "NX", "PX", "3600000")
	if e := w.next(start, watcher.Acquired, "lock:a"); e.Node != replica.Addr || e.Inferred || e.Owner.Raw() != "A" {
		t.Errorf("acquired is told as %+v", e)
	}
	master.CLI("DEL", "lock:a")
	if e := w.next(start, watcher.Deleted, "lock:a"); e.Owner.Raw() != "A" {
		t.Errorf("deleted is told as %+v", e)
	}
	for range 4 {
		e := w.expires("lock:s", func(key, ms string) { master.CLI("SET", key, "S", "NX", "PX", ms) })
		if e.Owner.Raw() != "S" {
			t.Errorf("expired is told as %+v", e)
		}
	}
	if wrong := w.since(start, "", watcher.Deleted); len(wrong) != 1 {
		t.Errorf("what has expired is told as deleted:\n%s", log(wrong))
	}
}

func TestAReplicaWithoutItsMasterIsOldUntilItIsBack(t *testing.T) {
	t.Parallel()
	master, replica := startReplica(t)
	master.CLI("SET", "lock:a", "A", "PX", "3600000")
	locktest.AwaitCopy(t, master, replica)
	w := follow(t, replica, nil)
	w.complete()
	start := w.mark()
	master.Kill()
	if e := w.next(start, watcher.Gap, ""); e.Node != replica.Addr || !strings.Contains(e.Reason.Raw(), "lost its master") {
		t.Errorf("the gap is told as %+v", e)
	}
	status := func() watcher.Status { return w.live.View(watcher.Query{}, time.Now()).Status }
	heard := status().Heard
	w.seconds(3)
	if s := status(); s.Complete || s.Heard.After(heard.Add(sameMoment)) || w.held()["lock:a"] != "A" {
		t.Errorf("without its master it is seen as %+v, heard before at %s; held are %v", s, heard, w.held())
	}
	w2 := follow(t, replica, nil) // who comes now is told the same
	w2.until("the gap", func([]watcher.Event) bool { return w2.count(watcher.Gap) > 0 })
	w2.until("the lock", func([]watcher.Event) bool { return w2.held()["lock:a"] == "A" })
	w2.seconds(2)
	if n := w2.count(watcher.Resynced); n != 0 {
		t.Error("what a replica without its master has counts as complete")
	}
	master.Start() // without its data
	master.CLI("SET", "lock:b", "B", "PX", "3600000")
	w.resynced(start)
	w.until("what the master has now", func([]watcher.Event) bool { h := w.held(); return len(h) == 1 && h["lock:b"] == "B" })
	w2.complete()
	w.sane()
}

// seconds waits until the watching has told so often how it is doing.
func (w *watch) seconds(n int) {
	w.t.Helper()
	mark := w.mark()
	w.until("the watching to go on", func([]watcher.Event) bool { return len(w.since(mark, "", watcher.Alive)) >= n })
}

func TestAReplicaWithoutNotificationsIsPolled(t *testing.T) {
	master, replica := startReplica(t)
	replica.CLI("CONFIG", "SET", "notify-keyspace-events", "")
	w := follow(t, replica, func(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond })
	w.complete()
	start := w.mark()
	master.CLI("SET", "lock:a", "A", "PX", "3600000")
	if e := w.next(start, watcher.Acquired, "lock:a"); !e.Inferred {
		t.Errorf("acquired is told as %+v", e)
	}
	w.expires("lock:s", func(key, ms string) { master.CLI("SET", key, "S", "PX", ms) })
}
