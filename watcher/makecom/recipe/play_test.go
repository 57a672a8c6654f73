package recipe

// Both topologies, played from their blueprints against a REST API before a real redis-server.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a server, and what a scenario needs of it.
type stage struct {
	*locktest.Redis
	rest  *locktest.REST
	locks *lockcore.Client
	t     *testing.T
}

func newStage(t *testing.T) stage {
	t.Helper()
	redis := locktest.StartRedis(t)
	client, err := resp.New(resp.Options{URL: redis.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return stage{redis, locktest.StartREST(t, redis.Addr), lockcore.New(client), t}
}

func (s stage) scenario() Scenario {
	sc := DefaultScenario
	sc.URL, sc.TTL = s.rest.URL(), 10*time.Minute // no lock runs out on a slow machine
	return sc
}

func (s stage) recipe(change func(*Scenario)) *account {
	s.t.Helper()
	sc := s.scenario()
	if change != nil {
		change(&sc)
	}
	r, err := New(sc)
	if err != nil {
		s.t.Fatal(err)
	}
	return imported(s.t, r, s.rest.Token())
}

func (s stage) published() *account {
	s.t.Helper()
	r, err := AsPublished(s.scenario())
	if err != nil {
		s.t.Fatal(err)
	}
	return imported(s.t, r, s.rest.Token())
}

func (s stage) lock(key string) *lockcore.Lock {
	s.t.Helper()
	l, err := s.locks.Inspect(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// sent is how many requests had all the texts in their body.
func (s stage) sent(texts ...string) int {
	n := 0
	for _, r := range s.rest.Requests() {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(r.Body, text) }) {
			n++
		}
	}
	return n
}

func event(id, customer string) map[string]any {
	return map[string]any{"id": id, "customer_id": customer}
}

const cus7 = "lock:stripe_cus_7"

// The first event is in its section when the second one comes. Then the record is free for half an hour.
func TestTheRetryTrap(t *testing.T) {
	play := func(s stage, m *account) (inside []string, second *execution) {
		m.work = func(x *execution) error {
			inside = append(inside, asText(x.out[1]["id"]))
			if len(inside) == 1 {
				second = m.call(event("evt_2", "7"))
			}
			return nil
		}
		m.call(event("evt_1", "7"))
		if len(inside) != 1 || len(m.kept) != 1 {
			t.Fatalf("inside: %q, kept: %d; the second was to be denied", inside, len(m.kept))
		}
		if left := s.CLI("EXISTS", cus7); left != "0" {
			t.Fatal("the first one left its lock")
		}
		m.wait(30 * time.Minute)
		if len(m.errors) != 0 {
			t.Errorf("errors that nothing handled: %v", m.errors)
		}
		return inside, second
	}
	t.Run("as published, the denied work never acquires", func(t *testing.T) {
		s := newStage(t)
		m := s.published()
		inside, _ := play(s, m)
		if !slices.Equal(inside, []string{"evt_1"}) {
			t.Errorf("inside: %q", inside)
		}
		if m.started != 2+10 {
			t.Errorf("%d executions; want both first tries and ten retries", m.started)
		}
		if n := s.sent(`"SET"`); n != 2 {
			t.Errorf("SET was tried %d times; no retry gets as far", n)
		}
		if len(m.kept) != 1 || m.kept[0].failed != idThrow || m.kept[0].left != 0 || !m.kept[0].due.IsZero() {
			t.Errorf("kept: %+v; want one, unresolved, at the thrower", m.kept)
		}
	})
	t.Run("by the recipe, it does", func(t *testing.T) {
		s := newStage(t)
		m := s.recipe(nil)
		inside, _ := play(s, m)
		if !slices.Equal(inside, []string{"evt_1", "evt_2"}) {
			t.Errorf("inside: %q", inside)
		}
		if m.started != 3 || len(m.kept) != 0 {
			t.Errorf("%d executions, kept: %+v", m.started, m.kept)
		}
		l := s.lock(cus7)
		if l.Owner != "" || len(l.Ledger.Holds) != 2 || l.Ledger.Holds[0].Fence <= l.Ledger.Holds[1].Fence {
			t.Fatalf("%+v", l)
		}
		for _, h := range l.Ledger.Holds {
			if h.How != lockcore.HowReleased {
				t.Errorf("a hold that ended by %s", h.How)
			}
		}
		if l.Ledger.Denied != 1 || len(l.Ledger.Waiters) != 0 {
			t.Errorf("%d denials, waiters: %+v", l.Ledger.Denied, l.Ledger.Waiters)
		}
	})
}

func TestADeniedEventWaitsUnderItsWork(t *testing.T) {
	s := newStage(t)
	m := s.recipe(nil)
	var first, denied *execution
	m.work = func(x *execution) error {
		first = x
		denied = m.call(event("evt_2", "7"))
		if m.kept[0].failed != idAcquire || !strings.Contains(m.kept[0].err.Error(), "HELD "+x.id) {
			t.Errorf("kept at module %d because of %v", m.kept[0].failed, m.kept[0].err)
		}
		m.wait(2 * time.Minute)
		l := s.lock(cus7)
		if l.Owner != x.id || l.Fence.String() != asText(x.out[idSection]["fence"]) || asText(x.out[idSection]["lock"]) != cus7 {
			t.Errorf("the lock has %q with %v; the section was given %v", l.Owner, l.Fence, x.out[idSection])
		}
		if w := l.Ledger.Waiters; len(w) != 1 || w[0].Work != "evt_2" || w[0].Attempts != 3 || w[0].Owner == denied.id {
			t.Errorf("waiters: %+v; want evt_2 after three attempts of different owners", w)
		}
		m.work = nil
		return nil
	}
	m.call(event("evt_1", "7"))
	if first.id == denied.id {
		t.Fatal("two executions with one id")
	}
	if m.wait(time.Minute); len(m.kept) != 0 {
		t.Errorf("kept: %+v", m.kept)
	}
}

func TestAttemptsRunOut(t *testing.T) {
	s := newStage(t)
	m := s.recipe(func(sc *Scenario) { sc.Policy.Attempts = 3 })
	s.CLI("SET", cus7, "somebody", "PX", "3600000")
	m.call(event("evt_1", "7"))
	m.wait(time.Hour)
	if m.started != 4 || len(m.kept) != 1 || m.kept[0].left != 0 || m.kept[0].failed != idAcquire {
		t.Errorf("%d executions, kept: %+v", m.started, m.kept)
	}
	// It is not lost: whoever starts it by hand begins with the acquire.
	s.CLI("DEL", cus7)
	inside := 0
	m.work = func(*execution) error { inside++; return nil }
	if x := m.start(m.kept[0].flow, m.kept[0].out, m.kept[0]); x.err != nil || inside != 1 {
		t.Errorf("started by hand: %v, inside %d times", x.err, inside)
	}
}

// While one is inside its lock goes, as if its TTL had run out, and somebody else gets in.
func TestReleaseLeavesSomebodyElsesLockAlone(t *testing.T) {
	overrun := func(s stage, m *account) {
		m.work = func(*execution) error {
			s.CLI("DEL", cus7)
			s.CLI("SET", cus7, "somebody else", "PX", "3600000")
			return nil
		}
		if x := m.call(event("evt_1", "7")); x.err != nil {
			t.Error(x.err)
		}
	}
	t.Run("as published, DEL frees it", func(t *testing.T) {
		s := newStage(t)
		overrun(s, s.published())
		if s.CLI("EXISTS", cus7) != "0" {
			t.Errorf("the lock has %q", s.CLI("GET", cus7))
		}
	})
	t.Run("by the recipe, it stays", func(t *testing.T) {
		s := newStage(t)
		m := s.recipe(nil)
		overrun(s, m)
		if got := s.CLI("GET", cus7); got != "somebody else" {
			t.Errorf("the lock has %q", got)
		}
		if len(m.errors)+len(m.kept) != 0 {
			t.Errorf("the work is done, and yet: %v, %v", m.errors, m.kept)
		}
	})
}

func TestASectionThatFails(t *testing.T) {
	failing := func(*execution) error { return errors.New("no such customer") }
	t.Run("as published, its lock stays and the scenario is switched off", func(t *testing.T) {
		s := newStage(t)
		m := s.published()
		m.work = failing
		m.call(event("evt_1", "7"))
		if s.CLI("EXISTS", cus7) != "1" || len(m.errors) != 1 {
			t.Errorf("the lock: %s, errors: %v", s.CLI("EXISTS", cus7), m.errors)
		}
	})
	t.Run("by the recipe, its lock is free and the event is kept", func(t *testing.T) {
		s := newStage(t)
		m := s.recipe(nil)
		m.work = failing
		m.call(event("evt_1", "7"))
		m.wait(time.Hour)
		l := s.lock(cus7)
		if l.Owner != "" || l.Ledger.Holds[0].How != lockcore.HowReleased {
			t.Errorf("the lock: %+v", l)
		}
		if m.started != 1 || len(m.kept) != 1 || m.kept[0].failed != idSection || len(m.errors) != 0 {
			t.Errorf("%d executions, kept: %+v, errors: %v; want it kept and not run without the lock", m.started, m.kept, m.errors)
		}
	})
	t.Run("with a lock that is lost as well, it is kept all the same", func(t *testing.T) {
		s := newStage(t)
		m := s.recipe(nil)
		m.work = func(x *execution) error { s.CLI("DEL", cus7); return failing(x) }
		m.call(event("evt_1", "7"))
		if len(m.kept) != 1 || len(m.errors) != 0 {
			t.Errorf("kept: %+v, errors: %v", m.kept, m.errors)
		}
	})
}

func TestTheSenderIsToldWhereItWaits(t *testing.T) {
	s := newStage(t)
	m := s.recipe(func(sc *Scenario) { sc.Respond = true })
	m.call(event("evt_1", "7"))
	m.work = func(*execution) error { return errors.New("no such customer") }
	m.call(event("evt_2", "7"))
	if !slices.Equal(m.answers, []string{"200", "500"}) || len(m.kept) != 1 || len(m.errors) != 0 || s.CLI("EXISTS", cus7) != "0" {
		t.Errorf("answers: %q, kept: %+v, errors: %v", m.answers, m.kept, m.errors)
	}
	// Of a retry nobody is told, and nothing is lost for that.
	m.work = func(*execution) error { m.call(event("evt_4", "7")); m.call(event("evt_5", "7")); return nil }
	m.call(event("evt_3", "7"))
	m.work = func(x *execution) error {
		if x.out[1]["id"] == "evt_5" {
			return errors.New("no such customer")
		}
		return nil
	}
	m.wait(time.Hour)
	if !slices.Equal(m.answers, []string{"200", "500", "200"}) || len(m.errors) != 0 || s.CLI("EXISTS", cus7) != "0" {
		t.Errorf("answers: %q, errors: %v", m.answers, m.errors)
	}
	if len(m.kept) != 2 || m.kept[1].out[1]["id"] != "evt_5" || m.kept[1].failed != idSection {
		t.Errorf("kept: %+v", m.kept)
	}
}

// The switch "evaluate all states as errors" is easily lost when a module is rebuilt by hand.
func TestWithoutErrorsByStatusNobodyGetsInUnguarded(t *testing.T) {
	s := newStage(t)
	m := s.recipe(nil)
	m.plan.Flow[1].Parameters["handleErrors"] = false
	s.CLI("SET", cus7, "somebody", "PX", "3600000")
	m.work = func(*execution) error { t.Error("inside without the lock"); return nil }
	m.call(event("evt_1", "7"))
	if s.CLI("GET", cus7) != "somebody" {
		t.Error("it released somebody else's lock")
	}
}

func TestWhatEverFailsAnAcquireItIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]locktest.RESTFault{
		"a connection that is cut":       {Times: 1, Drop: true},
		"an answer that is lost":         {Times: 1, Execute: true, Drop: true},
		"too many requests":              {Times: 1, Status: http.StatusTooManyRequests, Body: "slow down"},
		"a page that is no answer":       {Times: 1, Status: http.StatusBadGateway, Body: "<html>"},
		"a token that is not accepted":   {Times: 1, Status: http.StatusUnauthorized, Body: `{"error":"WRONGPASS"}`},
		"a database that is out of room": {Times: 1, Status: http.StatusBadRequest, Body: `{"error":"OOM command not allowed"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			m := s.recipe(nil)
			inside := 0
			m.work = func(*execution) error { inside++; return nil }
			s.rest.Inject(fault)
			m.call(event("evt_1", "7"))
			if len(m.kept) != 1 || m.kept[0].failed != idAcquire || inside != 0 {
				t.Fatalf("kept: %+v, inside %d times", m.kept, inside)
			}
			s.CLI("DEL", cus7) // by then a lock that nobody heard of has run out
			if m.wait(time.Minute); inside != 1 || len(m.kept)+len(m.errors) != 0 {
				t.Errorf("inside %d times, kept: %+v, errors: %v", inside, m.kept, m.errors)
			}
		})
	}
}

// hostile are values that would break out of a JSON string, of an expression, or of a hash tag.
var hostile = []string{
	"7", "cus_NffrFeUfNV2Hib", "a-b_c.d~e", "7 8", `"`, `","A","NX`, `\`, `\"`, "a\nb", "a\tb", "\x00", "{a}", "{", "}", "{}", "{{1.id}}", "}}", "{{", "%", "%7B",
	"a:b", "ß@example.org", "日本", "<script>", "", "'); --", strings.Repeat("x", 900),
}

func TestValuesFromOutsideStayValues(t *testing.T) {
	s := newStage(t)
	m := s.recipe(func(sc *Scenario) { sc.Resource = "lock:{{1.customer_id}}:sync" })
	for _, value := range hostile {
		inside := false
		m.work = func(x *execution) error {
			inside = true
			key := "lock:" + encodeURL(value) + ":sync"
			if l := s.lock(key); l.Owner != x.id || l.Fence == 0 {
				t.Errorf("%q: %s has %q with fence %v", value, key, l.Owner, l.Fence)
			}
			if ledger, _ := lockcore.LedgerKey(key); s.CLI("EXISTS", ledger) != "1" || s.CLI("DBSIZE") != "2" {
				t.Errorf("%q: %s keys, %s", value, s.CLI("DBSIZE"), s.CLI("KEYS", "*"))
			}
			return nil
		}
		if x := m.call(event(value, value)); !inside || x.err != nil || len(m.kept) != 0 {
			t.Errorf("%q: inside %v, %v, kept: %+v", value, inside, x.err, m.kept)
		}
		if s.CLI("KEYS", "lock:*") != "" {
			t.Errorf("%q: left %s", value, s.CLI("KEYS", "lock:*"))
		}
		s.CLI("FLUSHALL")
	}
}

// What the recipe guards against: here the id makes two arguments of one, and the event never gets in.
func TestAsPublishedAValueBecomesPartOfTheCommand(t *testing.T) {
	s := newStage(t)
	m := s.published()
	m.work = func(*execution) error { t.Error("it got in"); return nil }
	m.call(event("evt_1", `7","mine`))
	m.wait(time.Hour)
	if s.sent(`["SET","lock:stripe_cus_7","mine",`) != 1 || len(m.kept) != 1 || m.kept[0].left != 0 {
		t.Errorf("kept: %+v; sent: %+v", m.kept, s.rest.Requests())
	}
}

// The bodies are the ones of the modules, and they are what a REST API takes.
func TestTheBodiesThatAreShownAreTheOnesThatAreSent(t *testing.T) {
	s := newStage(t)
	r, err := New(s.scenario())
	if err != nil {
		t.Fatal(err)
	}
	x := &execution{id: "cc1c49323b344687a324888762206003", out: map[int]map[string]any{1: event("evt_1", "7")}}
	post := func(body string) map[string]any {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), r.Bodies[0].Method, s.rest.URL(), strings.NewReader(asText(x.fill(t, body))))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range r.Bodies[0].Headers {
			req.Header.Set(h.Name, strings.ReplaceAll(h.Value, TokenPlaceholder, s.rest.Token()))
		}
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	got := post(r.Bodies[0].Body)
	l := s.lock(cus7)
	if got["result"] != l.Fence.String() || l.Owner != x.id || l.TTL < 9*time.Minute {
		t.Fatalf("acquire answers %v; the lock has %+v", got, l)
	}
	x.out[2] = map[string]any{"data": got}
	x.id = "another"
	if got := post(r.Bodies[0].Body); !strings.HasPrefix(fmt.Sprint(got["error"]), "HELD cc1c4932") {
		t.Errorf("a denial answers %v", got)
	}
	x.id = "cc1c49323b344687a324888762206003"
	for range 2 { // a repeat is no failure
		if got := post(r.Bodies[1].Body); got["result"] != "released" {
			t.Errorf("release answers %v", got)
		}
	}
	for _, module := range r.Blueprint.Flow {
		if module.ID == idAcquire && module.Mapper["data"] != r.Bodies[0].Body || module.ID == idRelease && module.Mapper["data"] != r.Bodies[1].Body {
			t.Errorf("module %d sends something else", module.ID)
		}
	}
}
