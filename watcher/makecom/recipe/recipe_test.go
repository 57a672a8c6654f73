package recipe

// What recipes are made of: expressions, bodies, and the structure of blueprints.

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

func TestAnExpressionIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "the same for every event",
		"lock:customers":                  "the same for every event",
		"lock:{{1.id":                     "has no }}",
		"lock:1.id}}":                     "brace outside",
		"lock:{a}{{1.id}}":                "brace outside",
		"{a}:{{1.id}}":                    "brace outside",
		"lock:{{{1.id}}}":                 "brace",
		"lock:{{}}":                       "is empty",
		"lock:{{ }}":                      "is empty",
		"lock:{{id}}":                     "{{1.id}}",
		"lock:{{customer.id}}":            "{{1.customer.id}}",
		"lock:{{1.id}}\n":                 "line breaks",
		"lock:{{1.id}}\xff":               "text",
		"lock:\x1b[31m{{1.id}}":           "line breaks",
		"{{1.customer_id}}":               "begin with text",
		"locktop:{{1.customer_id}}":       "own records",
		`lock:{{if(1.a; "}}"; "b")}}`:     "brace within",
		"lock:{{get(1.a; \"b)}}":          "has no }}",
		"lock:{{1.id}}{{":                 "has no }}",
		"lock:{{1.id}} and {{customer}}s": "{{1.customer}}",
	} {
		s := DefaultScenario
		s.Resource = text
		for name, write := range map[string]func(Scenario) (*Recipe, error){"New": New, "AsPublished": AsPublished} {
			if _, err := write(s); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "resource ") {
				t.Errorf("%s of %q: %v; want one line with %q", name, text, err, want)
			}
		}
	}
	for _, work := range []string{"", "evt", "{{id}}", "{{1.id"} {
		s := DefaultScenario
		s.Work = work
		if _, err := New(s); err == nil || !strings.HasPrefix(err.Error(), "work ") {
			t.Errorf("work %q: %v", work, err)
		}
	}
}

func TestEveryValueIsEncodedOnce(t *testing.T) {
	for text, want := range map[string]string{
		"lock:{{1.id}}":                            "lock:{{encodeURL(1.id)}}",
		"lock:{{ 1.id }}:{{1.b}}x":                 "lock:{{encodeURL(1.id)}}:{{encodeURL(1.b)}}x",
		"lock:{{encodeURL(1.id)}}":                 "lock:{{encodeURL(1.id)}}",
		"lock:{{encodeURL(trim(1.id))}}":           "lock:{{encodeURL(trim(1.id))}}",
		`lock:{{encodeURL(get(1.a; ")"))}}`:        `lock:{{encodeURL(get(1.a; ")"))}}`,
		"lock:{{encodeURL(1.a) + encodeURL(1.b)}}": "lock:{{encodeURL(encodeURL(1.a) + encodeURL(1.b))}}",
		"lock:{{encodeURL(1.a) + 1.b}}":            "lock:{{encodeURL(encodeURL(1.a) + 1.b)}}",
		"lock:{{1.`customer id`}}":                 "lock:{{encodeURL(1.`customer id`)}}",
		"lock:" + OwnerExpression:                  "lock:" + OwnerExpression,
		"lock:{{lower(1.email)}}":                  "lock:{{encodeURL(lower(1.email))}}",
	} {
		e, err := parseResource(text)
		if err != nil || e.safe().String() != want {
			t.Errorf("%s: %s, %v; want %s", text, e.safe(), err, want)
		}
	}
}

