package chaos_test

// What a fail-over may excuse, and nothing more. Redis replicates behind its answers, so a master that fails
// takes with it what its replica had not heard yet: not promised, and known here to the single execution.
//
// Each server logs every step that it executes, in a file of its own that no replication overwrites and no crash
// takes away. What is in the notes of the last master has survived; what is only in a log has not. So:
//   - Only the tail of a failed master may be missing: after a moment at which its replica was in step, and
//     nothing of the tail is there that is younger than what is missing. A fail-over by hand loses nothing.
//   - An answer that the survived history contradicts is excused if its call had begun before the master failed,
//     and the history with the lost tail explains it. All others are judged by what survived.
//   - Fences rise from answer to answer, also over those that were lost.
//   - Every try is executed on one server at most and once; on none, where its transport says so.
//   - Who has found the new master never again has anything executed by the old one.
//
// Moments are told by the clock, which all have in common: they run on one machine.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// logFile is where a server logs, in its own directory.
const logFile = "redis.log"

// logNote has the server log a note: its lock, its id in the stream, the time in µs.
const logNote = `local t = redis.call('TIME')
redis.log(redis.LOG_WARNING, string.format('note %s %s %.0f ', KEYS[1], id, t[1] * 1000000 + t[2]) .. note)`

// run is one execution of a step, by the log of the server that did it.
type run struct {
	entry
	key      string
	server   int
	at       int64 // µs
	survived bool
}

// try is the last of a step's arguments here.
func (r *run) try() string { return r.args[strings.LastIndexByte(r.args, ' ')+1:] }

func (r *run) String() string {
	return fmt.Sprintf("server %d, %d, %s: %s", r.server, r.at, r.key, r.entry)
}

// readLog is what a server has executed, in its order.
func readLog(t testing.TB, server int, r *locktest.Redis) (all []*run) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, logFile))
	if err != nil {
		t.Fatalf("the log of %s: %v", r.Addr, err)
	}
	for line := range strings.Lines(string(text)) {
		_, noted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " # note ")
		if !ok {
			continue
		}
		words := strings.SplitN(noted, " ", 4)
		if len(words) != 4 {
			t.Fatalf("%s has logged %q", r.Addr, line)
		}
		e, ok := readNote(words[1], words[3])
		at, err := strconv.ParseInt(words[2], 10, 64)
		if !ok || err != nil {
			t.Fatalf("%s has logged %q", r.Addr, line)
		}
		all = append(all, &run{entry: e, key: words[0], server: server, at: at})
	}
	return all
}

// tries are the scripts' calls that transports were asked for, each with a name.
type tries struct {
	mu  sync.Mutex
	all []*try
}

type try struct {
	name  string
	begun int64 // µs
	err   error
	ended bool
}

func (t *tries) begin() *try {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := &try{name: fmt.Sprintf("try%d", len(t.all)), begun: time.Now().UnixMicro()}
	t.all = append(t.all, one)
	return one
}

func (t *tries) end(one *try, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one.err, one.ended = err, true
}

// failure is one time that a master was replaced.
type failure struct {
	what   string
	old    int      // the server
	keys   []string // that it had
	loses  bool     // it failed without notice
	marked int64    // µs: the replica had heard of all that was executed before
	ended  int64    // µs: it answers none of the calls that begin later
	back   int64    // µs: it runs again from then on, while all had found the new one
	over   int64    // µs: it was a replica again, and in step
}

// aftermath is all that is known once the storm is over.
type aftermath struct {
	runs     []*run
	tries    map[string]*try
	failures []*failure
	executed map[string][]*run // by step and argument

	times    map[string][]int64            // of each lock's survived history, µs
	tails    map[*failure]map[string]*tail // that were lost, by lock
	fenceOf  map[string]map[string]call    // of the answers that were lost, by lock and fence
	complain []string
}

// tail is a lock's history as a failed master had it.
type tail struct {
	past  *past
	times []int64
}

func newAftermath(runs []*run, t []*try, failures []*failure) *aftermath {
	a := &aftermath{runs: runs, tries: map[string]*try{}, failures: failures, executed: map[string][]*run{},
		times: map[string][]int64{}, tails: map[*failure]map[string]*tail{}, fenceOf: map[string]map[string]call{}}
	for _, one := range t {
		a.tries[one.name] = one
	}
	for _, r := range runs {
		for _, word := range strings.Split(r.args, " ") {
			a.executed[r.step+" "+word] = append(a.executed[r.step+" "+word], r)
		}
	}
	return a
}

