package keyspace

// Watching over a REST API as Upstash has it: its event streams, or polling where it has none. What it is asked is paid
// for, so it is asked less.

import (
	"context"
	"errors"
	"fmt"

	"locktop/lockcore/upstash"
)

// REST is what a client of package upstash leads to.
func REST(c *upstash.Client) Server { return rest{c} }

type rest struct{ *upstash.Client }

func (r rest) Places(context.Context) ([]Place, error) { return []Place{restPlace(r)}, nil }

func (r rest) Traits() Traits {
	return Traits{URL: r.URL(), DB: r.DB(), Costly: true, Commands: r.Requests}
}

type restPlace struct{ *upstash.Client }

func (restPlace) Owns(string) bool { return true }

// Listen implements Listener.
func (p restPlace) Listen(ctx context.Context, patterns []string) Ear {
	return restEar{p.Subscribe(ctx, patterns...)}
}

type restEar struct{ *upstash.Subscription }

func (e restEar) Hear(into []Heard) ([]Heard, error) {
	h, err := e.Receive()
	if errors.Is(err, upstash.ErrNoStreams) {
		err = fmt.Errorf("%w: %w", ErrMute, err)
	}
	if err != nil {
		return into, err
	}
	return append(into, Heard(h)), nil
}

// Ask is not possible: a stream goes one way.
func (restEar) Ask(context.Context) bool { return false }
