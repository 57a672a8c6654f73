//go:build linux

package cli

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher/makecom"
)

type wantScenario struct {
	Scenario string `json:"scenario"`
	wantPlayed
	Forecasts wantScore `json:"forecasts"`
}

type wantDirty struct {
	Scenario string `json:"scenario"`
	Plays    []struct {
		Play string `json:"play"`
		wantPlayed
		Forecasts wantScore `json:"forecasts"`
	} `json:"plays"`
}

// busy runs a demo whose locks are short. On a machine that is busy enough an acquire is answered after the TTL that it was
// granted: the demo says so and ends with that, and what it counted holds all the same.
func busy(t *testing.T, args ...string) string {
	t.Helper()
	got := alone().run(args...)
	if got.code != exitDone && (got.code != exitFailed || !strings.Contains(got.err, "the answer came too late")) {
		t.Fatalf("locktop %s: exit %d, %q", strings.Join(args, " "), got.code, got.err)
	}
	return got.out
}

func TestDemoCrash(t *testing.T) {
	var got wantScenario
	out := busy(t, "demo", "--scenario", "crash", "--speed", "60", "--json")
	strictly(t, out, &got)
	if got.Scenario != "crash" || got.Trouble.Crashed != 1 || got.Acquired+got.Exhausted != 99 || got.LeftHeld+got.Unfinished != 0 {
		t.Errorf("%s", out)
	}
	// The first holder crashes, and nobody is in before its TTL is over: the retries of the first two minutes are in vain.
	if at := got.SameKey.AcquireMs; len(at) < 2 || at[1] < 150_000 {
		t.Errorf("got in at %v", at)
	}
}

func TestDemoOverrun(t *testing.T) {
	var got wantScenario
	out := busy(t, "demo", "--scenario", "overrun", "--speed", "30", "--json")
	strictly(t, out, &got)
	if got.Scenario != "overrun" || got.Acquired+got.Exhausted != 100 || got.Lost < 2 || got.Trouble.Guard != "owner" || got.Trouble.Removed != 0 {
		t.Errorf("%s", out)
	}
}

func TestDemoStorm(t *testing.T) {
	var got wantScenario
	out := busy(t, "demo", "--scenario", "storm", "--speed", "100", "--json")
	strictly(t, out, &got)
	if got.Trouble.Refused != 100 || got.Trouble.Overflowed != 60 || got.Acquired+got.Exhausted != 240 || got.SameKey.Contenders != 50 {
		t.Errorf("%s", out)
	}
}

// What is lost is counted in the store. Without a lock and with a fence that is certain; between them it depends on who comes
// when, so TestALateWriter tells it step by step.
func TestDemoDirtyWriteLosesUpdatesWithoutALockAndNoneWithAFence(t *testing.T) {
	for _, server := range []string{"embedded", "redis"} {
		var got wantDirty
		out := busy(t, "demo", "--scenario", "dirty-write", "--speed", "100", "--json", "--server", server, "--retry-attempts", "50")
		strictly(t, out, &got)
		if got.Scenario != "dirty-write" || len(got.Plays) != 4 {
			t.Fatalf("%s", out)
		}
		for i, guard := range []string{"none", "delete", "owner", "fence"} {
			p := got.Plays[i]
			s := p.Trouble.Store
			if p.Trouble.Guard != guard || s == nil || s.Lost != s.Updates-s.Value || s.Updates != int64(p.Acquired) || p.Acquired+p.Exhausted != 100 {
				t.Fatalf("%s, %s: %+v in %s", server, guard, p, out)
			}
			t.Logf("%s, %s: %+v", server, p.Play, *s)
			switch guard {
			case "none":
				if s.Lost < 1 {
					t.Errorf("%s: nothing was lost without a lock", server)
				}
			case "fence":
				if s.Lost != 0 || s.Value != int64(p.Acquired) {
					t.Errorf("%s: %d updates lost with a fence", server, s.Lost)
				}
			default:
				if s.Lost < 0 || guard == "owner" && p.Trouble.Removed != 0 {
					t.Errorf("%s, %s: %+v", server, guard, p.Trouble)
				}
			}
		}
	}
}

