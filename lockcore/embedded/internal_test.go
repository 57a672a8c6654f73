package embedded

// Arbitrary input: no request, and no script, may bring the server down or keep it.

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
)

// nowhere is a connection that leads nowhere.
type nowhere struct{ net.Conn }

func (nowhere) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (nowhere) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (nowhere) Close() error                     { return nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

// local starts a server with a client that has no connection.
func local(t testing.TB) (*Server, *client) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, newClient(1<<40, nowhere{}, s.started.UnixMilli())
}

// reply executes a request and gives what the client would read.
func (s *Server) reply(c *client, args ...string) string {
	s.execute(c, args)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	text := string(c.out.waiting)
	c.out.waiting = nil
	return text
}

func TestAnEndlessScriptIsStopped(t *testing.T) {
	s, c := local(t)
	s.scripts.limit = 20 * time.Millisecond
	for _, endless := range []string{
		"while true do end",
		"while true do pcall(function() while true do end end) end",
		"redis.call('SET', 'k', 'v') repeat redis.call('GET', 'k') until false",
		"local function f() return f() end return f()",
		"local t = {} while true do t[#t % 100 + 1] = tostring(#t) end",
	} {
		if got := s.reply(c, "EVAL", endless, "0"); !strings.HasPrefix(got, "-ERR the script ran for 20ms and was stopped") {
			t.Errorf("%s: %s", endless, got)
		}
		if got := s.reply(c, "EVAL", "return 'well'", "0"); got != "$4\r\nwell\r\n" {
			t.Errorf("after it: %s", got)
		}
	}
	s.scripts.limit = scriptLimit
	for script, want := range map[string]string{
		"local t = {} t[1] = t return t":                                  "-ERR reached lua stack limit",
		"local t = {} for i = 1, 40 do t = {t, t} end return t":           "-ERR reached lua stack limit",
		"local function f() return 1 + f() end return f()":                "user_script:1: stack overflow",
		"return string.rep('x', 1e12)":                                    "-ERR user_script:1: not enough memory",
		"return " + strings.Repeat("(", 5000):                             "-ERR Error compiling script",
		"return " + strings.Repeat("{", 5000) + strings.Repeat("}", 5000): "-ERR Error compiling script",
	} {
		if got := s.reply(c, "EVAL", script, "0"); !strings.Contains(got, want) {
			t.Errorf("%.60s: %.200q", script, got)
		}
	}
}

// One script must not see what another one left.
func TestScriptsLeaveNothingBehind(t *testing.T) {
	s, c := local(t)
	for _, attempt := range []string{
		"leak = 1", "_G.leak = 1", "rawset(_G, 'leak', 1)", "setmetatable(_G, nil)", "string.leak = 1", "redis.leak = 1", "math.pi = 3",
		"getmetatable('').__index = {}", "getmetatable(_G).__index = {}", "getmetatable(string).__index = {}",
		"KEYS[1] = 'mine'", "table.insert = nil", "tostring = nil", "loadstring('leak = 1')()", "rawset(string, 'format', nil)",
	} {
		s.reply(c, "EVAL", attempt, "1", "k")
		const probe = "return tostring(rawget(_G, 'leak')) .. tostring(string.leak) .. KEYS[1] .. ('x'):upper() .. string.format('%.2f', math.pi) .. type(table.insert)"
		if got := s.reply(c, "EVAL", probe, "1", "k"); !strings.HasSuffix(got, "\r\nnilnilkX3.14function\r\n") {
			t.Errorf("after %s: %s", attempt, got)
		}
	}
	for _, name := range []string{"os", "io", "require", "dofile", "loadfile", "print", "package", "debug", "module", "newproxy", "getfenv", "setfenv", "coroutine"} {
		if got := s.reply(c, "EVAL", "return "+name, "0"); !strings.Contains(got, "nonexistent global variable '"+name+"'") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Removed keys leave no more holes than there are keys, and a lock that comes and goes leaves no trail.
func TestKeyOrderStaysSmall(t *testing.T) {
	s, c := local(t)
	for range 10_000 {
		s.reply(c, "SET", "lock", "owner", "PX", "100000")
		s.reply(c, "PEXPIRE", "lock", "200000")
		s.reply(c, "DEL", "lock")
	}
	db := s.dbs[0]
	if n := len(db.order.slots); n > 2*fewHoles {
		t.Errorf("%d slots for no key", n)
	}
	if len(db.deadlines) != 0 || len(db.keys) != 0 {
		t.Errorf("%d deadlines, %d keys", len(db.deadlines), len(db.keys))
	}
}

func FuzzCommands(f *testing.F) {
	for _, group := range [][]command{
		connectionCommands, clientCommands, configCommands, infoCommands, keyCommands, scanCommands, expireCommands,
		stringCommands, hashCommands, streamCommands, multiCommands, pubsubCommands, scriptCommands,
	} {
		for _, cmd := range group {
			name := strings.ReplaceAll(cmd.name, "|", "\n")
			for _, args := range []string{"", "\nk", "\nk\nv", "\nk\n1\n2", "\n0\nk\nx\ny\nz", "\nk\n-1\n+\nCOUNT\n9223372036854775807"} {
				f.Add("SET\nk\nv\n\n" + name + args + "\n\nGET\nk")
			}
		}
	}
	f.Add("MULTI\n\nSET\nk\nv\nPXAT\n1\n\nSUBSCRIBE\na\n\nPUBLISH\na\nb\n\nEXEC")
	f.Add("HELLO\n3\n\nSUBSCRIBE\na\n\nPUBLISH\na\nb\n\nRESET")
	f.Add("EVAL\nreturn {KEYS, redis.pcall(unpack(ARGV))}\n1\nk\nGET\nk")
	f.Add("EVAL\nlocal t = {} t[1] = t return t\n0")
	f.Add("XADD\nx\nMAXLEN\n~\n5\n18446744073709551615-18446744073709551615\na\nb\n\nXADD\nx\n*\na\nb")
	f.Fuzz(func(t *testing.T, text string) {
		s, c := local(t)
		s.scripts.limit = 20 * time.Millisecond
		begun := time.Now()
		for request := range strings.SplitSeq(text, "\n\n") {
			s.reply(c, strings.Split(request, "\n")...)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		s.mu.Lock()
		s.unwatch(c)
		s.unsubscribeAll(c)
		left := len(s.channels) + len(s.patterns)
		s.mu.Unlock()
		if left != 0 {
			t.Error("a subscription outlives its client")
		}
		fresh := newClient(1<<41, nowhere{}, s.started.UnixMilli())
		if got := s.reply(fresh, "PING"); got != "+PONG\r\n" {
			t.Errorf("PING: %q", got)
		}
	})
}

func TestALineHasALimit(t *testing.T) {
	for _, input := range []string{strings.Repeat("x", 2*maxLine), "*" + strings.Repeat("1", 2*maxLine), "*1\r\n$" + strings.Repeat("1", 2*maxLine)} {
		_, err := newRequests(strings.NewReader(input)).next()
		if _, isProtocol := err.(protocolError); !isProtocol {
			t.Errorf("%.20q: %v", input, err)
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n"))
	f.Add([]byte("*1000000\r\n$536870912\r\nx"))
	f.Add([]byte("SET k \"a\\x00\\\"b\" 'c\\'d'\r\n*0\r\n*-1\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		in := newRequests(bytes.NewReader(input))
		for range len(input) + 1 {
			args, err := in.next()
			if err != nil {
				return
			}
			if len(args) == 0 {
				t.Fatal("a request without a command")
			}
		}
		t.Error("more requests than bytes")
	})
}
