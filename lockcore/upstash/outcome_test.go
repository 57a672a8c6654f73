package upstash_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// sentinels are what an outcome is told by.
var sentinels = []error{lockcore.ErrUnreachable, lockcore.ErrUnknownOutcome, lockcore.ErrRefused, lockcore.ErrInvalid}

// matches tells whether an error matches one sentinel and no other.
func matches(err, want error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) != (s == want) {
			return false
		}
	}
	return true
}

// answers are what may come instead of a reply, and what each means for a script. A read that
// has no outcome to doubt is tried again where the script's outcome is unknown.
var answers = []struct {
	name  string
	fault locktest.RESTFault
	want  error  // nil: a *lockcore.ReplyError
	says  string // in the error
}{
	{"HTTP 500", locktest.RESTFault{Status: 500, Body: "<html>it broke</html>"}, lockcore.ErrUnknownOutcome, "HTTP 500: <html>it broke</html>"},
	{"HTTP 502 without a page", locktest.RESTFault{Status: 502}, lockcore.ErrUnknownOutcome, "HTTP 502"},
	{"HTTP 503 with an error of Redis", locktest.RESTFault{Status: 503, Body: `{"error":"ERR going down"}`}, lockcore.ErrUnknownOutcome, "HTTP 503: ERR going down"},
	{"HTTP 504 after it was executed", locktest.RESTFault{Status: 504, Execute: true}, lockcore.ErrUnknownOutcome, "HTTP 504"},
	{"HTTP 408", locktest.RESTFault{Status: 408}, lockcore.ErrUnknownOutcome, "HTTP 408"},
	{"a page with 200", locktest.RESTFault{Body: "<html>log in to the hotel's WLAN</html>"}, lockcore.ErrUnknownOutcome, "hotel"},
	{"nothing with 200", locktest.RESTFault{Status: 200}, lockcore.ErrUnknownOutcome, "nothing"},
	{"nothing with 204", locktest.RESTFault{Status: 204}, lockcore.ErrUnknownOutcome, "HTTP 204"},
	{"JSON that is no reply", locktest.RESTFault{Body: `{"message":"hello"}`}, lockcore.ErrUnknownOutcome, "neither result nor error"},
	{"a reply that is not in base64", locktest.RESTFault{Body: `{"result":["1795420800","15000"]}`}, lockcore.ErrUnknownOutcome, "Upstash-Encoding"},
	{"a page with 400", locktest.RESTFault{Status: 400, Body: "Bad Request"}, lockcore.ErrUnknownOutcome, "HTTP 400"},
	{"results with 400", locktest.RESTFault{Status: 400, Body: `{"result":1}`}, lockcore.ErrUnknownOutcome, "HTTP 400"},
	{"a cut before the reply", locktest.RESTFault{Drop: true}, lockcore.ErrUnknownOutcome, ""},
	{"a cut before the reply of what was executed", locktest.RESTFault{Drop: true, Execute: true}, lockcore.ErrUnknownOutcome, ""},
	{"a body cut at its beginning", locktest.RESTFault{Execute: true, CutAt: -1}, lockcore.ErrUnknownOutcome, ""},
	{"a body cut after one byte", locktest.RESTFault{Execute: true, CutAt: 1}, lockcore.ErrUnknownOutcome, ""},
	{"a body cut before its last byte", locktest.RESTFault{Body: `{"result":1}`, CutAt: 11}, lockcore.ErrUnknownOutcome, ""},

	{"HTTP 401", locktest.RESTFault{Status: 401, Body: `{"error":"WRONGPASS invalid or missing auth token"}`}, lockcore.ErrRefused, "UPSTASH_REDIS_REST_TOKEN"},
	{"HTTP 403", locktest.RESTFault{Status: 403, Body: "your address is not on the list"}, lockcore.ErrRefused, "UPSTASH_REDIS_REST_TOKEN"},
	{"HTTP 404", locktest.RESTFault{Status: 404, Body: "Endpoint not found"}, lockcore.ErrRefused, "UPSTASH_REDIS_REST_URL"},
	{"HTTP 405", locktest.RESTFault{Status: 405}, lockcore.ErrRefused, "UPSTASH_REDIS_REST_URL"},
	{"HTTP 413", locktest.RESTFault{Status: 413}, lockcore.ErrRefused, "too large"},
	{"HTTP 429", locktest.RESTFault{Status: 429, Header: http.Header{"Retry-After": {"30"}}, Body: "slow down"}, lockcore.ErrRefused, "rate limited, not executed; try again in 30s, or raise the database's limit: slow down"},
	{"HTTP 429 without a time", locktest.RESTFault{Status: 429}, lockcore.ErrRefused, "try again later"},
	{"a used up day", locktest.RESTFault{Status: 400, Body: `{"error":"ERR max daily request limit exceeded. Limit: 10000, Usage: 10001. See https://upstash.com/docs"}`}, lockcore.ErrRefused, "rate limited, not executed"},
	{"a used up month", locktest.RESTFault{Status: 400, Body: `{"error":"ERR max requests limit exceeded."}`}, lockcore.ErrRefused, "rate limited, not executed"},
	{"a redirect", locktest.RESTFault{Status: 301, Header: http.Header{"Location": {"/elsewhere"}}}, lockcore.ErrRefused, "redirects"},
	{"a redirect that keeps the method", locktest.RESTFault{Status: 307, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, lockcore.ErrRefused, "redirects"},

	{"an error of Redis", locktest.RESTFault{Status: 400, Body: `{"error":"WRONGTYPE Operation against a key holding the wrong kind of value"}`}, nil, "WRONGTYPE Operation against"},
	{"an error of Redis with 200", locktest.RESTFault{Body: `{"error":"NOPERM no permissions"}`}, nil, "NOPERM no permissions"},
}

func TestWhatAnAnswerMeansForAScript(t *testing.T) {
	srv, front, client := start(t)
	srv.CLI("SCRIPT", "LOAD", step.Source)
	for _, a := range answers {
		front.Clear()
		srv.CLI("FLUSHALL")
		before := len(front.Requests())
		f := a.fault
		front.Inject(f)
		reply, err := eval(context.Background(), client)
		reply2, isReply := errors.AsType[*lockcore.ReplyError](err)
		switch {
		case err == nil:
			t.Errorf("%s is answered %v", a.name, reply)
		case a.want == nil && (!isReply || !strings.Contains(reply2.Message, a.says)):
			t.Errorf("%s is answered %v, not an error reply", a.name, err)
		case a.want != nil && (isReply || !matches(err, a.want) || !strings.Contains(err.Error(), a.says)):
			t.Errorf("%s is answered %v; it should be %q with %q", a.name, err, a.want, a.says)
		case strings.Contains(err.Error(), "\n") || len(err.Error()) > 500:
			t.Errorf("%s is answered at length: %v", a.name, err)
		}
		if sent := len(front.Requests()) - before; sent != 1 {
			t.Errorf("%s: the script was sent %d times", a.name, sent)
		}
		if n, want := ran(srv), map[bool]string{true: "1", false: "(nil)"}[f.Execute]; n != want {
			t.Errorf("%s: the script ran %s times, not %s", a.name, n, want)
		}
	}
}

// The answer to a read is another one only if it was asked for again: three faults, and the fourth request is answered.
func TestWhatAnAnswerMeansForARead(t *testing.T) {
	_, front, client := start(t)
	for _, a := range answers {
		front.Clear()
		before := len(front.Requests())
		f := a.fault
		f.Times = 3
		front.Inject(f)
		replies, err := read(context.Background(), client)
		sent := len(front.Requests()) - before
		if a.want == lockcore.ErrUnknownOutcome {
			if err != nil || len(replies) != 2 || sent != 4 {
				t.Errorf("%s three times, then a reply: %v, %v after %d requests", a.name, replies, err, sent)
			}
			f.Times = 0
			front.Inject(f)
			before = len(front.Requests())
			_, err = read(context.Background(), client)
			if sent = len(front.Requests()) - before; !matches(err, lockcore.ErrUnreachable) || sent != 4 {
				t.Errorf("%s for good is answered %v after %d requests", a.name, err, sent)
			}
			continue
		}
		reply, isReply := errors.AsType[*lockcore.ReplyError](err)
		if a.want == nil && (!isReply || !strings.Contains(reply.Message, a.says)) || a.want != nil && !matches(err, a.want) || sent != 1 {
			t.Errorf("%s is answered %v after %d requests", a.name, err, sent)
		}
	}
}

func TestALostReplyIsAnUnknownOutcomeAndTheScriptIsNotSentAgain(t *testing.T) {
	for _, kept := range []bool{false, true} {
		srv, front, client := start(t)
		ctx := context.Background()
		if kept { // on a connection that was used before
			if _, err := eval(ctx, client); err != nil {
				t.Fatal(err)
			}
			srv.CLI("DEL", "lock:ran")
		} else {
			srv.CLI("SCRIPT", "LOAD", step.Source)
		}
		before := len(front.Requests())
		front.Inject(locktest.RESTFault{Drop: true, Execute: true, Times: 1})
		_, err := eval(ctx, client)
		if !matches(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("kept connection %t: answered %v", kept, err)
		}
		if n, sent := ran(srv), len(front.Requests())-before; n != "1" || sent != 1 {
			t.Errorf("kept connection %t: it ran %s times in %d requests", kept, n, sent)
		}
	}
}

func TestAScriptThatTheServerDoesNotKnowIsSentWhole(t *testing.T) {
	srv, front, client := start(t)
	ctx := context.Background()
	for round := range 2 {
		before := len(front.Requests())
		reply, err := eval(ctx, client)
		if list, ok := reply.([]any); err != nil || !ok || len(list) != 2 || list[0] != int64(round+1) || list[1] != "arg" {
			t.Fatalf("answered %v, %v", reply, err)
		}
		log := front.Requests()[before:]
		if round == 0 && (len(log) != 2 || !strings.Contains(log[0].Body, "EVALSHA") || !strings.Contains(log[1].Body, `"EVAL"`)) || round == 1 && len(log) != 1 {
			t.Errorf("round %d: sent are %+v", round, log)
		}
	}
	srv.CLI("SCRIPT", "FLUSH")
	front.Inject(locktest.RESTFault{Match: `"EVAL"`, Drop: true, Execute: true})
	if _, err := eval(ctx, client); !matches(err, lockcore.ErrUnknownOutcome) || ran(srv) != "3" {
		t.Errorf("a lost reply to EVAL is answered %v; it ran %s times", err, ran(srv))
	}
}

func TestEachCommandOfAListHasItsErrorInItsPlace(t *testing.T) {
	srv, front, client := start(t)
	ctx := context.Background()
	srv.CLI("HSET", "h", "a", "\xff")
	srv.CLI("SET", "s", "v")
	commands := [][]string{{"GET", "s"}, {"GET", "h"}, {"HGETALL", "h"}, {"GET", "none"}, {"STRLEN", "s"}, {"GET", "\xff"}, {"PTTL", "s"}}
	for path, send := range map[string]func(context.Context, [][]string) ([]any, error){"/multi-exec": client.Read, "/pipeline": client.Pipeline} {
		got, err := send(ctx, commands)
		if err != nil || len(got) != 7 {
			t.Fatalf("%s: %v, %v", path, got, err)
		}
		wrong, _ := got[1].(*lockcore.ReplyError)
		fields, _ := got[2].([]any)
		unsendable, _ := got[5].(*lockcore.ReplyError)
		if got[0] != "v" || wrong == nil || !strings.HasPrefix(wrong.Message, "WRONGTYPE") || len(fields) != 2 || fields[1] != "\xff" ||
			got[3] != nil || got[4] != int64(1) || unsendable == nil || !strings.Contains(unsendable.Message, `argument 1 of "GET" is not valid UTF-8`) || got[6] != int64(-1) {
			t.Errorf("%s: %v", path, got)
		}
		log := front.Requests()
		if last := log[len(log)-1]; last.Path != path || last.Method != http.MethodPost || last.Encoding != "base64" {
			t.Errorf("sent is %+v", last)
		}
	}
	// A command that cannot be queued discards the transaction.
	_, err := client.Read(ctx, [][]string{{"GET", "s"}, {"GET"}})
	if e, ok := errors.AsType[*lockcore.ReplyError](err); !ok || !strings.Contains(e.Message, "wrong number of arguments") {
		t.Errorf("a discarded transaction is answered %v", err)
	}
	// Where nothing succeeds the whole is refused.
	if _, err := client.Read(ctx, [][]string{{"GET", "h"}, {"STRLEN", "h"}}); !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Errorf("nothing but errors is answered %v", err)
	}
	// What is executed once is not sent again.
	before := len(front.Requests())
	front.Inject(locktest.RESTFault{Drop: true, Execute: true, Times: 1})
	if _, err := client.Pipeline(ctx, [][]string{{"INCR", "n"}}); !matches(err, lockcore.ErrUnknownOutcome) || srv.CLI("GET", "n") != "1" || len(front.Requests()) != before+1 {
		t.Errorf("a pipeline whose reply is lost is answered %v; n is %s", err, srv.CLI("GET", "n"))
	}
	if got, err := client.Read(ctx, nil); err != nil || len(got) != 0 || len(front.Requests()) != before+1 {
		t.Errorf("nothing to read is answered %v, %v", got, err)
	}
}

