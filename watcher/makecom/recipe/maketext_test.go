package recipe

// Make expressions, evaluated as Make does it, as far as recipes use them.

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fill puts values into a text. What it cannot read fails the test, since Make would not import or run it.
func (x *execution) fill(t testing.TB, text string) any {
	t.Helper()
	var parts []any
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{{")
		if literal != "" {
			parts = append(parts, literal)
		}
		if !found {
			break
		}
		inside, after, found := cutMapped(after)
		if !found {
			t.Fatalf("a {{ without an end in %.60q", text)
		}
		e := &reader{t: t, x: x, rest: inside}
		value := e.value()
		if strings.TrimSpace(e.rest) != "" {
			t.Fatalf("{{%s}}: what is %q?", inside, e.rest)
		}
		parts, rest = append(parts, value), after
	}
	if len(parts) == 1 {
		return parts[0]
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(asText(p))
	}
	return all.String()
}

func asText(v any) string {
	if v == nil {
		return "" // what does not exist is empty
	}
	return fmt.Sprint(v)
}

// reader reads one expression.
type reader struct {
	t    testing.TB
	x    *execution
	rest string
}

func (r *reader) value() any {
	r.t.Helper()
	r.rest = strings.TrimLeft(r.rest, " ")
	if text, ok := strings.CutPrefix(r.rest, `"`); ok {
		inside, after, closed := strings.Cut(text, `"`)
		if !closed {
			r.t.Fatalf("a quote without an end: %q", r.rest)
		}
		r.rest = after
		return inside
	}
	end := strings.IndexAny(r.rest, "(); ")
	if end < 0 {
		end = len(r.rest)
	}
	name := r.rest[:end]
	r.rest = r.rest[end:]
	if !strings.HasPrefix(r.rest, "(") {
		return r.x.field(r.t, name)
	}
	var arguments []any
	for r.rest = r.rest[1:]; ; r.rest = r.rest[1:] {
		arguments = append(arguments, r.value())
		if r.rest = strings.TrimLeft(r.rest, " "); strings.HasPrefix(r.rest, ")") {
			r.rest = r.rest[1:]
			break
		} else if !strings.HasPrefix(r.rest, ";") {
			r.t.Fatalf("%s(…: what is %q?", name, r.rest)
		}
	}
	switch {
	case name == "encodeURL" && len(arguments) == 1:
		return encodeURL(asText(arguments[0]))
	case name == "formatDate" && len(arguments) == 2 && arguments[1] == "X":
		return strconv.FormatInt(arguments[0].(time.Time).Unix(), 10)
	}
	r.t.Fatalf("there is no %s of %d arguments here", name, len(arguments))
	return nil
}

// field is a value by its path.
func (x *execution) field(t testing.TB, path string) any {
	t.Helper()
	switch path {
	case "now":
		return time.Now() // the server's TTLs are real as well
	case "var.scenario.executionId":
		return x.id
	case "sys.IMTID":
		return "imt_" + x.id
	}
	first, rest, _ := strings.Cut(path, ".")
	id, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("{{%s}} names no module", path)
	}
	at := any(x.out[id])
	for name := range strings.SplitSeq(rest, ".") {
		fields, _ := at.(map[string]any)
		at = fields[name]
	}
	return at
}

// encodeURL is the one of JavaScript, encodeURIComponent.
func encodeURL(s string) string {
	var out strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
