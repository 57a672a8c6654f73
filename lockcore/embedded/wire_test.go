package embedded_test

// A client with nothing between the test and the wire: it shows replies as they
// came, so that two servers can be compared.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come. It decides how soon a
// failure is told, never whether there is one.
const patience = 20 * time.Second

func start(t testing.TB) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t, conn, bufio.NewReader(conn)}
}

// line sends a command as a person types it.
func (w *wire) line(command string) string {
	w.t.Helper()
	w.send(command + "\r\n")
	return w.receive()
}

// do sends a command as a client does.
func (w *wire) do(args ...string) string {
	w.t.Helper()
	w.send(encode(args...))
	return w.receive()
}

func encode(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return b.String()
}

func (w *wire) send(bytes string) {
	w.t.Helper()
	w.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(w.conn, bytes); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) receive() string {
	w.t.Helper()
	w.conn.SetDeadline(time.Now().Add(patience))
	reply, err := readReply(w.in)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply
}

// readReply gives a reply as text on one line, with its type: +OK, "bulk", :1, [a b], {map}, >[push], nil.
func readReply(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("an empty line where a reply should be")
	}
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '+', '-', ':':
		return line, nil
	case '_':
		return "nil", nil
	case '$', '=':
		if n < 0 {
			return "nil", nil
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return "", err
		}
		mark := ""
		if line[0] == '=' {
			mark = "="
		}
		return mark + strconv.Quote(string(text[:n])), nil
	case '*', '>', '%':
		if n < 0 {
			return "nil array", nil
		}
		open, end := "[", "]"
		if line[0] == '%' {
			open, end, n = "{", "}", 2*n
		}
		if line[0] == '>' {
			open = ">["
		}
		items := make([]string, n)
		for i := range items {
			if items[i], err = readReply(in); err != nil {
				return "", err
			}
		}
		return open + strings.Join(items, " ") + end, nil
	}
	return "", fmt.Errorf("no reply begins with %q", line)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}
