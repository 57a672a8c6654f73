package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// late is lock:a, whose holds take two seconds, 83 seconds after evt_1 was denied, 203 after evt_2 was.
func late(t *testing.T) (watcher.Detail, time.Time) {
	t.Helper()
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tb := watcher.NewTable()
	key, at := watcher.NewText("lock:a"), func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for i := range 3 {
		tb.Apply(watcher.Event{Type: watcher.Acquired, Time: at(10 * i), Key: key, Owner: watcher.NewText("x"), TTL: 15 * time.Second, Counts: &watcher.Counts{}})
		tb.Apply(watcher.Event{Type: watcher.Released, Time: at(10*i + 2), Key: key, Held: 2 * time.Second})
	}
	for i, when := range []int{150, 30} {
		tb.Apply(watcher.Event{Type: watcher.Denied, Time: at(when), Key: key, Work: watcher.NewText(fmt.Sprintf("evt_%d", i+1)), Attempts: i + 1})
	}
	d, ok := tb.Detail("lock:a", watcher.Query{}, at(233))
	if !ok {
		t.Fatal("the lock is not known")
	}
	return d, at(233)
}

func TestInspectTellsWhoIsLateAndWhoIsGone(t *testing.T) {
	d, now := late(t)
	text := inspectText(d, &lockcore.Lock{}, now)
	for _, want := range []string{"usual hold  2s, the median of 3 recent ones of its kind", "late 23s", "GONE: NEVER CAME BACK", "evt_2"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	out, err := jsonOf(newLockJSON(d), "")
	if err != nil {
		t.Fatal(err)
	}
	var got wantLock
	strictly(t, out, &got)
	if len(got.Waiters) != 1 || *got.Waiters[0].Late != 23_000 || *got.Waiters[0].Risk != 0 || len(got.Gone) != 1 || got.Gone[0].Work != "evt_2" || got.Gone[0].Attempts != 2 ||
		*got.Typical != 2000 || got.Holds != 3 {
		t.Errorf("%s", out)
	}
}

func TestTheScoreIsGivenInTheScenariosTime(t *testing.T) {
	s := watcher.Score{Settled: 34, Acquired: 30, Timed: 30, Off: 60 * time.Millisecond, Half: 15, Bounded: 30, Inside: 27, Judged: 34, Brier: 0.05, Base: 0.1,
		Cleared: 3, ClearsOff: 0.02, Unknown: 2}
	s.Bands[2] = watcher.Band{Forecasts: 34, RanOut: 4, Risk: 0.1}
	j := newScoreJSON(s, 20)
	var lines []string
	for _, l := range j.lines() {
		lines = append(lines, strings.Join(l, ": "))
	}
	want := `forecasts: off by 1.2 s on average, 90 % by their 90 % time, of 30
when all are in: off by 2 % of the time left
risk to run out: Brier score 0.05, with the base rate 0.1
not compared: 2 forecasts: nobody saw what became of them`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if lines := newScoreJSON(watcher.Score{}, 1).lines(); lines != nil {
		t.Errorf("of none it says %v", lines)
	}
	table := calibration(newScoreJSON(watcher.Score{}, 1), j)
	for _, want := range []string{
		"got it by their 50 % time  50 %  -          0   50 %      30\n",
		"got it by their 90 % time  90 %  -          0   90 %      30\n",
		"ran out, at 5 to 25 %      10 %  -          0   11.8 %    34\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("it lacks %q:\n%s", want, table)
		}
	}
	s.Inside = 10
	if d := newScoreJSON(s, 20).Doubt; d == nil || *d != "33 % of 30 came by their time" {
		t.Errorf("a bad score has the doubt %v", d)
	}
}
