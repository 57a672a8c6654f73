package upstash_test

// How listening over REST ends, or does not come about: always by an error of its kind, at once, and without the token in it.

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

func TestAStreamThatIsNotToBeHadIsAnErrorOfItsKind(t *testing.T) {
	srv, front, client := notifying(t)
	srv.CLI("ACL", "SETUSER", "ann", "on", ">pw", "~*", "resetchannels", "+@all")
	for name, c := range map[string]struct {
		fault locktest.RESTFault
		kind  error // nil: a *lockcore.ReplyError
		says  string
		none  bool // there are no streams
	}{
		"no such path":          {locktest.RESTFault{Status: 404, Body: "404 page not found"}, lockcore.ErrRefused, "no event streams, so nothing can be listened to: HTTP 404: 404 page not found", true},
		"no such method":        {locktest.RESTFault{Status: 405}, lockcore.ErrRefused, "HTTP 405", true},
		"not built":             {locktest.RESTFault{Status: 501}, lockcore.ErrRefused, "HTTP 501", true},
		"another kind":          {locktest.RESTFault{Status: 406}, lockcore.ErrRefused, "HTTP 406", true},
		"a page":                {locktest.RESTFault{Status: 200, Body: "<html>hello"}, lockcore.ErrRefused, "hello", true},
		"a result":              {locktest.RESTFault{Status: 200, Body: `{"result":1}`, Header: http.Header{"Content-Type": {"application/json"}}}, lockcore.ErrRefused, "no event streams", true},
		"another text":          {locktest.RESTFault{Status: 200, Body: "data: hello\n\n"}, lockcore.ErrRefused, `begins with "hello"`, true},
		"a page of 400":         {locktest.RESTFault{Status: 400, Body: "<html>bad"}, lockcore.ErrRefused, "HTTP 400: <html>bad", true},
		"an error":              {locktest.RESTFault{Status: 400, Body: `{"error":"ERR Command is not available: 'PSUBSCRIBE'"}`}, nil, "ERR Command is not available", false},
		"an error with 200":     {locktest.RESTFault{Status: 200, Body: `{"error":"NOPERM no"}`, Header: http.Header{"Content-Type": {"application/json"}}}, nil, "NOPERM no", false},
		"an error in a stream":  {locktest.RESTFault{Status: 200, Body: "data: {\"error\":\"NOPERM no\"}\n\n"}, nil, "NOPERM no", false},
		"a wrong token":         {locktest.RESTFault{Status: 401, Body: `{"error":"WRONGPASS"}`}, lockcore.ErrRefused, "the token is not accepted", false},
		"too many":              {locktest.RESTFault{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, lockcore.ErrRefused, "rate limited, not executed; try again in 7s", false},
		"the plan's limit":      {locktest.RESTFault{Status: 400, Body: `{"error":"ERR max requests limit exceeded. Limit: 1"}`}, lockcore.ErrRefused, "rate limited", false},
		"the limit in a stream": {locktest.RESTFault{Status: 200, Body: "data: {\"error\":\"ERR max daily request limit exceeded.\"}\n\n"}, lockcore.ErrRefused, "rate limited", false},
		"broken":                {locktest.RESTFault{Status: 500, Body: "oops"}, lockcore.ErrUnreachable, "HTTP 500: oops", false},
		"a gateway":             {locktest.RESTFault{Status: 502}, lockcore.ErrUnreachable, "HTTP 502", false},
		"a redirect":            {locktest.RESTFault{Status: 307, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, lockcore.ErrRefused, "redirects", false},
		"no answer":             {locktest.RESTFault{Drop: true}, lockcore.ErrUnreachable, "EOF", false},
		"an empty answer":       {locktest.RESTFault{Status: 200, Body: "\n"}, lockcore.ErrUnreachable, "the server ended the event stream", false},
	} {
		t.Run(name, func(t *testing.T) {
			front.Clear()
			c.fault.Path = "/psubscribe"
			front.Inject(c.fault)
			before := len(front.Requests())
			s := client.Subscribe(context.Background(), ks+"lock:*")
			defer s.Close()
			err := ends(t, s)
			if c.kind == nil {
				var reply *lockcore.ReplyError
				if !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, c.says) {
					t.Errorf("answered is %v", err)
				}
			} else if !matches(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), front.URL()+": ") {
				t.Errorf("answered is %v", err)
			}
			if errors.Is(err, upstash.ErrNoStreams) != c.none {
				t.Errorf("%v tells that there are no streams: %t", err, !c.none)
			}
			if n := len(front.Requests()) - before; n != 1 {
				t.Errorf("it was asked for %d times", n)
			}
		})
	}
	front.Clear()
	s := connect(t, front.URL(), front.TokenFor("ann", "pw")).Subscribe(context.Background(), ks+"lock:*")
	defer s.Close()
	var reply *lockcore.ReplyError
	if err := ends(t, s); !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, "NOPERM") {
		t.Errorf("a user without the right is answered %v", err)
	}
	nobody := connect(t, "http://"+locktest.FreeAddr(t), "t0ken").Subscribe(context.Background(), ks+"lock:*")
	defer nobody.Close()
	if err := ends(t, nobody); !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("where nobody listens the answer is %v", err)
	}
}

