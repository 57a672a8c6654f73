package locktest

// A redis-server whose clock can be set: libfaketime, loaded before the C library, adds to the time of day what a file says.
// The monotonic clock stays as it is, as it does when a real clock is set.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Clock is a server's time of day.
type Clock struct {
	t    testing.TB
	file string // libfaketime reads it at each look at the clock

	offset time.Duration // what was added so far
}

// StartRedisOnClock is StartRedis with a clock that can be set. It is right at first.
func StartRedisOnClock(t testing.TB, args ...string) (*Redis, *Clock) {
	t.Helper()
	library := faketime(t)
	c := &Clock{t: t, file: filepath.Join(t.TempDir(), "clock")}
	c.Step(0)
	r := startSomewhere(t, func() *Redis {
		r := prepare(t, FreeAddr(t), args...)
		// jemalloc asks for the time before the library is ready for it, so memory comes from the C library.
		r.env = []string{"LD_PRELOAD=" + library + ":libc.so.6", "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"}
		return r
	})
	return r, c
}

// Step sets the clock forward by so much, or back where it is negative. Restarts leave it as it is.
func (c *Clock) Step(by time.Duration) {
	c.t.Helper()
	c.offset += by
	// Renamed, so that the server never reads a half of it.
	err := os.WriteFile(c.file+".new", fmt.Appendf(nil, "%+.6f\n", c.offset.Seconds()), 0o600)
	if err == nil {
		err = os.Rename(c.file+".new", c.file)
	}
	if err != nil {
		c.t.Fatalf("locktest: set the server's clock by %s: %v", by, err)
	}
}

// Offset is how far the clock is ahead of the right one.
func (c *Clock) Offset() time.Duration { return c.offset }

// faketime is the path of the library.
func faketime(t testing.TB) string {
	t.Helper()
	places := []string{
		"/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1",
		"/usr/lib64/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1",
	}
	for _, place := range places {
		if found, _ := filepath.Glob(place); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatalf("locktest: libfaketime is not installed, and tests that set a server's clock need it; it is in none of %s.\n"+
		"Get it with: make deps   (or on Linux: apt-get install faketime; dnf install libfaketime; apk add libfaketime)", strings.Join(places, ", "))
	return ""
}
