package locktest

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAMessageOfASubscriptionIsCutAtAnyByte(t *testing.T) {
	srv := StartRedis(t)
	p := StartProxy(t, srv.Addr)
	const message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\ntext\r\n"
	for at := range len(message) + 1 {
		in := subscribed(t, p)
		p.Listening("", WireFault{Kind: CutReply, At: at})
		srv.CLI("PUBLISH", "c", "text")
		got := make([]byte, len(message)+1)
		n, err := 0, error(nil)
		for err == nil && n < len(got) {
			var some int
			some, err = in.Read(got[n:])
			n += some
		}
		if string(got[:n]) != message[:at] || err == nil {
			t.Errorf("cut at byte %d, what came is %q (%v)", at, got[:n], err)
		}
	}
}

func TestAHushedSubscriptionStaysOpenAndNothingComes(t *testing.T) {
	srv := StartRedis(t)
	p := StartProxy(t, srv.Addr)
	in := subscribed(t, p)
	if n := p.HushListeners(); n != 1 {
		t.Fatalf("%d connections are hushed", n)
	}
	srv.CLI("PUBLISH", "c", "text")
	if got := Command(t, p.Addr, "PING"); got != "PONG" {
		t.Errorf("another connection is answered %q", got)
	}
	in.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := in.Read(make([]byte, 1)); n != 0 || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("%d bytes came (%v)", n, err)
	}
}

// subscribed is a connection through the proxy that listens to channel c.
func subscribed(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(startLimit))
	if _, err := c.Write([]byte("*2\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(c, 16)
	for range 6 { // *3, $9, subscribe, $1, c, :1
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
