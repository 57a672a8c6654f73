package lockcore_test

// The steps for callers that have nothing but EVAL, sent as such a caller sends them.

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// bare is such a caller.
type bare struct {
	t    *testing.T
	resp *resp.Client
}

// onBoth plays a test on a real server and on the embedded one.
func onBoth(t *testing.T, play func(*testing.T, bare)) {
	t.Run("redis", func(t *testing.T) { play(t, bare{t, connect(t, locktest.StartRedis(t).URL())}) })
	t.Run("embedded", func(t *testing.T) {
		srv, err := embedded.Start(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		play(t, bare{t, connect(t, srv.URL())})
	})
}

func (b bare) eval(s *lockcore.Script, key, ledger string, args ...string) (string, error) {
	b.t.Helper()
	command := []any{"EVAL", s.Source, "2", key, ledger}
	for _, arg := range args {
		command = append(command, arg)
	}
	got, err := b.resp.Do(b.t.Context(), command...)
	if err != nil {
		var reply *lockcore.ReplyError
		if !errors.As(err, &reply) {
			b.t.Fatalf("%s %q %q: %v", s.Name, key, args, err)
		}
		return "", err
	}
	text, ok := got.(string)
	if !ok {
		b.t.Fatalf("%s %q: a yes that is %T and no text: %v", s.Name, key, got, got)
	}
	return text, nil
}

func (b bare) acquire(key, owner, work string) (string, error) {
	b.t.Helper()
	acquire, _ := lockcore.StandaloneScripts()
	ledger, _ := lockcore.LedgerKey(key)
	return b.eval(acquire, key, ledger, owner, "15000", work, "256", "60000", "11")
}

func (b bare) release(key, owner, fence string, sent time.Time) error {
	b.t.Helper()
	_, release := lockcore.StandaloneScripts()
	ledger, _ := lockcore.LedgerKey(key)
	got, err := b.eval(release, key, ledger, owner, fence, "", strconv.FormatInt(sent.UnixMilli(), 10))
	if err == nil && got != "released" {
		b.t.Errorf("release answers %q", got)
	}
	return err
}

func (b bare) lock(key string) *lockcore.Lock {
	b.t.Helper()
	l, err := lockcore.New(b.resp).Inspect(b.t.Context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b bare) do(args ...any) {
	b.t.Helper()
	if _, err := b.resp.Do(b.t.Context(), args...); err != nil {
		b.t.Fatal(err)
	}
}

// says checks that a no begins with its code and has the texts in it, in one line.
func says(t *testing.T, err error, code string, texts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("a yes; want %s", code)
		return
	}
	if !strings.HasPrefix(err.Error(), code+" ") || strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("%q; want one line that begins with %s", err, code)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q lacks %q", err, text)
		}
	}
}

func TestAStandaloneFormHasTheVeryStep(t *testing.T) {
	acquire, release := lockcore.StandaloneScripts()
	for _, s := range lockcore.Scripts() {
		for form, is := range map[*lockcore.Script]bool{acquire: s.Name == "acquire", release: s.Name == "release"} {
			if got := strings.Contains(form.Source, s.Source); got != is {
				t.Errorf("%s has the step %s: %v", form.Name, s.Name, got)
			}
		}
	}
}

func TestAYesIsTheFenceAndADenialAnErrorThatStaysRecorded(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		fence, err := b.acquire("lock:a", "A", "evt_1")
		l := b.lock("lock:a")
		if err != nil || l.Owner != "A" || l.Fence == 0 || l.Fence.String() != fence {
			t.Fatalf("fence %q, %v; the lock has %+v", fence, err, l)
		}
		_, err = b.acquire("lock:a", "B", "evt_2")
		says(t, err, "HELD", "A holds", "ms", "fence "+fence, "attempt 1")
		_, err = b.acquire("lock:a", "C", "evt_2")
		says(t, err, "HELD", "attempt 2")
		if l = b.lock("lock:a"); len(l.Ledger.Waiters) != 1 || l.Ledger.Waiters[0].Work != "evt_2" || l.Ledger.Waiters[0].Owner != "C" ||
			l.Ledger.Waiters[0].Attempts != 2 || l.Ledger.Denied != 2 {
			t.Errorf("recorded: %+v", l.Ledger)
		}
		again, err := b.acquire("lock:a", "A", "evt_1")
		if err != nil || again != fence {
			t.Errorf("the owner again: %q, %v", again, err)
		}
		if err := b.release("lock:a", "A", fence, time.Now()); err != nil {
			t.Error(err)
		}
		if err := b.release("lock:a", "A", fence, time.Now()); err != nil {
			t.Errorf("a repeated release: %v", err)
		}
		later, err := b.acquire("lock:a", "C", "evt_2")
		if err != nil || later <= fence || len(later) != len(fence) {
			t.Errorf("the next fence is %q after %q, %v", later, fence, err)
		}
		if l = b.lock("lock:a"); len(l.Ledger.Waiters) != 0 {
			t.Errorf("who is in still waits: %+v", l.Ledger.Waiters)
		}
	})
}

func TestAStandaloneWorkDefaultsToTheOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		b.acquire("lock:a", "A", "")
		b.acquire("lock:a", "B", "")
		if w := b.lock("lock:a").Ledger.Waiters; len(w) != 1 || w[0].Work != "B" {
			t.Errorf("waiters: %+v", w)
		}
	})
}

func TestAReleaseOfAHoldThatIsOverIsAnError(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		fence, err := b.acquire("lock:a", "A", "")
		if err != nil {
			t.Fatal(err)
		}
		says(t, b.release("lock:a", "B", "", time.Now()), "GONE", "no such hold", "A holds")
		says(t, b.release("lock:a", "A", "7", time.Now()), "GONE", "A holds")
		b.do("DEL", "lock:a")
		b.do("SET", "lock:a", "other\r\nline")
		says(t, b.release("lock:a", "A", fence, time.Now()), "GONE", "(deleted)", "other??line holds", "without a TTL")
		b.do("DEL", "lock:a")

		fence, _ = b.acquire("lock:a", "A", "")
		number, _ := strconv.ParseUint(fence, 10, 64)
		if _, err := lockcore.New(b.resp).ForceRelease(t.Context(), lockcore.ForceRelease{
			Key: "lock:a", Expect: lockcore.Expectation{Owner: "A", Fence: lockcore.Fence(number)}, Operator: "ann", Reason: "INC-7: gone",
		}); err != nil {
			t.Fatal(err)
		}
		says(t, b.release("lock:a", "A", fence, time.Now()), "REVOKED", "by ann", "INC-7: gone", "nobody")
	})
}

// A clock that is a second ahead must prove nothing.
func TestAnOverrunIsProvenByAClockThatIsRightWithinASecond(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		acquire, _ := lockcore.StandaloneScripts()
		ledger, _ := lockcore.LedgerKey("lock:a")
		taken := func() string {
			fence, err := b.eval(acquire, "lock:a", ledger, "A", "1", "", "256", "60000", "11")
			if err != nil {
				t.Fatal(err)
			}
			for b.lock("lock:a").Owner != "" {
				time.Sleep(time.Millisecond)
			}
			return fence
		}
		held := b.lock("lock:a")
		if held.Ledger != nil {
			t.Fatal("a ledger before the first acquire")
		}
		fence := taken()
		deadline := b.lock("lock:a").Ledger.Holds[0].Deadline
		says(t, b.release("lock:a", "A", fence, deadline.Add(time.Second)), "GONE", "(expired)")
		if n := b.lock("lock:a").Ledger.Overruns; n != 0 {
			t.Errorf("%d overruns by a clock that may be a second ahead", n)
		}
		says(t, b.release("lock:a", "A", fence, deadline.Add(time.Hour)), "GONE", "(expired)")
		l := b.lock("lock:a").Ledger
		if l.Overruns != 1 || l.Holds[0].Overran <= 0 || l.Holds[0].Overran > time.Minute {
			t.Errorf("%d overruns, %+v", l.Overruns, l.Holds)
		}
	})
}

