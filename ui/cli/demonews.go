package cli

// The demo's line above the table: what the scenario shows, and in a scenario of several plays, which one it is and what the
// store says of each.

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// recount is how often the store is counted while its play is on.
const recount = 300 * time.Millisecond

// news is that line. It is written by the goroutine that plays.
type news struct {
	mu   sync.Mutex
	text string
}

func newNews(scenario demoScenario) *news {
	n := &news{}
	if scenario.tells != "" {
		n.text = scenario.name + ": " + scenario.tells
	}
	return n
}

func (n *news) line() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text
}

func (n *news) say(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

// playInTurn plays one play after another, again and again, and tells how many updates each has lost.
func (n *news) playInTurn(ctx context.Context, scenario demoScenario, stage *stage) error {
	lost := make([]string, len(scenario.plays)) // as of the last time
	tell := func(now int, updates, value int64) {
		lost[now] = fmt.Sprintf("%d of %d", updates-value, updates)
		var parts []string
		for i, play := range scenario.plays {
			part := play.short + " " + lost[i]
			if lost[i] == "" {
				continue
			}
			if i == now {
				part = "▶ " + part
			}
			parts = append(parts, part)
		}
		n.say("updates lost: " + strings.Join(parts, " │ "))
	}
	for {
		for i, play := range scenario.plays {
			tell(i, 0, 0)
			store := newCounters(stage.workers)
			play.Store = store
			counting, end := context.WithCancel(ctx)
			counted := make(chan struct{})
			go func() {
				defer close(counted)
				for sleepUnless(counting, recount) {
					if updates, value, err := store.count(counting); err == nil {
						tell(i, updates, value)
					}
				}
			}()
			_, err := stage.run(ctx, play)
			end()
			<-counted
			if updates, value, err := store.count(ctx); err == nil {
				tell(i, updates, value)
			}
			store.clear(ctx)
			if err != nil {
				return err
			}
		}
	}
}

// sleepUnless waits; false if ctx ended first.
func sleepUnless(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
