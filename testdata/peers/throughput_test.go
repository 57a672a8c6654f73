package peers_test

// How fast each of them takes and releases locks, and what that costs the caller.

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"locktop/lockcore/locktest"
)

// BenchmarkPair times acquire and release of distinct keys, all peers in turns within the same
// run. x-NAME is that peer's throughput in parts of raw's: the median over all rounds, so that a
// round in which the machine did something else does not count. 1 is as fast as raw.
//
// reused: every worker comes back to its own lock, as a record's lock is. new: every pair has a key
// that was never locked before, so that lockcore has a ledger to create, with its expiry, each time.
func BenchmarkPair(b *testing.B) {
	for _, keys := range []string{"reused", "new"} {
		for _, workers := range []int{1, 40} {
			b.Run(fmt.Sprintf("keys=%s/workers=%d", keys, workers), func(b *testing.B) {
				srv := locktest.StartRedis(b)
				contest(b, peers(b, srv), workers, keys == "new")
			})
		}
	}
}

func contest(b *testing.B, all []peer, workers int, fresh bool) {
	slice := max(200/workers, 10) // pairs of each worker before the next peer's turn
	rounds := 0
	turn := func(p peer) time.Duration {
		rounds++
		round := rounds
		start := time.Now()
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				key := fmt.Sprintf("lock:%d", w)
				for i := range slice {
					if fresh {
						key = fmt.Sprintf("lock:%d:%d:%d", round, w, i)
					}
					if err := p.pair(key); err != nil {
						b.Errorf("%s: %v", p.name, err)
						return
					}
				}
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	for _, p := range all { // connections, scripts, ledgers
		turn(p)
	}
	ratios := make([][]float64, len(all))
	took := make([]time.Duration, len(all))
	for n := 0; b.Loop(); n++ {
		round := make([]time.Duration, len(all))
		for i := range all {
			who := (i + n) % len(all) // nobody always follows the same one
			round[who] = turn(all[who])
		}
		for i := range all {
			took[i] += round[i]
			ratios[i] = append(ratios[i], float64(round[0])/float64(round[i]))
		}
	}
	b.ReportMetric(float64(b.N*slice*workers)/took[0].Seconds(), "raw-pairs/s")
	for i, p := range all[1:] {
		b.ReportMetric(median(ratios[i+1]), "x-"+p.name)
	}
	b.ReportMetric(0, "ns/op") // the time of all together says nothing
}

// BenchmarkAllocations counts what a pair allocates in the caller.
func BenchmarkAllocations(b *testing.B) {
	srv := locktest.StartRedis(b)
	for _, p := range peers(b, srv) {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			if err := p.pair("lock:a"); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := p.pair("lock:a"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
