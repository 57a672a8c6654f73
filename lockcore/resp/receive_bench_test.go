package resp_test

// What it costs to hear notifications, beside go-redis's own Receive on the same stream. rueidis stands
// beside both in testdata/peers, so that it is no dependency of the program.

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// A round of the stream: locks that are taken with a TTL and deleted, three notifications each.
const (
	roundLocks    = 1000
	roundMessages = 3 * roundLocks
	roundsAhead   = 20 // that the server may be ahead of who listens: some MB in its buffer
)

const round = `for i = 1, tonumber(ARGV[1]) do
	local key = 'lock:stripe_cus_' .. i * 7919
	redis.call('SET', key, 'cc1c49323b344687a324888762206003', 'PX', 15000)
	redis.call('DEL', key)
end`

// listen hears n messages of a stream that a server makes as fast as it can, and tells how much CPU time
// of this process a message took. hear gives how many it has heard.
func listen(b *testing.B, srv *locktest.Redis, hear func() int) (perMessage float64) {
	b.Helper()
	driver := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2, ReadTimeout: time.Minute})
	defer driver.Close()
	ahead := make(chan struct{}, roundsAhead)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if err := driver.Eval(ctx, round, nil, roundLocks).Err(); err != nil && err != redis.Nil {
				return
			}
		}
	}()
	heard := 0
	for heard < roundMessages { // so that the stream is under way
		heard += hear()
	}
	<-ahead
	b.ResetTimer()
	from, before := heard, processTime(b)
	for heard-from < b.N {
		at := heard / roundMessages
		heard += hear()
		for ; at < heard/roundMessages; at++ {
			<-ahead
		}
	}
	used := processTime(b) - before
	b.StopTimer()
	stop()
	<-done
	perMessage = float64(used.Nanoseconds()) / float64(heard-from)
	b.ReportMetric(perMessage, "cpu-ns/message")
	return perMessage
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

func BenchmarkReceive(b *testing.B) {
	srv := locktest.StartRedis(b, "--notify-keyspace-events", "KA", "--client-output-buffer-limit", "pubsub 0 0 0")
	ctx := context.Background()
	bare := 0.0
	b.Run("go-redis", func(b *testing.B) {
		b.ReportAllocs()
		client := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
		defer client.Close()
		sub := client.PSubscribe(ctx, channels+"lock:*")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			b.Fatal(err)
		}
		bare = listen(b, srv, func() int {
			if _, err := sub.Receive(ctx); err != nil {
				b.Fatal(err)
			}
			return 1
		})
	})
	client := connect(b, resp.Options{URL: srv.URL()})
	ours := func(hear func(*resp.Subscription) int) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			sub := client.Subscribe(ctx, channels+"lock:*")
			defer sub.Close()
			inForce(b, sub, 1)
			cost := listen(b, srv, func() int { return hear(sub) })
			b.ReportMetric(cost/bare, "x-go-redis")
		}
	}
	b.Run("ours, one by one", ours(func(sub *resp.Subscription) int {
		if _, err := sub.Receive(); err != nil {
			b.Fatal(err)
		}
		return 1
	}))
	var batch []resp.Heard
	b.Run("ours, many at once", ours(func(sub *resp.Subscription) int {
		var err error
		if batch, err = sub.ReceiveMany(batch); err != nil {
			b.Fatal(err)
		}
		return len(batch)
	}))
}
