package peers_test

// What listening costs: the listener's processor for each message, beside go-redis and rueidis on the same
// stream; and the server's for each command, with nobody who listens, with a bare subscriber, with us, and with
// redis-cli monitor.

import (
	"bufio"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

const pattern = "__keyspace@0__:lock:*"

// notifying is a server that tells of changes, and lets who listens be as slow as it likes.
func notifying(b *testing.B) *locktest.Redis {
	return locktest.StartRedis(b, "--notify-keyspace-events", "K$gxeh", "--client-output-buffer-limit", "pubsub 0 0 0")
}

// A round of the stream: locks that are taken with a TTL and deleted, three messages each.
const (
	roundLocks    = 1000
	roundMessages = 3 * roundLocks
	roundsAhead   = 20
)

const round = `for i = 1, tonumber(ARGV[1]) do
	local key = 'lock:stripe_cus_' .. i * 7919
	redis.call('SET', key, 'cc1c49323b344687a324888762206003', 'PX', 15000)
	redis.call('DEL', key)
end`

// BenchmarkListener is the listener's own cost, in CPU time of this process.
func BenchmarkListener(b *testing.B) {
	srv := notifying(b)
	ctx := context.Background()
	bare := 0.0
	measure := func(name string, listen func(b *testing.B, heard func(int) bool)) {
		b.Run(name, func(b *testing.B) {
			driver := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2, ReadTimeout: time.Minute})
			defer driver.Close()
			ahead, done := make(chan struct{}, roundsAhead), make(chan struct{})
			driving, stop := context.WithCancel(ctx)
			begin := func() {
				defer close(done)
				for {
					select {
					case ahead <- struct{}{}:
					case <-driving.Done():
						return
					}
					if err := driver.Eval(ctx, round, nil, roundLocks).Err(); err != nil && err != redis.Nil {
						return
					}
				}
			}
			messages, from, used := 0, 0, time.Duration(0)
			listen(b, func(n int) (more bool) {
				if n == 0 { // subscribed
					go begin()
					return true
				}
				at := messages / roundMessages
				messages += n
				for ; at < messages/roundMessages; at++ {
					<-ahead
				}
				if from == 0 && messages >= roundMessages { // the stream is under way
					from, used = messages, processTime(b)
					b.ResetTimer()
				}
				return from == 0 || messages-from < b.N
			})
			used = processTime(b) - used
			b.StopTimer()
			stop()
			<-done
			cost := float64(used.Nanoseconds()) / float64(messages-from)
			if name == "go-redis" {
				bare = cost
			}
			b.ReportMetric(cost, "cpu-ns/message")
			b.ReportMetric(cost/bare, "x-go-redis")
		})
	}
	measure("go-redis", func(b *testing.B, heard func(int) bool) {
		client := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
		defer client.Close()
		sub := client.PSubscribe(ctx, pattern)
		defer sub.Close()
		for n := 0; ; n = 1 {
			if _, err := sub.Receive(ctx); err != nil {
				b.Fatal(err)
			}
			if !heard(n) {
				return
			}
		}
	})
	measure("rueidis", func(b *testing.B, heard func(int) bool) {
		ctx, enough := context.WithCancel(ctx)
		defer enough()
		ctx = rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
			if s.Kind == "psubscribe" {
				heard(0)
			}
		})
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{srv.Addr}, DisableCache: true})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		over := false
		if err := client.Receive(ctx, client.B().Psubscribe().Pattern(pattern).Build(), func(rueidis.PubSubMessage) {
			if !over && !heard(1) {
				over = true
				enough()
			}
		}); err != nil && ctx.Err() == nil {
			b.Fatal(err)
		}
	})
	measure("ours", func(b *testing.B, heard func(int) bool) {
		client, err := resp.New(resp.Options{URL: srv.URL()})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		sub := client.Subscribe(ctx, pattern)
		defer sub.Close()
		if _, err := sub.Receive(); err != nil {
			b.Fatal(err)
		}
		heard(0)
		var batch []resp.Heard
		for {
			if batch, err = sub.ReceiveMany(batch); err != nil {
				b.Fatal(err)
			}
			if !heard(len(batch)) {
				return
			}
		}
	})
}

// BenchmarkListenedTo is the server's cost of a pipelined SET or DEL, by its own account.
func BenchmarkListenedTo(b *testing.B) {
	ctx := context.Background()
	alone := 0.0
	measure := func(name string, listen func(b *testing.B, srv *locktest.Redis) (end func())) {
		b.Run(name, func(b *testing.B) {
			srv := notifying(b)
			driver := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
			defer driver.Close()
			end := listen(b, srv)
			used := serverTime(b, srv)
			commands := 0
			for b.Loop() {
				pipe := driver.Pipeline()
				for i := range 100 {
					key := "lock:stripe_cus_" + strconv.Itoa(i*7919)
					pipe.Set(ctx, key, "cc1c49323b344687a324888762206003", 15*time.Second)
					pipe.Del(ctx, key)
				}
				if _, err := pipe.Exec(ctx); err != nil {
					b.Fatal(err)
				}
				commands += 200
			}
			cost := (serverTime(b, srv) - used) * 1e9 / float64(commands)
			end()
			if name == "nobody" {
				alone = cost
			}
			b.ReportMetric(cost, "server-ns/command")
			b.ReportMetric(cost/alone, "x-alone")
		})
	}
	measure("nobody", func(*testing.B, *locktest.Redis) func() { return func() {} })
	measure("bare subscriber", func(b *testing.B, srv *locktest.Redis) func() {
		client := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
		sub := client.PSubscribe(ctx, pattern)
		if _, err := sub.Receive(ctx); err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := sub.Receive(ctx); err != nil {
					return
				}
			}
		}()
		return func() { sub.Close(); <-done; client.Close() }
	})
	measure("locktop, reading what has changed", func(b *testing.B, srv *locktest.Redis) func() {
		client, err := resp.New(resp.Options{URL: srv.URL()})
		if err != nil {
			b.Fatal(err)
		}
		watching, stop := context.WithCancel(ctx)
		ready, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			keyspace.New(keyspace.Options{Server: keyspace.Redis(client)}).Run(watching, func(e watcher.Event) {
				if e.Type == watcher.Resynced {
					select {
					case <-ready:
					default:
						close(ready)
					}
				}
			})
		}()
		<-ready
		return func() { stop(); <-done; client.Close() }
	})
	measure("redis-cli monitor", func(b *testing.B, srv *locktest.Redis) func() {
		watching, stop := context.WithCancel(ctx)
		cmd := exec.CommandContext(watching, "redis-cli", "-p", srv.Port(), "monitor")
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan() // OK
		done := make(chan struct{})
		go func() {
			defer close(done)
			for lines.Scan() {
			}
		}()
		return func() { stop(); <-done; cmd.Wait() }
	})
}

// processTime is what this process has used of the processors, in itself and in the kernel.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime is what the server has used of its processor, in seconds.
func serverTime(b *testing.B, srv *locktest.Redis) (seconds float64) {
	b.Helper()
	for line := range strings.Lines(srv.CLI("INFO", "cpu")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			s, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			seconds += s
		}
	}
	return seconds
}
