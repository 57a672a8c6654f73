package upstash

// Foreign text in errors: what a server, a proxy or net/http wrote, without the token, on one line, cut.

import (
	"encoding/base64"
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxForeign is how much of a server's text an error quotes, in bytes.
	maxForeign = 200
	// maxExamined is how much of it is looked at for the token before it is cut.
	maxExamined = 16 << 10
	// minPiece is how long a piece of the token is worth hiding: servers like to quote its beginning.
	minPiece = 8
)

// secret hides a token.
type secret struct {
	token string
	forms []string // other ways to write it
}

func newSecret(token string) secret {
	s := secret{token: token}
	for _, form := range []string{
		url.QueryEscape(token), url.PathEscape(token), html.EscapeString(token), strings.ReplaceAll(token, "/", `\/`),
		base64.StdEncoding.EncodeToString([]byte(token)), base64.RawStdEncoding.EncodeToString([]byte(token)),
		base64.URLEncoding.EncodeToString([]byte(token)), base64.RawURLEncoding.EncodeToString([]byte(token)),
		strings.ToUpper(token), strings.ToLower(token),
	} {
		if form != token {
			s.forms = append(s.forms, form)
		}
	}
	return s
}

// clean makes a foreign text fit for an error.
func (s secret) clean(foreign string) string {
	if len(foreign) > maxExamined {
		foreign = foreign[:maxExamined]
	}
	foreign = s.hide(foreign)
	foreign = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(foreign, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(foreign) <= maxForeign {
		return foreign
	}
	end := maxForeign
	for !utf8.RuneStart(foreign[end]) {
		end--
	}
	return foreign[:end] + "…"
}

// hide replaces the token, in whatever form, and pieces of it.
func (s secret) hide(foreign string) string {
	for _, form := range s.forms {
		foreign = strings.ReplaceAll(foreign, form, "…")
	}
	least := min(minPiece, len(s.token))
	if least == 0 {
		return foreign
	}
	var b strings.Builder
	for i := 0; i < len(foreign); {
		n := s.piece(foreign[i:], least)
		if n == 0 {
			b.WriteByte(foreign[i])
			i++
			continue
		}
		b.WriteString("…")
		i += n
	}
	return b.String()
}

// piece is how much of the text's beginning is a piece of the token, 0 if less than least.
func (s secret) piece(text string, least int) int {
	if len(text) < least || !strings.Contains(s.token, text[:least]) {
		return 0
	}
	n := least
	for n < len(text) && strings.Contains(s.token, text[:n+1]) {
		n++
	}
	return n
}