func (a *aftermath) wrongf(format string, args ...any) {
	a.complain = append(a.complain, fmt.Sprintf(format, args...))
}

// place tells survived from lost, and gives each call its moments in the survived history.
func (a *aftermath) place(pasts map[string]*past, crew []*worker, store *guarded) {
	byID := map[string][]*run{}
	for _, r := range a.runs {
		byID[r.key+" "+r.id] = append(byID[r.key+" "+r.id], r)
	}
	for key, p := range pasts {
		for i, e := range p.entries {
			var found *run
			for _, r := range byID[key+" "+e.id] {
				if r.entry == e {
					found = r
				}
			}
			if found == nil {
				a.wrongf("%s: note %d is in no server's log: %s", key, i, e)
				a.times[key] = append(a.times[key], 0)
				continue
			}
			found.survived = true
			a.times[key] = append(a.times[key], found.at)
		}
		if !slices.IsSorted(a.times[key]) {
			a.wrongf("%s: its notes are not in the order of the clock", key)
		}
	}
	a.judgeLosses(pasts)
	for _, w := range crew {
		for i := range w.calls {
			c := &w.calls[i]
			c.from, c.to = moments(a.times[c.key], *c)
		}
	}
	for i := range store.rejected {
		c := &store.rejected[i]
		c.from, c.to = moments(a.times[c.key], *c)
	}
}

// moments are those of a call in a history whose entries have these times.
func moments(times []int64, c call) (from, to int) {
	from = sort.Search(len(times), func(i int) bool { return times[i] >= c.begun.UnixMicro() })
	to = sort.Search(len(times), func(i int) bool { return times[i] > c.end.UnixMicro() })
	return from, max(from, to)
}

// judgeLosses holds all that did not survive against the fail-overs, and draws the tails.
func (a *aftermath) judgeLosses(pasts map[string]*past) {
	gone := map[*failure]map[string][]*run{}
	for _, f := range a.failures {
		gone[f], a.tails[f] = map[string][]*run{}, map[string]*tail{}
	}
	for _, r := range a.runs {
		if r.survived {
			continue
		}
		f := a.excuse(r)
		switch {
		case f == nil:
			a.wrongf("no fail-over explains that this was lost: %s", r)
		case r.at <= f.ended:
			gone[f][r.key] = append(gone[f][r.key], r)
		}
	}
	for f, keys := range gone {
		first := int64(0)
		for key, runs := range keys {
			if first == 0 || runs[0].at < first {
				first = runs[0].at
			}
			// What it had before, and what was lost after.
			p := pasts[key]
			cut := sort.Search(len(a.times[key]), func(i int) bool { return a.times[key][i] >= runs[0].at })
			entries, times := slices.Clone(p.entries[:cut]), slices.Clone(a.times[key][:cut])
			for _, r := range runs {
				entries, times = append(entries, r.entry), append(times, r.at)
			}
			old, wrong := newPast(entries)
			for _, w := range wrong {
				a.wrongf("%s, as the %s master had it: %s", key, f.what, w)
			}
			a.tails[f][key] = &tail{old, times}
		}
		for _, r := range a.runs {
			if first > 0 && r.survived && r.server == f.old && r.at > first && r.at <= f.ended {
				a.wrongf("the %s master's tail is lost from %d on, and this is not: %s", f.what, first, r)
			}
		}
	}
}

// excuse is the fail-over that may have lost this: it was executed after its master's replica had last been in
// step, or by a master that had been replaced.
func (a *aftermath) excuse(r *run) *failure {
	for _, f := range a.failures {
		if f.loses && r.server == f.old && r.at > f.marked && r.at <= f.over {
			return f
		}
	}
	return nil
}

