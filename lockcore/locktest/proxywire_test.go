package locktest

// Framing: a message is given as the bytes that it came as, and no more of them.

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

func TestEveryReplyIsReadToItsEndAndNoFurther(t *testing.T) {
	for _, reply := range []string{
		"+OK\r\n", "-ERR no\r\n", ":-7\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\n\r\n\x00*1\r\n", "*-1\r\n", "*0\r\n",
		"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x\r\n", "%1\r\n+a\r\n*1\r\n:1\r\n", "~2\r\n:1\r\n:2\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"(123\r\n", "=5\r\ntxt:x\r\n", "!3\r\nERR\r\n", ">2\r\n+message\r\n+x\r\n",
	} {
		in := bufio.NewReader(strings.NewReader(reply + "+next\r\n"))
		raw, pushed, err := respWire{}.reply(in)
		if err != nil || string(raw) != reply || pushed != (reply[0] == '>') {
			t.Errorf("%q is read as %q, %v, %v", reply, raw, pushed, err)
		}
		if rest, _ := in.ReadString('\n'); rest != "+next\r\n" {
			t.Errorf("after %q follows %q", reply, rest)
		}
	}
	for _, wrong := range []string{"x\r\n", "\r\n", "$x\r\n", "*9999999\r\n", strings.Repeat("*1\r\n", 20) + ":1\r\n", "$99999999\r\n"} {
		if raw, _, err := (respWire{}).reply(bufio.NewReader(strings.NewReader(wrong))); err == nil {
			t.Errorf("%q is read as %q", wrong, raw)
		}
	}
}

func TestARequestTellsItsCommand(t *testing.T) {
	for request, want := range map[string]string{
		"*2\r\n$7\r\nevalSHA\r\n$1\r\nx\r\n": "EVALSHA", "PING\r\n": "PING", "set k v\r\n": "SET", "\r\nPING\r\n": "PING",
		"*1\r\n$4\r\nPING\r\n": "PING", "*0\r\n": "",
	} {
		raw, command, err := respWire{}.request(bufio.NewReader(strings.NewReader(request + "x")))
		if err != nil || string(raw) != request || command != want {
			t.Errorf("%q is read as %q of %q, %v", request, command, raw, err)
		}
	}
	for request, want := range map[string]string{
		"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n[\"EVAL\", \"x\"":               "EVAL",
		"GET /evalsha/x/0 HTTP/1.1\r\nHost: a\r\n\r\n":                                "EVALSHA",
		"POST /multi-exec HTTP/1.1\r\nContent-Length: 9\r\n\r\n[[\"TIME\"]":           "EXEC",
		"GET /get/eval HTTP/1.1\r\n\r\n":                                              "",
		"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[\"a\r\n0\r\n\r\n": "",
	} {
		raw, command, err := httpWire{}.request(bufio.NewReader(strings.NewReader(request + "x")))
		if err != nil || string(raw) != request || command != want {
			t.Errorf("%q is read as %q of %q, %v", request, command, raw, err)
		}
	}
}

// FuzzWire: whatever comes, what is read is a beginning of it, and nothing panics.
func FuzzWire(f *testing.F) {
	for _, seed := range []string{"*1\r\n$4\r\nPING\r\n", "%1\r\n+a\r\n:1\r\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\x16\x03"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, all []byte) {
		for _, w := range []wire{wireOf(bufio.NewReader(bytes.NewReader(all))), respWire{}, httpWire{}} {
			if w == nil {
				continue
			}
			for _, read := range []func(*bufio.Reader) ([]byte, error){
				func(in *bufio.Reader) ([]byte, error) { raw, _, err := w.request(in); return raw, err },
				func(in *bufio.Reader) ([]byte, error) { raw, _, err := w.reply(in); return raw, err },
			} {
				rest := all
				in := bufio.NewReader(bytes.NewReader(all))
				for {
					raw, err := read(in)
					if !bytes.HasPrefix(rest, raw) {
						t.Fatalf("%q is read as %q", rest, raw)
					}
					if err != nil || len(raw) == 0 {
						break
					}
					rest = rest[len(raw):]
				}
			}
		}
	})
}
