package embedded_test

// What a differential test cannot show: time, many clients, the end of things.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore/embedded"
)

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "nonsense", "127.0.0.1:x"} {
		if s, err := embedded.Start(embedded.Options{Addr: addr}); err == nil {
			s.Close()
			t.Errorf("%q was accepted", addr)
		}
	}
	s, err := embedded.Start(embedded.Options{Addr: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if host, port, err := net.SplitHostPort(s.Addr()); err != nil || host != "127.0.0.1" && host != "::1" || port == "0" {
		t.Errorf("Addr() = %q", s.Addr())
	}
	if s.URL() != "redis://"+s.Addr()+"/0" {
		t.Errorf("URL() = %q", s.URL())
	}
	if again, err := embedded.Start(embedded.Options{Addr: s.Addr()}); err == nil {
		again.Close()
		t.Error("two servers on one address")
	}
}

// clients are go-redis clients as a program has them: RESP2, RESP3, and with all that go-redis sends unasked.
func clients(t *testing.T, s *embedded.Server) map[string]*redis.Client {
	all := map[string]*redis.Client{}
	for _, protocol := range []int{2, 3} {
		all[fmt.Sprint("RESP", protocol)] = redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: protocol, ClientName: "test", DB: 1})
	}
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	all["URL"] = redis.NewClient(options)
	for _, c := range all {
		t.Cleanup(func() { c.Close() })
	}
	return all
}

func TestGoRedis(t *testing.T) {
	s := start(t)
	for name, c := range clients(t, s) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			defer c.FlushDB(context.Background())
			if granted, err := c.SetNX(ctx, "lock", "owner", time.Minute).Result(); !granted || err != nil {
				t.Errorf("SetNX = %v, %v", granted, err)
			}
			if granted, err := c.SetNX(ctx, "lock", "other", time.Minute).Result(); granted || err != nil {
				t.Errorf("a second SetNX = %v, %v", granted, err)
			}
			if ttl := c.PTTL(ctx, "lock").Val(); ttl <= 0 || ttl > time.Minute {
				t.Errorf("PTTL = %v", ttl)
			}
			if _, err := c.Get(ctx, "none").Result(); err != redis.Nil {
				t.Errorf("Get of nothing: %v", err)
			}
			release := redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)
			if n, err := release.Run(ctx, c, []string{"lock"}, "owner").Int(); n != 1 || err != nil {
				t.Errorf("the script = %d, %v", n, err)
			}
			c.HSet(ctx, "h", "a", "1", "b", "2")
			if all := c.HGetAll(ctx, "h").Val(); len(all) != 2 || all["b"] != "2" {
				t.Errorf("HGetAll = %v", all)
			}
			var got *redis.StringCmd
			var ttl *redis.DurationCmd
			if _, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
				got, ttl = p.Get(ctx, "lock"), p.PTTL(ctx, "lock")
				return nil
			}); err != redis.Nil || got.Err() != redis.Nil || ttl.Val() != -2 {
				t.Errorf("MULTI/EXEC: %v %v %v", err, got, ttl)
			}
			err := c.Watch(ctx, func(tx *redis.Tx) error {
				c.Set(ctx, "w", "changed", 0)
				_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, "w"); return nil })
				return err
			}, "w")
			if err != redis.TxFailedErr {
				t.Errorf("WATCH: %v", err)
			}
			if setting := c.ConfigGet(ctx, "notify*").Val(); len(setting) != 1 {
				t.Errorf("ConfigGet = %v", setting)
			}
			if id := c.XAdd(ctx, &redis.XAddArgs{Stream: "audit", MaxLen: 10000, Approx: true, Values: []string{"k", "v"}}).Val(); id == "" {
				t.Error("XAdd gave no ID")
			}
			if entries := c.XRevRangeN(ctx, "audit", "+", "-", 10).Val(); len(entries) != 1 || entries[0].Values["k"] != "v" {
				t.Errorf("XRevRange = %v", entries)
			}
			if text := c.Info(ctx, "server", "replication").Val(); !strings.Contains(text, "role:master") {
				t.Errorf("Info = %q", text)
			}
			if list := c.ClientList(ctx).Val(); !strings.Contains(list, "cmd=client|list") {
				t.Errorf("ClientList = %q", list)
			}
			if cursor, err := c.Time(ctx).Result(); err != nil || time.Since(cursor) > time.Hour {
				t.Errorf("Time = %v, %v", cursor, err)
			}
		})
	}
}

