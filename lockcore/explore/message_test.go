package explore

// Messages: a script with its arguments, as they travel.

import (
	"fmt"
	"strconv"
	"strings"
)

// request is the number of an acquire's request, or of an order's operation. 0 is none.
type request uint8

func (r request) arg() string {
	if r == 0 {
		return ""
	}
	return "q" + strconv.Itoa(int(r))
}

func (r request) bit() uint32 { return 1 << r }

// message is a step on its way. What is beside its arguments is for those who judge; it tells the truth.
type message struct {
	script script
	from   uint8 // who sent it
	owner  string
	fence  fence   // that was named
	req    request // that was named; of an order, its operation
	undoes request // of an undo: the operation of the forced release
	ttl    int64   // ms
	sent   int8    // when the call began
	seen   int64   // of an order that names no fence: the deadline that was seen, ms; 0: any
	until  int64   // of an acquire: not after, ms; 0 where it names no request
	args   string
}

func (m message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s owner=%q", m.script, m.owner)
	if m.fence != 0 {
		fmt.Fprintf(&b, " fence=%s", m.fence)
	}
	if m.req != 0 {
		fmt.Fprintf(&b, " id=%s", m.req.arg())
	}
	if m.undoes != 0 {
		fmt.Fprintf(&b, " undoes=%s", m.undoes.arg())
	}
	if m.until != 0 {
		fmt.Fprintf(&b, " notAfter=%d.%03d", (m.until-baseMs)/1000, (m.until-baseMs)%1000)
	}
	return b.String()
}

func acquireMessage(from uint8, owner string, ttl int64, req request, until int64, sent int8) message {
	name := req.arg()
	if req == 0 {
		name, until = "-", 0
	}
	return message{
		script: acquire, from: from, owner: owner, ttl: ttl, req: req, sent: sent, until: until,
		args: arguments(owner, ttlArg(ttl), owner, "256 60000 11", name, strconv.FormatInt(until, 10)),
	}
}

func extendMessage(from uint8, owner string, ttl int64, f fence, clock string, sent int8) message {
	return message{
		script: extend, from: from, owner: owner, ttl: ttl, fence: f, sent: sent,
		args: arguments(owner, ttlArg(ttl), f.arg(), clock),
	}
}

func releaseMessage(from uint8, owner string, f fence, req request, clock string, sent int8) message {
	return message{
		script: release, from: from, owner: owner, fence: f, req: req, sent: sent,
		args: arguments(owner, f.arg(), req.arg(), clock),
	}
}

// forceMessage and seizeMessage name the hold that was seen: by its fence, or where nobody recorded it by its deadline.
func forceMessage(from uint8, owner string, f fence, seen int64, op request, sent int8) message {
	return message{
		script: force, from: from, owner: owner, fence: f, seen: seen, req: op, sent: sent,
		args: arguments(owner, f.arg(), deadlineArg(seen), op.arg(), "ann", "stuck"),
	}
}

func seizeMessage(from uint8, owner string, f fence, seen int64, op request, newOwner string, ttl int64, sent int8) message {
	return message{
		script: seize, from: from, owner: owner, fence: f, seen: seen, req: op, ttl: ttl, sent: sent,
		args: arguments(owner, f.arg(), deadlineArg(seen), op.arg(), "ann", "stuck", newOwner, ttlArg(ttl)),
	}
}

func deadlineArg(seen int64) string {
	if seen == 0 {
		return ""
	}
	return strconv.FormatInt(seen, 10)
}

func undoMessage(from uint8, forced, op request, sent int8) message {
	return message{script: undo, from: from, req: op, undoes: forced, sent: sent, args: arguments(forced.arg(), op.arg())}
}

func foreignSetMessage(owner string, ttl int64) message {
	// Not quite whole ticks, so that its deadline never is that of a recorded hold.
	return message{script: foreignSet, from: foreigner, owner: owner, ttl: ttl, args: arguments(owner, ttlArg(ttl+foreignMs))}
}

const foreignMs = 100

func arguments(args ...string) string { return strings.Join(args, "\x00") }

func ttlArg(ttl int64) string { return strconv.FormatInt(ttl, 10) }
