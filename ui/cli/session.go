package cli

// A session is one command's connection to its server.

import (
	"context"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

type session struct {
	*settings
	client *resp.Client
	locks  *lockcore.Client
	server watcher.Text // the URL without secrets
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
	client, err := resp.New(resp.Options{URL: s.url, Timeout: s.timeout, Name: "locktop"})
	if err != nil {
		return nil, err
	}
	return &session{
		settings: s, client: client, locks: lockcore.New(client, lockcore.WithClock(e.now)),
		server: watcher.NewText(client.URL()),
	}, nil
}

func (s *session) close() { s.client.Close() }

// inspect reads one lock.
func (s *session) inspect(ctx context.Context, key string) (*lockcore.Lock, error) {
	l, err := within(ctx, s.timeout, func(ctx context.Context) (*lockcore.Lock, error) { return s.locks.Inspect(ctx, key) })
	if err == nil && s.noLedger {
		l.Ledger = nil
	}
	return l, err
}
