package locktest_test

// The REST front's event streams: byte by byte what Upstash's documentation prints, with the empty lines that
// server-sent events have, and each fault and manner that tests of clients rely on.

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"locktop/lockcore/locktest"
)

// openStream asks for a stream and gives a function that reads so many of its lines, with their ends.
func openStream(t *testing.T, front *locktest.REST, path, token, body string) (*http.Response, func(lines int) string) {
	t.Helper()
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequest("POST", front.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	in := bufio.NewReader(res.Body)
	return res, func(lines int) string {
		t.Helper()
		limit := time.AfterFunc(time.Minute, func() { res.Body.Close() })
		defer limit.Stop()
		var all strings.Builder
		for range lines {
			line, err := in.ReadString('\n')
			all.WriteString(line)
			if err == io.EOF {
				all.WriteString("<end>")
				break
			}
			if err != nil {
				all.WriteString("<broken>")
				break
			}
		}
		return all.String()
	}
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s reads %q, not %q", what, got, want)
	}
}

func TestTheRESTFrontStreamsMessagesAsDocumented(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	res, read := openStream(t, front, "/subscribe/chat", front.Token(), "")
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" {
		t.Errorf("it is answered %d %s", res.StatusCode, kind)
	}
	expect(t, "the confirmation", read(2), "data: subscribe,chat,1\n\n")
	srv.CLI("PUBLISH", "chat", "hello")
	srv.CLI("PUBLISH", "chat", "how are you, today?")
	expect(t, "the messages", read(4), "data: message,chat,hello\n\ndata: message,chat,how are you, today?\n\n")

	_, read = openStream(t, front, "/psubscribe/c%2A,/d*", front.Token(), "[]")
	expect(t, "the confirmation of two patterns", read(4), "data: psubscribe,c*,,1\n\ndata: psubscribe,d*,2\n\n")
	srv.CLI("PUBLISH", "c,at,", "hello")
	expect(t, "a message", read(2), "data: pmessage,c*,,c,at,,hello\n\n")
	if n := front.OpenStreams(); n != 2 {
		t.Errorf("%d streams are open", n)
	}
	front.EndStreams()
	expect(t, "an ended stream", read(1), "<end>")
	if n := len(front.Requests()); n != 2 {
		t.Errorf("%d requests are counted", n)
	}
}

func TestTheRESTFrontRefusesStreamsAsItRefusesCommands(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	srv.CLI("ACL", "SETUSER", "ann", "on", ">pw", "~*", "&*", "+@all", "-psubscribe")
	front.Inject(locktest.RESTFault{Path: "/psubscribe/gone", Status: 404, Body: "404 page not found"})
	for _, c := range []struct {
		path, token, want string
		status            int
	}{
		{"/psubscribe/a*", "wrong", `{"error":"WRONGPASS invalid or missing auth token"}`, 401},
		{"/psubscribe/a*", front.TokenFor("ann", "pw"), `{"error":"NOPERM`, 400},
		{"/psubscribe", front.Token(), `{"error":"ERR wrong number of arguments for 'psubscribe' command"}`, 400},
		{"/psubscribe/gone", front.Token(), "404 page not found", 404},
	} {
		res, read := openStream(t, front, c.path, c.token, "")
		if got := read(1); res.StatusCode != c.status || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s is answered %d %s", c.path, res.StatusCode, got)
		}
	}
	if n := front.OpenStreams(); n != 0 {
		t.Errorf("%d streams are open", n)
	}
}

func TestTheRESTFrontsStreamsInEveryManner(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	srv.CLI("CONFIG", "SET", "notify-keyspace-events", "K$")
	front.Streams(locktest.RESTStreams{KeepAlive: time.Millisecond})
	_, read := openStream(t, front, "/psubscribe/__keyspace@0__:a*", front.Token(), "")
	expect(t, "a stream that is kept alive", read(4), "data: psubscribe,__keyspace@0__:a*,1\n\n: keepalive\n\n")

	front.Streams(locktest.RESTStreams{})
	_, read = openStream(t, front, "/psubscribe/__keyspace@0__:a*", front.Token(), "")
	read(2)
	front.Streams(locktest.RESTStreams{Silent: true})
	srv.CLI("SET", "a", "swallowed")
	_, other := openStream(t, front, "/psubscribe/__keyspace@0__:b*", front.Token(), "")
	front.Streams(locktest.RESTStreams{})
	srv.CLI("SET", "b", "heard")
	if got := other(2); got != "data: pmessage,__keyspace@0__:b*,__keyspace@0__:b,set\n\n" {
		t.Errorf("a stream that was silent at first reads %q", got)
	}
	for _, c := range []struct {
		manner    locktest.RESTStreams
		key, want string
	}{
		{locktest.RESTStreams{CRLF: true}, "a\nb", "a\nb,set\r\n\r\n"},
		{locktest.RESTStreams{Bare: true}, "a", "a,set\n"},
		{locktest.RESTStreams{Split: true}, "a\r\nb\rc\n", "a\ndata: b\ndata: c\ndata: ,set\n\n"},
		{locktest.RESTStreams{}, "a\xff", "a\ufffd,set\n\n"},
		{locktest.RESTStreams{Raw: true}, "a\xff", "a\xff,set\n\n"},
		{locktest.RESTStreams{Delay: time.Millisecond}, "a", "a,set\n\n"},
	} {
		front.Streams(c.manner)
		_, read := openStream(t, front, "/psubscribe/__keyspace@0__:a*", front.Token(), "")
		read(2 - btoi(c.manner.Bare))
		srv.CLI("SET", c.key, "v")
		expect(t, "the event", read(strings.Count(c.want, "\n")), "data: pmessage,__keyspace@0__:a*,__keyspace@0__:"+c.want)
	}
	front.Streams(locktest.RESTStreams{})
	_, read = openStream(t, front, "/psubscribe/__keyspace@0__:a*", front.Token(), "")
	read(2)
	front.CutStreams()
	expect(t, "a stream that is cut", read(1), "data: pmessage,__keysp<broken>")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
