package resp

// Listening: one connection of its own on which patterns are subscribed.
// It does not mend itself: after an error it is over, so that nobody takes a
// new connection's silence for the old one's.

import (
	"context"
	"errors"
	"fmt"
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
	client *redis.Client
	pubsub *redis.PubSub
	url    string
}

// Subscribe opens a connection and asks for patterns. They are in force when Receive has
// told so, pattern by pattern.
func (c *Client) Subscribe(ctx context.Context, patterns ...string) *Subscription {
	opt := *c.rdb.Options()
	opt.DialTimeout = min(opt.DialTimeout, dialLimit)
	client := redis.NewClient(&opt)
	return &Subscription{client: client, pubsub: client.PSubscribe(ctx, patterns...), url: c.url}
}

// Receive waits for what is heard next. After an error there is nothing more to be heard.
// A *lockcore.ReplyError is the server's refusal.
func (s *Subscription) Receive() (Heard, error) {
	for {
		got, err := s.pubsub.Receive(context.Background())
		if err != nil {
			var reply redis.Error
			if errors.As(err, &reply) {
				return Heard{}, &lockcore.ReplyError{Message: err.Error()}
			}
			return Heard{}, fmt.Errorf("%s: %w: %w", s.url, lockcore.ErrUnreachable, err)
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
func (s *Subscription) Ping(ctx context.Context) error { return s.pubsub.Ping(ctx) }

// Close ends the connection, and a waiting Receive with it.
func (s *Subscription) Close() {
	s.pubsub.Close()
	s.client.Close()
}
