package lockcore_test

// What the scripts do at odd times and with odd ledgers, on an interpreter whose clock is set by hand.

import (
	"context"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
)

// direct is a transport to an interpreter in this process.
type direct struct{ *embedded.Direct }

func (d direct) Eval(_ context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	got, err := d.Direct.Eval(s.Source, keys, args)
	if err != nil {
		return nil, &lockcore.ReplyError{Message: err.Error()}
	}
	return got, nil
}

func (direct) Read(context.Context, [][]string) ([]any, error) { panic("nothing is read here") }

// A board without a battery wakes up in 1970. Its fences and times have fewer digits than those of today.
func TestLocksWorkWithAClockOfLongAgo(t *testing.T) {
	for _, now := range []time.Time{time.UnixMilli(1), time.UnixMilli(999_999), time.UnixMilli(1_000_000), time.UnixMicro(999_999_999_999_999)} {
		d := direct{embedded.NewDirect()}
		d.At(now)
		c := lockcore.New(d, lockcore.WithClock(func() time.Time { return now }))
		last := lockcore.Fence(0)
		for range 3 {
			h, err := c.Acquire(t.Context(), "lock:a", "me", time.Minute, nil)
			if err != nil || h.Fence <= last {
				t.Fatalf("at %s: %+v, %v after fence %s", now.UTC(), h, err, last)
			}
			last = h.Fence
			if lock := d.Look("lock:a"); len(lock) != 1 || lock[0].Deadline != now.UnixMilli()+time.Minute.Milliseconds() {
				t.Fatalf("at %s the lock is %+v", now.UTC(), lock)
			}
			if h, err = c.Extend(t.Context(), "lock:a", "me", time.Hour, &lockcore.ExtendOptions{Fence: last}); err != nil || h.Fence != last {
				t.Fatalf("at %s an extend gives %+v, %v", now.UTC(), h, err)
			}
			now = now.Add(time.Second)
			d.At(now)
			r, err := c.Release(t.Context(), "lock:a", "me", &lockcore.ReleaseOptions{Fence: last})
			if err != nil || r.Fence != last || r.Held != time.Second {
				t.Fatalf("at %s a release gives %+v, %v", now.UTC(), r, err)
			}
		}
	}
}

// A hold on record whose items are not where they should be is nobody's: it neither stops a release nor leaves a
// lock behind that nobody was told of.
func TestADamagedHoldStopsNoStep(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	good := "1800000000000000 0 1800000000000 1800000000000000 1800000000000 1800000060000 0000000000000 - - - - r me"
	for cut := 33; cut < len(good); cut++ {
		for _, state := range []string{good[:cut], good[:cut] + "x" + good[cut+1:], good[:cut] + "  " + good[cut:]} {
			d := direct{embedded.NewDirect()}
			d.At(now)
			ledger := embedded.Key{Name: "locktop:{lock:a}", Hash: []embedded.Field{{Name: "s", Value: state}}}
			lock := embedded.Key{Name: "lock:a", Text: "me", Deadline: now.UnixMilli() + 60_000}
			d.Restore([]embedded.Key{lock, ledger})
			c := lockcore.New(d, lockcore.WithClock(func() time.Time { return now }))
			if _, err := c.Release(t.Context(), "lock:a", "me", nil); err != nil || len(d.Look("lock:a")) != 0 {
				t.Errorf("with the state %q a release gives %v", state, err)
			}
			d.Restore([]embedded.Key{ledger})
			h, err := c.Acquire(t.Context(), "lock:a", "me", time.Minute, nil)
			if (err == nil) != (len(d.Look("lock:a")) == 1) || err != nil && strings.Contains(err.Error(), "user_script") {
				t.Errorf("with the state %q an acquire gives %+v, %v, and there is %+v", state, h, err, d.Look("lock:a"))
			}
		}
	}
}
