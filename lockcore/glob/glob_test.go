package glob

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "lock:1", true},
		{"lock:*", "lock:", true},
		{"lock:*", "lock:1", true},
		{"lock:*", "Lock:1", false},
		{"lock:*", "a lock:1", false},
		{"*:1", "lock:1", true},
		{"*a*b*c*", "xxaxxbxxcxx", true},
		{"*a*b*c*", "xxaxxcxxbxx", false},
		{"a**b", "ab", true},
		{"a*b*", "acb", true},
		{"*ab", "aab", true},
		{"*?", "", false},
		{"?", "a", true},
		{"?", "ab", false},
		{"?", "é", false}, // bytes, not runes
		{"??", "é", true},
		{"h[ae]llo", "hallo", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hallo", true},
		{"h[^e]llo", "hello", false},
		{"h[a-c]llo", "hbllo", true},
		{"h[c-a]llo", "hbllo", true},
		{"h[a-c]llo", "hdllo", false},
		{"[]", "]", false},
		{"[]", "", false},
		{"[^]", "x", true},
		{"[^]x", "yx", true},
		{"[a-]", "a", true}, // the range a–] takes the bracket, and the pattern ends
		{"[a-]", "]", true},
		{"[a-]", "b", false},
		{`[\]]`, "]", true},
		{`[\]]`, `\`, false},
		{`[\a-z]`, "-", true}, // an escaped byte begins no range
		{`[\a-z]`, "m", false},
		{"[abc", "a", true}, // never closed
		{"[abc", "d", false},
		{"[", "a", false},
		{"[^", "a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\`, `\`, true}, // a last backslash is itself
		{`a\`, `a\`, true},
		{`[\`, `\`, true},
		{`\a`, "a", true},
		{"a\x00*", "a\x00b", true},
		{"*\xff", "\xfe\xff", true},
		{"__keyspace@0__:lock:*", "__keyspace@0__:lock:x", true},
	} {
		if got := Match(test.pattern, test.s); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.s, got)
		}
	}
}

// A matcher that tries every width of every star would need longer than the universe has.
func TestManyStarsStaySmall(t *testing.T) {
	start := time.Now()
	if Match(strings.Repeat("a*", 200)+"b", strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "lock:1", `*?[]\`, "[^a-z]", "\\", "\x00\xff"} {
		f.Add(s, s)
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, literal, other string) {
		if !Match(Escape(literal), literal) {
			t.Errorf("Escape(%q) = %q does not match it", literal, Escape(literal))
		}
		if Match(Escape(literal), other) != (literal == other) {
			t.Errorf("Escape(%q) = %q and %q", literal, Escape(literal), other)
		}
		if Match(literal, other) && literal == "" && other != "" {
			t.Errorf("an empty pattern matches %q", other)
		}
		if !Match(Escape(literal)+"*", literal+other) {
			t.Errorf("Escape(%q) is no prefix pattern for %q", literal, literal+other)
		}
	})
}

func BenchmarkPrefix(b *testing.B) {
	for b.Loop() {
		Match("__keyspace@0__:lock:*", "__keyspace@0__:lock:stripe_cus_123")
	}
}
