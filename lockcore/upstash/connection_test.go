package upstash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

// scripted is a server that plays one connection after another, each by its own function.
type scripted struct {
	net.Listener
	requests atomic.Int64 // whole requests that were read
}

// listen takes a function for each connection that comes; more are closed at once.
func listen(t *testing.T, plays ...func(s *scripted, conn net.Conn, in *bufio.Reader)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Listener: l}
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if i >= len(plays) {
				conn.Close()
				continue
			}
			all.Go(func() {
				defer conn.Close()
				plays[i](s, conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return s
}

// take reads one request.
func (s *scripted) take(in *bufio.Reader) bool {
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.requests.Add(1)
	return true
}

func answerOK(conn net.Conn) {
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"result\":\"OK\"}")
}

// TestNetHTTPSendsNoScriptAgain has a kept connection end at the moments at which net/http would send
// an idempotent request again by itself.
func TestNetHTTPSendsNoScriptAgain(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(conn net.Conn){
		"closed without a byte of the reply": func(conn net.Conn) {},
		"reset":                              func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) },
		"closed within the status line":      func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 2") },
		"closed within the headers":          func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Le") },
		"closed within the body":             func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"result\"") },
	} {
		twice := func(s *scripted, conn net.Conn, in *bufio.Reader) {
			if s.take(in) {
				answerOK(conn)
			}
			if s.take(in) {
				end(conn)
			}
		}
		s := listen(t, twice, func(s *scripted, conn net.Conn, in *bufio.Reader) {
			for s.take(in) {
				answerOK(conn)
			}
		})
		client := connect(t, "http://"+s.Addr().String(), "t0ken")
		if _, err := eval(ctx, client); err != nil {
			t.Fatal(err)
		}
		if _, err := eval(ctx, client); !matches(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("%s: answered %v", name, err)
		}
		if n := s.requests.Load(); n != 2 {
			t.Errorf("%s: the server got %d requests, not 2", name, n)
		}
		// On a connection of its own the next one succeeds.
		if _, err := eval(ctx, client); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

// A connection that the server has closed while it was idle is no place to send to: the script goes over a new one.
func TestAConnectionThatWasClosedWhileItWasIdleIsNotUsed(t *testing.T) {
	closed := make(chan struct{})
	s := listen(t, func(s *scripted, conn net.Conn, in *bufio.Reader) {
		if s.take(in) {
			answerOK(conn)
		}
		conn.Close()
		close(closed)
	}, func(s *scripted, conn net.Conn, in *bufio.Reader) {
		for s.take(in) {
			answerOK(conn)
		}
	})
	client := connect(t, "http://"+s.Addr().String(), "t0ken")
	ctx := context.Background()
	if _, err := eval(ctx, client); err != nil {
		t.Fatal(err)
	}
	<-closed
	// The client may not have seen the end yet: then its write may have gone out, and the outcome is honestly unknown.
	for tries := 0; ; tries++ {
		_, err := eval(ctx, client)
		if err == nil {
			break
		}
		if !matches(err, lockcore.ErrUnknownOutcome) || tries > 0 {
			t.Fatalf("answered %v", err)
		}
	}
	if n := s.requests.Load(); n != 2 {
		t.Errorf("the server got %d requests", n)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	for _, status := range []int{0, 401, 500} {
		srv := locktest.StartRedis(t)
		front := locktest.StartREST(t, srv.Addr)
		through := countConnections(t, front.Addr)
		client := connect(t, "http://"+through.addr, front.Token())
		if status != 0 {
			front.Inject(locktest.RESTFault{Status: status, Body: strings.Repeat("page ", 1000)})
		}
		for range 10 {
			eval(context.Background(), client)
		}
		if n := through.count.Load(); n != 1 {
			t.Errorf("HTTP %d: ten calls took %d connections", status, n)
		}
	}
}

// connections counts what it forwards.
type connections struct {
	addr  string
	count atomic.Int64
}

func countConnections(t *testing.T, target string) *connections {
	c := &connections{}
	play := func(_ *scripted, conn net.Conn, in *bufio.Reader) {
		c.count.Add(1)
		server, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { io.Copy(server, in); server.(*net.TCPConn).CloseWrite() })
		both.Go(func() { io.Copy(conn, server); conn.Close() })
		both.Wait()
		server.Close()
	}
	c.addr = listen(t, slices.Repeat([]func(*scripted, net.Conn, *bufio.Reader){play}, 100)...).Addr().String()
	return c
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := listen(t, func(s *scripted, conn net.Conn, in *bufio.Reader) { s.take(in); answerOK(conn) })
	_, front, client := start(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		front.Inject(locktest.RESTFault{Times: 2, Status: status, Header: http.Header{"Location": {"http://" + elsewhere.Addr().String() + "/"}}})
		if _, err := eval(context.Background(), client); !matches(err, lockcore.ErrRefused) || !strings.Contains(err.Error(), "redirects") {
			t.Errorf("HTTP %d: a script is answered %v", status, err)
		}
		if _, err := read(context.Background(), client); !matches(err, lockcore.ErrRefused) {
			t.Errorf("HTTP %d: a read is answered %v", status, err)
		}
	}
	if n := elsewhere.requests.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere, with the token", n)
	}
}

