package embedded_test

// The same commands to this server and to a real one: the replies must be the
// same, and so must be the events that a subscriber gets.

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
)

// rival is one of the two servers, with a subscriber to all events and two clients.
type rival struct {
	t      testing.TB
	addr   string
	first  *wire
	second *wire
	events *wire
}

func newRival(t testing.TB, addr string) *rival {
	r := &rival{t: t, addr: addr, events: dial(t, addr)}
	r.events.do("PSUBSCRIBE", "__key*")
	r.events.do("SUBSCRIBE", "end of part")
	return r
}

// collect gives the events since the last collect.
func (r *rival) collect() []string {
	r.second.do("PUBLISH", "end of part", "")
	var got []string
	for {
		message := r.events.receive()
		if strings.Contains(message, `"end of part"`) {
			return got
		}
		got = append(got, strings.TrimPrefix(message, `["pmessage" "__key*" `))
	}
}

// reset makes the two alike before a test.
func (r *rival) reset(notify string) {
	r.first, r.second = dial(r.t, r.addr), dial(r.t, r.addr)
	r.second.do("CONFIG", "SET", "notify-keyspace-events", notify)
	r.second.do("FLUSHALL")
	r.second.do("SCRIPT", "FLUSH")
	r.collect()
}

func rivals(t testing.TB) (ours, real *rival) {
	s, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newRival(t, s.Addr()), newRival(t, locktest.StartRedis(t).Addr)
}

// masks hide what may differ: "time " in front of a command hides all digits of its reply,
// "set " sorts the elements, "code " leaves only the error's code.
func mask(how, reply string) string {
	switch how {
	case "time":
		return regexp.MustCompile(`[0-9]+`).ReplaceAllString(reply, "#")
	case "set":
		parts := strings.Fields(strings.Trim(reply, "[]"))
		slices.Sort(parts)
		return strings.Join(parts, " ")
	case "code":
		return strings.Fields(reply)[0]
	}
	return reply
}

func TestSameAsRedis(t *testing.T) {
	ours, real := rivals(t)
	for _, test := range differences {
		t.Run(test.name, func(t *testing.T) {
			notify := test.notify
			if notify == "" {
				notify = "KEA"
			}
			ours.reset(notify)
			real.reset(notify)
			for _, line := range strings.Split(strings.TrimSpace(test.commands), "\n") {
				line = strings.TrimSpace(line)
				how := ""
				if word, rest, _ := strings.Cut(line, " "); word == "time" || word == "set" || word == "code" {
					how, line = word, rest
				}
				var replies [2]string
				for i, r := range []*rival{ours, real} {
					client, command := r.first, line
					if rest, isSecond := strings.CutPrefix(line, "2> "); isSecond {
						client, command = r.second, rest
					}
					replies[i] = mask(how, client.line(command))
				}
				if replies[0] != replies[1] {
					t.Errorf("%s\nembedded: %s\nredis:    %s", line, replies[0], replies[1])
				}
			}
			if got, want := ours.collect(), real.collect(); !slices.Equal(got, want) {
				t.Errorf("events\nembedded: %s\nredis:    %s", strings.Join(got, "\n          "), strings.Join(want, "\n          "))
			}
		})
	}
}

// Random commands on few keys, so that they meet: every type with every command, options in any combination.
func TestSameAsRedisAtRandom(t *testing.T) {
	ours, real := rivals(t)
	const seeds, commands = 6, 1200
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			notify := []string{"KEA", "KEAmn", "K$gxh", "E$n", "KEtg", "KEg$lshzxetdmn"}[seed%6]
			ours.reset(notify)
			real.reset(notify)
			g := &generator{rand.New(rand.NewPCG(seed, 1))}
			var history []string
			for n := range commands {
				args := g.command()
				history = append(history, fmt.Sprintf("%q", args))
				got, want := g.mask(args, ours.first.do(args...)), g.mask(args, real.first.do(args...))
				if got != want {
					t.Fatalf("%q\nembedded: %s\nredis:    %s\nbefore: %s", args, got, want, strings.Join(history[max(0, n-12):n], "\n        "))
				}
				if n%20 != 19 {
					continue
				}
				if got, want := ours.collect(), real.collect(); !slices.Equal(got, want) {
					t.Fatalf("events of\n%s\nembedded: %s\nredis:    %s", strings.Join(history[n-19:], "\n"),
						strings.Join(got, "\n          "), strings.Join(want, "\n          "))
				}
			}
		})
	}
}

type generator struct{ *rand.Rand }

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// key is mostly of the kind that the command wants, and sometimes not.
func (g *generator) key(kind string) string {
	if g.IntN(8) == 0 {
		kind = g.pick("s", "h", "x")
	}
	return kind + g.pick("1", "2", "3")
}

func (g *generator) value() string {
	return g.pick("", "a", "b", "10", "-3", "007", "9223372036854775807", "-9223372036854775808", "1.5", " 1", "two words", "\x00\xff")
}

