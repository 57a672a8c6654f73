package dashboard

// How the watching is doing and what it costs the server: a line of the header where there is room for it, and banners
// for what should not be overlooked.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"locktop/watcher"
)

const (
	meterWidth, meterHeight = 72, 30 // the least screen that has room for the line
	lateWorthSaying         = time.Second
)

// meterLine are the source's own figures in one line; empty where there is no room or it has told none.
func (m *model) meterLine() string {
	s := &m.snap.view.Status
	if s.Meter == nil || m.width < meterWidth || m.height < meterHeight {
		return ""
	}
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	g := s.Meter
	add("heard %s/s, told %s/s", rate(g.HeardRate), rate(g.ToldRate))
	add("queue %d, dropped %d", g.Queue, g.Dropped)
	unit := "commands"
	if g.ByRequests {
		unit = "requests"
	}
	add("costs %s %s/min", rate(g.PerMinute), unit)
	if g.LateSeen > 0 {
		add("expiries told up to %s late", tenths(g.Late))
	}
	if len(g.Nodes) > 1 {
		oldest := time.Duration(0)
		for _, n := range g.Nodes {
			oldest = max(oldest, m.clockNow().Sub(n.Heard))
		}
		add("%d nodes, the oldest data %s", len(g.Nodes), seconds(oldest))
	}
	return m.styles.plain.paint(dim, pad(" "+cut(strings.Join(parts, " · "), m.width-2), m.width))
}

// rate is a figure a second or a minute, with a digit after the point where that matters.
func rate(f float64) string {
	if f > 0 && f < 10 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.Itoa(int(math.Round(f)))
}

// loading is how far the reading of all locks has come; empty where that is not known.
func (m *model) loading() string {
	g := m.snap.view.Status.Meter
	switch {
	case g == nil || g.Loading == nil:
		return ""
	case g.Loading.Share < 0:
		return fmt.Sprintf("%d locks", g.Loading.Read)
	}
	return fmt.Sprintf("%d %%", int(100*g.Loading.Share))
}

// watchingBanners tell of servers that are not watched at the moment while others are, and of figures that are out of the ordinary.
func (m *model) watchingBanners(say func(tone, string)) {
	s := &m.snap.view.Status
	if s.Meter == nil {
		return
	}
	for _, n := range s.Meter.Nodes {
		if !n.Problem.Empty() && len(s.Meter.Nodes) > 1 {
			age := "never heard"
			if !n.Heard.IsZero() {
				age = "its data is " + seconds(m.clockNow().Sub(n.Heard)) + " old"
			}
			say(alarm, watcher.NewText(n.Node).String()+" is not watched, "+age+": "+n.Problem.String())
		}
	}
	if s.Meter.LateSeen > 0 && s.Meter.Late >= lateWorthSaying && m.meterLine() == "" {
		say(dim, "the server tells expiries up to "+tenths(s.Meter.Late)+" late")
	}
}
