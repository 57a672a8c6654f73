package recipe

// The scenario as it was first published, for those who have it, and each of its traps.

import (
	"fmt"
	"slices"

	"locktop/watcher/makecom"
)

// PublishedResource is the key in the published scenario, with the webhook's module number that Make wants.
const PublishedResource = "lock:{{1.id}}"

// publishedOwner is what the published scenario takes for the execution's id.
const publishedOwner = "{{sys.IMTID}}"

// Module numbers of the published scenario.
const (
	idSet = iota + 2
	idRouter
	idWork
	idDel
	idThrow
	idBreak
)

// AsPublished writes the scenario as it was published: SET NX on the way to a router, where one route works and deletes
// the lock, and the other throws into a Break handler. Its values stand in the bodies unencoded, as published. An error is one line.
func AsPublished(s Scenario) (*Recipe, error) {
	key, err := parseResource(s.Resource)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	set := s.request(false, `"SET"`, key.quoted(), `"`+publishedOwner+`"`, `"NX"`, `"PX"`, number(s.TTL.Milliseconds()))
	del := s.request(false, `"DEL"`, key.quoted())
	set.Timeout, del.Timeout = httpTimeout, httpTimeout

	acquired := section(idWork, "Route A: the critical section")
	acquired.Filter = one("acquired", Condition{Value: fence(idSet), Operator: "text:equal", With: "OK"})
	denied := throw(idThrow, "Route B: throw")
	denied.Filter = one("denied", Condition{Value: fence(idSet), Operator: "notexist"})
	denied.OnError = []Module{retry(idBreak, s.Policy.Attempts, s.Policy.Interval)}
	return &Recipe{
		Title:    "the scenario as published, which loses the events that are denied",
		Resource: key.String(), Owner: publishedOwner, TTL: s.TTL, Policy: s.Policy,
		Bodies: []Body{{"acquire", []int{idSet}, set}, {"release", []int{idDel}, del}},
		Blueprint: newBlueprint("As published: "+s.Resource, s.Policy.Mode == makecom.Sequential,
			webhook(idWebhook), send(idSet, "SET NX", set),
			router(idRouter, []Module{acquired, send(idDel, "DEL", del)}, []Module{denied})),
		Notes: slices.Clone(traps),
	}, nil
}

// traps are what goes wrong with the published scenario.
var traps = []Note{
	{"The retry trap", fmt.Sprintf("A denial is HTTP 200, so the SET succeeded; the module that fails is the thrower (%d), and Make restarts an execution at the module that failed, with the data of then. "+
		"The retry throws again, and never tries SET again. Each of the ten fails, a minute apart, and the event is left unresolved. The acquire itself must fail.", idThrow)},
	{"Body path", "The answer is {\"result\":\"OK\"}, or {\"result\":null} with HTTP 200 as well. The text's filter on Body = OK never matches; it is data.result, with \"Parse response\" on. " +
		"Here that is mended, so that the rest can be seen."},
	{"Incomplete executions", "The text does not say that \"Store incomplete executions\" must be on. Without it a Break handler keeps and retries nothing. Here it is on."},
	{"The owner changes", "{{sys.IMTID}} is in no public source; what does not exist is empty, and then every owner is the same. {{var.scenario.executionId}} is documented. " +
		"Either way a retry is a new execution with a new id, so the denied event is not to be known by it."},
	{"DEL", "It deletes whatever lock is there. If the section took longer than the TTL, that is somebody else's, and a third gets in. Release has to compare the owner."},
	{"A section that fails", "Nothing releases: the lock stays until its TTL is over. And an instant scenario is switched off at its first unhandled error."},
	{"Sequential", "The text wants 40 workers and retries one after another. That is one setting, sequential processing, and it turns parallel webhooks off. " +
		fmt.Sprintf("Without it Make runs at most %d retries at a time, and none while the scenario itself runs.", makecom.BreakBatch)},
	{"Values in JSON", "The id stands in the body as it came: a quote in it ends the string, and what follows it is part of the command."},
	{"No fence, no record", "A late writer can't be told from the present one, and nobody knows who was denied: locktop shows the lock, and ? for its waiters."},
	{"The queue", "The text counts on 100,000 events in a webhook's queue. It takes 667 for each 10,000 credits a month, 10,000 at most, then answers 400. " +
		"Every event in it was answered 200, so the sender does not repeat what is lost."},
}
