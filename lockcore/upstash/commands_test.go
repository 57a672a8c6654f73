package upstash_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

func TestScanFindsEveryKeyInPages(t *testing.T) {
	srv, front, client := start(t)
	ctx := context.Background()
	want := []string{"lock:\xff\x00"}
	for i := range 100 {
		want = append(want, fmt.Sprintf("lock:%03d", i))
	}
	for _, key := range want {
		srv.CLI("SET", key, "me")
	}
	srv.CLI("SET", "other", "x")
	front.Inject(locktest.RESTFault{Times: 1, Drop: true}) // a page that is lost is asked for again
	var got []string
	pages := 0
	for cursor := "0"; ; pages++ {
		next, keys, err := client.Scan(ctx, cursor, "lock:*", 10)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, keys...)
		if cursor = next; cursor == "0" {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if got = slices.Compact(got); !slices.Equal(got, want) || pages < 3 {
		t.Errorf("found are %d keys in %d pages: %q", len(got), pages, got)
	}
}

func TestInfoAndSettings(t *testing.T) {
	srv, _, client := start(t)
	ctx := context.Background()
	info, err := client.Info(ctx, "server")
	if err != nil || len(info["run_id"]) != 40 || info["tcp_port"] != srv.Port() {
		t.Errorf("INFO gives %v, %v", info, err)
	}
	if err := client.ConfigSet(ctx, "notify-keyspace-events", "KA"); err != nil {
		t.Error(err)
	}
	if got, err := client.ConfigGet(ctx, "notify-keyspace-events"); err != nil || got != "AK" {
		t.Errorf("CONFIG GET gives %q, %v", got, err)
	}
	if _, err := client.ConfigGet(ctx, "no-such-setting"); !errors.Is(err, lockcore.ErrRefused) {
		t.Errorf("a setting that is not there is answered %v", err)
	}
}

func TestAnswersThatAreNoneToTheirCommand(t *testing.T) {
	_, front, client := start(t)
	ctx := context.Background()
	for _, body := range []string{`{"result":null}`, `{"result":[]}`, `{"result":["MA=="]}`, `{"result":[null,[]]}`, `{"result":["MA==","MA=="]}`, `{"result":5}`} {
		front.Inject(locktest.RESTFault{Times: 1, Body: body})
		if _, _, err := client.Scan(ctx, "0", "*", 1); !errors.Is(err, lockcore.ErrRefused) {
			t.Errorf("SCAN, answered %s, gives %v", body, err)
		}
	}
	front.Inject(locktest.RESTFault{Times: 1, Body: `{"result":[0,[]]}`})
	if next, keys, err := client.Scan(ctx, "0", "*", 1); err != nil || next != "0" || len(keys) != 0 {
		t.Errorf("a cursor that is a number gives %q, %v, %v", next, keys, err)
	}
}

func TestARightThatIsMissingIsAnErrorReply(t *testing.T) {
	srv, front, _ := start(t)
	srv.CLI("ACL", "SETUSER", "reader", "on", ">pw", "~*", "-@all", "+@read", "+time", "+multi", "+exec")
	client := connect(t, front.URL(), front.TokenFor("reader", "pw"))
	ctx := context.Background()
	for name, send := range map[string]func() error{
		"INFO":  func() error { _, err := client.Info(ctx, "server"); return err },
		"a set": func() error { _, err := client.Do(ctx, "SET", "a", "b"); return err },
		"a step": func() error {
			_, err := lockcore.New(client).Acquire(ctx, "lock:a", "me", time.Minute, nil)
			return err
		},
	} {
		err := send()
		if e, ok := errors.AsType[*lockcore.ReplyError](err); !ok || !strings.HasPrefix(e.Message, "NOPERM") {
			t.Errorf("%s is answered %v", name, err)
		}
	}
	if _, err := lockcore.New(client).Inspect(ctx, "lock:a"); err != nil {
		t.Errorf("looking is answered %v", err)
	}
}

func TestDoTakesStringsBytesAndNumbers(t *testing.T) {
	srv, front, client := start(t)
	ctx := context.Background()
	id, err := client.Do(ctx, "XADD", "locktop:audit", "MAXLEN", "~", 10000, "*", "op", []byte("a"), "n", int64(9007199254740993), "f", 0.5, "u", uint8(7))
	if s, ok := id.(string); err != nil || !ok || !strings.Contains(s, "-") {
		t.Fatalf("XADD gives %v, %v", id, err)
	}
	got, err := client.Do(ctx, "XREVRANGE", "locktop:audit", "+", "-", "COUNT", 1)
	entries, _ := got.([]any)
	if err != nil || len(entries) != 1 || fmt.Sprint(entries[0].([]any)[1]) != "[op a n 9007199254740993 f 0.5 u 7]" {
		t.Errorf("XREVRANGE gives %v, %v", got, err)
	}
	if n, err := client.Do(ctx, "INCRBY", "n", int64(9007199254740993)); err != nil || n != int64(9007199254740993) {
		t.Errorf("INCRBY gives %v, %v", n, err)
	}
	before := len(front.Requests())
	for what, args := range map[string][]any{
		"command is empty":                     {},
		"the command is empty":                 {""},
		`argument 1 of "GET" is not valid`:     {"GET", "a\xff"},
		`argument 2 of "SET" is not valid`:     {"SET", "a", []byte{0xc3}},
		"the command's name is not valid":      {"\xff"},
		"argument 1 of a command is a <nil>":   {"GET", nil},
		"argument 1 of a command is a []strin": {"GET", []string{"a"}},
	} {
		if _, err := client.Do(ctx, args...); !matches(err, lockcore.ErrInvalid) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v is answered %v", args, err)
		}
	}
	if len(front.Requests()) != before {
		t.Error("something was sent")
	}
	// At most once.
	front.Inject(locktest.RESTFault{Times: 1, Drop: true, Execute: true})
	if _, err := client.Do(ctx, "INCR", "once"); !matches(err, lockcore.ErrUnknownOutcome) || srv.CLI("GET", "once") != "1" || len(front.Requests()) != before+1 {
		t.Errorf("a lost reply is answered %v; it is %s", err, srv.CLI("GET", "once"))
	}
}

func TestWhichArgumentIsNoText(t *testing.T) {
	_, front, client := start(t)
	for _, c := range []struct {
		keys, args []string
		says       string
	}{
		{[]string{"\xff"}, nil, "key 1 of the step count"},
		{[]string{"a", "a\xc3"}, nil, "key 2 of the step count"},
		{[]string{"a"}, []string{"x", "y", "z\xed\xa0\x80"}, "argument 3 of the step count"},
	} {
		if _, err := client.Eval(context.Background(), step, c.keys, c.args); !matches(err, lockcore.ErrInvalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "rediss://") {
			t.Errorf("%q %q is answered %v", c.keys, c.args, err)
		}
	}
	if len(front.Requests()) != 0 {
		t.Error("something was sent")
	}
}
