package chaos_test

// The truth: a log that the server itself keeps, of who held each lock before and after each step.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"locktop/lockcore"
)

// noting is a transport whose scripts note what they did, in a stream beside the ledger. The note is
// written in the same atomic execution as the step, so the stream has them in the order in which they happened,
// whoever sent them, however often and however late.
type noting struct {
	lockcore.Transport
	tries *tries // where each try is told from each other one, and the servers log it; nil where not
}

// note runs a step and writes: its name, the lock's owner before and after, the TTL after in ms, whether it
// answered with an error, and its arguments. (The stream is a key of its own: where a slot is being moved, a
// script runs only where all its keys are.)
const note = `local function step()
%s
end
local before = redis.call('GET', KEYS[1])
local ok, reply = pcall(step)
local failed = not ok or type(reply) == 'table' and reply.err
local after, left = redis.pcall('GET', KEYS[1]), redis.pcall('PTTL', KEYS[1])
if type(after) == 'table' then after, left = '', -2 end -- what is gone from a slot on its way cannot be asked for
local note = table.concat({'%s', before or '', after or '',
  string.format('%%.0f', left), failed and 'failed' or 'done', table.concat(ARGV, ' ')}, '|')
local id = redis.call('XADD', KEYS[3], '*', 'n', note)
%s
if not ok and type(reply) ~= 'table' then return redis.error_reply(reply) end
return reply`

// noted are the scripts with their notes, by the SHA1 without, and whether they are logged.
var noted sync.Map

type noteOf struct {
	sha1   string
	logged bool
}

func (n noting) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	which, log := noteOf{s.SHA1, n.tries != nil}, ""
	if which.logged {
		log = logNote
	}
	with, ok := noted.Load(which)
	if !ok {
		source := fmt.Sprintf(note, s.Source, s.Name, log)
		sum := sha1.Sum([]byte(source))
		with, _ = noted.LoadOrStore(which, &lockcore.Script{Name: s.Name, Source: source, SHA1: hex.EncodeToString(sum[:])})
	}
	keys = append(slices.Clip(keys), notesOf(keys[0]))
	if n.tries == nil {
		return n.Transport.Eval(ctx, with.(*lockcore.Script), keys, args)
	}
	try := n.tries.begin()
	got, err := n.Transport.Eval(ctx, with.(*lockcore.Script), keys, append(slices.Clip(args), try.name))
	n.tries.end(try, err)
	return got, err
}

// entry is one note.
type entry struct {
	id            string // in the stream
	step          string
	before, after string // owners; empty for nobody
	ttl           int64  // ms left after it, -1 without, -2 where nobody holds it
	failed        bool
	args          string
}

func (e entry) String() string {
	return fmt.Sprintf("%s(%s): %q → %q, failed %v", e.step, e.args, e.before, e.after, e.failed)
}

func notesOf(key string) string {
	ledger, _ := lockcore.LedgerKey(key)
	return ledger + ":notes"
}

// moment is how many notes there are of a lock: a point in its history. Where masters fail it is found out
// afterwards, by the clock.
func (s *site) moment(key string) int {
	if s.clocked {
		return 0
	}
	n, _ := s.do("XLEN", notesOf(key)).(int64)
	return int(n)
}

// history is all that happened to a lock.
func (s *site) history(key string) []entry {
	s.t.Helper()
	var all []entry
	items, _ := s.do("XRANGE", notesOf(key), "-", "+").([]any)
	for _, item := range items {
		id, fields := item.([]any)[0].(string), item.([]any)[1].([]any)
		e, ok := readNote(id, fields[1].(string))
		if !ok {
			s.t.Fatalf("a note reads %q", fields[1])
		}
		all = append(all, e)
	}
	return all
}

func readNote(id, note string) (entry, bool) {
	parts := strings.SplitN(note, "|", 6)
	if len(parts) != 6 {
		return entry{}, false
	}
	ttl, err := strconv.ParseInt(parts[3], 10, 64)
	return entry{id, parts[0], parts[1], parts[2], ttl, parts[4] == "failed", parts[5]}, err == nil
}

