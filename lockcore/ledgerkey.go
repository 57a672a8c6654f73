package lockcore

// Where a lock's ledger lies: a key of its own, in the lock's cluster slot.

import "strings"

// LedgerPrefix begins every key of locktop's own.
const LedgerPrefix = "locktop:"

// LedgerKey is the key of a lock's ledger: locktop:{key}, so that the lock's whole
// name is the hash tag, or locktop:key where the key has a hash tag of its own
// (locktop::key if it starts with { or :, so that no two locks share a ledger).
//
// sameSlot is false for the few keys, such as lock:{}x, for which neither lies in the
// lock's slot: they work everywhere but on a cluster.
func LedgerKey(key string) (name string, sameSlot bool) {
	switch {
	case hashed(key) == key:
		name = LedgerPrefix + "{" + key + "}"
	case key[0] == '{' || key[0] == ':':
		name = LedgerPrefix + ":" + key
	default:
		name = LedgerPrefix + key
	}
	return name, hashed(name) == hashed(key)
}

// LockOf is the lock whose ledger has this name, if it is a ledger's name.
func LockOf(ledger string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(ledger, LedgerPrefix)
	if !ok {
		return "", false
	}
	for _, key := range []string{
		strings.TrimSuffix(strings.TrimPrefix(rest, "{"), "}"),
		strings.TrimPrefix(rest, ":"),
		rest,
	} {
		if key == "" {
			continue
		}
		if name, _ := LedgerKey(key); name == ledger {
			return key, true
		}
	}
	return "", false
}

// hashed is the part of a key that decides its cluster slot: what stands between the
// first { and the first } after it, or the whole key where that is nothing.
// (Redis Cluster specification, "Hash tags".)
func hashed(key string) string {
	open := strings.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	length := strings.IndexByte(key[open+1:], '}')
	if length <= 0 {
		return key
	}
	return key[open+1 : open+1+length]
}
