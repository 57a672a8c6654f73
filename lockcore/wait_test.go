package lockcore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// lockAt is a lock that is held until some moments, by one after another.
type lockAt struct {
	begun  time.Time
	frees  time.Duration // free from then on
	ttl    time.Duration // of its holder, from the beginning; NoTTL
	tries  int
	looks  []time.Duration
	broken map[int]error // looks that fail
	rival  bool          // somebody else is faster the first time it is free
}

func (l *lockAt) holder() (string, time.Duration) {
	if time.Since(l.begun) >= l.frees {
		return "", NoTTL
	}
	if l.ttl == NoTTL {
		return "A", NoTTL
	}
	return "A", l.ttl - time.Since(l.begun)
}

func (l *lockAt) waiting() waiting {
	l.begun = time.Now()
	return waiting{
		try: func(context.Context) (*Hold, error) {
			l.tries++
			owner, left := l.holder()
			if owner == "" && l.rival {
				l.rival, l.frees = false, l.frees+time.Second
				owner = "R"
			}
			if owner != "" {
				return nil, &HeldError{Owner: owner, TTL: left, Attempts: l.tries}
			}
			return &Hold{Fence: 7}, nil
		},
		look: func(context.Context) (*Lock, error) {
			l.looks = append(l.looks, time.Since(l.begun))
			if err := l.broken[len(l.looks)]; err != nil {
				return nil, err
			}
			owner, left := l.holder()
			return &Lock{Owner: owner, TTL: left}, nil
		},
		draw: func() float64 { return 0.5 }, // looks are 300 ms apart
	}
}

func TestWithoutPatienceItIsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: time.Second, ttl: time.Minute}
		if _, err := l.waiting().run(t.Context(), 0); !errors.Is(err, ErrHeld) || l.tries != 1 || len(l.looks) != 0 {
			t.Errorf("%v after %d tries, looks %v", err, l.tries, l.looks)
		}
	})
}

func TestItLooksUntilTheLockIsFreeAndTriesThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: time.Second, ttl: time.Minute}
		hold, err := l.waiting().run(t.Context(), time.Minute)
		if err != nil || hold.Fence != 7 || l.tries != 2 {
			t.Fatalf("%v, %v after %d tries", hold, err, l.tries)
		}
		if took := time.Since(l.begun); took != 1200*time.Millisecond {
			t.Errorf("it took %s, with looks at %v", took, l.looks)
		}
	})
}

func TestItLooksWhenTheTTLEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: 340 * time.Millisecond, ttl: 340 * time.Millisecond}
		if _, err := l.waiting().run(t.Context(), time.Minute); err != nil || len(l.looks) != 2 || time.Since(l.begun) != 341*time.Millisecond {
			t.Errorf("%v, looks at %v", err, l.looks)
		}
	})
}

func TestItEndsWithTheDenialWhenPatienceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: time.Hour, ttl: 10 * time.Second}
		_, err := l.waiting().run(t.Context(), time.Second)
		var held *HeldError
		if !errors.As(err, &held) || held.Owner != "A" || held.Attempts != 1 || held.TTL != 9*time.Second {
			t.Errorf("%+v", err)
		}
		if took := time.Since(l.begun); took != time.Second || l.tries != 1 {
			t.Errorf("it took %s and %d tries", took, l.tries)
		}
	})
}

func TestALostRaceGoesOnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: time.Second, ttl: NoTTL, rival: true}
		if hold, err := l.waiting().run(t.Context(), time.Minute); err != nil || hold.Fence != 7 || l.tries != 3 {
			t.Errorf("%v, %v after %d tries", hold, err, l.tries)
		}
	})
}

func TestAnUnreachableServerIsWaitedForAndARefusalIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lockAt{frees: time.Second, ttl: time.Minute, broken: map[int]error{1: ErrUnreachable, 2: ErrUnreachable}}
		if _, err := l.waiting().run(t.Context(), time.Minute); err != nil || l.tries != 2 {
			t.Errorf("unreachable for a while: %v after %d tries", err, l.tries)
		}
		l = &lockAt{frees: time.Hour, ttl: time.Minute, broken: map[int]error{3: ErrUnreachable, 4: ErrUnreachable}}
		if _, err := l.waiting().run(t.Context(), time.Second); !errors.Is(err, ErrUnreachable) {
			t.Errorf("unreachable to the end: %v", err)
		}
		l = &lockAt{frees: time.Hour, ttl: time.Minute, broken: map[int]error{1: ErrRefused}}
		if _, err := l.waiting().run(t.Context(), time.Minute); !errors.Is(err, ErrRefused) || len(l.looks) != 1 {
			t.Errorf("refused: %v after %d looks", err, len(l.looks))
		}
	})
}

func TestAnInterruptEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupted := errors.New("interrupted")
		time.AfterFunc(450*time.Millisecond, func() { cancel(interrupted) })
		l := &lockAt{frees: time.Hour, ttl: time.Minute}
		_, err := l.waiting().run(ctx, time.Minute)
		if !errors.Is(err, interrupted) || time.Since(l.begun) != 450*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(l.begun))
		}
	})
}
