package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// typist answers a question, after doing something.
type typist struct {
	do     func()
	answer io.Reader
}

func (p *typist) Read(b []byte) (int, error) {
	if p.do != nil {
		p.do()
		p.do = nil
	}
	return p.answer.Read(b)
}

func TestForceReleaseAsks(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.terminal = true
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	force := []string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "gone"}
	for _, no := range []string{"n\n", "\n", "", "maybe\n", "yep\n"} {
		s.in = strings.NewReader(no)
		if got := s.run(force...); got.code != exitFailed || !strings.Contains(got.err, "[y/N]") || !strings.Contains(got.err, "not released") {
			t.Errorf("answer %q: %+v", no, got)
		}
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Fatalf("released without a yes: %q", owner)
	}
	s.in = strings.NewReader("Y\n")
	got := s.run(force...)
	if got.code != exitDone || !strings.Contains(got.out, "released lock:a") || !strings.Contains(got.err, "from A (fence ") || !strings.Contains(got.err, "left, held for") {
		t.Errorf("%+v", got)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "(nil)" {
		t.Errorf("not released: %q", owner)
	}
	s.run("extend", "lock:a", "--owner", "A", "--ttl", "1m").fails(t, exitNotHeld, "revoked", "gone")
}

func TestForceReleaseRefusesWhatIsNotAsExpected(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	force := func(more ...string) answer {
		return s.run(append([]string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "gone", "--yes"}, more...)...)
	}
	force().fails(t, exitHeld, "nobody holds it")
	fence := strings.TrimSpace(s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m"))
	force("--expect-fence", "1").fails(t, exitHeld, "A holds it again, with fence "+fence)
	s.must(t, "release", "lock:a", "--owner", "A")
	force().fails(t, exitHeld, "that hold was released", "nobody holds it now")
	s.must(t, "acquire", "lock:a", "--owner", "B", "--ttl", "1m")
	force().fails(t, exitHeld, "B holds it, fence", "for another")
	r.CLI("SET", "lock:a", "A", "PX", "60000")
	force("--expect-fence", fence).fails(t, exitHeld, "nobody recorded the fence")
	r.CLI("DEL", "lock:a")
	r.CLI("RPUSH", "lock:a", "x")
	force().fails(t, exitFailed, "no lock")
}

func TestForceReleaseDryRunChangesNothing(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	args := []string{"force-release", "lock:a", "--expect-owner", "A", "--reason", "gone", "--dry-run"}
	if out := s.must(t, append(args, "--read-only")...); !strings.HasPrefix(out, "would release lock:a on "+r.URL()+" from A") {
		t.Errorf("%q", out)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Errorf("it was released: %q", owner)
	}
	args[3] = "B"
	s.run(args...).fails(t, exitHeld, "A holds it")
}

func TestAChangeBetweenLookAndActIsRefused(t *testing.T) {
	for name, changed := range map[string]func(r *locktest.Redis, s *shell){
		"released": func(r *locktest.Redis, s *shell) { s.run("release", "lock:a", "--owner", "A") },
		"another owner": func(r *locktest.Redis, s *shell) {
			r.CLI("DEL", "lock:a")
			s.run("acquire", "lock:a", "--owner", "B", "--ttl", "1m")
		},
		"the same owner once more": func(r *locktest.Redis, s *shell) {
			s.run("release", "lock:a", "--owner", "A")
			s.run("acquire", "lock:a", "--owner", "A", "--ttl", "2m")
		},
		"another hold of the same owner that nobody records": func(r *locktest.Redis, s *shell) { r.CLI("SET", "lock:a", "A", "PX", "30000") },
	} {
		for _, recorded := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				r := locktest.StartRedis(t)
				s := on(r.URL())
				if recorded {
					s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
				} else {
					r.CLI("SET", "lock:a", "A", "PX", "60000")
				}
				s.terminal = true
				before := ""
				s.in = &typist{func() { changed(r, on(r.URL())); before = r.CLI("GET", "lock:a") }, strings.NewReader("y\n")}
				got := s.run("force-release", "lock:a", "--expect-owner", "A", "--reason", "gone")
				if got.code != exitHeld || got.out != "" || !strings.Contains(got.err, "not released, the lock has changed") {
					t.Errorf("%+v", got)
				}
				if after := r.CLI("GET", "lock:a"); after != before {
					t.Errorf("%q holds it instead of %q", after, before)
				}
			})
		}
	}
}

// forgetful loses the answer to the first scripts.
type forgetful struct {
	lockcore.Transport
	times int
}

func (f *forgetful) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	got, err := f.Transport.Eval(ctx, s, keys, args)
	if f.times > 0 && err == nil {
		f.times--
		return nil, lockcore.ErrUnknownOutcome
	}
	return got, err
}

func TestAForcedReleaseIsSentAgainWhereItsAnswerWasLost(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	var out, stderr bytes.Buffer
	e := s.env(&out, &stderr)
	session, err := e.open(&settings{url: r.URL(), timeout: 10 * time.Second, operator: "me"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	session.locks = lockcore.New(&forgetful{session.client, 1})
	order := &forcing{env: e, session: session, op: "force-release", nothing: "not released", key: "lock:a", reason: "gone"}
	if err := order.release(t.Context(), "A", 0, true, false); err != nil || !strings.Contains(out.String(), "released lock:a") {
		t.Errorf("%v, %q", err, out.String())
	}
	s.must(t, "acquire", "lock:a", "--owner", "B", "--ttl", "1m")
	session.locks = lockcore.New(&forgetful{session.client, 1 << 20}, lockcore.WithTimeout(300*time.Millisecond))
	var f *fault
	if err := order.release(t.Context(), "B", 0, true, false); !errors.As(err, &f) || f.code != exitUnknown {
		t.Errorf("lost for good: %v", err)
	}
}

func TestAnInterruptAtTheQuestionReleasesNothing(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:a", "--owner", "A", "--ttl", "1m")
	ctx, cancel := context.WithCancelCause(t.Context())
	read, write := io.Pipe()
	defer write.Close() // ends the reading that was left behind
	s.ctx, s.terminal, s.in = ctx, true, &typist{func() { cancel(errInterrupted) }, read}
	if got := s.run("force-release", "lock:a", "--expect-owner", "A", "--reason", "gone"); got.code != exitInterrupted || got.out != "" {
		t.Errorf("%+v", got)
	}
	if owner := r.CLI("GET", "lock:a"); owner != "A" {
		t.Errorf("it was released: %q", owner)
	}
}
