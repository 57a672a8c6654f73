package upstash_test

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/upstash"
)

func TestReplies(t *testing.T) {
	for body, want := range map[string]any{
		`{"result":null}`:                            nil,
		`{"result":"OK"}`:                            "OK",
		`{"result":"T0s="}`:                          "OK",
		`{"result":""}`:                              "",
		`{"result":"YmFy"}`:                          "bar",
		`{"result":"/wD+"}`:                          "\xff\x00\xfe",
		`{"result":0}`:                               int64(0),
		`{"result":-2}`:                              int64(-2),
		`{"result":9007199254740993}`:                int64(9007199254740993),
		`{"result":9223372036854775807}`:             int64(9223372036854775807),
		`{"result":-9223372036854775808}`:            int64(-9223372036854775808),
		`{"result":9223372036854775808}`:             "9223372036854775808",
		`{"result":1.5}`:                             "1.5",
		`{"result":[]}`:                              []any{},
		`{"result":["OK",null,1,["YQ==",["Yg=="]]]}`: []any{"OK", nil, int64(1), []any{"a", []any{"b"}}},
		` {"result" : "YQ==" , "more": {"x":1}} `:    "a",
		`{"error":"WRONGTYPE Operation"}`:            &lockcore.ReplyError{Message: "WRONGTYPE Operation"},
		`{"result":null,"error":"ERR x"}`:            &lockcore.ReplyError{Message: "ERR x"},
		`{"result":1,"error":null}`:                  int64(1),
	} {
		got, err := upstash.ReadOne([]byte(body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %#v, %v; not %#v", body, got, err, want)
		}
	}
}

func TestWhatIsNoReply(t *testing.T) {
	for _, body := range []string{
		``, `null`, `1`, `"OK"`, `[]`, `{}`, `{"result":"bar"}`, `{"result":"YmF"}`, `{"result":"YQ==","error":"x"}`, `{"result":true}`,
		`{"result":{"a":1}}`, `{"result":[{"error":"x"}]}`, `{"result":["a b"]}`, `{"result":"YQ==`, `{"result":[1,`, `{"result":1}{"result":2}`, `{"result":1} x`,
		`<html>502 Bad Gateway</html>`, `{"error":5}`, "{\"result\":\"\xff\"}",
		`{"result":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		if got, err := upstash.ReadOne([]byte(body)); err == nil {
			t.Errorf("%s is read as %#v", body, got)
		}
	}
}

func TestRepliesToSeveralCommands(t *testing.T) {
	got, err := upstash.ReadMany([]byte(`[{"result":"YQ=="},{"error":"WRONGTYPE x"},{"result":null}]`), 3)
	want := []any{"a", &lockcore.ReplyError{Message: "WRONGTYPE x"}, nil}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %#v, %v", got, err)
	}
	got, err = upstash.ReadMany([]byte(` {"error":"EXECABORT x"}`), 3)
	if e, ok := err.(*lockcore.ReplyError); !ok || e.Message != "EXECABORT x" || got != nil {
		t.Errorf("a discarded transaction is read as %#v, %v", got, err)
	}
	for _, body := range []string{
		``, `null`, `[]`, `[{"result":1},{"result":2}]`, `[{"result":1},{"result":2},{"result":3},{"result":4}]`, `{"result":1}`, `{`,
		`[{"result":1},{"result":2},null]`, `[{"result":1},{"result":2},{}]`, `[{"result":1},{"result":2},{"result":"x"}]`, `[1,2,3]`, `[{"result":1},{"result":2},{"result":3}`,
	} {
		got, err := upstash.ReadMany([]byte(body), 3)
		if _, reply := err.(*lockcore.ReplyError); err == nil || reply {
			t.Errorf("%s is read as %#v, %v", body, got, err)
		}
	}
}

// FuzzReply holds the decoder to what a transport promises: nothing but nil, string, int64, []any of
// these or an error reply, and any bytes come back as they were encoded.
func FuzzReply(f *testing.F) {
	for _, body := range []string{`{"result":["OK",null,1,["YQ=="]]}`, `{"error":"ERR x"}`, `[{"result":1},{"error":"x"}]`, `{"result":1e400}`, `{"result":"/wD+"}`} {
		f.Add([]byte(body), 2)
	}
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		encoded := `{"result":[["` + base64.StdEncoding.EncodeToString(body) + `"]]}`
		if got, err := upstash.ReadOne([]byte(encoded)); err != nil || got.([]any)[0].([]any)[0] != string(body) {
			t.Errorf("%q comes back as %v, %v", body, got, err)
		}
		if one, err := upstash.ReadOne(body); err == nil {
			wellFormed(t, one, true)
		}
		if many, err := upstash.ReadMany(body, n); err == nil {
			if len(many) != n {
				t.Errorf("%q is read as %d replies to %d commands", body, len(many), n)
			}
			for _, one := range many {
				wellFormed(t, one, true)
			}
		}
	})
}

func wellFormed(t *testing.T, reply any, top bool) {
	switch v := reply.(type) {
	case nil, string, int64:
	case []any:
		for _, item := range v {
			wellFormed(t, item, false)
		}
	case *lockcore.ReplyError:
		if !top {
			t.Error("an error within a list")
		}
	default:
		t.Errorf("a reply of type %T", reply)
	}
}
