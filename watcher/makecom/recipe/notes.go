package recipe

// What whoever pastes a recipe must know: what each part is for, and what goes wrong without it.

import (
	"fmt"
	"strings"
	"time"

	"locktop/watcher/makecom"
)

// Note is one thing to know.
type Note struct {
	About string `json:"about"`
	Text  string `json:"text"`
}

func (s Scenario) notes(r *Recipe) []Note {
	list := []Note{
		{"Module numbers", fmt.Sprintf("%s and the {{1.…}} are of the blueprint: 1 is the webhook, %d the acquire. In a scenario of your own, write your modules' numbers. "+
			"Paste the token into every HTTP module; whoever gets an export of the scenario gets the token with it.", fence(idAcquire), idAcquire)},
		{"A denial is an error", "Make restarts an execution at the module that failed. So the acquire itself must fail: its script answers a denial with an error " +
			"(\"HELD …\", HTTP 400), and \"Evaluate all states as errors\" makes that the module's. The Break handler belongs on the acquire, nowhere else. " +
			"Were that switch off, the filter \"has the lock\" would let nothing without a fence into the section, and a denied event would be lost."},
		{"Values in JSON", "Make puts values into a raw body as they are, so a quote in an id would end the string and what follows would be part of the command. " +
			"encodeURL() leaves nothing that can. Ids of letters, digits and -_.!~*'() stay as they are; of others the key has the encoded form, " +
			"and whoever else takes the same lock has to encode alike. The script refuses an empty owner and any ledger that is not the lock's."},
		{"An event without the field", fmt.Sprintf("All such events share one lock, %s with nothing in the field's place: safe, but one at a time.", s.Resource)},
		{"The owner", fmt.Sprintf("Each retry is an execution with an id of its own, so waiters are known by their work, %s. Release compares the owner, so it never frees somebody else's lock.", r.Work)},
		{"The section", fmt.Sprintf("Put the error route of %d on every module of it: it frees the lock at once and keeps the execution. No module of the section may have a Break that "+
			"completes by itself: that restarts within the section, without the lock. For the same reason don't run a kept one; send its event to the webhook again, then delete it. "+
			"Hand the fence, {{%d.fence}}, to the store that is guarded, so that it can turn away a writer that comes too late.", idSection, idSection)},
		{"The TTL", fmt.Sprintf("%s must be more than the section ever takes: an HTTP module waits 40 s unless told otherwise (300 s at most), and a run may last 40 minutes. "+
			"If it runs out, somebody else gets in. The release then fails with \"GONE …\" or, after a forced one, \"REVOKED …\", the Resume handler goes on, and locktop shows an overrun by more than a second (the clock that proves it is Make's).", short(s.TTL))},
		{"An answer that is lost", fmt.Sprintf("An acquire without an answer in %s fails and is retried. If it was executed after all, nobody uses that lock until its TTL is over%s.",
			short(s.patience()), map[bool]string{
				true: ": a TTL above the retry interval costs an attempt then",
			}[s.TTL > s.Policy.Interval])},
		s.retries(),
	}
	if strings.HasPrefix(s.URL, "http://") {
		list = append(list, Note{"The URL", "Make.com cannot reach " + s.URL + ": a loopback address is this machine's own. Put the database's https:// address there."})
	}
	if s.Respond {
		list = append(list, Note{"The webhook's answer", "The sender is answered when the section is over: 200, or 500 if it failed, so that it repeats the event. What that costs: it has to wait so long (after 180 s " +
			"Make answers 200 Accepted by itself), and one that gives up earlier repeats work that is done, so the section must bear being repeated. " +
			"A denied event is answered 200 Accepted, since Make retries it; if its section fails then, nobody is told, which is why a failure is kept in any case. " +
			"Delete the kept one where the sender's repeat succeeded."})
	} else {
		list = append(list, Note{"The webhook's answer", "Make answers 200 as soon as the event is queued, so the sender never repeats it: what fails is in the incomplete executions, and only there. " +
			"(--respond has the sender wait for the section, and repeat what failed.)"})
	}
	return append(list, Note{"Limits", fmt.Sprintf("A webhook's queue takes 667 events for each 10,000 credits a month, 10,000 at most, then answers 400; above 300 requests in 10 s it answers 429. "+
		"Each call carries its script: %s for an acquire, %s for a release.", kilobytes(r.Bodies[0].Body), kilobytes(r.Bodies[1].Body))})
}

func (s Scenario) retries() Note {
	text := fmt.Sprintf("%d, %s apart, from the denial on. ", s.Policy.Attempts, short(s.Policy.Interval))
	if s.Policy.Mode == makecom.Sequential {
		text += "With sequential processing one execution runs at a time, first tries included: there are no parallel workers, and the lock guards against other scenarios only. "
	} else {
		text += fmt.Sprintf("Make runs at most %d retries of a scenario at a time, and none while the scenario itself runs. Leave sequential processing off: it turns parallel workers off with it. ", makecom.BreakBatch)
	}
	return Note{"Retries", text + "After the last one the execution stays as unresolved; running it by hand begins with the acquire and is safe. " +
		"Without \"Store incomplete executions\" there are no retries at all, and the event is lost."}
}

// short is a duration without the units that are 0.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func kilobytes(body string) string { return fmt.Sprintf("%.0f KB", float64(len(body))/1000) }
