package upstash

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// Trust makes the client accept a test's certificate.
func (c *Client) Trust(pool *x509.CertPool) {
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}

// Bearer is the token that the client sends.
func (c *Client) Bearer() string { return c.endpoint.token }

// The decoder, for tests that give it any bytes.
var (
	ReadOne  = readOne
	ReadMany = readMany
)

// SyncToken keeps the newest token.
type SyncToken struct{ s syncToken }

func (t *SyncToken) Send() (string, uint64)                       { return t.s.send() }
func (t *SyncToken) Learn(token string, sent uint64, isRead bool) { t.s.learn(token, sent, isRead) }

// Through makes the client send by something else than net/http's transport.
func (c *Client) Through(rt http.RoundTripper) { c.http.Transport = rt }

// Reads of a stream, for tests that give it any bytes.
type (
	Event       = event
	EventStream = eventStream
)

var NewEventStream = newEventStream

// Next is the next event of a stream.
func (s *eventStream) Next() (Event, error) { return s.next() }

// NewEvent is an event as a stream gives it; NewComment a comment.
func NewEvent(data string, whole bool) Event { return event{data: data, whole: whole} }
func NewComment() Event                      { return event{comment: true} }

// Message is what an event of a pattern's stream means.
func Message(pattern string, e Event) Heard { return newDialect(pattern).message(e) }

// Confirms tells whether data confirms the pattern.
func Confirms(pattern string) func(data string) bool { return newDialect(pattern).confirms }

// MaxKept is how much of a line is kept.
const MaxKept = maxKept

// Pings makes the client look sooner whether an HTTP/2 connection is dead, and gives how long it would have taken; 0: for ever.
func (c *Client) Pings(after, timeout time.Duration) (otherwise time.Duration) {
	h := c.http.Transport.(*http.Transport).HTTP2
	if h.SendPingTimeout > 0 {
		otherwise = h.SendPingTimeout + h.PingTimeout
	}
	h.SendPingTimeout, h.PingTimeout = after, timeout
	return otherwise
}
