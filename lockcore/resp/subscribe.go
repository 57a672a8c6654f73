package resp

// Listening: one connection of its own on which patterns are subscribed.
// It does not mend itself: after an error it is over, so that nobody takes a
// new connection's silence for the old one's.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

// dialLimit bounds a dial for listening: closing waits for it.
const dialLimit = time.Second

// Heard is one thing heard on a subscription.
type Heard struct {
	Channel string // of a message; empty for a confirmed subscription or an answered ping
	Payload string
	// Subscribed is how many patterns are in force, in the answer to a subscription.
	Subscribed int
}

// Subscription is a listening connection. Receive belongs to one goroutine, Ping and
// Close to any.
type Subscription struct {
	owner  *Client
	node   *node
	client *redis.Client
	pubsub *redis.PubSub
	err    error // why it could not begin
	moved  atomic.Bool
}

// Subscribe opens a connection and asks for patterns. They are in force when Receive has
// told so, pattern by pattern. With Sentinel it listens to the present master, and ends when
// that is master no more. On a cluster it fails: one node tells of a part of the keys only.
func (c *Client) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	s := &Subscription{owner: c}
	if s.err = c.discover(ctx); s.err != nil {
		return s
	}
	if c.kind.Load() == clustered {
		s.err = fmt.Errorf("%s: %w: watching a cluster is not built yet; list and inspect work", c.url, lockcore.ErrInvalid)
		return s
	}
	masters, err := c.masters(ctx)
	if err != nil {
		s.err = err
		return s
	}
	return c.subscribeAt(ctx, masters[0], patterns)
}

// Subscribe is Client.Subscribe at this server.
func (p *Place) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	n, err := p.client.node(p.addr)
	if err != nil {
		return &Subscription{owner: p.client, err: p.client.failure(false, err)}
	}
	return p.client.subscribeAt(ctx, n, patterns)
}

func (c *Client) subscribeAt(ctx context.Context, n *node, patterns []string) *Subscription {
	s := &Subscription{owner: c}
	s.node = n
	opt := c.place.options(s.node.addr)
	opt.DialTimeout = min(opt.DialTimeout, dialLimit)
	s.client = redis.NewClient(&opt)
	s.pubsub = s.client.PSubscribe(ctx, patterns...)
	if c.kind.Load() == guarded {
		c.mu.Lock()
		c.subs[s] = struct{}{}
		c.mu.Unlock()
		c.tidy() // the master may have changed since
	}
	return s
}

// Receive waits for what is heard next. After an error there is nothing more to be heard.
// A *lockcore.ReplyError is the server's refusal.
func (s *Subscription) Receive() (Heard, error) {
	if s.err != nil {
		return Heard{}, s.err
	}
	for {
		got, err := s.pubsub.Receive(context.Background())
		if err != nil {
			var reply redis.Error
			if errors.As(err, &reply) {
				return Heard{}, &lockcore.ReplyError{Message: err.Error()}
			}
			if s.moved.Load() {
				err = fmt.Errorf("%s is not the master any more", s.node.addr)
			}
			return Heard{}, fmt.Errorf("%s: %w: %w", s.owner.url, lockcore.ErrUnreachable, err)
		}
		switch got := got.(type) {
		case *redis.Message:
			return Heard{Channel: got.Channel, Payload: got.Payload}, nil
		case *redis.Pong:
			return Heard{}, nil
		case *redis.Subscription:
			if got.Kind == "psubscribe" {
				return Heard{Subscribed: got.Count}, nil
			}
		}
	}
}

// Ping asks for a sign of life on the very connection that listens.
func (s *Subscription) Ping(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return s.pubsub.Ping(ctx)
}

// Close ends the connection, and a waiting Receive with it.
func (s *Subscription) Close() {
	if s.err != nil {
		return
	}
	s.owner.mu.Lock()
	delete(s.owner.subs, s)
	s.owner.mu.Unlock()
	s.pubsub.Close()
	s.client.Close()
}

// drop ends the connection because its server is not the master any more.
func (s *Subscription) drop() {
	s.moved.Store(true)
	s.pubsub.Close()
}
