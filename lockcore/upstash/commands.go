package upstash

// The few commands beside scripts and reads that watching needs. They read, so they are sent again where no answer came.

import (
	"context"
	"fmt"
	"strings"

	"locktop/lockcore"
)

// Scan gives a page of keys that match a pattern, and the cursor of the next page; 0 is the
// beginning and, as an answer, the end. count is how many keys the server looks at.
func (c *Client) Scan(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error) {
	got, err := c.do(ctx, true, "SCAN", cursor, "MATCH", match, "COUNT", count)
	if err != nil {
		return "", nil, err
	}
	page, _ := got.([]any)
	if len(page) != 2 {
		return "", nil, c.strange("SCAN", got)
	}
	switch cursor := page[0].(type) {
	case string:
		next = cursor
	case int64:
		next = fmt.Sprint(cursor)
	}
	items, ok := page[1].([]any)
	if next == "" || !ok {
		return "", nil, c.strange("SCAN", got)
	}
	for _, item := range items {
		if key, ok := item.(string); ok {
			keys = append(keys, key)
		}
	}
	return next, keys, nil
}

// ConfigGet reads one setting.
func (c *Client) ConfigGet(ctx context.Context, name string) (string, error) {
	got, err := c.do(ctx, true, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	items, _ := got.([]any)
	if len(items) < 2 {
		return "", c.strange("CONFIG GET "+name, got)
	}
	value, _ := items[1].(string)
	return value, nil
}

// ConfigSet changes one setting of the running server; once.
func (c *Client) ConfigSet(ctx context.Context, name, value string) error {
	_, err := c.do(ctx, false, "CONFIG", "SET", name, value)
	return err
}

// Info reads sections of INFO as name and value.
func (c *Client) Info(ctx context.Context, section string) (map[string]string, error) {
	got, err := c.do(ctx, true, "INFO", section)
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

// strange is the error of an answer that is none to this command.
func (c *Client) strange(command string, got any) error {
	return fmt.Errorf("%s: %w: %s answered %s", c.endpoint.url, lockcore.ErrRefused, command, c.secret.clean(fmt.Sprintf("%v", got)))
}
