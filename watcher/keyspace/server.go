package keyspace

// What is watched, as the loop needs it: places that answer for keys, and ways to listen there. Redis
// makes a Server of package resp's client, REST one of package upstash's.

import (
	"context"
	"errors"
	"time"

	"locktop/lockcore"
)

// Server is what is watched: one server, the master that Sentinel names, a cluster, or a REST API.
type Server interface {
	lockcore.Transport
	// Places are the servers that answer for keys now, by name. Each tells of its own part of the keys only.
	Places(ctx context.Context) ([]Place, error)
	Traits() Traits
}

// Place is one of the servers that answer for keys.
type Place interface {
	Node() string         // host:port
	Owns(key string) bool // that it answers for key, by what is known now
	Do(ctx context.Context, args ...any) (any, error)
}

// Listener is a Place that can tell of changes.
type Listener interface {
	// Listen opens a subscription to patterns of channels.
	Listen(ctx context.Context, patterns []string) Ear
}

// Ear is a running subscription. Hear belongs to one goroutine, Close to any.
type Ear interface {
	// Hear waits until something is heard, and gives all that has come. After an error there is nothing
	// more to be heard; a *lockcore.ReplyError is the server's refusal.
	Hear(into []Heard) ([]Heard, error)
	// Ask has the server give a sign of life through this very subscription; false where that is not possible.
	Ask(ctx context.Context) bool
	Close()
}

// ErrMute tells that a place has no way to tell of changes, so that its locks have to be read again and again.
var ErrMute = errors.New("nothing can be listened to here")

// Heard is one thing that came through a subscription: a message, a confirmed subscription, or, empty, a sign of life.
type Heard struct {
	Channel, Payload string
	Subscribed       int  // of a confirmation: how many patterns are in force
	Unclear          bool // a message came, and which key it is about cannot be known
}

// Traits are what a Server is like.
type Traits struct {
	URL      string // without secrets
	DB       int
	Moves    bool         // its places change: they are asked for again and again
	Spread   bool         // it has several places, so keys may move between them
	Drawn    int64        // how often it was seen to change who answers for what
	Moving   bool         // some keys are on their way from one place to another, as far as is known
	Costly   bool         // what it is asked is paid for: it is asked less
	Commands func() int64 // that were sent so far; of a REST API requests
}

// pace is how often a server is asked for what no notification tells.
type pace struct {
	prove    time.Duration // between two canaries
	silent   time.Duration // a subscription that gave no sign of life for so long is lost
	check    time.Duration // between two looks at the server's own figures
	topology time.Duration // between two looks at who answers for what
	budget   float64       // commands a second that polling may take
}

func (t Traits) pace() pace {
	p := pace{prove: time.Second, silent: 3 * time.Second, check: 4 * time.Second, topology: time.Second, budget: 2000}
	if t.Costly {
		p.prove, p.silent, p.check, p.budget = 4*time.Second, 8*time.Second, 30*time.Second, 50
	}
	return p
}
