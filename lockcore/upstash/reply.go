package upstash

// Reading answers: {"result": …} or {"error": "…"}, or a list of them, into what lockcore.Transport promises.
//
// "Upstash-Encoding: base64" is asked for on every request: without it, bytes that are not UTF-8 come back
// as U+FFFD, and an owner could be taken for another one. All strings are base64 then, those in lists too, except
// "OK", which is no base64 of anything. Error texts are never encoded. A server that does not know the header
// answers in plain text, which is refused as soon as one string of it is no base64; the digits of TIME never are.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"locktop/lockcore"
)

// maxDepth is how deep lists may be nested; scripts of lockcore answer with one level.
const maxDepth = 64

// answer is one {"result": …} or {"error": "…"}.
type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *string         `json:"error"`
}

// readOne reads the answer to one command. An error reply is the value.
func readOne(body []byte) (any, error) {
	var a *answer
	if err := unmarshal(body, &a); err != nil {
		return nil, err
	}
	if a == nil {
		return nil, errors.New("the answer is null")
	}
	return a.value()
}

// readMany reads the answers to n commands. Where the transaction as a whole was discarded
// the answer is one {"error": "…"}, given as the error.
func readMany(body []byte, n int) ([]any, error) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		v, err := readOne(body)
		if refused, ok := v.(*lockcore.ReplyError); ok {
			return nil, refused
		}
		if err == nil {
			err = errors.New("the answer is one result, not a list")
		}
		return nil, err
	}
	var all []*answer
	if err := unmarshal(body, &all); err != nil {
		return nil, err
	}
	if len(all) != n {
		return nil, fmt.Errorf("the answer has %d results to %d commands", len(all), n)
	}
	replies := make([]any, n)
	for i, a := range all {
		if a == nil {
			return nil, fmt.Errorf("result %d is null", i+1)
		}
		v, err := a.value()
		if err != nil {
			return nil, err
		}
		replies[i] = v
	}
	return replies, nil
}

// unmarshal reads all of body as one JSON value.
func unmarshal(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("the answer is not the JSON of a reply: %w", err)
	}
	return nil
}

func (a *answer) value() (any, error) {
	switch {
	case a.Error != nil && (a.Result == nil || string(a.Result) == "null"):
		return &lockcore.ReplyError{Message: *a.Error}, nil
	case a.Error != nil:
		return nil, errors.New("the answer has a result and an error")
	case a.Result == nil:
		return nil, errors.New("the answer has neither result nor error")
	}
	in := json.NewDecoder(bytes.NewReader(a.Result))
	in.UseNumber() // a float64 would skip integers above 2^53
	v, err := value(in, 0)
	if err == nil {
		if _, end := in.Token(); end != io.EOF {
			err = errors.New("the result goes on after its end")
		}
	}
	return v, err
}

// value reads one reply: null, an integer, a string or a list of these.
func value(in *json.Decoder, depth int) (any, error) {
	token, err := in.Token()
	if err != nil {
		return nil, fmt.Errorf("the result cannot be read: %w", err)
	}
	switch t := token.(type) {
	case nil:
		return nil, nil
	case string:
		return text(t)
	case json.Number:
		return number(t), nil
	case json.Delim:
		if t != '[' || depth == maxDepth {
			break
		}
		list := []any{}
		for in.More() {
			item, err := value(in, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := in.Token() // the closing bracket
		return list, err
	}
	return nil, fmt.Errorf("the result has %v, which is no reply of Redis", token)
}

func text(s string) (any, error) {
	if s == "OK" {
		return s, nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("a string of the result is not base64, though Upstash-Encoding: base64 was asked for: the server does not know that header")
	}
	return string(b), nil
}

// number is an int64; what is none (Redis has no such reply) stays as its digits.
func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	return n.String()
}
