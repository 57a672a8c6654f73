package upstash_test

// Event streams by the standard, in whatever pieces they come, and what their events mean.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"locktop/lockcore/upstash"
)

func opening(data string) bool { return data == "hi" }

// events reads a stream to its end.
func events(in io.Reader, opens func(string) bool) (all []upstash.Event, err error) {
	s := upstash.NewEventStream(in, opens)
	for {
		e, err := s.Next()
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

func TestEventsAreReadByTheStandard(t *testing.T) {
	whole := func(data string) upstash.Event { return upstash.NewEvent(data, true) }
	odd := func(data string) upstash.Event { return upstash.NewEvent(data, false) }
	comment := upstash.NewComment()
	for _, c := range []struct {
		name, stream string
		want         []upstash.Event
	}{
		{"nothing", "", nil},
		{"one", "data: a\n\n", []upstash.Event{whole("a")}},
		{"two", "data: a\n\ndata: b\n\n", []upstash.Event{whole("a"), whole("b")}},
		{"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", []upstash.Event{whole("a"), whole("b")}},
		{"CR", "data: a\r\rdata: b\r\r", []upstash.Event{whole("a"), whole("b")}},
		{"a byte order mark", "\ufeffdata: a\n\n", []upstash.Event{whole("a")}},
		{"no space", "data:a\n\n", []upstash.Event{whole("a")}},
		{"one space is taken, no more", "data:  a \n\n", []upstash.Event{whole(" a ")}},
		{"colons and commas", "data: a:b,c: d\n\n", []upstash.Event{whole("a:b,c: d")}},
		{"no data", "data\n\ndata:\n\n", []upstash.Event{whole(""), whole("")}},
		{"comments", ": alive\n\n:\n\ndata: a\n\n", []upstash.Event{comment, comment, whole("a")}},
		{"empty lines", "\n\n\ndata: a\n\n\n\n", []upstash.Event{whole("a")}},
		{"other fields before the data", "id: 7\nevent: message\nretry: 10\ndata: a\n\n", []upstash.Event{whole("a")}},
		{"an event without data", "id: 7\n\ndata: a\n\n", []upstash.Event{whole("a")}},

		{"two lines of data", "data: a\ndata: b\n\ndata: c\n\n", []upstash.Event{odd("a"), whole("c")}},
		{"a line that is no field", "data: a\nb,set\n\ndata: c\n\n", []upstash.Event{odd("a"), whole("c")}},
		{"a line that is no field alone", "b,set\n\ndata: c\n\n", []upstash.Event{odd(""), whole("c")}},
		{"a comment within an event", "data: a\n: b\n\n", []upstash.Event{odd("a")}},
		{"a field after the data", "data: a\nid: b\n\n", []upstash.Event{odd("a")}},
		{"a long line", "data: " + strings.Repeat("x", upstash.MaxKept) + "\n\ndata: b\n\n",
			[]upstash.Event{odd(strings.Repeat("x", upstash.MaxKept-len("data: "))), whole("b")}},

		{"an unfinished event is none", "data: a\n\ndata: b\n", []upstash.Event{whole("a")}},
		{"an unfinished line is none", "data: a\n\ndata: b", []upstash.Event{whole("a")}},

		{"what opens comes at once", "data: hi\n", []upstash.Event{whole("hi")}},
		{"and after it the others", "data: hi\n\ndata: a\ndata: b\n\ndata: hi\n\n", []upstash.Event{whole("hi"), odd("a"), whole("hi")}},
		{"another beginning", "data: a\n\ndata: hi\n", []upstash.Event{whole("a")}},
		{"no empty lines at all", "data: hi\ndata: a\ndata: b\nc,set\ndata: d\n", []upstash.Event{whole("hi"), whole("a"), whole("b"), odd(""), whole("d")}},
		{"no empty lines, and a comment first", "data: hi\n: alive\n\ndata: a\n", []upstash.Event{whole("hi"), comment, whole("a")}},
	} {
		for _, pieces := range []struct {
			name string
			cut  func(io.Reader) io.Reader
		}{
			{"at once", func(r io.Reader) io.Reader { return r }},
			{"byte by byte", iotest.OneByteReader},
			{"by halves", iotest.HalfReader},
			{"with its end", iotest.DataErrReader},
		} {
			got, err := events(pieces.cut(strings.NewReader(c.stream)), opening)
			if err != io.EOF || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %s: read is %+v, %v; not %+v", c.name, pieces.name, got, err, c.want)
			}
		}
	}
}

// Nobody waits for the line feed after a carriage return, or for what comes after an event.
func TestAnEventIsGivenAsSoonAsItIsThere(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\n\r", "\r\r"} {
		in, out := io.Pipe()
		s := upstash.NewEventStream(in, opening)
		go out.Write([]byte("data: a" + end))
		if e, err := s.Next(); err != nil || e != upstash.NewEvent("a", true) {
			t.Errorf("%q: read is %+v, %v", end, e, err)
		}
		in.Close()
	}
}

