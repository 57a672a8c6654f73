package resp

// The client: scripts at most once, single commands, and reads in MULTI/EXEC.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

func init() {
	// go-redis writes to stderr by default, across whatever is drawn on the terminal.
	redis.SetLogger(silent{})
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Client is connections to one server, to the master that Sentinel names, or to the
// masters of a cluster. It is safe for use by many goroutines.
type Client struct {
	place   place
	url     string
	timeout time.Duration
	life    context.Context // ends with Close
	end     context.CancelFunc
	wait    sync.WaitGroup // for the goroutines of this client
	sent    atomic.Int64   // commands

	kind  atomic.Int32
	sure  atomic.Bool               // of kind
	seed  *node                     // the server that the URL names; of several, the first
	land  atomic.Pointer[territory] // who answers for what; nil while nobody has told
	turn  atomic.Int64              // how often that has changed
	mu    sync.Mutex                // guards what follows
	all   map[string]*node          // by address
	post  map[string]*node          // the sentinels
	look  *look                     // under way
	last  time.Time                 // when the last look ended
	why   error                     // that it failed with, or nil
	bares map[*bare]struct{}        // connections beside go-redis's
	// closed tells that nothing is begun any more.
	closed   bool
	watching atomic.Bool // the watch runs
}

// What a client has found.
const (
	lone      int32 = iota // one server, as far as is known
	guarded                // the master that Sentinel names
	clustered              // a Redis Cluster
)

// New prepares a client; nothing is sent until it is used. Whether the server is one of a
// cluster is found out then. Errors match lockcore.ErrInvalid.
func New(o Options) (*Client, error) {
	p, err := parse(o)
	if err != nil {
		return nil, err
	}
	c := &Client{place: p, url: Redacted(o.URL), timeout: p.opt.ReadTimeout, all: map[string]*node{}, post: map[string]*node{}, bares: map[*bare]struct{}{}}
	c.life, c.end = context.WithCancel(context.Background())
	switch {
	case p.master != "":
		c.kind.Store(guarded)
		c.sure.Store(true)
	case len(p.seeds) > 1:
		c.kind.Store(clustered)
		c.sure.Store(true)
	}
	if p.master == "" {
		c.seed = newNode(p.options(p.seeds[0]), &c.sent)
		c.all[c.seed.addr] = c.seed
	}
	return c, nil
}

// URL is the server's address without secrets.
func (c *Client) URL() string { return c.url }

// DB is the number of the database that the URL names.
func (c *Client) DB() int { return c.place.opt.DB }

// Node is host:port of the server, or the path of its unix socket; with Sentinel the present
// master's, or the first sentinel's while nobody has told; of a cluster the first one that the URL names.
func (c *Client) Node() string {
	if c.kind.Load() == guarded {
		if t := c.land.Load(); t != nil {
			return t.masters[0].addr
		}
	}
	return c.place.seeds[0]
}

// NodeOf is host:port of the server that has a key.
func (c *Client) NodeOf(key string) string {
	if c.kind.Load() == clustered {
		if t := c.land.Load(); t != nil {
			if n := t.at(Slot(key)); n != nil {
				return n.addr
			}
		}
	}
	return c.Node()
}

// Group tells which keys can be read in one transaction: those with the same group. On a
// cluster that is the slot; before the first Read it is the slot too, which is right everywhere.
func (c *Client) Group(key string) string {
	if c.kind.Load() != clustered && c.sure.Load() {
		return ""
	}
	return strconv.Itoa(Slot(key))
}

// Redundant tells that another server takes over when one fails: Sentinel's or a cluster's.
func (c *Client) Redundant() bool { return c.kind.Load() != lone }

// Commands is how many commands were sent so far, those that greet a server and those that ask who
// answers for what among them: what using this client costs its servers.
func (c *Client) Commands() int64 { return c.sent.Load() }

// Spread tells that the keys lie on several servers: a cluster's. It is known after Places.
func (c *Client) Spread() bool { return c.kind.Load() == clustered }

// Close ends all connections, and the calls that wait on them.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return redis.ErrClosed
	}
	c.closed = true
	c.end()
	nodes := make([]*node, 0, len(c.all)+len(c.post))
	for _, those := range []map[string]*node{c.all, c.post} {
		for _, n := range those {
			nodes = append(nodes, n)
		}
	}
	bares := slices.Collect(maps.Keys(c.bares))
	c.mu.Unlock()
	for _, b := range bares {
		b.cut()
	}
	var errs []error
	for _, n := range nodes {
		errs = append(errs, n.cut())
	}
	c.wait.Wait()
	return errors.Join(errs...)
}

