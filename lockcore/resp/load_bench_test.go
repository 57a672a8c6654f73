package resp_test

// What it costs to load all locks, beside a bare SCAN of their names by go-redis, and redis-cli's.

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

const fill = `for i = ARGV[1], ARGV[1] + 9999 do
	redis.call('SET', ARGV[2] .. i * 7919, 'cc1c49323b344687a3248887' .. (10000000 + i), 'PX', 3600000 + i)
end`

// filled puts n keys with owner and TTL into a server.
func filled(b *testing.B, srv *locktest.Redis, prefix string, n int) {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2, ReadTimeout: time.Minute})
	defer client.Close()
	for from := 0; from < n; from += 10000 {
		if err := client.Eval(context.Background(), fill, nil, from, prefix).Err(); err != nil && err != redis.Nil {
			b.Fatal(err)
		}
	}
}

// bareScan reads the names of all locks, and nothing else.
func bareScan(b *testing.B, client *redis.Client) (names int) {
	b.Helper()
	for cursor := uint64(0); ; {
		keys, next, err := client.Scan(context.Background(), cursor, "lock:*", 1000).Result()
		if err != nil {
			b.Fatal(err)
		}
		names += len(keys)
		if cursor = next; cursor == 0 {
			return names
		}
	}
}

// loadAll finds and reads all locks, as a watcher does: the search goes on while what it found is read. first is when
// the first ones were there.
func loadAll(b *testing.B, r *resp.Reader, ledgers resp.Ledgers) (held int, first time.Duration) {
	b.Helper()
	began := time.Now()
	pages, found := make(chan []string, 2), make(chan []lockcore.Lock, 2)
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error {
		defer close(pages)
		for cursor := "0"; ; {
			next, names, err := r.ScanPage(ctx, cursor, "lock*", 1000)
			if err != nil {
				return err
			}
			locks := names[:0]
			for _, name := range names {
				if strings.HasPrefix(name, "lock:") {
					locks = append(locks, name)
				}
			}
			select {
			case pages <- locks:
			case <-ctx.Done():
				return nil
			}
			if cursor = next; cursor == "0" {
				return nil
			}
		}
	})
	var reading sync.WaitGroup
	for range 3 {
		reading.Add(1)
		g.Go(func() error {
			defer reading.Done()
			for keys := range pages {
				locks, err := r.ReadLocks(ctx, keys, ledgers)
				if err != nil {
					return err
				}
				found <- locks
			}
			return nil
		})
	}
	go func() { reading.Wait(); close(found) }()
	for locks := range found {
		if first == 0 {
			first = time.Since(began)
		}
		for i := range locks {
			if locks[i].Owner != "" && locks[i].TTL > 0 {
				held++
			}
		}
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return held, first
}

// bystander asks something every millisecond, as another client would, until it is told to stop; then it tells how
// long 99 of 100 answers took at most.
func bystander(b *testing.B, addr string) (p99 func() time.Duration) {
	client := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan []time.Duration, 1)
	go func() {
		defer client.Close()
		var took []time.Duration
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				done <- took
				return
			case <-tick.C:
			}
			sent := time.Now()
			if err := client.Exists(context.Background(), "other").Err(); err != nil {
				b.Error(err)
			}
			took = append(took, time.Since(sent))
		}
	}()
	return func() time.Duration {
		stop()
		took := <-done
		if len(took) == 0 {
			return 0
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
}

// serverTime is what the server has used of its processor.
func serverTime(b *testing.B, client *redis.Client) time.Duration {
	b.Helper()
	info, err := client.Info(context.Background(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	total := 0.0
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			total += seconds
		}
	}
	return time.Duration(total * float64(time.Second))
}

// spent reports what one of b.N rounds took of both sides' processors, from now on.
func spent(b *testing.B, client *redis.Client) (report func()) {
	server, own := serverTime(b, client), processTime(b)
	return func() {
		b.ReportMetric(ms(serverTime(b, client)-server)/float64(b.N), "server-cpu-ms")
		b.ReportMetric(ms(processTime(b)-own)/float64(b.N), "own-cpu-ms")
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// The other clients' p99 is measured in this process, beside the loading.
func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name          string
		locks, others int
	}{
		{"1,000,000 locks", 1_000_000, 0},
		{"100,000 locks among 1,000,000 other keys", 100_000, 1_000_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := locktest.StartRedis(b)
			filled(b, srv, "lock:stripe_cus_", c.locks)
			filled(b, srv, "session:", c.others)
			bare := redis.NewClient(&redis.Options{Addr: srv.Addr, Protocol: 2})
			defer bare.Close()
			base := 0.0
			b.Run("go-redis, bare SCAN", func(b *testing.B) {
				p99, report := bystander(b, srv.Addr), spent(b, bare)
				for b.Loop() {
					if n := bareScan(b, bare); n < c.locks {
						b.Fatalf("%d names", n)
					}
				}
				report()
				base = float64(b.Elapsed()) / float64(b.N)
				b.ReportMetric(ms(p99()), "p99-of-others-ms")
			})
			b.Run("redis-cli --scan", func(b *testing.B) {
				for b.Loop() {
					if out, err := exec.Command("redis-cli", "-p", srv.Port(), "--scan", "--pattern", "lock:*").Output(); err != nil || len(out) < c.locks {
						b.Fatalf("%d bytes, %v", len(out), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/base, "x-bare-SCAN")
			})
			client := connect(b, resp.Options{URL: srv.URL(), Timeout: time.Minute})
			for name, ledgers := range map[string]resp.Ledgers{"ours": resp.LedgersUnlikely, "ours, ledgers ignored": resp.LedgersIgnored, "ours, ledgers likely": resp.LedgersLikely} {
				b.Run(name, func(b *testing.B) {
					r := client.At(srv.Addr).Reader()
					defer r.Close()
					p99, report := bystander(b, srv.Addr), spent(b, bare)
					first := time.Duration(0)
					for b.Loop() {
						held, soonest := loadAll(b, r, ledgers)
						if held < c.locks {
							b.Fatalf("%d locks", held)
						}
						first = max(first, soonest)
					}
					report()
					b.ReportMetric(float64(b.Elapsed())/float64(b.N)/base, "x-bare-SCAN")
					b.ReportMetric(ms(first), "first-rows-ms")
					b.ReportMetric(ms(p99()), "p99-of-others-ms")
				})
			}
		})
	}
}
