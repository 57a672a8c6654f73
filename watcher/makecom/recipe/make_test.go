package recipe

// A small Make: it plays a blueprint's JSON. HTTP modules send real requests; the minutes between retries are not waited for.
//
// What it knows, from Make's documentation: filters on lines, routers, error routes, the handlers Break, Resume and Ignore, and
// that a retry is a new execution, with an id of its own, that begins at the module that failed with the data of then.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scenario is a blueprint as Make reads it, apart from the types that wrote it.
type scenario struct {
	Flow     []module
	Metadata struct {
		Scenario struct{ DLQ, Sequential bool }
	}
}

type module struct {
	ID         int
	Module     string
	Version    int
	Parameters map[string]any
	Mapper     map[string]any
	Filter     *struct {
		Conditions [][]struct{ A, O, B string }
	}
	OnError []module
	Routes  []struct{ Flow []module }
}

// execution is one run.
type execution struct {
	id   string
	out  map[int]map[string]any // of the modules that are done
	kept *incomplete            // that this is a retry of
	err  error                  // that nothing handled
}

// incomplete is an execution that a Break handler stored.
type incomplete struct {
	flow     []module // from the module that failed on
	out      map[int]map[string]any
	failed   int // that module
	left     int // attempts
	interval time.Duration
	due      time.Time // zero: somebody has to start it by hand
	again    bool      // its last retry ended by a Break as well
	err      error
}

// account is an account with one scenario.
type account struct {
	t       testing.TB
	http    *http.Client
	plan    scenario
	now     time.Time
	started int
	kept    []*incomplete
	errors  []error // of executions that ended by one: the first switches an instant scenario off
	answers []string
	// work is the critical section: what it does, and how it ends.
	work func(*execution) error
}

// imported is an account with the recipe's scenario, and the token pasted in.
func imported(t testing.TB, r *Recipe, token string) *account {
	t.Helper()
	m := &account{t: t, http: &http.Client{Transport: &http.Transport{}}, now: time.Now()}
	t.Cleanup(m.http.CloseIdleConnections)
	blueprint := strings.ReplaceAll(string(r.Blueprint.JSON()), TokenPlaceholder, token)
	if err := json.Unmarshal([]byte(blueprint), &m.plan); err != nil {
		t.Fatal(err)
	}
	return m
}

// call is a webhook's event. It gives the execution, that is over.
func (m *account) call(event map[string]any) *execution {
	m.t.Helper()
	return m.start(m.plan.Flow[1:], map[int]map[string]any{m.plan.Flow[0].ID: event}, nil)
}

func (m *account) start(flow []module, out map[int]map[string]any, kept *incomplete) *execution {
	m.t.Helper()
	m.started++
	x := &execution{id: fmt.Sprintf("%032x", 0xcc1c4932+m.started), out: maps.Clone(out), kept: kept}
	m.run(x, flow, nil)
	if x.err != nil {
		m.errors = append(m.errors, x.err)
	}
	return x
}

// wait lets time pass, and what is due is tried again.
func (m *account) wait(d time.Duration) {
	m.t.Helper()
	for until := m.now.Add(d); ; {
		var next *incomplete
		for _, k := range m.kept {
			if !k.due.IsZero() && !k.due.After(until) && (next == nil || k.due.Before(next.due)) {
				next = k
			}
		}
		if next == nil {
			m.now = until
			return
		}
		m.now, next.due, next.again = next.due, time.Time{}, false
		if x := m.start(next.flow, next.out, next); !next.again && x.err == nil {
			m.resolve(next)
		}
	}
}

func (m *account) resolve(done *incomplete) {
	for i, k := range m.kept {
		if k == done {
			m.kept = append(m.kept[:i:i], m.kept[i+1:]...)
			return
		}
	}
}

// failure is what an error route is about.
type failure struct {
	flow []module // from the module that failed on
	err  error
}

// run plays modules. It tells whether what failed is to be passed over.
func (m *account) run(x *execution, flow []module, failed *failure) (resumed bool) {
	m.t.Helper()
	for i := range flow {
		at := &flow[i]
		if !m.passes(x, at) {
			return false
		}
		switch at.Module {
		case "builtin:BasicRouter":
			for _, route := range at.Routes {
				m.run(x, route.Flow, failed)
			}
			return false
		case "builtin:Break":
			m.store(x, at, failed)
			return false
		case "builtin:Resume":
			x.out[failed.flow[0].ID] = at.Mapper
			return true
		case "builtin:Ignore":
			return false
		}
		out, err := m.do(x, at)
		if err == nil {
			x.out[at.ID] = out
			continue
		}
		if len(at.OnError) == 0 {
			x.err = fmt.Errorf("module %d: %w", at.ID, err)
			return false
		}
		if !m.run(x, at.OnError, &failure{flow[i:], err}) {
			return false
		}
	}
	return false
}

