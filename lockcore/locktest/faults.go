package locktest

// What can go wrong between a client and its server, and the plans that say when it does.

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Kind is one way in which an exchange, a request and its reply, goes wrong.
type Kind int

// The kinds of faults.
const (
	None          Kind = iota
	CutRequest         // At bytes of the request arrive, then the connection ends
	CutReply           // the request arrives; At bytes of its reply come back, then the connection ends
	HangRequest        // At bytes of the request arrive, then nothing more moves
	HangReply          // the request arrives; At bytes of its reply come back, then nothing more moves
	DelayReply         // the reply comes Delay later
	LateRequest        // nothing moves, and after the client gave up the request arrives on a connection of its own
	DoubleRequest      // the request arrives, and a second time on a connection of its own, whose reply nobody gets
	Reorder            // the request waits until one of another connection has been answered
)

// Kinds are all of them but None.
var Kinds = []Kind{CutRequest, CutReply, HangRequest, HangReply, DelayReply, LateRequest, DoubleRequest, Reorder}

func (k Kind) String() string {
	names := [...]string{"none", "cut request", "cut reply", "hang request", "hang reply", "delay reply", "late request", "double request", "reorder"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return names[k]
}

// WireFault is what happens to one exchange. The zero value is nothing.
type WireFault struct {
	Kind  Kind
	At    int           // of cuts and hangs: how many bytes pass; beyond the length it begins at 0 again
	Delay time.Duration // of DelayReply
	After int           // of LateRequest and DoubleRequest: how many other exchanges are answered first; a late one waits for its client to give up, too
}

func (f WireFault) String() string {
	switch f.Kind {
	case CutRequest, CutReply, HangRequest, HangReply:
		return fmt.Sprintf("%s at byte %d", f.Kind, f.At)
	case LateRequest, DoubleRequest:
		return fmt.Sprintf("%s after %d others", f.Kind, f.After)
	case DelayReply:
		return fmt.Sprintf("%s by %s", f.Kind, f.Delay)
	}
	return f.Kind.String()
}

// at is the position within n bytes.
func (f WireFault) at(n int) int { return f.At % (n + 1) }

// Exchange is what a plan knows of a request: which one it is on which connection. Both count from 0.
type Exchange struct {
	Conn, Number int
	Command      string // in capitals
	Request      []byte // as it came; not to be changed
}

// Plan says what goes wrong. It is asked once for each request, by one goroutine at a time.
type Plan interface {
	Fault(Exchange) WireFault
}

// exactly is a plan by number.
type exactly struct{ faults []WireFault }

// Exactly gives the next requests these faults, in this order, and none to those after them.
func Exactly(faults ...WireFault) Plan { return &exactly{faults} }

func (e *exactly) Fault(Exchange) WireFault {
	if len(e.faults) == 0 {
		return WireFault{}
	}
	next := e.faults[0]
	e.faults = e.faults[1:]
	return next
}

// Random is a plan by dice. Each connection has dice of its own, made from the seed and the connection's
// number, so that the same requests on the same connections meet the same faults again.
type Random struct {
	Seed  uint64
	Share float64 // of the exchanges that something happens to: 0 to 1
	Kinds []Kind  // drawn with equal chances; name a kind twice to double its chance
	// MaxDelay bounds DelayReply; defaults to 20 ms.
	MaxDelay time.Duration
	// MaxAfter bounds how many exchanges a late request waits for; defaults to 20.
	MaxAfter int

	dice map[int]*rand.Rand
}

// Fault throws the dice.
func (r *Random) Fault(x Exchange) WireFault {
	d := r.dice[x.Conn]
	if d == nil {
		if r.dice == nil {
			r.dice = map[int]*rand.Rand{}
		}
		d = rand.New(rand.NewPCG(r.Seed, uint64(x.Conn)))
		r.dice[x.Conn] = d
	}
	// As many throws whatever comes of them, so that they stay in step.
	share, kind, at, delay, after := d.Float64(), d.IntN(len(r.Kinds)), d.IntN(1<<20), d.Float64(), d.Float64()
	if share >= r.Share {
		return WireFault{}
	}
	f := WireFault{Kind: r.Kinds[kind], At: at}
	switch f.Kind {
	case DelayReply:
		f.Delay = time.Duration(delay * float64(orElse(r.MaxDelay, 20*time.Millisecond)))
	case LateRequest, DoubleRequest:
		f.After = int(after * float64(orElse(r.MaxAfter, 20)))
	}
	return f
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// EveryCut does a step again and again, and cuts its first request of a command ("*" for any), and then the reply to it, at each
// position from 0 to its end: first with no fault, to learn how long both are. stride is 1 for every
// position; more leaves some out, but never the first, the last and the one before the last.
//
// The step must be the same each time. It does what it likes through the proxy; before it checks what
// became of it, it calls Settle.
func (p *Proxy) EveryCut(t testing.TB, stride int, command string, step func(WireFault)) {
	t.Helper()
	p.Inject(Exactly(), command)
	step(WireFault{})
	request, reply := p.Sizes()
	if request == 0 || reply == 0 {
		t.Fatalf("locktest: the step without a fault sent %d bytes and got %d", request, reply)
	}
	for _, side := range []struct {
		kind Kind
		size int
	}{{CutRequest, request}, {CutReply, reply}} {
		for at := 0; at <= side.size; at++ {
			if at%stride != 0 && at < side.size-1 {
				continue
			}
			f := WireFault{Kind: side.kind, At: at}
			before := p.Injected()[side.kind]
			p.Inject(Exactly(f), command)
			step(f)
			if p.Injected()[side.kind] != before+1 {
				t.Fatalf("locktest: %s did not happen", f)
			}
		}
	}
	p.Inject(nil)
}
