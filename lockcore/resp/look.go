package resp

// Looking who answers for what: by all sentinels, or all nodes of a cluster, at once.
//
// A look comes before the first request, after a sign that something has changed (no
// connection, MOVED, READONLY…), while a node owes an answer, and with Sentinel every second;
// at most every 200 ms. Of several opinions the one with the highest configuration epoch counts, and what is
// known against those that are older: who was cut off and is the only one to answer brings back nobody. Epochs
// can only have fallen where all who are known answer and none knows a higher one: they were set up anew.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	lookPause  = 200 * time.Millisecond // between two looks
	lookGrace  = 200 * time.Millisecond // that the others have after the first answer
	lookLimit  = 2 * time.Second        // for an answer
	watchPause = 250 * time.Millisecond
	// silence is how long an answer may take before the client looks whether its node
	// still is the one; a node that is not, and is silent, is given up.
	silence = 500 * time.Millisecond
	// sentinelPause is between two questions to the sentinels: a master that was cut off
	// from them alone still answers, and is no master any more.
	sentinelPause = time.Second
)

// territory is who answers for what at one moment. It is never changed.
type territory struct {
	masters []*node  // never empty; of a cluster by address
	owner   []uint16 // slot to place in masters, plus one; 0: nobody; nil with Sentinel
	others  []string // addresses that can be asked besides
	// epoch is the configuration epoch of the fail-over that made Sentinel's master one; epochs are those of the
	// claims to a cluster's slots, plus one.
	epoch  int64
	epochs []int64
	moving []string // slots on their way, as their nodes write them; those that nobody may ask about are not among them
}

func (t *territory) at(slot int) *node {
	if i := t.owner[slot]; i > 0 {
		return t.masters[i-1]
	}
	return nil
}

func (t *territory) rules(n *node) bool {
	for _, m := range t.masters {
		if m == n {
			return true
		}
	}
	return false
}

type look struct {
	done chan struct{}
	err  error
}

// lookAgain waits for a look to end. It gives the look's error, or ctx's.
func (c *Client) lookAgain(ctx context.Context) error {
	l := c.startLook()
	if l == nil {
		return redis.ErrClosed
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// because adds to the end of a call's time what the last look has failed with, if it has.
func (c *Client) because(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		return cause
	}
	return fmt.Errorf("%w; %w", cause, c.why)
}

// startLook is the look that is under way, or a new one; nil after Close.
func (c *Client) startLook() *look {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if c.look == nil {
		c.look = &look{done: make(chan struct{})}
		c.wait.Add(1)
		go c.runLook(c.look, time.Until(c.last.Add(lookPause)))
	}
	return c.look
}

func (c *Client) runLook(l *look, pause time.Duration) {
	defer c.wait.Done()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-c.life.Done():
		}
	}
	var t *territory
	if c.kind.Load() == guarded {
		t, l.err = c.askSentinels()
	} else {
		t, l.err = c.askCluster()
	}
	if t != nil {
		c.draw(t)
	}
	c.mu.Lock()
	c.look, c.last, c.why = nil, time.Now(), l.err
	c.mu.Unlock()
	c.tidy()
	close(l.done)
}

// gather asks nodes at once, those aside that still owe an answer, and gives what comes in time.
func gather[T any](c *Client, nodes []*node, ask func(context.Context, *node) (T, error)) ([]T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, len(nodes))
	asked := 0
	for _, n := range nodes {
		if !n.asked.CompareAndSwap(false, true) {
			continue
		}
		asked++
		c.wait.Add(1) // a look is counted, so this is not the first
		go func() {
			defer c.wait.Done()
			defer n.asked.Store(false)
			ctx, cancel := context.WithTimeout(n.life, min(lookLimit, c.timeout))
			defer cancel()
			value, err := ask(ctx, n)
			if err == nil {
				n.sign.Store(time.Now().UnixNano())
			}
			answers <- answer{value, err}
		}()
	}
	var got []T
	failed := fmt.Errorf("none of %d nodes has answered yet", len(nodes))
	limit := time.NewTimer(min(lookLimit, c.timeout))
	defer limit.Stop()
	for range asked {
		select {
		case a := <-answers:
			if a.err != nil {
				if code(failed) == "" { // a reply says more than a missing one
					failed = a.err
				}
				continue
			}
			if len(got) == 0 {
				limit.Reset(lookGrace)
			}
			got = append(got, a.value)
		case <-limit.C:
			return got, failed
		case <-c.life.Done():
			return nil, redis.ErrClosed
		}
	}
	return got, failed
}

// exec sends the questions of a look, and counts them.
func (n *node) exec(ctx context.Context, pipe redis.Pipeliner) ([]redis.Cmder, error) {
	asked := int64(pipe.Len())
	cmds, err := pipe.Exec(ctx)
	if err == nil || code(err) != "" || errors.Is(err, redis.Nil) {
		n.sent.Add(asked)
	}
	return cmds, err
}

// node is the server with this address.
func (c *Client) node(addr string) (*node, error) { return c.nodeIn(c.all, addr, c.place.options) }

func (c *Client) nodeIn(those map[string]*node, addr string, options func(addr string) redis.Options) (*node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, redis.ErrClosed
	}
	if addr == "" {
		return nil, errors.New("a node without an address")
	}
	n := those[addr]
	if n == nil {
		n = newNode(options(addr), &c.sent)
		those[addr] = n
	}
	return n, nil
}

// watch looks while a node owes an answer, for as long as the client lives.
func (c *Client) watch() {
	if c.watching.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.watching.Swap(true) {
		return
	}
	c.wait.Add(1)
	go func() {
		defer c.wait.Done()
		tick := time.NewTicker(watchPause)
		defer tick.Stop()
		for {
			select {
			case <-c.life.Done():
				return
			case <-tick.C:
			}
			c.mu.Lock()
			due := c.kind.Load() == guarded && time.Since(c.last) >= sentinelPause
			for _, n := range c.all {
				due = due || n.silent(silence)
			}
			c.mu.Unlock()
			if due {
				c.startLook()
			}
			c.tidy()
		}
	}()
}

// tidy gives up nodes that answer for nothing: at once where they are silent, so that their
// calls end, else when nobody waits for them. Bare connections to a former master end too.
func (c *Client) tidy() {
	t := c.land.Load()
	if t == nil {
		return
	}
	keep := map[string]bool{}
	for _, addr := range slices.Concat(t.others, c.place.seeds) {
		keep[addr] = true
	}
	var gone []*node
	var unheard []*bare
	c.mu.Lock()
	for addr, n := range c.all {
		if !t.rules(n) && (n.silent(silence) || !keep[addr] && n.waiting.Load() == 0 && !n.asked.Load()) {
			delete(c.all, addr)
			gone = append(gone, n)
		}
	}
	for b := range c.bares {
		if !t.rules(b.node) {
			delete(c.bares, b)
			unheard = append(unheard, b)
		}
	}
	c.mu.Unlock()
	for _, n := range gone {
		n.cut()
	}
	for _, b := range unheard {
		b.drop()
	}
}