func TestAnErrorOfAStreamIsNotAnEnd(t *testing.T) {
	torn := errors.New("torn")
	got, err := events(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(torn)), nil)
	if err != torn || len(got) != 1 {
		t.Errorf("read is %+v, %v", got, err)
	}
}

// endless gives the same bytes for ever.
type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestALineWithoutAnEndIsNotReadForEver(t *testing.T) {
	if got, err := events(endless(strings.Repeat("x", 4096)), nil); err == nil || err == io.EOF || len(got) != 0 {
		t.Errorf("read is %+v, %v", got, err)
	}
}

func TestWhatAMessageIsAbout(t *testing.T) {
	const ks = "__keyspace@0__:"
	unclear := upstash.Heard{Unclear: true}
	heard := func(key, event string) upstash.Heard { return upstash.Heard{Channel: ks + key, Payload: event} }
	for _, c := range []struct {
		pattern, data string
		want          upstash.Heard
	}{
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "lock:a,set", heard("lock:a", "set")},
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "lock:a,b,set", heard("lock:a,b", "set")},
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "lock:,,set", heard("lock:,", "set")},
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "lock:a,set,del", heard("lock:a,set", "del")},
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "lock:pmessage," + ks + "lock:*,del", heard("lock:pmessage,"+ks+"lock:*", "del")},
		{ks + "a,*", "pmessage," + ks + "a,*," + ks + "a,b,rename_from", heard("a,b", "rename_from")},
		{ks + "*", "pmessage," + ks + "*," + ks + ",set", heard("", "set")},
		{ks + "*", "pmessage," + ks + "*," + ks + "a,xgroup-create", heard("a", "xgroup-create")},
		{ks + "*", "pmessage," + ks + "*," + ks + "raw \xff,set", heard("raw \xff", "set")},
		{ks + "*", "pmessage," + ks + "*," + ks + "ü 🔒\x00 {\"error\"},json.set", heard("ü 🔒\x00 {\"error\"}", "json.set")},

		{ks + "*", "pmessage," + ks + "*," + ks + "lost \ufffd,set", unclear},
		{ks + "*", "pmessage," + ks + "*," + ks + "a", unclear},                // cut at a line break
		{ks + "*", "pmessage," + ks + "*," + ks + "a,", unclear},               // the same
		{ks + "*", "pmessage," + ks + "*," + ks + "a,b c", unclear},            // no name of an event
		{ks + "lock:*", "pmessage," + ks + "lock:*," + ks + "a,set", unclear},  // not asked for
		{ks + "lock:*", "pmessage," + ks + "other:*," + ks + "a,set", unclear}, // another pattern
		{ks + "lock:*", "message," + ks + "lock:*," + ks + "lock:a,set", unclear},
		{ks + "lock:*", "set", unclear},
		{ks + "lock:*", "", unclear},
	} {
		if got := upstash.Message(c.pattern, upstash.NewEvent(c.data, true)); got != c.want {
			t.Errorf("%q means %+v, not %+v", c.data, got, c.want)
		}
		if got := upstash.Message(c.pattern, upstash.NewEvent(c.data, false)); got != unclear {
			t.Errorf("%q in an event that is not whole means %+v", c.data, got)
		}
	}
}

