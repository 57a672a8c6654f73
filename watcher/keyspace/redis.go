package keyspace

// Watching over the Redis protocol: one server, the master that Sentinel names, or the masters of a cluster.

import (
	"context"

	"locktop/lockcore/resp"
)

// Redis is what a client of package resp leads to.
func Redis(c *resp.Client) Server { return redis{c} }

type redis struct{ *resp.Client }

func (r redis) Places(ctx context.Context) ([]Place, error) {
	found, err := r.Client.Places(ctx)
	if err != nil {
		return nil, err
	}
	places := make([]Place, len(found))
	for i, p := range found {
		places[i] = redisPlace{p}
	}
	return places, nil
}

func (r redis) Traits() Traits {
	drawn, moving := r.Drawn()
	return Traits{
		URL: r.URL(), DB: r.DB(), Moves: r.Redundant(), Spread: r.Spread(), Drawn: drawn, Moving: moving, Commands: r.Commands,
	}
}

type redisPlace struct{ *resp.Place }

func (p redisPlace) Node() string { return p.Addr() }

// Listen implements Listener.
func (p redisPlace) Listen(ctx context.Context, patterns []string) Ear {
	return &redisEar{Subscription: p.Subscribe(ctx, patterns...)}
}

type redisEar struct {
	*resp.Subscription
	buf []resp.Heard
}

func (e *redisEar) Hear(into []Heard) ([]Heard, error) {
	heard, err := e.ReceiveMany(e.buf)
	if err != nil {
		return into, err
	}
	e.buf = heard
	for _, h := range heard {
		into = append(into, Heard{Channel: h.Channel, Payload: h.Payload, Subscribed: h.Subscribed})
	}
	return into, nil
}

func (e *redisEar) Ask(ctx context.Context) bool {
	e.Ping(ctx)
	return true
}
