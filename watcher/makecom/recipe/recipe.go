package recipe

// The recipe: a denied acquire fails, and is what a retry begins with.

import (
	"fmt"
	"time"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

// Scenario is what a recipe is for. The zero value is not valid; start from DefaultScenario.
type Scenario struct {
	URL      string // of the REST API, without secrets; empty: URLPlaceholder
	Resource string // the lock's key as a Make expression: lock:stripe_cus_{{1.customer_id}}
	Work     string // what an execution is for, the same on every retry: {{1.id}}
	TTL      time.Duration
	Policy   makecom.Policy
	// Respond has the sender of the webhook wait for the critical section, so that it repeats what failed.
	Respond bool
}

// DefaultScenario is about a customer whose events have an id, with the retries that Make.com allows at most.
var DefaultScenario = Scenario{
	Resource: "lock:stripe_cus_{{1.customer_id}}", Work: "{{1.id}}", TTL: 15 * time.Second, Policy: makecom.DefaultPolicy,
}

// MinTTL is the least TTL of a recipe: the HTTP module's time-out is set in whole seconds, and has to be well below it.
const MinTTL = 3 * time.Second

// Recipe is what is to be put into Make.
type Recipe struct {
	Title    string
	Resource string // the key of the lock, as it stands in the bodies
	Ledger   string // the key of its ledger; empty where nothing keeps one
	Owner    string
	Work     string // empty where nothing records it
	TTL      time.Duration
	Policy   makecom.Policy
	Bodies   []Body // of the HTTP modules, in the order of their first use

	Blueprint Blueprint
	Notes     []Note
}

// Body is what an HTTP module sends.
type Body struct {
	Name    string // acquire, release
	Modules []int  // that send it
	Request
}

// Module numbers of the recipe's blueprint.
const (
	idWebhook = iota + 1
	idAcquire
	idRetry
	idSection
	idReleaseFailed
	idKeep
	idRelease
	idGoOn
	idRespondFailed
	idRespond
	idUnheard
	idUntold
)

// New writes the recipe. An error is one line that names the value and what is allowed.
func New(s Scenario) (*Recipe, error) {
	key, err := parseResource(s.Resource)
	if err != nil {
		return nil, err
	}
	work, err := parse("work", s.Work)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Respond && s.Policy.Mode == makecom.Sequential {
		return nil, fmt.Errorf("with sequential processing Make answers a webhook before the scenario runs, so the sender cannot be told how it ended; leave one of them out")
	}
	key, work = key.safe(), work.safe()
	acquire, release := s.acquire(key, work), s.release(key, idAcquire, true)
	released := release
	released.Failing = false // an error within an error route would end the execution there

	taking := send(idAcquire, "Acquire", acquire)
	taking.OnError = []Module{retry(idRetry, s.Policy.Attempts, s.Policy.Interval)}
	guarded := section(idSection, "CRITICAL SECTION: put your modules here", Header{"fence", fence(idAcquire)}, Header{"lock", key.String()})
	guarded.Filter = one("has the lock", Condition{Value: fence(idAcquire), Operator: "exist"})
	guarded.OnError = []Module{send(idReleaseFailed, "Release after a failure", released)}
	if s.Respond {
		told := respond(idRespondFailed, 500, "Tell the sender to repeat it", "failed")
		told.OnError = []Module{goOn(idUntold)} // in a retry nobody listens any more
		guarded.OnError = append(guarded.OnError, told)
	}
	guarded.OnError = append(guarded.OnError, keep(idKeep))
	freeing := send(idRelease, "Release", release)
	freeing.OnError = []Module{goOn(idGoOn)}
	flow := []Module{webhook(idWebhook), taking, guarded, freeing}
	if s.Respond {
		done := respond(idRespond, 200, "Tell the sender that it is done", "done")
		done.OnError = []Module{ignore(idUnheard)}
		flow = append(flow, done)
	}

	r := &Recipe{
		Title:    "one lock for each " + s.Resource,
		Resource: key.String(), Ledger: key.ledger().String(), Owner: OwnerExpression, Work: work.String(),
		TTL: s.TTL, Policy: s.Policy,
		Bodies:    []Body{{"acquire", []int{idAcquire}, acquire}, {"release", []int{idReleaseFailed, idRelease}, release}},
		Blueprint: newBlueprint("Guarded by "+s.Resource, s.Policy.Mode == makecom.Sequential, flow...),
	}
	r.Notes = s.notes(r)
	return r, nil
}

// check refuses what Make does not offer.
func (s Scenario) check() error {
	if err := lockcore.CheckTTL(s.TTL); err != nil {
		return err
	}
	if s.TTL < MinTTL {
		return fmt.Errorf("TTL %v: it must be at least %v, since the HTTP module's time-out is set in whole seconds and has to be well below it", s.TTL, MinTTL)
	}
	if err := s.Policy.Validate(); err != nil {
		return err
	}
	if lines := s.Policy.Warnings(); len(lines) > 0 {
		return fmt.Errorf("%s", lines[0])
	}
	if s.Policy.Interval%time.Minute != 0 {
		return fmt.Errorf("retry interval %v: Make.com's Break handler takes whole minutes", s.Policy.Interval)
	}
	return nil
}
