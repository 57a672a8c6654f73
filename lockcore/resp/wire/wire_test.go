package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"locktop/lockcore/resp/wire"
)

// said is what a stream's tokens say, a word each, and the error that ends it.
func said(r *wire.Reader) (words []string, err error) {
	for {
		t, err := r.Next()
		if err != nil {
			return words, err
		}
		switch {
		case t.Null():
			words = append(words, string(t.Kind)+"null")
		case t.TooLong():
			words = append(words, fmt.Sprintf("long %d", t.N))
		case t.Kind == ':' || t.Kind == '*':
			words = append(words, fmt.Sprintf("%c%d", t.Kind, t.N))
		default:
			words = append(words, string(t.Kind)+string(t.Text))
		}
	}
}

func TestTokensAreRead(t *testing.T) {
	long := strings.Repeat("x", wire.MaxBulk)
	for _, c := range []struct {
		stream, want string
		err          error
	}{
		{"+OK\r\n-ERR no\r\n:-42\r\n$3\r\na\nb\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n", "+OK|-ERR no|:-42|$a\nb|$null|*null|*0|$", io.EOF},
		{"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*2|$a|*1|:1", io.EOF},
		{"$" + fmt.Sprint(len(long)) + "\r\n" + long + "\r\n:1\r\n", "$" + long + "|:1", io.EOF},
		{"$" + fmt.Sprint(len(long)+1) + "\r\n" + long + "x\r\n:1\r\n", fmt.Sprintf("long %d|:1", len(long)+1), io.EOF},
		{"$" + fmt.Sprint(len(long)+1) + "\r\n" + long + "xy\r\n:1\r\n", "", wire.ErrProtocol},
		{"+OK", "", io.ErrUnexpectedEOF},
		{"$3\r\nab", "", io.ErrUnexpectedEOF},
		{"$3\r\nabcd\r\n", "", wire.ErrProtocol},
		{"+OK\n", "", wire.ErrProtocol},
		{"\r\n", "", wire.ErrProtocol},
		{":\r\n", "", wire.ErrProtocol},
		{":1a\r\n", "", wire.ErrProtocol},
		{":9999999999999999999\r\n", "", wire.ErrProtocol},
		{"$-2\r\n", "", wire.ErrProtocol},
		{"$99999999999\r\n", "", wire.ErrProtocol},
		{"%1\r\n", "", wire.ErrProtocol},
		{"HTTP/1.1 400 Bad Request\r\n", "", wire.ErrProtocol},
		{"+" + strings.Repeat("x", 1<<17) + "\r\n", "", wire.ErrProtocol},
	} {
		for how, src := range map[string]io.Reader{"at once": strings.NewReader(c.stream), "byte by byte": iotest.OneByteReader(strings.NewReader(c.stream))} {
			words, err := said(wire.NewReader(src))
			if got := strings.Join(words, "|"); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%.40q, %s: %.40q, %v; want %.40q, %v", c.stream, how, got, err, c.want, c.err)
			}
		}
	}
}

func TestWholeRepliesAreSkipped(t *testing.T) {
	r := wire.NewReader(strings.NewReader("*2\r\n*2\r\n:1\r\n*0\r\n$1\r\na\r\n*-1\r\n+OK\r\n:7\r\n"))
	if err := r.Skip(3); err != nil {
		t.Fatal(err)
	}
	if words, _ := said(r); strings.Join(words, "|") != ":7" {
		t.Errorf("what is left is %q", words)
	}
}

// A try that runs out of bytes loses none of them, wherever the stream is cut.
func TestATryThatFailsIsRepeated(t *testing.T) {
	stream := "*2\r\n$5\r\nhello\r\n:12\r\n"
	for cut := 4; cut < len(stream); cut++ {
		r := wire.NewReader(io.MultiReader(strings.NewReader(stream[:cut]), strings.NewReader(stream[cut:])))
		at := r.Mark()
		if err := r.Skip(1); !errors.Is(err, wire.ErrNotArrived) {
			t.Fatalf("nothing was there, and %v", err)
		}
		r.Rewind(at)
		if list, err := r.Next(); err != nil || list.N != 2 {
			t.Fatalf("cut at %d: %+v, %v", cut, list, err)
		}
		at = r.Mark()
		if err := r.Skip(2); !errors.Is(err, wire.ErrNotArrived) {
			t.Fatalf("cut at %d: a part was there, and %v", cut, err)
		}
		r.Rewind(at)
		if err := r.Skip(2); err != nil || r.Buffered() != 0 {
			t.Errorf("cut at %d: %v, %d bytes are left", cut, err, r.Buffered())
		}
	}
}

func TestCommandsAreWritten(t *testing.T) {
	got := wire.AppendCommand(nil, "GET", "a\r\nb", "")
	if want := "*3\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n"; string(got) != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestATokenCostsNoAllocation(t *testing.T) {
	stream := bytes.NewReader(nil)
	r := wire.NewReader(stream)
	message := []byte("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$6\r\nlock:a\r\n$3\r\nset\r\n:7\r\n")
	if n := testing.AllocsPerRun(1000, func() {
		stream.Reset(message)
		if err := r.Skip(2); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzReader gives any bytes in pieces of any size: the same tokens come out, none is longer than it
// may be, and nothing panics.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$6\r\nlock:a\r\n$3\r\nset\r\n", "$-1\r\n", ":12\r\n-ERR\r\n", "*99999\r\n*99999\r\n", "$1048577\r\nx", "$9\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := said(wire.NewReader(bytes.NewReader(stream)))
		pieces, err2 := said(wire.NewReader(iotest.HalfReader(bytes.NewReader(stream))))
		if strings.Join(whole, "|") != strings.Join(pieces, "|") || (err == io.EOF) != (err2 == io.EOF) {
			t.Errorf("at once %q, %v; in pieces %q, %v", whole, err, pieces, err2)
		}
		length := 0
		for _, w := range whole {
			length += len(w)
		}
		if length > 2*len(stream)+64 {
			t.Errorf("%d bytes came out of %d", length, len(stream))
		}
		wire.NewReader(bytes.NewReader(stream)).Skip(3)
	})
}