// store is what a Break handler does.
func (m *account) store(x *execution, handler *module, failed *failure) {
	m.t.Helper()
	if !m.plan.Metadata.Scenario.DLQ {
		x.err = failed.err
		return
	}
	k := x.kept
	if k == nil {
		k = &incomplete{}
		if handler.Mapper["retry"] == true {
			k.left, k.interval = int(handler.Mapper["count"].(float64)), time.Duration(handler.Mapper["interval"].(float64))*time.Minute
		}
		m.kept = append(m.kept, k)
	} else {
		k.left--
	}
	if handler.Mapper["retry"] != true {
		k.left = 0
	}
	k.flow, k.out, k.failed, k.err, k.again = failed.flow, maps.Clone(x.out), failed.flow[0].ID, failed.err, true
	if k.due = (time.Time{}); k.left > 0 {
		k.due = m.now.Add(k.interval)
	}
}

func (m *account) passes(x *execution, at *module) bool {
	m.t.Helper()
	if at.Filter == nil {
		return true
	}
	for _, all := range at.Filter.Conditions {
		pass := true
		for _, c := range all {
			value := x.fill(m.t, c.A)
			exists := value != nil && value != ""
			switch c.O {
			case "exist":
				pass = pass && exists
			case "notexist":
				pass = pass && !exists
			case "text:equal":
				pass = pass && asText(value) == c.B
			default:
				m.t.Fatalf("a condition %q", c.O)
			}
		}
		if pass {
			return true
		}
	}
	return false
}

// do plays one module.
func (m *account) do(x *execution, at *module) (map[string]any, error) {
	m.t.Helper()
	switch fmt.Sprint(at.Module, " ", at.Version) {
	case "http:ActionSendData 3":
		return m.send(x, at)
	case "util:SetVariables 1":
		out := map[string]any{}
		for _, v := range at.Mapper["variables"].([]any) {
			v := v.(map[string]any)
			out[v["name"].(string)] = x.fill(m.t, v["value"].(string))
		}
		x.out[at.ID] = out
		if m.work == nil {
			return out, nil
		}
		return out, m.work(x)
	case "json:ParseJSON 1":
		var v map[string]any
		err := json.Unmarshal([]byte(asText(x.fill(m.t, at.Mapper["json"].(string)))), &v)
		return v, err
	case "gateway:WebhookRespond 1":
		if x.kept != nil {
			return nil, errors.New("nobody waits for an answer any more")
		}
		m.answers = append(m.answers, asText(x.fill(m.t, at.Mapper["status"].(string))))
		return map[string]any{}, nil
	}
	m.t.Fatalf("module %q version %d not found", at.Module, at.Version)
	return nil, nil
}

func (m *account) send(x *execution, at *module) (map[string]any, error) {
	m.t.Helper()
	field := func(name string) string { return asText(x.fill(m.t, at.Mapper[name].(string))) }
	seconds, err := strconv.Atoi(field("timeout"))
	if err != nil || seconds < 1 || seconds > 300 {
		m.t.Fatalf("a time-out of %q", field("timeout"))
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, strings.ToUpper(field("method")), field("url"), strings.NewReader(field("data")))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", field("contentType"))
	for _, h := range at.Mapper["headers"].([]any) {
		h := h.(map[string]any)
		req.Header.Set(h["name"].(string), asText(x.fill(m.t, h["value"].(string))))
	}
	res, err := m.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if at.Parameters["handleErrors"] == true && res.StatusCode >= 400 {
		return nil, fmt.Errorf("[%d] %s", res.StatusCode, body)
	}
	out := map[string]any{"statusCode": res.StatusCode, "data": string(body)}
	if at.Mapper["parseResponse"] == true {
		var parsed any
		in := json.NewDecoder(bytes.NewReader(body))
		in.UseNumber()
		if err := in.Decode(&parsed); err != nil {
			return nil, err
		}
		out["data"] = parsed
	}
	return out, nil
}
