package cli

// The model as bars: how long each way of working takes, and when each contender of one record gets in.

import (
	"fmt"
	"strings"

	"locktop/watcher/makecom"
)

// Bars are at most so wide, and of so many contenders.
const (
	barWidth = 50
	barsMost = 60
)

// modelChart is plain text, so that it can be pasted.
func modelChart(c makecom.Capacity) string {
	longest := max(c.Sequential.ClearanceMs, c.Mutex.ClearanceMs, 1)
	rows := grid{
		{"cleared in"},
		{"one after the other", bar(c.Sequential.ClearanceMs, longest) + " " + hundredths(c.Sequential.ClearanceMs)},
		{"parallel, with a lock", bar(c.Mutex.ClearanceMs, longest) + " " + hundredths(c.Mutex.ClearanceMs)},
	}
	same := c.SameKey
	if len(same.AcquireMs) < 2 {
		return rows.String()
	}
	rows = append(rows, []string{}, []string{"gets the lock at"})
	last := same.AcquireMs[len(same.AcquireMs)-1]
	for i, ms := range same.AcquireMs {
		if i == barsMost {
			rows = append(rows, []string{fmt.Sprintf("and %d more", len(same.AcquireMs)-i)})
			break
		}
		rows = append(rows, []string{fmt.Sprintf("contender %d", i+1), bar(ms, max(last, 1)) + " " + tenths(ms)})
	}
	if same.Exhausted > 0 {
		rows = append(rows, []string{fmt.Sprintf("%d others", same.Exhausted), "never: out of retries"})
	}
	return rows.String()
}

// bar is at least one cell wide where there is anything to show.
func bar(ms, of int64) string {
	n := int(ms * barWidth / of)
	if ms > 0 {
		n = max(n, 1)
	}
	return strings.Repeat("█", n)
}
