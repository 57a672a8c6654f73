package cli

// The store that the demo's sections write to: a counter for each record, in the same Redis, read by one command and written
// by another. It stands for whatever a lock guards, and is the demo's: lockcore knows of no store.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/watcher/makecom"
)

// fencedScript is what makes a store safe: it turns away a fence below the highest that it has seen, at reads too.
//
//	KEYS[1]  the record, a hash of value and fence
//	ARGV[1]  the fence
//	ARGV[2]  the new value; empty: read
//
// It answers with the value, or with an error that begins with LATE.
var fencedScript = demoScript("fenced", `
local seen = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
if tonumber(ARGV[1]) < seen then
  return redis.error_reply('LATE a higher fence was here before')
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'value', ARGV[2])
end
return redis.call('HGET', KEYS[1], 'value') or '0'
`)

func demoScript(name, source string) *lockcore.Script {
	sum := sha1.Sum([]byte(source))
	return &lockcore.Script{Name: name, Source: source, SHA1: hex.EncodeToString(sum[:])}
}

// counters is the store. It implements makecom.Store.
type counters struct {
	client *resp.Client

	mu      sync.Mutex
	updates int64           // acknowledged
	records map[string]bool // that were written
}

func newCounters(client *resp.Client) *counters {
	return &counters{client: client, records: map[string]bool{}}
}

// storeKey is where the record of a lock lies.
func storeKey(lock string) string { return "store:" + strings.TrimPrefix(lock, "lock:") }

// Read gives a record's counter.
func (c *counters) Read(ctx context.Context, record string, fence lockcore.Fence) (int64, error) {
	if fence != 0 {
		return c.fenced(ctx, record, fence, "")
	}
	got, err := c.client.Do(ctx, "hget", storeKey(record), "value")
	if err != nil || got == nil {
		return 0, err
	}
	return counted(got)
}

// Write sets a record's counter, whatever it has become since it was read.
func (c *counters) Write(ctx context.Context, record string, value int64, fence lockcore.Fence) error {
	var err error
	if fence != 0 {
		_, err = c.fenced(ctx, record, fence, strconv.FormatInt(value, 10))
	} else {
		_, err = c.client.Do(ctx, "hset", storeKey(record), "value", strconv.FormatInt(value, 10))
	}
	if err == nil {
		c.mu.Lock()
		c.updates++
		c.records[record] = true
		c.mu.Unlock()
	}
	return err
}

func (c *counters) fenced(ctx context.Context, record string, fence lockcore.Fence, value string) (int64, error) {
	got, err := c.client.Eval(ctx, fencedScript, []string{storeKey(record)}, []string{fence.String(), value})
	var refusal *lockcore.ReplyError
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Message, "LATE") {
		return 0, fmt.Errorf("%s: %w", storeKey(record), makecom.ErrLateWriter)
	}
	if err != nil {
		return 0, err
	}
	return counted(got)
}

func counted(reply any) (int64, error) {
	text, ok := reply.(string)
	if !ok {
		return 0, fmt.Errorf("the store answered %T instead of a counter", reply)
	}
	return strconv.ParseInt(text, 10, 64)
}

// count asks Redis how much of what was acknowledged is there.
func (c *counters) count(ctx context.Context) (updates, value int64, err error) {
	c.mu.Lock()
	updates = c.updates
	var asks [][]string
	for record := range c.records {
		asks = append(asks, []string{"HGET", storeKey(record), "value"})
	}
	c.mu.Unlock()
	replies, err := c.client.Read(ctx, asks)
	if err != nil {
		return 0, 0, err
	}
	for _, reply := range replies {
		n, err := counted(reply)
		if err != nil {
			return 0, 0, err
		}
		value += n
	}
	return updates, value, nil
}

// clear removes all records.
func (c *counters) clear(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for record := range c.records {
		if _, err := c.client.Do(ctx, "del", storeKey(record)); err != nil {
			return // with the server, which the demo ends, it is gone anyway
		}
	}
}

// naive is the published recipe: SET NX PX, and a release that deletes the lock whoever has it. It implements makecom.Locker.
type naive struct {
	client *resp.Client
}

// Acquire takes the lock by SET NX PX.
func (n *naive) Acquire(ctx context.Context, key, owner string, ttl time.Duration, _ *lockcore.AcquireOptions) (*lockcore.Hold, error) {
	got, err := n.client.Do(ctx, "set", key, owner, "nx", "px", strconv.FormatInt(ttl.Milliseconds(), 10))
	if err != nil {
		return nil, err
	}
	if got == nil {
		return nil, &lockcore.HeldError{Key: key}
	}
	return &lockcore.Hold{Key: key, Owner: owner, TTL: ttl}, nil
}

// Release deletes the lock. GETDEL instead of DEL tells whose it was, which the recipe never learns.
func (n *naive) Release(ctx context.Context, key, owner string, _ *lockcore.ReleaseOptions) (*lockcore.Release, error) {
	got, err := n.client.Do(ctx, "getdel", key)
	switch {
	case err != nil:
		return nil, err
	case got == nil:
		return nil, &lockcore.NotHeldError{Op: "release", Key: key, Owner: owner}
	case got != owner:
		return nil, fmt.Errorf("release %s: %w", key, makecom.ErrRemovedOther)
	}
	return &lockcore.Release{}, nil
}
