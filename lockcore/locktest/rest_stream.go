package locktest

// The event streams of the REST front: https://upstash.com/docs/redis/features/restapi#subscribe-%26-publish-commands,
// and what its own client asks for and reads (pkg/commands/subscribe.ts and pkg/http.ts of @upstash/redis 1.39).
//
//	data: psubscribe,<pattern>,1
//
//	data: pmessage,<pattern>,<channel>,<message>
//
// and subscribe, message without the pattern. Nothing is escaped. Undocumented is what comes of a line
// break, and of bytes that are no UTF-8; so both can be had each way (RESTStreams), and a client has to stand both.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// RESTStreams is how the front's event streams look and what is wrong with them.
type RESTStreams struct {
	KeepAlive time.Duration // a comment comes this often; 0: never
	Delay     time.Duration // before each event
	Silent    bool          // events are swallowed, the confirmation too

	CRLF  bool // lines end by CR LF
	Bare  bool // no empty line ends an event, as the documentation prints them
	Split bool // a line break in a message begins another data line, as the standard has it; else it is sent as it is
	Raw   bool // bytes that are not UTF-8 are sent as they are; else U+FFFD
}

// Streams changes how event streams are, the open ones too. The zero value is how they are at first.
func (r *REST) Streams(s RESTStreams) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manner = s
	close(r.manners)
	r.manners = make(chan struct{})
}

// OpenStreams is how many event streams are open.
func (r *REST) OpenStreams() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams)
}

// EndStreams ends all open event streams as a server does that has had enough: after whole events.
func (r *REST) EndStreams() { r.endStreams(false) }

// CutStreams ends all open event streams in the middle of a line.
func (r *REST) CutStreams() { r.endStreams(true) }

func (r *REST) endStreams(torn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.streams {
		s.once.Do(func() {
			s.torn = torn
			close(s.end)
		})
	}
}

// restStream is one open event stream.
type restStream struct {
	end  chan struct{}
	once sync.Once
	torn bool // it ends within a line
}

// isStream tells whether a request asks for an event stream.
func isStream(req *http.Request) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	return req.Method == http.MethodPost && strings.Contains(req.Header.Get("Accept"), "text/event-stream") &&
		slices.Contains([]string{"subscribe", "psubscribe"}, strings.ToLower(kind))
}

// stream subscribes and passes on what comes, until the client, the server or a test ends it. A body is ignored, as
// @upstash/redis sends an empty list.
func (r *REST) stream(w http.ResponseWriter, req *http.Request) {
	user, ok := r.user(req)
	if !ok {
		r.write(w, errorAnswer(http.StatusUnauthorized, "WRONGPASS invalid or missing auth token"))
		return
	}
	var command []string
	for segment := range strings.SplitSeq(strings.Trim(req.URL.EscapedPath(), "/"), "/") {
		arg, err := url.PathUnescape(segment)
		if err != nil {
			r.write(w, errorAnswer(http.StatusBadRequest, "ERR the path cannot be read"))
			return
		}
		command = append(command, arg)
	}
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	replies, first, err := r.subscribe(ctx, user, command)
	if err != nil {
		r.write(w, errorAnswer(http.StatusBadGateway, err.Error()))
		return
	}
	defer func() {
		cancel()
		for range replies { // its reader has ended
		}
	}()
	if e, refused := first.(respError); refused {
		r.write(w, errorAnswer(http.StatusBadRequest, string(e)))
		return
	}
	s := &restStream{end: make(chan struct{})}
	r.mu.Lock()
	r.streams[s] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.streams, s)
		r.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	r.pass(ctx, w, s, first, replies)
}

// subscribe gives the answer to a subscription, and what comes after it until ctx is over or the server goes away.
func (r *REST) subscribe(ctx context.Context, user [2]string, command []string) (<-chan any, any, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.redis)
	if err != nil {
		return nil, nil, fmt.Errorf("ERR the server cannot be reached")
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	var out bytes.Buffer
	if user[0] != "" {
		writeRESP(&out, []string{"AUTH", user[0], user[1]})
	}
	writeRESP(&out, command)
	in := newLines(conn)
	var first any
	_, err = conn.Write(out.Bytes())
	if err == nil && user[0] != "" {
		_, err = readRESP(in)
	}
	if err == nil {
		first, err = readRESP(in)
	}
	if err != nil {
		stop()
		conn.Close()
		return nil, nil, fmt.Errorf("ERR the server went away")
	}
	replies := make(chan any)
	go func() {
		defer close(replies)
		defer conn.Close()
		defer stop()
		for {
			reply, err := readRESP(in)
			if err != nil {
				return
			}
			select {
			case replies <- reply:
			case <-ctx.Done():
				return
			}
		}
	}()
	return replies, first, nil
}

// pass writes events as the front's manner is at that moment.
func (r *REST) pass(ctx context.Context, w http.ResponseWriter, s *restStream, first any, replies <-chan any) {
	flush := http.NewResponseController(w)
	write := func(text string) bool {
		_, err := io.WriteString(w, text)
		return err == nil && flush.Flush() == nil
	}
	manner, changed := r.mannerNow()
	if !write("") { // the headers
		return
	}
	next := func(manner RESTStreams, reply any) bool {
		if manner.Silent {
			return true
		}
		select {
		case <-time.After(manner.Delay):
		case <-ctx.Done():
			return false
		}
		return write(manner.event(reply))
	}
	alive := time.NewTicker(time.Hour)
	defer alive.Stop()
	tick := func() {
		if alive.Reset(time.Hour); manner.KeepAlive > 0 {
			alive.Reset(manner.KeepAlive)
		}
	}
	tick()
	for going := next(manner, first); going; {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			manner, changed = r.mannerNow()
			tick()
		case <-alive.C:
			going = manner.KeepAlive == 0 || write(manner.lines(": keepalive\n\n"))
		case reply, ok := <-replies:
			if !ok {
				return // the server has gone, and the stream ends
			}
			// The manner may have changed before this came, and select picks any of two.
			manner, changed = r.mannerNow()
			going = next(manner, reply)
		case <-s.end:
			if s.torn {
				write("data: pmessage,__keysp")
				panic(http.ErrAbortHandler)
			}
			return
		}
	}
}

func (r *REST) mannerNow() (RESTStreams, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.manner, r.manners
}

// event is a reply as an event: its parts joined by commas.
func (m RESTStreams) event(reply any) string {
	items, _ := reply.([]any)
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	text := strings.Join(parts, ",")
	if !m.Raw {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	if m.Split {
		text = strings.NewReplacer("\r\n", "\ndata: ", "\r", "\ndata: ", "\n", "\ndata: ").Replace(text)
	}
	end := "\n\n"
	if m.Bare {
		end = "\n"
	}
	if m.Split {
		return m.lines("data: " + text + end)
	}
	return m.lines("data: ") + text + m.lines(end)
}

func (m RESTStreams) lines(text string) string {
	if m.CRLF {
		return strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}
