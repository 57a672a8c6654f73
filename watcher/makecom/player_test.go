package makecom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// seconds prints milliseconds as the published numbers are given.
func seconds(ms int64, digits int) string {
	return decimals(time.Duration(ms)*time.Millisecond, digits)
}

func burst(m Mode) Player {
	b := DefaultPlayer
	b.Policy.Mode = m
	b.Rand = rand.New(rand.NewPCG(1, 2))
	return b
}

func TestBurstTakesThePublishedTimes(t *testing.T) {
	for mode, want := range map[Mode]string{
		Parallel:   "0.02 60.07 120.11 180.16 240.20 300.25 360.29 420.34 480.38 540.43; 542.5",
		Sequential: "0.02 60.07 62.16 64.25 66.34 68.43 70.52 72.61 74.70 76.79; 78.9",
		Batch:      "0.02 60.07 62.16 64.25 120.11 122.20 124.29 180.16 182.25 184.34; 186.4",
	} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := burst(mode), newMemory(t)
				s, err := b.Run(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, ms := range s.SameKey.AcquireMs {
					// Milliseconds are rounded half up: 22.5 ms is 0.02 s and not 0.03 s.
					got = append(got, decimals(time.Duration(ms)*time.Millisecond-500*time.Microsecond, 2))
				}
				if s.SameKey.LastDoneMs == nil {
					t.Fatal("nobody was done")
				}
				if line := strings.Join(got, " ") + "; " + seconds(*s.SameKey.LastDoneMs, 1); line != want {
					t.Errorf("got  %s\nwant %s", line, want)
				}
				// 91 records are worked on in the time of 100: the workers that were denied take others.
				if s.Mutex.ClearanceMs != 6270 || s.Sequential.ClearanceMs != 200_000 || s.Mutex.AddedLatencyMs != 90 {
					t.Errorf("cleared in %d ms, one by one %d ms, latency %d ms", s.Mutex.ClearanceMs, s.Sequential.ClearanceMs, s.Mutex.AddedLatencyMs)
				}
				if s.FirstTry != 91 || s.DeniedFirst != 9 || s.Acquired != 100 || s.Exhausted != 0 || s.Lost+s.Failed+s.LeftHeld+s.Unfinished != 0 {
					t.Errorf("%+v", s)
				}
				if s.Retried != s.Denied { // each denial comes back once
					t.Errorf("%d retries for %d denials", s.Retried, s.Denied)
				}
				if l.inside() != 0 {
					t.Errorf("%d locks are left", l.inside())
				}
			})
		})
	}
}

// Calls that take longer, now and then much longer, do not tear batches apart.
func TestBurstKeepsItsCourseWhereCallsAreLate(t *testing.T) {
	late := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(Batch), newMemory(t)
			l.late = func() time.Duration {
				d := time.Duration(late.Int64N(int64(20 * time.Millisecond)))
				if late.IntN(10) == 0 {
					d *= 5
				}
				return d
			}
			s, err := b.Run(t.Context(), l)
			if err != nil || s.Acquired != 100 || s.Denied != 18 || *s.SameKey.LastDoneMs < 186_405 || *s.SameKey.LastDoneMs > 188_000 {
				t.Errorf("%v, %d denials, last done after %d ms, acquired at %v", err, s.Denied, *s.SameKey.LastDoneMs, s.SameKey.AcquireMs)
			}
		})
	}
}

func TestBurstOfDistinctRecordsIsClearedInSixSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := burst(Batch)
		b.SameKey = 0
		s, err := b.Run(t.Context(), newMemory(t))
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(s.Mutex.ClearanceMs, s.Mutex.ThroughputPerS, s.Sequential.ThroughputPerS, s.Speedup, s.Denied)
		if want := "6270 15.95 0.5 31.9 0"; got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	})
}

func TestBurstAtAnySpeedReportsRealTimes(t *testing.T) {
	for _, speed := range []float64{1, 7, 20, 1000} {
		synctest.Test(t, func(t *testing.T) {
			b := burst(Batch).Scale(speed)
			began := time.Now()
			s, err := b.Run(t.Context(), newMemory(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.Speed != speed || s.Mutex.ClearanceMs != 6270 || s.Sequential.ClearanceMs != 200_000 || *s.SameKey.LastDoneMs != scene(Batch).Burst(10).LastDone.Round(time.Millisecond).Milliseconds() {
				t.Errorf("at speed %v: %+v", speed, s)
			}
			if took := time.Since(began).Seconds() * speed; took < 186.3 || took > 186.5 {
				t.Errorf("at speed %v it took %v s of real time", speed, took)
			}
		})
	}
}

func TestBurstHoldsThirtyOneRecordsAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemory(t)
		ctx, stop := context.WithCancel(t.Context())
		go burst(Batch).Run(ctx, l)
		time.Sleep(30 * time.Millisecond)
		if got := l.inside(); got != 31 {
			t.Errorf("%d are held; want 31: the other nine workers were denied", got)
		}
		time.Sleep(50 * time.Millisecond)
		if got := l.inside(); got != 40 {
			t.Errorf("%d are held; want 40: those nine took other webhooks", got)
		}
		stop()
		synctest.Wait()
		if got := l.inside(); got != 0 {
			t.Errorf("%d are left when it was stopped", got)
		}
	})
}

