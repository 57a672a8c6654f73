package cli

// Values of flags and arguments: durations, counts, fences, and keys and owners that need
// not be text.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"locktop/lockcore"
)

// binaryPrefix begins a key or owner that is given as base64, because it is not text.
const binaryPrefix = "base64:"

// bytesOf reads a key, owner or work as it is given on the command line. what names it in errors.
func bytesOf(what, given string) (string, error) {
	encoded, ok := strings.CutPrefix(given, binaryPrefix)
	if !ok {
		return given, nil
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(encoded)
	}
	if err != nil {
		return "", usage("%s %q: what follows %s is not base64", what, given, binaryPrefix)
	}
	return string(raw), nil
}

// given is a key or owner as bytesOf reads it: as it is, or base64 where it is not plain text.
func given(raw string) string {
	if !utf8.ValidString(raw) || strings.HasPrefix(raw, binaryPrefix) ||
		strings.ContainsFunc(raw, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return base64Of(raw)
	}
	return raw
}

func base64Of(raw string) string {
	return binaryPrefix + base64.StdEncoding.EncodeToString([]byte(raw))
}

// quoted is a key or owner as it can be pasted into a shell.
func quoted(raw string) string {
	s := given(raw)
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-:./@%+=,", r)
	}
	if s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool { return !safe(r) }) {
		return s
	}
	s = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	if s[1] == '-' {
		return "-- " + s
	}
	return s
}

// span is a flag's duration. Unlike the standard one it says how to write a number without a unit.
type span time.Duration

// Set reads a duration with its unit.
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		if _, number := strconv.ParseFloat(text, 64); number == nil {
			return errors.New("a duration needs a unit, as in 15s, 1500ms or 2m")
		}
		return errors.New("a duration is written as in 15s, 1500ms or 2m")
	}
	*s = span(d)
	return nil
}

// String leaves out the units that are 0.
func (s *span) String() string {
	text := time.Duration(*s).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Type is shown in the help.
func (*span) Type() string { return "duration" }

// count is a flag's whole number.
type count int

// Set reads decimal digits.
func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("a whole number is wanted")
	}
	*c = count(n)
	return nil
}

func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Type is shown in the help.
func (*count) Type() string { return "number" }

// fenceOf reads a fence; empty is none. what names it in errors.
func fenceOf(what, given string) (lockcore.Fence, error) {
	if given == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(given, 10, 64)
	if err != nil || n == 0 || n >= 1<<53 {
		return 0, usage("%s %q: a fence is the number that acquire printed", what, given)
	}
	return lockcore.Fence(n), nil
}

// spell is a duration as people read it: two or three digits that matter.
func spell(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(strconv.FormatFloat(float64(d.Truncate(100*time.Millisecond))/float64(time.Second), 'f', 1, 64), ".0") + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// forAnother ends "held by X …".
func forAnother(ttl time.Duration) string {
	if ttl == lockcore.NoTTL {
		return "without a TTL, so it never expires by itself"
	}
	return "for another " + spell(ttl)
}
