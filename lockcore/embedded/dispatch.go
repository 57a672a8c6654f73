package embedded

// From a request to its reply: the table of commands, the checks that come
// before a command is executed, and its execution.

import (
	"fmt"
	"strings"
	"time"
)

// command is a row of the table. Subcommands are rows of their own, "config|get".
type command struct {
	name  string
	arity int // how many arguments with the name; negative: at least that many
	flags commandFlags
	do    func(*call) any

	// What INFO commandstats says.
	calls, rejected, failed int64
	took                    time.Duration
}

type commandFlags uint8

const (
	container    commandFlags = 1 << iota // has subcommands
	writes                                // refused in read-only scripts
	notInScript                           // refused in scripts
	notInMulti                            // refused after MULTI
	unqueued                              // executed at once after MULTI
	whileReading                          // allowed to a RESP2 subscriber
)

// call is one execution of a command.
type call struct {
	*Server
	client *client
	cmd    *command
	args   []string // args[0] is the name
	script bool     // called by a script
}

func (c *call) db() *database { return c.dbs[c.client.db] }

// newCommands builds the table; the counters in it are the server's own.
func newCommands() map[string]*command {
	table := map[string]*command{}
	for _, group := range [][]command{
		connectionCommands, clientCommands, configCommands, infoCommands, keyCommands, scanCommands, expireCommands,
		stringCommands, hashCommands, streamCommands, multiCommands, pubsubCommands, scriptCommands,
	} {
		for i := range group {
			row := group[i]
			table[row.name] = &row
		}
	}
	return table
}

// execute runs one request of a client and sends the reply; false ends the connection.
func (s *Server) execute(c *client, args []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.setNow()
	c.last = s.now
	s.counters.commands++
	reply := s.dispatch(c, args)
	if _, failed := reply.(failure); failed {
		s.counters.errors++
	}
	s.send(c, appendReply(nil, reply, c.resp))
	return !c.leaving
}

// send gives a client bytes to write. A subscriber that doesn't read is cut off;
// it stays listed until its reading goroutine notices.
func (s *Server) send(c *client, p []byte) {
	var limit outputLimit
	if c.subscriptions() > 0 {
		limit = s.limit
	}
	if !c.out.add(p, limit, s.now) {
		s.counters.cutOutput++
	}
}

// dispatch checks a request, then queues or runs it.
func (s *Server) dispatch(c *client, args []string) any {
	cmd, refusal := s.lookup(args)
	if refusal == "" && c.resp == 2 && c.subscriptions() > 0 && cmd.flags&whileReading == 0 {
		refusal = failure(fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.name))
	}
	if refusal == "" && c.queue != nil && cmd.flags&notInMulti != 0 {
		refusal = failure("ERR Command not allowed inside a transaction")
	}
	if refusal != "" {
		if cmd != nil {
			cmd.rejected++
		}
		if c.queue != nil {
			c.queue.refused = true
		}
		return refusal
	}
	if c.queue != nil && cmd.flags&unqueued == 0 {
		c.queue.calls = append(c.queue.calls, call{Server: s, client: c, cmd: cmd, args: args})
		return status("QUEUED")
	}
	c.command = cmd.name
	return (&call{Server: s, client: c, cmd: cmd, args: args}).run()
}

// run executes a call that passed the checks.
func (c *call) run() any {
	begun := time.Now()
	reply := c.cmd.do(c)
	c.cmd.took += time.Since(begun)
	c.cmd.calls++
	if _, failed := reply.(failure); failed {
		c.cmd.failed++
	}
	return reply
}

// lookup finds the command of a request. With a wrong number of arguments it
// gives both the command and the refusal.
func (s *Server) lookup(args []string) (*command, failure) {
	name := strings.ToLower(args[0])
	cmd := s.commands[name]
	if cmd == nil {
		return nil, unknownCommand(args)
	}
	if cmd.flags&container != 0 && len(args) > 1 {
		cmd = s.commands[name+"|"+strings.ToLower(args[1])]
		if cmd == nil {
			return nil, failure(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", shorten(args[1], 128), strings.ToUpper(name)))
		}
	}
	if cmd.arity > 0 && len(args) != cmd.arity || len(args) < -cmd.arity {
		return cmd, wrongNumber(cmd.name)
	}
	return cmd, ""
}

func wrongNumber(name string) failure {
	return failure("ERR wrong number of arguments for '" + name + "' command")
}

func unknownCommand(args []string) failure {
	var seen strings.Builder
	for _, arg := range args[1:] {
		if seen.Len() >= 128 {
			break
		}
		fmt.Fprintf(&seen, "'%s' ", shorten(arg, 128-seen.Len()))
	}
	return failure(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", shorten(args[0], 128), seen.String()))
}

// shorten cuts as Redis's own formatting does: at n bytes, and at a NUL.
func shorten(s string, n int) string {
	if at := strings.IndexByte(s, 0); at >= 0 {
		s = s[:at]
	}
	return s[:min(n, len(s))]
}
