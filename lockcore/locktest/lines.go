package locktest

// Reading RESP from a connection: just enough for tests that speak to a server
// without a client library between.

import (
	"bufio"
	"io"
	"strings"
)

type lines struct{ r *bufio.Reader }

func newLines(r io.Reader) *lines { return &lines{bufio.NewReader(r)} }

func (l *lines) line() (string, error) {
	s, err := l.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	s = strings.TrimRight(s, "\r\n")
	if s == "" {
		return "", io.ErrUnexpectedEOF
	}
	return s, nil
}

func (l *lines) bytes(n int) (string, error) {
	buf := make([]byte, n+2)
	if _, err := io.ReadFull(l.r, buf); err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
