package recipe

// The HTTP requests: one EVAL each, with a whole script, so that nothing has to be loaded beforehand.

import (
	"strconv"
	"strings"
	"time"

	"locktop/lockcore"
)

// What stands for what the recipe must not or does not know.
const (
	URLPlaceholder   = "https://YOUR-DATABASE.upstash.io"
	TokenPlaceholder = "YOUR-UPSTASH_REDIS_REST_TOKEN"
)

// Header is a line of a request.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is what goes into an HTTP module.
type Request struct {
	Method  string        `json:"method"`
	URL     string        `json:"url"`
	Headers []Header      `json:"headers"`
	Body    string        `json:"body"` // JSON once Make has put the values in
	Timeout time.Duration `json:"-"`    // whole seconds
	// Failing is the module's "evaluate all states as errors": an answer from 400 on fails the module.
	Failing bool `json:"evaluate_all_states_as_errors"`
}

// request is a command to the REST API. Arguments are JSON strings already.
func (s Scenario) request(failing bool, arguments ...string) Request {
	url := s.URL
	if url == "" {
		url = URLPlaceholder
	}
	return Request{
		Method: "POST", URL: url, Failing: failing, Timeout: s.patience(),
		Headers: []Header{{"Authorization", "Bearer " + TokenPlaceholder}},
		Body:    "[" + strings.Join(arguments, ",") + "]",
	}
}

// patience is how long an answer is waited for: so short that enough is left of the TTL that it tells of.
func (s Scenario) patience() time.Duration {
	return min(max((s.TTL/3).Truncate(time.Second), time.Second), httpTimeout)
}

// acquire is a lockcore.StandaloneScripts acquire. It names no request: the execution's id is an owner of one attempt.
func (s Scenario) acquire(key, work expression) Request {
	script, _ := lockcore.StandaloneScripts()
	return s.request(true, append(eval(script, key),
		`"`+OwnerExpression+`"`, number(s.TTL.Milliseconds()), work.quoted(),
		number(lockcore.WaitersKept), number(s.Policy.Interval.Milliseconds()), number(int64(1+s.Policy.Attempts)))...)
}

// release gives back what module acquired took. Its owner is the execution's id once more, so it must be of the same
// execution: a release that is itself retried has another id.
func (s Scenario) release(key expression, acquired int, failing bool) Request {
	_, script := lockcore.StandaloneScripts()
	return s.request(failing, append(eval(script, key),
		`"`+OwnerExpression+`"`, `"`+fence(acquired)+`"`, `""`, `"{{formatDate(now; "X")}}000"`)...)
}

// fence is the expression of the fence that an acquire's module got.
func fence(acquired int) string { return "{{" + strconv.Itoa(acquired) + ".data.result}}" }

func eval(s *lockcore.Script, key expression) []string {
	return []string{`"EVAL"`, `"` + inJSON(s.Source) + `"`, `"2"`, key.quoted(), key.ledger().quoted()}
}

func number(n int64) string { return `"` + strconv.FormatInt(n, 10) + `"` }