func TestWhereNobodyListensNothingWasSent(t *testing.T) {
	client := connect(t, "http://"+locktest.FreeAddr(t), "t0ken")
	ctx := context.Background()
	if _, err := eval(ctx, client); !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a script is answered %v", err)
	}
	if _, err := read(ctx, client); !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("a read is answered %v", err)
	}
	if _, err := client.Do(ctx, "PING"); !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("a command is answered %v", err)
	}
}

func TestAServerThatIsLoadingIsAskedAgain(t *testing.T) {
	srv, front, client := start(t)
	loading := locktest.RESTFault{Status: 400, Body: `{"error":"LOADING Redis is loading the dataset in memory"}`, Times: 2}
	front.Inject(loading)
	if _, err := eval(context.Background(), client); err != nil || ran(srv) != "1" {
		t.Errorf("answered %v; it ran %s times", err, ran(srv))
	}
	front.Inject(loading)
	if _, err := read(context.Background(), client); err != nil {
		t.Errorf("a read is answered %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	_, front, client := start(t)
	for header, want := range map[string]string{
		"7": "try again in 7s", "0": "try again later", "-5": "try again later", "soon": "try again later", "": "try again later",
		"Fri, 31 Dec 1999 23:59:59 GMT": "try again later", "99999999999999999999": "try again later", "3600": "try again in 1h0m0s",
	} {
		front.Inject(locktest.RESTFault{Status: 429, Header: http.Header{"Retry-After": {header}}, Times: 1})
		if _, err := eval(context.Background(), client); !matches(err, lockcore.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("Retry-After %q is told as %v", header, err)
		}
	}
	at := time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)
	front.Inject(locktest.RESTFault{Status: 429, Header: http.Header{"Retry-After": {at}}, Times: 1})
	if _, err := eval(context.Background(), client); !strings.Contains(err.Error(), "try again in ") {
		t.Errorf("Retry-After %q is told as %v", at, err)
	}
}
