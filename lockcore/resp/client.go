package resp

// Sending: scripts at most once, reads in MULTI/EXEC, and what became of them.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

func init() {
	// go-redis writes to stderr by default, across whatever is drawn on the terminal.
	redis.SetLogger(silent{})
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Client is a pool of connections to one server. It is safe for use by many goroutines.
type Client struct {
	rdb *redis.Client
	url string
	db  int
}

// New prepares a client; nothing is sent until it is used. Errors match lockcore.ErrInvalid.
func New(o Options) (*Client, error) {
	opt, err := parse(o)
	if err != nil {
		return nil, err
	}
	return &Client{rdb: redis.NewClient(opt), url: Redacted(o.URL), db: opt.DB}, nil
}

// URL is the server's address without secrets.
func (c *Client) URL() string { return c.url }

// DB is the number of the database that the URL names.
func (c *Client) DB() int { return c.db }

// Node is host:port, or the path of the unix socket.
func (c *Client) Node() string { return c.rdb.Options().Addr }

// Close ends all connections.
func (c *Client) Close() error { return c.rdb.Close() }

// once is a command that is never sent twice and knows whether it was sent at all.
// go-redis asks for the arguments when it writes the request, and not before.
type once struct {
	*redis.Cmd
	written bool
}

// NoRetry keeps go-redis from sending the command again after a lost reply.
func (o *once) NoRetry() bool { return true }

// Args is called by the writer.
func (o *once) Args() []any {
	o.written = true
	return o.Cmd.Args()
}

// Eval runs a script by EVALSHA, and by EVAL where the server does not know it (so it did not run).
func (c *Client) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	reply, err := c.evalOnce(ctx, "evalsha", s.SHA1, keys, args)
	var e *lockcore.ReplyError
	if errors.As(err, &e) && strings.HasPrefix(e.Message, "NOSCRIPT") {
		return c.evalOnce(ctx, "eval", s.Source, keys, args)
	}
	return reply, err
}

func (c *Client) evalOnce(ctx context.Context, command, script string, keys, args []string) (any, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, command, script, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	for _, a := range args {
		all = append(all, a)
	}
	return c.Do(ctx, all...)
}

// Do sends one command, at most once. Errors are as lockcore.Transport has them.
func (c *Client) Do(ctx context.Context, args ...any) (any, error) {
	cmd := &once{Cmd: redis.NewCmd(ctx, args...)}
	err := c.rdb.Process(ctx, cmd)
	if err == nil || errors.Is(err, redis.Nil) {
		return normal(cmd.Val()), nil
	}
	return nil, c.failure(err, cmd.written)
}

// Read runs reading commands in one MULTI/EXEC.
func (c *Client) Read(ctx context.Context, commands [][]string) ([]any, error) {
	pipe := c.rdb.TxPipeline()
	cmds := make([]*redis.Cmd, len(commands))
	for i, command := range commands {
		args := make([]any, len(command))
		for j, a := range command {
			args[j] = a
		}
		cmds[i] = pipe.Do(ctx, args...)
	}
	_, err := pipe.Exec(ctx)
	// Exec gives the first command's error, which is that command's own business
	// unless the transaction as a whole was refused.
	if err != nil && !errors.Is(err, redis.Nil) {
		var reply redis.Error
		if !errors.As(err, &reply) {
			return nil, c.failure(err, false)
		}
		if strings.HasPrefix(err.Error(), "EXECABORT") || allFailed(cmds) {
			return nil, c.failure(firstCause(cmds, err), false)
		}
	}
	replies := make([]any, len(cmds))
	for i, cmd := range cmds {
		switch err := cmd.Err(); {
		case err == nil:
			replies[i] = normal(cmd.Val())
		case errors.Is(err, redis.Nil):
		default:
			replies[i] = &lockcore.ReplyError{Message: err.Error()}
		}
	}
	return replies, nil
}

func allFailed(cmds []*redis.Cmd) bool {
	for _, cmd := range cmds {
		if err := cmd.Err(); err == nil || errors.Is(err, redis.Nil) {
			return false
		}
	}
	return true
}

// firstCause prefers the refusal of one command over "EXECABORT because of previous errors".
func firstCause(cmds []*redis.Cmd, err error) error {
	for _, cmd := range cmds {
		if e := cmd.Err(); e != nil && !strings.HasPrefix(e.Error(), "EXECABORT") {
			return e
		}
	}
	return err
}

// failure turns go-redis's error into one that says what became of the request.
func (c *Client) failure(err error, written bool) error {
	var reply redis.Error
	if errors.As(err, &reply) {
		return &lockcore.ReplyError{Message: err.Error()}
	}
	var dial *net.OpError
	if !written || errors.As(err, &dial) && dial.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) {
		return fmt.Errorf("%s: %w: %w", c.url, lockcore.ErrUnreachable, err)
	}
	return fmt.Errorf("%s: %w: %w", c.url, lockcore.ErrUnknownOutcome, err)
}

// normal turns a reply into what lockcore.Transport promises: nil, string, int64, []any.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
		return v
	case map[any]any:
		list := make([]any, 0, 2*len(v))
		for k, item := range v {
			list = append(list, normal(k), normal(item))
		}
		return list
	case error:
		return &lockcore.ReplyError{Message: v.Error()}
	}
	return v
}