func TestTheLedgerOfAnExpressionIsTheLedgerOfItsKey(t *testing.T) {
	for _, text := range []string{"lock:{{1.id}}", `a"\:{{1.id}}`, ":{{1.id}}/{{1.b}}"} {
		e, err := parseResource(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range hostile {
			x := &execution{out: map[int]map[string]any{1: {"id": value, "b": value}}}
			var key, ledger string
			for _, to := range []struct {
				from expression
				into *string
			}{{e.safe(), &key}, {e.safe().ledger(), &ledger}} {
				if err := json.Unmarshal([]byte(asText(x.fill(t, to.from.quoted()))), to.into); err != nil {
					t.Errorf("%s with %q: %v", to.from, value, err)
				}
			}
			if want, same := lockcore.LedgerKey(key); ledger != want || !same {
				t.Errorf("%s with %q: the ledger of %q is %q, not %q", text, value, key, want, ledger)
			}
		}
	}
}

// Whatever resource is accepted and whatever value Make puts in, the body is the one command, about a lock and its ledger.
func FuzzNoValueBreaksOutOfABody(f *testing.F) {
	for _, value := range hostile {
		f.Add("lock:{{1.customer_id}}", value)
		f.Add(`a"\:{{1.customer_id}}/{{lower(1.id)}}`, value)
	}
	f.Fuzz(func(t *testing.T, resource, value string) {
		key, err := parseResource(resource)
		if err != nil {
			return
		}
		for i := range key {
			if key[i].mapped {
				key[i].text = "1.customer_id"
			}
		}
		work, err := parse("work", DefaultScenario.Work)
		if err != nil {
			t.Fatal(err)
		}
		x := &execution{id: "e", out: map[int]map[string]any{1: event(value, value), 2: {"data": map[string]any{"result": "1"}}}}
		for body, n := range map[string]int{
			DefaultScenario.acquire(key.safe(), work.safe()).Body: 11, DefaultScenario.release(key.safe(), 2, true).Body: 9,
		} {
			var command []string
			if err := json.Unmarshal([]byte(asText(x.fill(t, body))), &command); err != nil || len(command) != n {
				t.Fatalf("%q with %q: %d arguments, %v", resource, value, len(command), err)
			}
			if want, _ := lockcore.LedgerKey(command[3]); command[4] != want || command[5] != "e" {
				t.Errorf("%q with %q: %q", resource, value, command[2:])
			}
		}
	})
}

var mapped = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// A script with {{ or }} in it would be an expression to Make.
func TestBodiesHaveTheScriptsAndNoOtherExpressions(t *testing.T) {
	r, err := New(DefaultScenario)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []string{"acquire", "release"} {
		body := r.Bodies[i].Body
		found := mapped.FindAllString(body, -1)
		want := map[string][]string{
			"acquire": {"{{encodeURL(1.customer_id)}}", "{{encodeURL(1.customer_id)}}", "{{var.scenario.executionId}}", "{{encodeURL(1.id)}}"},
			"release": {"{{encodeURL(1.customer_id)}}", "{{encodeURL(1.customer_id)}}", "{{var.scenario.executionId}}", "{{2.data.result}}", `{{formatDate(now; "X")}}`},
		}[step]
		if !slices.Equal(found, want) {
			t.Errorf("%s: %q", step, found)
		}
		rest := mapped.ReplaceAllString(body, "x")
		if strings.Contains(rest, "{{") {
			t.Errorf("%s: a {{ in its script", step)
		}
		var command []string
		if err := json.Unmarshal([]byte(rest), &command); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		for _, s := range lockcore.Scripts() {
			if s.Name == step && !strings.Contains(command[1], s.Source) {
				t.Errorf("%s: its script is not lockcore's", step)
			}
		}
		if strings.Contains(command[1], "}}") {
			t.Errorf("%s: a }} in its script", step)
		}
	}
}

// exported are the modules that exports of real scenarios have, by these names and versions.
var exported = map[string]int{
	"gateway:CustomWebHook": 1, "gateway:WebhookRespond": 1, "http:ActionSendData": 3, "util:SetVariables": 1, "json:ParseJSON": 1,
	"builtin:BasicRouter": 1, "builtin:Break": 1, "builtin:Resume": 1, "builtin:Ignore": 1,
}

func TestBlueprintsHaveWhatMakeImports(t *testing.T) {
	s := DefaultScenario
	s.Respond = true
	withAnswer, err1 := New(s)
	recipe, err2 := New(DefaultScenario)
	published, err3 := AsPublished(DefaultScenario)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for name, r := range map[string]*Recipe{"recipe": recipe, "with an answer": withAnswer, "published": published} {
		t.Run(name, func(t *testing.T) {
			var top map[string]any
			if err := json.Unmarshal(r.Blueprint.JSON(), &top); err != nil {
				t.Fatal(err)
			}
			settings := top["metadata"].(map[string]any)["scenario"].(map[string]any)
			for setting, want := range map[string]any{"dlq": true, "sequential": false, "roundtrips": 1., "maxErrors": 3., "autoCommit": true, "dataloss": false, "confidential": false} {
				if settings[setting] != want {
					t.Errorf("%s: %v; want %v", setting, settings[setting], want)
				}
			}
			if top["metadata"].(map[string]any)["instant"] != true || top["name"] == "" {
				t.Error("not an instant scenario with a name")
			}
			ids, places := map[float64]bool{}, map[string]bool{}
			var walk func(flow any)
			walk = func(flow any) {
				modules, _ := flow.([]any)
				for _, m := range modules {
					m := m.(map[string]any)
					id := m["id"].(float64)
					if ids[id] {
						t.Errorf("two modules %v", id)
					}
					ids[id] = true
					if version, ok := exported[m["module"].(string)]; !ok || float64(version) != m["version"] {
						t.Errorf("module %v: %v version %v", id, m["module"], m["version"])
					}
					if _, ok := m["parameters"].(map[string]any); !ok {
						t.Errorf("module %v has no parameters", id)
					}
					if place := fmt.Sprint(m["metadata"].(map[string]any)["designer"].(map[string]any)["x"], m["metadata"].(map[string]any)["designer"].(map[string]any)["y"]); places[place] {
						t.Errorf("module %v lies on another", id)
					} else {
						places[place] = true
					}
					if filter, ok := m["filter"].(map[string]any); ok && (filter["name"] == "" || len(filter["conditions"].([]any)) == 0) {
						t.Errorf("module %v has a filter without a name or conditions", id)
					}
					walk(m["onerror"])
					if routes, ok := m["routes"].([]any); ok {
						for _, route := range routes {
							walk(route.(map[string]any)["flow"])
						}
					}
				}
			}
			walk(top["flow"])
			if got := top["flow"].([]any)[0].(map[string]any)["module"]; got != "gateway:CustomWebHook" {
				t.Errorf("it begins with %v", got)
			}
		})
	}
}

func TestTheBreakHandlerIsOnTheAcquire(t *testing.T) {
	r, err := New(DefaultScenario)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range r.Blueprint.Flow {
		names = append(names, m.Module)
		for _, h := range m.OnError {
			names = append(names, "! "+h.Module)
		}
	}
	want := []string{
		"gateway:CustomWebHook", "http:ActionSendData", "! builtin:Break", "util:SetVariables", "! http:ActionSendData", "! builtin:Break",
		"http:ActionSendData", "! builtin:Resume",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	acquire, section := r.Blueprint.Flow[1], r.Blueprint.Flow[2]
	if got := fmt.Sprint(acquire.OnError[0].Mapper); got != "map[count:10 interval:1 retry:true]" {
		t.Errorf("Break on the acquire: %s", got)
	}
	if got := fmt.Sprint(section.OnError[1].Mapper); got != "map[retry:false]" {
		t.Errorf("Break on the section: %s", got)
	}
	if acquire.Parameters["handleErrors"] != true || acquire.Mapper["parseResponse"] != true || acquire.Mapper["timeout"] != "5" {
		t.Errorf("acquire: %v, %v", acquire.Parameters, acquire.Mapper)
	}
	if got := section.Filter.Conditions[0][0].String(); got != "{{2.data.result}} exists" {
		t.Errorf("filter: %s", got)
	}
}

func TestThePolicyIsMakesAndTheScripts(t *testing.T) {
	s := DefaultScenario
	s.TTL = 90 * time.Second
	s.Policy.Attempts, s.Policy.Interval = 4, 15*time.Minute
	r, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(r.Bodies[0].Body, `"90000","{{encodeURL(1.id)}}","256","900000","5"]`) {
		t.Errorf("acquire ends with %s", r.Bodies[0].Body[len(r.Bodies[0].Body)-100:])
	}
	if got := fmt.Sprint(r.Blueprint.Flow[1].OnError[0].Mapper); got != "map[count:4 interval:15 retry:true]" {
		t.Errorf("Break: %s", got)
	}
	if got := r.Blueprint.Flow[1].Mapper["timeout"]; got != "30" {
		t.Errorf("time-out %v", got)
	}
	s.Policy.Mode = makecom.Sequential
	if r, err := New(s); err != nil || !r.Blueprint.Metadata.Scenario.Sequential {
		t.Errorf("sequential: %v", err)
	}
	for want, change := range map[string]func(*Scenario){
		"TTL 2s":                          func(s *Scenario) { s.TTL = 2 * time.Second },
		"TTL 0s":                          func(s *Scenario) { s.TTL = 0 },
		"retry attempts 11":               func(s *Scenario) { s.Policy.Attempts = 11 },
		"retry attempts 0":                func(s *Scenario) { s.Policy.Attempts = 0 },
		"retry interval 30s":              func(s *Scenario) { s.Policy.Interval = 30 * time.Second },
		"retry interval 1m30s":            func(s *Scenario) { s.Policy.Interval = 90 * time.Second },
		"retry batch 4":                   func(s *Scenario) { s.Policy.Batch = 4 },
		"retry mode parallel":             func(s *Scenario) { s.Policy.Mode = makecom.Parallel },
		"before the scenario runs":        func(s *Scenario) { s.Policy.Mode, s.Respond = makecom.Sequential, true },
		"must be sequential, batch or pa": func(s *Scenario) { s.Policy.Mode = "" },
	} {
		s := DefaultScenario
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestEveryTrapIsNamed(t *testing.T) {
	r, err := AsPublished(DefaultScenario)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&all, "%s: %s\n", n.About, n.Text)
	}
	for _, trap := range []string{
		"data.result", "HTTP 200", "restarts an execution at the module that failed", "never tries SET again", "new execution with a new id", "somebody else's",
		"{{sys.IMTID}} is in no public source", "Store incomplete executions", "40 workers", "at most 3 retries", "switched off", "part of the command", "10,000 at most",
	} {
		if !strings.Contains(all.String(), trap) {
			t.Errorf("not named: %s", trap)
		}
	}
	if got := string(r.Blueprint.JSON()); !strings.Contains(got, `[\"SET\",\"lock:stripe_cus_{{1.customer_id}}\",\"{{sys.IMTID}}\",\"NX\",\"PX\",\"15000\"]`) {
		t.Errorf("the published SET is not in %s", got)
	}
}

func TestNoSecretIsInARecipe(t *testing.T) {
	for _, write := range []func(Scenario) (*Recipe, error){New, AsPublished} {
		r, err := write(DefaultScenario)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(r.Blueprint.JSON()), "Bearer "+TokenPlaceholder); n < 2 || strings.Count(string(r.Blueprint.JSON()), "Bearer ") != n {
			t.Errorf("%d placeholders", n)
		}
	}
}