func TestAStreamThatEndsIsAnErrorAndNoSilence(t *testing.T) {
	srv, front, client := notifying(t)
	for name, c := range map[string]struct {
		end  func()
		says string
	}{
		"ended by the server":                  {front.EndStreams, `the server ended the event stream of "` + ks + `lo`},
		"cut within a line":                    {front.CutStreams, `the event stream of "` + ks + `lo`},
		"ended by Redis, which cuts listeners": {func() { srv.CLI("CLIENT", "KILL", "TYPE", "pubsub") }, "the server ended the event stream"},
		"closed with the client":               {nil, "the client is closed"},
	} {
		c2 := connect(t, front.URL(), front.Token())
		s := subscribe(t, c2, "lock:*", "locktop:*")
		srv.CLI("SET", "lock:a", "x")
		hears(t, s, of("lock:a", "set"))
		done := make(chan error, 1)
		go func() { _, err := s.Receive(); done <- err }()
		if c.end == nil {
			c2.Close()
		} else {
			c.end()
		}
		err := returned(t, done)
		if !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: answered is %v", name, err)
		}
		if err := ends(t, s); !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: afterwards it is %v", name, err)
		}
		waitFor(t, "the other stream ends too", func() bool { return front.OpenStreams() == 0 })
	}
	s := subscribe(t, client, "lock:*")
	srv.Kill()
	if err := ends(t, s); !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("a killed server: answered is %v", err)
	}
	client.Close()
	closed := client.Subscribe(context.Background(), ks+"lock:*")
	if err := ends(t, closed); !strings.Contains(err.Error(), "the client is closed") {
		t.Errorf("a closed client's subscription is answered %v", err)
	}
}

func TestASubscriptionEndsWhenItIsToldTo(t *testing.T) {
	_, front, client := notifying(t)
	for name, silent := range map[string]bool{"while it is confirmed": true, "while it listens": false} {
		for _, way := range []string{"Close", "cancel", "deadline"} {
			front.Streams(locktest.RESTStreams{Silent: silent})
			ctx, cancel := context.WithCancel(context.Background())
			if way == "deadline" {
				ctx, cancel = context.WithTimeout(context.Background(), 100*time.Millisecond)
			}
			s := client.Subscribe(ctx, ks+"lock:*")
			if !silent && way != "deadline" {
				hears(t, s, upstash.Heard{Subscribed: 1})
			}
			done := make(chan error, 1)
			go func() {
				_, err := s.Receive()
				for err == nil {
					_, err = s.Receive()
				}
				done <- err
			}()
			want := error(nil)
			switch way {
			case "Close":
				s.Close()
			case "cancel":
				cancel()
				want = context.Canceled
			case "deadline":
				want = context.DeadlineExceeded
			}
			err := returned(t, done)
			if !matches(err, lockcore.ErrUnreachable) || want != nil && !errors.Is(err, want) || want == nil && !strings.Contains(err.Error(), "the subscription is closed") {
				t.Errorf("%s, %s: answered is %v", name, way, err)
			}
			s.Close()
			cancel()
			waitFor(t, "the stream ends", func() bool { return front.OpenStreams() == 0 })
		}
	}
}

