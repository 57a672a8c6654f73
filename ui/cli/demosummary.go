package cli

// What came of a demo's round, for people and for programs.

import (
	"strconv"
	"strings"
	"time"

	"locktop/watcher/makecom"
)

// played is what came of one play.
type played struct {
	Name string `json:"play"`
	makecom.Summary
	Forecasts *scoreJSON `json:"forecasts"`
}

// round is what came of a scenario of one play.
type round struct {
	makecom.Summary
	Forecasts *scoreJSON `json:"forecasts"`
}

// demoJSON is what --json prints: of the burst its summary, of others with the scenario's name.
func demoJSON(scenario demoScenario, all []played) any {
	switch {
	case len(all) > 1:
		return struct {
			Scenario string   `json:"scenario"`
			Plays    []played `json:"plays"`
		}{scenario.name, all}
	case scenario.tells != "":
		return struct {
			Scenario string `json:"scenario"`
			round
		}{scenario.name, round{all[0].Summary, all[0].Forecasts}}
	}
	return round{all[0].Summary, all[0].Forecasts}
}

// demoText is what came of a round, for people.
func demoText(scenario demoScenario, all []played) string {
	text := ""
	if scenario.tells != "" {
		text = scenario.name + ": " + scenario.tells + ".\n\n"
	}
	if len(all) > 1 {
		return text + dirtyWrites(all)
	}
	return text + demoSummary(scenario.plays[0].Player, all[0].Summary, all[0].Forecasts)
}

// dirtyWrites says of each play what the store says.
func dirtyWrites(all []played) string {
	number := strconv.Itoa
	rows := grid{{"", "UPDATES", "IN THE STORE", "LOST", "OVERLAPS", "LOCKS OF OTHERS DELETED", "LATE WRITERS REJECTED", "ALL OVER AFTER"}}
	for _, p := range all {
		t := p.Trouble
		rows = append(rows, []string{
			p.Name, strconv.FormatInt(t.Store.Updates, 10), strconv.FormatInt(t.Store.Value, 10), strconv.FormatInt(t.Store.Lost, 10),
			number(t.Overlaps), number(t.Removed), number(t.Rejected), tenths(p.TookMs),
		})
	}
	return rows.String() + `
Updates were acknowledged by the store; it was counted afterwards. A lock whose TTL is over while its owner still works
keeps nobody out: lockcore tells that owner at its release, and only a store that checks the fence rejects its update.
Rejected work comes back as a retry.
`
}

// demoSummary is what came of a round, for people.
func demoSummary(b makecom.Player, s makecom.Summary, forecasts *scoreJSON) string {
	var out strings.Builder
	number := strconv.Itoa
	rate := func(c makecom.Clearance) string { return strconv.FormatFloat(c.ThroughputPerS, 'f', 1, 64) }

	out.WriteString(number(s.Webhooks) + " webhooks " + arriving(b.Scale(1/s.Speed).Spread.Round(time.Second)) + ", " + number(s.Workers) + " workers, " + number(s.SameKey.Contenders) + " webhooks about one customer.\n")
	if s.Speed != 1 {
		out.WriteString("Played " + strconv.FormatFloat(s.Speed, 'f', -1, 64) + " times as fast; all times here are real ones.\n")
	}
	out.WriteString("\n" + grid{
		{"", "CLEARED IN", "PER SECOND", "ADDED LATENCY"},
		{"one after the other", tenths(s.Sequential.ClearanceMs), rate(s.Sequential), number(int(s.Sequential.AddedLatencyMs)) + " ms"},
		{"parallel, with a lock", tenths(s.Mutex.ClearanceMs), rate(s.Mutex), number(int(s.Mutex.AddedLatencyMs)) + " ms"},
	}.String() + "\n")

	rows := grid{
		{"faster", strconv.FormatFloat(s.Speedup, 'f', 1, 64) + " times: " + number(s.FirstTry) + " works were done by then, " + number(s.DeniedFirst) + " were denied at first"},
		{"same customer", number(s.SameKey.Acquired) + " of " + number(s.SameKey.Contenders) + " got in, retry mode " + string(s.SameKey.RetryMode)},
	}
	if last := s.SameKey.LastDoneMs; last != nil {
		rows = append(rows, []string{"the last one done", "after " + tenths(*last)})
		rows = append(rows, []string{"got the lock at", strings.TrimSuffix(momentsOf(s.SameKey.AcquireMs), " s")})
	}
	rows = append(rows, []string{"retries", number(s.Retried) + " for " + number(s.Denied) + " denials"})
	rows = append(rows, []string{"out of attempts", number(s.Exhausted)})
	rows = append(rows, []string{"holds lost", number(s.Lost)})
	rows = append(rows, troubles(b, s.Trouble)...)
	if s.Forced > 0 {
		rows = append(rows, []string{"of them by force", number(s.Forced)})
	}
	if s.Failed > 0 {
		rows = append(rows, []string{"failed calls", number(s.Failed)})
	}
	if s.LeftHeld > 0 {
		rows = append(rows, []string{"left held", number(s.LeftHeld) + ", until their TTL is over"})
	}
	rows = append(rows, forecasts.lines()...)
	for _, line := range b.Policy.Scale(1 / s.Speed).Warnings() {
		rows = append(rows, []string{"note", line})
	}
	out.WriteString(rows.String())
	return out.String()
}

// troubles are the lines of what went wrong as the scenario wanted it.
func troubles(b makecom.Player, t *makecom.Trouble) [][]string {
	if t == nil {
		return nil
	}
	var rows [][]string
	if b.Crashing > 0 {
		first := b.Policy.FirstToWin(b.TTL, b.Latency)
		rows = append(rows, []string{"crashed holders", strconv.Itoa(t.Crashed) + ": retry " + strconv.Itoa(first) + " of a waiter is the first that comes after the TTL"})
	}
	if b.Slow > 0 {
		rows = append(rows, []string{"overlaps", strconv.Itoa(t.Overlaps) + " times somebody got in while another one was still inside"})
	}
	if b.Rate.Calls > 0 {
		rows = append(rows, []string{"refused with 429", strconv.Itoa(t.Refused) + ": above Make.com's rate"})
	}
	if b.Queue > 0 {
		rows = append(rows, []string{"refused with 400", strconv.Itoa(t.Overflowed) + ": the queue was full"})
	}
	return rows
}
