package locktest

// The other side of the REST front: commands to the server over RESP, and replies as JSON has them.

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// respError is an error reply.
type respError string

// respStatus is a simple string, such as OK.
type respStatus string

// needsConnection are commands that a REST API has no connection for
// (https://upstash.com/docs/redis/features/restapi#rest---redis-api-compatibility).
var needsConnection = map[string]bool{
	"WATCH": true, "UNWATCH": true, "MULTI": true, "EXEC": true, "DISCARD": true, "AUTH": true, "HELLO": true, "SELECT": true, "QUIT": true, "RESET": true,
	"SUBSCRIBE": true, "PSUBSCRIBE": true, "SSUBSCRIBE": true, "UNSUBSCRIBE": true, "PUNSUBSCRIBE": true, "MONITOR": true, "SYNC": true, "PSYNC": true,
	"BLPOP": true, "BRPOP": true, "BRPOPLPUSH": true, "BLMOVE": true, "BLMPOP": true, "BZPOPMIN": true, "BZPOPMAX": true, "BZMPOP": true, "WAIT": true, "CLUSTER": true,
}

// run sends commands on one connection and gives their replies. Only the front itself sends MULTI and EXEC.
func (r *REST) run(ctx context.Context, user [2]string, commands [][]string) ([]any, error) {
	transaction := len(commands) > 1 && commands[0][0] == "MULTI" && commands[len(commands)-1][0] == "EXEC"
	var out bytes.Buffer
	if user[0] != "" {
		writeRESP(&out, []string{"AUTH", user[0], user[1]})
	}
	unavailable := map[int]respError{}
	for i, command := range commands {
		name := strings.ToUpper(command[0])
		if needsConnection[name] && !(transaction && (i == 0 || i == len(commands)-1)) {
			unavailable[i] = respError(fmt.Sprintf("ERR Command is not available: '%s'. See https://upstash.com/docs/redis/overall/rediscompatibility for details", name))
			command = []string{"MULTI", "is not available here"} // fails, and so discards a transaction
		}
		writeRESP(&out, command)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.redis)
	if err != nil {
		return nil, fmt.Errorf("ERR the server cannot be reached")
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(out.Bytes()); err != nil {
		return nil, fmt.Errorf("ERR the server went away")
	}
	in := newLines(conn)
	if user[0] != "" {
		if _, err := readRESP(in); err != nil {
			return nil, err
		}
	}
	replies := make([]any, len(commands))
	for i := range replies {
		if replies[i], err = readRESP(in); err != nil {
			return nil, fmt.Errorf("ERR the server went away")
		}
		if e, ok := unavailable[i]; ok {
			replies[i] = e
		}
	}
	return replies, nil
}

func writeRESP(out *bytes.Buffer, command []string) {
	fmt.Fprintf(out, "*%d\r\n", len(command))
	for _, arg := range command {
		fmt.Fprintf(out, "$%d\r\n%s\r\n", len(arg), arg)
	}
}

// readRESP reads a RESP2 reply: nil, int64, string, respStatus, respError or []any of these.
func readRESP(in *lines) (any, error) {
	line, err := in.line()
	if err != nil {
		return nil, err
	}
	switch line[0] {
	case '+':
		return respStatus(line[1:]), nil
	case '-':
		return respError(line[1:]), nil
	case ':':
		return strconv.ParseInt(line[1:], 10, 64)
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 {
		return nil, err
	}
	if line[0] == '$' {
		return in.bytes(n)
	}
	items := make([]any, n)
	for i := range items {
		if items[i], err = readRESP(in); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// restPlain is a reply as JSON without an encoding; the JSON encoder puts U+FFFD for what is not UTF-8.
func restPlain(reply any) any {
	return mapStrings(reply, func(s string) string { return s })
}

// restBase64 encodes all strings except OK.
func restBase64(reply any) any {
	return mapStrings(reply, func(s string) string {
		if s == "OK" {
			return s
		}
		return base64.StdEncoding.EncodeToString([]byte(s))
	})
}

func mapStrings(reply any, change func(string) string) any {
	switch v := reply.(type) {
	case string:
		return change(v)
	case respStatus:
		return change(string(v))
	case respError: // within a list
		return change(string(v))
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = mapStrings(v[i], change)
		}
		return items
	}
	return reply
}