func TestBurstScalesAllItsTimes(t *testing.T) {
	b := DefaultPlayer.Scale(30).Scale(2)
	if b.Section != 33_333_334 && b.Section != 33_333_333 || b.Latency != 750*time.Microsecond || b.TTL != 250*time.Millisecond ||
		b.Policy.Interval != time.Second || b.Speed != 60 || b.Webhooks != 100 {
		t.Errorf("%+v", b)
	}
	b = DefaultPlayer
	b.TTL = 7 * time.Millisecond
	if got := b.Scale(1000).TTL; got != lockcore.MinTTL {
		t.Errorf("a TTL of %v", got)
	}
	for _, speed := range []float64{1, 3, 7, 13, 999} {
		if err := DefaultPlayer.Scale(speed).Validate(); err != nil {
			t.Errorf("at speed %v: %v", speed, err)
		}
	}
}

func TestBurstThatMakesNoSenseIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Player){
		"webhooks": func(b *Player) { b.Webhooks = 0 },
		"workers":  func(b *Player) { b.Workers = 0 },
		"same key": func(b *Player) { b.SameKey = 101 },
		"section":  func(b *Player) { b.Section = -1 },
		"latency":  func(b *Player) { b.Latency = -1 },
		"pause":    func(b *Player) { b.Pause = -1 },
		"TTL":      func(b *Player) { b.TTL = 0 },
		"mode":     func(b *Player) { b.Policy.Mode = "" },
	} {
		b := DefaultPlayer
		change(&b)
		_, err := b.Run(t.Context(), newMemory(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if err := b.Repeat(t.Context(), newMemory(t)); err == nil {
			t.Errorf("%s: Repeat took it", want)
		}
	}
}

func TestBurstKeepsWorkThatRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := burst(Parallel)
		b.Policy.Attempts = 3 // the first try and three retries: four get in
		s, err := b.Run(t.Context(), newMemory(t))
		if err != nil {
			t.Fatal(err)
		}
		if s.Exhausted != 6 || len(s.Unresolved) != 6 || s.SameKey.Acquired != 4 || s.SameKey.Exhausted != 6 || s.Acquired != 94 {
			t.Errorf("%+v", s)
		}
		for _, work := range s.Unresolved {
			if !strings.HasPrefix(work, "evt_") {
				t.Errorf("work %q", work)
			}
		}
	})
}

func TestBurstWithoutRetriesExhaustsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := burst(Batch)
		b.Policy.Attempts = 0
		s, err := b.Run(t.Context(), newMemory(t))
		if err != nil || s.Exhausted != 9 || s.Retried != 0 || s.TookMs != 6270 {
			t.Errorf("%v, %+v", err, s)
		}
	})
}

func TestRetryIsANewOwnerOfTheSameWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemory(t)
		if _, err := burst(Sequential).Run(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		owners, works, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, call := range l.calls {
			if owners[call.owner] || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(call.owner) {
				t.Errorf("owner %q", call.owner)
			}
			if !regexp.MustCompile(`^lock:stripe_cus_[0-9A-Za-z]{14}$`).MatchString(call.key) {
				t.Errorf("key %q", call.key)
			}
			if call.Comeback != (lockcore.Comeback{Interval: time.Minute, Attempts: 10}) {
				t.Errorf("comeback %v", call.Comeback)
			}
			owners[call.owner], works[call.Work], keys[call.key] = true, true, true
		}
		if len(works) != 100 || len(keys) != 91 {
			t.Errorf("%d works on %d records", len(works), len(keys))
		}
	})
}

func TestRetriesOfABatchWaitWhileTheScenarioRuns(t *testing.T) {
	for mode, want := range map[Mode]int64{
		Batch:    6270 + 22, // when the last webhook's execution is over
		Parallel: 1045 + 22, // denied then, again and again
	} {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(mode), newMemory(t)
			b.Policy.Interval = time.Second
			b.Policy.Attempts = 100
			began := time.Now()
			if _, err := b.Run(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			tries := map[string]int{}
			for _, call := range l.calls {
				if tries[call.Work]++; tries[call.Work] == 2 {
					if got := call.at.Sub(began).Milliseconds(); got != want {
						t.Errorf("%s: the first retry reaches Redis after %d ms; want %d", mode, got, want)
					}
					break
				}
			}
		})
	}
}

func TestWavesLetTheContendersInBeforeTheyComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := burst(Batch), newMemory(t)
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		var quiet, longest time.Duration
		last := time.Now()
		b.Observe = func(p Progress) {
			if quiet = time.Since(last); p.Held > 0 {
				last, longest = time.Now(), max(longest, quiet)
			}
			if p.Exhausted > 0 {
				t.Error("somebody ran out")
			}
			if p.Waiting > 9 {
				t.Errorf("%d wait: they pile up", p.Waiting)
			}
		}
		if err := b.Repeat(ctx, l); err != nil {
			t.Fatal(err)
		}
		keys, works := map[string]bool{}, map[string]bool{}
		for _, call := range l.calls {
			keys[call.key], works[call.Work] = true, true
		}
		if len(keys) != 91 {
			t.Errorf("%d records; every wave is about the same 91", len(keys))
		}
		if len(works) < 90*3600/20 {
			t.Errorf("only %d webhooks in an hour", len(works))
		}
		if longest > 12*time.Second {
			t.Errorf("nothing was held for %v", longest)
		}
		if l.inside() != 0 {
			t.Errorf("%d are left held", l.inside())
		}
	})
}

// A minute after the start the awaited customer's waiters still count down, and so they do nearly all the time.
func TestWavesAlwaysHaveSomebodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := burst(Batch)
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Minute)
		defer stop()
		var waiting atomic.Int64
		b.Observe = func(p Progress) { waiting.Store(int64(p.Waiting)) }
		done := make(chan error)
		go func() { done <- b.Repeat(ctx, newMemory(t)) }()
		some := 0
		for range 1100 {
			time.Sleep(time.Second)
			if waiting.Load() > 0 {
				some++
			}
		}
		stop()
		<-done
		if some < 900 {
			t.Errorf("somebody waited in %d of 1100 seconds", some)
		}
	})
}

func TestBurstCountsWhatGoesWrong(t *testing.T) {
	t.Run("a lock that is lost meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := burst(Batch)
			b.SameKey, b.TTL = 0, time.Second
			s, err := b.Run(t.Context(), newMemory(t))
			if err != nil || s.Lost != 100 || s.Forced != 0 || s.Acquired != 100 || s.Failed != 0 {
				t.Errorf("%v, %+v", err, s)
			}
		})
	})
	t.Run("a lock that an operator took", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(Batch), newMemory(t)
			b.SameKey = 0
			l.release = func(n int) error {
				if n == 3 {
					return &lockcore.NotHeldError{Op: "release", Past: &lockcore.Past{How: lockcore.HowForced}}
				}
				return nil
			}
			s, err := b.Run(t.Context(), l)
			if err != nil || s.Lost != 1 || s.Forced != 1 || s.Failed != 0 {
				t.Errorf("%v, %+v", err, s)
			}
		})
	})
	t.Run("an acquire without an answer is let go, and comes back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(Batch), newMemory(t)
			b.SameKey = 0
			l.acquire = func(n int) error { // it was done, and nobody heard of it
				if n%10 == 0 && n <= 100 {
					return fmt.Errorf("acquire: %w", lockcore.ErrUnknownOutcome)
				}
				return nil
			}
			s, err := b.Run(t.Context(), l)
			if err != nil || s.Failed != 10 || s.Retried != 10 || s.Acquired != 100 || s.LeftHeld != 0 || s.Denied != 0 ||
				s.Problem == nil || *s.Problem != "acquire: outcome unknown" || l.inside() != 0 {
				t.Errorf("%v, %+v, %d left", err, s, l.inside())
			}
		})
	})
	t.Run("a release that fails twice leaves a lock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(Batch), newMemory(t)
			b.Webhooks, b.SameKey = 2, 0
			l.release = func(int) error { return lockcore.ErrUnreachable }
			s, err := b.Run(t.Context(), l)
			if err != nil || s.Failed != 2 || s.LeftHeld != 2 || s.Acquired != 2 || l.inside() != 2 {
				t.Errorf("%v, %+v", err, s)
			}
		})
	})
	t.Run("a server that never answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, l := burst(Batch), newMemory(t)
			l.acquire = func(int) error { return lockcore.ErrUnreachable }
			s, err := b.Run(t.Context(), l)
			if err != nil || s.Failed != 1100 || s.Exhausted != 100 || s.Acquired != 0 || s.SameKey.LastDoneMs != nil {
				t.Errorf("%v, %+v", err, s)
			}
		})
	})
}

func TestBurstSummaryAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := burst(Batch)
		b.Webhooks, b.Workers, b.SameKey = 4, 2, 2
		s, err := b.Run(t.Context(), newMemory(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"speed":1,"webhooks":4,"workers":2,` +
			`"sequential":{"clearance_ms":8000,"throughput_per_s":0.5,"added_latency_ms":0},` +
			`"mutex":{"clearance_ms":4180,"throughput_per_s":0.72,"added_latency_ms":90},"speedup":1.4,` +
			`"same_key":{"contenders":2,"retry_mode":"batch","acquired":2,"exhausted":0,"last_done_ms":62135,"acquire_ms":[23,60068]},` +
			`"first_try":3,"acquired":4,"denied":1,"denied_first":1,"retried":1,"exhausted":0,"unresolved":[],"unfinished":0,` +
			`"lost":0,"forced":0,"failed":0,"problem":null,"left_held":0,"took_ms":62135}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// With a real server, at high speed: what is counted is exact, times are not.

func TestBurstOnARedisServer(t *testing.T) {
	for _, mode := range []Mode{Batch, Sequential, Parallel} {
		t.Run(string(mode), func(t *testing.T) {
			t.Cleanup(func() { goleak.VerifyNone(t) })
			server := locktest.StartRedis(t)
			l := guard(t, server)
			b := DefaultPlayer
			b.Policy.Mode = mode
			b = b.Scale(200)
			b.TTL = 15 * time.Second // a slow machine loses no lock
			if mode == Parallel {    // nor is anybody so late that attempts run out
				b.Policy.Attempts = 1000
			}
			s, err := b.Run(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if s.Acquired != 100 || s.Exhausted+s.Lost+s.Failed+s.LeftHeld+s.Unfinished != 0 || s.SameKey.Acquired != 10 {
				t.Errorf("%+v", s)
			}
			if s.DeniedFirst != 100-s.FirstTry || s.Retried != s.Denied {
				t.Errorf("%d at the first try, %d not; %d denials, %d retries", s.FirstTry, s.DeniedFirst, s.Denied, s.Retried)
			}
			total := int64(0)
			for _, n := range l.entered() {
				total += n
			}
			if total != 100 || len(l.entered()) != 91 {
				t.Errorf("%d entries into %d records: two were inside at once", total, len(l.entered()))
			}
			if left := server.CLI("KEYS", "lock:*"); left != "" {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestNineOfTheTenAreDeniedAtFirst(t *testing.T) {
	server := locktest.StartRedis(t)
	b := DefaultPlayer
	b.Section, b.Policy.Interval, b.TTL = 200*time.Millisecond, 300*time.Millisecond, 15*time.Second // long enough for a slow machine
	s, err := b.Run(t.Context(), guard(t, server))
	if err != nil || s.FirstTry != 91 || s.DeniedFirst != 9 || s.Acquired != 100 || s.Exhausted != 0 {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestBurstThatIsStoppedReleasesWhatItHolds(t *testing.T) {
	server := locktest.StartRedis(t)
	l := guard(t, server)
	before := goleak.IgnoreCurrent() // the pool is still open
	for name, play := range map[string]func(context.Context, Player) error{
		"run":    func(ctx context.Context, b Player) error { _, err := b.Run(ctx, l); return err },
		"repeat": func(ctx context.Context, b Player) error { return b.Repeat(ctx, l) },
	} {
		ctx, stop := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		b := DefaultPlayer.Scale(2)
		b.TTL = 15 * time.Second
		held := 0
		b.Observe = func(p Progress) {
			if held = max(held, p.Held); p.Held >= 30 {
				stop(why)
			}
		}
		err := play(ctx, b)
		if name == "run" && !errors.Is(err, why) || name == "repeat" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if held < 30 {
			t.Errorf("%s: stopped when %d were held", name, held)
		}
		if left := server.CLI("KEYS", "lock:*"); left != "" {
			t.Errorf("%s: left behind: %q", name, left)
		}
	}
	l.pool.Close()
	goleak.VerifyNone(t, before)
}

// What a play takes on a redis-server, as a multiple of what the simulation predicts: 1 on an idle machine.
func BenchmarkPlayAgainstPrediction(b *testing.B) {
	pool, err := resp.New(resp.Options{URL: locktest.StartRedis(b).URL()})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	p := DefaultPlayer
	p.SameKey = 1
	p.Scenario = p.Scenario.Scale(5)
	predicted, err := p.Simulate(nil)
	if err != nil {
		b.Fatal(err)
	}
	ratio, n := 0.0, 0
	for b.Loop() {
		measured, err := p.Run(b.Context(), lockcore.New(pool))
		if err != nil {
			b.Fatal(err)
		}
		ratio += float64(measured.Mutex.ClearanceMs) / float64(predicted.Mutex.ClearanceMs)
		n++
	}
	b.ReportMetric(ratio/float64(n), "measured/predicted")
}
