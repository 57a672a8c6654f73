package upstash

// What an event of a stream means.
//
// The parts of a message are joined by commas, pmessage,<pattern>,<channel>,<message>, and nothing is escaped, while a key may have commas,
// line breaks, anything. Still it can be told what is meant: the pattern is known, since we sent it; the message of a keyspace
// notification is the name of an event, which has no comma; so the channel is all between the pattern's comma and the last
// one. What does not fit is Unclear: a guess would be an event of another lock.

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"locktop/lockcore"
	"locktop/lockcore/glob"
)

// Heard is one thing heard on a subscription. With nothing set it is a sign of life.
type Heard struct {
	Channel string // of a message
	Payload string // the name of an event: set, del, expired …
	// Subscribed is how many patterns are in force, in the confirmation of one.
	Subscribed int
	// Unclear tells that a message came of which it cannot be known what it is about: its key has a line break, is no
	// text, or is longer than 64 KB, or it is no keyspace notification. Whoever needs to know has to look at all keys.
	Unclear bool
}

// dialect is how messages of one pattern look.
type dialect struct {
	pattern string
	confirm string // what a confirmation begins with
	head    string // what a message begins with
}

func newDialect(pattern string) dialect {
	return dialect{pattern: pattern, confirm: "psubscribe," + pattern + ",", head: "pmessage," + pattern + ","}
}

// confirms tells whether this says that the pattern is in force.
func (d dialect) confirms(data string) bool {
	count, ok := strings.CutPrefix(data, d.confirm)
	n, err := strconv.ParseUint(count, 10, 32)
	return ok && err == nil && n > 0
}

// message reads a message of the pattern.
func (d dialect) message(e event) Heard {
	rest, ours := strings.CutPrefix(e.data, d.head)
	comma := strings.LastIndexByte(rest, ',')
	if !e.whole || !ours || comma < 0 {
		return Heard{Unclear: true}
	}
	channel, name := rest[:comma], rest[comma+1:]
	// U+FFFD stands for bytes that are no UTF-8, as elsewhere in this API.
	if !isEventName(name) || !glob.Match(d.pattern, channel) || strings.Contains(channel, "\ufffd") {
		return Heard{Unclear: true}
	}
	return Heard{Channel: channel, Payload: name}
}

// isEventName tells whether a notification could say so: rename_from, xgroup-create, json.set.
func isEventName(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.:|", r)) {
			return false
		}
	}
	return s != ""
}

// refusal is the error that stands in a stream in an event's place, as it stands in an answer: {"error": "…"}. No message begins so.
func refusal(data string) (message string, ok bool) {
	var a answer
	if !strings.HasPrefix(data, "{") || json.Unmarshal([]byte(data), &a) != nil || a.Error == nil {
		return "", false
	}
	return *a.Error, true
}

// checkPatterns refuses what cannot be asked for, or not be told apart in the answer.
func checkPatterns(patterns []string) error {
	if n := len(patterns); n == 0 || n > maxStreams {
		return fmt.Errorf("%w: %d patterns to listen to over REST, where each takes a connection; give 1 to %d", lockcore.ErrInvalid, n, maxStreams)
	}
	for _, p := range patterns {
		if !utf8.ValidString(p) || strings.ContainsAny(p, "\x00\r\n\ufffd") {
			return fmt.Errorf("%w: the pattern %q cannot be listened to over REST, which takes text without line breaks; use the rediss:// address of the same database", lockcore.ErrInvalid, p)
		}
		if strings.Trim(p, ".") == "" {
			return fmt.Errorf("%w: the pattern %q is none", lockcore.ErrInvalid, p)
		}
	}
	return nil
}

// pathSegment writes a pattern as a part of a URL's path. What need not be escaped there is not, as in the requests of
// @upstash/redis, so that nothing depends on how a server decodes it.
func pathSegment(s string) string {
	const plain = "-._~!$&'()*+,;=:@"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}
