package cli

// A session is one command's connection to its server.

import (
	"context"
	"strings"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/lockcore/upstash"
	"locktop/ui/audit"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

// client is what a command needs of a connection: lockcore's transport, single commands, and
// where it leads.
type client interface {
	lockcore.Transport
	Do(ctx context.Context, args ...any) (any, error)
	addressed
	watched() keyspace.Server
}

// overRESP and overREST are the clients that there are.
type (
	overRESP struct{ *resp.Client }
	overREST struct{ *upstash.Client }
)

func (c overRESP) watched() keyspace.Server { return keyspace.Redis(c.Client) }
func (c overREST) watched() keyspace.Server { return keyspace.REST(c.Client) }

// addressed tells where a client's server is.
type addressed interface {
	URL() string // without secrets
	Node() string
	Close() error
}

type session struct {
	*settings
	client   client
	locks    *lockcore.Client
	server   watcher.Text // the URL without secrets
	stateDir audit.Dir    // of the audit trail; the zero one stands for the user's own
}

// connect checks the settings and prepares a client; nothing is sent yet. The session is to be closed.
func (e *env) connect(f *sharedFlags) (*session, error) {
	s, err := e.settings(f)
	if err != nil {
		return nil, err
	}
	return e.open(s)
}

// connectToWrite is connect for a command that changes locks: --read-only refuses it.
func (e *env) connectToWrite(f *sharedFlags, command string) (*session, error) {
	s, err := e.connect(f)
	if err != nil {
		return nil, err
	}
	if err := s.writing(command); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (e *env) open(s *settings) (*session, error) {
	client, err := s.dial()
	if err != nil {
		return nil, err
	}
	return &session{
		settings: s, client: client, server: watcher.NewText(client.URL()),
		locks: lockcore.New(client, lockcore.WithClock(e.now), lockcore.WithTimeout(s.timeout)),
	}, nil
}

// dial prepares the client that the URL wants. Errors match lockcore.ErrInvalid.
func (s *settings) dial() (client, error) {
	if isREST(s.url) {
		c, err := upstash.New(upstash.Options{URL: s.url, Token: s.token, Timeout: s.timeout})
		if err != nil {
			return nil, err
		}
		return overREST{c}, nil
	}
	c, err := resp.New(resp.Options{URL: s.url, Timeout: s.timeout, Name: "locktop", SentinelMaster: s.sentinelMaster})
	if err != nil {
		return nil, err
	}
	return overRESP{c}, nil
}

// isREST tells whether a URL is that of a REST API.
func isREST(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}

// redis is the connection by the Redis protocol, for a command that needs more than single commands.
func (s *session) redis(command string) (*resp.Client, error) {
	if c, ok := s.client.(overRESP); ok {
		return c.Client, nil
	}
	return nil, usage("%s cannot do that over a REST API such as %s; give the rediss:// address of the same database by --url or LOCKTOP_URL",
		command, s.server)
}

func (s *session) close() { s.client.Close() }

// nodeOf names the server that has a lock.
func (s *session) nodeOf(key string) string {
	if c, ok := s.client.(interface{ NodeOf(key string) string }); ok { // a cluster has several
		return c.NodeOf(key)
	}
	return s.client.Node()
}

// inspect reads one lock.
func (s *session) inspect(ctx context.Context, key string) (*lockcore.Lock, error) {
	l, err := within(ctx, s.timeout, func(ctx context.Context) (*lockcore.Lock, error) { return s.locks.Inspect(ctx, key) })
	if err == nil && s.noLedger {
		l.Ledger = nil
	}
	return l, err
}
