package embedded

// Replies: what a command answers with, and its form on the wire in RESP2 and RESP3.
//
// A reply is one of the types below, or string (a bulk string), int64 or []any
// (an array of replies).

import (
	"strconv"
	"strings"
)

type (
	status    string   // a simple string, like OK
	failure   string   // an error, without the leading "-"
	null      struct{} // no such value
	nullArray struct{} // the null of EXEC after a touched WATCH; differs from null in RESP2
	pairs     []any    // a map, as key, value, key, value; a flat array in RESP2
	push      []any    // a message that nobody asked for; an array in RESP2
	verbatim  string   // text for people; a bulk string in RESP2
	several   []any    // replies one after the other: SUBSCRIBE gives one for each channel
)

const ok = status("OK")

// appendReply appends r as protocol resp (2 or 3) writes it.
func appendReply(b []byte, r any, resp int) []byte {
	switch r := r.(type) {
	case status:
		return appendLine(b, '+', string(r))
	case failure:
		return appendLine(b, '-', string(r))
	case int64:
		return appendNumber(b, ':', r)
	case string:
		return appendBulk(b, '$', r)
	case null:
		if resp == 3 {
			return append(b, "_\r\n"...)
		}
		return append(b, "$-1\r\n"...)
	case nullArray:
		if resp == 3 {
			return append(b, "_\r\n"...)
		}
		return append(b, "*-1\r\n"...)
	case []any:
		return appendAll(appendNumber(b, '*', int64(len(r))), r, resp)
	case push:
		if resp == 3 {
			return appendAll(appendNumber(b, '>', int64(len(r))), r, resp)
		}
		return appendAll(appendNumber(b, '*', int64(len(r))), r, resp)
	case pairs:
		if resp == 3 {
			return appendAll(appendNumber(b, '%', int64(len(r)/2)), r, resp)
		}
		return appendAll(appendNumber(b, '*', int64(len(r))), r, resp)
	case verbatim:
		if resp == 3 {
			return appendBulk(b, '=', "txt:"+string(r))
		}
		return appendBulk(b, '$', string(r))
	case several:
		return appendAll(b, r, resp)
	}
	return appendLine(b, '-', "ERR the command has no reply")
}

func appendAll(b []byte, rs []any, resp int) []byte {
	for _, r := range rs {
		b = appendReply(b, r, resp)
	}
	return b
}

func appendNumber(b []byte, kind byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, kind), n, 10), '\r', '\n')
}

func appendBulk(b []byte, kind byte, s string) []byte {
	b = appendNumber(b, kind, int64(len(s)))
	return append(append(b, s...), '\r', '\n')
}

// oneLine keeps text from outside, such as a command's name in an error, from
// being taken for another reply.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func appendLine(b []byte, kind byte, s string) []byte {
	if strings.ContainsAny(s, "\r\n") {
		s = oneLine.Replace(s)
	}
	return append(append(append(b, kind), s...), '\r', '\n')
}

// The errors that many commands share.
const (
	errSyntax    = failure("ERR syntax error")
	errInteger   = failure("ERR value is not an integer or out of range")
	errWrongType = failure("WRONGTYPE Operation against a key holding the wrong kind of value")
	errOverflow  = failure("ERR increment or decrement would overflow")
	errNoKey     = failure("ERR no such key")
	errDBIndex   = failure("ERR DB index is out of range")
	errSameKey   = failure("ERR source and destination objects are the same")
	errTooLong   = failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
)

// integer reads a number as strictly as Redis: no plus sign, no leading zero, no space.
func integer(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false
	}
	if digits := strings.TrimPrefix(s, "-"); s[0] == '+' || digits[0] == '0' && s != "0" {
		return 0, false
	}
	return n, true
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
