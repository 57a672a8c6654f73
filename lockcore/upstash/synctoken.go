package upstash

// The sync token: the state that this client has seen, so that a replica waits until it has
// caught up with it. "Each time you make a request, save the value of the upstash-sync-token header
// from the response and pass it in the upstash-sync-token header of your next request"
// (https://upstash.com/docs/redis/howto/readyourwrites).

import "sync"

const (
	syncTokenHeader = "upstash-sync-token"
	// maxSyncToken is more than any seen; a header without a limit is not to be carried on.
	maxSyncToken = 1024
)

// syncToken keeps the newest token. Tokens cannot be compared, so newest is the one that came last,
// with one exception: a read that was sent before the kept token came may have been answered by a
// replica that is behind it, and does not displace it. A write is answered by the primary.
type syncToken struct {
	mu      sync.Mutex
	clock   uint64 // counts sendings and comings
	token   string
	learned uint64 // when it came
}

// send gives the token for a request, and when that was.
func (s *syncToken) send() (token string, sent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	return s.token, s.clock
}

// learn takes the token of an answer to a request that was sent then.
func (s *syncToken) learn(token string, sent uint64, read bool) {
	if token == "" || len(token) > maxSyncToken || !printable(token) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if read && sent < s.learned {
		return
	}
	s.clock++
	s.token, s.learned = token, s.clock
}

// printable tells whether it can stand in a header.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
