package resp

// What became of a request, in the words of lockcore.Transport.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
)

// failure is the error of a request that got no answer.
func (c *Client) failure(mayBeDone bool, err error) error {
	if mayBeDone {
		return fmt.Errorf("%s: %w: %w", c.url, lockcore.ErrUnknownOutcome, err)
	}
	return fmt.Errorf("%s: %w: %w", c.url, lockcore.ErrUnreachable, err)
}

// code is the first word of an error that the server answered with; empty where err is none.
// Servers up to 6.2 put their own words before READONLY when a script comes upon it.
func code(err error) string {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return ""
	}
	text := err.Error()
	word, _, _ := strings.Cut(text, " ")
	if word == "ERR" && strings.Contains(text, " READONLY ") {
		return "READONLY"
	}
	return word
}

// redirection is the slot's other address in a MOVED or an ASK: "MOVED 3999 127.0.0.1:6381".
func redirection(err error) string {
	if words := strings.Fields(err.Error()); len(words) >= 3 {
		return words[2]
	}
	return ""
}

// normal turns a reply into what lockcore.Transport promises: nil, string, int64, []any.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
		return v
	case map[any]any:
		list := make([]any, 0, 2*len(v))
		for k, item := range v {
			list = append(list, normal(k), normal(item))
		}
		return list
	case error:
		return &lockcore.ReplyError{Message: v.Error()}
	}
	return v
}
