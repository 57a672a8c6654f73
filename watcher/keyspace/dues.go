package keyspace

// What has to be read at a later moment: locks at their deadline, doubts at their second look.

import (
	"slices"
	"time"
)

// spareDues is how many entries may be out of date beside those that are not.
const spareDues = 4096

// due is a lock that is to be looked at then.
type due struct {
	at moment
	k  *known
}

// dues is a binary heap of them, the soonest first. An entry may be out of date: who takes it looks again.
// (container/heap would allocate for every entry.)
type dues []due

func (d *dues) add(at moment, k *known) {
	*d = append(*d, due{at, k})
	h := *d
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// take removes the next entry that is due at now; nil if there is none.
func (d *dues) take(now moment) *known {
	h := *d
	if len(h) == 0 || h[0].at > now {
		return nil
	}
	k, last := h[0].k, len(h)-1
	h[0] = h[last]
	h[last] = due{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && h[child].at < h[least].at {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	if cap(h) > 4096 && len(h) < cap(h)/4 {
		h = slices.Clip(slices.Clone(h))
	}
	*d = h
	return k
}

// prune removes what is out of date, once that is more than what is not: of a lock that ended long before its deadline
// an entry is left, which keeps all of the lock.
func (s *Source) prune() {
	if len(s.later) < s.pruneAt {
		return
	}
	kept := make(dues, 0, len(s.later)/2)
	for _, d := range s.later {
		if s.picture.find(d.k.key) == d.k && (d.at == d.k.planned || d.k.wanted()) {
			kept.add(d.at, d.k)
		}
	}
	s.later, s.pruneAt = kept, 2*len(kept)+spareDues
}

// rebase has everything that waits for its moment looked at now: the clock that the moments were reckoned by was set.
func (s *Source) rebase() {
	s.lastAlive = 0
	now := s.moment(s.now())
	for _, p := range s.places {
		p.heard.Store(min(p.heard.Load(), int64(now)))
	}
	s.doubtPicture(s.at(nil))
	for k := range s.picture.all() {
		if k.more != nil {
			k.more.seen = time.Time{}
		}
	}
	for i, d := range s.later {
		s.later[i].at, d.k.planned = now, 0
	}
}
