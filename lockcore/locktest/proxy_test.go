package locktest_test

// The proxy itself: what passes, what goes wrong, and that it does so as told.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"locktop/lockcore/locktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// count is a script: it counts how often it ran, and tells how often it was run before.
const count = `return redis.call('INCR', KEYS[1]) - 1`

// through is a client by a proxy that never sends a thing twice.
func through(t *testing.T, p *locktest.Proxy) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.Addr, MaxRetries: -1, Protocol: 2, ReadTimeout: 300 * time.Millisecond, DisableIdentity: true})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := locktest.StartProxy(t, srv.Addr)
	ctx := context.Background()
	for _, c := range []struct {
		fault    locktest.WireFault
		answered bool   // the client gets an answer
		ran      string // how often the script has run once everything has settled
		early    string // how often it has run before
	}{
		{locktest.WireFault{}, true, "1", "1"},
		{locktest.WireFault{Kind: locktest.CutRequest, At: 0}, false, "", ""},
		{locktest.WireFault{Kind: locktest.CutRequest, At: 10}, false, "", ""},
		{locktest.WireFault{Kind: locktest.HangRequest, At: 10}, false, "", ""},
		{locktest.WireFault{Kind: locktest.CutReply, At: 0}, false, "1", ""},
		{locktest.WireFault{Kind: locktest.CutReply, At: 2}, false, "1", ""},
		{locktest.WireFault{Kind: locktest.HangReply, At: 0}, false, "1", "1"},
		{locktest.WireFault{Kind: locktest.HangReply, At: 2}, false, "1", "1"},
		{locktest.WireFault{Kind: locktest.DelayReply, Delay: time.Millisecond}, true, "1", "1"},
		{locktest.WireFault{Kind: locktest.LateRequest, After: 1000}, false, "1", "(nil)"},
		{locktest.WireFault{Kind: locktest.DoubleRequest, After: 1000}, true, "2", "1"},
		{locktest.WireFault{Kind: locktest.DoubleRequest}, true, "2", ""},
		{locktest.WireFault{Kind: locktest.Reorder}, true, "1", "1"}, // there is no other to let pass
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			srv.CLI("FLUSHALL")
			client := through(t, p)
			if err := client.Ping(ctx).Err(); err != nil {
				t.Fatal(err)
			}
			p.Inject(locktest.Exactly(c.fault))
			before := p.Injected()[c.fault.Kind]
			got, err := client.Eval(ctx, count, []string{"n"}).Int()
			if c.answered != (err == nil) || got != 0 {
				t.Errorf("the client is answered %d, %v", got, err)
			}
			if now := srv.CLI("GET", "n"); c.early != "" && now != c.early {
				t.Errorf("before it settled the script ran %s times", now)
			}
			p.Settle()
			if got := srv.CLI("GET", "n"); got != orNil(c.ran) {
				t.Errorf("in the end the script ran %s times", got)
			}
			if c.fault.Kind != locktest.None && p.Injected()[c.fault.Kind] != before+1 {
				t.Errorf("counted are %v", p.Injected())
			}
			// The next request has a connection that works.
			if err := client.Eval(ctx, count, []string{"other"}).Err(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func orNil(s string) string {
	if s == "" {
		return "(nil)"
	}
	return s
}

// TestALateRequestComesAsTheUserAndInTheDatabaseOfItsConnection, and in the order that was asked for.
func TestALateRequestComesAsTheUserAndInTheDatabaseOfItsConnection(t *testing.T) {
	srv := locktest.StartRedis(t)
	srv.CLI("ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all")
	p := locktest.StartProxy(t, srv.Addr)
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: p.Addr, Username: "ann", Password: "pw", DB: 3, MaxRetries: -1, Protocol: 2, ReadTimeout: 300 * time.Millisecond})
	defer client.Close()
	p.Inject(locktest.Exactly(locktest.WireFault{Kind: locktest.LateRequest, After: 2}))
	const who = `redis.call('RPUSH', KEYS[1], ARGV[1])  return 1`
	for i := range 4 {
		err := client.Eval(ctx, who, []string{"order"}, i).Err()
		if (err != nil) != (i == 0) {
			t.Fatalf("request %d: %v", i, err)
		}
		if i == 2 { // two have been answered since the first was given up
			for strings.Count(read(t, client, "order"), "\n") < 2 {
			}
		}
	}
	if got := read(t, client, "order"); got != "1\n2\n0\n3" {
		t.Errorf("they arrived as %q", got)
	}
}

