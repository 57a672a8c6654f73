package chaos_test

// The model says no to what cannot be, and yes to what can: histories made by hand, and scripts that are broken.

import (
	"fmt"
	"testing"

	"github.com/anishathalye/porcupine"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// one is an operation of a history that is written down: when it was called and when it returned, both small numbers.
func one(call, end int64, in asked, out told) porcupine.Operation {
	return porcupine.Operation{Input: in, Call: call, Output: out, Return: end}
}

func TestTheModelTellsWhatCanBeFromWhatCannot(t *testing.T) {
	acquire := func(o string) asked { return asked{op: "acquire", owner: o} }
	release := func(o string, f lockcore.Fence) asked { return asked{op: "release", owner: o, fence: f} }
	extend := func(o string, f lockcore.Fence) asked { return asked{op: "extend", owner: o, fence: f} }
	force := func(o string, f lockcore.Fence) asked {
		return asked{op: "force-release", owner: o, fence: f, operation: "op"}
	}
	inspect := asked{op: "inspect"}
	granted := func(f lockcore.Fence) told { return told{answer: yes, fence: f} }
	held := func(by string, f lockcore.Fence) told { return told{answer: no, holder: by, fence: f} }
	done, lost := told{answer: yes}, told{answer: perhaps}
	for _, c := range []struct {
		name    string
		can     bool
		history []porcupine.Operation
	}{
		{"one after the other", true, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), done), one(5, 6, acquire("b"), granted(2))}},
		{"two holders", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, acquire("b"), granted(2))}},
		{"two holders at the same time", false, []porcupine.Operation{
			one(1, 4, acquire("a"), granted(1)), one(2, 3, acquire("b"), granted(2))}},
		{"a denial by the holder", true, []porcupine.Operation{
			one(1, 3, acquire("a"), granted(1)), one(2, 4, acquire("b"), held("a", 1))}},
		{"a denial by the holder before it was one", false, []porcupine.Operation{
			one(1, 2, acquire("b"), held("a", 1)), one(3, 4, acquire("a"), granted(1))}},
		{"a denial after the release", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), done), one(5, 6, acquire("b"), held("a", 1))}},
		{"a fence that falls", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(5)), one(3, 4, release("a", 5), done), one(5, 6, acquire("b"), granted(4))}},
		{"a release that did nothing", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), done), one(5, 6, inspect, held("a", 1))}},
		{"a release of another's hold", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("b", 1), done)}},
		{"a release of an earlier hold's fence", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(2)), one(3, 4, release("a", 1), done)}},
		{"a no to a release that was done", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), held("", 0)), one(5, 6, inspect, held("", 0))}},
		{"a release that is repeated", true, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), done), one(5, 6, release("a", 1), told{answer: repeated})}},
		{"an acquire that was lost and has happened", true, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, acquire("b"), held("a", 7))}},
		{"an acquire that was lost and has not happened", true, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, acquire("b"), granted(7))}},
		{"an acquire that was lost and happens late", true, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, acquire("b"), granted(7)), one(5, 6, release("b", 7), done), one(7, 8, inspect, held("a", 8))}},
		{"an acquire that was lost and happens before it was called", false, []porcupine.Operation{
			one(1, 2, inspect, held("a", 8)), one(3, never, acquire("a"), lost)}},
		{"an acquire that was lost and happens twice", false, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, inspect, held("a", 7)), one(5, never, asked{op: "give-up", owner: "a"}, lost),
			one(7, 8, inspect, held("", 0)), one(9, 10, inspect, held("a", 8))}},
		{"a lost acquire that is given back", true, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(1, never, asked{op: "give-up", owner: "a"}, lost), one(3, 4, inspect, held("a", 7)), one(7, 8, inspect, held("", 0))}},
		{"a lost acquire that another took away", false, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, inspect, held("a", 7)), one(7, 8, inspect, held("", 0))}},
		{"a fence below that of a lost acquire", false, []porcupine.Operation{
			one(1, never, acquire("a"), lost), one(3, 4, inspect, held("a", 7)), one(5, 6, release("a", 7), done), one(7, 8, acquire("b"), granted(6))}},
		{"a forced release, and its victim is told", true, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, force("a", 1), done), one(5, 6, release("a", 1), told{answer: no, how: lockcore.HowForced}),
			one(7, 8, extend("a", 1), told{answer: no, how: lockcore.HowForced})}},
		{"a forced release that is denied although it was done", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, force("a", 1), told{answer: no}), one(5, 6, inspect, held("", 0))}},
		{"a forced release of another hold", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, force("b", 1), done)}},
		{"an extend after the end", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, release("a", 1), done), one(5, 6, extend("a", 1), done)}},
		{"an extend that is denied in mid-hold", false, []porcupine.Operation{
			one(1, 2, acquire("a"), granted(1)), one(3, 4, extend("a", 1), held("a", 1))}},
	} {
		if got := linearizable(c.history) == porcupine.Ok; got != c.can {
			t.Errorf("%s: the model says %v", c.name, got)
		}
	}
}

func TestBrokenScriptsHaveNoLinearizableHistories(t *testing.T) {
	seed := seedOf(t)
	for _, b := range breakages {
		if b.step == "acquire" && b.replace[0] == "refused = 'ended'" {
			continue // only doubled acquires would show it, and these rounds have none
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := overRESP(t, locktest.StartRedis(t).Addr)
			for round := range 200 {
				history := play(s, seed+uint64(round), fmt.Sprintf("lock:%d", round), func(t lockcore.Transport) lockcore.Transport { return broken{t, b} })
				if linearizable(history) == porcupine.Illegal {
					t.Logf("rejected in round %d", round)
					return
				}
			}
			t.Error("200 histories were explained")
		})
	}
}
