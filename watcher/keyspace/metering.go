package keyspace

// Metering: how the watching is doing and what it costs, figures for each second.

import (
	"cmp"
	"slices"
	"time"

	"locktop/watcher"
)

// rateOver is how many seconds rates are averaged over; lateOver how many lateness is remembered for.
const (
	rateOver = 5
	lateOver = 60
)

// metering keeps the counters of the last seconds.
type metering struct {
	heard, told, commands [rateOver + 1]int64 // as they stood, a second each
	at                    [rateOver + 1]time.Time
	turn                  int

	lateNow  time.Duration
	lateSeen int
	lates    [lateOver]struct {
		most time.Duration
		seen int
	}
}

// late notes how late an expiry was told.
func (m *metering) late(by time.Duration) {
	m.lateNow = max(m.lateNow, by, 0)
	m.lateSeen++
}

// measure takes the figures of this second.
func (s *Source) measure() *watcher.Meter {
	m := &s.meter
	now := s.now()
	commands := s.traits.Commands()
	i := m.turn % len(m.at)
	m.heard[i], m.told[i], m.commands[i], m.at[i] = s.inbox.heard.Load(), s.told, commands, now
	m.lates[m.turn%lateOver].most, m.lates[m.turn%lateOver].seen = m.lateNow, m.lateSeen
	m.lateNow, m.lateSeen = 0, 0
	m.turn++

	meter := &watcher.Meter{
		Heard: m.heard[i], Told: s.told, Dropped: s.inbox.dropped.Load(), Queue: s.queue(), Commands: commands,
		ByRequests: s.traits.Costly,
	}
	oldest := m.turn % len(m.at)
	if m.turn < len(m.at) {
		oldest = 0 // of the few there are
	}
	if now.After(m.at[oldest]) {
		seconds := now.Sub(m.at[oldest]).Seconds()
		meter.HeardRate = float64(m.heard[i]-m.heard[oldest]) / seconds
		meter.ToldRate = float64(s.told-m.told[oldest]) / seconds
		meter.PerMinute = 60 * float64(commands-m.commands[oldest]) / seconds
	}
	for _, l := range m.lates {
		meter.Late = max(meter.Late, l.most)
		meter.LateSeen += l.seen
	}
	for _, p := range s.inOrder() {
		meter.Nodes = append(meter.Nodes, watcher.NodeState{
			Node: p.node, Heard: s.time(moment(p.heard.Load())), Polled: p.polled, Problem: p.problem,
		})
		if sc := p.scan; sc != nil && p.polled == 0 {
			if meter.Loading == nil {
				meter.Loading = &watcher.Loading{Waiting: s.owed, Read: s.picture.len() - s.owed}
			}
			share := -1.0
			if sc.size > 0 {
				share = min(float64(sc.looked)/float64(sc.size), 1)
			}
			meter.Loading.Share = share
		}
	}
	return meter
}

// queue is how many locks wait to be read.
func (s *Source) queue() int {
	n := 0
	for _, p := range s.places {
		n += len(p.urgent) + len(p.waiting)
	}
	return n
}

// inOrder are the places by name.
func (s *Source) inOrder() []*place {
	places := make([]*place, 0, len(s.places))
	for _, p := range s.places {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b *place) int { return cmp.Compare(a.node, b.node) })
	return places
}