// judge holds a call against what survived, and where that contradicts it against what was lost.
func (a *aftermath) judge(p *past, c call) verdict {
	if !errors.Is(c.err, lockcore.ErrUnknownOutcome) && (errors.Is(c.err, lockcore.ErrUnreachable) || passes(c.err)) {
		for _, r := range a.executed[stepOf[c.op]+" "+c.tag] {
			// A release is not told from a later one of the same hold, but for its moment.
			if c.tag != "" && r.at >= c.begun.UnixMicro() && (c.op != "release" || r.at <= c.end.UnixMicro()) {
				return wrongNo // it was sent, and done
			}
		}
		return notSent
	}
	v := p.judge(c)
	for _, f := range a.failures {
		t := a.tails[f][c.key]
		if !v.wrong() || t == nil || c.begun.UnixMicro() > f.ended {
			continue
		}
		then := c
		then.from, then.to = moments(t.times, c)
		if !t.past.judge(then).wrong() {
			v = lost
			if c.op == "acquire" && c.err == nil {
				if a.fenceOf[c.key] == nil {
					a.fenceOf[c.key] = map[string]call{}
				}
				a.fenceOf[c.key][c.fence.String()] = c
			}
		}
	}
	return v
}

// passes tells that the server has refused a call without executing it, for as long as something moves.
func passes(err error) bool {
	var reply *lockcore.ReplyError
	if !errors.As(err, &reply) {
		return false
	}
	word, _, _ := strings.Cut(reply.Message, " ")
	return slices.Contains([]string{"LOADING", "TRYAGAIN", "MOVED", "ASK", "CLUSTERDOWN", "READONLY", "MASTERDOWN"}, word)
}

// rejects tells that the store had seen the fence of a hold that was lost.
func (a *aftermath) rejects(c call) bool {
	_, ok := a.fenceOf[c.key][c.saw]
	return ok
}

// wrong is what besides the answers broke a promise.
func (a *aftermath) wrong(crew []*worker) []string {
	a.judgeTries()
	a.judgeFences(crew)
	return a.complain
}

// judgeTries asks of every try how often it was executed, and where.
func (a *aftermath) judgeTries() {
	done := map[string][]*run{}
	for _, r := range a.runs {
		t := a.tries[r.try()]
		if t == nil {
			a.wrongf("nobody has tried this: %s", r)
			continue
		}
		done[t.name] = append(done[t.name], r)
		for _, f := range a.failures {
			if f.back > 0 && t.begun > f.back && r.server == f.old && r.at > f.back && r.at <= f.over {
				a.wrongf("%s: executed by the %s master, which everybody knew to be replaced: %s", old, f.what, r)
			}
		}
	}
	for name, t := range a.tries {
		var refused *lockcore.ReplyError
		switch n := len(done[name]); {
		case !t.ended:
			a.wrongf("%s has not ended", name)
		case n > 1:
			a.wrongf("%s: %d times: %v", twice, n, done[name])
		case n == 1 && (errors.Is(t.err, lockcore.ErrUnreachable) || passes(t.err)):
			a.wrongf("%s: %s ended with %v: %s", executed, name, t.err, done[name][0])
		case n == 0 && (t.err == nil || errors.As(t.err, &refused) && !passes(t.err)):
			a.wrongf("%s was answered (%v) and never executed", name, t.err)
		}
	}
}

// What tests of broken transports look for.
const (
	twice    = "EXECUTED TWICE"
	executed = "EXECUTED AND SAID NOT TO BE SENT"
	old      = "EXECUTED BY A FORMER MASTER"
)

// judgeFences asks whether a grant that was asked for after another one was answered has a higher fence.
func (a *aftermath) judgeFences(crew []*worker) {
	granted := map[string][]call{}
	for _, w := range crew {
		for _, c := range w.calls {
			if c.op == "acquire" && c.err == nil {
				granted[c.key] = append(granted[c.key], c)
			}
		}
	}
	for _, calls := range granted {
		ended := slices.SortedFunc(slices.Values(calls), func(x, y call) int { return x.end.Compare(y.end) })
		begun := slices.SortedFunc(slices.Values(calls), func(x, y call) int { return x.begun.Compare(y.begun) })
		var highest call
		i := 0
		for _, c := range begun {
			for ; i < len(ended) && ended[i].end.Before(c.begun); i++ {
				highest = slices.MaxFunc([]call{highest, ended[i]}, func(x, y call) int { return cmp.Compare(x.fence, y.fence) })
			}
			if c.fence <= highest.fence {
				a.wrongf("a fence that fell from %s: %s; after %s", highest.fence, c, highest)
			}
		}
	}
}
