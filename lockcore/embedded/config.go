package embedded

// CONFIG: what this server lets be set, and what a client may want to read.

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"locktop/lockcore/glob"
)

var configCommands = []command{
	{name: "config", arity: -2, flags: container},
	{name: "config|get", arity: -3, flags: notInScript, do: configGet},
	{name: "config|set", arity: -4, flags: notInScript, do: configSet},
	{name: "config|resetstat", arity: 2, flags: notInScript, do: resetStat},
	{name: "config|rewrite", arity: 2, flags: notInScript, do: func(*call) any { return failure("ERR The server is running without a config file") }},
}

// parameter is one setting. One without set can't be changed: taking a value
// that has no effect would be a lie.
type parameter struct {
	name string
	get  func(*Server) string
	set  func(*Server, string) (apply func(), wrong string)
}

func constant(value string) func(*Server) string { return func(*Server) string { return value } }

var parameters = []parameter{
	{"notify-keyspace-events", func(s *Server) string { return s.events.String() }, setEvents},
	{"client-output-buffer-limit", outputLimits, setOutputLimits},
	{"active-expire-effort", constant("1"), nil},
	{"appendfsync", constant("everysec"), nil},
	{"appendonly", constant("no"), nil},
	{"bind", func(s *Server) string { host, _, _ := net.SplitHostPort(s.Addr()); return host }, nil},
	{"busy-reply-threshold", constant("5000"), nil},
	{"cluster-enabled", constant("no"), nil},
	{"databases", constant(strconv.Itoa(databases)), nil},
	{"hz", constant("10"), nil},
	{"lua-time-limit", constant("5000"), nil},
	{"maxclients", constant("10000"), nil},
	{"maxmemory", constant("0"), nil},
	{"maxmemory-policy", constant("noeviction"), nil},
	{"min-replicas-max-lag", constant("10"), nil},
	{"min-replicas-to-write", constant("0"), nil},
	{"min-slaves-max-lag", constant("10"), nil},
	{"min-slaves-to-write", constant("0"), nil},
	{"port", func(s *Server) string { return s.port() }, nil},
	{"proto-max-bulk-len", constant(strconv.Itoa(maxArgument)), nil},
	{"replica-read-only", constant("yes"), nil},
	{"requirepass", constant(""), nil},
	{"save", constant(""), nil},
	{"timeout", constant("0"), nil},
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr())
	return port
}

func configGet(c *call) any {
	found := pairs{}
	for _, p := range parameters {
		for _, pattern := range c.args[2:] {
			if glob.Match(strings.ToLower(pattern), p.name) {
				found = append(found, p.name, p.get(c.Server))
				break
			}
		}
	}
	return found
}

// configSet sets all that is asked for, or nothing.
func configSet(c *call) any {
	if len(c.args)%2 == 1 {
		return wrongNumber("config|set")
	}
	var changes []func()
	seen := map[string]bool{}
	for i := 2; i < len(c.args); i += 2 {
		p := findParameter(c.args[i])
		if p == nil {
			return failure(fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", c.args[i]))
		}
		wrong := ""
		var apply func()
		switch {
		case p.set == nil:
			wrong = "can't set immutable config"
		case seen[p.name]:
			wrong = "duplicate parameter"
		default:
			apply, wrong = p.set(c.Server, c.args[i+1])
		}
		if wrong != "" {
			return failure(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", p.name, wrong))
		}
		seen[p.name] = true
		changes = append(changes, apply)
	}
	for _, apply := range changes {
		apply()
	}
	return ok
}

func findParameter(name string) *parameter {
	for i := range parameters {
		if strings.EqualFold(parameters[i].name, name) {
			return &parameters[i]
		}
	}
	return nil
}

func setEvents(s *Server, value string) (func(), string) {
	events, valid := parseEvents(value)
	if !valid {
		return nil, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
	}
	return func() { s.events = events }, ""
}

func outputLimits(s *Server) string {
	return fmt.Sprintf("normal 0 0 0 slave 268435456 67108864 60 pubsub %d %d %d", s.limit.hard, s.limit.soft, s.limit.softFor/1000)
}

// setOutputLimits takes "pubsub hard soft seconds"; other classes have no limit here.
func setOutputLimits(s *Server, value string) (func(), string) {
	words := strings.Fields(value)
	if len(words) != 4 || words[0] != "pubsub" {
		return nil, "only the class pubsub has a limit here: pubsub <hard> <soft> <seconds>, in bytes"
	}
	var n [3]int64
	for i := range n {
		var isInt bool
		if n[i], isInt = integer(words[1+i]); !isInt || n[i] < 0 {
			return nil, "Error in hard, soft or soft_seconds setting in buffer limit configuration."
		}
	}
	return func() { s.limit = outputLimit{hard: n[0], soft: n[1], softFor: n[2] * 1000} }, ""
}

func resetStat(c *call) any {
	c.counters = counters{}
	for _, cmd := range c.commands {
		cmd.calls, cmd.rejected, cmd.failed, cmd.took = 0, 0, 0, 0
	}
	return ok
}
