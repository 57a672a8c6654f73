package audit

// The stream on the server: one entry an order, its only field a line of JSON.

import (
	"context"
	"fmt"

	"locktop/lockcore"
)

// StreamKey is the stream's key.
const StreamKey = lockcore.LedgerPrefix + "audit"

// Bounds of the stream: about how many entries it keeps, how many are read at a time and at
// most, and how long one may be. A key of 64 KiB in which every byte is escaped has 400 KB.
const (
	streamKept   = 10_000
	streamPage   = 500
	streamRead   = 2 * streamKept
	longestEntry = 1 << 20 // bytes
)

// streamField is the name of the entry's only field.
const streamField = "entry"

func add(ctx context.Context, to Commander, l line) (id string, err error) {
	encoded, err := l.encode()
	if err != nil {
		return "", err
	}
	got, err := to.Do(ctx, "xadd", StreamKey, "maxlen", "~", streamKept, "*", streamField, string(encoded))
	if err != nil {
		return "", err
	}
	id, ok := got.(string)
	if !ok {
		return "", fmt.Errorf("XADD answered %v", got)
	}
	return id, nil
}

// Published is what the stream has, newest first, and how many entries in it could not be read.
// limit bounds how many orders are given; 0 gives all that the stream keeps. A stream that is not
// there is an empty one. Errors are as lockcore.Transport has them.
func Published(ctx context.Context, from Commander, limit int) (orders []Order, damaged int, err error) {
	if limit <= 0 || limit > streamRead {
		limit = streamRead
	}
	last := "+"
	for read := 0; read < streamRead && len(orders) < limit; {
		got, err := from.Do(ctx, "xrevrange", StreamKey, last, "-", "count", streamPage)
		if err != nil {
			return orders, damaged, err
		}
		page, ok := got.([]any)
		if !ok && got != nil {
			return orders, damaged, fmt.Errorf("XREVRANGE answered %v", got)
		}
		for _, item := range page {
			id, l := parseStreamEntry(item)
			if id != "" {
				last = "(" + id
			}
			if l == nil {
				damaged++
				continue
			}
			if len(orders) < limit {
				orders = append(orders, Order{Entry: l.entry(), StreamID: id, Here: true})
			}
		}
		if len(page) < streamPage {
			break
		}
		read += len(page)
	}
	return orders, damaged, nil
}

// parseStreamEntry reads [id, [field, value, …]]; the line is nil where it is none of ours.
func parseStreamEntry(item any) (id string, l *line) {
	parts, _ := item.([]any)
	if len(parts) != 2 {
		return "", nil
	}
	id, _ = parts[0].(string)
	fields, _ := parts[1].([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		value, _ := fields[i+1].(string)
		if name, _ := fields[i].(string); name == streamField && len(value) <= longestEntry {
			if l, err := decode([]byte(value)); err == nil {
				return id, l
			}
		}
	}
	return id, nil
}