func TestAnAnswerWithoutAnEndIsNotReadToIt(t *testing.T) {
	endless := func(s *scripted, conn net.Conn, in *bufio.Reader) {
		if !s.take(in) {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<16, strings.Repeat("[", 1<<16))
		for {
			if _, err := io.WriteString(conn, chunk); err != nil {
				return
			}
		}
	}
	s := listen(t, endless, endless)
	client := connect(t, "http://"+s.Addr().String(), "t0ken")
	if _, err := eval(context.Background(), client); !matches(err, lockcore.ErrUnknownOutcome) || !strings.Contains(err.Error(), "larger than 16 MB") {
		t.Errorf("a script is answered %v", err)
	}
	if _, err := read(context.Background(), client); !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "larger than 16 MB") {
		t.Errorf("a read is answered %v", err)
	}
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	srv, front, client := start(t)
	var all sync.WaitGroup
	ctx := context.Background()
	for range 40 {
		all.Go(func() {
			for range 5 {
				if _, err := eval(ctx, client); err != nil {
					t.Error(err)
				}
				if _, err := read(ctx, client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := ran(srv); n != "200" {
		t.Errorf("200 scripts ran %s times", n)
	}
	if n := len(front.Requests()); n < 400 || n > 440 { // each may have been the first to hear NOSCRIPT
		t.Errorf("they took %d requests", n)
	}
}

func TestOverTLSWithHTTP2(t *testing.T) {
	srv := locktest.StartRedis(t)
	cert := locktest.NewCertificate(t)
	front := locktest.StartRESTOverTLS(t, srv.Addr, cert)
	ctx := context.Background()

	stranger := connect(t, front.URL(), front.Token())
	if _, err := eval(ctx, stranger); !matches(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for is answered %v", err)
	}
	client := connect(t, front.URL(), front.Token())
	client.Trust(cert.Pool)
	if _, err := eval(ctx, client); err != nil {
		t.Fatal(err)
	}
	if log := front.Requests(); len(log) == 0 || log[0].Proto != "HTTP/2.0" {
		t.Errorf("spoken is %+v", log)
	}
	for name, f := range map[string]locktest.RESTFault{
		"cut before the reply": {Times: 1, Execute: true, Drop: true},
		"cut within the body":  {Times: 1, Execute: true, CutAt: 3},
		"a gateway's page":     {Times: 1, Execute: true, Status: 502, Body: "<html>"},
	} {
		before, n := len(front.Requests()), ran(srv)
		front.Inject(f)
		if _, err := eval(ctx, client); !matches(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("%s: answered %v", name, err)
		}
		if sent := len(front.Requests()) - before; sent != 1 || ran(srv) == n {
			t.Errorf("%s: sent %d times; ran %s, then %s", name, sent, n, ran(srv))
		}
		front.Inject(f)
		if _, err := read(ctx, client); err != nil {
			t.Errorf("%s: a read is answered %v", name, err)
		}
	}
	front.Inject(locktest.RESTFault{Hang: true})
	cancelled, cancel := context.WithCancel(ctx)
	before := len(front.Requests())
	done := beside(func() error { _, err := eval(cancelled, client); return err })
	waitFor(t, "the script is with the server", func() bool { return len(front.Requests()) > before })
	cancel()
	if err := returned(t, done); !matches(err, lockcore.ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled script is answered %v", err)
	}
}

// TestAProxyOfTheEnvironment runs itself again, since net/http reads the environment once.
func TestAProxyOfTheEnvironment(t *testing.T) {
	if u := os.Getenv("LOCKTOP_TEST_REST_URL"); u != "" {
		client, err := upstash.New(upstash.Options{URL: u, Token: "t0ken"})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_, err = client.Do(context.Background(), "PING")
		fmt.Println("got:", err)
		return
	}
	var asked atomic.Pointer[string]
	refuse := func(_ *scripted, conn net.Conn, in *bufio.Reader) {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		line := req.Method + " " + req.RequestURI
		asked.Store(&line)
		fmt.Fprint(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	}
	proxy := listen(t, slices.Repeat([]func(*scripted, net.Conn, *bufio.Reader){refuse}, 20)...)
	nobody := locktest.FreeAddr(t)
	for _, c := range []struct{ name, url, proxy, asked, says string }{
		{"https goes through it", "https://db.example.com", "http://u:pr0xyPass@" + proxy.Addr().String(), "CONNECT db.example.com:443", "Proxy Authentication Required"},
		{"loopback does not", "http://" + nobody, "http://" + proxy.Addr().String(), "", "refused"},
	} {
		asked.Store(nil)
		again := exec.Command(os.Args[0], "-test.run=^TestAProxyOfTheEnvironment$")
		again.Env = append(os.Environ(), "LOCKTOP_TEST_REST_URL="+c.url, "HTTPS_PROXY="+c.proxy, "HTTP_PROXY="+c.proxy, "NO_PROXY=", "no_proxy=")
		out, err := again.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.says) || !strings.Contains(string(out), "unreachable") || strings.Contains(string(out), "pr0xyPass") {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		got := ""
		if line := asked.Load(); line != nil {
			got = *line
		}
		if !strings.HasPrefix(got, c.asked) || c.asked == "" && got != "" {
			t.Errorf("%s: the proxy was asked %q", c.name, got)
		}
	}
}
