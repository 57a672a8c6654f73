package dashboard

// The filter: which locks are wanted, from what was typed.
//
// Plain text is looked for in key and owner, whatever its case. ~text and /text/ are regular
// expressions. A leading ! inverts.

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"locktop/watcher"
)

// keeper makes the test of a filter; nil keeps everything.
func keeper(filter string) (func(key, owner string) bool, error) {
	text, inverted := strings.CutPrefix(strings.TrimSpace(filter), "!")
	if text == "" {
		return nil, nil
	}
	var match func(string) bool
	if expression, ok := expressionOf(text); ok {
		re, err := regexp.Compile(expression)
		if err != nil {
			return nil, errors.New(why(err))
		}
		if expression == "" {
			return nil, nil
		}
		match = re.MatchString
	} else {
		text = strings.ToLower(text)
		match = func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	}
	return func(key, owner string) bool { return (match(key) || match(owner)) != inverted }, nil
}

// both keeps what the first and the second keep; either may be nil. It is made once for a filter that was
// typed, since a table remembers what a filter said.
func both(own *watcher.Filter, typed func(key, owner string) bool) *watcher.Filter {
	switch {
	case typed == nil:
		return own
	case own == nil:
		return &watcher.Filter{Keep: typed}
	}
	return &watcher.Filter{Keep: func(key, owner string) bool { return own.Keep(key, owner) && typed(key, owner) }}
}

func expressionOf(text string) (string, bool) {
	if e, ok := strings.CutPrefix(text, "~"); ok {
		return e, true
	}
	if len(text) >= 2 && text[0] == '/' && text[len(text)-1] == '/' {
		return text[1 : len(text)-1], true
	}
	return "", false
}

func why(err error) string {
	var s *syntax.Error
	if errors.As(err, &s) {
		return string(s.Code)
	}
	return "not a regular expression"
}