func read(t *testing.T, c *redis.Client, key string) string {
	t.Helper()
	all, err := c.LRange(context.Background(), key, 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

func TestARequestIsOvertakenByOneOfAnotherConnection(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := locktest.StartProxy(t, srv.Addr)
	ctx := context.Background()
	first, second := through(t, p), through(t, p)
	for _, c := range []*redis.Client{first, second} {
		if err := c.Ping(ctx).Err(); err != nil {
			t.Fatal(err)
		}
	}
	overtaken := 0
	for range 50 {
		srv.CLI("DEL", "n")
		p.Inject(locktest.Exactly(locktest.WireFault{Kind: locktest.Reorder}))
		was := make(chan int)
		before := p.Injected()[locktest.Reorder]
		go func() {
			n, _ := first.Eval(ctx, count, []string{"n"}).Int()
			was <- n
		}()
		for p.Injected()[locktest.Reorder] == before { // until the proxy has the first one
		}
		if err := second.Eval(ctx, count, []string{"n"}).Err(); err != nil {
			t.Fatal(err)
		}
		overtaken += <-was
	}
	if overtaken == 0 {
		t.Error("of 50 requests none was overtaken")
	}
}

func TestNothingIsExecutedAfterTheProxyHasCutAndSettled(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := locktest.StartProxy(t, srv.Addr)
	ctx := context.Background()
	p.Inject(locktest.Exactly(locktest.WireFault{Kind: locktest.Reorder}))
	client := through(t, p)
	answered := make(chan error)
	go func() { answered <- client.Eval(ctx, count, []string{"n"}).Err() }()
	for p.Injected()[locktest.Reorder] == 0 { // until it waits in the proxy for one to let pass
	}
	p.CutAll()
	p.Settle()
	settled := srv.CLI("GET", "n")
	<-answered
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		if got := srv.CLI("GET", "n"); got != settled {
			t.Fatalf("the script ran %s times when the proxy had settled, and then %s", settled, got)
		}
	}
}

func TestWhatIsNotPlannedPassesUnharmed(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := locktest.StartProxy(t, srv.Addr)
	always := &locktest.Random{Seed: 1, Share: 1, Kinds: []locktest.Kind{locktest.CutReply, locktest.CutRequest}}
	p.Inject(always)
	ctx := context.Background()
	for _, protocol := range []int{2, 3} {
		client := redis.NewClient(&redis.Options{Addr: p.Addr, MaxRetries: -1, Protocol: protocol, DB: 1, ClientName: "me"})
		defer client.Close()
		long := strings.Repeat("\x00\r\n*1\r\n$", 20_000)
		if err := client.Set(ctx, "long", long, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := client.Get(ctx, "long").Result(); err != nil || got != long {
			t.Errorf("protocol %d: a long value comes back as %d bytes, %v", protocol, len(got), err)
		}
		if _, err := client.TxPipelined(ctx, func(tx redis.Pipeliner) error {
			tx.HSet(ctx, "h", "a", "1")
			tx.HGetAll(ctx, "h")
			tx.Get(ctx, "nothing")
			tx.Do(ctx, "lpop", "h")
			return nil
		}); err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") && err != redis.Nil {
			t.Errorf("protocol %d: a transaction is answered %v", protocol, err)
		}
		sub := client.Subscribe(ctx, "news")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			client.Publish(ctx, "news", i)
			if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != fmt.Sprint(i) {
				t.Errorf("protocol %d: message %d is %v, %v", protocol, i, m, err)
			}
		}
		if err := client.Eval(ctx, count, []string{"n"}).Err(); err == nil {
			t.Errorf("protocol %d: what is planned went well", protocol)
		}
		p.Inject(always, "GET")
		if err := client.Get(ctx, "long").Err(); err == nil {
			t.Errorf("protocol %d: GET went well, although it is planned now", protocol)
		}
		p.Inject(always)
	}
	p.Inject(nil)
}

// TestTheSameDiceFallTheSameWay on a connection with the same number.
func TestTheSameDiceFallTheSameWay(t *testing.T) {
	throw := func(seed uint64) (all []string) {
		r := &locktest.Random{Seed: seed, Share: 0.5, Kinds: locktest.Kinds}
		for i := range 400 {
			all = append(all, r.Fault(locktest.Exchange{Conn: i % 3, Number: i / 3}).String())
		}
		return all
	}
	if !slices.Equal(throw(7), throw(7)) {
		t.Error("the same seed gives other faults")
	}
	if slices.Equal(throw(7), throw(8)) {
		t.Error("another seed gives the same faults")
	}
	for _, k := range locktest.Kinds {
		if !slices.ContainsFunc(throw(7), func(s string) bool { return strings.HasPrefix(s, k.String()) }) {
			t.Errorf("400 throws never gave %q", k)
		}
	}
}

