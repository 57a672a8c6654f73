package resp

// One server: go-redis's pool of connections to it, and how long it has been silent.

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

// node is one server. Its connections end with cut, and every call on them at once.
type node struct {
	addr string
	rdb  *redis.Client
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	life context.Context // ends with cut: no dial goes on after it
	end  context.CancelFunc

	sent    *atomic.Int64 // commands of the whole client
	waiting atomic.Int32  // calls without an answer yet
	sign    atomic.Int64  // its last answer, or since when there are such calls; Unix nanoseconds
	asked   atomic.Bool   // it is being asked for the topology
}

func newNode(opt redis.Options, sent *atomic.Int64) *node {
	n := &node{addr: opt.Addr, sent: sent}
	n.life, n.end = context.WithCancel(context.Background())
	n.dial = n.dialer(&net.Dialer{Timeout: opt.DialTimeout, KeepAliveConfig: keepAlive}, opt.TLSConfig)
	greeting := greeting(&opt)
	opt.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := n.dial(ctx, network, addr)
		if err == nil {
			n.sent.Add(greeting)
		}
		return conn, err
	}
	n.rdb = redis.NewClient(&opt)
	return n
}

// greeting is how many commands go-redis sends on a new connection: HELLO, and what else there is to say.
func greeting(opt *redis.Options) int64 {
	commands := int64(1)
	if opt.DB > 0 {
		commands++
	}
	if opt.ClientName != "" {
		commands++
	}
	return commands
}

// keepAlive is go-redis's own: a dead peer is found out before the usual firewalls forget the connection.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialer is go-redis's, but ends with the node: theirs goes on after Close, and without end in TLS.
func (n *node) dialer(plain *net.Dialer, config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(n.life, cancel)()
		if config != nil {
			return (&tls.Dialer{NetDialer: plain, Config: config}).DialContext(ctx, network, addr)
		}
		conn, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return withRaw(conn), nil
	}
}

// checked is a connection that makes its raw one once: go-redis looks at it before each
// call, to see whether the server has closed it, and net makes a new one each time.
type checked struct {
	net.Conn
	raw syscall.RawConn
}

func (c *checked) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

func withRaw(conn net.Conn) net.Conn {
	if own, ok := conn.(syscall.Conn); ok {
		if raw, err := own.SyscallConn(); err == nil {
			return &checked{conn, raw}
		}
	}
	return conn
}

// cut ends all connections, and what waits on them.
func (n *node) cut() error {
	n.end()
	return n.rdb.Close()
}

// silent tells that a call has waited that long without a sign of life from the node.
func (n *node) silent(limit time.Duration) bool {
	return n.waiting.Load() > 0 && time.Now().UnixNano()-n.sign.Load() > int64(limit)
}

// send writes a request once and reads its answer. An error is go-redis's own.
func (n *node) send(r *request, asking bool) (any, error) {
	if n.waiting.Add(1) == 1 {
		n.sign.Store(time.Now().UnixNano())
	}
	defer n.waiting.Add(-1)
	r.count, r.weight = n.sent, 1
	if r.read {
		r.weight += int64(len(r.more)) + 2 // MULTI and EXEC
	}
	if asking {
		r.weight++
	}
	reply, err := n.write(r, asking)
	if err == nil || code(err) != "" {
		n.sign.Store(time.Now().UnixNano())
	}
	return reply, err
}

func (n *node) write(r *request, asking bool) (any, error) {
	switch {
	case r.read:
		return n.transact(r, asking)
	case asking:
		return n.askAndSend(r)
	}
	if err := n.rdb.Process(&r.limit, r); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	return normal(r.Val()), nil
}

// askAndSend sends the request into a slot that this node is taking over.
func (n *node) askAndSend(r *request) (any, error) {
	pipe := n.rdb.Pipeline()
	pipe.Process(&r.limit, &part{args: []any{"asking"}})
	pipe.Process(&r.limit, r)
	if _, err := pipe.Exec(&r.limit); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	return normal(r.Val()), nil
}

// transact runs a reading transaction. A transaction that was refused as a whole is an
// error; a command that failed by itself has its error in its place.
func (n *node) transact(r *request, asking bool) (any, error) {
	var pipe redis.Pipeliner
	if asking {
		conn := n.rdb.Conn() // ASKING counts for the MULTI that follows on the same connection
		defer conn.Close()
		if err := conn.Process(&r.limit, &part{args: []any{"asking"}}); err != nil {
			return nil, err
		}
		pipe = conn.TxPipeline()
	} else {
		pipe = n.rdb.TxPipeline()
	}
	cmds := make([]redis.Cmder, 1, 1+len(r.more))
	cmds[0] = r
	parts := make([]part, len(r.more))
	for i, words := range r.more {
		parts[i].args = make([]any, len(words))
		for j := range words {
			parts[i].args[j] = &words[j]
		}
		cmds = append(cmds, &parts[i])
	}
	for _, cmd := range cmds {
		pipe.Process(&r.limit, cmd)
	}
	_, err := pipe.Exec(&r.limit)
	// Exec gives the first command's error, which is that command's own business
	// unless the transaction as a whole was refused.
	if err != nil && !errors.Is(err, redis.Nil) {
		failed := 0
		for _, cmd := range cmds {
			if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
				failed++
			}
		}
		// None has failed where the connection was refused, for its password say.
		if what := code(err); what == "" || what == "EXECABORT" || failed == len(cmds) || failed == 0 {
			return nil, firstCause(cmds, err)
		}
	}
	replies := make([]any, len(cmds))
	for i, cmd := range cmds {
		switch err := cmd.Err(); {
		case err != nil && !errors.Is(err, redis.Nil):
			replies[i] = &lockcore.ReplyError{Message: err.Error()}
		case err == nil && i == 0:
			replies[i] = normal(r.Val())
		case err == nil:
			replies[i] = normal(parts[i-1].Val())
		}
	}
	return replies, nil
}

// firstCause prefers the refusal of one command over "EXECABORT because of previous errors".
func firstCause(cmds []redis.Cmder, err error) error {
	if code(err) == "" {
		return err
	}
	for _, cmd := range cmds {
		if e := cmd.Err(); e != nil && !strings.HasPrefix(e.Error(), "EXECABORT") {
			return e
		}
	}
	return err
}
