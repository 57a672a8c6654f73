package dashboard

// Text cut to fit: widths in cells, cuts at the end and in the middle, durations in few cells.

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"locktop/lockcore"
	"locktop/watcher"
)

// isASCII tells whether each byte of s is one cell, which most keys and owners are.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// width is how many cells s takes.
func width(s string) int {
	if isASCII(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

const blanks = "                                                                                                                                "

func spaces(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(blanks):
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}

// cut leaves out the end of what does not fit.
func cut(s string, w int) string {
	switch {
	case w <= 0:
		return ""
	case isASCII(s):
		if len(s) <= w {
			return s
		}
		return s[:w-1] + "…"
	}
	return ansi.Truncate(s, w, "…")
}

// cutMiddle leaves out the middle of what does not fit, so that both ends show.
func cutMiddle(s string, w int) string {
	if w <= 0 {
		return ""
	}
	left := (w - 1 + 1) / 2
	right := w - 1 - left
	if isASCII(s) {
		if len(s) <= w {
			return s
		}
		return s[:left] + "…" + s[len(s)-right:]
	}
	full := ansi.StringWidth(s)
	if full <= w {
		return s
	}
	return ansi.Truncate(s, left, "") + "…" + tail(s, full, right)
}

// tail is the end of s, which takes full cells, in at most w. A wide rune on the edge leaves a cell unused.
func tail(s string, full, w int) string {
	for from := max(full-w, 0); from < full; from++ {
		if end := ansi.TruncateLeft(s, from, ""); ansi.StringWidth(end) <= w {
			return end
		}
	}
	return ""
}

// pad fills s up to w cells; what is too long is cut.
func pad(s string, w int) string {
	n := width(s)
	if n > w {
		s = cut(s, w)
		n = width(s)
	}
	return s + spaces(w-n)
}

// padLeft is pad with the text on the right.
func padLeft(s string, w int) string {
	n := width(s)
	if n > w {
		s = cut(s, w)
		n = width(s)
	}
	return spaces(w-n) + s
}

// wrap breaks safe text into at most limit lines.
func wrap(s string, w, limit int) []string {
	if w <= 0 || limit <= 0 {
		return nil
	}
	lines := strings.Split(ansi.Wrap(s, w, ""), "\n")
	if len(lines) > limit {
		rest := strings.Join(lines[limit-1:], " ")
		lines = append(lines[:limit-1], cut(rest, w))
	}
	for i := range lines {
		lines[i] = cut(lines[i], w)
	}
	return lines
}

// short is a duration in at most six cells: 9.4s, 59s, 2m05s, 1h02m, 3d04h, 812d.
func short(d time.Duration) string {
	switch {
	case d == watcher.Unknown:
		return "?"
	case d == lockcore.NoTTL:
		return "no TTL"
	case d < 0:
		return "-" + short(-d)
	case d < 9950*time.Millisecond:
		tenths := int64((d + 50*time.Millisecond) / (100 * time.Millisecond))
		return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + "s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d < 100*24*time.Hour:
		return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

// seconds is a duration for a sentence, without tenths.
func seconds(d time.Duration) string {
	if d = max(d, 0); d < time.Minute {
		return strconv.Itoa(int(d/time.Second)) + " s"
	}
	return short(d)
}

// clock is a time of day, with the day where it is not today's.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return "?"
	}
	t = t.In(now.Location())
	if t.Sub(now).Abs() > 20*time.Hour {
		return t.Format("Jan 2 15:04")
	}
	return t.Format("15:04:05")
}

// countdown is how long until t: "now" where it has come.
func countdown(t, now time.Time) string {
	switch d := t.Sub(now); {
	case t.IsZero():
		return ""
	case d <= 0:
		return "now"
	default:
		return short(d)
	}
}

// number is a count in few cells: 999, 12k, 3M.
func number(n int64) string {
	switch {
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatInt(n/1_000_000, 10) + "M"
}
