package chaos_test

// The hearing's verdicts on holds that no answer told of, from histories made by hand.

import (
	"testing"

	"locktop/lockcore"
)

func TestTheHearingTellsAHoldThatIsOverFromOneThatIsLeft(t *testing.T) {
	acquired := entry{step: "acquire", after: "a", args: "a 1 a 256 60000 11 r 9"}
	forced := entry{step: "force_release", before: "a", args: "a 1  op ann x"}
	released := entry{step: "release", before: "a", args: "a  r "}
	denied := entry{step: "acquire", before: "b", after: "b", args: "a 1 a 256 60000 11 r 9"}
	given := entry{step: "acquire", after: "b", args: "b 1 b 256 60000 11 q 9"}
	over := entry{step: "release", before: "b", args: "b 1  "}
	gone := &lockcore.NotHeldError{Op: "acquire", Owner: "a", Past: &lockcore.Past{Owner: "a", How: lockcore.HowForced}}
	for _, c := range []struct {
		name    string
		entries []entry
		to      int
		err     error
		want    grant
	}{
		{"ended by force, and the second try is told so", []entry{acquired, forced}, 2, gone, tellsEnd},
		{"ended by force, which is told before it was", []entry{acquired, forced}, 1, gone, heldForNobody},
		{"still there, and told to be over", []entry{acquired}, 1, gone, heldForNobody},
		{"of unknown outcome, and given back", []entry{acquired, released}, 1, lockcore.ErrUnknownOutcome, swallowed},
		{"of unknown outcome, and not given back", []entry{acquired}, 1, lockcore.ErrUnknownOutcome, notCleaned},
		{"said not to be sent", []entry{acquired}, 1, lockcore.ErrUnreachable, heldForNobody},
		{"denied, and taken by a late copy", []entry{given, denied, over, acquired}, 2, lockcore.ErrHeld, afterDenial},
		{"taken by a copy after it was given back", []entry{{step: "release", args: "a  r "}, acquired}, 1, lockcore.ErrUnknownOutcome, heldForNobody},
	} {
		p, wrong := newPast(c.entries)
		if len(wrong) > 0 {
			t.Errorf("%s: %v", c.name, wrong)
		}
		if got := p.unanswered(call{op: "acquire", owner: "a", to: c.to, err: c.err}, p.tenures["a"]); got != c.want {
			t.Errorf("%s: %q; should be %q", c.name, got, c.want)
		}
	}
}
