package watcher

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTextIsMadeSafeAndStaysTellable(t *testing.T) {
	for _, c := range []struct{ raw, shown string }{
		{"lock:stripe_cus_123", "lock:stripe_cus_123"},
		{"lock:\x1b]0;x\a", `lock:\x1b]0;x\a`},
		{"\x1b[2J", `\x1b[2J`},
		{"a\nb\rc\td\x00e\x7f", `a\nb\rc\td\x00e\x7f`},
		{"\u009b2J", `\u009b2J`},
		{"\xff\xfe", `\xff\xfe`},
		{"a\u202egnp.exe", `a\u202egnp.exe`},
		{"a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"back\\slash", `back\\slash`},
		{`\x1b`, `\\x1b`},
		{"kunde_ü_顧客_🔒", "kunde_ü_顧客_🔒"},
		{"e\u0301", `e\u0301`},
		{"a\u00a0b\u3000c", `a\u00a0b\u3000c`},
		{"\u3164x", `\u3164x`},
		{"\U000e0041", `\U000e0041`},
		{"it's \"so\"", `it's "so"`},
	} {
		got := NewText(c.raw)
		if got.String() != c.shown || got.Raw() != c.raw {
			t.Errorf("%q is shown as %q, should be %q", c.raw, got.String(), c.shown)
		}
	}
	long := NewText(strings.Repeat("ü", 10_000))
	if n := utf8.RuneCountInString(long.String()); n > shownLimit+1 || !strings.HasSuffix(long.String(), "…") {
		t.Errorf("10,000 runes are shown as %d", n)
	}
}

func FuzzTextNeverReachesTheTerminalRaw(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J", "\u009b", "\xff", "\u202e", "a\\b", "🔒", "'", "\\'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := NewText(s).String()
		if !utf8.ValidString(shown) {
			t.Fatalf("%q is shown as invalid UTF-8 %q", s, shown)
		}
		for _, r := range shown {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is shown with %U", s, r)
			}
		}
		b, err := json.Marshal(NewText(s))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(b) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is written as %s with %U", s, b, r)
			}
		}
		var back any
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q is written as %s: %v", s, b, err)
		}
		switch back := back.(type) {
		case string:
			if back != s {
				t.Fatalf("%q comes back as %q", s, back)
			}
		case map[string]any:
			raw, err := base64.StdEncoding.DecodeString(back["base64"].(string))
			if err != nil || string(raw) != s || utf8.ValidString(s) {
				t.Fatalf("%q comes back as %q, %v", s, raw, err)
			}
		}
	})
}