func TestGoRedisSubscribes(t *testing.T) {
	s := start(t)
	for name, c := range clients(t, s) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			c.ConfigSet(ctx, "notify-keyspace-events", "K$gx")
			db := c.Options().DB
			sub := c.PSubscribe(ctx, fmt.Sprintf("__keyspace@%d__:lock:*", db))
			defer sub.Close()
			if m, err := sub.Receive(ctx); err != nil || m.(*redis.Subscription).Count != 1 {
				t.Fatalf("%v, %v", m, err)
			}
			if err := sub.Ping(ctx, "still there"); err != nil {
				t.Fatal(err)
			}
			if m, err := sub.Receive(ctx); err != nil || m.(*redis.Pong).Payload != "still there" {
				t.Fatalf("%v, %v", m, err)
			}
			c.SetNX(ctx, "lock:1", "owner", time.Minute)
			c.Set(ctx, "other", "x", 0)
			c.Del(ctx, "lock:1")
			for _, want := range []string{"set", "expire", "del"} {
				m, err := sub.ReceiveMessage(ctx)
				if err != nil || m.Payload != want || !strings.HasSuffix(m.Channel, ":lock:1") {
					t.Fatalf("%v, %v instead of %s", m, err, want)
				}
			}
		})
	}
}

// In RESP3 a subscriber's connection does everything else too.
func TestAnRESP3SubscriberSeesItsOwnEvents(t *testing.T) {
	w := dial(t, start(t).Addr())
	w.do("HELLO", "3")
	w.do("CONFIG", "SET", "notify-keyspace-events", "K$")
	if got := w.do("SUBSCRIBE", "__keyspace@0__:k"); got != `>["subscribe" "__keyspace@0__:k" :1]` {
		t.Error(got)
	}
	if got := w.do("SET", "k", "v"); got != `>["message" "__keyspace@0__:k" "set"]` {
		t.Error(got)
	}
	if got := w.receive(); got != "+OK" {
		t.Error(got)
	}
}

// A key that nobody touches goes at its deadline, not when a sampler happens to find it.
func TestAKeyExpiresByItself(t *testing.T) {
	s := start(t)
	events, w := dial(t, s.Addr()), dial(t, s.Addr())
	w.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
	events.do("PSUBSCRIBE", "__keyevent@*")
	// Many others, later ones, before and behind it.
	for i := range 500 {
		w.do("SET", fmt.Sprint("later:", i), "v", "PX", strconv.Itoa(600_000-i))
	}
	var late []time.Duration
	for i := range 20 {
		ttl := time.Duration(5+i) * time.Millisecond
		w.do("SET", "soon", "v", "PX", strconv.Itoa(int(ttl.Milliseconds())))
		begun := time.Now()
		if got := events.receive(); got != `["pmessage" "__keyevent@*" "__keyevent@0__:expired" "soon"]` {
			t.Fatal(got)
		}
		late = append(late, time.Since(begun)-ttl)
		if got := w.do("EXISTS", "soon"); got != ":0" {
			t.Errorf("EXISTS = %s after the event", got)
		}
	}
	slices.Sort(late)
	t.Logf("late by %v in the median, %v at most", late[len(late)/2], late[len(late)-1])
	if got := w.line("INFO stats"); !strings.Contains(got, "expired_keys:20") {
		t.Error(got)
	}
}

