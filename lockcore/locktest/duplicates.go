package locktest

// Late duplicates: what a network that delays and doubles does to a request, done on purpose.

import (
	"context"
	"slices"

	"locktop/lockcore"
)

// copier is a transport that keeps a copy of each step that passes, to be delivered again later.
type copier struct {
	lockcore.Transport
	sent []delivery
}

// delivery is a step as it was sent.
type delivery struct {
	script *lockcore.Script
	keys   []string
	args   []string
}

func (c *copier) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	c.sent = append(c.sent, delivery{s, slices.Clone(keys), slices.Clone(args)})
	return c.Transport.Eval(ctx, s, keys, args)
}

// last is the newest step of this name.
func (c *copier) last(t T, script string) delivery {
	t.Helper()
	for _, d := range slices.Backward(c.sent) {
		if d.script.Name == script {
			return d
		}
	}
	t.Fatalf("no %s was sent", script)
	return delivery{}
}

// sample is a step on a lock with these arguments, as a client would send it.
func (c *copier) sample(script, key string, args ...string) delivery {
	ledger, _ := lockcore.LedgerKey(key)
	for _, s := range lockcore.Scripts() {
		if s.Name == script {
			return delivery{s, []string{key, ledger}, args}
		}
	}
	panic("locktest: no script " + script)
}

// deliver sends a step once more, past the client that sent it; nobody waits for its answer.
func (c *copier) deliver(ctx context.Context, d delivery) {
	c.Transport.Eval(ctx, d.script, d.keys, d.args)
}

// lossy is a transport that carries out what it is told to lose, and loses the answers.
type lossy struct {
	lockcore.Transport
	lose int    // so many answers
	late func() // called before the answer is lost
}

func (l *lossy) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	got, err := l.Transport.Eval(ctx, s, keys, args)
	if l.lose > 0 {
		l.lose--
		if l.late != nil {
			l.late()
		}
		return nil, lockcore.ErrUnknownOutcome
	}
	return got, err
}

// dropping is a transport that loses requests on their way: the client cannot tell.
type dropping struct {
	lockcore.Transport
	drop int // so many requests
}

func (d *dropping) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if d.drop > 0 {
		d.drop--
		return nil, lockcore.ErrUnknownOutcome
	}
	return d.Transport.Eval(ctx, s, keys, args)
}

// delaying is a transport that keeps the first step back for somebody to deliver later.
type delaying struct {
	*copier
	kept bool
}

func (d *delaying) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if !d.kept {
		d.kept = true
		d.sent = append(d.sent, delivery{s, slices.Clone(keys), slices.Clone(args)})
		return nil, lockcore.ErrUnknownOutcome
	}
	return d.copier.Eval(ctx, s, keys, args)
}
