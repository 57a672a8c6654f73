package chaos_test

// Each operation with its request and its reply cut at every byte: the answer is the truth, or that
// nobody knows it.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// cutCase is an operation on a lock that before has prepared.
type cutCase struct {
	name    string
	before  func(c *lockcore.Client, key string) lockcore.Fence // past the proxy
	call    func(c *lockcore.Client, key string, fence lockcore.Fence) error
	changes bool // the lock; else it only tells how it is
	// done tells from the server's state whether the operation has happened.
	done func(s *site, key string) bool
	// givesUp tells that after an unknown outcome nothing may be left of it.
	givesUp bool
	// again is the call repeated as a user would after an unknown outcome; nil where there is no such way.
	again func(c *lockcore.Client, key string, fence lockcore.Fence) error
}

var background = context.Background()

func taken(c *lockcore.Client, key string) lockcore.Fence {
	h, err := c.Acquire(background, key, "me", time.Minute, nil)
	if err != nil {
		panic(fmt.Sprintf("prepare %s: %v", key, err))
	}
	return h.Fence
}

var cutCases = []cutCase{
	{
		name:    "acquire",
		changes: true,
		before:  func(*lockcore.Client, string) lockcore.Fence { return 0 },
		call: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			h, err := c.Acquire(background, key, "me", time.Minute, &lockcore.AcquireOptions{Request: lockcore.NoRequest})
			if err == nil && h.Fence == 0 {
				return errors.New("a hold without a fence")
			}
			return err
		},
		done: func(s *site, key string) bool { return s.holder(key) == "me" },
		again: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			_, err := c.Acquire(background, key, "me", time.Minute, &lockcore.AcquireOptions{Request: lockcore.NoRequest})
			return err
		},
	},
	{
		name:    "acquire with a request",
		changes: true,
		before:  func(*lockcore.Client, string) lockcore.Fence { return 0 },
		call: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			_, err := c.Acquire(background, key, "me", time.Minute, nil)
			return err
		},
		done:    func(s *site, key string) bool { return s.holder(key) == "me" },
		givesUp: true,
	},
	{
		name:   "acquire a lock that is held",
		before: func(c *lockcore.Client, key string) lockcore.Fence { return taken(c, key) },
		call: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			_, err := c.Acquire(background, key, "another", time.Minute, nil)
			if errors.Is(err, lockcore.ErrHeld) {
				return nil // the truth, here
			}
			if err == nil {
				return errors.New("two owners have the lock")
			}
			return err
		},
		done: func(s *site, key string) bool { return s.holder(key) == "me" },
	},
	{
		name:    "extend",
		changes: true,
		before:  taken,
		call: func(c *lockcore.Client, key string, fence lockcore.Fence) error {
			_, err := c.Extend(background, key, "me", time.Hour, &lockcore.ExtendOptions{Fence: fence})
			return err
		},
		done: func(s *site, key string) bool { return s.do("PTTL", key).(int64) > (30 * time.Minute).Milliseconds() },
		again: func(c *lockcore.Client, key string, fence lockcore.Fence) error {
			_, err := c.Extend(background, key, "me", time.Hour, &lockcore.ExtendOptions{Fence: fence})
			return err
		},
	},
	{
		name:    "release",
		changes: true,
		before:  taken,
		call: func(c *lockcore.Client, key string, fence lockcore.Fence) error {
			_, err := c.Release(background, key, "me", &lockcore.ReleaseOptions{Fence: fence})
			return err
		},
		done: func(s *site, key string) bool { return s.holder(key) == "" },
		again: func(c *lockcore.Client, key string, fence lockcore.Fence) error {
			_, err := c.Release(background, key, "me", &lockcore.ReleaseOptions{Fence: fence})
			return err
		},
	},
	{
		name:    "release by owner alone",
		changes: true,
		before:  taken,
		call: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			_, err := c.Release(background, key, "me", nil)
			return err
		},
		done: func(s *site, key string) bool { return s.holder(key) == "" },
		again: func(c *lockcore.Client, key string, _ lockcore.Fence) error {
			_, err := c.Release(background, key, "me", nil)
			return err
		},
	},
	{
		name:    "force-release",
		changes: true,
		before:  taken,
		call:    forced,
		done:    func(s *site, key string) bool { return s.holder(key) == "" },
		again:   forced,
	},
}

func forced(c *lockcore.Client, key string, fence lockcore.Fence) error {
	_, err := c.ForceRelease(background, lockcore.ForceRelease{
		Key: key, Expect: lockcore.Expectation{Owner: "me", Fence: fence}, Operation: "op-of-" + key, Operator: "ann", Reason: "stuck",
	})
	return err
}