// past answers questions about one lock's history. Moments count from 0, before the first note.
type past struct {
	entries []entry
	tenures map[string]tenure // by owner, the first one of each; owners are used once
	again   []tenure          // of owners who got it once more, by a late copy of the same request
}

// tenure is an owner's hold: the moment after which it was held, and the one after which it was not.
type tenure struct {
	owner        string
	begun, ended int // ended is beyond the last moment where it never was
	by           string
}

// newPast checks that the history is one of a lock, and gives it, or says where it is not.
func newPast(entries []entry) (*past, []string) {
	p := &past{entries: entries, tenures: map[string]tenure{}}
	var wrong []string
	holder := ""
	for i, e := range entries {
		if e.before != holder {
			wrong = append(wrong, fmt.Sprintf("before note %d the lock went from %q to %q by itself", i, holder, e.before))
		}
		holder = e.after
		if e.before == e.after {
			continue
		}
		if e.failed {
			wrong = append(wrong, fmt.Sprintf("note %d: a step that failed changed the lock: %s", i, e))
		}
		if n := len(p.again) - 1; n >= 0 && p.again[n].owner == e.before && p.again[n].ended > len(entries) {
			p.again[n].ended, p.again[n].by = i+1, e.step
		} else if e.before != "" {
			t := p.tenures[e.before]
			t.ended, t.by = i+1, e.step
			p.tenures[e.before] = t
		}
		if e.after != "" {
			if e.step == "acquire" && e.before != "" {
				wrong = append(wrong, fmt.Sprintf("note %d: acquired while it was held: %s", i, e))
			}
			t := tenure{owner: e.after, begun: i + 1, ended: len(entries) + 1}
			if _, again := p.tenures[e.after]; again {
				p.again = append(p.again, t)
			} else {
				p.tenures[e.after] = t
			}
		}
	}
	return p, wrong
}

// holder is who held the lock at a moment.
func (p *past) holder(moment int) string {
	if moment == 0 {
		return ""
	}
	return p.entries[moment-1].after
}

// answered says which of an owner's holds an answer was about, where there is more than one: the last that had
// begun by then.
func (p *past) answered(owner string, moment int) {
	for i, t := range p.again {
		if first := p.tenures[owner]; t.owner == owner && t.begun <= moment && t.begun > first.begun {
			p.tenures[owner], p.again[i] = t, first
		}
	}
}

// free tells whether owner did not hold the lock at one moment of these at least.
func (p *past) free(owner string, from, to int) bool {
	t, ok := p.tenures[owner]
	return !ok || from < t.begun || to >= t.ended
}

// later is how many holds had begun after owner's by this moment.
func (p *past) later(owner string, moment int) (n int) {
	for _, t := range p.tenures {
		if t.begun > p.tenures[owner].begun && t.begun <= moment {
			n++
		}
	}
	return n
}

// requests is how many others' requests were granted or given up between two moments.
func (p *past) requests(owner string, from, to int) (n int) {
	for _, e := range p.entries[from:min(to, len(p.entries))] {
		switch words := strings.Split(e.args, " "); {
		case words[0] == owner:
		case e.step == "acquire" && e.before == "" && e.after != "", e.step == "release" && words[2] != "":
			n++
		}
	}
	return n
}

// ran are the executions of a step between two moments whose arguments have all of these among them.
func (p *past) ran(step string, from, to int, args ...string) (found []entry) {
	for _, e := range p.entries[min(from, len(p.entries)):min(to, len(p.entries))] {
		if e.step != step {
			continue
		}
		words := strings.Split(e.args, " ")
		if !slices.ContainsFunc(args, func(a string) bool { return !slices.Contains(words, a) }) {
			found = append(found, e)
		}
	}
	return found
}
