package keyspace

// Finding locks: SCAN for each pattern and for the ledgers, since a lock that nobody holds but that work is expected back
// for exists only there. What a scan did not find is read once more and then swept.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/glob"
	"locktop/watcher"
)

// scanCount is how many keys the server looks at in one step; more stalls other clients.
const scanCount = 1000

// keysPerCommand is how many keys a scan looks at in the time of a plain command, roughly.
const keysPerCommand = 10

// scan is one pass over a place's keys.
type scan struct {
	place  *place
	round  uint32
	stop   context.CancelFunc
	began  time.Time
	looked int // keys that the server looked at, at most
	size   int // keys that it has; -1: it does not tell
	found  int
}

// page is some of what a scan finds, as names of locks.
type page struct {
	scan   *scan
	keys   []string
	looked int
	size   int
	last   bool
	err    error
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

// scanPatterns are what to scan for. Where all of it begins alike that is one pattern for everything, so that the server
// goes over its keys once.
func scanPatterns(match []string, ledgers bool) []string {
	all := match
	if ledgers {
		all = append(all[:len(all):len(all)], lockcore.LedgerPrefix+"*")
	}
	if len(all) == 1 {
		return all
	}
	common := literal(all[0])
	for _, p := range all[1:] {
		begin := literal(p)
		n := 0
		for n < min(len(common), len(begin)) && common[n] == begin[n] {
			n++
		}
		common = common[:n]
	}
	if len(common) < 2 {
		return all
	}
	return []string{common + "*"}
}

// literal is what every key that matches a pattern begins with, as far as that is plain to see.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// startScan begins to look for all locks of a place; a scan that runs already is given up.
func (s *Source) startScan(ctx context.Context, p *place) {
	s.endScan(p)
	p.scanAt, p.partly = 0, true
	s.rounds++
	sc := &scan{place: p, round: s.rounds, began: s.now(), size: -1}
	ctx, sc.stop = context.WithCancel(ctx)
	p.scan = sc
	s.beside.Go(func() { s.runScan(ctx, sc) })
}

// endScan gives a scan up, if one runs.
func (s *Source) endScan(p *place) {
	if p.scan != nil {
		p.scan.stop()
		p.scan = nil
	}
}

// runScan sends pages until the end, an error, or ctx is over.
func (s *Source) runScan(ctx context.Context, sc *scan) {
	send := func(p page) bool {
		p.scan = sc
		select {
		case s.pages <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	patterns := scanPatterns(s.options.Match, !s.options.NoLedger)
	size := -1
	if got, err := sc.place.Do(ctx, "dbsize"); err == nil {
		if n, ok := got.(int64); ok {
			size = int(n) * len(patterns)
		}
	}
	for _, pattern := range patterns {
		for cursor := "0"; ; {
			got, err := sc.place.Do(ctx, "scan", cursor, "match", pattern, "count", strconv.Itoa(scanCount))
			next, found, ok := scanned(got)
			if err == nil && !ok {
				err = fmt.Errorf("%w: SCAN answered %v", lockcore.ErrRefused, got)
			}
			if err != nil {
				send(page{err: fmt.Errorf("scan: %w", err)})
				return
			}
			p := page{looked: scanCount, size: size}
			for _, name := range found {
				if key, ok := s.lockNamed(name); ok {
					p.keys = append(p.keys, key)
				}
			}
			if !send(p) {
				return
			}
			if next == "0" {
				break
			}
			cursor = next
		}
	}
	send(page{last: true, size: size})
}

// scanned reads the answer to a SCAN.
func scanned(got any) (next string, keys []string, ok bool) {
	parts, _ := got.([]any)
	if len(parts) != 2 {
		return "", nil, false
	}
	next = fmt.Sprint(parts[0])
	items, ok := parts[1].([]any)
	for _, item := range items {
		if key, is := item.(string); is {
			keys = append(keys, key)
		}
	}
	return next, keys, ok && next != ""
}

// lockNamed is the lock that a key is, or is the ledger of; false where that is none that is watched.
func (s *Source) lockNamed(name string) (string, bool) {
	if strings.HasPrefix(name, lockcore.LedgerPrefix) {
		lock, ok := lockcore.LockOf(name)
		return lock, ok && !s.options.NoLedger && matches(s.options.Match, lock)
	}
	return name, matches(s.options.Match, name)
}

// scanDue begins the scans whose time has come, and tells when the next one is due; 0 if none is.
func (s *Source) scanDue(ctx context.Context) moment {
	now, next := s.moment(s.now()), moment(0)
	for _, p := range s.places {
		switch {
		case !p.up || p.scanAt == 0 || p.scan != nil:
		case now >= p.scanAt:
			s.startScan(ctx, p)
		case next == 0 || p.scanAt < next:
			next = p.scanAt
		}
	}
	return next
}

// page takes what a scan found. An error ends a snapshot.
func (s *Source) page(ctx context.Context, p page) error {
	sc := p.scan
	if sc.place.scan != sc {
		return nil // it was given up
	}
	if p.err != nil {
		if s.once != nil && !s.hopeful(ctx, p.err) {
			return p.err
		}
		s.endScan(sc.place)
		if s.once == nil {
			s.gap(sc.place.node, p.err.Error())
		}
		sc.place.scanAt = s.moment(s.now().Add(retryMost / 2))
		return nil
	}
	sc.size = p.size
	if sc.looked += p.looked; sc.size >= 0 {
		sc.looked = min(sc.looked, sc.size)
	}
	for _, key := range p.keys {
		k := s.picture.add(key)
		if k.seen < sc.round {
			k.seen = sc.round
			sc.found++
			s.owe(k)
		}
	}
	if p.last {
		s.sweep(sc)
	}
	return nil
}

// sweep ends a scan: locks of its place that it did not find are read once more.
func (s *Source) sweep(sc *scan) {
	here := s.at(sc.place)
	for k := range s.picture.all() {
		if k.seen < sc.round && here(k) {
			s.owe(k)
		}
	}
	p := sc.place
	s.endScan(p)
	p.partly = false
	if p.polled > 0 {
		s.planPoll(p, sc)
	}
}

// planPoll says when a place's locks are read again: as often as wanted, but so that the reading takes no more than
// its budget of commands.
func (s *Source) planPoll(p *place, sc *scan) {
	every := s.options.PollEvery
	if need := time.Duration(float64(sc.looked/keysPerCommand+3*sc.found) / s.pace.budget * float64(time.Second)); need > every {
		every = need
	}
	if every > 2*p.polled || 2*every < p.polled { // worth telling
		link := watcher.Link{Polled: every, Warning: p.warning}
		s.send(watcher.Event{Type: watcher.Connected, Node: p.node, Link: &link, Reason: link.Warning})
	}
	p.polled = every
	p.scanAt = s.moment(sc.began.Add(every))
}
