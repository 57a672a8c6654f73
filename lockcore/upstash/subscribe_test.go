package upstash_test

// Listening over REST to a real server: what comes, in every manner in which it may come.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

const ks = "__keyspace@0__:"

// receive waits for what a subscription hears next.
func receive(t *testing.T, s *upstash.Subscription) (upstash.Heard, error) {
	t.Helper()
	type got struct {
		heard upstash.Heard
		err   error
	}
	done := make(chan got, 1)
	go func() {
		h, err := s.Receive()
		done <- got{h, err}
	}()
	g := returned(t, done)
	return g.heard, g.err
}

// hears wants these to be heard, in their order.
func hears(t *testing.T, s *upstash.Subscription, want ...upstash.Heard) {
	t.Helper()
	for _, w := range want {
		if h, err := receive(t, s); err != nil || h != w {
			t.Fatalf("heard is %+v, %v; not %+v", h, err, w)
		}
	}
}

func of(key, event string) upstash.Heard { return upstash.Heard{Channel: ks + key, Payload: event} }

// ends gives the error that ends a subscription, and wants it to stay.
func ends(t *testing.T, s *upstash.Subscription) error {
	t.Helper()
	h, err := receive(t, s)
	if err == nil {
		t.Fatalf("heard is %+v and not an error", h)
	}
	if _, again := receive(t, s); again != err {
		t.Errorf("%v is followed by %v", err, again)
	}
	return err
}

// subscribe listens to keys, and waits until that is in force.
func subscribe(t *testing.T, c *upstash.Client, keys ...string) *upstash.Subscription {
	t.Helper()
	for i := range keys {
		keys[i] = ks + keys[i]
	}
	s := c.Subscribe(context.Background(), keys...)
	t.Cleanup(s.Close)
	for n := range keys {
		hears(t, s, upstash.Heard{Subscribed: n + 1})
	}
	return s
}

// notifying is start with notifications on.
func notifying(t *testing.T) (*locktest.Redis, *locktest.REST, *upstash.Client) {
	t.Helper()
	srv, front, client := start(t)
	srv.CLI("CONFIG", "SET", "notify-keyspace-events", "K$gxeh")
	return srv, front, client
}

func TestWhatAnybodyDoesToALockIsHeard(t *testing.T) {
	ctx := context.Background()
	real := locktest.StartRedis(t)
	small, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { small.Close() })
	cert := locktest.NewCertificate(t)
	for name, c := range map[string]struct {
		addr  string
		front *locktest.REST
	}{
		"redis-server":                      {real.Addr, locktest.StartREST(t, real.Addr)},
		"redis-server, over TLS and HTTP/2": {real.Addr, locktest.StartRESTOverTLS(t, real.Addr, cert)},
		"the embedded server":               {small.Addr(), locktest.StartREST(t, small.Addr())},
	} {
		t.Run(name, func(t *testing.T) {
			do := func(args ...string) { t.Helper(); locktest.Command(t, c.addr, args...) }
			do("FLUSHALL")
			do("CONFIG", "SET", "notify-keyspace-events", "")
			client := connect(t, c.front.URL(), c.front.Token())
			client.Trust(cert.Pool)
			if client.DB() != 0 || client.Node() != c.front.Addr {
				t.Errorf("it is database %d of %s", client.DB(), client.Node())
			}
			if setting, err := client.ConfigGet(ctx, "notify-keyspace-events"); err != nil || setting != "" {
				t.Errorf("the setting is %q, %v", setting, err)
			}
			if err := client.ConfigSet(ctx, "notify-keyspace-events", "K$gxeh"); err != nil {
				t.Fatal(err)
			}
			s := subscribe(t, client, "lock:*", "locktop:*")
			do("SET", "lock:a", "me", "NX", "PX", "60000")
			hears(t, s, of("lock:a", "set"), of("lock:a", "expire"))
			do("SET", "lock:a", "other", "NX", "PX", "60000") // denied, so not heard
			do("SET", "unasked", "x")
			do("PEXPIRE", "lock:a", "90000")
			do("DEL", "lock:a")
			hears(t, s, of("lock:a", "expire"), of("lock:a", "del"))
			do("HSET", "locktop:{lock:a}", "k", "v")
			hears(t, s, of("locktop:{lock:a}", "hset"))
			do("SET", "lock:b", "me", "PX", "1")
			hears(t, s, of("lock:b", "set"), of("lock:b", "expire"), of("lock:b", "expired"))
			if n := c.front.OpenStreams(); n != 2 {
				t.Errorf("%d streams are open", n)
			}
			for _, r := range c.front.Requests() {
				if over := strings.HasPrefix(c.front.URL(), "https"); over != (r.Proto == "HTTP/2.0") {
					t.Errorf("%s is asked for by %s", r.Path, r.Proto)
				}
			}
			s.Close()
			waitFor(t, "the streams end", func() bool { return c.front.OpenStreams() == 0 })
		})
	}
}