func TestReceiveEndsWhileNetHTTPIsStuck(t *testing.T) {
	client := connect(t, "https://127.0.0.1:1", "t0ken")
	s := &stuckStream{begun: make(chan struct{}), goOn: make(chan struct{}), ended: make(chan struct{})}
	client.Through(s)
	sub := client.Subscribe(context.Background(), ks+"lock:*")
	<-s.begun
	sub.Close()
	if err := ends(t, sub); !strings.Contains(err.Error(), "closed") {
		t.Errorf("answered is %v", err)
	}
	close(s.goOn)
	<-s.ended
}

// stuckStream is a transport that does not look at contexts.
type stuckStream struct{ begun, goOn, ended chan struct{} }

func (s *stuckStream) RoundTrip(*http.Request) (*http.Response, error) {
	defer close(s.ended)
	close(s.begun)
	<-s.goOn
	return nil, errors.New("stuck")
}

func TestAStreamThatIsNotConfirmedIsAnError(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	client := within(t, front.URL(), front.Token(), 300*time.Millisecond)
	for name, prepare := range map[string]func(){
		"no answer":               func() { front.Inject(locktest.RESTFault{Path: "/psubscribe", Hang: true}) },
		"an answer, then nothing": func() { front.Streams(locktest.RESTStreams{Silent: true}) },
		"an answer, then comments": func() {
			front.Streams(locktest.RESTStreams{Silent: true, KeepAlive: time.Millisecond})
		},
	} {
		front.Clear()
		front.Streams(locktest.RESTStreams{})
		prepare()
		s := client.Subscribe(context.Background(), ks+"lock:*")
		err := error(nil)
		for h := (upstash.Heard{}); err == nil; {
			if h, err = receive(t, s); h != (upstash.Heard{}) {
				t.Fatalf("%s: heard is %+v", name, h)
			}
		}
		if !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), `listening to "`+ks+`lock:*" was not confirmed within 300ms`) {
			t.Errorf("%s: answered is %v", name, err)
		}
		s.Close()
	}
}

func TestAStreamOutlivesTheTimeOutOfItsConfirmation(t *testing.T) {
	srv := locktest.StartRedis(t, "--notify-keyspace-events", "K$")
	front := locktest.StartREST(t, srv.Addr)
	client := within(t, front.URL(), front.Token(), 300*time.Millisecond)
	for try := 1; ; try++ {
		front.Streams(locktest.RESTStreams{})
		s := client.Subscribe(context.Background(), ks+"lock:*")
		if _, err := receive(t, s); err != nil {
			if try == 20 {
				t.Fatal(err)
			}
			continue // a slow machine
		}
		defer s.Close()
		front.Streams(locktest.RESTStreams{Silent: true})
		if err := ends(t, client.Subscribe(context.Background(), ks+"lock:*")); !strings.Contains(err.Error(), "not confirmed") {
			t.Fatal(err) // it was opened later, and its time is over
		}
		front.Streams(locktest.RESTStreams{})
		srv.CLI("SET", "lock:a", "x")
		hears(t, s, of("lock:a", "set"))
		return
	}
}

func TestAStreamThatTheServerEndsInWordsIsOver(t *testing.T) {
	for text, says := range map[string]string{
		"data: punsubscribe,PATTERN,0\n\n":                          "the server ended listening to",
		"data: {\"error\":\"NOPERM no channel\"}\n\n":               "NOPERM no channel",
		"data: {\"error\":\"ERR max requests limit exceeded\"}\n\n": "rate limited",
	} {
		more := make(chan string, 1)
		server := listen(t, say(more))
		client := connect(t, "http://"+server.Addr().String(), "t0ken")
		s := subscribe(t, client, "lock:*")
		more <- text
		if err := ends(t, s); !strings.Contains(err.Error(), says) {
			t.Errorf("%q ends it with %v", text, err)
		}
		close(more)
	}
}

