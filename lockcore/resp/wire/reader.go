package wire

// Reading tokens.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxBulk is how long a string may be, in bytes, to be given; a longer one is passed over.
	MaxBulk = 1 << 20
	maxLine = 64 << 10 // of a status, an error, a number
	maxList = 1 << 31  // items that a list may announce
	bufSize = 64 << 10
)

var (
	// ErrProtocol: what came in is not RESP2. Nothing after it can be read.
	ErrProtocol = errors.New("this is not the Redis protocol")
	// ErrNotArrived: between Mark and Release, the rest of a token has not arrived yet.
	ErrNotArrived = errors.New("not arrived yet")
)

// Token is one piece of a reply.
type Token struct {
	// Kind is '+' for a status, '-' for an error, ':' for a number, '$' for a string, '*' for a
	// list, whose items follow as tokens.
	Kind byte
	// N is the number, the string's length in bytes or how many items the list has; -1 is null.
	N int64
	// Text is the status, the error or the string. It is a view that lasts until the next call. Of a
	// string above MaxBulk it is nil, with N its length.
	Text []byte
}

// Null is a string or list that is none.
func (t Token) Null() bool { return t.N < 0 && (t.Kind == '$' || t.Kind == '*') }

// TooLong is a string that was passed over.
func (t Token) TooLong() bool { return t.Kind == '$' && t.N > MaxBulk }

// Reader gives the tokens of a stream. It belongs to one goroutine.
type Reader struct {
	src      io.Reader
	buf      []byte
	pos, end int // what has arrived and was not read is buf[pos:end]
	marked   bool
}

// NewReader reads from src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src, buf: make([]byte, bufSize)} }

// Buffered is how many bytes have arrived and were not read.
func (r *Reader) Buffered() int { return r.end - r.pos }

// Mark begins a try: until Release, Next does not wait for more, but fails with ErrNotArrived.
func (r *Reader) Mark() (at int) {
	r.marked = true
	return r.pos
}

// Release ends a try; Rewind ends it and goes back to where it began.
func (r *Reader) Release() { r.marked = false }

// Rewind is for a try that failed with ErrNotArrived. Views of tokens stay valid until the next call.
func (r *Reader) Rewind(at int) { r.marked, r.pos = false, at }

// Next is the next token. Errors are ErrProtocol, ErrNotArrived and those of the source.
func (r *Reader) Next() (Token, error) {
	line, err := r.line()
	if err != nil {
		return Token{}, err
	}
	if len(line) == 0 {
		return Token{}, fmt.Errorf("%w: an empty line", ErrProtocol)
	}
	t := Token{Kind: line[0]}
	switch t.Kind {
	case '+', '-':
		t.Text = line[1:]
		return t, nil
	case ':', '$', '*':
	default:
		return Token{}, notRESP(line)
	}
	n, ok := number(line[1:])
	if !ok {
		return Token{}, notRESP(line)
	}
	t.N = n
	switch {
	case t.Kind == ':':
		return t, nil
	case n < -1 || n > maxList:
		return Token{}, notRESP(line)
	case t.Kind == '*' || n < 0:
		return t, nil
	}
	if n > MaxBulk {
		return t, r.pass(n)
	}
	for r.end-r.pos < int(n)+2 {
		if err := r.fill(int(n) + 2); err != nil {
			return Token{}, err
		}
	}
	t.Text = r.buf[r.pos : r.pos+int(n) : r.pos+int(n)]
	if r.buf[r.pos+int(n)] != '\r' || r.buf[r.pos+int(n)+1] != '\n' {
		return Token{}, fmt.Errorf("%w: a string without an end", ErrProtocol)
	}
	r.pos += int(n) + 2
	return t, nil
}

// Skip passes over n whole replies.
func (r *Reader) Skip(n int64) error {
	for ; n > 0; n-- {
		t, err := r.Next()
		if err != nil {
			return err
		}
		if t.Kind == '*' && t.N > 0 {
			n += t.N
		}
	}
	return nil
}

// line is the next line without its end.
func (r *Reader) line() ([]byte, error) {
	for looked := 0; ; {
		if i := bytes.IndexByte(r.buf[r.pos+looked:r.end], '\n'); i >= 0 {
			end := r.pos + looked + i
			line := r.buf[r.pos:end]
			if len(line) == 0 || line[len(line)-1] != '\r' {
				return nil, notRESP(line)
			}
			r.pos = end + 1
			return line[:len(line)-1], nil
		}
		looked = r.end - r.pos
		if looked > maxLine {
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrProtocol, maxLine)
		}
		if err := r.fill(looked + 1); err != nil {
			return nil, err
		}
	}
}

// pass reads n bytes and a line's end, and keeps none of them.
func (r *Reader) pass(n int64) error {
	for left := n; left > 0; {
		if r.pos == r.end {
			if err := r.fill(1); err != nil {
				return err
			}
		}
		some := min(left, int64(r.end-r.pos))
		r.pos += int(some)
		left -= some
	}
	end, err := r.line()
	if err == nil && len(end) > 0 {
		err = fmt.Errorf("%w: a string without an end", ErrProtocol)
	}
	return err
}

// fill reads once from the source, with room for need unread bytes in all.
func (r *Reader) fill(need int) error {
	if r.marked {
		return ErrNotArrived
	}
	if r.pos == r.end {
		r.pos, r.end = 0, 0
	}
	if r.pos > 0 && (r.pos+need > len(r.buf) || r.end == len(r.buf)) {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if need > len(r.buf) {
		grown := make([]byte, max(need, min(2*len(r.buf), MaxBulk+bufSize)))
		r.end = copy(grown, r.buf[r.pos:r.end])
		r.buf, r.pos = grown, 0
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		if n > 0 {
			r.end += n
			return nil
		}
		if err == io.EOF && r.end > r.pos {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func notRESP(line []byte) error {
	return fmt.Errorf("%w: %.40q", ErrProtocol, line)
}

// number reads a whole number of at most 18 digits.
func number(b []byte) (n int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
