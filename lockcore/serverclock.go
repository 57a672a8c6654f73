package lockcore

// What is known of the server's clock: every step's answer tells the time at which it ran.

import (
	"strconv"
	"sync"
	"time"
)

// serverClock keeps within which bounds the server's clock lies, seen from the local monotonic
// one. A step that left at a, ran at the server's time t and was answered at b says that the server's
// clock stood between t and t + (b - a) at b. The last answer counts: a fail-over brings another clock.
type serverClock struct {
	base time.Time // local, with its monotonic reading

	mu             sync.Mutex
	known          bool
	earliest, last int64 // ms to add to the local time since base: at least, at most
}

func (k *serverClock) ms(local time.Time) int64 { return local.Sub(k.base).Milliseconds() }

// learn takes the server's time of an answer to what was sent and answered at these local times.
func (k *serverClock) learn(server int64, sent, answered time.Time) {
	if server <= 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = true
	k.earliest, k.last = server-k.ms(answered)-1, server-k.ms(sent)+1
}

// notAfter is the server's time at which something is over that the caller gives until then, at the
// latest. Before the first answer the local wall clock has to do; a server that is ahead of it then says so.
func (k *serverClock) notAfter(local time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		return stamp(local.UnixMilli())
	}
	return stamp(k.last + k.ms(local))
}

// stamp is a time in ms with as many digits as the ledger gives it.
func stamp(ms int64) string {
	digits := strconv.FormatInt(min(max(ms, 0), 9999999999999), 10)
	return "0000000000000"[len(digits):] + digits
}

// atLeast is the server's time that had certainly come at a local time; empty before the first answer.
func (k *serverClock) atLeast(local time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		return ""
	}
	return strconv.FormatInt(k.earliest+k.ms(local), 10)
}
