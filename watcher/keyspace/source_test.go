package keyspace_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func TestMain(m *testing.M) {
	// Those that run at the same time wait, for a silence to be noticed say; -parallel has the last word.
	flag.Set("test.parallel", "8")
	goleak.VerifyTestMain(m)
}

// patience is how long a condition may take to come true. It never decides a result:
// what is waited for comes, or the test fails.
const patience = 60 * time.Second

// sameMoment is the rounding of a TTL that was read a moment after it was set.
const sameMoment = 50 * time.Millisecond

// watch is a source that runs, with everything it told.
type watch struct {
	t    testing.TB
	srv  *locktest.Redis
	live *watcher.Live
	now  func() time.Time

	mu     sync.Mutex
	events []watcher.Event
	counts map[watcher.Type]int
	more   chan struct{}
}

const notifying = "K$gxeh"

func follow(t testing.TB, srv *locktest.Redis, change func(*keyspace.Options)) *watch {
	t.Helper()
	return followBy(t, srv, srv.URL(), change)
}

// followBy is follow by another address of the server, a proxy's.
func followBy(t testing.TB, srv *locktest.Redis, url string, change func(*keyspace.Options)) *watch {
	t.Helper()
	w := followURL(t, resp.Options{URL: url}, change)
	w.srv = srv
	return w
}