// command draws one. TTLs are long or over already, so that nothing expires in the middle of a comparison.
func (g *generator) command() []string {
	s, h, x := g.key("s"), g.key("h"), g.key("x")
	field := g.pick("f", "g", "i", "")
	long := g.pick("100000", "900000")
	switch g.IntN(46) {
	case 0, 1:
		return []string{"SET", s, g.value()}
	case 2, 3:
		args := []string{"SET", s, g.value()}
		for range g.IntN(3) {
			args = append(args, g.pick("NX", "XX", "GET", "KEEPTTL", "nx", "bogus"))
		}
		if g.IntN(2) == 0 {
			args = append(args, g.pick("EX", "PX"), g.pick("100000", "0", "-1", "x", "9223372036854775807"))
		}
		return args
	case 4:
		return []string{"SETNX", s, g.value()}
	case 5:
		return []string{g.pick("SETEX", "PSETEX"), s, g.pick(long, "0", "-5", "x"), g.value()}
	case 6, 7:
		return []string{"GET", s}
	case 8:
		return []string{g.pick("GETSET", "SET"), s, g.value()}
	case 9:
		return []string{"GETDEL", s}
	case 10:
		args := []string{"GETEX", s}
		switch g.IntN(4) {
		case 0:
			args = append(args, "PERSIST")
		case 1:
			args = append(args, g.pick("EX", "PX"), g.pick(long, "0", "x"))
		case 2:
			args = append(args, g.pick("EXAT", "PXAT"), g.pick("1", "99999999999", "0"))
		}
		return args
	case 11:
		return []string{g.pick("INCR", "DECR"), s}
	case 12:
		return []string{g.pick("INCRBY", "DECRBY"), s, g.value()}
	case 13:
		return []string{"APPEND", s, g.value()}
	case 14:
		return []string{"STRLEN", s}
	case 15:
		return []string{"MGET", s, h, g.key("s"), "none"}
	case 16:
		return []string{"MSET", s, g.value(), g.key("s"), g.value()}
	case 17, 18, 19:
		key := g.pick(s, h, x)
		args := []string{g.pick("EXPIRE", "PEXPIRE"), key, g.pick(long, "0", "-1", "x", "9223372036854775807")}
		if g.IntN(2) == 0 {
			args[0], args[2] = g.pick("EXPIREAT", "PEXPIREAT"), g.pick("1", "99999999999", "99999999990", "-1", "99999999999999")
			// The same number is years away in seconds and long ago in milliseconds: both are fine.
		}
		for range g.IntN(3) {
			args = append(args, g.pick("NX", "XX", "GT", "LT", "bogus"))
		}
		return args
	case 20, 21:
		return []string{g.pick("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), g.pick(s, h, x)}
	case 22:
		return []string{"PERSIST", g.pick(s, h, x)}
	case 23, 24:
		return []string{g.pick("DEL", "UNLINK"), g.pick(s, h, x), g.pick(s, "none")}
	case 25:
		return []string{g.pick("EXISTS", "TOUCH"), s, h, x, s}
	case 26:
		return []string{"TYPE", g.pick(s, h, x)}
	case 27:
		return []string{g.pick("RENAME", "RENAMENX"), g.pick(s, h, x), g.pick(s, h, x)}
	case 28:
		return []string{"COPY", g.pick(s, h, x), g.pick(s, h, x), g.pick("REPLACE", "replace")}
	case 29, 30, 31:
		return []string{g.pick("HSET", "HMSET"), h, field, g.value(), g.pick("f", "g"), g.value()}
	case 32:
		return []string{"HSETNX", h, field, g.value()}
	case 33:
		return []string{g.pick("HGET", "HEXISTS", "HSTRLEN"), h, field}
	case 34:
		return []string{"HMGET", h, field, "f", "none"}
	case 35:
		return []string{g.pick("HGETALL", "HKEYS", "HVALS", "HLEN"), h}
	case 36, 37:
		return []string{"HDEL", h, field, g.pick("f", "none")}
	case 38:
		return []string{"HINCRBY", h, field, g.value()}
	case 39, 40:
		args := []string{"XADD", x}
		if g.IntN(3) == 0 {
			args = append(args, g.pick("MAXLEN", "MINID"), g.pick("=", "~"), g.pick("2", "0", "5", "x"))
		}
		if g.IntN(4) == 0 {
			args = append(args, "NOMKSTREAM")
		}
		return append(args, g.pick("1-1", "2-*", "5-0", "7", "0-0", "18446744073709551615-18446744073709551615", "x", "9-*", "1-*"), "k", g.value())
	case 41:
		return []string{"XLEN", x}
	case 42:
		return []string{g.pick("XRANGE", "XREVRANGE"), x, g.pick("-", "+", "1", "2-0", "(1-1", "(5", "x"), g.pick("-", "+", "5", "9-9", "(5-0", "x"),
			"COUNT", g.pick("1", "2", "100", "0", "-1")}
	case 43:
		return []string{g.pick("KEYS", "KEYS", "RENAME"), g.pick("*", "s*", "[sh]1", "?2", "[^s]*", `\s1`, "none")}
	case 44:
		return []string{"EVAL", "return redis.call(unpack(ARGV))", "0", g.pick("GET", "HGETALL", "INCR", "TYPE", "XLEN", "DEL"), g.pick(s, h, x)}
	default:
		return []string{"EVAL", `local r = redis.pcall(ARGV[1], KEYS[1], ARGV[2]) if type(r) == 'table' and r.err then return {r.err} end return {type(r), r}`,
			"1", g.pick(s, h, x), g.pick("SET", "APPEND", "INCRBY", "HGET", "HDEL", "EXPIRE"), g.pick("a", "5", "100000")}
	}
}

func (g *generator) mask(args []string, reply string) string {
	switch strings.ToUpper(args[0]) {
	case "TTL", "PTTL":
		if len(reply) > 3 && reply[0] == ':' {
			return "a time"
		}
	case "EXPIRETIME", "PEXPIRETIME":
		if strings.HasPrefix(reply, ":1") { // counted from now, not given
			return "a time"
		}
	case "KEYS":
		return mask("set", reply)
	}
	return reply
}
