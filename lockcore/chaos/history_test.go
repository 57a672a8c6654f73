package chaos_test

// Histories of one lock as its clients saw them, recorded while faults are thrown, and checked by porcupine:
// is there an order of all operations, each at one moment between its call and its return, that explains every answer?

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

const (
	owners = 4 // clients that lock
	turns  = 8 // operations of each
	// Every client acquires at most twice, so that there are no more holds in a round than a ledger remembers.
	acquires = remembered / owners
)

// swells is the kinds of faults in these rounds.
var swells = []locktest.Kind{
	locktest.CutRequest, locktest.CutReply, locktest.CutReply, locktest.CutReply, locktest.DelayReply, locktest.DelayReply,
	locktest.DoubleRequest, locktest.DoubleRequest, locktest.Reorder, locktest.Reorder, locktest.HangReply, locktest.LateRequest,
}

func TestHistoriesAreLinearizable(t *testing.T) {
	seed := seedOf(t)
	onEachSite(t, func(t *testing.T, s *site) {
		rounds, all, unknowns, grants, denials, ends, undecided := s.operations/200, 0, 0, 0, 0, 0, 0
		for round := range rounds {
			history := play(s, seed+uint64(round), fmt.Sprintf("lock:%d", round), nil)
			switch linearizable(history) {
			case porcupine.Illegal:
				t.Errorf("round %d has no order that explains its answers:\n%s", round, describe(history))
			case porcupine.Unknown:
				undecided++
				continue
			}
			for _, o := range history {
				in, out := o.Input.(asked), o.Output.(told)
				all++
				switch {
				case out.answer == perhaps:
					unknowns++
				case in.op == "acquire" && out.answer == yes:
					grants++
				case in.op == "acquire":
					denials++
				case in.op == "force-release" && out.answer == yes:
					ends++
				}
			}
		}
		if unknowns == 0 || grants == 0 || denials == 0 || ends == 0 {
			t.Errorf("too little happened to prove anything: %d unknown, %d grants, %d denials, %d forced", unknowns, grants, denials, ends)
		}
		t.Logf("%d histories of %d operations (%d unknown outcomes, %d grants, %d denials, %d forced releases) are linearizable; %d were not decided",
			rounds-undecided, all, unknowns, grants, denials, ends, undecided)
	})
}

// play lets a few clients loose on one lock, with faults, and gives what they saw.
func play(s *site, seed uint64, key string, through func(lockcore.Transport) lockcore.Transport) []porcupine.Operation {
	s.inject(func(proxy int) locktest.Plan {
		return noDoubleAcquire{&locktest.Random{Seed: seed + uint64(proxy)<<32, Share: 0.2, Kinds: swells, MaxAfter: 6}}
	})
	begun := time.Now()
	players := make([]*player, owners+1)
	var wg sync.WaitGroup
	for i := range players {
		connection := s.connect(patience)
		defer connection.Close()
		p := &player{number: i, key: key, begun: begun, dice: rand.New(rand.NewPCG(seed, uint64(i)))}
		d := &doubting{Transport: connection, p: p}
		var transport lockcore.Transport = d
		if through != nil {
			transport = through(d)
		}
		timeout := 4 * patience
		if i%2 == 1 {
			timeout = patience / 2
		}
		p.c = lockcore.New(transport, lockcore.WithTimeout(timeout))
		players[i] = p
		wg.Go(func() {
			for range turns {
				if i == owners {
					p.operate()
				} else {
					p.lock()
				}
			}
		})
	}
	wg.Wait()
	var history []porcupine.Operation
	for _, p := range players {
		p.c.Wait()
		history = append(history, p.history...)
	}
	s.settle()
	// What is there in the end has to be explained too.
	last := &player{key: key, begun: begun, c: lockcore.New(s.direct)}
	last.look()
	return append(history, last.history...)
}

// noDoubleAcquire lets no acquire be doubled by the network alone: a copy of a request that was denied is granted
// if it comes when the lock is free, before its not-after time. (The storm counts those.)
type noDoubleAcquire struct{ locktest.Plan }

func (n noDoubleAcquire) Fault(x locktest.Exchange) locktest.WireFault {
	f := n.Plan.Fault(x)
	if f.Kind == locktest.DoubleRequest {
		for _, s := range lockcore.Scripts() {
			if s.Name == "acquire" && bytes.Contains(x.Request, []byte(s.SHA1)) {
				return locktest.WireFault{}
			}
		}
	}
	return f
}

// doubting is a transport that tells its player when a try got no answer.
type doubting struct {
	lockcore.Transport
	p *player
}

func (d *doubting) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	got, err := d.Transport.Eval(ctx, s, keys, args)
	if errors.Is(err, lockcore.ErrUnknownOutcome) {
		d.p.doubt.Store(args[0], true)
	}
	return got, err
}

// player is a client that notes what it asked and what it was told.
type player struct {
	number int
	key    string
	c      *lockcore.Client
	dice   *rand.Rand
	begun  time.Time

	history []porcupine.Operation
	tries   int
	mine    []lockcore.Hold // that it has had
	doubt   sync.Map        // owners one of whose tries got no answer
}

