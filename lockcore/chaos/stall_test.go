package chaos_test

// A server that is not given a processor in the middle of a script: its clock goes on between two commands.

import (
	"context"
	"errors"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// stall lets the server's clock go on by some 30 ms after the script has read it.
var stall = []string{"local now_us = ", `for _ = 1, 100000 do
  local t = redis.call('TIME')
  if (t[1] - time[1]) * 1000000 + t[2] - time[2] > 30000 then break end
end
local now_us = `}

func TestAHoldIsRecognisedByAServerThatStalls(t *testing.T) {
	s := overRESP(t, locktest.StartRedis(t).Addr)
	slow := func(step string) *lockcore.Client {
		return lockcore.New(broken{s.direct, breakage{step: step, replace: stall}})
	}
	ctx, fast := context.Background(), lockcore.New(s.direct)
	h, err := fast.Acquire(ctx, "lock:a", "me", time.Minute, &lockcore.AcquireOptions{Request: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := slow("acquire").Acquire(ctx, "lock:a", "me", time.Minute, &lockcore.AcquireOptions{Request: "r"}); err != nil || again.Fence != h.Fence {
		t.Errorf("the request repeated is answered %+v, %v", again, err)
	}
	var held *lockcore.HeldError
	if _, err := slow("acquire").Acquire(ctx, "lock:a", "other", time.Minute, nil); !errors.As(err, &held) || held.Fence != h.Fence {
		t.Errorf("another is denied with %+v, %v; the fence is %s", held, err, h.Fence)
	}
	if _, err := slow("extend").Extend(ctx, "lock:a", "me", time.Hour, &lockcore.ExtendOptions{Fence: h.Fence}); err != nil {
		t.Errorf("extend: %v", err)
	}
	if _, err := slow("release").Release(ctx, "lock:a", "me", &lockcore.ReleaseOptions{Fence: h.Fence}); err != nil || s.holder("lock:a") != "" {
		t.Errorf("release: %v, and the lock is held by %q", err, s.holder("lock:a"))
	}
	if h, err = fast.Acquire(ctx, "lock:a", "me", time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	_, err = slow("force_release").ForceRelease(ctx, lockcore.ForceRelease{
		Key: "lock:a", Expect: lockcore.Expectation{Owner: "me", Fence: h.Fence}, Operator: "ann", Reason: "stuck"})
	if err != nil {
		t.Errorf("force-release: %v", err)
	}
}
