package resp

// A bare connection: to one node, greeted as go-redis does it, and then nothing but package wire. For
// hearing and for reading in bulk, which cost several times as much by way of go-redis.
//
// It is cut when its server is no master any more, as far as the client has found out, and with the client.

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/resp/wire"
)

// dialLimit bounds a dial: what listens or loads is better told soon that it cannot.
const dialLimit = time.Second

// watchName is added to the name of the client's other connections.
const watchName = "-watch"

// bare is one such connection. Reading belongs to one goroutine, the rest to any.
type bare struct {
	owner *Client
	node  *node
	conn  net.Conn
	in    *wire.Reader
	moved atomic.Bool // the node is not the master any more

	mu sync.Mutex // of writing
}

// dialBare connects to a node. Errors are go-redis's own, or a refusal.
func (c *Client) dialBare(ctx context.Context, n *node) (*bare, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	dialing, stop := context.WithTimeout(ctx, dialLimit)
	defer stop()
	opt := n.rdb.Options()
	conn, err := n.dial(dialing, opt.Network, opt.Addr)
	if err != nil {
		return nil, err
	}
	b := &bare{owner: c, node: n, conn: conn, in: wire.NewReader(conn)}
	if err := b.greet(ctx, opt); err != nil {
		conn.Close()
		if ended := ctx.Err(); ended != nil && code(err) == "" {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, redis.ErrClosed
	}
	c.bares[b] = struct{}{}
	return b, nil
}

// greet says who connects, and to which database.
func (b *bare) greet(ctx context.Context, opt *redis.Options) error {
	var out []byte
	var said []string
	say := func(words ...string) {
		out, said = wire.AppendCommand(out, words...), append(said, words[0])
	}
	if opt.Password != "" {
		user := opt.Username
		if user == "" {
			user = "default"
		}
		say("AUTH", user, opt.Password)
	}
	if opt.DB > 0 {
		say("SELECT", fmt.Sprint(opt.DB))
	}
	if opt.ClientName != "" {
		say("CLIENT", "SETNAME", opt.ClientName+watchName)
	}
	if len(said) == 0 {
		return nil
	}
	defer context.AfterFunc(ctx, func() { b.conn.Close() })()
	if err := b.send(out, len(said)); err != nil {
		return err
	}
	for _, what := range said {
		t, err := b.in.Next()
		switch {
		case err != nil:
			return err
		case t.Kind == '-' && what != "CLIENT": // a name is not worth a connection
			return refusal(t.Text)
		case t.Kind == '*':
			return fmt.Errorf("%w: %s was answered with a list", wire.ErrProtocol, what)
		}
	}
	return nil
}

// send writes commands at once, and counts them.
func (b *bare) send(out []byte, commands int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn.SetWriteDeadline(time.Now().Add(b.owner.timeout))
	b.owner.sent.Add(int64(commands))
	_, err := b.conn.Write(out)
	return err
}

// cut ends the connection, and what waits on it.
func (b *bare) cut() {
	b.owner.mu.Lock()
	delete(b.owner.bares, b)
	b.owner.mu.Unlock()
	b.conn.Close()
}

// drop ends the connection because its server is not the master any more.
func (b *bare) drop() {
	b.moved.Store(true)
	b.conn.Close()
}

// failure is why the connection is over, in the words of lockcore.Transport.
func (b *bare) failure(err error) error {
	if code(err) != "" {
		return &lockcore.ReplyError{Message: err.Error()}
	}
	if b.moved.Load() {
		err = fmt.Errorf("%s is not the master any more", b.node.addr)
	}
	return b.owner.failure(false, err)
}
