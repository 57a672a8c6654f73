package chaos_test

// What a fail-over excuses and what it does not, from logs made by hand.

import (
	"strings"
	"testing"
	"time"

	"locktop/lockcore"
)

// ran is an execution that a server has logged at this time, in µs, for a try.
func ran(server int, at int64, try string, e entry) *run {
	e.args += " " + try
	e.id = try
	return &run{entry: e, key: "lock:0", server: server, at: at}
}

func TestAFailOverExcusesWhatItMustAndNothingElse(t *testing.T) {
	take := func(o string) entry {
		return entry{step: "acquire", after: o, args: o + " 1 " + o + " 256 60000 11 r 9"}
	}
	drop := func(o string) entry { return entry{step: "release", before: o, args: o + " 1  "} }
	acquire := func(o string, fence lockcore.Fence, from, to int64) call {
		return call{op: "acquire", key: "lock:0", owner: o, tag: o, fence: fence, begun: time.UnixMicro(from), end: time.UnixMicro(to)}
	}
	release := func(o string, from, to int64) call {
		return call{op: "release", key: "lock:0", owner: o, tag: o, begun: time.UnixMicro(from), end: time.UnixMicro(to)}
	}
	with := func(c call, err error) call { c.err = err; return c }
	killed := failure{what: "killed", loses: true, marked: 100, ended: 200, back: 300, over: 400}
	demoted := failure{what: "demoted", ended: 200, over: 400}
	for _, c := range []struct {
		name     string
		failure  failure
		runs     []*run // server 0 is the old master, 1 the new one
		survived []int  // of these
		calls    []call
		tries    map[string]error // that ended otherwise than by an answer
		says     string           // a complaint, or the last call's verdict
	}{
		{"a grant that was lost", killed, []*run{ran(0, 150, "t1", take("a")), ran(1, 250, "t2", take("b"))}, []int{1},
			[]call{acquire("b", 250, 240, 260), acquire("a", 150, 140, 160)}, nil, string(lost)},
		{"a grant that was lost before the replica was in step", killed, []*run{ran(0, 50, "t1", take("a"))}, nil,
			[]call{acquire("a", 50, 40, 60)}, nil, "no fail-over explains"},
		{"a grant that was lost in a demotion by hand", demoted, []*run{ran(0, 150, "t1", take("a"))}, nil,
			[]call{acquire("a", 150, 140, 160)}, nil, "no fail-over explains"},
		{"a grant that was lost by the new master", killed, []*run{ran(1, 250, "t1", take("a"))}, nil,
			[]call{acquire("a", 250, 240, 260)}, nil, "no fail-over explains"},
		{"a grant that was lost, and its release was not", killed, []*run{ran(0, 150, "t1", take("a")), ran(0, 160, "t2", entry{step: "release", args: "a 1  "})}, []int{1},
			[]call{acquire("a", 150, 140, 155), release("a", 156, 170)}, nil, "and this is not"},
		{"a release that was lost", killed, []*run{ran(0, 50, "t1", take("a")), ran(0, 150, "t2", drop("a"))}, []int{0},
			[]call{acquire("a", 50, 40, 60), release("a", 140, 160)}, nil, string(lost)},
		{"a release that never was", killed, []*run{ran(0, 50, "t1", take("a"))}, []int{0},
			[]call{acquire("a", 50, 40, 60), release("a", 140, 160)}, nil, string(wrongYes)},
		{"a grant by the old master to who asked after its end", killed, []*run{ran(0, 250, "t1", take("a"))}, nil,
			[]call{acquire("a", 250, 240, 260)}, nil, string(wrongYes)},
		{"a call of the old master once all know the new one", killed, []*run{ran(0, 350, "t1", take("a"))}, nil,
			[]call{with(acquire("a", 0, 340, 360), lockcore.ErrUnknownOutcome)}, map[string]error{"t1": lockcore.ErrUnknownOutcome}, old},
		{"a fence that falls below one that was lost", killed, []*run{ran(0, 150, "t1", take("a")), ran(1, 250, "t2", take("b"))}, []int{1},
			[]call{acquire("a", 999, 140, 160), acquire("b", 250, 240, 260)}, nil, "a fence that fell"},
		{"one try on two servers", killed, []*run{ran(0, 150, "t1", take("a")), ran(1, 250, "t1", take("a"))}, []int{1},
			[]call{acquire("a", 250, 140, 260)}, nil, twice},
		{"a try that was said not to be sent", killed, []*run{ran(0, 50, "t1", take("a"))}, []int{0},
			[]call{with(acquire("a", 0, 40, 60), lockcore.ErrUnreachable)}, map[string]error{"t1": lockcore.ErrUnreachable}, executed},
		{"a call that was said not to be sent", killed, []*run{ran(0, 50, "t1", take("a"))}, []int{0},
			[]call{with(acquire("a", 0, 40, 60), lockcore.ErrUnreachable)}, map[string]error{"t1": lockcore.ErrUnreachable}, string(wrongNo)},
		{"a call that the server refused, and that was lost besides", killed, []*run{ran(0, 150, "t1", take("a"))}, nil,
			[]call{with(acquire("a", 0, 140, 260), &lockcore.ReplyError{Message: "READONLY no"})}, map[string]error{"t1": lockcore.ErrUnknownOutcome}, string(wrongNo)},
		{"nothing out of the way", killed, []*run{ran(0, 50, "t1", take("a")), ran(1, 250, "t2", drop("a"))}, []int{0, 1},
			[]call{acquire("a", 50, 40, 60), release("a", 240, 260)}, nil, string(right)},
	} {
		var all []*try
		for _, r := range c.runs {
			all = append(all, &try{name: r.try(), begun: r.at, ended: true, err: c.tries[r.try()]})
		}
		var entries []entry
		for _, i := range c.survived {
			entries = append(entries, c.runs[i].entry)
		}
		p, said := newPast(entries)
		f := c.failure
		a := newAftermath(c.runs, all, []*failure{&f})
		crew := []*worker{{calls: c.calls}}
		a.place(map[string]*past{"lock:0": p}, crew, &guarded{})
		verdict := right
		for _, one := range crew[0].calls {
			verdict = a.judge(p, one)
		}
		said = append(append(said, string(verdict)), a.wrong(crew)...)
		if !strings.Contains(strings.Join(said, "\n"), c.says) {
			t.Errorf("%s: should be %q; it says:\n%s", c.name, c.says, strings.Join(said, "\n"))
		}
		if (c.says == string(right) || c.says == string(lost)) && len(said) > 1 {
			t.Errorf("%s: complaints:\n%s", c.name, strings.Join(said[1:], "\n"))
		}
	}
}