func TestTheTokenOfAStreamIsInNoErrorAndGoesNowhereElse(t *testing.T) {
	const token = "s3cret-t0ken-of-30-characters"
	elsewhere := listen(t, say(nil))
	more := make(chan string)
	close(more)
	for name, answer := range map[string]string{
		"a redirect":          "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://" + elsewhere.Addr().String() + "/?" + token + "\r\nContent-Length: 0\r\n\r\n",
		"a page":              "HTTP/1.1 404 Not Found\r\n\r\nno " + token,
		"a page of 200":       "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nno " + token,
		"a refusal":           "HTTP/1.1 400 Bad\r\n\r\n{\"error\":\"ERR " + token + "\"}",
		"a wrong beginning":   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + token + "\n\n",
		"an error as event":   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"error\":\"ERR " + token + "\"}\n\n",
		"a header that fails": "HTTP/1.1 " + token + "\r\n\r\n",
	} {
		server := listen(t, func(s *scripted, conn net.Conn, in *bufio.Reader) {
			if s.take(in) {
				io.WriteString(conn, answer)
			}
		})
		client := connect(t, "http://"+server.Addr().String(), token)
		s := client.Subscribe(context.Background(), ks+"lock:*")
		if err := ends(t, s); strings.Contains(chain(err), token[:8]) {
			t.Errorf("%s: the error is %v", name, chain(err))
		}
	}
	if n := elsewhere.requests.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestPatternsThatCannotBeListenedToAreNotAskedFor(t *testing.T) {
	_, front, client := start(t)
	for name, patterns := range map[string][]string{
		"none": {}, "empty": {""}, "a line break": {ks + "a\n*"}, "NUL": {"a\x00"}, "no text": {"\xff*"}, "a path": {".."}, "one of two": {ks + "*", "a\r"},
		"too many": strings.Split(strings.Repeat("a*,", 10)+"a*", ","),
	} {
		s := client.Subscribe(context.Background(), patterns...)
		if err := ends(t, s); !errors.Is(err, lockcore.ErrInvalid) {
			t.Errorf("%s: answered is %v", name, err)
		}
	}
	if n := len(front.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// Over HTTP/2 all requests share a connection. If that dies without a word, nobody would be told for as long as the
// operating system has patience.
func TestADeadConnectionOverHTTP2EndsTheStream(t *testing.T) {
	srv := locktest.StartRedis(t)
	cert := locktest.NewCertificate(t)
	front := locktest.StartRESTOverTLS(t, srv.Addr, cert)
	var dead sync.RWMutex // held while nothing moves
	play := func(_ *scripted, conn net.Conn, in *bufio.Reader) {
		server, err := net.Dial("tcp", front.Addr)
		if err != nil {
			return
		}
		pass := func(to net.Conn, from io.Reader) {
			buf := make([]byte, 32<<10)
			for {
				n, err := from.Read(buf)
				dead.RLock()
				_, failed := to.Write(buf[:n])
				dead.RUnlock()
				if err != nil || failed != nil {
					break
				}
			}
			to.Close()
		}
		var both sync.WaitGroup
		both.Go(func() { pass(server, in) })
		both.Go(func() { pass(conn, server) })
		both.Wait()
	}
	through := listen(t, play, play)
	client := connect(t, "https://"+through.Addr().String(), front.Token())
	client.Trust(cert.Pool)
	if otherwise := client.Pings(50*time.Millisecond, 50*time.Millisecond); otherwise <= 0 || otherwise > 10*time.Second {
		t.Errorf("without the test it would take %s", otherwise)
	}
	s := client.Subscribe(context.Background(), ks+"lock:*")
	// On a slow machine even a living connection may not answer in time.
	if h, err := receive(t, s); err == nil && h.Subscribed != 1 {
		t.Errorf("heard is %+v", h)
	}
	dead.Lock()
	err := ends(t, s)
	dead.Unlock()
	if !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("answered is %v", err)
	}
}
