package chaos_test

// Transports that fail in a fail-over on purpose, each in a way that the hearing must notice.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

// resending sends again what may have been executed, as go-redis does by default.
type resending struct{ lockcore.Transport }

func (r resending) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	got, err := r.Transport.Eval(ctx, s, keys, args)
	if errors.Is(err, lockcore.ErrUnknownOutcome) && ctx.Err() == nil {
		got, err = r.Transport.Eval(ctx, s, keys, args)
	}
	return got, err
}

// staying goes on talking to the server that was master in the beginning.
type staying struct {
	lockcore.Transport
	first lockcore.Transport
}

func (s staying) Eval(ctx context.Context, script *lockcore.Script, keys, args []string) (any, error) {
	return s.first.Eval(ctx, script, keys, args)
}

func (s staying) Read(ctx context.Context, commands [][]string) ([]any, error) {
	return s.first.Read(ctx, commands)
}

func TestBrokenTransportsAreNoticedInAFailOver(t *testing.T) {
	seed := seedOf(t)
	for _, c := range []struct {
		name   string
		broken func(t *testing.T, s *locktest.Sentinel) func(lockcore.Transport) lockcore.Transport
		says   []string // all of them
	}{
		{"one that sends again what may have been executed", func(*testing.T, *locktest.Sentinel) func(lockcore.Transport) lockcore.Transport {
			return func(t lockcore.Transport) lockcore.Transport { return resending{t} }
		}, []string{twice}},
		{"one that says that nothing was sent where it does not know", func(*testing.T, *locktest.Sentinel) func(lockcore.Transport) lockcore.Transport {
			return func(t lockcore.Transport) lockcore.Transport {
				return guessing{Transport: t, err: lockcore.ErrUnreachable}
			}
		}, []string{executed}},
		{"one that goes on talking to the demoted master", func(t *testing.T, s *locktest.Sentinel) func(lockcore.Transport) lockcore.Transport {
			first, err := resp.New(resp.Options{URL: s.Master().URL(), Timeout: briefTry})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { first.Close() })
			return func(t lockcore.Transport) lockcore.Transport { return staying{t, first} }
		}, []string{unfound, old, string(wrongYes)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := locktest.StartSentinel(t, logging...)
			watchful(s, false)
			u := rebel(t, seed, fewLocks, s.Servers, guardedBy(s), c.broken(t, s))
			u.limit = 200 * time.Millisecond // for each of those that will not find it
			if c.says[0] != unfound {
				u.limit = time.Minute
			}
			u.let(few)
			u.freeze(s)
			h := u.hear()
			for _, say := range c.says {
				n := 0
				for _, wrong := range h.wrong {
					if strings.Contains(wrong, say) {
						if n++; n == 1 {
							first, _, _ := strings.Cut(wrong, "\n")
							t.Logf("noticed: %s", first)
						}
					}
				}
				if n == 0 {
					t.Errorf("of %d complaints none says %s", len(h.wrong), say)
				}
			}
		})
	}
}
