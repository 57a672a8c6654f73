package resp

// A Redis Cluster: found out by a MOVED, or by asking where a command needs to know before,
// and drawn as a map from what all its nodes say.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

// isCluster notes that the server has turned out to be one of a cluster.
func (c *Client) isCluster() {
	c.kind.Store(clustered)
	c.sure.Store(true)
}

// discover asks the server whether it is one of a cluster, unless that is known: by HELLO,
// which every user may, else by INFO. One that does not tell is taken for a lone one until it
// says MOVED.
func (c *Client) discover(ctx context.Context) error {
	for _, question := range [][]any{{"hello"}, {"info", "cluster"}} {
		if c.sure.Load() {
			return nil
		}
		got, err := c.Do(ctx, question...)
		var refused *lockcore.ReplyError
		if err != nil && !errors.As(err, &refused) {
			return err
		}
		text, _ := got.(string)
		switch mode := field(got, "mode"); {
		case mode == "cluster" || strings.Contains(text, "cluster_enabled:1"):
			c.isCluster()
		case mode != "":
			c.sure.Store(true)
		}
	}
	c.sure.Store(true)
	return nil
}

// know is discover for those to whom an error says no more than that there was no answer: a question
// has no outcome to doubt.
func (c *Client) know(ctx context.Context) error {
	err := c.discover(ctx)
	if err == nil {
		return nil
	}
	if cause := ended(ctx); cause != nil {
		return c.failure(false, cause)
	}
	if errors.Is(err, lockcore.ErrUnknownOutcome) {
		err = fmt.Errorf("%w: %v", lockcore.ErrUnreachable, err)
	}
	return err
}

// opinion is a cluster as one of its nodes sees it.
type opinion struct {
	ranges []redis.ClusterSlot
	epochs map[string]int64 // of the masters' claims, by node id
	moving []string         // slots that it gives away or takes over, as it writes them
}

// askCluster draws the map. For each slot the claim with the highest epoch counts, so that a
// node that was cut off does not bring back a master that was replaced meanwhile.
func (c *Client) askCluster() (*territory, error) {
	addrs := slices.Clone(c.place.seeds)
	if t := c.land.Load(); t != nil {
		addrs = append(addrs, t.others...)
		for _, m := range t.masters {
			addrs = append(addrs, m.addr)
		}
	}
	slices.Sort(addrs)
	var nodes []*node
	for _, addr := range slices.Compact(addrs) {
		n, err := c.node(addr)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	opinions, err := gather(c, nodes, askNode)
	if len(opinions) == 0 {
		if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
			err = refusal("ERR a server of this URL is no cluster's: name one server, or give the name of Sentinel's master")
		}
		return nil, err
	}
	best := make([]int64, slots) // the epoch of the claim that counts, plus one
	var owner [slots]string
	var others, moving []string
	for _, o := range opinions {
		moving = append(moving, o.moving...)
		for _, r := range o.ranges {
			if len(r.Nodes) == 0 || r.Start < 0 || r.End >= slots {
				continue
			}
			for _, n := range r.Nodes {
				others = append(others, n.Addr)
			}
			claim := o.epochs[r.Nodes[0].ID] + 1
			for s := r.Start; s <= r.End; s++ {
				if claim > best[s] {
					best[s], owner[s] = claim, r.Nodes[0].Addr
				}
			}
		}
	}
	if known := c.land.Load(); known != nil && len(opinions) < len(nodes) {
		for s, epoch := range known.epochs {
			if n := known.at(s); n != nil && best[s] < epoch {
				best[s], owner[s] = epoch, n.addr
			}
		}
	}
	masters := slices.Compact(slices.Sorted(slices.Values(owner[:])))
	if len(masters) > 0 && masters[0] == "" {
		masters = masters[1:]
	}
	if len(masters) == 0 {
		return nil, refusal("CLUSTERDOWN no node of this cluster has slots")
	}
	slices.Sort(others)
	slices.Sort(moving)
	t := &territory{owner: make([]uint16, slots), epochs: best, others: slices.Compact(others), moving: moving}
	place := map[string]uint16{}
	for i, addr := range masters {
		n, err := c.node(addr)
		if err != nil {
			return nil, err
		}
		t.masters = append(t.masters, n)
		place[addr] = uint16(i) + 1
	}
	for s, addr := range owner {
		t.owner[s] = place[addr]
	}
	return t, nil
}

// askNode asks one node for its map and, where the user may, for the epochs of the claims.
func askNode(ctx context.Context, n *node) (opinion, error) {
	pipe := n.rdb.Pipeline()
	ranges, lines := pipe.ClusterSlots(ctx), pipe.ClusterNodes(ctx)
	_, refused := n.exec(ctx, pipe)
	o := opinion{epochs: map[string]int64{}}
	var err error
	if o.ranges, err = ranges.Result(); err != nil {
		return o, err
	}
	if len(o.ranges) == 0 && refused != nil { // a connection that was refused leaves the commands without an error
		return o, refused
	}
	for i := range o.ranges {
		for j := range o.ranges[i].Nodes {
			o.ranges[i].Nodes[j].Addr = besides(n.addr, o.ranges[i].Nodes[j].Addr)
		}
	}
	for line := range strings.Lines(lines.Val()) {
		if f := strings.Fields(line); len(f) >= 8 { // id, address, flags, master, ping, pong, epoch, link, slots…
			o.epochs[f[0]], _ = strconv.ParseInt(f[6], 10, 64)
			for _, slot := range f[8:] {
				if strings.HasPrefix(slot, "[") { // [93->-id] leaves, [93-<-id] comes; a node tells only its own
					o.moving = append(o.moving, slot)
				}
			}
		}
	}
	return o, nil
}
