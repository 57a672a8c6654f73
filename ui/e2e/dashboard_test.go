package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"locktop/lockcore/locktest"
)

const owner32 = "cc1c49323b344687a324888762206003"

func server(t *testing.T) *locktest.Redis {
	t.Helper()
	return locktest.StartRedis(t, "--notify-keyspace-events", "K$gxeh")
}

// open is the dashboard on a server, once its picture is complete.
func open(t *testing.T, srv *locktest.Redis, cols, rows int, args ...string) *terminal {
	t.Helper()
	term := start(t, cols, rows, nil, append([]string{"--url", srv.URL()}, args...)...)
	term.shows("live")
	return term
}

// locktop runs another command against the same server and gives its exit code and output.
func locktop(t *testing.T, srv *locktest.Redis, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(binary, append(args, "--url", srv.URL())...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// left checks that the terminal is as it was found: the main screen, the cursor, no mouse, no paste mode.
func (term *terminal) left() {
	term.t.Helper()
	for on, off := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l"} {
		if drawn := term.drawn(); strings.LastIndex(drawn, on) > strings.LastIndex(drawn, off) {
			term.t.Errorf("%q was switched on and not off again", on)
		}
	}
}

var shownTTL = regexp.MustCompile(`(\d+(?:\.\d)?)s`)

// seconds are the last seconds on a line, such as its TTL where nothing comes after it.
func seconds(t *testing.T, line string) float64 {
	t.Helper()
	all := shownTTL.FindAllStringSubmatch(line, -1)
	if len(all) == 0 {
		t.Fatalf("no seconds in %q", line)
	}
	s, err := strconv.ParseFloat(all[len(all)-1][1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPlainLockAppearsCountsDownAndGoes(t *testing.T) {
	srv := server(t)
	term := open(t, srv, 80, 24)
	srv.CLI("SET", "lock:stripe_cus_123", owner32, "NX", "PX", "15000")
	s := term.shows("lock:stripe_cus_123")
	first := seconds(t, line(s, "lock:stripe_cus_123"))
	if first > 15 {
		t.Errorf("of 15 s are left %v:\n%s", first, s)
	}
	term.until("the TTL to count down", func(s string) bool {
		l := line(s, "lock:stripe_cus_123")
		return l != "" && strings.Contains(l, "s") && seconds(t, l) < first
	})
	if s := term.screen(); !strings.Contains(s, "held 1") || !strings.Contains(line(s, "lock:stripe_cus_123"), "cc1c49") {
		t.Errorf("the screen is\n%s", s)
	}
	srv.CLI("DEL", "lock:stripe_cus_123")
	term.until("the deleted lock to be told as such", func(s string) bool {
		return strings.Contains(line(s, "lock:stripe_cus_123"), "deleted") && strings.Contains(s, "held 0")
	})
	srv.CLI("SET", "lock:short", owner32, "NX", "PX", "300")
	term.until("the expired lock to be told as such", func(s string) bool {
		return strings.Contains(line(s, "lock:short"), "expired") && strings.Contains(s, "expired 1")
	})
	term.showsNot("lock:short") // after a while it goes
	term.types("q")
	if code := term.ends(); code != 0 {
		t.Errorf("q ends with %d", code)
	}
	term.left()
}

func TestADeniedWorkShowsUpAsAWaiter(t *testing.T) {
	srv := server(t)
	term := open(t, srv, 120, 40)
	if code, out := locktop(t, srv, "acquire", "lock:invoice_7", "--owner", "first", "--ttl", "60s"); code != 0 {
		t.Fatalf("the first acquire ends with %d: %s", code, out)
	}
	if code, out := locktop(t, srv, "acquire", "lock:invoice_7", "--owner", "second", "--work", "evt_2"); code != 3 || !strings.Contains(out, "first") {
		t.Errorf("the second acquire ends with %d: %s", code, out)
	}
	term.shows("waiting 1")
	s := term.shows("contended")
	if l := line(s, "lock:invoice_7"); !regexp.MustCompile(` 1 +1 +\d+s `).MatchString(l) {
		t.Errorf("one waiter, one denial and a countdown are shown as %q", l)
	}
	term.shows("evt_2") // in the details, which stand below the table where there is room
	term.types("/nothing-like-it" + enter)
	term.showsNot("contended")
	term.types(escape)
	term.shows("contended")
	term.types(ctrlC)
	if code := term.ends(); code != 0 {
		t.Errorf("ctrl+c ends with %d", code)
	}
	term.left()
}

func TestALostServerIsABannerAndThenTheTruth(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:before", owner32)
	term := open(t, srv, 80, 24)
	term.shows("lock:before")
	srv.Kill()
	term.showsNot("live")
	term.until("a banner", func(s string) bool { return strings.Contains(s, "connect") || strings.Contains(s, "lost") })
	srv.Start()
	srv.CLI("SET", "lock:after", owner32)
	term.shows("live")
	term.shows("lock:after")
	term.showsNot("lock:before")
}

func TestAServerThatIsNotThereIsToldAndTriedAgain(t *testing.T) {
	srv := server(t)
	srv.Kill()
	term := start(t, 80, 24, nil, "--url", srv.URL())
	term.shows("refused")
	srv.Start()
	term.shows("live")
}

// force opens the dialog on the only lock, waits until it takes keys and fills it in.
func (term *terminal) force(reason, name string) {
	term.t.Helper()
	term.shows("lock:invoice_7")
	term.types("x")
	term.shows("Cancel")
	// Keys of the first moment are dropped, so the first letter is typed until it is there.
	term.until("the dialog to take keys", func(s string) bool {
		if strings.Contains(line(s, "Reason"), "#") {
			return true
		}
		term.types("#")
		return false
	})
	term.types("\x15" + reason) // ctrl+u clears the field
	term.shows(reason)
	term.types(enter)
	if name != "" {
		term.types(name + enter)
	}
}

func TestAStuckLockIsReleasedByForce(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 80, 24, "--operator", "ann")
	term.force("its worker is gone", "")
	term.types(tab + enter) // from Cancel to Release
	term.until("the lock to be free", func(s string) bool { return strings.Contains(s, "held 0") })
	if got := srv.CLI("EXISTS", "lock:invoice_7"); got != "0" {
		t.Errorf("the lock is still there")
	}
	if _, got := locktop(t, srv, "inspect", "lock:invoice_7"); !strings.Contains(got, "forced by ann: its worker is gone") {
		t.Errorf("recorded is %q", got)
	}
	if code, out := locktop(t, srv, "release", "lock:invoice_7", "--owner", owner32); code != 4 || !strings.Contains(out, "ann") || !strings.Contains(out, "its worker is gone") {
		t.Errorf("the old owner's release ends with %d: %s", code, out)
	}
}

func TestALiveHoldIsReleasedOnlyWithItsNameAndCancelIsTheDefault(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:invoice_7", owner32, "PX", "600000")
	term := open(t, srv, 80, 24)
	term.force("why not", "lock:invoice_7")
	term.types(enter) // on Cancel
	term.showsNot("Cancel")
	if got := srv.CLI("GET", "lock:invoice_7"); got != owner32 {
		t.Fatalf("held by %q", got)
	}
	term.force("why not", "lock:invoice_8") // not its name
	term.types(tab + enter)
	term.types(escape)
	term.showsNot("Cancel")
	if got := srv.CLI("GET", "lock:invoice_7"); got != owner32 {
		t.Fatalf("held by %q", got)
	}
	term.force("it hangs", "lock:invoice_7")
	term.types(tab + enter)
	term.until("the lock to be free", func(s string) bool { return strings.Contains(s, "held 0") })
}

func TestAHoldThatChangedWhileTheDialogWasOpenIsNotReleased(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:invoice_7", "first-owner")
	term := open(t, srv, 80, 24)
	term.force("it is stuck", "")
	srv.CLI("DEL", "lock:invoice_7")
	srv.CLI("SET", "lock:invoice_7", "second-owner", "NX", "PX", "600000")
	term.types(tab + enter)
	term.shows("second-owner")
	if got := srv.CLI("GET", "lock:invoice_7"); got != "second-owner" {
		t.Errorf("held by %q", got)
	}
}

func TestHostileNamesDoTheTerminalNothing(t *testing.T) {
	srv := server(t)
	term := open(t, srv, 80, 24)
	key, owner := "lock:\x1b]0;pwned\a", "a\x1b[2Jb\u202ec\u009b31m"
	srv.CLI("SET", key, owner)
	term.shows(`lock:\x1b]0;pwned\a`)
	term.types(enter)
	term.shows(`a\x1b[2Jb\u202ec\u009b31m`)
	term.types(escape + "e")
	term.types("q")
	term.ends()
	for _, bad := range []string{"\x1b]0;pwned", "\x1b[2Jb", "\u202e", "\u009b"} {
		if strings.Contains(term.drawn(), bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
}

func TestReadOnlyReleasesNothing(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:invoice_7", owner32)
	term := open(t, srv, 80, 24, "--read-only")
	term.shows("lock:invoice_7")
	term.types("x")
	term.until("a refusal", func(s string) bool { return strings.Count(strings.ToLower(s), "read-only") > 1 })
	if s := term.screen(); strings.Contains(s, "Cancel") {
		t.Errorf("a dialog opened:\n%s", s)
	}
}

func TestASignalLeavesTheTerminalAsItWas(t *testing.T) {
	srv := server(t)
	for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		term := open(t, srv, 80, 24)
		term.cmd.Process.Signal(signal)
		if got := term.ends(); got != code {
			t.Errorf("%s ends with %d", signal, got)
		}
		term.left()
	}
}

func TestEverySizeIsDrawnWhole(t *testing.T) {
	srv := server(t)
	for _, key := range []string{"lock:a", "lock:b", "lock:a_name_that_is_much_longer_than_any_column_would_like_it_to_be_123456"} {
		srv.CLI("SET", key, owner32, "PX", "600000")
	}
	term := open(t, srv, 80, 24)
	for _, size := range [][2]int{{40, 10}, {120, 40}, {200, 60}, {300, 100}, {80, 24}} {
		term.resize(size[0], size[1])
		s := term.until("the new size", func(s string) bool {
			lines := strings.Split(s, "\n")
			return len(lines) >= size[1] && strings.Contains(lines[size[1]-1], "help") && strings.Contains(s, "held 3")
		})
		if !strings.Contains(s, "lock:a") || !strings.Contains(s, ">") {
			t.Errorf("at %v the screen is\n%s", size, s)
		}
	}
	term.resize(39, 9)
	term.until("a word about the size", func(s string) bool { return strings.Contains(s, "needs 40×10") })
}

func TestWithoutColoursWordsAndMarksSayItAll(t *testing.T) {
	srv := server(t)
	srv.CLI("SET", "lock:a", owner32)
	term := start(t, 80, 24, []string{"NO_COLOR=1"}, "--url", srv.URL())
	s := term.shows("stuck")
	if !strings.HasPrefix(line(s, "lock:a"), ">") {
		t.Errorf("the selection is not marked:\n%s", s)
	}
	if sgr := regexp.MustCompile(`\x1b\[[0-9;]*[1-9][0-9;]*m`).FindString(term.drawn()); sgr != "" {
		t.Errorf("%q was drawn", sgr)
	}
}

// resize makes the window another size, as a person does with the mouse.
func (term *terminal) resize(cols, rows int) {
	term.t.Helper()
	term.mu.Lock()
	term.vt.Resize(cols, rows)
	term.mu.Unlock()
	if err := pty.Setsize(term.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}); err != nil {
		term.t.Fatal(err)
	}
}
