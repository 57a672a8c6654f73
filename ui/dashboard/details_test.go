package dashboard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"locktop/watcher"
	"locktop/watcher/makecom"
)

// awaited is a dashboard on lock:a, whose waiter was denied just now, and whose holds take two seconds.
func awaited(t *testing.T) *bench {
	b := newBench(t)
	b.table.Scoring(makecom.DefaultPolicy, 0)
	b.connect()
	for range 5 {
		b.hold("lock:a", "x", 15*time.Second, 7)
		b.apply(watcher.Event{Type: watcher.Released, Key: watcher.NewText("lock:a"), Held: 2 * time.Second})
	}
	b.hold("lock:a", "x", 15*time.Second, 7)
	b.deny("lock:a", "evt_1", 1, 0)
	b.pass(2 * time.Second)
	b.press("enter")
	b.size(200, 40)
	b.ends("lock:a", watcher.Released)
	b.pass(0)
	return b
}

func TestDetailsTellOfAWaiterThatIsLateAndThenGone(t *testing.T) {
	b := awaited(t)
	b.see("2.0s held, the median of 6 recent holds of its kind", "58s")
	b.miss("late", "GONE")
	b.pass(70 * time.Second)
	b.see("WAITING 1", "late 12s")
	b.size(80, 30)
	b.see("late 12s", "RUNS OUT")
	b.size(40, 30)
	b.see("late 12s")
	b.size(200, 40)
	b.deny("lock:a", "evt_2", 1, 0)
	b.pass(48 * time.Second)
	b.see("WAITING 1", "GONE 1  they should have come back and did not", "evt_1", "1 attempts, last 03:00:00")
	b.miss("late 1")
}

func TestDetailsTellHowGoodForecastsWereLately(t *testing.T) {
	b := awaited(t)
	b.miss("forecasts lately")
	comes := func(work string, after time.Duration) {
		b.now = b.now.Add(after)
		b.hold("lock:other", "x", 15*time.Second, 8) // what is told of time passing
		b.ends("lock:other", watcher.Released)
		b.apply(watcher.Event{Type: watcher.Acquired, Key: watcher.NewText("lock:a"), Owner: watcher.NewText("y"), TTL: 15 * time.Second,
			Work: watcher.NewText(work), Counts: &watcher.Counts{}})
		b.ends("lock:a", watcher.Released)
	}
	comes("evt_1", 60*time.Second) // two seconds after its time
	b.pass(time.Second)
	b.see("forecasts lately: off by 2.0s on average, 0 % of 1 by the 90 %")
	b.miss("unreliable")
	for i := range 9 {
		b.deny("lock:a", fmt.Sprintf("evt_%d", i+2), 1, 0)
		comes(fmt.Sprintf("evt_%d", i+2), 65*time.Second)
	}
	b.pass(time.Second)
	b.see("unreliable lately: 0 % of 10 came by their time")
	for _, w := range []int{40, 61, 62, 80, 120} {
		b.size(w, 40)
		for _, line := range strings.Split(b.screen(), "\n") {
			if width(line) > w {
				t.Errorf("a line has %d of %d cells: %q", width(line), w, line)
			}
		}
	}
}
