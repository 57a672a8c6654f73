package resp

// The few commands beside scripts and reads that watching needs.

import (
	"context"
	"fmt"
	"strings"

	"locktop/lockcore"
)

// Scan gives a page of keys that match a pattern, and the cursor of the next page; 0 is the
// beginning and, as an answer, the end. count is how many keys the server looks at.
func (c *Client) Scan(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	got, err := c.Do(ctx, "scan", cursor, "match", match, "count", count)
	if err != nil {
		return "", nil, err
	}
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

// ConfigGet reads one setting.
func (c *Client) ConfigGet(ctx context.Context, name string) (string, error) {
	got, err := c.Do(ctx, "config", "get", name)
	if err != nil {
		return "", err
	}
	items, _ := got.([]any)
	if len(items) < 2 {
		return "", fmt.Errorf("%s: %w: CONFIG GET %s answered %v", c.url, lockcore.ErrRefused, name, got)
	}
	value, _ := items[1].(string)
	return value, nil
}

// ConfigSet changes one setting of the running server.
func (c *Client) ConfigSet(ctx context.Context, name, value string) error {
	_, err := c.Do(ctx, "config", "set", name, value)
	return err
}

// Info reads sections of INFO as name and value.
func (c *Client) Info(ctx context.Context, section string) (map[string]string, error) {
	got, err := c.Do(ctx, "info", section)
	if err != nil {
		return nil, err
	}
	text, _ := got.(string)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
