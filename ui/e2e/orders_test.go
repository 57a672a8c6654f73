package e2e

// Orders of the dashboard that are more than a forced release.

import (
	"strings"
	"testing"
)

// fill opens a dialog on the only lock by its key and types into its fields.
func (term *terminal) fill(open string, fields ...string) {
	term.t.Helper()
	term.shows("lock:invoice_7")
	term.types(open)
	term.shows("Cancel")
	// Keys of the first moment are dropped, so the first letter is typed until it is there.
	term.until("the dialog to take keys", func(s string) bool {
		if strings.Contains(line(s, "Reason"), "#") {
			return true
		}
		term.types("#")
		return false
	})
	for _, f := range fields {
		term.types("\x15" + f + enter) // ctrl+u clears the field
	}
	term.types(tab + enter) // from Cancel to the button
}

func TestALockIsSeizedFromTheDashboard(t *testing.T) {
	srv := server(t)
	trail(t)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 120, 24, "--operator", "ann")
	term.fill("X", "INC-42: it hangs", "5m")
	term.shows("seized lock:invoice_7")
	if owner := srv.CLI("GET", "lock:invoice_7"); !strings.HasPrefix(owner, "ann/") {
		t.Errorf("held by %q", owner)
	}
	if code, out := locktop(t, srv, "release", "lock:invoice_7", "--owner", owner32); code != 4 || !strings.Contains(out, "INC-42: it hangs") {
		t.Errorf("the old owner's release ends with %d: %s", code, out)
	}
	if all := onRecord(t, srv.URL()); len(all) != 1 || all[0]["kind"] != "seize" || all[0]["outcome"] != "done" {
		t.Errorf("on record is %v", all)
	}
}

func TestAForcedReleaseIsUndoneFromTheDashboard(t *testing.T) {
	srv := server(t)
	trail(t)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 120, 24, "--operator", "ann")
	term.fill("x", "a mistake")
	term.shows("u gives it back")
	term.until("the lock to be free", func(s string) bool { return strings.Contains(s, "held 0") })
	term.types("u")
	term.shows("gave lock:invoice_7 back to " + owner32)
	if owner := srv.CLI("GET", "lock:invoice_7"); owner != owner32 {
		t.Errorf("held by %q", owner)
	}
	// Once more, and somebody takes it who keeps no record, and is gone again.
	term.shows("held 1")
	term.fill("x", "a mistake")
	term.shows("u gives it back")
	srv.CLI("SET", "lock:invoice_7", "thief")
	term.shows("thief")
	srv.CLI("DEL", "lock:invoice_7")
	term.until("the lock to be free", func(s string) bool { return strings.Contains(s, "held 0") })
	term.types("u")
	term.shows("not undone: thief took lock:invoice_7")
	if n := srv.CLI("EXISTS", "lock:invoice_7"); n != "0" {
		t.Error("the lock was given back")
	}
	if all := onRecord(t, srv.URL()); len(all) != 3 || all[1]["kind"] != "undo" || all[1]["undoes"] != all[0]["operation"] {
		t.Errorf("on record is %v", all)
	}
}
