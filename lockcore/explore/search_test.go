package explore

// The search: breadth first through all states, each taken once, and the way back to the start from one that is wrong.

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is the server's data together with what is true.
type world struct {
	server int32
	truth  truth
}

// explorer explores one set of bounds.
type explorer struct {
	bounds
	server   *server
	names    []string // of owners, by number
	worlds   []world
	world    map[world]int32
	messages []message // 0 is none
	number   map[message]int32
	judged   map[judgement]judgedRun

	foreignMessages []int32
	complaints      []string // 0 is none

	seen   visited
	from   []origin // of each state
	result result

	corrects, proves, outlives bool // that these happened; see events
}

// judgement is a run of a message on a world.
type judgement struct {
	world, message int32
	now            int8
	fault          fault
}

type judgedRun struct{ world, reply, complaint int32 }

// origin is how a state was reached first: the state before, and which of its steps led here.
type origin struct {
	state int32
	step  uint32
}

// result is what was found.
type result struct {
	states, steps, runs int
	depth               int  // all states up to this many steps from the start were visited
	complete            bool // there are no others
	took                time.Duration
	met                 map[string]bool // see events
	violation           string
	trace               []string
}

func (r result) String() string {
	bound := fmt.Sprintf("all within %d steps", r.depth)
	if r.complete {
		bound = fmt.Sprintf("all there are, at most %d steps away", r.depth)
	}
	return fmt.Sprintf("%d states (%s), %d transitions, %d runs of scripts, %s", r.states, bound, r.steps, r.runs, r.took.Round(time.Millisecond))
}

// explore searches until a rule is broken, nothing is new, or the bound is reached.
func explore(t testing.TB, b bounds, change func(name, source string) string) result {
	begun := time.Now()
	x := newExplorer(t, b, change)
	x.search()
	x.result.runs = len(x.server.done)
	x.result.met = x.met()
	x.result.took = time.Since(begun)
	return x.result
}

// met tells what happened anywhere.
func (x *explorer) met() map[string]bool {
	met := map[string]bool{
		"a request names another time":            x.corrects,
		"a release proves its overrun afterwards": x.proves,
		"an answer comes after the TTL":           x.outlives,
	}
	for run, ran := range x.server.done {
		r := x.server.replies[ran.reply]
		text := [...]string{yes: "yes", no: "no, " + r.why, failed: "error"}[r.verdict]
		if r.before {
			text += ", done before"
		}
		met[run.script.String()+": "+text] = true
		if r.how != "" {
			met["the owner is told: "+r.how] = true
		}
		if x.server.states[ran.state].field("o") > "0" {
			met["an overrun"] = true
		}
		if x.server.states[ran.state].field("l") > "0" {
			met["an overlap"] = true
		}
	}
	maps.DeleteFunc(met, func(_ string, is bool) bool { return !is })
	return met
}

func newExplorer(t testing.TB, b bounds, change func(name, source string) string) *explorer {
	if b.longer == 0 {
		b.longer = b.ttl
	}
	x := &explorer{
		bounds: b, server: newServer(t, change), names: append(slices.Clone(b.owners), operatorName),
		world: map[world]int32{}, messages: []message{{}}, number: map[message]int32{}, judged: map[judgement]judgedRun{}, complaints: []string{""},
	}
	stranger := b.stranger
	if stranger == "" {
		stranger = b.owners[0]
	}
	x.names = append(x.names, stranger)
	if b.foreign > 0 {
		x.foreignMessages = []int32{x.message(foreignSetMessage(stranger, x.ttlMs(b.ttl))), x.message(message{script: foreignDel, from: foreigner})}
	}
	return x
}

func (x *explorer) first() state {
	return state{
		now: 1, world: x.worldNumber(world{}),
		losses: x.losses, doubles: x.doubles, faults: x.faults, foreign: x.foreign,
	}
}

func (x *explorer) search() {
	first := x.first()
	x.seen.add(&first)
	x.from = append(x.from, origin{-1, 0})
	level, nextLevel := []state{first}, []state{}
	for base := int32(0); len(level) > 0; x.result.depth++ {
		nextBase := int32(len(x.from))
		nextLevel = nextLevel[:0]
		for i := range level {
			n := uint32(0)
			x.next(&level[i], func(to *state, _ step, complaint string) {
				x.result.steps++
				n++
				if x.result.violation != "" {
					return
				}
				x.tidy(to)
				if complaint == "" && !x.seen.add(to) {
					return
				}
				x.from = append(x.from, origin{base + int32(i), n - 1})
				nextLevel = append(nextLevel, *to)
				if complaint == "" {
					complaint = x.check(to)
				}
				if complaint != "" {
					x.result.violation = complaint
					x.result.trace = x.wayTo(int32(len(x.from) - 1))
				}
			})
			if x.result.violation != "" || len(x.from) >= x.states {
				x.result.states = len(x.from)
				return
			}
		}
		base = nextBase
		level, nextLevel = nextLevel, level
	}
	x.result.states, x.result.complete = len(x.from), true
}