// clock is a clock that a test moves.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func TestTheClockDecides(t *testing.T) {
	clock := newClock()
	s, err := embedded.Start(embedded.Options{Clock: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, w := dial(t, s.Addr()), dial(t, s.Addr())
	w.do("CONFIG", "SET", "notify-keyspace-events", "KA")
	events.do("PSUBSCRIBE", "*")
	if got := w.do("TIME"); got != `["1767323045" "0"]` {
		t.Error(got)
	}
	w.do("SET", "k", "v", "PX", "15000")
	clock.advance(5 * time.Second)
	if got := w.do("PTTL", "k"); got != ":10000" {
		t.Error(got)
	}
	clock.advance(10 * time.Second)
	if got := w.do("PTTL", "k"); got != ":0" { // the last moment is still its own
		t.Error(got)
	}
	clock.advance(time.Millisecond)
	for _, want := range []string{"set", "expire", "expired"} { // the last one without being asked for
		if got := events.receive(); !strings.Contains(got, strconv.Quote(want)) {
			t.Errorf("%s instead of %s", got, want)
		}
	}
	if got := w.do("GET", "k"); got != "nil" {
		t.Error(got)
	}
}

// Every key that is there all the time is given, however the others come and go, and the scan ends.
func TestAScanMissesNothing(t *testing.T) {
	s := start(t)
	w, other := dial(t, s.Addr()), dial(t, s.Addr())
	const stable = 500
	for i := range stable {
		w.do("SET", fmt.Sprint("stable:", i), "v")
		w.do("SET", fmt.Sprint("old:", i), "v")
	}
	churn := 0
	for _, match := range []string{"*", "stable:*", "stable:49?"} {
		seen := map[string]int{}
		cursor := "0"
		for {
			reply := w.do("SCAN", cursor, "MATCH", match, "COUNT", "7")
			parts := strings.SplitN(strings.Trim(reply, "[]"), " ", 2)
			cursor, _ = strconv.Unquote(parts[0])
			for _, key := range strings.Fields(strings.Trim(parts[1], "[]")) {
				seen[key]++
			}
			if cursor == "0" {
				break
			}
			for range 20 { // more keys come than the scan visits
				churn++
				other.do("SET", fmt.Sprint("new:", churn), "v")
				other.do("DEL", fmt.Sprint("old:", churn%stable), fmt.Sprint("new:", churn-5))
			}
		}
		want := stable
		if match == "stable:49?" {
			want = 10
		}
		found := 0
		for i := range stable {
			n := seen[strconv.Quote(fmt.Sprint("stable:", i))]
			if n > 1 {
				t.Errorf("stable:%d came %d times", i, n)
			}
			found += n
		}
		if found != want {
			t.Errorf("MATCH %s found %d of %d stable keys", match, found, want)
		}
	}
}

// A subscriber that doesn't read is cut off, and nobody else notices.
func TestAStalledSubscriberIsCut(t *testing.T) {
	s := start(t)
	stalled, w := dial(t, s.Addr()), dial(t, s.Addr())
	if got := w.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1000000 0 0"); got != "+OK" {
		t.Fatal(got)
	}
	stalled.do("SUBSCRIBE", "news")
	message := strings.Repeat("x", 10_000)
	eventually(t, "the subscriber is cut", func() bool { return w.do("PUBLISH", "news", message) == ":0" })
	if got := w.line("INFO stats"); !strings.Contains(got, "client_output_buffer_limit_disconnections:1") {
		t.Error(got)
	}
	stalled.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, stalled.conn); errors.Is(err, context.DeadlineExceeded) {
		t.Error("the connection was left open")
	}
	var softly [3]string
	for i, setting := range []string{"pubsub 0 1000 60", "normal 1 1 1", "pubsub x 0 0"} {
		softly[i] = w.do("CONFIG", "SET", "client-output-buffer-limit", setting)[:1]
	}
	if softly != [3]string{"+", "-", "-"} {
		t.Error(softly)
	}
}

// The soft limit is one of time.
func TestASubscriberMayBeSlowForAWhile(t *testing.T) {
	clock := newClock()
	s, err := embedded.Start(embedded.Options{Clock: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stalled, w := dial(t, s.Addr()), dial(t, s.Addr())
	w.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 100000 60")
	stalled.do("SUBSCRIBE", "news")
	message := strings.Repeat("x", 1_000_000)
	for range 12 { // more than sockets hold
		if got := w.do("PUBLISH", "news", message); got != ":1" {
			t.Fatal(got)
		}
	}
	clock.advance(59 * time.Second)
	if got := w.do("PUBLISH", "news", message); got != ":1" {
		t.Fatal(got)
	}
	clock.advance(2 * time.Second)
	w.do("PUBLISH", "news", message)
	eventually(t, "the subscriber is cut", func() bool { return w.do("PUBSUB", "NUMSUB", "news") == `["news" :0]` })
}

// A client without subscriptions may have a pipeline of any size before it reads.
func TestAPipelineIsNotCut(t *testing.T) {
	w := dial(t, start(t).Addr())
	value := strings.Repeat("v", 1<<18)
	w.do("SET", "k", value)
	const n = 80 // 20 MB, far more than sockets hold
	var sent sync.WaitGroup
	sent.Go(func() {
		for range n {
			w.send(encode("GET", "k"))
		}
	})
	sent.Wait()
	for range n {
		if got := w.receive(); len(got) != len(value)+2 {
			t.Fatalf("%d bytes", len(got))
		}
	}
}

func TestCommandsAreAtomic(t *testing.T) {
	s := start(t)
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	script := redis.NewScript(`local n = tonumber(redis.call("GET", KEYS[1]) or "0") redis.call("SET", KEYS[1], n + 1) return n`)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				c.Incr(context.Background(), "a")
				script.Run(context.Background(), c, []string{"a"})
			}
		})
	}
	wait.Wait()
	if got := c.Get(t.Context(), "a").Val(); got != "800" {
		t.Errorf("a = %s", got)
	}
}

