package explore

// The server: its two keys at a virtual time, and scripts that run on them. Equal runs are done once.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
)

// Times are ticks. Every time that occurs is a whole number of them.
const (
	tickMs = 1000
	baseMs = 1_800_000_000_000 // the server's clock at tick 0
	baseUs = baseMs * 1000
)

const (
	lockKey   = "lock:a"
	ledgerKey = "locktop:{lock:a}"
)

// script is what can be run: the six steps, and the commands of those who use no step.
type script uint8

const (
	acquire script = iota
	extend
	release
	force
	seize
	undo
	foreignSet // SET NX PX
	foreignDel // DEL
	scripts
)

func (s script) String() string {
	return [...]string{"acquire", "extend", "release", "force_release", "seize", "undo", "SET NX PX", "DEL"}[s]
}

// fault is what a server refuses: it stands for missing rights, full memory and the like.
type fault uint8

const (
	noFault fault = iota
	noHSET
	noSET
	noPEXPIREAT
	faults
)

func (f fault) String() string { return [...]string{"", "HSET", "SET", "PEXPIREAT"}[f] }

// refusal goes before a script and makes one command fail, with an error of the server's own.
const refusal = `local redis = (function(real) return {
	call = function(command, ...) if command == '%[1]s' then return real.call('%[1]s') end return real.call(command, ...) end,
	pcall = function(command, ...) if command == '%[1]s' then return real.pcall('%[1]s') end return real.pcall(command, ...) end,
	error_reply = real.error_reply} end)(redis)
`

// snapshot is the server's data. A lock without a value is not there.
type snapshot struct {
	owner    string
	deadline int64 // ms
	ledger   embedded.Key
}

// server runs scripts. Its states and replies have numbers; state 0 is empty.
type server struct {
	direct  *embedded.Direct
	sources [scripts][faults]string
	states  []snapshot
	state   map[string]int32
	replies []reply // 0 is none
	reply   map[reply]int32
	done    map[run]ran
}

// run is what decides what a script does.
type run struct {
	state  int32
	now    int8
	script script
	fault  fault
	args   string
}

type ran struct{ state, reply int32 }

// newServer is an empty server; change may break a script.
func newServer(t testing.TB, change func(name, source string) string) *server {
	s := &server{
		direct:  embedded.NewDirect(),
		states:  []snapshot{{}},
		state:   map[string]int32{snapshot{}.text(): 0},
		replies: []reply{{}},
		reply:   map[reply]int32{},
		done:    map[run]ran{},
	}
	found := map[string]string{
		foreignSet.String(): `return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and '1' or '0'`,
		foreignDel.String(): `return tostring(redis.call('DEL', KEYS[1]))`,
	}
	for _, step := range lockcore.Scripts() {
		found[step.Name] = step.Source
		if change != nil {
			found[step.Name] = change(step.Name, step.Source)
		}
	}
	for name := range scripts {
		source, ok := found[name.String()]
		if !ok {
			t.Fatalf("there is no script %s", name)
		}
		s.sources[name][noFault] = source
		for f := noHSET; f < faults; f++ {
			s.sources[name][f] = fmt.Sprintf(refusal, f) + source
		}
	}
	return s
}

// run runs a script, unless that very run was done before.
func (s *server) run(r run) ran {
	if got, ok := s.done[r]; ok {
		return got
	}
	s.direct.At(time.UnixMilli(msAt(r.now)))
	s.direct.Restore(s.states[r.state].keys())
	answer, err := s.direct.Eval(s.sources[r.script][r.fault], []string{lockKey, ledgerKey}, strings.Split(r.args, "\x00"))
	var after snapshot
	for _, k := range s.direct.Look(lockKey, ledgerKey) {
		if k.Name == lockKey {
			after.owner, after.deadline = k.Text, k.Deadline
		} else {
			after.ledger = k
		}
	}
	got := ran{s.number(after), s.numberOf(readReply(r.script, answer, err))}
	s.done[r] = got
	return got
}

func msAt(tick int8) int64 { return baseMs + int64(tick)*tickMs }

func ms(ticks int8) int64 { return int64(ticks) * tickMs }

// tickAt is when a script ran, in ticks; a time between two ticks is a mistake of the model.
func tickAt(ms int64) int8 {
	if ms%tickMs != 0 || ms < baseMs || ms > msAt(100) {
		panic(fmt.Sprintf("explore: %d ms is no tick", ms))
	}
	return int8((ms - baseMs) / tickMs)
}

func (s snapshot) keys() []embedded.Key {
	var keys []embedded.Key
	if s.owner != "" {
		keys = append(keys, embedded.Key{Name: lockKey, Text: s.owner, Deadline: s.deadline})
	}
	if s.ledger.Name != "" {
		keys = append(keys, s.ledger)
	}
	return keys
}

// text is the same for equal data. The order of a hash's fields is no data.
func (s snapshot) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%d\x00%d", s.owner, s.deadline, s.ledger.Deadline)
	for _, f := range s.ledger.Hash {
		b.WriteString("\x00" + f.Name + "\x01" + f.Value)
	}
	return b.String()
}

func (s *server) number(of snapshot) int32 {
	slices.SortFunc(of.ledger.Hash, func(a, b embedded.Field) int { return strings.Compare(a.Name, b.Name) })
	text := of.text()
	n, ok := s.state[text]
	if !ok {
		n = int32(len(s.states))
		s.state[text] = n
		s.states = append(s.states, of)
	}
	return n
}

func (s *server) numberOf(r reply) int32 {
	n, ok := s.reply[r]
	if !ok {
		n = int32(len(s.replies))
		s.reply[r] = n
		s.replies = append(s.replies, r)
	}
	return n
}

// expired is the state without the lock.
func (s *server) expired(state int32) int32 {
	after := s.states[state]
	after.owner, after.deadline = "", 0
	return s.number(after)
}

// field is a field of the ledger.
func (s snapshot) field(name string) string {
	for _, f := range s.ledger.Hash {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// recorded is what the ledger says of its newest hold.
type recorded struct {
	highest, fence fence
	how            string
	deadline       int64
	owner          string
}

func (s snapshot) recorded() recorded {
	items := strings.SplitN(s.field("s"), " ", 13)
	if len(items) < 13 {
		return recorded{}
	}
	deadline, _ := strconv.ParseInt(items[5], 10, 64)
	return recorded{fenceOf(items[0]), fenceOf(items[3]), items[7], deadline, items[12]}
}

// seen is the fence that an operator who looks at the lock is shown: lockcore's Ledger.speaksOf. 0 is none.
func (s snapshot) seen() fence {
	if r := s.recorded(); r.how == "-" && r.owner == s.owner && r.deadline == s.deadline {
		return r.fence
	}
	return 0
}

// fence is a fence, less what all fences here have in common. 0 is unknown.
type fence uint32

func fenceOf(text string) fence {
	n, err := strconv.ParseInt(text, 10, 64)
	if n == 0 && err == nil {
		return 0
	}
	if err != nil || n <= baseUs || n-baseUs >= 1<<32 {
		panic("explore: no fence of this world: " + text)
	}
	return fence(n - baseUs)
}

func (f fence) arg() string {
	if f == 0 {
		return ""
	}
	return strconv.FormatInt(baseUs+int64(f), 10)
}

// String gives the seconds of the clock that it was drawn from.
func (f fence) String() string {
	if f == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d.%06d", f/1e6, f%1e6)
}
