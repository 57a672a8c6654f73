package embedded

// Reading requests from a connection: arrays of bulk strings, as clients send
// them, or a line of words, as a person with a telnet does.

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// The limits are those of Redis. What a header claims is never allocated before
// it has arrived, so a claim costs nothing.
const (
	maxArguments  = 1 << 20
	maxArgument   = 512 << 20
	maxLine       = 64 << 10
	readChunk     = 64 << 10
	argumentsHint = 16
)

// protocolError is told to the client, and the connection is closed: where the
// next request begins is unknown.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

type requests struct{ in *bufio.Reader }

func newRequests(r io.Reader) *requests { return &requests{bufio.NewReaderSize(r, 16<<10)} }

// next gives the arguments of the next request, at least one.
func (r *requests) next() ([]string, error) {
	for {
		first, err := r.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if first == '*' {
			args, err := r.array()
			if len(args) > 0 || err != nil {
				return args, err
			}
			continue
		}
		if err := r.in.UnreadByte(); err != nil {
			return nil, err
		}
		line, err := r.line("too big inline request")
		if err != nil {
			return nil, err
		}
		args, ok := words(line)
		if !ok {
			return nil, protocolError("unbalanced quotes in request")
		}
		if len(args) > 0 {
			return args, nil
		}
	}
}

func (r *requests) array() ([]string, error) {
	line, err := r.line("too big mbulk count string")
	if err != nil {
		return nil, err
	}
	n, valid := integer(line)
	if !valid || n > maxArguments {
		return nil, protocolError("invalid multibulk length")
	}
	if n <= 0 {
		return nil, nil // as Redis: silently nothing
	}
	args := make([]string, 0, min(n, argumentsHint))
	for range n {
		arg, err := r.bulk()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

func (r *requests) bulk() (string, error) {
	line, err := r.line("too big bulk count string")
	if err != nil {
		return "", err
	}
	if line == "" || line[0] != '$' {
		got := byte(' ')
		if line != "" {
			got = line[0]
		}
		return "", protocolError("expected '$', got '" + string(rune(got)) + "'")
	}
	n, valid := integer(line[1:])
	if !valid || n < 0 || n > maxArgument {
		return "", protocolError("invalid bulk length")
	}
	if n <= readChunk {
		buf := make([]byte, n+2)
		if _, err := io.ReadFull(r.in, buf); err != nil {
			return "", err
		}
		return string(buf[:n]), nil
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r.in, n); err != nil {
		return "", err
	}
	_, err = r.in.Discard(2)
	return b.String(), err
}

// line reads up to a newline; over the limit it fails with the text given.
func (r *requests) line(tooBig string) (string, error) {
	var long []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return "", err
		}
		if len(long)+len(part) > maxLine {
			return "", protocolError(tooBig)
		}
		if err == nil && long == nil {
			return strings.TrimRight(string(part), "\r\n"), nil
		}
		long = append(long, part...)
		if err == nil {
			return strings.TrimRight(string(long), "\r\n"), nil
		}
	}
}

// words splits a line as redis-cli does: spaces separate, double quotes take
// \n \r \t \a \b \xHH and \", single quotes take \'.
func words(line string) (args []string, balanced bool) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return args, true
		}
		var word []byte
		for i < len(line) && !isSpace(line[i]) {
			quote := line[i]
			if quote != '"' && quote != '\'' {
				word = append(word, line[i])
				i++
				continue
			}
			for i++; ; {
				if i >= len(line) {
					return nil, false
				}
				if line[i] == quote {
					i++
					break
				}
				b, width := unescape(line[i:], quote)
				word = append(word, b)
				i += width
			}
			if i < len(line) && !isSpace(line[i]) {
				return nil, false // a closing quote ends the word
			}
		}
		args = append(args, string(word))
	}
}

// unescape gives the first byte of what s, the inside of quotes, stands for.
func unescape(s string, quote byte) (b byte, width int) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], 1
	}
	if quote == '\'' {
		if s[1] == '\'' {
			return '\'', 2
		}
		return '\\', 1
	}
	if s[1] == 'x' && len(s) >= 4 {
		if n, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
			return byte(n), 4
		}
	}
	if at := strings.IndexByte("nrtba", s[1]); at >= 0 {
		return "\n\r\t\b\a"[at], 2
	}
	return s[1], 2
}

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' || b == 0 }
