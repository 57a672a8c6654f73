package locktest_test

// The REST front against what Upstash documents: the examples of
// https://upstash.com/docs/redis/features/restapi, and what it says of errors.

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

func TestTheRESTFrontAnswersAsDocumented(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	bearer := "Bearer " + front.Token()
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
		want               string // the body; as a prefix if it ends in …
	}{
		{"GET", "/set/foo/bar", "", nil, 200, `{"result":"OK"}`},
		{"GET", "/get/foo", "", nil, 200, `{"result":"bar"}`},
		{"PUT", "/get/foo", "", nil, 200, `{"result":"bar"}`},
		{"HEAD", "/get/foo", "", nil, 200, ``},
		{"GET", "/SET/foo/bar", "", map[string]string{"Upstash-Encoding": "base64"}, 200, `{"result":"OK"}`},
		{"GET", "/GET/foo", "", map[string]string{"Upstash-Encoding": "base64"}, 200, `{"result":"YmFy"}`},
		{"GET", "/get/foo?_token=TOKEN", "", map[string]string{"Authorization": ""}, 200, `{"result":"bar"}`},
		{"POST", "/set/foo?EX=100", "two words & more", nil, 200, `{"result":"OK"}`},
		{"POST", "/", `["GET","foo"]`, nil, 200, `{"result":"two words & more"}`},
		{"POST", "/", `["TTL","foo"]`, nil, 200, `{"result":100}`},
		{"POST", "", `["SET", "foo", "bar", "EX", 100]`, nil, 200, `{"result":"OK"}`},
		{"POST", "/set/k%20%2F%C3%BC", "v", nil, 200, `{"result":"OK"}`},
		{"POST", "/", `["GET","k /ü"]`, nil, 200, `{"result":"v"}`},
		{"GET", "/get/none", "", nil, 200, `{"result":null}`},
		{"GET", "/mget/foo/none", "", map[string]string{"Upstash-Encoding": "base64"}, 200, `{"result":["YmFy",null]}`},
		{"POST", "/set/bytes", "a\xff\x00", nil, 200, `{"result":"OK"}`}, // the one way for bytes that are no text
		{"GET", "/get/bytes", "", map[string]string{"Upstash-Encoding": "base64"}, 200, `{"result":"Yf8A"}`},
		{"GET", "/get/bytes", "", nil, 200, `{"result":"a\ufffd\u0000"}`},
		{"POST", "/", "[\"SET\",\"bytes\",\"a\xff\"]", nil, 200, `{"result":"OK"}`},
		{"GET", "/strlen/bytes", "", nil, 200, `{"result":4}`}, // JSON has lost it

		{"GET", "/get", "", nil, 400, `{"error":"ERR wrong number of arguments for 'get' command"}`},
		{"GET", "/hget/foo/x", "", map[string]string{"Upstash-Encoding": "base64"}, 400, `{"error":"WRONGTYPE Operation…`},
		{"POST", "/", `["EVALSHA","0000000000000000000000000000000000000000","0"]`, nil, 400, `{"error":"NOSCRIPT…`},
		{"POST", "/", `["EVAL","return {KEYS[1],ARGV[1],7,false,{'a'}}","1","k","v"]`, map[string]string{"Upstash-Encoding": "base64"}, 200, `{"result":["aw==","dg==",7,null,["YQ=="]]}`},
		{"POST", "/", `{}`, nil, 400, `{"error":"ERR…`},
		{"POST", "/", `[]`, nil, 400, `{"error":"ERR…`},
		{"POST", "/", ``, nil, 400, `{"error":"ERR…`},
		{"POST", "/", `["GET",["x"]]`, nil, 400, `{"error":"ERR…`},
		{"DELETE", "/get/foo", "", nil, 405, `{"error":"…`},
		{"GET", "/get/foo", "", map[string]string{"Authorization": "Bearer wrong"}, 401, `{"error":"WRONGPASS invalid or missing auth token"}`},
		{"GET", "/get/foo", "", map[string]string{"Authorization": ""}, 401, `{"error":"WRONGPASS…`},
		{"GET", "/get/foo?_token=wrong", "", map[string]string{"Authorization": ""}, 401, `{"error":"WRONGPASS…`},
		{"GET", "/watch/foo", "", nil, 400, `{"error":"ERR Command is not available: 'WATCH'…`},
		{"GET", "/multi", "", nil, 400, `{"error":"ERR Command is not available: 'MULTI'…`},
		{"GET", "/auth/pw", "", nil, 400, `{"error":"ERR Command is not available: 'AUTH'…`},

		{"POST", "/pipeline", `[["SET","key1","valuex"],["SETEX","key2",13,"valuez"],["INCR","key1"],["ZADD","myset",11,"item1",22,"item2"]]`, nil, 200,
			`[{"result":"OK"},{"result":"OK"},{"error":"ERR value is not an integer or out of range"},{"result":2}]`},
		{"POST", "/multi-exec", `[["SET","key1","valuex"],["SETEX","key2",13,"valuez"],["INCR","key1"],["GET","key1"]]`, map[string]string{"Upstash-Encoding": "base64"}, 200,
			`[{"result":"OK"},{"result":"OK"},{"error":"ERR value is not an integer or out of range"},{"result":"dmFsdWV4"}]`},
		{"POST", "/multi-exec", `[["SET","key1","other"],["NONSENSE"]]`, nil, 400, `{"error":"ERR unknown command…`},
		{"POST", "/multi-exec", `[["SET","key1","other"],["WATCH","x"]]`, nil, 400, `{"error":"ERR Command is not available…`},
		{"GET", "/get/key1", "", nil, 200, `{"result":"valuex"}`}, // a discarded transaction did nothing
		{"POST", "/pipeline", `[["WATCH","x"],["GET","key1"]]`, nil, 200, `[{"error":"ERR Command is not available…`},
		{"POST", "/pipeline", `["GET","key1"]`, nil, 400, `{"error":"ERR…`},
		{"POST", "/multi-exec", `[]`, nil, 400, `{"error":"ERR…`},
	} {
		req, err := http.NewRequest(c.method, front.URL()+strings.ReplaceAll(c.path, "TOKEN", strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(front.Token())), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", bearer)
		for name, value := range c.header {
			if req.Header.Set(name, value); value == "" {
				req.Header.Del(name)
			}
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		got := strings.NewReplacer(`\u0026`, "&", `\u0027`, "'").Replace(string(body))
		prefix, cut := strings.CutSuffix(c.want, "…")
		if err != nil || res.StatusCode != c.status || got != c.want && !(cut && strings.HasPrefix(got, prefix)) {
			t.Errorf("%s %s %s is answered %d %s, %v; not %d %s", c.method, c.path, c.body, res.StatusCode, got, err, c.status, c.want)
		}
		if token := res.Header.Get("upstash-sync-token"); !strings.HasPrefix(token, "sync-") {
			t.Errorf("%s %s is answered without a sync token", c.method, c.path)
		}
	}
}

func TestTheRESTFrontLimitsRequests(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	front.LimitRequests(100)
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	req, _ := http.NewRequest("POST", front.URL(), strings.NewReader(`["SET","a","`+strings.Repeat("x", 100)+`"]`))
	req.Header.Set("Authorization", "Bearer "+front.Token())
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 400 || string(body) != `{"error":"ERR max request size exceeded"}` {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
	if got := srv.CLI("EXISTS", "a"); got != "0" {
		t.Error("it was executed")
	}
}
