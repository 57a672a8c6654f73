package resp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

const channels = "__keyspace@0__:"

// inForce waits until a subscription's patterns are.
func inForce(t testing.TB, sub *resp.Subscription, patterns int) {
	t.Helper()
	for i := range patterns {
		if h, err := sub.Receive(); err != nil || h.Subscribed != i+1 {
			t.Fatalf("pattern %d: %+v, %v", i+1, h, err)
		}
	}
}

func TestWhatIsHeardComesInOrderOneByOneOrManyAtOnce(t *testing.T) {
	srv := locktest.StartRedis(t, "--notify-keyspace-events", "KA")
	ctx := context.Background()
	client := connect(t, resp.Options{URL: srv.URL(), Name: "locktop"})
	sub := client.Subscribe(ctx, channels+"lock:*", channels+"locktop:*")
	defer sub.Close()
	inForce(t, sub, 2)
	if list := srv.CLI("CLIENT", "LIST", "TYPE", "pubsub"); !strings.Contains(list, "name=locktop-watch ") {
		t.Errorf("the listening connection is %s", list)
	}
	if err := sub.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if h, err := sub.Receive(); err != nil || h != (resp.Heard{}) {
		t.Errorf("a ping is answered by %+v, %v", h, err)
	}

	const locks = 5000
	var want []resp.Heard
	for i := range locks {
		channel := fmt.Sprintf("%slock:\x00%d\r\n", channels, i)
		want = append(want, resp.Heard{Channel: channel, Payload: "set"}, resp.Heard{Channel: channel, Payload: "expire"})
	}
	go func() {
		client.Do(ctx, "eval", `for i = 0, tonumber(ARGV[1]) - 1 do redis.call('SET', 'lock:\0' .. i .. '\r\n', 'me', 'PX', 60000) end`, 0, locks)
	}()
	var got, batch []resp.Heard
	batches := 0
	for len(got) < len(want) {
		if len(got) < 10 {
			h, err := sub.Receive()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h)
			continue
		}
		var err error
		if batch, err = sub.ReceiveMany(batch); err != nil {
			t.Fatal(err)
		}
		batches++
		got = append(got, batch...)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("message %d is %+v; want %+v", i, got[i], want[i])
		}
	}
	if batches > locks {
		t.Errorf("%d messages came in %d batches", len(want), batches)
	}
}

func TestASubscriptionEndsAtOnce(t *testing.T) {
	srv := locktest.StartRedis(t)
	ctx := context.Background()
	for how, end := range map[string]func(*resp.Client, *resp.Subscription){
		"closed":               func(_ *resp.Client, sub *resp.Subscription) { sub.Close(); sub.Close() },
		"its client is closed": func(client *resp.Client, _ *resp.Subscription) { client.Close() },
		"killed":               func(*resp.Client, *resp.Subscription) { srv.CLI("CLIENT", "KILL", "TYPE", "pubsub") },
	} {
		client := connect(t, resp.Options{URL: srv.URL(), Timeout: longTimeout})
		sub := client.Subscribe(ctx, "a*")
		inForce(t, sub, 1)
		ended := make(chan error, 1)
		go func() { _, err := sub.ReceiveMany(nil); ended <- err }()
		end(client, sub)
		if err := <-ended; !errors.Is(err, lockcore.ErrUnreachable) {
			t.Errorf("%s: %v", how, err)
		}
		if _, err := sub.Receive(); !errors.Is(err, lockcore.ErrUnreachable) {
			t.Errorf("%s, and heard again: %v", how, err)
		}
		sub.Close()
	}
}

func TestWhatStandsAgainstASubscriptionIsSaid(t *testing.T) {
	srv := locktest.StartRedis(t)
	srv.CLI("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels")
	ctx := context.Background()
	var reply *lockcore.ReplyError
	for url, code := range map[string]string{
		"redis://deaf:pw@" + srv.Addr + "/0":  "NOPERM",
		"redis://deaf:no@" + srv.Addr + "/0":  "WRONGPASS",
		"redis://" + srv.Addr + "/99":         "ERR",
		"redis://nobody:pw@" + srv.Addr + "/": "WRONGPASS",
	} {
		sub := connect(t, resp.Options{URL: url}).At(srv.Addr).Subscribe(ctx, "a*")
		defer sub.Close()
		if _, err := sub.Receive(); !errors.As(err, &reply) || !strings.HasPrefix(reply.Message, code) {
			t.Errorf("%s: %v", url, err)
		}
		sub.Ping(ctx) // of one that never began it says the same, and harms nobody
	}

	frozen := locktest.StartRedis(t)
	frozen.Freeze()
	defer frozen.Thaw()
	limited, cancel := context.WithCancel(ctx)
	time.AfterFunc(soon, cancel)
	sub := connect(t, resp.Options{URL: "redis://:pw@" + frozen.Addr, Timeout: longTimeout}).At(frozen.Addr).Subscribe(limited, "a*")
	defer sub.Close()
	if _, err := sub.Receive(); !errors.Is(err, lockcore.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a frozen server: %v", err)
	}
}

// A server that answers a ping with an error lives.
func TestARefusedPingIsASignOfLife(t *testing.T) {
	for said, want := range map[string]error{
		"*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n-MISCONF no disk\r\n*4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\na\r\n$1\r\nb\r\n": nil,
		"*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\nHTTP/1.1 400 Bad Request\r\n":                                                  lockcore.ErrUnreachable,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			conn.Write([]byte(said))
			conn.Read(make([]byte, 1000)) // what it asks for
			conn.Read(make([]byte, 1))    // until it is closed
		}()
		sub := connect(t, resp.Options{URL: "redis://" + l.Addr().String()}).At(l.Addr().String()).Subscribe(context.Background(), "a")
		inForce(t, sub, 1)
		h, err := sub.Receive()
		if want == nil && (err != nil || h != (resp.Heard{})) || !errors.Is(err, want) {
			t.Errorf("%q: heard %+v, %v", said, h, err)
		}
		if want == nil {
			if h, err := sub.Receive(); err != nil || h.Payload != "b" {
				t.Errorf("after the ping: %+v, %v", h, err)
			}
		}
		sub.Close()
	}
}

// hear subscribes by a URL and hears a message of its own.
func hear(t *testing.T, url string) error {
	t.Helper()
	client, ctx := connect(t, resp.Options{URL: url}), context.Background()
	sub := client.Subscribe(ctx, "news")
	defer sub.Close()
	if _, err := sub.Receive(); err != nil {
		return err
	}
	if _, err := client.Do(ctx, "publish", "news", "x"); err != nil {
		return err
	}
	h, err := sub.Receive()
	if err == nil && h != (resp.Heard{Channel: "news", Payload: "x"}) {
		err = fmt.Errorf("heard %+v", h)
	}
	return err
}

func TestListeningTakesEveryWayThatCommandsTake(t *testing.T) {
	srv := locktest.StartRedis(t, "--requirepass", "s3cret/+")
	pw := url.QueryEscape("s3cret/+")
	if got := locktest.Command(t, srv.Addr, "AUTH", "s3cret/+"); got != "OK" {
		t.Fatal(got)
	}
	for _, u := range []string{
		"redis://:" + pw + "@" + srv.Addr + "/0",
		"redis://default:" + pw + "@" + srv.Addr + "/3",
		"unix://:" + pw + "@" + srv.Socket() + "?db=5",
	} {
		if err := hear(t, u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}
