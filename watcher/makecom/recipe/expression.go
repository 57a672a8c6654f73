package recipe

// Make expressions: text with {{…}} in it, which Make replaces by values of the execution.
//
// Make puts values into a raw JSON body as they are. A quote, a backslash or a line break in one would end the string or
// the command, and a brace would change which ledger belongs to a key. encodeURL leaves none of these: what it does not
// encode are letters, digits and -_.!~*'(), so that ordinary ids stay what they are.

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"locktop/lockcore"
)

// OwnerExpression is the owner of a lock: the id of the execution, 32 hex digits. A retry has another one.
const OwnerExpression = "{{var.scenario.executionId}}"

// part is literal text, or the inside of a {{…}}.
type part struct {
	text   string
	mapped bool
}

type expression []part

// parse reads an expression. what names it in errors, which are one line each.
func parse(what, text string) (expression, error) {
	wrong := func(format string, args ...any) (expression, error) {
		return nil, fmt.Errorf("%s %q: %s", what, text, fmt.Sprintf(format, args...))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return wrong("it must be text without line breaks")
	}
	var parts expression
	mapped := false
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{{")
		if strings.ContainsAny(literal, "{}") {
			return wrong("a brace outside of {{…}} is not possible here, since the ledger's name depends on braces")
		}
		if literal != "" {
			parts = append(parts, part{text: literal})
		}
		if !found {
			break
		}
		inside, after, found := cutMapped(after)
		switch inside = strings.TrimSpace(inside); {
		case !found:
			return wrong("a {{ has no }}")
		case strings.ContainsAny(inside, "{}"):
			return wrong("a brace within {{…}} is not possible here")
		case inside == "":
			return wrong("{{}} is empty; put a field in, such as {{1.customer_id}}")
		case bare.MatchString(inside) && !strings.HasPrefix(inside, "var.") && !strings.HasPrefix(inside, "sys."):
			return wrong("{{%s}} names no module; write {{1.%s}} for a field of the webhook, which is module 1", inside, inside)
		}
		parts, mapped = append(parts, part{inside, true}), true
		rest = after
	}
	if !mapped {
		return wrong("it is the same for every event; put a field in, such as {{1.customer_id}}")
	}
	return parts, nil
}

// bare is a name, or a path that begins with one; a field of a module begins with the module's number.
var bare = regexp.MustCompile(`^[A-Za-z_][\w.]*$`)

// cutMapped cuts at the first }} that is not within quotes.
func cutMapped(text string) (inside, after string, found bool) {
	quoted := false
	for i := range len(text) {
		if text[i] == '"' {
			quoted = !quoted
		}
		if !quoted && strings.HasPrefix(text[i:], "}}") {
			return text[:i], text[i+2:], true
		}
	}
	return "", "", false
}

// parseResource reads the key of a lock: it begins with text, since that is what finds locks, and a value that stood there
// could make a key of locktop's own.
func parseResource(text string) (expression, error) {
	e, err := parse("resource", text)
	if err != nil {
		return nil, err
	}
	if e[0].mapped {
		return nil, fmt.Errorf("resource %q: it must begin with text, such as lock:, so that locktop finds the lock", text)
	}
	if strings.HasPrefix(e[0].text, lockcore.LedgerPrefix) {
		return nil, fmt.Errorf("resource %q: keys that start with %s are locktop's own records", text, lockcore.LedgerPrefix)
	}
	return e, nil
}

// String is the expression as it was written.
func (e expression) String() string {
	return e.write(func(s string) string { return s }, func(s string) string { return s })
}

// safe is the expression with every value encoded, unless it is already or needs no encoding.
func (e expression) safe() expression {
	encoded := make(expression, len(e))
	for i, p := range e {
		if p.mapped && !isEncoded(p.text) && "{{"+p.text+"}}" != OwnerExpression {
			p.text = "encodeURL(" + p.text + ")"
		}
		encoded[i] = p
	}
	return encoded
}

// isEncoded tells whether all of this is within one encodeURL(…).
func isEncoded(text string) bool {
	inside, ok := strings.CutPrefix(text, "encodeURL(")
	depth, quoted := 1, false
	for i, r := range inside {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		}
		if depth == 0 {
			return ok && i == len(inside)-1
		}
	}
	return false
}

// quoted is a JSON string that is one once Make has put the values in.
func (e expression) quoted() string {
	return `"` + e.write(inJSON, func(s string) string { return s }) + `"`
}

func (e expression) write(literal, mapped func(string) string) string {
	var out strings.Builder
	for _, p := range e {
		if p.mapped {
			out.WriteString("{{" + mapped(p.text) + "}}")
		} else {
			out.WriteString(literal(p.text))
		}
	}
	return out.String()
}

// ledger is the expression of the ledger's key. Of a key without braces, as these are once their values are encoded,
// it is locktop:{key} (lockcore.LedgerKey). The script looks whether it is, and refuses any other.
func (e expression) ledger() expression {
	return append(append(expression{{text: lockcore.LedgerPrefix + "{"}}, e...), part{text: "}"})
}

// inJSON is text as it stands between the quotes of a JSON string, with <, > and & as they are.
func inJSON(text string) string {
	var out strings.Builder
	in := json.NewEncoder(&out)
	in.SetEscapeHTML(false)
	in.Encode(text) // text never fails
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out.String()), `"`), `"`)
}
