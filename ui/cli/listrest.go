package cli

// The locks that there are, read once over a REST API: by scanning and reading, since nothing
// can be listened to there.

import (
	"context"
	"slices"

	"locktop/lockcore"
	"locktop/lockcore/glob"
	"locktop/watcher"
	"locktop/watcher/keyspace"
)

// How many keys one SCAN looks at, and how many locks are read at a time.
const (
	restScan = 1000
	restRead = 100
)

// scanner pages through the keys of a server.
type scanner interface {
	Scan(ctx context.Context, cursor, match string, count int) (next string, keys []string, err error)
}

// snapshotByREST gives the events of every lock that is held or awaited.
func (s *session) snapshotByREST(ctx context.Context, emit func(watcher.Event)) error {
	client, ok := s.client.(scanner)
	if !ok {
		return usage("list: %s cannot be scanned; give the rediss:// address of the same database by --url or LOCKTOP_URL", s.server)
	}
	found := map[string]bool{}
	scan := func(pattern string, lockOf func(string) (string, bool)) error {
		for cursor := "0"; ; {
			next, names, err := client.Scan(ctx, cursor, pattern, restScan)
			if err != nil {
				return err
			}
			for _, name := range names {
				if key, ok := lockOf(name); ok && s.matches(key) {
					found[key] = true
				}
			}
			if next == "0" || next == "" {
				return nil
			}
			cursor = next
		}
	}
	for _, pattern := range s.match {
		if err := scan(pattern, func(name string) (string, bool) { return name, true }); err != nil {
			return err
		}
	}
	// What nobody holds and work is expected back for has a record only.
	if !s.noLedger {
		if err := scan(lockcore.LedgerPrefix+"*", lockcore.LockOf); err != nil {
			return err
		}
	}
	keys := make([]string, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for batch := range slices.Chunk(keys, restRead) {
		locks, err := s.locks.InspectAll(ctx, batch)
		if err != nil {
			return err
		}
		for i := range locks {
			l := &locks[i]
			if s.noLedger {
				l.Ledger = nil
			}
			if l.Err != nil {
				continue // no lock, or one that this user may not read
			}
			for _, e := range keyspace.Events(l, s.nodeOf(l.Key)) {
				emit(e)
			}
		}
	}
	return nil
}

// matches tells whether a key is one of the locks that are wanted.
func (s *settings) matches(key string) bool {
	return lockcore.CheckKey(key) == nil && slices.ContainsFunc(s.match, func(p string) bool { return glob.Match(p, key) })
}