func TestAPatternIsAskedForAsUpstashsOwnClientAsks(t *testing.T) {
	srv, front, client := notifying(t)
	subscribe(t, client, "lock:*", "a/b?c%d[e]\\*ü, ;")
	var paths []string
	for _, r := range front.Requests() {
		if r.Method != "POST" || r.Body != "" || r.Encoding != "" {
			t.Errorf("asked is %+v", r)
		}
		paths = append(paths, r.Path)
	}
	for _, want := range []string{"/psubscribe/__keyspace@0__:lock:*", "/psubscribe/__keyspace@0__:a%2Fb%3Fc%25d%5Be%5D%5C*%C3%BC,%20;"} {
		if !strings.Contains(strings.Join(paths, "\n"), want) {
			t.Errorf("asked for is %q, not %s", paths, want)
		}
	}
	if got := srv.CLI("PUBSUB", "NUMPAT"); got != "2" {
		t.Errorf("%s patterns are in force", got)
	}
}

// TestAKeyIsNeverTakenForAnother has keys that look like parts of the stream, however the server treats what it does not escape: what is
// heard is that key, or that it cannot be known.
func TestAKeyIsNeverTakenForAnother(t *testing.T) {
	srv, front, client := notifying(t)
	text := []string{"a,b", ",", "a,", ",a", "a,set", "a,set,del", "a,1", "pmessage," + ks + "lock:*," + ks + "lock:x", "{\"error\":\"x\"}", "é, 🔒\x00", ": a", "data: a", " a "}
	breaks := []string{"a\nb", "a\rb", "a\r\nb", "a\n", "\na", "a\r", "a,del\nb", "a,del\rb", "a,del\r\nb", "a,set\nid: 1", "a,set\ndata: b", "a,set\n: b", "a,set\nevent: b"}
	for name, c := range map[string]struct {
		manner            locktest.RESTStreams
		keys, unclear     []string
		clearIfNotUTF8    bool
		unclearIsFollowed bool // by more of the same
	}{
		"as documented":             {keys: text, unclear: breaks},
		"CR LF":                     {manner: locktest.RESTStreams{CRLF: true}, keys: text, unclear: breaks},
		"line breaks as data lines": {manner: locktest.RESTStreams{Split: true}, keys: text, unclear: breaks},
		"raw bytes":                 {manner: locktest.RESTStreams{Raw: true}, keys: text, unclear: breaks, clearIfNotUTF8: true},
		// Without empty lines the first line of a key is an event, and what is wrong shows after it.
		"no empty lines": {manner: locktest.RESTStreams{Bare: true}, keys: text, unclear: []string{"a\nb", "a\rb", "a\n", "\na", "a\r"}, unclearIsFollowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			front.Streams(c.manner)
			s := subscribe(t, client, "lock:*")
			for _, key := range c.keys {
				srv.CLI("SET", "lock:"+key, "me")
				hears(t, s, of("lock:"+key, "set"))
			}
			for _, key := range c.unclear {
				srv.CLI("SET", "lock:"+key, "me")
				hears(t, s, upstash.Heard{Unclear: true})
				srv.CLI("SET", "lock:next", "me")
				for h := (upstash.Heard{Unclear: true}); h != of("lock:next", "set"); {
					var err error
					if h, err = receive(t, s); err != nil || h != of("lock:next", "set") && !(c.unclearIsFollowed && h.Unclear) {
						t.Fatalf("after %q heard is %+v, %v", key, h, err)
					}
				}
			}
			srv.CLI("SET", "lock:\xff,\xfe", "me")
			if c.clearIfNotUTF8 {
				hears(t, s, of("lock:\xff,\xfe", "set"))
			} else {
				hears(t, s, upstash.Heard{Unclear: true})
			}
			long := "lock:" + strings.Repeat("x", upstash.MaxKept)
			srv.CLI("SET", long, "me")
			srv.CLI("SET", "lock:next", "me")
			hears(t, s, upstash.Heard{Unclear: true}, of("lock:next", "set"))
		})
	}
}

