package watcher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// played is a source that emits what it is given, then fails.
type played []Event

var errPlayed = errors.New("that was all")

func (p played) Run(_ context.Context, emit func(Event)) error {
	for _, e := range p {
		emit(e)
	}
	return errPlayed
}

// What a view prepares in steps, a filter and the order by owner, stays right while events come in between.
func TestManyMayLookWhileEventsComeIn(t *testing.T) {
	const n = 5000
	steps, tries := stepsAtOnce, patience
	stepsAtOnce, patience = 1, 10
	t.Cleanup(func() { stepsAtOnce, patience = steps, tries })
	var events played
	for i := range n {
		key := fmt.Sprintf("lock:%05d", i*7919%n)
		events = append(events, acquired(key, fmt.Sprintf("worker-%d", i%97), time.Hour, float64(i)/1000))
		if i%3 == 0 {
			events = append(events, ended(Released, key, float64(i)/1000))
		}
		if i%5 == 0 {
			events = append(events, acquired(fmt.Sprintf("lock:%05d", i/2), fmt.Sprintf("other-%d", i%7), time.Hour, float64(i)/1000))
		}
	}
	live, alone := NewLive(), newPlainTable()
	for _, e := range events {
		alone.Apply(e)
	}
	nines := &Filter{func(key, owner string) bool { return strings.Contains(key, "9") || strings.Contains(owner, "9") }}
	queries := []Query{{Sort: ByOwner, Limit: 40}, {Keep: nines, Limit: 40}, {Sort: ByOwner, Reverse: true, Keep: nines, Limit: 40}, {Limit: 40}}
	done, looking := make(chan struct{}), sync.WaitGroup{}
	for i := range queries {
		looking.Go(func() {
			for looks := 0; ; looks++ {
				v := live.View(queries[i], at(n/1000))
				if len(v.Rows) > 40 || v.Total < len(v.Rows) {
					t.Errorf("%+v: %d rows of %d", queries[i], len(v.Rows), v.Total)
				}
				live.Detail("lock:00009", queries[i], at(n/1000))
				live.Recent()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	applied := 0
	if err := live.Run(context.Background(), events, func(Event) { applied++ }); !errors.Is(err, errPlayed) || applied != len(events) {
		t.Errorf("%d of %d events were applied: %v", applied, len(events), err)
	}
	close(done)
	looking.Wait()
	if live.Version() != uint64(len(events)) {
		t.Errorf("the version is %d after %d events", live.Version(), len(events))
	}
	for _, q := range queries {
		got, want := live.View(q, at(n/1000+1)), alone.View(q, at(n/1000+1))
		if got.Total != len(want.Rows) || got.Hidden != want.Hidden {
			t.Fatalf("%+v: there are %d and %d are hidden, should be %d and %d", q, got.Total, got.Hidden, len(want.Rows), want.Hidden)
		}
		for i := range got.Rows {
			if !sameRow(got.Rows[i], want.Rows[i]) {
				t.Fatalf("%+v: row %d is %+v, should be %+v", q, i, got.Rows[i], want.Rows[i])
			}
		}
	}
}
