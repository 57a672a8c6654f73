package embedded_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
)

const releaseScript = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) else return 0 end`

// BenchmarkLock takes and releases a lock, SET NX PX and a script, one pair an
// operation; on this server and, for the ratio, on a real one.
func BenchmarkLock(b *testing.B) {
	s, err := embedded.Start(embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for _, server := range []struct{ name, addr string }{
		{"embedded", s.Addr()},
		{"redis-server", locktest.StartRedis(b).Addr},
	} {
		for _, notify := range []string{"", "K$gxeh"} {
			for _, depth := range []int{1, 50} {
				b.Run(fmt.Sprintf("%s/events=%s/pipelined=%d", server.name, notify, depth), func(b *testing.B) {
					benchmarkPairs(b, server.addr, notify, depth)
				})
			}
		}
	}
}

func benchmarkPairs(b *testing.B, addr, notify string, depth int) {
	setUp := dial(b, addr)
	setUp.do("CONFIG", "SET", "notify-keyspace-events", notify)
	sha := strings.Trim(setUp.do("SCRIPT", "LOAD", releaseScript), `"`)
	if notify != "" {
		watch(b, addr)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	pair := encode("SET", "lock:1", "owner", "NX", "PX", "15000") + encode("EVALSHA", sha, "1", "lock:1", "owner")
	b.ResetTimer()
	for left := b.N; left > 0; {
		n := min(left, depth)
		left -= n
		if _, err := conn.Write([]byte(strings.Repeat(pair, n))); err != nil {
			b.Fatal(err)
		}
		for range n {
			set, _ := readReply(in)
			deleted, err := readReply(in)
			if err != nil || set != "+OK" || deleted != ":1" {
				b.Fatal(set, deleted, err)
			}
		}
	}
	b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "commands/s")
}

// watch subscribes to all locks and throws away what comes.
func watch(b *testing.B, addr string) {
	w := dial(b, addr)
	w.do("PSUBSCRIBE", "__keyspace@0__:lock:*")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := readReply(w.in); err != nil {
				return
			}
		}
	}()
	b.Cleanup(func() { w.conn.Close(); <-done })
}
