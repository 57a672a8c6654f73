package locktest

// Rules at the edges: odd keys, the shortest and longest TTLs, ledgers that vanish, many at once.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"locktop/lockcore"
)

// bracedKeys are keys with braces in every arrangement, in pairs that a careless ledger name would mix up.
var bracedKeys = []string{
	"lock:7", "{lock:7}", "{lock}:7", "lock:{7}", "lock:{7}:a", "lock:{7}{8}", "{7}lock:", ":lock:7", "{:lock}:7", "lock:{a}b}", "{{lock}}:7",
}

// loneKeys have no place for a ledger in their own cluster slot.
var loneKeys = []string{"lock:{}7", "lock:}{", "lock:}7{", "{}", "lock:{7", "{}lock"}

var edgeRules = []Rule{
	{
		Name: "keys with braces in every arrangement have each a ledger of its own",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			fences := map[string]lockcore.Fence{}
			keys := bracedKeys
			for _, key := range loneKeys {
				if _, same := lockcore.LedgerKey(key); same || !s.Cluster {
					keys = append(keys[:len(keys):len(keys)], key)
				}
			}
			for i, key := range keys {
				fences[key] = c.acquires(key, fmt.Sprint("owner-", i)).Fence
			}
			for i, key := range keys {
				if l := c.sees(key); l.Owner != fmt.Sprint("owner-", i) || l.Fence != fences[key] || l.Ledger.Denied != 0 {
					t.Errorf("%s is %+v, its fence was %s", key, l, fences[key])
				}
				c.isDenied(key, "other", "")
				c.releases(key, fmt.Sprint("owner-", i), fences[key])
			}
		},
	},
	{
		Name: "a key whose ledger cannot lie in its slot is refused on a cluster, before anything is sent",
		Check: func(t T, s *Server) {
			if !s.Cluster {
				return
			}
			c := on(t, s.Transport)
			for _, key := range loneKeys {
				if _, same := lockcore.LedgerKey(key); same {
					continue
				}
				if _, err := c.Acquire(c.ctx, key, "me", ttl, nil); !errors.Is(err, lockcore.ErrInvalid) {
					t.Errorf("acquire %s answers %v", key, err)
				}
			}
		},
	},
	{
		Name: "a TTL of a millisecond is over at once and of ten years is not",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			for i := range 5 {
				h, err := c.Acquire(c.ctx, "lock:short", fmt.Sprint("me", i), lockcore.MinTTL, nil)
				if err != nil && !errors.Is(err, lockcore.ErrLate) && !errors.Is(err, lockcore.ErrHeld) {
					t.Fatalf("a TTL of 1 ms is answered %v", err)
				}
				if h != nil && h.TTL > lockcore.MinTTL {
					t.Errorf("granted is %+v", h)
				}
				c.Wait()
			}
			h, err := c.Acquire(c.ctx, "lock:long", "me", lockcore.MaxTTL, nil)
			if err != nil || h.TTL != lockcore.MaxTTL {
				t.Fatalf("a TTL of ten years is answered %+v, %v", h, err)
			}
			if l := c.sees("lock:long"); l.Fence != h.Fence || l.TTL < lockcore.MaxTTL-ttl {
				t.Errorf("it is seen as %+v", l)
			}
			c.extends("lock:long", "me", lockcore.MaxTTL, h.Fence)
			c.releases("lock:long", "me", h.Fence)
		},
	},
	{
		Name: "a ledger that is lost mid-hold costs the record and not the lock",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "me")
			s.Do("DEL", "locktop:{lock:a}")
			if held := c.isDenied("lock:a", "other", ""); held.Owner != "me" || held.Fence != 0 {
				t.Errorf("denied by %+v", held)
			}
			c.cannotRelease("lock:a", "me", h.Fence) // whether that is this hold, nobody can tell any more
			if got := s.holder("lock:a"); got != "me" {
				t.Fatalf("the lock is held by %q", got)
			}
			c.releases("lock:a", "me", 0)
			if next := c.acquires("lock:a", "next"); next.Fence <= h.Fence {
				t.Errorf("the next fence is %s after %s", next.Fence, h.Fence)
			}
		},
	},
	{
		Name: "a lock is released by another process than the one that took it",
		Check: func(t T, s *Server) {
			one, other := on(t, s.Transport), on(t, s.Transport)
			h := one.acquires("lock:a", "execution")
			other.releases("lock:a", "execution", h.Fence)
			h = one.acquires("lock:a", "execution")
			other.releases("lock:a", "execution", 0)
			if r := one.releases("lock:a", "execution", h.Fence); !r.Repeated {
				t.Errorf("the second process is told %+v", r)
			}
		},
	},
	{
		Name: "of a hundred contenders exactly one wins, and the others are told by whom",
		Check: func(t T, s *Server) {
			c := lockcore.New(s.Transport)
			const contenders = 100
			results := make([]error, contenders)
			var all sync.WaitGroup
			for i := range contenders {
				all.Go(func() {
					_, results[i] = c.Acquire(context.Background(), "lock:a", fmt.Sprint("owner-", i), ttl, nil)
				})
			}
			all.Wait()
			winner := s.holder("lock:a")
			won := 0
			for i, err := range results {
				var held *lockcore.HeldError
				switch {
				case err == nil && winner == fmt.Sprint("owner-", i):
					won++
				case !errors.As(err, &held) || held.Owner != winner:
					t.Errorf("owner-%d is told %v, and the lock is held by %s", i, err, winner)
				}
			}
			if won != 1 {
				t.Errorf("%d won", won)
			}
		},
		Mutations: []Mutation{
			{Script: "acquire", Take: "redis.pcall('SET', lock, owner, 'NX', 'PXAT', deadline)", Put: "redis.pcall('SET', lock, owner, 'PXAT', deadline)"},
		},
	},
	{
		Name: "a counter that only the lock protects counts right, and fences come in order",
		Check: func(t T, s *Server) {
			c := lockcore.New(s.Transport)
			const workers, rounds = 8, 5
			counter, last := 0, lockcore.Fence(0) // unprotected, but for the lock; the race detector sees if it is not
			var mu sync.Mutex
			inside := 0
			var all sync.WaitGroup
			for w := range workers {
				all.Go(func() {
					for i := range rounds {
						ctx, owner := context.Background(), fmt.Sprintf("%d-%d", w, i)
						var h *lockcore.Hold
						for h == nil {
							got, err := c.Acquire(ctx, "lock:a", owner, ttl, nil)
							if err != nil && !errors.Is(err, lockcore.ErrHeld) {
								t.Errorf("acquire: %v", err)
								return
							}
							h = got
						}
						mu.Lock()
						inside++
						alone := inside == 1
						mu.Unlock()
						if !alone {
							t.Errorf("two are inside at once")
						}
						mu.Lock()
						if h.Fence <= last {
							t.Errorf("fence %s comes after %s", h.Fence, last)
						}
						last = max(last, h.Fence)
						counter++
						inside--
						mu.Unlock()
						if _, err := c.Release(ctx, "lock:a", owner, &lockcore.ReleaseOptions{Fence: h.Fence}); err != nil {
							t.Errorf("release: %v", err)
							return
						}
					}
				})
			}
			all.Wait()
			if counter != workers*rounds {
				t.Errorf("counted were %d of %d", counter, workers*rounds)
			}
		},
	},
	{
		Name: "a wait gets the lock when it is released and when it expires",
		Check: func(t T, s *Server) {
			c := on(t, s.Transport)
			h := c.acquires("lock:a", "first")
			got := make(chan error, 1)
			go func() {
				_, err := c.Acquire(c.ctx, "lock:a", "second", time.Second, &lockcore.AcquireOptions{Wait: ttl})
				got <- err
			}()
			for len(c.sees("lock:a").Ledger.Waiters) == 0 {
			}
			c.releases("lock:a", "first", h.Fence)
			if err := <-got; err != nil {
				t.Errorf("after the release the waiter is told %v", err)
			}
			if _, err := c.Acquire(c.ctx, "lock:a", "third", ttl, &lockcore.AcquireOptions{Wait: ttl}); err != nil {
				t.Errorf("after the expiry the waiter is told %v", err)
			}
		},
	},
}
