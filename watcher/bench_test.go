package watcher

// What a million locks cost. Speed is told beside a bare pass over a million numbers of the same run.

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
)

const million = 1_000_000

// storm is a million locks as a source would tell of them, and what then happens to them.
type storm struct {
	live *Live
	rand *rand.Rand
	keys []string
	now  time.Time
}

// loaded is a table of a million locks. Most are foreign: nobody saw them begin and nobody records their
// contention. One in a thousand has waiters.
func loaded(n int) *storm {
	s := &storm{live: NewLive(), rand: rand.New(rand.NewPCG(1, 2)), keys: make([]string, n), now: start}
	for i, at := range s.rand.Perm(n) {
		s.keys[i] = fmt.Sprintf("lock:%s_%d", []string{"stripe_cus", "order", "invoice"}[at%3], at)
	}
	for i, key := range s.keys {
		s.live.table.Apply(s.met(key, i))
		if i%1000 == 0 {
			s.live.table.Apply(Event{Type: Denied, Time: s.now, Key: NewText(key), Work: NewText(fmt.Sprint("evt_", i)), Owner: NewText(s.owner()),
				Attempts: 1 + i%5, Inferred: true, TTL: Unknown, Held: Unknown, Counts: &Counts{Denied: int64(i % 5)}})
		}
	}
	return s
}

func (s *storm) owner() string { return fmt.Sprintf("%016x%016x", s.rand.Uint64(), s.rand.Uint64()) }

// met is a lock that a scan finds.
func (s *storm) met(key string, i int) Event {
	e := Event{Type: Acquired, Time: s.now, Key: NewText(strings.Clone(key)), Node: "127.0.0.1:6379", Owner: NewText(s.owner()), Inferred: true,
		TTL: time.Duration(1+s.rand.IntN(1_200_000)) * time.Millisecond, Held: Unknown}
	e.Deadline = e.Time.Add(e.TTL)
	if i%4 == 0 {
		e.Counts, e.Held, e.Fence = &Counts{}, time.Duration(s.rand.IntN(600_000))*time.Millisecond, lockcore.Fence(1+i)
	}
	return e
}

// next is what happens to any lock: it is released, extended, or another owner has it.
func (s *storm) next() Event {
	key := NewText(s.keys[s.rand.IntN(len(s.keys))])
	e := Event{Time: s.now, Key: key, Held: Unknown, TTL: Unknown, Node: "127.0.0.1:6379"}
	switch s.rand.IntN(4) {
	case 0:
		e.Type, e.Held = Released, time.Duration(s.rand.IntN(600_000))*time.Millisecond
	case 1:
		e.Type, e.TTL, e.Owner = Extended, 20*time.Minute, NewText(s.owner())
	default:
		e.Type, e.TTL, e.Held, e.Owner = Acquired, 20*time.Minute, 0, NewText(s.owner())
	}
	return e
}

// pass lets so much time go by, with 20,000 events a second, and has what is over by then confirmed as expired.
func (s *storm) pass(d time.Duration) {
	for range int(d.Seconds() * 20_000) {
		s.now = s.now.Add(50 * time.Microsecond)
		s.live.table.Apply(s.next())
	}
	for _, r := range s.live.View(Query{Sort: ByTTL, Limit: 1000}, s.now).Rows {
		if r.Over {
			s.live.table.Apply(Event{Type: Expired, Time: s.now, Key: r.Key, Held: Unknown, TTL: Unknown})
		}
	}
}

// shared is the table that all benchmarks of this run share; each leaves it to the next.
var shared = sync.OnceValue(func() *storm {
	s := loaded(million)
	for range 50 {
		s.pass(200 * time.Millisecond)
	}
	return s
})

// barePass is how long a pass over a million numbers takes, the least of them wanted.
func barePass() time.Duration {
	column := numbers()
	began, smallest := time.Now(), column[0]
	for _, v := range column {
		if v < smallest {
			smallest = v
		}
	}
	took := time.Since(began)
	runtime.KeepAlive(smallest)
	return took
}

var numbers = sync.OnceValue(func() []int64 {
	column := make([]int64, million)
	for i := range column {
		column[i] = int64(i * 7919 % million)
	}
	return column
})

// The bytes that a lock takes, its key and owner included. What Go's heap has besides is what the collector leaves for later.
func BenchmarkMemoryOfAMillion(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := loaded(million)
		began := len(s.keys)
		s.keys = nil
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/float64(began), "B/lock")
		runtime.KeepAlive(s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/lock")
}

// The first 50 rows of a million in each order, while 20,000 events a second are applied: before each view a
// fifth of a second's. Only the views are told: ms/view is their median, and pass/view that median beside the one of
// bare passes over a million numbers, one after each view. What a filter or the order by owner takes the first time is not in it.
func BenchmarkFirst50OfAMillion(b *testing.B) {
	for _, by := range Columns {
		for _, kind := range []string{"", " reversed", " filtered"} {
			q := Query{Sort: by, Reverse: kind == " reversed", Ended: true, Limit: 50}
			if kind == " filtered" {
				q.Keep = someLocks
			}
			b.Run(string(by)+kind, func(b *testing.B) { measureViews(b, func(*storm) Query { return q }) })
		}
	}
}

// someLocks keeps a tenth of the locks.
var someLocks = &Filter{func(key, _ string) bool { return strings.HasSuffix(key, "7") }}

// The rows around a lock in the middle: what the dashboard asks for when the selection is there.
func BenchmarkAroundTheMiddleOfAMillion(b *testing.B) {
	for _, by := range Columns {
		b.Run(string(by), func(b *testing.B) {
			measureViews(b, func(s *storm) Query {
				q := Query{Sort: by, Ended: true, Limit: 200, Offset: million / 2, Margin: 99}
				q.Around = s.live.View(q, s.now).Rows[100].Key.Raw()
				return q
			})
		})
	}
}

func measureViews(b *testing.B, ask func(*storm) Query) {
	s := shared()
	q := ask(s)
	s.live.View(q, s.now) // what a filter or the order by owner needs the first time
	var took, bare []time.Duration
	b.ResetTimer()
	for range b.N {
		s.pass(200 * time.Millisecond)
		began := time.Now()
		v := s.live.View(q, s.now)
		took, bare = append(took, time.Since(began)), append(bare, barePass())
		if len(v.Rows) != q.Limit {
			b.Fatalf("there are %d rows of %d", len(v.Rows), v.Total)
		}
	}
	b.ReportMetric(0, "ns/op") // of events too: it says nothing
	slices.Sort(took)
	slices.Sort(bare)
	median := took[len(took)/2]
	b.ReportMetric(float64(median.Microseconds())/1000, "ms/view")
	b.ReportMetric(float64(median)/float64(bare[len(bare)/2]), "pass/view")
}

// One event on a million locks.
func BenchmarkApplyToAMillion(b *testing.B) {
	s := shared()
	events := make([]Event, 20_000)
	for i := range events {
		events[i] = s.next()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s.live.table.Apply(events[i%len(events)])
	}
}

// A view of all, as list has it.
func BenchmarkAllOf10000(b *testing.B) {
	tb := table()
	for i := range 10_000 {
		tb.Apply(acquired(fmt.Sprintf("lock:cus_%d", i), "cc1c49323b344687a324888762206003", time.Minute, float64(i)/1000))
	}
	for b.Loop() {
		tb.View(Query{}, at(20))
	}
}
