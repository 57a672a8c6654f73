package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/watcher"
)

func TestAnOrderIsOnRecordBeforeAndAfterTheStep(t *testing.T) {
	srv := locktest.StartRedis(t)
	trail := trailOn(t, client(t, srv))
	missing, err := trail.Do(t.Context(), order("op1"), func(context.Context) (Result, error) {
		var intent map[string]any
		if err := json.Unmarshal([]byte(lines(t, trail)[0]), &intent); err != nil {
			t.Error(err)
		}
		want := map[string]any{
			"time": "2026-11-24T10:00:00.123Z", "phase": "intent", "operation": "op1", "kind": "force-release", "operator": "ann", "host": "build-7",
			"server": "redis://cache:6379/0", "key": "lock:a", "owner": "A", "fence": 7., "ttl_ms": 12000., "reason": "its worker is gone",
		}
		if fmt.Sprint(intent) != fmt.Sprint(want) {
			t.Errorf("the intent is %v", intent)
		}
		if n := srv.CLI("XLEN", StreamKey); n != "0" {
			t.Errorf("before the step the stream has %s entries", n)
		}
		return Result{TTL: 11 * time.Second, Owner: "ann/op1", Fence: 9}, nil
	})
	if err != nil || missing != nil {
		t.Fatalf("%v, missing %v", err, missing)
	}
	all := local(t, trail)
	if len(all) != 1 || len(lines(t, trail)) != 2 {
		t.Fatalf("the local file has %+v", all)
	}
	got := all[0]
	if got.Outcome != Done || got.NewOwner != "ann/op1" || got.NewFence != 9 || got.TTL != 11*time.Second || got.Ended.IsZero() || got.StreamID == "" {
		t.Errorf("on record is %+v", got)
	}
	published, damaged, err := Published(t.Context(), trail.Stream, 0)
	if err != nil || damaged != 0 || len(published) != 1 {
		t.Fatalf("the stream has %+v, %d damaged, %v", published, damaged, err)
	}
	if p := published[0]; p.StreamID != got.StreamID || p.Entry != got.Entry {
		t.Errorf("the stream has %+v and the local file %+v", p, got)
	}
	if joined := Join(all, published); len(joined) != 1 || joined[0].Entry != got.Entry {
		t.Errorf("joined: %+v", joined)
	}
}

func TestWhatAStepsErrorSaysOfItsOutcome(t *testing.T) {
	for _, c := range []struct {
		err       error
		outcome   string
		published bool
	}{
		{nil, "done", true},
		{&lockcore.ChangedError{Key: "lock:a"}, "changed", true},
		{fmt.Errorf("x: %w", lockcore.ErrUnknownOutcome), "unknown", true},
		{fmt.Errorf("%w: %w", lockcore.ErrUnreachable, lockcore.ErrUnknownOutcome), "unknown", true},
		{fmt.Errorf("x: %w", lockcore.ErrRefused), "refused: x: refused by the server", true},
		{lockcore.ErrWrongType, "refused: the key holds another type than a lock", true},
		{lockcore.ErrLedger, "refused: the lock's ledger cannot be written", true},
		{lockcore.ErrInvalid, "refused: invalid argument", true},
		{fmt.Errorf("x: %w", lockcore.ErrUnreachable), "not sent: x: server unreachable", false},
		{context.Canceled, "unknown", true},
		{errors.New("anything else"), "unknown", true},
		{fmt.Errorf("%w: %s", lockcore.ErrRefused, strings.Repeat("é", 400)), "refused: refused by the server: " + strings.Repeat("é", 138) + "…", true},
	} {
		to := &stream{reply: "1-0"}
		trail := trailOn(t, to)
		missing, err := trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { return Result{Owner: "x"}, c.err })
		if err != c.err || missing != nil {
			t.Errorf("%v became %v, missing %v", c.err, err, missing)
		}
		got := local(t, trail)
		if len(got) != 1 || got[0].Outcome != c.outcome || (got[0].NewOwner == "x") != (c.err == nil) {
			t.Errorf("%v is on record as %+v", c.err, got)
		}
		if (to.asked == 1) != c.published {
			t.Errorf("%v: %d entries sent to the stream", c.err, to.asked)
		}
	}
}

func TestWithoutAnIntentThereIsNoStep(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "a file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trail := range map[string]*Trail{
		"a directory that cannot be made": {Dir: Dir{Path: filepath.Join(blocked, "locktop")}},
		"a file in the directory's place": {Dir: Dir{Path: blocked}},
		"no home":                         {},
		"a full disk":                     {open: func() (file, error) { return &paper{failing: "write", from: 1}, nil }},
		"a disk that takes nothing":       {open: func() (file, error) { return &paper{failing: "sync", from: 1}, nil }},
	} {
		to := &stream{}
		trail.Stream = to
		_, err := trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) {
			t.Errorf("%s: the step was taken", name)
			return Result{}, nil
		})
		if !errors.Is(err, ErrNotRecorded) || to.asked != 0 {
			t.Errorf("%s: %v, %d entries", name, err, to.asked)
		}
	}
}

