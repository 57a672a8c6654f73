package locktest

// Where requests and replies begin and end on the wire: in RESP, and in HTTP as far as
// Content-Length and chunks go. Both are given back as the bytes that they came as.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what the proxy takes for a request or a reply.
const (
	maxFrame = 16 << 20 // bytes
	maxItems = 1 << 20  // of a list
	maxDepth = 16       // of lists in lists
)

var (
	errTooLong = fmt.Errorf("locktest: a request or reply of more than %d bytes", maxFrame)
	errNotRESP = errors.New("locktest: this is not RESP")
	errNotHTTP = errors.New("locktest: this is not HTTP")
)

// wire reads whole requests and replies.
type wire interface {
	request(*bufio.Reader) (raw []byte, command string, err error)
	// reply also tells whether it is one that no request asked for.
	reply(*bufio.Reader) (raw []byte, pushed bool, err error)
}

// wireOf looks at a client's first line: nil where it is neither RESP nor HTTP.
func wireOf(in *bufio.Reader) wire {
	for n := 1; ; n++ {
		first, err := in.Peek(n)
		if err != nil {
			return respWire{}
		}
		switch c := first[n-1]; {
		case n == 1 && c == '*':
			return respWire{}
		case c == '\n' && strings.Contains(string(first), " HTTP/1."):
			return httpWire{}
		case c == '\n' || n == 1<<12:
			return respWire{}
		case c < ' ' && c != '\r' || c > '~':
			return nil
		}
	}
}

// readLine appends a line and gives it without its end too.
func readLine(in *bufio.Reader, raw []byte) ([]byte, string, error) {
	begin := len(raw)
	for {
		some, err := in.ReadSlice('\n')
		raw = append(raw, some...)
		switch {
		case len(raw) > maxFrame:
			return raw, "", errTooLong
		case err == bufio.ErrBufferFull:
			continue
		}
		return raw, strings.TrimRight(string(raw[begin:]), "\r\n"), err
	}
}

// readOn appends n bytes, and takes no memory for those that do not come.
func readOn(in *bufio.Reader, raw []byte, n int) ([]byte, error) {
	if n < 0 || len(raw)+n > maxFrame {
		return raw, errTooLong
	}
	for n > 0 {
		begin, some := len(raw), min(n, 1<<16)
		raw = append(raw, make([]byte, some)...)
		got, err := io.ReadFull(in, raw[begin:])
		if err != nil {
			return raw[:begin+got], err
		}
		n -= some
	}
	return raw, nil
}

type respWire struct{}

// request is a list of bulk strings, or one line.
func (respWire) request(in *bufio.Reader) (raw []byte, command string, err error) {
	line := ""
	for line == "" { // empty lines are no requests
		if raw, line, err = readLine(in, raw); err != nil {
			return raw, "", err
		}
	}
	if line[0] != '*' {
		command, _, _ = strings.Cut(line, " ")
		return raw, strings.ToUpper(command), nil
	}
	n, err := count(line, maxItems)
	for i := 0; err == nil && i < n; i++ {
		before := len(raw)
		if raw, err = respItem(in, raw, 1); err == nil && i == 0 {
			_, word, _ := strings.Cut(string(raw[before:]), "\n")
			command = strings.ToUpper(strings.TrimSpace(word))
		}
	}
	return raw, command, err
}

// reply is any value; RESP3's pushes are asked for by nobody.
func (respWire) reply(in *bufio.Reader) ([]byte, bool, error) {
	raw, err := respItem(in, nil, 0)
	return raw, err == nil && raw[0] == '>', err
}

// respItem appends one value, with all that is in it.
func respItem(in *bufio.Reader, raw []byte, depth int) ([]byte, error) {
	raw, line, err := readLine(in, raw)
	if err != nil {
		return raw, err
	}
	if line == "" || depth > maxDepth {
		return raw, errNotRESP
	}
	items := 0
	switch line[0] {
	case '$', '=', '!':
		n, err := count(line, maxFrame)
		if err != nil || n < 0 {
			return raw, err
		}
		return readOn(in, raw, n+len("\r\n"))
	case '*', '~', '>':
		items, err = count(line, maxItems)
	case '%':
		items, err = count(line, maxItems)
		items *= 2
	case '+', '-', ':', '_', '#', ',', '(':
	default:
		return raw, errNotRESP
	}
	for ; err == nil && items > 0; items-- {
		raw, err = respItem(in, raw, depth+1)
	}
	return raw, err
}

// count reads a length; -1 stands for a value that is not there.
func count(line string, limit int) (int, error) {
	n, err := strconv.Atoi(line[1:])
	if err != nil || n > limit {
		return 0, errNotRESP
	}
	return n, nil
}

type httpWire struct{}

// request takes the Redis command out of the body, a JSON list, or out of the path. A transaction counts as its EXEC.
func (httpWire) request(in *bufio.Reader) ([]byte, string, error) {
	raw, err := httpMessage(in)
	lower := bytes.ToLower(raw)
	for _, command := range []string{"evalsha", "eval"} {
		if bytes.Contains(lower, []byte(`"`+command+`"`)) || bytes.Contains(lower, []byte(" /"+command+"/")) {
			return raw, strings.ToUpper(command), err
		}
	}
	if bytes.HasPrefix(lower, []byte("post /multi-exec")) {
		return raw, "EXEC", err
	}
	return raw, "", err
}

func (httpWire) reply(in *bufio.Reader) ([]byte, bool, error) {
	raw, err := httpMessage(in)
	return raw, bytes.HasPrefix(raw, []byte("HTTP/1.1 1")), err // "100 Continue" answers nothing
}

// httpMessage reads a head and the body that it tells of.
func httpMessage(in *bufio.Reader) (raw []byte, err error) {
	length, chunked := 0, false
	for {
		line := ""
		if raw, line, err = readLine(in, raw); err != nil {
			return raw, err
		}
		name, value, _ := strings.Cut(strings.ToLower(line), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil {
				return raw, errNotHTTP
			}
		case "transfer-encoding":
			chunked = value == "chunked"
		case "":
			if !chunked {
				return readOn(in, raw, length)
			}
			return httpChunks(in, raw)
		}
	}
}

// httpChunks reads a body in chunks, each with its length in front, up to the empty one.
func httpChunks(in *bufio.Reader, raw []byte) ([]byte, error) {
	for {
		var line string
		var err error
		if raw, line, err = readLine(in, raw); err != nil {
			return raw, err
		}
		size, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
		if err != nil {
			return raw, errNotHTTP
		}
		if raw, err = readOn(in, raw, int(size)+len("\r\n")); err != nil || size == 0 {
			return raw, err
		}
	}
}
