package cli

import (
	"testing"
	"time"
)

func TestWhatIsShownOfAKeyIsReadBack(t *testing.T) {
	for raw, want := range map[string]string{
		"lock:a": "lock:a", "lock:a b": "'lock:a b'", "it's": `'it'\''s'`, "-x": "-- '-x'", "$(reboot)": "'$(reboot)'", "語": "'語'",
		"\xff": "base64:/w==", "a\x1b": "base64:YRs=", "a\n": "base64:YQo=", "base64:YQ==": "base64:YmFzZTY0OllRPT0=", "a\u202eb": "base64:YeKArmI=",
	} {
		if got := quoted(raw); got != want {
			t.Errorf("%q is quoted as %s instead of %s", raw, got, want)
		}
		if back, err := bytesOf("key", given(raw)); err != nil || back != raw {
			t.Errorf("%q comes back as %q, %v", raw, back, err)
		}
		if back, err := bytesOf("key", cell(raw)); err != nil || back != raw {
			t.Errorf("from CSV %q comes back as %q, %v", raw, back, err)
		}
	}
	if got, err := bytesOf("key", "base64:/w"); err != nil || got != "\xff" {
		t.Errorf("without padding: %q, %v", got, err)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	for _, raw := range []string{"=1", "+1", "-1", "@a", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠a"} {
		if got := cell(raw); got[:7] != "base64:" {
			t.Errorf("%q stays %q", raw, got)
		}
	}
}

func TestDurationsAreSpelledShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 999 * time.Millisecond: "999ms", time.Second: "1s", 12_876 * time.Millisecond: "12.8s", 59_999 * time.Millisecond: "59.9s",
		time.Minute: "1m00s", 3*time.Minute + 7*time.Second: "3m07s", 26*time.Hour + 4*time.Minute: "26h04m", 100 * time.Hour: "4d04h",
	} {
		if got := spell(d); got != want {
			t.Errorf("%s is spelled %s instead of %s", d, got, want)
		}
	}
	for text, want := range map[string]string{"60s": "1m", "1h": "1h", "90s": "1m30s", "0": "0s", "1h30m": "1h30m", "1500ms": "1.5s", "10s": "10s", "3600s": "1h"} {
		var s span
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%s becomes %s, %v", text, s.String(), err)
		}
	}
}
