package upstash

// Sending: scripts at most once, reads again where no answer came.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"locktop/lockcore"
)

// Bounds of the connections that are kept.
const (
	// maxConns is how many requests are under way at once over HTTP/1; more wait for a place.
	maxConns = 32
	// maxIdleConns is how many connections wait for the next request.
	maxIdleConns = 8
	// idleTimeout is short: a request on a connection that the other side is just closing has an unknown outcome.
	idleTimeout = 15 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent before it is asked for a sign of life, and pingTimeout
	// how long it may take to give one.
	pingAfter, pingTimeout = 5 * time.Second, 5 * time.Second
)

// Bounds of trying again.
const (
	maxAttempts  = 4
	firstBackoff = 20 * time.Millisecond // doubled each time; half of it is drawn
)

// errTimeout is the cause of a context that ended by the client's own time-out.
var errTimeout = errors.New("time-out")

// Client speaks to one database. It is safe for use by many goroutines.
type Client struct {
	endpoint endpoint
	secret   secret
	timeout  time.Duration
	http     *http.Client
	sync     syncToken
	requests atomic.Int64
	closing  context.Context
	close    context.CancelFunc
}

// New prepares a client; nothing is sent until it is used. Errors match lockcore.ErrInvalid.
func New(o Options) (*Client, error) {
	e, err := parse(o)
	if err != nil {
		return nil, err
	}
	c := &Client{endpoint: e, secret: newSecret(e.token), timeout: o.Timeout}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	c.closing, c.close = context.WithCancel(context.Background())
	dialer := &net.Dialer{Timeout: c.timeout}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, // never for loopback
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// net/http lets a dial go on for the next request when its own gave up; Close ends it.
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(c.closing, cancel)()
			return dialer.DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: c.timeout,
		MaxConnsPerHost:     maxConns,
		MaxIdleConns:        maxIdleConns,
		MaxIdleConnsPerHost: maxIdleConns,
		IdleConnTimeout:     idleTimeout,
		// An event stream may be silent for hours, and so may a network that is gone: then nothing would ever come to an end
		// over HTTP/2, since all requests share the connection. Pings are no requests and cost nothing.
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// URL is the database's address without secrets.
func (c *Client) URL() string { return c.endpoint.url }

// Node is host:port.
func (c *Client) Node() string { return c.endpoint.node }

// DB is 0: such a database has no numbers.
func (c *Client) DB() int { return 0 }

// Requests is how many HTTP requests were sent so far, each attempt and each event stream counted: they are what is paid for.
func (c *Client) Requests() int64 { return c.requests.Load() }

// Close ends all connections, and calls and subscriptions that are under way.
func (c *Client) Close() error {
	c.close()
	c.http.CloseIdleConnections()
	return nil
}

// Eval runs a script by EVALSHA, and by EVAL where the server does not know it (so it did not run).
// A key or an argument that is not valid UTF-8 is refused with lockcore.ErrInvalid before anything is sent.
func (c *Client) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if err := checkStep(s, keys, args); err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	reply, err := c.evalOnce(ctx, "EVALSHA", s.SHA1, keys, args)
	if e, ok := errors.AsType[*lockcore.ReplyError](err); ok && strings.HasPrefix(e.Message, "NOSCRIPT") {
		return c.evalOnce(ctx, "EVAL", s.Source, keys, args)
	}
	return reply, err
}

func (c *Client) evalOnce(ctx context.Context, command, script string, keys, args []string) (any, error) {
	all := make([]string, 0, 3+len(keys)+len(args))
	all = append(all, command, script, fmt.Sprint(len(keys)))
	all = append(append(all, keys...), args...)
	return c.one(ctx, all, false)
}

// Do sends one command, at most once. Arguments are strings, []byte and numbers. Errors are as lockcore.Transport has them.
func (c *Client) Do(ctx context.Context, args ...any) (any, error) { return c.do(ctx, false, args...) }

func (c *Client) do(ctx context.Context, read bool, args ...any) (any, error) {
	command, err := texts(args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.one(ctx, command, read)
}

func (c *Client) one(ctx context.Context, command []string, read bool) (any, error) {
	replies, err := c.send(ctx, request{body: marshal(command), read: read})
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// Read runs reading commands in one transaction (/multi-exec), again where no answer came. A command with an argument
// that is not valid UTF-8 is left out, and has its error in its place, so that one key does not keep others from being read.
func (c *Client) Read(ctx context.Context, commands [][]string) ([]any, error) {
	return c.batch(ctx, "/multi-exec", commands, true)
}

// Pipeline runs commands one after another, at most once, and gives a reply for each. It is not atomic: commands of
// others may come between, and of an unknown outcome some may have been executed. An argument that is not
// valid UTF-8 is as in Read.
func (c *Client) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	return c.batch(ctx, "/pipeline", commands, false)
}

func (c *Client) batch(ctx context.Context, path string, commands [][]string, read bool) ([]any, error) {
	replies := make([]any, len(commands))
	var sendable [][]string
	for i, command := range commands {
		if what := notText(command); what != "" {
			replies[i] = &lockcore.ReplyError{Message: "ERR not sent: " + what + " " + textOnly}
			continue
		}
		sendable = append(sendable, command)
	}
	if len(sendable) == 0 {
		return replies, nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	got, err := c.send(ctx, request{path: path, body: marshal(sendable), count: len(sendable), read: read})
	if err != nil {
		return nil, err
	}
	for i := range replies {
		if replies[i] == nil {
			replies[i], got = got[0], got[1:]
		}
	}
	if len(sendable) == len(commands) {
		return replies, allRefused(replies)
	}
	return replies, nil
}

// allRefused gives the first error where no command succeeded: then the user lacks the right to all of it.
func allRefused(replies []any) error {
	for _, r := range replies {
		if _, ok := r.(*lockcore.ReplyError); !ok {
			return nil
		}
	}
	return replies[0].(*lockcore.ReplyError)
}

// bounded adds the client's time-out to ctx, and its end.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	stop := context.AfterFunc(c.closing, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// send sends a request, and again only where that is harmless: it certainly was not sent, or not executed, or changes nothing.
func (c *Client) send(ctx context.Context, r request) ([]any, error) {
	for attempt := 1; ; attempt++ {
		if c.closing.Err() != nil {
			return nil, c.fail(unsent, r.read, "the client is closed")
		}
		replies, err := c.exchange(ctx, r)
		if err == nil || attempt == maxAttempts || !harmless(err, r) || !pause(ctx, attempt) {
			return replies, err
		}
	}
}

// harmless tells whether the request can be sent again.
func harmless(err error, r request) bool {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.fate == unsent || f.fate == lost && r.read
	}
	// A server that is loading its data has executed nothing.
	reply, ok := errors.AsType[*lockcore.ReplyError](err)
	return ok && strings.HasPrefix(reply.Message, "LOADING")
}

// pause waits before the next attempt; false if ctx ends first.
func pause(ctx context.Context, attempt int) bool {
	most := firstBackoff << (attempt - 1)
	timer := time.NewTimer(most/2 + rand.N(most/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