// A message of that channel that Redis did not send is no event of a lock.
func TestWhatIsNoNotificationIsUnclear(t *testing.T) {
	srv, _, client := notifying(t)
	s := subscribe(t, client, "lock:*")
	srv.CLI("PUBLISH", ks+"lock:a", "hello there")
	srv.CLI("PUBLISH", ks+"lock:a", "")
	hears(t, s, upstash.Heard{Unclear: true}, upstash.Heard{Unclear: true})
}

func TestNothingIsLostWhileNobodyReceives(t *testing.T) {
	srv, _, client := notifying(t)
	s := subscribe(t, client, "lock:*")
	const n = 3000
	srv.CLI("EVAL", "for i = 1, ARGV[1] do redis.call('SET', 'lock:' .. i, 'x') end", "0", fmt.Sprint(n))
	for i := 1; i <= n; i++ {
		hears(t, s, of(fmt.Sprintf("lock:%d", i), "set"))
	}
}

func TestCommentsAreSignsOfLife(t *testing.T) {
	srv, front, client := notifying(t)
	s := subscribe(t, client, "lock:*")
	front.Streams(locktest.RESTStreams{KeepAlive: time.Millisecond, Delay: time.Millisecond})
	hears(t, s, upstash.Heard{}, upstash.Heard{})
	srv.CLI("SET", "lock:a", "x")
	for h := (upstash.Heard{}); h != of("lock:a", "set"); {
		var err error
		if h, err = receive(t, s); err != nil || h != of("lock:a", "set") && h != (upstash.Heard{}) {
			t.Fatalf("heard is %+v, %v", h, err)
		}
	}
}

// say answers a request for a stream, and goes on with what comes through the channel.
func say(more <-chan string) func(s *scripted, conn net.Conn, in *bufio.Reader) {
	return func(s *scripted, conn net.Conn, in *bufio.Reader) {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		pattern := strings.TrimPrefix(req.URL.Path, "/psubscribe/")
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: psubscribe,%s,1\n\n", pattern)
		for text := range more {
			io.WriteString(conn, strings.ReplaceAll(text, "PATTERN", pattern))
		}
	}
}

func TestOneLiveStreamIsNoSignThatTheOtherLives(t *testing.T) {
	first, second := make(chan string), make(chan string)
	server := listen(t, say(first), say(second))
	t.Cleanup(sync.OnceFunc(func() { close(first); close(second) }))
	client := connect(t, "http://"+server.Addr().String(), "t0ken")
	s := subscribe(t, client, "lock:*", "locktop:*")
	message := "data: pmessage,PATTERN," + ks + "locktop:a,set\n\ndata: pmessage,PATTERN," + ks + "lock:a,set\n\n" // one of them is of the pattern
	either := func(what string, others ...upstash.Heard) {
		t.Helper()
		for _, want := range others {
			h, err := receive(t, s)
			if err != nil || (h == upstash.Heard{}) != (want == upstash.Heard{}) {
				t.Fatalf("%s: heard is %+v, %v", what, h, err)
			}
		}
	}
	something := upstash.Heard{Unclear: true}
	first <- ": alive\n\n: alive\n\n: alive\n\n"
	first <- message
	either("one of two is alive", something, something)
	second <- ": alive\n\n"
	either("both are", upstash.Heard{})
	second <- ": alive\n\n"
	second <- message
	either("again one of two", something, something)
}

func TestRequestsAreCountedAsTheyAreSent(t *testing.T) {
	_, front, client := notifying(t)
	ctx := context.Background()
	check := func(what string, want int64) {
		t.Helper()
		if n, seen := client.Requests(), int64(len(front.Requests())); n != want || seen != want {
			t.Errorf("%s: %d requests are counted, the server saw %d; it should be %d", what, n, seen, want)
		}
	}
	check("nothing yet", 0)
	if _, err := read(ctx, client); err != nil {
		t.Fatal(err)
	}
	check("a read", 1)
	front.Inject(locktest.RESTFault{Times: 2, Drop: true})
	if _, err := read(ctx, client); err != nil {
		t.Fatal(err)
	}
	check("a read with two more attempts", 4)
	eval(ctx, client)
	check("a script that the server did not know", 6)
	if _, _, err := client.Scan(ctx, "0", "*", 10); err != nil {
		t.Fatal(err)
	}
	check("a page of keys", 7)
	subscribe(t, client, "lock:*", "locktop:*")
	check("two streams", 9)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	read(cancelled, client)
	nobody := connect(t, "http://"+locktest.FreeAddr(t), "t0ken")
	read(ctx, nobody)
	check("what is not sent", 9)
	if n := nobody.Requests(); n != 0 {
		t.Errorf("%d requests to nobody are counted", n)
	}
}
