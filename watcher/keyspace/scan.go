package keyspace

// Finding locks: SCAN for each pattern, then once for the ledgers, since a lock that
// nobody holds but that work is expected back for exists only there.

import (
	"context"
	"strings"

	"locktop/lockcore"
	"locktop/lockcore/glob"
	"locktop/lockcore/resp"
)

// scanCount is how many keys the server looks at in one step; more stalls other clients.
const scanCount = 1000

// page is some of what a scan finds, as names of locks.
type page struct {
	scan uint64 // which scan it is of
	keys []string
	last bool
	err  error
}

// matches tells whether a key is one of the locks that are watched.
func matches(patterns []string, key string) bool {
	if strings.HasPrefix(key, lockcore.LedgerPrefix) {
		return false
	}
	for _, p := range patterns {
		if glob.Match(p, key) {
			return true
		}
	}
	return false
}

// scan sends pages until the end, an error, or ctx is over.
func scan(ctx context.Context, client *resp.Client, id uint64, patterns []string, ledgers bool, out chan<- page) {
	send := func(p page) bool {
		p.scan = id
		select {
		case out <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	each := func(pattern string, lockOf func(string) (string, bool)) bool {
		for cursor := "0"; ; {
			next, found, err := client.Scan(ctx, cursor, pattern, scanCount)
			if err != nil {
				send(page{err: err})
				return false
			}
			var keys []string
			for _, name := range found {
				if key, ok := lockOf(name); ok && matches(patterns, key) {
					keys = append(keys, key)
				}
			}
			if len(keys) > 0 && !send(page{keys: keys}) {
				return false
			}
			if next == "0" || next == "" {
				return true
			}
			cursor = next
		}
	}
	itself := func(name string) (string, bool) { return name, true }
	for _, p := range patterns {
		if !each(p, itself) {
			return
		}
	}
	if ledgers && !each(lockcore.LedgerPrefix+"*", lockcore.LockOf) {
		return
	}
	send(page{last: true})
}