func TestEveryBytePosition(t *testing.T) {
	onEachSite(t, func(t *testing.T, s *site) {
		for _, c := range cutCases {
			t.Run(c.name, func(t *testing.T) {
				// Once, so that what the cut left in doubt is what the caller is told.
				everyByte(t, t, s, c, cutting{known: true, command: "EVALSHA", stride: s.stride, once: true})
				// As it is used, where the client itself finds out what it can.
				everyByte(t, t, s, c, cutting{known: true, command: "EVALSHA", stride: 5 * s.stride})
				// And where the script itself has to be sent; one of its bytes is like another.
				everyByte(t, t, s, c, cutting{command: "EVALSHA", stride: 9 * s.stride, once: true})
				everyByte(t, t, s, c, cutting{command: "EVAL", stride: 251, once: true})
			})
		}
	})
}

// cutting says what is cut where.
type cutting struct {
	known   bool   // the server has the script
	command string // whose first request is cut, and the reply to it
	stride  int    // 1 is every byte
	once    bool   // the client has no time for a second try
	through func(lockcore.Transport) lockcore.Transport
}

// reporter is what wrong answers are told to.
type reporter interface {
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

func everyByte(tb testing.TB, t reporter, s *site, c cutCase, cut cutting) {
	transport := s.connect(time.Minute) // nothing hangs here
	defer transport.Close()
	var through lockcore.Transport = transport
	if cut.through != nil {
		through = cut.through(transport)
	}
	client, direct := lockcore.New(through), lockcore.New(s.direct)
	if cut.once {
		client = lockcore.New(through, lockcore.WithTimeout(time.Millisecond))
	}
	proxy, n, unknown, doubted := s.proxies[0], 0, 0, 0
	proxy.EveryCut(tb, cut.stride, cut.command, func(f locktest.WireFault) {
		n++
		// A key of its own, and of one length, so that nothing is left behind by an earlier one.
		key := fmt.Sprintf("lock:%07d", cutKeys.Add(1))
		fence := c.before(direct, key)
		if !cut.known {
			s.do("SCRIPT", "FLUSH")
		}
		err := c.call(client, key, fence)
		proxy.Settle()
		client.Wait()
		done := c.done(s, key)
		switch {
		case err == nil && !done:
			t.Errorf("%s: a wrong yes: it is not so", f)
		case err == nil:
		case errors.Is(err, lockcore.ErrUnknownOutcome):
			unknown++
			if done {
				doubted++
			}
			if done && c.givesUp && !cut.once {
				t.Errorf("%s: the lock is left held for nobody", f)
			}
		case errors.Is(err, lockcore.ErrUnreachable):
			if done && c.changes {
				t.Errorf("%s: a wrong no: it was done, and the answer is %v", f, err)
			}
		case errors.Is(err, lockcore.ErrLate) && !done: // it was under way for more than a second, on a machine that is busy
		default:
			t.Errorf("%s: a wrong no: nothing but this call touched the lock, and the answer is %v", f, err)
		}
		if c.again != nil {
			if repeated := c.again(direct, key, fence); repeated != nil || !c.done(s, key) {
				t.Errorf("%s: done again after %v it is answered %v", f, err, repeated)
			}
		}
	})
	if unknown == 0 && cut.once {
		t.Errorf("of %d cuts none left an unknown outcome", n-1)
	}
	t.Logf("%s, stride %d: %d positions, %d outcomes unknown, of which %d had happened", cut.command, cut.stride, n-1, unknown, doubted)
}

var cutKeys atomic.Int64

// TestAnAnswerThatIsWrongIsNoticed: a transport that takes what it does not know for a no, or for a
// yes, does not get past the test above.
func TestAnAnswerThatIsWrongIsNoticed(t *testing.T) {
	s := overRESP(t, locktest.StartRedis(t).Addr)
	for name, liar := range map[string]guessing{
		"no":  {err: lockcore.ErrUnreachable},
		"yes": {reply: "1795420800000 1795420800000123 60000 0"},
	} {
		for _, c := range cutCases {
			var found complaints
			everyByte(t, &found, s, c, cutting{known: true, command: "EVALSHA", stride: 5, once: true,
				through: func(t lockcore.Transport) lockcore.Transport { liar.Transport = t; return liar }})
			if c.changes && found.wrong == 0 {
				t.Errorf("%s: a transport that guesses %q went unnoticed", c.name, name)
			}
		}
	}
}

// guessing is a transport that makes something up where it knows nothing.
type guessing struct {
	lockcore.Transport
	reply any
	err   error
}

func (g guessing) Eval(ctx context.Context, script *lockcore.Script, keys, args []string) (any, error) {
	got, err := g.Transport.Eval(ctx, script, keys, args)
	if errors.Is(err, lockcore.ErrUnknownOutcome) {
		return g.reply, g.err
	}
	return got, err
}

// complaints counts the answers that were found wrong.
type complaints struct{ wrong int }

func (c *complaints) Errorf(format string, _ ...any) {
	if strings.Contains(format, "wrong") {
		c.wrong++
	}
}

func (c *complaints) Logf(string, ...any) {}