func TestWhatConfirmsAPattern(t *testing.T) {
	for data, want := range map[string]bool{
		"psubscribe,a,*,1": true, "psubscribe,a,*,12": true,
		"psubscribe,a,*,": false, "psubscribe,a,*,0": false, "psubscribe,a,*,1,1": false, "psubscribe,a,*,-1": false, "psubscribe,a,*,x": false,
		"psubscribe,a,1": false, "pmessage,a,*,1": false, "subscribe,a,*,1": false, "": false,
	} {
		if got := upstash.Confirms("a,*")(data); got != want {
			t.Errorf("%q: %t", data, got)
		}
	}
}

func FuzzEventStream(f *testing.F) {
	for _, s := range []string{
		"data: hi\n\ndata: pmessage,a*,ab,set\n\n: alive\n\n", "data: hi\r\ndata: a\r\rid: x\rdata:\n\n", "\ufeffdata: a\nb\n\n", ":\n:\n", "data: hi\n:\ndata: b\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		want, err := events(bytes.NewReader(stream), opening)
		if err != io.EOF {
			t.Fatalf("it ended with %v", err)
		}
		got, err := events(&pieces{stream, max(piece&1023, 1)}, opening)
		if err != io.EOF || !reflect.DeepEqual(got, want) {
			t.Fatalf("in pieces it reads %+v, %v; at once %+v", got, err, want)
		}
		if len(want) > bytes.Count(stream, []byte("\n"))+bytes.Count(stream, []byte("\r")) {
			t.Fatalf("%d events of %q", len(want), stream)
		}
		for _, e := range want {
			if h := upstash.Message("a*", e); h.Unclear == (h.Channel != "" || h.Payload != "") {
				t.Fatalf("%+v means %+v", e, h)
			} else if strings.ContainsAny(h.Channel+h.Payload, "\r\n") {
				t.Fatalf("%+v means %+v, with a line break", e, h)
			}
		}
	})
}

// pieces gives so many bytes at once.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(into, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// FuzzMessage has any key notified of as a server would write it that escapes nothing: what is understood is that key and no other.
func FuzzMessage(f *testing.F) {
	for _, key := range []string{"a", "a,b", "a,set", "\xff", "\ufffd", "a\nb", "a\r", "a,del\nx", "a\ndata: b", ",", "a\n: b"} {
		f.Add(key, "set")
	}
	f.Fuzz(func(t *testing.T, key, name string) {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return
		}
		const ks = "__keyspace@0__:lock:"
		pattern := ks + "*"
		// A key with an empty line of its own can say anything: it is a stream within the stream.
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(key + "," + name)
		injects := strings.Contains(lines, "\n\n")
		stream := fmt.Sprintf("data: psubscribe,%s,1\n\ndata: pmessage,%s,%s%s,%s\n\n", pattern, pattern, ks, key, name)
		got, err := events(strings.NewReader(stream), upstash.Confirms(pattern))
		if err != io.EOF || len(got) < 2 {
			t.Fatalf("read is %+v, %v", got, err)
		}
		if injects {
			return
		}
		if len(got) != 2 {
			t.Fatalf("one message reads as %+v", got)
		}
		h := upstash.Message(pattern, got[1])
		clear := !strings.ContainsAny(key, "\r\n") && !strings.Contains(key, "\ufffd") && len(stream) < upstash.MaxKept
		if h != (upstash.Heard{Channel: ks + key, Payload: name}) && !h.Unclear || clear && h.Unclear {
			t.Fatalf("an event %q of %q (text: %t) means %+v", name, key, utf8.ValidString(key), h)
		}
	})
}
