package resp

// Sentinel: the master is whom the sentinels name. All that are known are asked at once, the
// ones that the URL names and the ones that these know of, and the newest answer counts.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// witness is what one sentinel says.
type witness struct {
	master string // host:port
	epoch  int64  // of the fail-over that made it master
	others []string
}

// askSentinels gives the present master.
func (c *Client) askSentinels() (*territory, error) {
	addrs := slices.Clone(c.place.seeds)
	c.mu.Lock()
	for addr := range c.post {
		addrs = append(addrs, addr)
	}
	c.mu.Unlock()
	slices.Sort(addrs)
	var nodes []*node
	for _, addr := range slices.Compact(addrs) {
		n, err := c.nodeIn(c.post, addr, c.place.sentinelOptions)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	said, err := gather(c, nodes, c.askSentinel)
	if len(said) == 0 {
		switch code(err) {
		case "NOAUTH", "WRONGPASS":
			err = fmt.Errorf("%w (of the sentinels: their own password goes into ?sentinel_password=… of the URL)", err)
		case "":
			err = fmt.Errorf("no sentinel answers: %w", err)
		}
		return nil, err
	}
	newest := said[0]
	for _, w := range said {
		if w.epoch > newest.epoch {
			newest = w
		}
		for _, addr := range w.others {
			// It is asked from the next look on, and for good: they are few.
			if _, err := c.nodeIn(c.post, addr, c.place.sentinelOptions); errors.Is(err, redis.ErrClosed) {
				return nil, err
			}
		}
	}
	if known := c.land.Load(); known != nil && newest.epoch < known.epoch && len(said) < len(nodes) {
		return known, nil
	}
	master, err := c.node(newest.master)
	if err != nil {
		return nil, err
	}
	return &territory{masters: []*node{master}, epoch: newest.epoch}, nil
}

func (c *Client) askSentinel(ctx context.Context, n *node) (witness, error) {
	pipe := n.rdb.Pipeline()
	addr := pipe.Do(ctx, "sentinel", "get-master-addr-by-name", c.place.master)
	state := pipe.Do(ctx, "sentinel", "master", c.place.master)
	peers := pipe.Do(ctx, "sentinel", "sentinels", c.place.master)
	_, refused := n.exec(ctx, pipe)
	pair, err := addr.StringSlice()
	if errors.Is(err, redis.Nil) {
		return witness{}, refusal(fmt.Sprintf("ERR the sentinels know no master with the name %q", c.place.master))
	}
	if err != nil {
		if addr.Err() == nil { // a connection that was refused leaves the commands without an error
			err = refused
		}
		return witness{}, err
	}
	if len(pair) != 2 {
		return witness{}, refusal(fmt.Sprintf("ERR the sentinel at %s names the master as %q", n.addr, pair))
	}
	w := witness{master: besides(n.addr, net.JoinHostPort(pair[0], pair[1]))}
	w.epoch, _ = strconv.ParseInt(field(state.Val(), "config-epoch"), 10, 64)
	if list, ok := peers.Val().([]any); ok {
		for _, peer := range list {
			if host, port := field(peer, "ip"), field(peer, "port"); host != "" && port != "" {
				w.others = append(w.others, net.JoinHostPort(host, port))
			}
		}
	}
	return w, nil
}

// field is the value that follows a name in a flat list.
func field(list any, name string) string {
	items, _ := list.([]any)
	for i := 0; i+1 < len(items); i += 2 {
		if items[i] == name {
			value, _ := items[i+1].(string)
			return value
		}
	}
	return ""
}
