package lockcore

import (
	"strings"
	"testing"
)

func TestLedgersLieInTheirLocksSlot(t *testing.T) {
	for _, c := range []struct {
		key, ledger string
		same        bool
	}{
		{"lock:7", "locktop:{lock:7}", true},
		{"{lock:7}", "locktop::{lock:7}", true},
		{"lock:{7}", "locktop:lock:{7}", true},
		{"lock:{7}:a{b}", "locktop:lock:{7}:a{b}", true},
		{":{7}", "locktop:::{7}", true},
		{"lock:{7", "locktop:{lock:{7}", true},
		{"lock:{}x", "locktop:{lock:{}x}", false},
		{"lock:}{", "locktop:{lock:}{}", false},
		{"}", "locktop:{}}", false},
		{"{", "locktop:{{}", true},
		{"{}", "locktop:{{}}", false},
	} {
		ledger, same := LedgerKey(c.key)
		if ledger != c.ledger || same != c.same {
			t.Errorf("the ledger of %q is %q, same slot: %v; should be %q, %v", c.key, ledger, same, c.ledger, c.same)
		}
		if key, ok := LockOf(ledger); !ok || key != c.key {
			t.Errorf("%q is the ledger of %q, %v; should be of %q", ledger, key, ok, c.key)
		}
	}
	for _, name := range []string{"lock:7", "locktop:audit", "locktop:canary:1", "locktop:", "locktop:{}", "locktop:{lock:{7}}", "locktop::a"} {
		if key, ok := LockOf(name); ok {
			t.Errorf("%q counts as the ledger of %q", name, key)
		}
	}
}

func FuzzNoTwoLocksShareALedger(f *testing.F) {
	for _, key := range []string{"lock:7", "{lock:7}", ":{7}", "lock:{}x", "}{", "a{b}c}"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) != nil {
			return
		}
		// The way back is a function, so two locks with one ledger would be one lock.
		ledger, _ := LedgerKey(key)
		if got, ok := LockOf(ledger); !ok || got != key {
			t.Errorf("the ledger of %q is %q, and that is the ledger of %q, %v", key, ledger, got, ok)
		}
		if !strings.HasPrefix(ledger, LedgerPrefix) {
			t.Errorf("%q", ledger)
		}
	})
}

func FuzzALedgerIsDataFromOutside(f *testing.F) {
	f.Add("h", "1 2 3 - me", "w:evt", "1 2 3 me")
	f.Add("p0", "1 2 3 4 released - - - - me", "m", "1.79e15")
	f.Add("s", "5 0 9 1 2 3 4 forced op by reason r me", "x", "9 9")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		l := parseLedger([]string{n1, v1, n2, v2})
		if l == nil {
			t.Fatal("a ledger with fields counts as none")
		}
		if l.HighestFence >= 1<<53 || l.Denied < 0 || l.NotListed < 0 {
			t.Errorf("read as %+v", l)
		}
	})
}