func TestDemoScenariosForPeople(t *testing.T) {
	for scenario, texts := range map[string][]string{
		"crash":       {"crash: a worker crashes with a customer's lock", "\ncrashed holders    1: retry 3 of a waiter"},
		"storm":       {"storm: 400 webhooks at once", "\nrefused with 429   100: ", "\nrefused with 400   60: ", "more, the last at"},
		"overrun":     {"100 webhooks within 1m, 40 workers", "\noverlaps "},
		"dirty-write": {"dirty-write: 30 webhooks", "UPDATES", "IN THE STORE", "LOST", "\nno lock ", "\nSET NX, released by DEL ", "\nlockcore, fence checked by the store  "},
	} {
		out := busy(t, "demo", "--scenario", scenario, "--once", "--speed", "100")
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%s lacks %q:\n%s", scenario, text, out)
			}
		}
	}
}

func TestDemoShowsLostUpdatesLive(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cmd, terminal := inTerminal(t, "demo", "--speed", "50", "--scenario", "dirty-write")
	var screen buffer
	go io.Copy(&screen, terminal)
	lost := regexp.MustCompile(`no lock [1-9]\d* of \d+`)
	eventually(t, "the updates that were lost without a lock are shown", func() bool { return lost.MatchString(screen.String()) })
	eventually(t, "the next play is on", func() bool { return strings.Contains(screen.String(), "▶ DEL") })
	terminal.WriteString("q")
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it did not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// A is late: its lock expires while it works, B gets in and reads, and A writes and releases. What then becomes of B and its
// update is what the guards differ in.
func TestALateWriter(t *testing.T) {
	for _, server := range []string{"redis", "embedded"} {
		for _, test := range []struct {
			guard     makecom.Guard
			value     int64 // of the two updates
			rejected  bool  // A's
			bKeepsOut bool  // B's lock is there after A's release
		}{
			{makecom.GuardDelete, 1, false, false},
			{makecom.GuardOwner, 1, false, true},
			{makecom.GuardFence, 1, true, true},
		} {
			t.Run(server+" "+string(test.guard), func(t *testing.T) {
				ctx := context.Background()
				url := ""
				if server == "redis" {
					url = locktest.StartRedis(t).URL()
				} else {
					s, err := embedded.Start(embedded.Options{})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { s.Close() })
					url = s.URL()
				}
				client, err := resp.New(resp.Options{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { client.Close() })
				play := demoPlay{Player: makecom.DefaultPlayer}
				play.Guard = test.guard
				locker, store := (&stage{workers: client, locks: lockcore.New(client)}).locker(play), newCounters(client)
				fenceOf := func(h *lockcore.Hold) lockcore.Fence {
					if test.guard == makecom.GuardFence {
						return h.Fence
					}
					return 0
				}

				const key = "lock:customer"
				a, err := locker.Acquire(ctx, key, "A", time.Minute, nil)
				if err != nil {
					t.Fatal(err)
				}
				readA, err := store.Read(ctx, key, fenceOf(a))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Do(ctx, "pexpire", key, "1"); err != nil { // the minute is over
					t.Fatal(err)
				}
				var b *lockcore.Hold
				eventually(t, "A's lock is gone and B has it", func() bool {
					b, err = locker.Acquire(ctx, key, "B", time.Minute, nil)
					if err != nil && !errors.Is(err, lockcore.ErrHeld) {
						t.Fatal(err)
					}
					return err == nil
				})
				readB, err := store.Read(ctx, key, fenceOf(b))
				if err != nil {
					t.Fatal(err)
				}
				err = store.Write(ctx, key, readA+1, fenceOf(a))
				if rejected := errors.Is(err, makecom.ErrLateWriter); rejected != test.rejected || err != nil && !rejected {
					t.Fatalf("A's update: %v", err)
				}
				_, err = locker.Release(ctx, key, "A", &lockcore.ReleaseOptions{Fence: a.Fence})
				if test.bKeepsOut != errors.Is(err, lockcore.ErrNotHeld) || test.bKeepsOut == errors.Is(err, makecom.ErrRemovedOther) {
					t.Errorf("A's release: %v", err)
				}
				_, err = locker.Acquire(ctx, key, "C", time.Minute, nil)
				if test.bKeepsOut != errors.Is(err, lockcore.ErrHeld) || !test.bKeepsOut && err != nil {
					t.Errorf("C, while B works: %v", err)
				}
				if err := store.Write(ctx, key, readB+1, fenceOf(b)); err != nil {
					t.Fatal(err)
				}
				updates, value, err := store.count(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if want := map[bool]int64{true: 1, false: 2}[test.rejected]; updates != want || value != test.value {
					t.Errorf("%d updates were acknowledged, and the store says %d", updates, value)
				}
			})
		}
	}
}
