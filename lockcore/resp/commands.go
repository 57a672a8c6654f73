package resp

// The few commands beside scripts and reads that watching needs.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"locktop/lockcore"
)

// Scan gives a page of keys that match a pattern, and the cursor of the next page; "0" is the
// beginning and, as an answer, the end. count is how many keys the server looks at.
//
// On a cluster it goes over all masters, and the cursor tells which one it is at. A master that is
// replaced meanwhile ends the scan with ErrUnreachable; a key of a slot that is moved meanwhile
// can be missed or given twice.
func (c *Client) Scan(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	if err := c.discover(ctx); err != nil {
		return "", nil, err
	}
	if c.kind.Load() == clustered {
		return c.scanMasters(ctx, cursor, match, count)
	}
	got, err := c.Do(ctx, "scan", cursor, "match", match, "count", count)
	if err != nil {
		return "", nil, err
	}
	return c.page(got)
}

// scanMasters reads a page from one master of a cluster. Its cursors are node/cursor.
func (c *Client) scanMasters(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	masters, err := c.masters(ctx)
	if err != nil {
		return "", nil, err
	}
	at, place := masters[0], 0
	if cursor != "0" {
		addr, rest, ok := cutLast(cursor, "/")
		if place = slices.IndexFunc(masters, func(n *node) bool { return n.addr == addr }); place < 0 || !ok {
			return "", nil, fmt.Errorf("%s: %w: the node %q of the scan is no master any more; scan again", c.url, lockcore.ErrUnreachable, addr)
		}
		at, cursor = masters[place], rest
	}
	got, err := c.doOn(ctx, at, "scan", cursor, "match", match, "count", count)
	if err != nil {
		c.startLook()
		return "", nil, err
	}
	next, keys, err = c.page(got)
	switch {
	case err != nil:
	case next != "0":
		next = at.addr + "/" + next
	case place+1 < len(masters):
		next = masters[place+1].addr + "/0"
	}
	return next, keys, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// masters are the present masters by address; of a lone server or with Sentinel, one.
func (c *Client) masters(ctx context.Context) ([]*node, error) {
	if c.kind.Load() == lone {
		return []*node{c.seed}, nil
	}
	if c.land.Load() == nil {
		if _, err := c.Do(ctx, "ping"); err != nil { // it looks, within ctx
			return nil, err
		}
	}
	return c.land.Load().masters, nil
}

// page reads the answer to a SCAN.
func (c *Client) page(got any) (next string, keys []string, err error) {
	page, _ := got.([]any)
	if len(page) != 2 {
		return "", nil, fmt.Errorf("%s: %w: SCAN answered %v", c.url, lockcore.ErrRefused, got)
	}
	next, _ = page[0].(string)
	items, _ := page[1].([]any)
	for _, item := range items {
		if key, ok := item.(string); ok {
			keys = append(keys, key)
		}
	}
	return next, keys, nil
}

// ConfigGet reads one setting, of a cluster any node's.
func (c *Client) ConfigGet(ctx context.Context, name string) (string, error) {
	got, err := c.Do(ctx, "config", "get", name)
	if err != nil {
		return "", err
	}
	return c.setting(name, got)
}

// setting reads the answer to a CONFIG GET.
func (c *Client) setting(name string, got any) (string, error) {
	items, _ := got.([]any)
	if len(items) < 2 {
		return "", fmt.Errorf("%s: %w: CONFIG GET %s answered %v", c.url, lockcore.ErrRefused, name, got)
	}
	value, _ := items[1].(string)
	return value, nil
}

// ConfigSet changes one setting of the running server, of a cluster's masters all.
func (c *Client) ConfigSet(ctx context.Context, name, value string) error {
	if err := c.discover(ctx); err != nil {
		return err
	}
	masters, err := c.masters(ctx)
	if err != nil {
		return err
	}
	for _, n := range masters {
		if _, err := c.doOn(ctx, n, "config", "set", name, value); err != nil {
			return err
		}
	}
	return nil
}

// Info reads sections of INFO as name and value, of a cluster any node's.
func (c *Client) Info(ctx context.Context, section string) (map[string]string, error) {
	got, err := c.Do(ctx, "info", section)
	if err != nil {
		return nil, err
	}
	return sections(got), nil
}

// sections reads the answer to an INFO.
func sections(got any) map[string]string {
	text, _ := got.(string)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}
