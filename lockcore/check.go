package lockcore

// Arguments are checked before anything is sent, so that a wrong one changes nothing.

import (
	"fmt"
	"strings"
	"time"
)

// Limits of what is accepted.
const (
	MinTTL      = time.Millisecond
	MaxTTL      = 10 * 365 * 24 * time.Hour
	MaxOwner    = 1024    // bytes, of an owner and of a work
	MaxReason   = 512     // bytes
	MaxOperator = 128     // bytes
	MaxID       = 64      // bytes, of a request and of an operation
	MaxKey      = 1 << 16 // bytes; Redis takes more, but no lock is named so
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// CheckKey refuses what cannot name a lock: an empty key, one of locktop's own, one over MaxKey bytes.
func CheckKey(key string) error {
	switch {
	case key == "":
		return invalid("the key is empty")
	case strings.HasPrefix(key, LedgerPrefix):
		return invalid("key %q starts with %q, which is kept for locktop's own records", shorten(key), LedgerPrefix)
	case len(key) > MaxKey:
		return invalid("key %q has %d bytes; at most %d are allowed", shorten(key), len(key), MaxKey)
	}
	return nil
}

// CheckOwner refuses an empty owner and one over MaxOwner bytes.
func CheckOwner(owner string) error {
	if owner == "" {
		return invalid("the owner is empty")
	}
	return checkLength("owner", owner, MaxOwner)
}

// CheckTTL refuses a TTL below MinTTL or above MaxTTL, and one that is no whole number of milliseconds.
func CheckTTL(ttl time.Duration) error {
	switch {
	case ttl < MinTTL:
		return invalid("TTL %s is below %s", ttl, MinTTL)
	case ttl > MaxTTL:
		return invalid("TTL %s is above ten years", ttl)
	case ttl%time.Millisecond != 0:
		return invalid("TTL %s is no whole number of milliseconds", ttl)
	}
	return nil
}

func checkLength(what, value string, limit int) error {
	if len(value) > limit {
		return invalid("the %s %q has %d bytes; at most %d are allowed", what, shorten(value), len(value), limit)
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
