package upstash

// Listening: event streams, POST /psubscribe/<pattern>, one for each pattern as Upstash's own client opens them, heard as one.
// They do not mend themselves: after an error the subscription is over, so that nobody takes the silence of a
// new stream for the old one's.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"locktop/lockcore"
)

// maxStreams is how many patterns a subscription may have. Over HTTP/1 each keeps one of maxConns connections
// for itself, and some must be left for requests.
const maxStreams = 10

// ErrNoStreams tells that the server speaks the REST API without event streams, so that its keys have to be polled.
var ErrNoStreams = errors.New("no event streams")

// Subscription is a set of event streams. Receive belongs to one goroutine, Close to any.
//
// There is no ping: a stream goes one way. A server's keep-alive comments are passed on as signs of life, but none is promised, and
// they do not show that notifications are on. What does is a key of one's own that is touched and heard of.
type Subscription struct {
	client *Client
	heard  chan Heard
	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	err       error  // why it is over
	confirmed int    // streams
	alive     []bool // which streams gave a sign of life since the last one that was told
}

// Subscribe opens an event stream for each pattern of keyspace channels, __keyspace@0__:lock:*. They are in force when Receive has
// told so, pattern by pattern. Each costs one request. It does not wait for anything, and lives until Close, ctx's end or the first error.
//
// Messages of one pattern come in their order; those of several have none among each other.
func (c *Client) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	s := &Subscription{client: c, heard: make(chan Heard), alive: make([]bool, len(patterns))}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if err := checkPatterns(patterns); err != nil {
		s.fail(err)
		return s
	}
	stop := context.AfterFunc(c.closing, func() { s.fail(c.fail(lost, true, "the client is closed")) })
	context.AfterFunc(s.ctx, func() { stop() })
	for i, pattern := range patterns {
		go s.listen(i, newDialect(pattern))
	}
	return s
}

// Receive waits for what is heard next. After an error there is nothing more to be heard.
//
// Errors are those of other requests, and say what a stream that ended or could not be read says, too: lockcore.ErrUnreachable where
// the server is not to be had, lockcore.ErrRefused for the token, the URL and the rate, with ErrNoStreams where
// there are no streams; a *lockcore.ReplyError is Redis's refusal.
func (s *Subscription) Receive() (Heard, error) {
	select {
	case h := <-s.heard:
		return h, nil
	case <-s.ctx.Done():
		return Heard{}, s.over()
	}
}

// Close ends the streams, and a waiting Receive with them.
func (s *Subscription) Close() { s.fail(s.client.fail(lost, true, "the subscription is closed")) }

// fail ends the subscription; the first reason counts.
func (s *Subscription) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.cancel()
}

// over is why the subscription is over.
func (s *Subscription) over() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.client.broken(s.ctx, lost, true, context.Cause(s.ctx))
	}
	return s.err
}

// listen is the goroutine of one stream.
func (s *Subscription) listen(i int, d dialect) {
	c := s.client
	late := time.AfterFunc(c.timeout, func() {
		s.fail(c.fail(lost, true, "listening to %q was not confirmed within %s", d.pattern, c.timeout))
	})
	defer late.Stop()
	res, err := s.open(d)
	if err != nil {
		s.fail(err)
		return
	}
	defer res.Body.Close()
	stream := newEventStream(res.Body, d.confirms)
	for begun := false; ; {
		e, err := stream.next()
		if err != nil {
			s.fail(s.broken(d, err))
			return
		}
		if message, refused := refusal(e.data); refused {
			s.fail(s.refused(res, message))
			return
		}
		var h Heard
		switch confirmed := e.whole && d.confirms(e.data); {
		case e.comment:
			if !s.lives(i) {
				continue
			}
		case confirmed && !begun:
			begun = true
			late.Stop()
			h.Subscribed = s.confirm()
		case !begun:
			s.fail(s.noStreams("the answer begins with %q and not with a confirmation", c.quote([]byte(e.data))))
			return
		case confirmed:
			continue
		case strings.HasPrefix(e.data, "punsubscribe,"):
			s.fail(c.fail(lost, true, "the server ended listening to %q", d.pattern))
			return
		default:
			s.marks(i)
			h = d.message(e)
		}
		select {
		case s.heard <- h:
		case <-s.ctx.Done():
			return
		}
	}
}

// open asks for a stream.
func (s *Subscription) open(d dialect) (*http.Response, error) {
	c, r := s.client, request{read: true}
	// A connection was got, so the request goes out.
	ctx := httptrace.WithClientTrace(s.ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { c.requests.Add(1) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.url+"/psubscribe/"+pathSegment(d.pattern), nil)
	if err != nil {
		return nil, c.broken(s.ctx, unsent, true, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.endpoint.token)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "identity") // who compresses, waits until there is enough to compress
	req.Header.Set("Cache-Control", "no-cache")
	req.Header.Set("User-Agent", "locktop")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(s.ctx, lost, true, err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	isPage := kind == "application/json" || kind == "text/html"
	switch res.StatusCode {
	case http.StatusOK:
		if !isPage {
			return res, nil
		}
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented, http.StatusBadRequest:
	default:
		defer res.Body.Close()
		return nil, c.status(res, r)
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusBadRequest {
		if reply, err := readOne(page); err == nil {
			if e, ok := reply.(*lockcore.ReplyError); ok {
				return nil, s.refused(res, e.Message)
			}
		}
	}
	return nil, s.noStreams("HTTP %d%s", res.StatusCode, c.said(page))
}

// noStreams is the error of an answer that is no stream.
func (s *Subscription) noStreams(format string, args ...any) error {
	f := s.client.fail(refused, true, "this REST API has no event streams, so nothing can be listened to: "+format, args...)
	f.cause = ErrNoStreams
	return f
}

// refused is the error of a refusal in words.
func (s *Subscription) refused(res *http.Response, message string) error {
	if overLimit.MatchString(message) {
		return s.client.limited(res, request{read: true}, message)
	}
	return &lockcore.ReplyError{Message: s.client.secret.clean(message)}
}

// broken is the error of a stream that ended.
func (s *Subscription) broken(d dialect, err error) error {
	if errors.Is(err, io.EOF) && s.ctx.Err() == nil {
		return s.client.fail(lost, true, "the server ended the event stream of %q", d.pattern)
	}
	return s.client.broken(s.ctx, lost, true, fmt.Errorf("the event stream of %q broke: %w", d.pattern, err))
}

// confirm counts a stream as being in force.
func (s *Subscription) confirm() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed++
	return s.confirmed
}

// marks notes that a stream is alive.
func (s *Subscription) marks(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive[i] = true
}

// lives is marks, and tells whether every stream was heard since it last told so: one that is alive says nothing of the others.
func (s *Subscription) lives(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive[i] = true
	if slices.Contains(s.alive, false) {
		return false
	}
	clear(s.alive)
	return true
}
