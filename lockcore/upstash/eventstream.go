package upstash

// Reading a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
//
// The libraries that do it (tmaxmax/go-sse was looked at) give events and nothing else. Here what they leave out matters: a comment
// is a sign of life; a line that is no field, or a second line of data, shows that a key with a line break has gone
// through a server that does not escape it; and an end is never the end of what there is to know. So it is read here, line by line.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Bounds of what is kept and what is read of one line.
const (
	// maxKept is far above every key that names a lock. Of a longer line the rest is left out, and the event is not whole.
	maxKept = 64 << 10
	// maxLine is where a line is no line any more.
	maxLine = maxAnswer
)

var errEndlessLine = errors.New("a line of the event stream does not end")

// event is one thing that a stream says: an event, or a comment.
type event struct {
	data    string // of its first line
	comment bool   // it is a comment, and has no data
	// whole tells that the event has one line of data and nothing that does not belong there. One that
	// is not whole may be another than its data says.
	whole bool
}

// eventStream reads events as they come.
type eventStream struct {
	lines lineReader
	// opens tells whether data is what the stream must begin with. It is given at once, without the empty
	// line after it, so that it can be seen whether there is one.
	opens func(data string) bool

	begun bool // what opens the stream was given, and its empty line has not come yet
	bare  bool // no empty lines come: each line of data is an event
	seen  int  // lines of data of the present event
	odd   bool // something came within the present event that does not belong there
	data  string
}

// newEventStream begins to read.
func newEventStream(in io.Reader, opens func(data string) bool) *eventStream {
	return &eventStream{lines: lineReader{in: bufio.NewReader(in)}, opens: opens}
}

// next gives what comes next. The error is io.EOF where the stream ends, whatever it was in the midst of.
func (s *eventStream) next() (event, error) {
	for {
		line, cut, err := s.lines.next()
		if err != nil {
			return event{}, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0:
			e := event{data: s.data, whole: s.seen == 1 && !s.odd}
			something := s.seen > 0 || s.odd
			s.begun, s.seen, s.odd, s.data = false, 0, false, ""
			if something {
				return e, nil
			}
		case line[0] == ':' && s.seen == 0:
			s.bare = s.bare || s.begun // as below
			s.begun = false
			return event{comment: true}, nil
		case line[0] == ':':
			s.odd = true
		case string(name) == "data":
			// @upstash/redis takes every line of data for an event, and Upstash's documentation prints them without
			// empty lines between. Where the first one has none, the others have none either.
			s.bare = s.bare || s.begun
			s.begun = false
			if s.bare {
				return event{data: string(value), whole: !cut}, nil
			}
			if s.opens != nil && !cut && s.opens(string(value)) {
				s.opens, s.begun = nil, true
				return event{data: string(value), whole: true}, nil
			}
			s.opens = nil
			s.odd = s.odd || cut
			if s.seen++; s.seen == 1 {
				s.data = string(value)
			}
		case s.bare:
			return event{}, nil // not whole
		case string(name) == "event" || string(name) == "id" || string(name) == "retry":
			s.odd = s.odd || s.seen > 0 // before the data they may stand; after it they may be a piece of a key
		default:
			s.odd = true
		}
	}
}

// lineReader reads lines that end by LF, CR or CR LF.
type lineReader struct {
	in     *bufio.Reader
	begun  bool
	skipLF bool // the last line ended by CR
	line   []byte
}

// next gives a line without its end, valid until the next one, and whether it was cut to maxKept bytes.
func (l *lineReader) next() (line []byte, cut bool, err error) {
	l.line = l.line[:0]
	for read := 0; ; {
		if _, err := l.in.Peek(1); err != nil {
			return nil, false, err // what has no end is no line
		}
		chunk, _ := l.in.Peek(l.in.Buffered())
		if l.skipLF && chunk[0] == '\n' {
			l.in.Discard(1)
			l.skipLF = false
			continue
		}
		l.skipLF = false
		end := bytes.IndexAny(chunk, "\r\n")
		piece := chunk
		if end >= 0 {
			piece = chunk[:end]
			l.skipLF = chunk[end] == '\r'
		}
		if read += len(piece); read > maxLine {
			return nil, false, errEndlessLine
		}
		room := maxKept - len(l.line)
		if len(piece) > room {
			piece, cut = piece[:room], true
		}
		l.line = append(l.line, piece...)
		if end < 0 {
			l.in.Discard(len(chunk))
			continue
		}
		l.in.Discard(end + 1)
		if !l.begun {
			l.begun = true
			l.line = bytes.TrimPrefix(l.line, []byte("\ufeff")) // a byte order mark
		}
		return l.line, cut, nil
	}
}
