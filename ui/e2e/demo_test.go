package e2e

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	heldCount    = regexp.MustCompile(`held (\d+)`)
	waitingCount = regexp.MustCompile(`waiting (\d+)`)
	joinURL      = regexp.MustCompile(`redis://127\.0\.0\.1:\d+/0`)
)

func number(re *regexp.Regexp, s string) int {
	m := re.FindStringSubmatch(s)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func TestTheDemoShowsABurstAndItsWaiters(t *testing.T) {
	term := start(t, 200, 60, nil, "demo")
	owner := regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	s := term.until("30 held locks, their owners and 9 waiters", func(s string) bool {
		return number(heldCount, s) >= 30 && number(waitingCount, s) == 9 && len(owner.FindAllString(s, -1)) >= 30
	})
	// A second program joins by the URL of the header.
	url := joinURL.FindString(s)
	out, err := exec.Command(binary, "list", "--all", "--json", "--url", url).Output()
	if err != nil {
		t.Fatalf("list on %s: %v", url, err)
	}
	var locks []struct {
		Waiters []struct {
			NextRetry string `json:"next_retry"`
		} `json:"waiters"`
	}
	if err := json.Unmarshal(out, &locks); err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for _, l := range locks {
		for _, w := range l.Waiters {
			waiting++
			if w.NextRetry == "" {
				t.Errorf("a waiter has no next retry")
			}
		}
	}
	if waiting != 9 {
		t.Errorf("a second program sees %d waiters", waiting)
	}
	term.until("the first wave to be over and the waiters still there", func(s string) bool {
		return number(heldCount, s) == 0 && number(waitingCount, s) == 9 && strings.Contains(s, "awaited")
	})
	term.types("q")
	if code := term.ends(); code != 0 {
		t.Errorf("q ends with %d", code)
	}
	term.left()
}

func TestInTheDemoWaitersComeBackAndGetIn(t *testing.T) {
	term := start(t, 120, 40, nil, "demo", "--speed", "20")
	term.until("nine waiters", func(s string) bool { return number(waitingCount, s) == 9 })
	term.until("three of them to get in", func(s string) bool { return number(waitingCount, s) == 6 })
	term.until("three more", func(s string) bool { return number(waitingCount, s) == 3 })
}

func TestWithoutATerminalTheDemoIsOneRoundAndASummary(t *testing.T) {
	out, err := exec.Command(binary, "demo", "--speed", "100", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var summary map[string]any
	if err := json.Unmarshal(out, &summary); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
