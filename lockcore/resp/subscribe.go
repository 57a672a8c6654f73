package resp

// Listening: one connection of its own on which patterns are subscribed.
// It does not mend itself: after an error it is over, so that nobody takes a
// new connection's silence for the old one's.

import (
	"context"
	"fmt"

	"locktop/lockcore"
	"locktop/lockcore/resp/wire"
)

const (
	// heardAtOnce bounds what ReceiveMany gives.
	heardAtOnce = 1024
	// payloadsKept bounds how many payloads are kept so that they need no memory again. What
	// notifications say are the names of some dozen events.
	payloadsKept, payloadKept = 256, 64
)

// Heard is one thing heard on a subscription.
type Heard struct {
	Channel string // of a message; empty for a confirmed subscription or an answered ping
	Payload string
	// Subscribed is how many patterns are in force, in the answer to a subscription.
	Subscribed int
}

// Subscription is a listening connection. Receive and ReceiveMany belong to one goroutine, Ping and
// Close to any.
type Subscription struct {
	link *bare
	err  error // why it could not begin, or is over

	unanswered int // patterns that were asked for
	channel    string
	payloads   map[string]string
}

// Subscribe opens a connection and asks for patterns. They are in force when Receive has
// told so, pattern by pattern. With Sentinel it listens to the present master, and ends when
// that is master no more. On a cluster it fails: one node tells of a part of the keys only, so each
// of its Places has a Subscribe of its own.
func (c *Client) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	if err := c.discover(ctx); err != nil {
		return &Subscription{err: err}
	}
	if c.kind.Load() == clustered {
		return &Subscription{err: fmt.Errorf("%s: %w: watching a cluster is not built yet; list and inspect work", c.url, lockcore.ErrInvalid)}
	}
	masters, err := c.masters(ctx)
	if err != nil {
		return &Subscription{err: err}
	}
	return c.subscribe(ctx, masters[0], patterns)
}

// Subscribe is Client.Subscribe at this server. It ends when the client finds out that the server is no
// master any more; Places asks for that.
func (p *Place) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	n, err := p.client.node(p.addr)
	if err != nil {
		return &Subscription{err: p.client.failure(false, err)}
	}
	return p.client.subscribe(ctx, n, patterns)
}

func (c *Client) subscribe(ctx context.Context, n *node, patterns []string) *Subscription {
	if c.kind.Load() != lone {
		c.watch()
	}
	s := &Subscription{unanswered: len(patterns), payloads: map[string]string{}}
	link, err := c.dialBare(ctx, n)
	if err != nil {
		s.err = (&bare{owner: c, node: n}).failure(err)
		return s
	}
	s.link = link
	if err := link.send(wire.AppendCommand(nil, append([]string{"PSUBSCRIBE"}, patterns...)...), 1); err != nil {
		s.over(err)
		return s
	}
	c.tidy() // the master may have changed since
	return s
}

// over ends the subscription for good.
func (s *Subscription) over(err error) error {
	s.err = s.link.failure(err)
	s.link.cut()
	return s.err
}

// Receive waits for what is heard next. After an error there is nothing more to be heard.
// A *lockcore.ReplyError is the server's refusal.
func (s *Subscription) Receive() (Heard, error) {
	if s.err != nil {
		return Heard{}, s.err
	}
	for {
		h, ok, err := s.next()
		if err != nil {
			return Heard{}, s.over(err)
		}
		if ok {
			return h, nil
		}
	}
}

// ReceiveMany waits for what is heard next, and gives with it what has arrived by then: one thing at
// least, 1,024 at most. It uses buf's memory again. After an error there is nothing more to be heard.
func (s *Subscription) ReceiveMany(buf []Heard) ([]Heard, error) {
	first, err := s.Receive()
	if err != nil {
		return nil, err
	}
	buf = append(buf[:0], first)
	for len(buf) < heardAtOnce && s.link.in.Buffered() > 0 {
		at := s.link.in.Mark()
		h, ok, err := s.next()
		if err == wire.ErrNotArrived {
			s.link.in.Rewind(at)
			break
		}
		s.link.in.Release()
		if err != nil {
			s.over(err) // what was heard before it counts; the next call tells
			break
		}
		if ok {
			buf = append(buf, h)
		}
	}
	return buf, nil
}

// next reads one reply; what says nothing to a listener is not ok.
func (s *Subscription) next() (h Heard, ok bool, err error) {
	in := s.link.in
	list, err := in.Next()
	if err != nil {
		return h, false, err
	}
	switch {
	case list.Kind == '-' && s.unanswered > 0:
		return h, false, refusal(list.Text)
	case list.Kind != '*':
		return h, true, nil // the answer to a ping; an error is a sign of life too
	case list.N < 2:
		return h, false, in.Skip(max(list.N, 0))
	}
	word, err := in.Next()
	if err != nil {
		return h, false, err
	}
	switch kind := word.Text; {
	case string(kind) == "pmessage" && list.N == 4:
		if err := in.Skip(1); err != nil { // the pattern
			return h, false, err
		}
		return s.message()
	case string(kind) == "psubscribe" && list.N == 3:
		if err := in.Skip(1); err != nil {
			return h, false, err
		}
		count, err := in.Next()
		if err != nil {
			return h, false, err
		}
		s.unanswered--
		return Heard{Subscribed: int(count.N)}, true, nil
	case string(kind) == "pong":
		return h, true, in.Skip(list.N - 1)
	case word.Kind == '*':
		return h, false, in.Skip(max(word.N, 0) + list.N - 1)
	}
	return h, false, in.Skip(list.N - 1)
}

// message reads channel and payload. Memory is needed for a channel that is another one than the last: a SET
// with a TTL tells two events of one key.
func (s *Subscription) message() (h Heard, ok bool, err error) {
	t, err := s.link.in.Next()
	if err != nil {
		return h, false, err
	}
	if t.Kind != '$' || t.Text == nil {
		return h, false, fmt.Errorf("%w: a message without a channel", wire.ErrProtocol)
	}
	if string(t.Text) != s.channel {
		s.channel = string(t.Text)
	}
	if t, err = s.link.in.Next(); err != nil {
		return h, false, err
	}
	if t.Kind != '$' || t.Text == nil {
		return h, false, fmt.Errorf("%w: a message without a payload", wire.ErrProtocol)
	}
	payload, known := s.payloads[string(t.Text)]
	if !known {
		payload = string(t.Text)
		if len(s.payloads) < payloadsKept && len(payload) <= payloadKept {
			s.payloads[payload] = payload
		}
	}
	return Heard{Channel: s.channel, Payload: payload}, true, nil
}

// Ping asks for a sign of life on the very connection that listens.
func (s *Subscription) Ping(ctx context.Context) error {
	if s.link == nil {
		return s.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.link.send(wire.AppendCommand(nil, "PING"), 1)
}

// Close ends the connection, and a waiting Receive with it.
func (s *Subscription) Close() {
	if s.link != nil {
		s.link.cut()
	}
}
