package lockcore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// compareAndDelete is what careful users of a bare SET NX PX release with.
var compareAndDelete = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)

// BenchmarkPair times acquire and release of distinct keys beside a bare SET NX PX and a
// compare-and-delete, in turns in the same run, over a unix socket. x-raw is the throughput
// in parts of the bare one's: 1 is as fast.
func BenchmarkPair(b *testing.B) {
	srv := locktest.StartRedis(b)
	ctx := context.Background()
	bare := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket(), PoolSize: 50, Protocol: 2})
	defer bare.Close()
	locks := lockcore.New(connect(b, "unix://"+srv.Socket()+"?pool_size=50"))
	raw := func(key string) {
		if err := bare.SetNX(ctx, key, "owner", time.Minute).Err(); err != nil {
			b.Error(err)
		}
		if err := compareAndDelete.Run(ctx, bare, []string{key}, "owner").Err(); err != nil {
			b.Error(err)
		}
	}
	ours := func(key string) {
		if _, err := locks.Acquire(ctx, key, "owner", time.Minute, nil); err != nil {
			b.Error(err)
		}
		if _, err := locks.Release(ctx, key, "owner", nil); err != nil {
			b.Error(err)
		}
	}
	for _, workers := range []int{1, 40} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			const slice = 50 // pairs of each kind before the other's turn
			round := func(pair func(string)) time.Duration {
				start := time.Now()
				var wg sync.WaitGroup
				for w := range workers {
					wg.Go(func() {
						for range slice {
							pair(fmt.Sprintf("lock:%d", w))
						}
					})
				}
				wg.Wait()
				return time.Since(start)
			}
			round(raw)
			round(ours)
			var rawTook, oursTook time.Duration
			for b.Loop() {
				rawTook += round(raw)
				oursTook += round(ours)
			}
			b.ReportMetric(float64(rawTook)/float64(oursTook), "x-raw")
			b.ReportMetric(float64(oursTook.Microseconds())/float64(b.N*slice*workers), "µs/pair")
			b.ReportMetric(0, "ns/op") // the time of both together says nothing
		})
	}
	b.Run("allocations", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ours("lock:a")
		}
	})
}
