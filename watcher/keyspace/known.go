package keyspace

// The locks that are known, each as it was read last.

import (
	"iter"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/dense"
)

// mark is one thing that is true of a known lock.
type mark uint16

const (
	wasRead    mark = 1 << iota // at least once
	held                        // somebody has it
	queued                      // it waits to be read
	reading                     // it is being read
	unsure                      // a difference that no notification explained was read once; the second time it counts
	owed                        // the picture is not complete before it was read
	urgent                      // it is queued among those that something was heard of
	secondhand                  // what was heard of it came from a place that does not answer for it: it is on its way
	doubted                     // more may have happened to it than notifications told since the last reading that was used
)

// known is a lock as it was read last. There can be a million of them, so what few have lies in more.
type known struct {
	key      string
	owner    string
	fence    lockcore.Fence
	begun    moment // 0 if unknown
	until    moment // 0 without TTL
	planned  moment // when it is to be read for its deadline
	deadline stamp  // 0 without TTL
	node     uint32 // where it was read last; 0: nowhere
	version  uint32 // grows with every notification
	seen     uint32 // the last scan that found it
	hints    hint   // since the last reading that was used
	firstEnd hint   // the first of hintEnded among them: how the hold that was known ended
	marks    mark
	row      uint32 // its number in the picture
	more     *more
}

// more is what is known of a lock that has a ledger, or that something happened to.
type more struct {
	since     time.Time // when the first of the hints came
	ended     time.Time // when firstEnd came
	wrote     time.Time // when its value was written last, of what the hints tell
	used      time.Time // when a reading was used last that something was heard before
	seen      time.Time // when any was
	notBefore time.Time // when it may be read again

	recorded bool
	highest  lockcore.Fence
	counts   watcher.Counts
	waiters  map[string]lockcore.Waiter
	overran  []lockcore.Fence // holds whose overrun was told
}

func (k *known) is(m mark) bool { return k.marks&m != 0 }
func (k *known) set(m mark)     { k.marks |= m }
func (k *known) unset(m mark)   { k.marks &^= m }

func (k *known) extra() *more {
	if k.more == nil {
		k.more = &more{}
	}
	return k.more
}

// unquiet is since when notifications come that no reading was used for; asked of a lock that has hints.
func (k *known) unquiet() time.Time {
	if k.more.used.After(k.more.since) {
		return k.more.used
	}
	return k.more.since
}

// notice takes what notifications told.
func (k *known) notice(n note) {
	k.version++
	m := k.extra()
	if k.hints == 0 {
		m.since = n.at
	}
	switch {
	case k.firstEnd != 0:
		n.hints &^= hintReplaced
	case n.firstEnd != 0:
		k.firstEnd, m.ended = n.firstEnd, n.ended
	}
	k.hints |= n.hints
	if !n.wrote.IsZero() {
		m.wrote = n.wrote
	}
}

// picture is all locks that are known, by key. A lock's address stays while it is in it.
type picture struct {
	rows  dense.Rows[known]
	index *dense.Index
}

func newPicture() *picture {
	p := &picture{}
	p.index = dense.NewIndex(func(row uint32) string { return p.rows.At(row).key })
	return p
}

// find is the lock with a key, or nil.
func (p *picture) find(key string) *known {
	if row, ok := p.index.Find(key); ok {
		return p.rows.At(row)
	}
	return nil
}

// add is the lock with a key, which is one that is not known yet where it was not there.
func (p *picture) add(key string) *known {
	if k := p.find(key); k != nil {
		return k
	}
	row, k := p.rows.Add()
	k.key, k.row = strings.Clone(key), row // not a part of something larger
	p.index.Insert(row)
	return k
}

// remove forgets a lock.
func (p *picture) remove(k *known) {
	p.index.Delete(k.key)
	p.rows.Remove(k.row)
}

func (p *picture) len() int { return p.rows.Len() }

// all are the locks, in no order. None may be added or removed meanwhile.
func (p *picture) all() iter.Seq[*known] {
	return func(yield func(*known) bool) {
		for row := range p.rows.End() {
			if k := p.rows.At(row); k.key != "" && !yield(k) {
				return
			}
		}
	}
}