func TestAnIntentThatWasWrittenButNotKeptDoesNotLookLikeAnOrder(t *testing.T) {
	p := &paper{failing: "sync", from: 1}
	trail := &Trail{Stream: &stream{}, open: func() (file, error) { return p, nil }}
	if _, err := trail.Do(t.Context(), order("op"), done); !errors.Is(err, ErrNotRecorded) {
		t.Fatal(err)
	}
	orders, _, _ := readLocal(strings.NewReader(string(p.text)))
	if len(orders) != 1 || !strings.HasPrefix(orders[0].Outcome, "not sent") {
		t.Errorf("it reads as %+v", orders)
	}
}

func TestTheIntentIsOnDiskBeforeTheStepGoesOut(t *testing.T) {
	p := &paper{}
	trail := &Trail{Stream: &stream{reply: "1-0"}, open: func() (file, error) { return p, nil }}
	if _, err := trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) {
		p.did = append(p.did, "step")
		return Result{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"write", "sync", "step", "write", "sync"}; !slices.Equal(p.did, want) {
		t.Errorf("it did %v", p.did)
	}
}

func TestWhatIsMissingAfterwardsHidesNoOutcome(t *testing.T) {
	for _, stepErr := range []error{nil, lockcore.ErrUnknownOutcome} {
		refusal := &lockcore.ReplyError{Message: "NOPERM this user has no permissions"}
		trail := trailOn(t, &stream{err: refusal})
		missing, err := trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { return Result{}, stepErr })
		if err != stepErr || len(missing) != 1 || !errors.Is(missing[0], refusal) || !strings.Contains(missing[0].Error(), StreamKey) {
			t.Errorf("%v: %v, missing %v", stepErr, err, missing)
		}
		if got := lines(t, trail)[1]; !strings.Contains(got, `"stream_missing":"NOPERM`) {
			t.Errorf("the outcome's line says nothing of the stream: %s", got)
		}

		p := &paper{failing: "write", from: 2}
		trail = &Trail{Stream: &stream{reply: "1-0"}, open: func() (file, error) { return p, nil }}
		missing, err = trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) { return Result{}, stepErr })
		if err != stepErr || len(missing) != 1 || !errors.Is(missing[0], errFull) {
			t.Errorf("%v: %v, missing %v", stepErr, err, missing)
		}
	}
}

func TestAnInterruptedStepIsStillPutOnRecord(t *testing.T) {
	srv := locktest.StartRedis(t)
	trail := trailOn(t, client(t, srv))
	ctx, cancel := context.WithCancel(t.Context())
	missing, err := trail.Do(ctx, order("op"), func(context.Context) (Result, error) {
		cancel()
		return Result{}, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || missing != nil {
		t.Errorf("%v, missing %v", err, missing)
	}
	if got := local(t, trail); len(got) != 1 || got[0].Outcome != Unknown {
		t.Errorf("the local file has %+v", got)
	}
	if n := srv.CLI("XLEN", StreamKey); n != "1" {
		t.Errorf("the stream has %s entries", n)
	}
}

func TestManyAtOnceKeepTheirLinesApart(t *testing.T) {
	trail := trailOn(t, &stream{})
	trail.Stream = discard{}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 8 {
				e := order(fmt.Sprintf("op-%d-%d", i, j))
				e.Key = strings.Repeat("k", 10_000)
				if _, err := trail.Do(t.Context(), e, done); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := local(t, trail)
	if len(got) != 16*8 {
		t.Errorf("%d orders are on record", len(got))
	}
	for _, o := range got {
		if o.Outcome != Done {
			t.Errorf("%s: %q", o.Operation, o.Outcome)
		}
	}
}

type discard struct{}

func (discard) Do(context.Context, ...any) (any, error) { return "1-0", nil }

func TestAForcedReleaseOfLockcoreIsPutOnRecord(t *testing.T) {
	srv := locktest.StartRedis(t)
	c := client(t, srv)
	trail, locks := trailOn(t, c), lockcore.New(c)
	h := held(t, locks, "lock:a")
	force := lockcore.ForceRelease{
		Key: "lock:a", Expect: lockcore.Expectation{Owner: "A", Fence: h.Fence}, Operation: "op1", Operator: "ann", Reason: "gone",
	}
	released, missing, err := trail.ForceRelease(t.Context(), locks, force, 59*time.Second)
	if err != nil || missing != nil || released.Operation != "op1" {
		t.Fatalf("%+v, missing %v, %v", released, missing, err)
	}
	again, _, err := trail.ForceRelease(t.Context(), locks, force, watcher.Unknown)
	if err != nil || !again.Before {
		t.Fatalf("once more: %+v, %v", again, err)
	}
	force.Operation = ""
	if _, _, err := trail.ForceRelease(t.Context(), locks, force, watcher.Unknown); !errors.Is(err, lockcore.ErrChanged) {
		t.Errorf("another operation: %v", err)
	}
	got := local(t, trail)
	if len(got) != 2 || got[0].Outcome != Done || got[0].Fence != h.Fence || got[1].Outcome != Changed || len(got[1].Operation) != 32 {
		t.Errorf("on record: %+v", got)
	}
	if left := got[0].Entry.TTL; left != watcher.Unknown && (left <= 0 || left > time.Minute) {
		t.Errorf("the TTL left is %v", left)
	}
}
