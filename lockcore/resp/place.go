package resp

// Places: the servers that answer for keys, each to be spoken to by itself. Who watches listens at
// every one, and asks again and again which they are.

import (
	"context"
	"slices"

	"locktop/lockcore"
)

// Place is one server by its address: a master of a cluster, the one that Sentinel names, or the
// only one there is. It is a name and no connection: it costs nothing, and two with the same
// address are the same. What it sends goes to that server and nowhere else, whether or not that is a
// master still; Owns tells.
type Place struct {
	client *Client
	addr   string
}

// Places are the servers that are masters now, by address; never none without an error. Of a cluster
// and of sentinels it asks: all at once, and the highest configuration epoch counts. An answer that
// is under way already will do. Errors match lockcore.ErrUnreachable or are a *lockcore.ReplyError.
func (c *Client) Places(ctx context.Context) ([]*Place, error) {
	if err := c.know(ctx); err != nil {
		return nil, err
	}
	if c.kind.Load() == lone {
		return []*Place{c.At(c.seed.addr)}, nil
	}
	c.watch()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.lookAgain(ctx); err != nil {
		if code(err) != "" {
			return nil, &lockcore.ReplyError{Message: err.Error()}
		}
		return nil, c.failure(false, err)
	}
	masters := c.land.Load().masters
	places := make([]*Place, len(masters))
	for i, n := range masters {
		places[i] = c.At(n.addr)
	}
	return places, nil
}

// Drawn is how often it was seen to change who answers for what, and whether a slot of a cluster was on its way from
// one node to another when that was looked at last, as far as this user may know. It asks nobody.
func (c *Client) Drawn() (times int64, moving bool) {
	t := c.land.Load()
	return c.turn.Load(), t != nil && len(t.moving) > 0
}

// draw makes t who answers for what.
func (c *Client) draw(t *territory) {
	if old := c.land.Swap(t); old == nil || !slices.Equal(old.masters, t.masters) || !slices.Equal(old.owner, t.owner) || !slices.Equal(old.moving, t.moving) {
		c.turn.Add(1)
	}
}

// At is the server with this address, as Place.Addr and Node give it. Nothing is sent.
func (c *Client) At(addr string) *Place { return &Place{c, addr} }

// Addr is host:port, or the path of a unix socket.
func (p *Place) Addr() string { return p.addr }

// Owns tells whether this server answers for a key now, by what was last found out: it asks nobody.
func (p *Place) Owns(key string) bool {
	c := p.client
	if c.kind.Load() == lone {
		return p.addr == c.seed.addr
	}
	t := c.land.Load()
	if t == nil {
		return false
	}
	if t.owner == nil {
		return t.masters[0].addr == p.addr
	}
	n := t.at(Slot(key))
	return n != nil && n.addr == p.addr
}

// Do sends one command, at most once. Errors are as lockcore.Transport has them; a key that
// another server has is a *lockcore.ReplyError, MOVED or ASK.
func (p *Place) Do(ctx context.Context, args ...any) (any, error) {
	n, err := p.client.node(p.addr)
	if err != nil {
		return nil, p.client.failure(false, err)
	}
	return p.client.doOn(ctx, n, args...)
}

// Scan is Client.Scan of this server alone.
func (p *Place) Scan(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	got, err := p.Do(ctx, "scan", cursor, "match", match, "count", count)
	if err != nil {
		return "", nil, err
	}
	return p.client.page(got)
}

// ConfigGet reads one of its settings.
func (p *Place) ConfigGet(ctx context.Context, name string) (string, error) {
	got, err := p.Do(ctx, "config", "get", name)
	if err != nil {
		return "", err
	}
	return p.client.setting(name, got)
}

// ConfigSet changes one of its settings while it runs.
func (p *Place) ConfigSet(ctx context.Context, name, value string) error {
	_, err := p.Do(ctx, "config", "set", name, value)
	return err
}

// Info reads sections of its INFO as name and value.
func (p *Place) Info(ctx context.Context, section string) (map[string]string, error) {
	got, err := p.Do(ctx, "info", section)
	if err != nil {
		return nil, err
	}
	return sections(got), nil
}