// TestHTTPIsCutDoubledAndHeldBackToo, by the Redis command in the body.
func TestHTTPIsCutDoubledAndHeldBackToo(t *testing.T) {
	ran := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut
		}
		ran <- string(body)
		w.Write(body)
		if strings.Contains(string(body), "chunked") {
			w.(http.Flusher).Flush()
			w.Write(body)
		}
	}))
	defer server.Close()
	p := locktest.StartProxy(t, strings.TrimPrefix(server.URL, "http://"))
	client := &http.Client{Transport: &http.Transport{}, Timeout: 500 * time.Millisecond}
	defer client.CloseIdleConnections()
	post := func(body string) (string, error) {
		answer, err := client.Post("http://"+p.Addr+"/", "application/json", strings.NewReader(body))
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		return string(got), err
	}
	script := `["EVALSHA","abc",1,"k"]`
	for _, body := range []string{`["GET","k"]`, script, `["GET","chunked"]`} {
		want := body
		if strings.Contains(body, "chunked") {
			want += body
		}
		if got, err := post(body); err != nil || got != want {
			t.Errorf("%s is answered %q, %v", body, got, err)
		}
		<-ran
	}
	p.Inject(locktest.Exactly(locktest.WireFault{Kind: locktest.DoubleRequest}))
	if _, err := post(script); err != nil {
		t.Error(err)
	}
	p.Inject(locktest.Exactly(locktest.WireFault{Kind: locktest.LateRequest, After: 9}))
	if _, err := post(script); err == nil {
		t.Error("a late request was answered")
	}
	p.Settle()
	if len(ran) != 3 {
		t.Errorf("of a doubled and a late request %d arrived", len(ran))
	}
	for len(ran) > 0 {
		<-ran
	}
	p.EveryCut(t, 1, "*", func(f locktest.WireFault) {
		got, err := post(script)
		p.Settle()
		whole := f.Kind == locktest.None || f.Kind == locktest.CutReply && err == nil
		if whole != (err == nil && got == script) {
			t.Errorf("%s: answered %q, %v", f, got, err)
		}
		if f.Kind != locktest.CutRequest && len(ran) != 1 {
			t.Errorf("%s: it arrived %d times", f, len(ran))
		}
		for len(ran) > 0 {
			<-ran
		}
	})
}

// TestEveryPositionIsCutOnce of a request and of its reply, and only a whole request is executed.
func TestEveryPositionIsCutOnce(t *testing.T) {
	srv := locktest.StartRedis(t)
	p := locktest.StartProxy(t, srv.Addr)
	client := through(t, p)
	ctx := context.Background()
	var seen []string
	request, reply := 0, 0
	p.EveryCut(t, 1, "EVAL", func(f locktest.WireFault) {
		srv.CLI("DEL", "n")
		err := client.Eval(ctx, count, []string{"n"}).Err()
		p.Settle()
		if f.Kind == locktest.None {
			request, reply = p.Sizes()
		}
		ran := f.Kind == locktest.None || f.Kind == locktest.CutReply || f.At == request
		answered := f.Kind == locktest.None || f.Kind == locktest.CutReply && f.At == reply
		if got := srv.CLI("GET", "n"); (got == "1") != ran || answered != (err == nil) {
			t.Errorf("%s of %d and %d: ran %s times, answered %v", f, request, reply, got, err)
		}
		seen = append(seen, f.String())
	})
	if len(seen) != 1+request+1+reply+1 || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != len(seen) {
		t.Errorf("a request of %d bytes and a reply of %d were cut %d times", request, reply, len(seen)-1)
	}
}

// TestBytesOfAnotherProtocolPass as they are: the proxy can stand before a TLS port.
func TestBytesOfAnotherProtocolPass(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
	}()
	p := locktest.StartProxy(t, l.Addr().String())
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello := "\x16\x03\x01\x02\x00\x01\x00\x00"
	fmt.Fprint(c, hello)
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(bufio.NewReader(c), got); err != nil || string(got) != hello {
		t.Errorf("came back as %q, %v", got, err)
	}
}
