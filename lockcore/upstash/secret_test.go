package upstash_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

// everyWay is each way to send something.
func everyWay(ctx context.Context, c *upstash.Client) map[string]error {
	all := map[string]error{}
	_, all["Eval"] = eval(ctx, c)
	var replies []any
	replies, all["Read"] = read(ctx, c)
	_, all["Do"] = c.Do(ctx, "PING")
	pipe, err := c.Pipeline(ctx, [][]string{{"PING"}, {"PING"}})
	all["Pipeline"] = err
	_, _, all["Scan"] = c.Scan(ctx, "0", "lock:*", 10)
	_, all["Info"] = c.Info(ctx, "server")
	_, all["ConfigGet"] = c.ConfigGet(ctx, "maxmemory")
	all["ConfigSet"] = c.ConfigSet(ctx, "maxmemory", "0")
	sub := c.Subscribe(ctx, "lock:*")
	_, all["Subscribe"] = sub.Receive()
	sub.Close()
	_, all["Inspect"] = lockcore.New(c).Inspect(ctx, "lock:a")
	for i, r := range append(replies, pipe...) {
		if e, ok := r.(*lockcore.ReplyError); ok {
			all[fmt.Sprintf("reply %d", i)] = e
		}
	}
	return all
}

// chain gives the text of an error and of all that can be had from it.
func chain(err error) string {
	if err == nil {
		return ""
	}
	s := fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err)
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		s += chain(u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			s += chain(inner)
		}
	}
	return s
}

// TestTheTokenIsInNoError has a server that answers with the token in every way it can, for every kind of fault.
func TestTheTokenIsInNoError(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	ctx := context.Background()
	for _, token := range []string{front.Token(), "AXd/+x==&<a>'\"%41\\u0041"} {
		client := connect(t, front.URL(), token)
		piece := token[:len(token)*2/3]
		echoes := []string{
			token, "Bearer " + token, "no such token: " + piece + "…", url.QueryEscape(token), url.PathEscape(token), html.EscapeString(token),
			strings.ReplaceAll(token, "/", `\/`), base64.StdEncoding.EncodeToString([]byte(token)), strings.ToLower(token),
			strings.Repeat("x", 190) + token, strings.Repeat("x", 200-len(token)/2) + token, strings.Repeat("é", 95) + token, "\x1b[31m" + token + "\r\nX: y",
		}
		forms := append([]string{token[:8], piece}, echoes[3:9]...)
		for _, echo := range echoes {
			quoted := fmt.Sprintf("%q", strings.ToValidUTF8(strings.Map(func(r rune) rune {
				if r < ' ' {
					return -1
				}
				return r
			}, echo), ""))
			encoded := base64.StdEncoding.EncodeToString([]byte(echo))
			var faults []locktest.RESTFault
			for _, status := range []int{200, 301, 400, 401, 404, 429, 500} {
				for _, body := range []string{
					echo, "<html>" + echo + "</html>", `{"error":` + quoted + `}`, `{"error":"ERR max requests limit exceeded ` + quoted[1:] + `}`,
					`[{"error":` + quoted + `},{"error":` + quoted + `}]`, `[{"error":` + quoted + `},{"result":1}]`,
					`{"result":` + quoted + `}`, `{"result":"` + encoded + `"}`, `{"result":["` + encoded + `",5]}`,
				} {
					faults = append(faults, locktest.RESTFault{Status: status, Body: body, Header: http.Header{"Location": {"/" + url.PathEscape(echo)}, "Retry-After": {url.PathEscape(echo)}}})
				}
			}
			faults = append(faults, locktest.RESTFault{Body: echo, CutAt: len(echo) / 2}, locktest.RESTFault{Drop: true})
			for _, f := range faults {
				front.Clear()
				front.Inject(f)
				_, one := eval(ctx, client)
				pipe, many := client.Pipeline(ctx, [][]string{{"PING"}, {"PING"}})
				errs := []error{one, many}
				for _, r := range pipe {
					if e, ok := r.(*lockcore.ReplyError); ok {
						errs = append(errs, e)
					}
				}
				if one != nil {
					locks := lockcore.New(client, lockcore.WithTimeout(1))
					_, acquired := locks.Acquire(ctx, "lock:a", "me", 1e9, nil)
					locks.Wait()
					errs = append(errs, acquired)
				}
				if errors.Is(one, lockcore.ErrRefused) { // what is lost a read asks for again, for a while
					_, unread := read(ctx, client)
					errs = append(errs, unread)
				}
				for _, err := range errs {
					text := chain(err)
					for _, form := range forms {
						if strings.Contains(text, form) {
							t.Fatalf("HTTP %d with %q gives the token away: %s", f.Status, f.Body, text)
						}
					}
					if err != nil && strings.ContainsAny(err.Error(), "\x1b\r\n") {
						t.Fatalf("HTTP %d with %q puts control characters into %q", f.Status, f.Body, err)
					}
				}
			}
		}
	}
}

func TestTheTokenIsInNoErrorOfTheNetwork(t *testing.T) {
	const token = "AXs3cretT0ken0123456789"
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	check := func(name string, client *upstash.Client, ctx context.Context) {
		t.Helper()
		for way, err := range everyWay(ctx, client) {
			if err == nil {
				t.Errorf("%s: %s succeeds", name, way)
			}
			if text := chain(err); strings.Contains(text, token[:8]) {
				t.Errorf("%s: %s gives the token away: %s", name, way, text)
			}
		}
	}
	free := locktest.FreeAddr(t)
	check("nobody listens", connect(t, "http://:"+token+"@"+free, ""), context.Background())
	check("cancelled before", connect(t, "http://"+free, token), ctx)
	check("no TLS there", connect(t, "https://:"+token+"@"+speaks(t, "AXs3cretT0ken0123456789 is no HTTP\r\n\r\n"), ""), context.Background())
	for _, nonsense := range []string{
		token + "\r\n\r\n", "HTTP/1.1 " + token + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + token + "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: " + token + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + token + "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + token + "\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nAXs3c", "HTTP/1.1 302 Found\r\nLocation: http://%zz" + token + "\r\nContent-Length: 0\r\n\r\n",
	} {
		check(nonsense, connect(t, "http://"+speaks(t, nonsense), token), context.Background())
	}
}

func TestAForeignTextIsCut(t *testing.T) {
	_, front, client := start(t)
	front.Inject(locktest.RESTFault{Status: 500, Body: strings.Repeat("é\x00\n\u202e", 10000)})
	_, err := eval(context.Background(), client)
	_, text, _ := strings.Cut(err.Error(), "HTTP 500: ")
	if len(text) < 150 || len(text) > 200+len("…") || !strings.HasSuffix(text, "…") || strings.ContainsAny(text, "\n\x00\u202e") {
		t.Errorf("quoted are %d bytes: %q", len(text), text)
	}
}

// speaks listens, reads a request's beginning, answers with a text whatever it was, and hangs up.
func speaks(t *testing.T, text string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 1<<16))
			conn.Write([]byte(text))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String()
}