// followURL watches what a URL leads to.
func followURL(t testing.TB, to resp.Options, change func(*keyspace.Options)) *watch {
	t.Helper()
	if to.Timeout == 0 {
		to.Timeout = 2 * time.Second
	}
	client, err := resp.New(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return followServer(t, keyspace.Redis(client), change)
}

func followServer(t testing.TB, server keyspace.Server, change func(*keyspace.Options)) *watch {
	t.Helper()
	o := keyspace.Options{Server: server}
	if change != nil {
		change(&o)
	}
	return run(t, keyspace.New(o), o, nil)
}

// run has a source run until the test ends. also, if not nil, gets each event first.
func run(t testing.TB, source *keyspace.Source, o keyspace.Options, also func(watcher.Event)) *watch {
	w := &watch{t: t, live: watcher.NewLive(), now: o.Now, counts: map[watcher.Type]int{}, more: make(chan struct{}, 1)}
	if w.now == nil {
		w.now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.live.Run(ctx, source, func(e watcher.Event) {
			w.mu.Lock()
			w.events = append(w.events, e)
			w.counts[e.Type]++
			w.mu.Unlock()
			if also != nil {
				also(e)
			}
			select {
			case w.more <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	return w
}

// until waits until cond holds of what was told so far.
func (w *watch) until(what string, cond func(told []watcher.Event) bool) {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		told := w.events
		w.mu.Unlock()
		if cond(told) {
			return
		}
		select {
		case <-w.more:
		case <-limit:
			w.t.Fatalf("waited in vain for %s; told so far:\n%s", what, log(told))
		}
	}
}

func log(events []watcher.Event) string {
	var b strings.Builder
	if more := len(events) - 300; more > 0 {
		fmt.Fprintf(&b, "(%d events before)\n", more)
		events = events[more:]
	}
	for _, e := range events {
		if e.Type == watcher.Alive {
			continue
		}
		fmt.Fprintf(&b, "%s %s %q node=%s owner=%q ttl=%s fence=%d work=%q attempts=%d held=%s inferred=%v reason=%q\n",
			e.Time.Format("05.000"), e.Type, e.Key, e.Node, e.Owner, e.TTL, e.Fence, e.Work, e.Attempts, e.Held, e.Inferred, e.Reason)
	}
	return b.String()
}

// event waits for an event of a key that is not one of the first skip ones.
func (w *watch) event(t watcher.Type, key string) watcher.Event {
	w.t.Helper()
	var found watcher.Event
	w.until(fmt.Sprintf("%s of %s", t, key), func(told []watcher.Event) bool {
		for _, e := range told {
			if e.Type == t && e.Key.Raw() == key {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func (w *watch) count(t watcher.Type) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[t]
}

func (w *watch) complete() {
	w.t.Helper()
	w.until("the first picture", func([]watcher.Event) bool { return w.count(watcher.Resynced) > 0 })
}

// held gives the locks that are shown as held, with their owners.
func (w *watch) held() map[string]string {
	held := map[string]string{}
	for _, r := range w.live.View(watcher.Query{}, time.Now()).Rows {
		if r.Held {
			held[r.Key.Raw()] = r.Owner.Raw()
		}
	}
	return held
}

func newServer(t testing.TB, args ...string) *locktest.Redis {
	t.Helper()
	return locktest.StartRedis(t, append([]string{"--notify-keyspace-events", notifying}, args...)...)
}

func cores(t *testing.T, srv *locktest.Redis) *lockcore.Client {
	t.Helper()
	client, err := resp.New(resp.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return lockcore.New(client)
}

func TestPlainLocksOfClientsThatKnowNoLedgerAreShownAsTheyAre(t *testing.T) {
	srv := newServer(t)
	srv.CLI("SET", "lock:before", "early", "NX", "PX", "60000")
	w := follow(t, srv, nil)
	w.complete()

	if e := w.event(watcher.Acquired, "lock:before"); !e.Inferred || e.Owner.Raw() != "early" || e.Fence != 0 || e.Counts != nil {
		t.Errorf("a lock that was there before is told as %+v", e)
	}
	srv.CLI("SET", "lock:stripe_cus_123", "cc1c4932", "NX", "PX", "15000")
	e := w.event(watcher.Acquired, "lock:stripe_cus_123")
	if e.Inferred || e.TTL <= 0 || e.TTL > 15*time.Second+sameMoment || e.Held != 0 {
		t.Errorf("acquired is told as %+v", e)
	}
	srv.CLI("DEL", "lock:stripe_cus_123")
	if e := w.event(watcher.Deleted, "lock:stripe_cus_123"); e.Inferred || e.Owner.Raw() != "cc1c4932" || e.Held < 0 {
		t.Errorf("deleted is told as %+v", e)
	}
	srv.CLI("SET", "lock:short", "me", "NX", "PX", "30")
	if e := w.event(watcher.Expired, "lock:short"); e.Owner.Raw() != "me" {
		t.Errorf("expired is told as %+v", e)
	}
	srv.CLI("SET", "lock:before", "thief")
	if e := w.event(watcher.Overwritten, "lock:before"); e.PreviousOwner.Raw() != "early" || e.Owner.Raw() != "thief" || e.TTL != lockcore.NoTTL {
		t.Errorf("overwritten is told as %+v", e)
	}
	srv.CLI("PEXPIRE", "lock:before", "50000")
	w.event(watcher.Extended, "lock:before")
	srv.CLI("PERSIST", "lock:before")
	w.event(watcher.Persisted, "lock:before")
	srv.CLI("HSET", "lock:hash", "a", "b")
	srv.CLI("SET", "lock:last", "z", "PX", "60000")
	w.event(watcher.Acquired, "lock:last")
	if held := w.held(); len(held) != 2 || held["lock:before"] != "thief" || held["lock:last"] != "z" {
		t.Errorf("held are %v", held)
	}
}

func TestDenialsAndWaitersComeThroughTheLedger(t *testing.T) {
	srv := newServer(t)
	core, ctx := cores(t, srv), context.Background()
	w := follow(t, srv, nil)
	w.complete()

	hold, err := core.Acquire(ctx, "lock:a", "first", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e := w.event(watcher.Acquired, "lock:a"); e.Fence != hold.Fence || e.Inferred {
		t.Errorf("acquired is told as %+v", e)
	}
	for range 2 {
		if _, err := core.Acquire(ctx, "lock:a", "second", time.Minute, &lockcore.AcquireOptions{Work: "evt_2"}); err == nil {
			t.Fatal("the second owner got in")
		}
	}
	w.until("the second denial", func([]watcher.Event) bool {
		d, ok := w.live.Detail("lock:a", watcher.Query{}, time.Now())
		return ok && len(d.Waiters) == 1 && d.Waiters[0].Attempts == 2 && d.Denied == 2
	})
	d, _ := w.live.Detail("lock:a", watcher.Query{}, time.Now())
	if d.State != watcher.Contended || d.Waiters[0].Work.Raw() != "evt_2" || d.Waiters[0].AttemptsLeft != 9 {
		t.Errorf("the lock is seen as %s with %+v", d.State, d.Waiters[0])
	}
	if _, err := core.Release(ctx, "lock:a", "first", nil); err != nil {
		t.Fatal(err)
	}
	if e := w.event(watcher.Released, "lock:a"); e.Owner.Raw() != "first" || e.Fence != hold.Fence || e.Held < 0 {
		t.Errorf("released is told as %+v", e)
	}
	if v := w.live.View(watcher.Query{}, time.Now()); len(v.Rows) != 1 || v.Rows[0].State != watcher.Awaited {
		t.Errorf("a lock that is free and waited for is seen as %+v", v.Rows)
	}
	if _, err := core.Acquire(ctx, "lock:a", "third", time.Minute, &lockcore.AcquireOptions{Work: "evt_2"}); err != nil {
		t.Fatal(err)
	}
	w.until("the waiter to be in", func([]watcher.Event) bool {
		d, ok := w.live.Detail("lock:a", watcher.Query{}, time.Now())
		return ok && d.Held && d.Owner.Raw() == "third" && len(d.Waiters) == 0
	})
	if n := w.count(watcher.Left); n != 0 {
		t.Errorf("%d waiters are told as left; the one there was got in", n)
	}
	l, err := core.Inspect(ctx, "lock:a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := core.ForceRelease(ctx, lockcore.ForceRelease{Key: "lock:a", Expect: l.Expectation(), Operator: "ann@x", Reason: "stuck"}); err != nil {
		t.Fatal(err)
	}
	if e := w.event(watcher.Forced, "lock:a"); e.By.Raw() != "ann@x" || e.Reason.Raw() != "stuck" || e.Owner.Raw() != "third" {
		t.Errorf("forced is told as %+v", e)
	}
}

func TestASeizureIsOneEvent(t *testing.T) {
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	core, ctx := cores(t, srv), context.Background()
	if _, err := core.Acquire(ctx, "lock:a", "victim", time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	w.event(watcher.Acquired, "lock:a")
	l, err := core.Inspect(ctx, "lock:a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := core.Seize(ctx, lockcore.Seizure{Key: "lock:a", Expect: l.Expectation(), TTL: time.Minute, Operator: "ann@x", Reason: "stop it first"})
	if err != nil {
		t.Fatal(err)
	}
	e := w.event(watcher.Seized, "lock:a")
	if e.By.Raw() != "ann@x" || e.Reason.Raw() != "stop it first" || e.PreviousOwner.Raw() != "victim" || e.Owner.Raw() != got.Owner || e.Fence != got.Fence {
		t.Errorf("seized is told as %+v", e)
	}
	for _, other := range []watcher.Type{watcher.Overwritten, watcher.Forced, watcher.Deleted} {
		if n := w.count(other); n != 0 {
			t.Errorf("%d events of type %s besides", n, other)
		}
	}
}

func TestAnOverrunAndAnOverlapAreToldOnce(t *testing.T) {
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	core, ctx := cores(t, srv), context.Background()
	slow, err := core.Acquire(ctx, "lock:a", "slow", time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.event(watcher.Expired, "lock:a")
	next, err := core.Acquire(ctx, "lock:a", "next", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The late release, as an owner sends it who was at work until a second from now.
	client, err := resp.New(resp.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ledger, _ := lockcore.LedgerKey("lock:a")
	sent := fmt.Sprint(time.Now().Add(time.Second).UnixMilli())
	for _, s := range lockcore.Scripts() {
		if s.Name != "release" {
			continue
		}
		if _, err := client.Eval(ctx, s, []string{"lock:a", ledger}, []string{"slow", slow.Fence.String(), "", sent}); err != nil {
			t.Fatal(err)
		}
	}
	e := w.event(watcher.Overlap, "lock:a")
	if e.Owner.Raw() != "slow" || e.Fence != slow.Fence || e.Held < time.Second {
		t.Errorf("the overlap is told as %+v", e)
	}
	if _, err := core.Release(ctx, "lock:a", "next", &lockcore.ReleaseOptions{Fence: next.Fence}); err != nil {
		t.Fatal(err)
	}
	w.event(watcher.Released, "lock:a")
	if a, b := w.count(watcher.Overrun), w.count(watcher.Overlap); a != 1 || b != 1 {
		t.Errorf("%d overruns and %d overlaps are told", a, b)
	}
}

func TestAWaiterOfAFreeLockIsFoundByTheFirstScan(t *testing.T) {
	srv := newServer(t)
	core, ctx := cores(t, srv), context.Background()
	if _, err := core.Acquire(ctx, "lock:{tag}", "first", time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	core.Acquire(ctx, "lock:{tag}", "second", time.Minute, nil)
	if _, err := core.Release(ctx, "lock:{tag}", "first", nil); err != nil {
		t.Fatal(err)
	}
	w := follow(t, srv, nil)
	w.complete()
	v := w.live.View(watcher.Query{}, time.Now())
	if len(v.Rows) != 1 || v.Rows[0].State != watcher.Awaited || v.Rows[0].Waiting != 1 {
		t.Errorf("seen are %+v", v.Rows)
	}
}

func TestWithoutNotificationsItPollsAndSaysSo(t *testing.T) {
	srv := locktest.StartRedis(t) // Redis's default: none
	srv.CLI("SET", "lock:a", "one", "PX", "60000")
	w := follow(t, srv, func(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond })
	w.complete()
	s := w.live.View(watcher.Query{}, time.Now()).Status
	if s.Link.Polled != 20*time.Millisecond || !strings.Contains(s.Link.Warning.String(), "--enable-notifications") {
		t.Errorf("the link is %+v", s.Link)
	}
	srv.CLI("SET", "lock:b", "two", "PX", "60000")
	if e := w.event(watcher.Acquired, "lock:b"); !e.Inferred {
		t.Errorf("a polled difference is told as %+v", e)
	}
	srv.CLI("DEL", "lock:a")
	w.event(watcher.Deleted, "lock:a")
	if got := srv.CLI("CONFIG", "GET", "notify-keyspace-events"); got != "notify-keyspace-events\n" {
		t.Errorf("the server's setting was changed unasked: %q", got)
	}
}

func TestNotificationsAreEnabledOnlyOnDemandAndKeepWhatIsThere(t *testing.T) {
	srv := locktest.StartRedis(t, "--notify-keyspace-events", "Elm")
	w := follow(t, srv, func(o *keyspace.Options) { o.EnableNotifications = true })
	w.complete()
	got := srv.CLI("CONFIG", "GET", "notify-keyspace-events")
	for _, letter := range "ElmK$gxeh" {
		if !strings.ContainsRune(got, letter) {
			t.Errorf("the setting is %q and lacks %c", got, letter)
		}
	}
	srv.CLI("SET", "lock:b", "two", "PX", "60000")
	if e := w.event(watcher.Acquired, "lock:b"); e.Inferred {
		t.Errorf("a notified lock is told as %+v", e)
	}
}

func TestALostServerIsAGapAndThenTheTruthAgain(t *testing.T) {
	srv := newServer(t)
	srv.CLI("SET", "lock:lost", "one", "PX", "600000")
	w := follow(t, srv, nil)
	w.complete()
	srv.Kill()
	w.until("a gap", func([]watcher.Event) bool { return w.count(watcher.Gap) == 1 })
	if s := w.live.View(watcher.Query{}, time.Now()).Status; s.Connected || s.Complete || s.Problem.Empty() {
		t.Errorf("after the loss the status is %+v", s)
	}
	srv.Start() // without its data
	srv.CLI("SET", "lock:new", "two", "PX", "600000")
	w.until("the second picture", func([]watcher.Event) bool { return w.count(watcher.Resynced) == 2 })
	if e := w.event(watcher.Deleted, "lock:lost"); !e.Inferred {
		t.Errorf("what vanished during the gap is told as %+v", e)
	}
	w.until("the new lock", func([]watcher.Event) bool { return w.held()["lock:new"] == "two" })
	if held := w.held(); len(held) != 1 {
		t.Errorf("held are %v", held)
	}
	if n := w.count(watcher.Gap); n != 1 {
		t.Errorf("one loss is told as %d gaps", n)
	}
}

func TestAFrozenServerIsNoticed(t *testing.T) {
	srv := newServer(t)
	w := follow(t, srv, nil)
	w.complete()
	srv.Freeze()
	w.until("a gap", func([]watcher.Event) bool { return w.count(watcher.Gap) >= 1 })
	srv.Thaw()
	w.until("the second picture", func([]watcher.Event) bool { return w.count(watcher.Resynced) >= 2 })
}

func TestAFlushIsNoticedThoughNoEventTellsIt(t *testing.T) {
	srv := newServer(t)
	srv.CLI("SET", "lock:a", "one", "PX", "600000")
	w := follow(t, srv, nil)
	w.complete()
	srv.CLI("FLUSHALL")
	if e := w.event(watcher.Deleted, "lock:a"); !e.Inferred {
		t.Errorf("what a flush removed is told as %+v", e)
	}
	w.until("the picture to be complete again", func([]watcher.Event) bool { return w.count(watcher.Resynced) == 2 })
	if n := w.count(watcher.Gap); n != 1 {
		t.Errorf("a flush is told as %d gaps", n)
	}
}

func TestSwitchedOffNotificationsAreNoticedAndPolledInstead(t *testing.T) {
	srv := newServer(t)
	w := follow(t, srv, func(o *keyspace.Options) { o.PollEvery = 20 * time.Millisecond })
	w.complete()
	srv.CLI("CONFIG", "SET", "notify-keyspace-events", "")
	w.until("polling", func([]watcher.Event) bool {
		s := w.live.View(watcher.Query{}, time.Now()).Status
		return s.Complete && s.Link.Polled > 0
	})
	srv.CLI("SET", "lock:a", "one", "PX", "600000")
	w.event(watcher.Acquired, "lock:a")
}

func TestAUserWhoMayNotSubscribeOrReadSettingsStillSees(t *testing.T) {
	srv := newServer(t)
	srv.CLI("ACL", "SETUSER", "viewer", "on", ">pw", "resetkeys", "%R~lock:*", "%R~locktop:*", "resetchannels",
		"-@all", "+hello", "+auth", "+ping", "+select", "+scan", "+get", "+pttl", "+hgetall", "+time", "+multi", "+exec", "+client|setname")
	client, err := resp.New(resp.Options{URL: "redis://viewer:pw@" + srv.Addr + "/0"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	w := follow(t, srv, func(o *keyspace.Options) { o.Server, o.PollEvery = keyspace.Redis(client), 20*time.Millisecond })
	w.complete()
	srv.CLI("SET", "lock:a", "one", "PX", "600000")
	w.event(watcher.Acquired, "lock:a")
	if s := w.live.View(watcher.Query{}, time.Now()).Status; s.Link.Polled == 0 || s.Link.Warning.Empty() {
		t.Errorf("the link is %+v", s.Link)
	}
}

func TestASnapshotShowsWhatIsThereOnce(t *testing.T) {
	srv := locktest.StartRedis(t)
	for i := range 1000 {
		srv.CLI("SET", fmt.Sprintf("lock:%d", i), "me", "PX", "600000")
	}
	srv.CLI("SET", "other", "x")
	client, err := resp.New(resp.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	table := watcher.NewTable()
	if err := keyspace.Snapshot(context.Background(), keyspace.Options{Server: keyspace.Redis(client)}, table.Apply); err != nil {
		t.Fatal(err)
	}
	if v := table.View(watcher.Query{}, time.Now()); len(v.Rows) != 1000 || !v.Status.Complete {
		t.Errorf("a snapshot of 1000 locks has %d, complete: %v", len(v.Rows), v.Status.Complete)
	}
	srv.Kill()
	if err := keyspace.Snapshot(context.Background(), keyspace.Options{Server: keyspace.Redis(client)}, table.Apply); err == nil {
		t.Error("a snapshot of a dead server succeeds")
	}
}
