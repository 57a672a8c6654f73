package keyspace_test

// How long it takes until a fault is told as a gap. What decides it is in the product's own pace, not in the machine's.

import (
	"testing"
	"time"

	"locktop/lockcore/locktest"
	"locktop/watcher/keyspace"
)

func BenchmarkNoticing(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(*keyspace.Options)
		fault  func(*locktest.Redis, *locktest.Proxy)
	}{
		{"cut", nil, func(_ *locktest.Redis, p *locktest.Proxy) { p.CutAll() }},
		{"silent subscription", nil, func(_ *locktest.Redis, p *locktest.Proxy) { p.HushListeners() }},
		{"silent subscription, read-only", readOnly, func(_ *locktest.Redis, p *locktest.Proxy) { p.HushListeners() }},
		{"frozen server", nil, func(s *locktest.Redis, _ *locktest.Proxy) { s.Freeze() }},
		{"frozen server, read-only", readOnly, func(s *locktest.Redis, _ *locktest.Proxy) { s.Freeze() }},
		{"notifications off", nil, func(s *locktest.Redis, _ *locktest.Proxy) {
			s.CLI("CONFIG", "SET", "notify-keyspace-events", "")
		}},
		{"notifications off, read-only", readOnly, func(s *locktest.Redis, _ *locktest.Proxy) {
			s.CLI("CONFIG", "SET", "notify-keyspace-events", "")
		}},
		{"FLUSHALL", nil, func(s *locktest.Redis, _ *locktest.Proxy) { s.CLI("FLUSHALL") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			total, most := time.Duration(0), time.Duration(0)
			for range b.N {
				srv := newServer(b)
				w, p := through(b, srv, c.change)
				w.complete()
				n, began := w.told(), time.Now()
				c.fault(srv, p)
				took := w.gap(n).Time.Sub(began)
				total, most = total+took, max(most, took)
				if !srv.Running() {
					srv.Thaw()
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(total.Seconds()/float64(b.N), "s/gap")
			b.ReportMetric(most.Seconds(), "s/gap-at-most")
		})
	}
}
