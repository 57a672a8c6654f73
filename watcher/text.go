package watcher

// Text from outside: made safe once, where it comes in.

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownLimit bounds what is ever drawn of one key, owner or reason, in runes.
const shownLimit = 512

// Text is a key, owner, work, reason or server message: data that somebody else chose.
// Raw is for comparing and acting and must never reach a terminal; String is what is drawn.
type Text struct {
	raw, shown string
}

// NewText makes s safe to draw: no control character, no bidi or zero-width trick, no
// invalid UTF-8, a bounded length. What is unsafe is shown escaped as in Go's source
// (\x1b, \u202e), so that two texts that differ also look different.
func NewText(s string) Text { return Text{raw: s, shown: safe(s)} }

// Raw is the text as it came, byte for byte.
func (t Text) Raw() string { return t.raw }

// String is the text as it may be shown.
func (t Text) String() string { return t.shown }

// Empty tells whether there is no text at all.
func (t Text) Empty() bool { return t.raw == "" }

func safe(s string) string {
	plain, runes := true, 0
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\'
	}
	if plain && len(s) <= shownLimit {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); runes++ {
		if runes == shownLimit {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case r == '\\':
			b.WriteString(`\\`)
		case drawable(r):
			b.WriteString(s[i : i+size])
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		i += size
	}
	return b.String()
}

// drawable tells whether a rune takes its own cells on the screen and nothing else.
// unicode.IsPrint leaves out controls, bidi and zero-width formats, and every space but
// the plain one; combining marks would change their neighbour, and fill-in characters
// look like nothing.
func drawable(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800': // letters and symbols that show nothing
		return false
	}
	return unicode.IsPrint(r) && !unicode.Is(unicode.M, r)
}

// MarshalJSON gives a JSON string, or {"base64": "…"} where the text is not valid UTF-8.
// What a terminal might act on is escaped there too.
func (t Text) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(t.raw) {
		return []byte(`{"base64":"` + base64.StdEncoding.EncodeToString([]byte(t.raw)) + `"}`), nil
	}
	b := make([]byte, 0, len(t.raw)+2)
	b = append(b, '"')
	for _, r := range t.raw {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			r -= 0x10000
			b = appendEscape(appendEscape(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			b = appendEscape(b, r)
		}
	}
	return append(b, '"'), nil
}

func appendEscape(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