// wayTo tells the steps that led to a state, by taking them again.
func (x *explorer) wayTo(n int32) []string {
	var steps []uint32
	for ; x.from[n].state >= 0; n = x.from[n].state {
		steps = append(steps, x.from[n].step)
	}
	at := x.first()
	var told []string
	for _, step := range slices.Backward(steps) {
		told = append(told, x.take(&at, step))
	}
	return told
}

// take takes one step and tells it.
func (x *explorer) take(s *state, wanted uint32) string {
	var after state
	text, n := "", uint32(0)
	x.next(s, func(to *state, st step, complaint string) {
		if n == wanted {
			x.tidy(to)
			after, text = *to, x.text(to, st)
			if complaint != "" {
				text += "   <- " + complaint
			}
		}
		n++
	})
	*s = after
	return text
}

func (x *explorer) message(m message) int32 {
	n, ok := x.number[m]
	if !ok {
		n = int32(len(x.messages))
		x.messages = append(x.messages, m)
		x.number[m] = n
	}
	return n
}

func (x *explorer) worldNumber(w world) int32 {
	n, ok := x.world[w]
	if !ok {
		n = int32(len(x.worlds))
		x.worlds = append(x.worlds, w)
		x.world[w] = n
	}
	return n
}

// passes is the world at a later tick. A key lasts to the end of its deadline's millisecond.
func (x *explorer) passes(n int32, now int8) int32 {
	w := x.worlds[n]
	if w.truth.now.how != lives || w.truth.now.deadline >= msAt(now) {
		return n
	}
	w.truth.ends(expired, 0)
	w.server = x.server.expired(w.server)
	return x.worldNumber(w)
}

// runs carries out a message in a state's world. It gives the answer, and the rule that was broken or "".
func (x *explorer) runs(s *state, m int32, f fault) (int32, string) {
	key := judgement{s.world, m, s.now, f}
	got, ok := x.judged[key]
	if !ok {
		w := x.worlds[s.world]
		message := x.messages[m]
		done := x.server.run(run{w.server, s.now, message.script, f, message.args})
		j := judged{
			truth: w.truth, m: message, at: s.now, fault: f, owners: x.names,
			before: x.server.states[w.server], after: x.server.states[done.state], r: x.server.replies[done.reply],
		}
		complaint := j.judge()
		got = judgedRun{x.worldNumber(world{done.state, j.truth}), done.reply, 0}
		if complaint != "" {
			got.complaint = int32(len(x.complaints))
			x.complaints = append(x.complaints, complaint)
		}
		x.judged[key] = got
	}
	s.world = got.world
	return got.reply, x.complaints[got.complaint]
}

// visited is a set of states, by two hashes of 64 bits with seeds of their own. That two of ten million states
// have both in common, and one of them is left out, has a probability of 10^-25.
type visited struct {
	seeds [2]maphash.Seed
	table [][2]uint64 // open addressing; a power of two long
	used  int
}

// add tells whether a state is new.
func (v *visited) add(s *state) bool {
	if v.table == nil {
		v.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
		v.table = make([][2]uint64, 1<<12)
	}
	if 4*v.used >= 3*len(v.table) {
		old := v.table
		v.table = make([][2]uint64, 2*len(old))
		for _, h := range old {
			if h != [2]uint64{} {
				*v.place(h) = h
			}
		}
	}
	h := [2]uint64{maphash.Comparable(v.seeds[0], *s), maphash.Comparable(v.seeds[1], *s) | 1}
	place := v.place(h)
	if *place == h {
		return false
	}
	*place = h
	v.used++
	return true
}

// place is where a hash is, or would be.
func (v *visited) place(h [2]uint64) *[2]uint64 {
	for i := h[0]; ; i++ {
		p := &v.table[i&uint64(len(v.table)-1)]
		if *p == h || *p == [2]uint64{} {
			return p
		}
	}
}

func (r result) way() string { return "  " + strings.Join(r.trace, "\n  ") + "\n  => " + r.violation }