func TestStandaloneArgumentsAreChecked(t *testing.T) {
	acquire, release := lockcore.StandaloneScripts()
	long := strings.Repeat("x", lockcore.MaxOwner+1)
	const key, ledger = "lock:a", "locktop:{lock:a}"
	onBoth(t, func(t *testing.T, b bare) {
		for _, c := range []struct {
			text        string
			step        *lockcore.Script
			key, ledger string
			args        []string
		}{
			{"key is empty", acquire, "", "locktop:{}", []string{"A", "15000", "", "256", "60000", "11"}},
			{"not locks", acquire, "locktop:{a}", "locktop:locktop:{a}", []string{"A", "15000", "", "256", "60000", "11"}},
			{"too long", acquire, strings.Repeat("k", lockcore.MaxKey+1), ledger, []string{"A", "15000", "", "256", "60000", "11"}},
			{"is locktop:{lock:a} and not locktop:lock:a", acquire, key, "locktop:lock:a", []string{"A", "15000", "", "256", "60000", "11"}},
			{"is locktop:{lock:a} and not locktop:lock:a", release, key, "locktop:lock:a", []string{"A"}},
			{"owner is empty", acquire, key, ledger, []string{"", "15000", "", "256", "60000", "11"}},
			{"owner is empty", acquire, key, ledger, nil},
			{"owner is too long", acquire, key, ledger, []string{long, "15000", "", "256", "60000", "11"}},
			{"work is too long", acquire, key, ledger, []string{"A", "15000", long, "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "0", "", "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "", "", "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "15s", "", "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "-1", "", "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "1.5", "", "256", "60000", "11"}},
			{"TTL", acquire, key, ledger, []string{"A", "315360000001", "", "256", "60000", "11"}},
			{"waiters", acquire, key, ledger, []string{"A", "15000", "", "", "60000", "11"}},
			{"interval", acquire, key, ledger, []string{"A", "15000", "", "256", "1m", "11"}},
			{"attempts", acquire, key, ledger, []string{"A", "15000", "", "256", "60000", "0"}},
			{"request is empty", acquire, key, ledger, []string{"A", "15000", "", "256", "60000", "11", "", "1"}},
			{"request", acquire, key, ledger, []string{"A", "15000", "", "256", "60000", "11", "a b", "1"}},
			{"request has no time", acquire, key, ledger, []string{"A", "15000", "", "256", "60000", "11", "r"}},
			{"owner is empty", release, key, ledger, []string{""}},
			{"fence is no number: soon", release, key, ledger, []string{"A", "soon"}},
			{"fence", release, key, ledger, []string{"A", "0"}},
			{"request", release, key, ledger, []string{"A", "", "a\nb"}},
		} {
			_, err := b.eval(c.step, c.key, c.ledger, c.args...)
			says(t, err, "INVALID", c.text)
		}
		if keys, err := b.resp.Do(t.Context(), "DBSIZE"); err != nil || keys != int64(0) {
			t.Errorf("%v keys were made, %v", keys, err)
		}
	})
}

func TestAStandaloneRequestIsGrantedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		acquire, release := lockcore.StandaloneScripts()
		ask := func(owner, request string, until time.Time) (string, error) {
			return b.eval(acquire, "lock:a", "locktop:{lock:a}", owner, "15000", "", "256", "60000", "11", request, strconv.FormatInt(until.UnixMilli(), 10))
		}
		future := time.Now().Add(time.Hour)
		fence, err := ask("A", "r1", future)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ask("A", "r1", future); err != nil || again != fence {
			t.Errorf("its repeat: %q, %v", again, err)
		}
		_, err = ask("A", "r2", future)
		says(t, err, "HELD", "A holds")
		if _, err := b.eval(release, "lock:a", "locktop:{lock:a}", "A", "", "r1"); err != nil {
			t.Error(err)
		}
		_, err = ask("A", "r1", future)
		says(t, err, "GONE", "released")
		_, err = ask("A", "r3", time.Now().Add(-time.Hour))
		says(t, err, "LATE")
	})
}

// A wrong ledger would issue fences beside the right one, so the form that accepts a key accepts one ledger for it.
func TestAStandaloneAcquireTakesTheLedgerOfItsKeyOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		acquire, _ := lockcore.StandaloneScripts()
		draw := rand.New(rand.NewPCG(1, 2))
		args := []string{"A", "15000", "", "256", "60000", "11"}
		for range 500 {
			key := make([]byte, 1+draw.IntN(8))
			for i := range key {
				key[i] = "{}:a\x00\xff"[draw.IntN(6)]
			}
			right, _ := lockcore.LedgerKey(string(key))
			if _, err := b.eval(acquire, string(key), right, args...); err != nil {
				t.Errorf("the ledger of %q is refused: %v", key, err)
			}
			for _, wrong := range []string{"locktop:" + string(key), "locktop:{" + string(key) + "}", "locktop::" + string(key)} {
				if wrong == right {
					continue
				}
				_, err := b.eval(acquire, string(key), wrong, args...)
				says(t, err, "INVALID")
			}
		}
	})
}

// A caller that has nothing but EVAL and a Client respect each other.
func TestStandaloneAndClientShareLocks(t *testing.T) {
	onBoth(t, func(t *testing.T, b bare) {
		c, ctx := lockcore.New(b.resp), context.Background()
		fence, err := b.acquire("lock:a", "A", "")
		if err != nil {
			t.Fatal(err)
		}
		var held *lockcore.HeldError
		if _, err := c.Acquire(ctx, "lock:a", "B", time.Minute, nil); !errors.As(err, &held) || held.Owner != "A" || held.Fence.String() != fence {
			t.Errorf("%v", err)
		}
		if r, err := c.Release(ctx, "lock:a", "A", nil); err != nil || r.Fence.String() != fence {
			t.Errorf("%+v, %v", r, err)
		}
		h, err := c.Acquire(ctx, "lock:a", "B", time.Minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.acquire("lock:a", "A", "")
		says(t, err, "HELD", "B holds", h.Fence.String())
	})
}
