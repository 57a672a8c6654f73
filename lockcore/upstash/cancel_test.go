package upstash_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

// calls are the ways in, each giving its error.
var calls = map[string]func(context.Context, *upstash.Client) error{
	"Eval": func(ctx context.Context, c *upstash.Client) error { _, err := eval(ctx, c); return err },
	"Read": func(ctx context.Context, c *upstash.Client) error { _, err := read(ctx, c); return err },
	"Do":   func(ctx context.Context, c *upstash.Client) error { _, err := c.Do(ctx, "PING"); return err },
	"Pipeline": func(ctx context.Context, c *upstash.Client) error {
		_, err := c.Pipeline(ctx, [][]string{{"PING"}})
		return err
	},
	"Scan": func(ctx context.Context, c *upstash.Client) error {
		_, _, err := c.Scan(ctx, "0", "*", 1)
		return err
	},
}

// outcome is what a call gets whose request the server has and does not answer.
func outcome(name string) error {
	if name == "Read" || name == "Scan" {
		return lockcore.ErrUnreachable
	}
	return lockcore.ErrUnknownOutcome
}

// beside runs a call and gives its error.
func beside(call func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return done
}

func TestACallEndsWithItsContextWhileTheServerHangs(t *testing.T) {
	_, front, client := start(t)
	for _, fault := range []locktest.RESTFault{
		{Hang: true},
		{Slow: time.Hour, Body: `{"result":"OK"}`}, // the answer has begun
	} {
		front.Clear()
		front.Inject(fault)
		for name, call := range calls {
			ctx, cancel := context.WithCancel(context.Background())
			before := len(front.Requests())
			done := beside(func() error { return call(ctx, client) })
			waitFor(t, name+" is with the server", func() bool { return len(front.Requests()) > before })
			cancel()
			err := returned(t, done)
			if !matches(err, outcome(name)) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled while the server has it, is answered %v", name, err)
			}
			if sent := len(front.Requests()) - before; sent != 1 {
				t.Errorf("%s was sent %d times", name, sent)
			}

			ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
			err = returned(t, beside(func() error { return call(ctx, client) }))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !matches(err, outcome(name)) && !matches(err, lockcore.ErrUnreachable) {
				t.Errorf("%s, past its deadline, is answered %v", name, err)
			}
		}
	}
}

func TestACallThatIsOverBeforeItBeginsIsNotSent(t *testing.T) {
	_, front, client := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, call := range calls {
		if err := call(ctx, client); !matches(err, lockcore.ErrUnreachable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s is answered %v", name, err)
		}
	}
	if n := len(front.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestTheTimeOutEndsACall(t *testing.T) {
	srv := locktest.StartRedis(t)
	front := locktest.StartREST(t, srv.Addr)
	front.Inject(locktest.RESTFault{Hang: true})
	client := within(t, front.URL(), front.Token(), 300*time.Millisecond)
	for name, call := range calls {
		for try := 1; ; try++ {
			before := len(front.Requests())
			err := returned(t, beside(func() error { return call(context.Background(), client) }))
			if !strings.Contains(err.Error(), "no answer within 300ms") {
				t.Fatalf("%s is answered %v", name, err)
			}
			if len(front.Requests()) == before && matches(err, lockcore.ErrUnreachable) && try < 20 {
				continue // a slow machine: it was over before it was sent
			}
			if !matches(err, outcome(name)) {
				t.Errorf("%s is answered %v", name, err)
			}
			break
		}
	}
}

func TestCloseEndsCallsAndRefusesMore(t *testing.T) {
	_, front, client := start(t)
	front.Inject(locktest.RESTFault{Hang: true})
	done := beside(func() error { return calls["Eval"](context.Background(), client) })
	waitFor(t, "the script is with the server", func() bool { return len(front.Requests()) > 0 })
	client.Close()
	if err := returned(t, done); !matches(err, lockcore.ErrUnknownOutcome) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a call under way is answered %v", err)
	}
	before := len(front.Requests())
	for name, call := range calls {
		if err := call(context.Background(), client); !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s after Close is answered %v", name, err)
		}
	}
	if len(front.Requests()) != before {
		t.Error("requests were sent after Close")
	}
}

// A server that takes connections and says nothing, so that TLS never comes about, got no request.
func TestACallThatIsCancelledBeforeTheConnectionIsReadyWasNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted, ended := make(chan net.Conn, 16), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	client := connect(t, "https://"+l.Addr().String(), "t0ken")
	ctx, cancel := context.WithCancel(context.Background())
	done := beside(func() error { return calls["Eval"](ctx, client) })
	conn := <-accepted
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // of its hello
		t.Fatal(err)
	}
	cancel()
	if err := returned(t, done); !matches(err, lockcore.ErrUnreachable) {
		t.Errorf("it is answered %v", err)
	}
	conn.Close()
	l.Close()
	<-ended
	for len(accepted) > 0 {
		(<-accepted).Close()
	}
}

// stuck is a transport that does not look at contexts, as net/http's is while it closes a TLS connection
// over which nothing moves.
type stuck struct {
	reads         bool // the request's body, before it gets stuck
	begun, goOn   chan struct{}
	ended         chan struct{}
	readAfterward error
}

func (s *stuck) RoundTrip(req *http.Request) (*http.Response, error) {
	defer close(s.ended)
	if s.reads {
		io.Copy(io.Discard, req.Body)
	}
	close(s.begun)
	<-s.goOn
	_, s.readAfterward = io.ReadAll(req.Body)
	return nil, errors.New("stuck")
}

func TestACallEndsWithItsContextWhileNetHTTPIsStuck(t *testing.T) {
	for _, reads := range []bool{false, true} {
		client := connect(t, "https://127.0.0.1:1", "t0ken")
		s := &stuck{reads: reads, begun: make(chan struct{}), goOn: make(chan struct{}), ended: make(chan struct{})}
		client.Through(s)
		ctx, cancel := context.WithCancel(context.Background())
		done := beside(func() error { return calls["Eval"](ctx, client) })
		<-s.begun
		cancel()
		want := lockcore.ErrUnreachable
		if reads {
			want = lockcore.ErrUnknownOutcome
		}
		if err := returned(t, done); !matches(err, want) || !errors.Is(err, context.Canceled) {
			t.Errorf("body read: %t; answered %v", reads, err)
		}
		close(s.goOn)
		<-s.ended
		if !reads && s.readAfterward == nil {
			t.Error("what was called unsent is sent later")
		}
	}
}