// enter counts a goroutine that Close waits for. It is false after Close.
func (c *Client) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wait.Add(1)
	return true
}

var (
	evalsha = "evalsha"
	eval    = "eval"
	// counts are the usual numbers of keys as text, so that none is made for each call.
	counts = [...]string{"0", "1", "2", "3"}
)

// Eval runs a script by EVALSHA, and by EVAL where the server does not know it (so it did
// not run). On a cluster it goes to the node of its first key.
func (c *Client) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if c.kind.Load() == clustered {
		if err := c.oneSlot(keys); err != nil {
			return nil, err
		}
	}
	reply, err := c.evalOnce(ctx, &evalsha, &s.SHA1, keys, args)
	if err == nil {
		return reply, nil
	}
	switch replyCode(err) {
	case "NOSCRIPT":
		return c.evalOnce(ctx, &eval, &s.Source, keys, args)
	case "CROSSSLOT":
		c.isCluster()
		if invalid := c.oneSlot(keys); invalid != nil {
			err = invalid
		}
	}
	return nil, err
}

// replyCode is the first word of the server's answer where an error is one.
func replyCode(err error) string {
	var reply *lockcore.ReplyError
	if !errors.As(err, &reply) {
		return ""
	}
	word, _, _ := strings.Cut(reply.Message, " ")
	return word
}

// oneSlot is nil where keys can be used together on a cluster.
func (c *Client) oneSlot(keys []string) error {
	for _, key := range keys[min(1, len(keys)):] {
		if Slot(key) != Slot(keys[0]) {
			return fmt.Errorf("%s: %w: %q and %q lie in different slots of the cluster, so no script can use both; "+
				"name the lock so that its whole name, or a part in { }, decides the slot", c.url, lockcore.ErrInvalid, keys[0], key)
		}
	}
	return nil
}

func (c *Client) evalOnce(ctx context.Context, command, script *string, keys, args []string) (any, error) {
	var count *string
	if len(keys) < len(counts) {
		count = &counts[len(keys)]
	} else {
		n := strconv.Itoa(len(keys))
		count = &n
	}
	r := newRequest(ctx, c.timeout)
	r.say(command, script, count, keys, args)
	if len(keys) > 0 && c.kind.Load() != guarded {
		r.slot = Slot(keys[0])
	}
	return c.run(ctx, r)
}

// Do sends one command, at most once. On a cluster it goes to the node of the key, which is
// taken to be the first argument unless the command is known to have none; commands without a
// key go to any node. Errors are as lockcore.Transport has them.
func (c *Client) Do(ctx context.Context, args ...any) (any, error) {
	r := newRequest(ctx, c.timeout)
	r.args = append(r.args, args...)
	r.slot = slotOf(args)
	return c.run(ctx, r)
}

// doOn sends one command to a certain node.
func (c *Client) doOn(ctx context.Context, n *node, args ...any) (any, error) {
	r := newRequest(ctx, c.timeout)
	r.args = append(r.args, args...)
	r.to = n
	return c.run(ctx, r)
}

// Read runs reading commands in one MULTI/EXEC. On a cluster their keys must be of one Group.
func (c *Client) Read(ctx context.Context, commands [][]string) ([]any, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	if !c.sure.Load() {
		// From the first read on Group must be right, and a read can wait for that.
		if err := c.know(ctx); err != nil {
			return nil, err
		}
	}
	r := newRequest(ctx, c.timeout)
	r.sayAll(commands)
	for _, command := range commands {
		if len(command) > 1 && r.slot == anyNode {
			r.slot = Slot(command[1])
		}
	}
	got, err := c.run(ctx, r)
	if err != nil {
		return nil, err
	}
	return got.([]any), nil
}