// note records one operation. An error that means "not sent" leaves no trace: it must have had no effect.
func (p *player) note(in asked, do func() (told, error)) {
	call := time.Since(p.begun).Nanoseconds()
	out, err := do()
	end := time.Since(p.begun).Nanoseconds()
	switch {
	case errors.Is(err, lockcore.ErrUnknownOutcome), errors.Is(err, lockcore.ErrLate):
		out, end = told{answer: perhaps}, never
	case errors.Is(err, lockcore.ErrUnreachable):
		return
	case err != nil:
		panic(fmt.Sprintf("%+v: %v", in, err))
	}
	p.history = append(p.history, p.operation(in, call, out, end))
	_, doubt := p.doubt.Load(in.owner)
	if in.op == "acquire" && (out.answer == perhaps || out.answer == no && doubt) {
		if out.answer == no { // to one try: an earlier one may have been granted, or be still
			p.history = append(p.history, p.operation(in, call, told{answer: perhaps}, never))
		}
		p.history = append(p.history, p.operation(asked{op: "give-up", owner: in.owner}, call, told{answer: perhaps}, never))
	}
}

func (p *player) operation(in asked, call int64, out told, end int64) porcupine.Operation {
	return porcupine.Operation{ClientId: p.number, Input: in, Call: call, Output: out, Return: end}
}

// lock acquires, extends, releases or looks.
func (p *player) lock() {
	ctx := context.Background()
	if len(p.mine) == 0 || p.tries < acquires && p.dice.IntN(4) == 0 {
		if p.tries == acquires {
			p.look()
			return
		}
		p.tries++
		owner := fmt.Sprintf("p%d-%d", p.number, p.tries)
		p.note(asked{op: "acquire", owner: owner}, func() (told, error) {
			h, err := p.c.Acquire(ctx, p.key, owner, long, nil)
			var held *lockcore.HeldError
			switch {
			case err == nil:
				p.mine = append(p.mine, *h)
				return told{answer: yes, fence: h.Fence}, nil
			case errors.As(err, &held):
				return told{answer: no, holder: held.Owner, fence: held.Fence}, nil
			case errors.Is(err, lockcore.ErrNotHeld): // granted, and over before the answer got through
				return told{}, lockcore.ErrUnknownOutcome
			}
			return told{}, err
		})
		return
	}
	h := p.mine[p.dice.IntN(len(p.mine))]
	in := asked{op: "release", owner: h.Owner, fence: h.Fence}
	if p.dice.IntN(3) == 0 {
		in.op = "extend"
	}
	p.note(in, func() (told, error) {
		var err error
		done := told{answer: yes}
		if in.op == "extend" {
			_, err = p.c.Extend(ctx, p.key, h.Owner, long+time.Minute, &lockcore.ExtendOptions{Fence: h.Fence})
		} else {
			var r *lockcore.Release
			if r, err = p.c.Release(ctx, p.key, h.Owner, &lockcore.ReleaseOptions{Fence: h.Fence}); err == nil && r.Repeated {
				done.answer = repeated
			}
		}
		var not *lockcore.NotHeldError
		switch {
		case errors.As(err, &not):
			t := told{answer: no, holder: not.Holder.Owner, fence: not.Holder.Fence}
			if not.Past != nil {
				t.how = not.Past.How
			}
			return t, nil
		}
		return done, err
	})
}

// look inspects the lock, and gives what it saw; nil if it saw nothing.
func (p *player) look() (seen *lockcore.Lock) {
	p.note(asked{op: "inspect"}, func() (told, error) {
		var err error
		if seen, err = p.c.Inspect(context.Background(), p.key); err != nil {
			seen = nil
			return told{}, err
		}
		return told{answer: yes, holder: seen.Owner, fence: seen.Fence}, nil
	})
	return seen
}

// operate is what the operator does: looks, and ends what it sees by force.
func (p *player) operate() {
	seen := p.look()
	if seen == nil || seen.Owner == "" || p.dice.IntN(2) == 0 {
		return
	}
	p.tries++
	operation := fmt.Sprintf("op%d", p.tries)
	p.note(asked{op: "force-release", owner: seen.Owner, fence: seen.Fence, operation: operation}, func() (told, error) {
		done, err := p.c.ForceRelease(context.Background(), lockcore.ForceRelease{
			Key: p.key, Expect: seen.Expectation(), Operation: operation, Operator: "ann", Reason: "chaos",
		})
		var changed *lockcore.ChangedError
		switch {
		case errors.As(err, &changed):
			return told{answer: no, holder: changed.Holder.Owner, fence: changed.Holder.Fence}, nil
		case err == nil && done.Before:
			return told{answer: repeated}, nil
		}
		return told{answer: yes}, err
	})
}

func describe(history []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range history {
		fmt.Fprintf(&b, "  client %d, %d to %d: %s\n", o.ClientId, o.Call, o.Return, aLock.DescribeOperation(o.Input, o.Output))
	}
	return b.String()
}