func TestClientsAreNamedListedAndKilled(t *testing.T) {
	s := start(t)
	w, victim, sub := dial(t, s.Addr()), dial(t, s.Addr()), dial(t, s.Addr())
	victim.do("CLIENT", "SETNAME", "victim")
	sub.do("SUBSCRIBE", "a")
	id := strings.TrimPrefix(victim.do("CLIENT", "ID"), ":")
	if list := w.do("CLIENT", "LIST"); strings.Count(list, `\n`) != 3 || !strings.Contains(list, "name=victim") {
		t.Error(list)
	}
	if list := w.do("CLIENT", "LIST", "TYPE", "pubsub"); strings.Count(list, `\n`) != 1 || !strings.Contains(list, "flags=P") || !strings.Contains(list, "sub=1") {
		t.Error(list)
	}
	if list := w.do("CLIENT", "LIST", "ID", id); strings.Count(list, `\n`) != 1 || !strings.Contains(list, "id="+id+" ") {
		t.Error(list)
	}
	if got := w.do("CLIENT", "KILL", "ID", id); got != ":1" {
		t.Error(got)
	}
	if _, err := victim.in.ReadByte(); err == nil {
		t.Error("the killed client still gets something")
	}
	if got := w.do("CLIENT", "KILL", "TYPE", "pubsub"); got != ":1" {
		t.Error(got)
	}
	eventually(t, "only one client is left", func() bool { return strings.Contains(w.line("INFO clients"), "connected_clients:1\\r") })
	if got := w.do("CLIENT", "KILL", "ADDR", w.conn.LocalAddr().String(), "SKIPME", "no"); got != ":1" {
		t.Error(got)
	}
	if _, err := w.in.ReadByte(); err != io.EOF {
		t.Errorf("killing oneself ended in %v", err)
	}
}

func TestQuitSendsWhatIsLeft(t *testing.T) {
	w := dial(t, start(t).Addr())
	w.send("SET k v\r\nGET k\r\nQUIT\r\nGET k\r\n")
	all, _ := io.ReadAll(w.in)
	if string(all) != "+OK\r\n$1\r\nv\r\n+OK\r\n" {
		t.Errorf("%q", all)
	}
}

func TestBrokenRequestsEndTheConnection(t *testing.T) {
	s := start(t)
	for request, want := range map[string]string{
		"*1\r\n+PING\r\n":             "-ERR Protocol error: expected '$', got '+'\r\n",
		"*x\r\n":                      "-ERR Protocol error: invalid multibulk length\r\n",
		"*99999999999999\r\n":         "-ERR Protocol error: invalid multibulk length\r\n",
		"*1\r\n$-5\r\n":               "-ERR Protocol error: invalid bulk length\r\n",
		"*1\r\n$99999999999\r\n":      "-ERR Protocol error: invalid bulk length\r\n",
		"GET \"open\r\n":              "-ERR Protocol error: unbalanced quotes in request\r\n",
		"*0\r\n*-1\r\n\r\nPING\r\n*x": "+PONG\r\n",
	} {
		w := dial(t, s.Addr())
		w.send(request)
		w.conn.(*net.TCPConn).CloseWrite()
		if got, _ := w.in.ReadString('\n'); got != want {
			t.Errorf("%.30q: %q, not %q", request, got, want)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	idle, reading, looping := dial(t, s.Addr()), dial(t, s.Addr()), dial(t, s.Addr())
	idle.do("PING")
	reading.do("SUBSCRIBE", "a")
	idle.do("SET", "big", strings.Repeat("x", 1<<20))
	stuck := dial(t, s.Addr())
	for range 100 {
		stuck.send(encode("GET", "big")) // and reads none of it
	}
	looping.send(encode("EVAL", "while true do end", "0"))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	for _, w := range []*wire{idle, reading, looping, stuck} {
		w.conn.SetDeadline(time.Now().Add(patience))
		var timeout net.Error
		if _, err := io.Copy(io.Discard, bufio.NewReader(w.conn)); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("a connection was left open")
		}
	}
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestInfo(t *testing.T) {
	w := dial(t, start(t).Addr())
	w.do("SET", "k", "v", "PX", "100000")
	w.do("SET", "l")
	w.do("INCR", "text")
	w.do("EVAL", "return redis.call('GET', 'k')", "0")
	w.do("FLUSHDB")
	w.do("SET", "k", "v", "EX", "100")
	w.do("CLIENT", "SETNAME", "me")
	all := w.line("INFO everything")
	for _, want := range []string{
		"redis_version:7.0.15", "redis_mode:standalone", "run_id:", "tcp_port:", "role:master", "cluster_enabled:0", "loading:0",
		"cmdstat_set:calls=2,", "rejected_calls=1", "cmdstat_eval:calls=1", "cmdstat_get:calls=1", "cmdstat_flushdb:calls=1", "cmdstat_client|setname:calls=1",
		"db0:keys=1,expires=1,avg_ttl=",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if few := w.line("INFO server keyspace"); !strings.Contains(few, "# Server") || !strings.Contains(few, "# Keyspace") || strings.Contains(few, "# Clients") {
		t.Error(few)
	}
	if usual := w.line("INFO"); strings.Contains(usual, "cmdstat_") {
		t.Error(usual)
	}
	w.do("CONFIG", "RESETSTAT")
	if stats := w.line("INFO commandstats"); strings.Contains(stats, "cmdstat_set:") {
		t.Error(stats)
	}
}
