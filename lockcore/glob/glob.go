// Package glob matches keys and channels as Redis does: the patterns of KEYS,
// SCAN MATCH, PSUBSCRIBE and CONFIG GET.
//
//	?      one byte
//	*      any bytes, also none
//	[abc]  one of these bytes; [^abc] one that is none of these; [a-z] a range, in either order
//	\x     x itself, inside of brackets too
//
// Everything is bytes, case counts, and nothing is special about '/' or a leading '.'.
// An open bracket that is never closed ends with the pattern, as in Redis.
package glob

import "strings"

// Match tells whether the whole of s matches pattern. It takes at most
// len(pattern) × len(s) steps: of several stars only the last one is ever
// widened, since whatever an earlier one could gain, the last one can too.
func Match(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0 // where to go on when what follows the last star fails: the pattern after it, the string it has not eaten
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, i
			continue
		}
		if width, ok := one(pattern[p:], s[i]); ok {
			p += width
			i++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// one matches b against the first item of a pattern that does not begin with a
// star, and gives the item's length.
func one(pattern string, b byte) (width int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return class(pattern, b)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == b
		}
	}
	return 1, pattern[0] == b
}

// class matches b against a bracket expression, whose first byte is '['.
func class(pattern string, b byte) (width int, ok bool) {
	p := 1
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == b
		case p+2 < len(pattern) && pattern[p+1] == '-':
			lo, hi := pattern[p], pattern[p+2]
			if lo > hi {
				lo, hi = hi, lo
			}
			p += 2
			ok = ok || lo <= b && b <= hi
		default:
			ok = ok || pattern[p] == b
		}
	}
	if p < len(pattern) {
		p++ // the closing bracket
	}
	return p, ok != not
}

var escaper = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `\`, `\\`)

// Escape gives a pattern that matches literal and nothing else.
func Escape(literal string) string { return escaper.Replace(literal) }
