package cli

// locktop model: the capacity model of makecom as a table, as JSON and as a chart. It needs no server; --verify, in
// modelverify.go, plays the same scenario on one.

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/watcher/makecom"
)

func newModelCommand(e *env, shared *sharedFlags) *cobra.Command {
	m := newModel(e)
	c := &cobra.Command{
		Use:   "model",
		Short: "what parallel workers with a lock gain, and what it costs",
		Long: `The capacity model of webhooks that change records: one worker that takes them one after the
other, and needs no lock, against parallel workers that guard each record with a lock in
Redis. Then those that want the same record at once: when each of them gets in, and how many
run out of retries, as the retry policy says: --retry-mode, --retry-interval,
--retry-attempts, --retry-batch. And a TTL and a retry interval, with the reasons.

Clearance is that of distinct records, ⌈requests / workers⌉ × (section + 2 × latency).
Contenders of the same record are simulated, all at once on as many workers. The overlap is the
probability that somebody gets in while a section outlives its lock; tries for the record
are those of the contenders that come back, and --tries on top of them.

--verify plays the scenario with real locks, on an embedded server or on the one that --url
names, and prints what was measured beside what was predicted, and how good the forecasts
were that a watcher made of it. It takes as long as the
scenario does, divided by --speed. On a given server it takes locks of names of its own,
lock:locktop_model_…, and removes what it recorded there.`,
		Example: `  locktop model --same-key 10
  locktop model --section 20s --same-key 3 --chart
  locktop model --json --retry-mode parallel --same-key 20 | jq .same_key.exhausted
  locktop model --same-key 10 --verify --speed 5`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !m.verify {
				for _, name := range []string{"url", "speed"} {
					if c.Flags().Changed(name) {
						return usage("--%s is for --verify: the model itself is computed, and needs no server; add --verify or leave it out", name)
					}
				}
			}
			m.given = c.Flags().Changed("url")
			return m.run(c.Context(), *shared)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.Var(&m.requests, "requests", "webhooks that arrive at once")
	f.Var(&m.workers, "workers", "webhooks that are worked on at a time")
	f.Var(&m.section, "section", "the critical section")
	f.Var(&m.latency, "latency", "one call to Redis, request to answer")
	f.Var(&m.ttl, "ttl", "of a lock")
	f.Var(&m.sameKey, "same-key", "webhooks about one and the same record")
	f.Var(&m.spread, "spread", "the requests arrive evenly over it, 0s: all at once")
	f.Float64Var(&m.tries, "tries", 0, "other tries for one record, a second, as a `number`")
	f.Var(&m.queue, "queue", "webhooks that Make.com's queue takes")
	f.Var(&m.redisRate, "redis-rate", "calls a second that the plan of the Redis allows, 0: any")
	f.BoolVar(&m.asJSON, "json", false, "as JSON")
	f.BoolVar(&m.chart, "chart", false, "with bars")
	f.BoolVar(&m.verify, "verify", false, "play it with real locks, and compare")
	f.Var(&m.speed, "speed", "of --verify, times real, from 1 to 1000")
	return c
}

// model is the command with its flags.
type model struct {
	*env
	requests, workers, sameKey count
	section, latency, ttl      span
	spread                     span
	tries                      float64
	queue, redisRate           count
	asJSON, chart, verify      bool
	speed                      speed
	given                      bool // a server
}

func newModel(e *env) *model {
	s := makecom.DefaultScenario
	return &model{
		env: e, requests: count(s.Webhooks), workers: count(s.Workers), sameKey: 1, section: span(s.Section), latency: span(s.Latency),
		ttl: span(s.TTL), queue: makecom.MakeQueue, speed: 1,
	}
}

// scenario reads the flags.
func (m *model) scenario(policy makecom.Policy) (makecom.Scenario, error) {
	s := makecom.DefaultScenario
	s.Webhooks, s.Workers, s.SameKey = int(m.requests), int(m.workers), int(m.sameKey)
	s.Section, s.Latency, s.TTL, s.Spread = time.Duration(m.section), time.Duration(m.latency), time.Duration(m.ttl), time.Duration(m.spread)
	s.Policy, s.Queue, s.Rate = policy, int(m.queue), makecom.MakeRate
	if m.redisRate != 0 {
		s.Redis = makecom.Rate{Calls: int(m.redisRate), Per: time.Second}
	}
	switch {
	case m.sameKey < 1:
		return s, usage("--same-key %d: must be 1, for records that are all distinct, or more", m.sameKey)
	case m.workers < 1 || m.workers > makecom.MaxWorkers:
		return s, usage("--workers %d: must be between 1 and %d", m.workers, makecom.MaxWorkers)
	case m.section == 0:
		return s, usage("--section 0s: a section that takes no time needs no model; it must be more than 0")
	case m.queue < 0 || m.queue > makecom.MakeMaxQueue:
		return s, usage("--queue %d: must be between 0, for any number, and Make.com's %d", m.queue, makecom.MakeMaxQueue)
	case m.redisRate < 0:
		return s, usage("--redis-rate %d: must be 0, for any number of calls, or more", m.redisRate)
	case !(m.tries >= 0 && m.tries <= 1e6):
		return s, usage("--tries %v: must be between 0 and 1000000 a second", m.tries)
	}
	if err := s.Validate(); err != nil {
		return s, usage("%s", modelFlag(err))
	}
	return s, nil
}

// modelFlag says what a scenario refuses with the name of its flag.
func modelFlag(err error) string {
	text := strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": ")
	for _, name := range [][2]string{
		{"webhooks", "--requests"}, {"same key", "--same-key"}, {"section", "--section"}, {"latency", "--latency"}, {"spread", "--spread"},
	} {
		if rest, ok := strings.CutPrefix(text, name[0]); ok {
			return name[1] + rest
		}
	}
	return "--ttl: " + text
}

// modelReport is what the command prints as JSON.
type modelReport struct {
	makecom.Capacity
	Verify *verification `json:"verify,omitempty"`
}

func (m *model) run(ctx context.Context, shared sharedFlags) error {
	if m.asJSON && m.chart {
		return usage("--json and --chart exclude each other; leave one of them out")
	}
	if !m.given {
		shared.url = defaultURL // the model needs no server, and --verify none that only the environment names
	}
	settings, err := m.settings(&shared)
	if err != nil {
		return err
	}
	s, err := m.scenario(settings.query.Policy)
	if err != nil {
		return err
	}
	var report modelReport
	if report.Capacity, err = s.Capacity(m.tries); err != nil {
		return err
	}
	if m.verify {
		if report.Verify, err = m.played(ctx, settings, s); err != nil {
			return err
		}
	}
	text := m.table(s, report.Capacity)
	if m.chart {
		text += "\n" + modelChart(report.Capacity)
	}
	if report.Verify != nil {
		text += "\n" + report.Verify.table()
	}
	if m.asJSON {
		if text, err = jsonOf(report, ""); err != nil {
			return err
		}
	}
	if err := m.print(text); err != nil {
		return err
	}
	if report.Verify != nil {
		return report.Verify.verdict()
	}
	return nil
}

// table is the model for people.
func (m *model) table(s makecom.Scenario, c makecom.Capacity) string {
	number := strconv.Itoa
	var out strings.Builder
	fmt.Fprintf(&out, "%d webhooks %s on %d workers: %s of work, %s a call, TTL %s\n", s.Webhooks, arriving(s.Spread), s.Workers,
		plainly(s.Section), plainly(s.Latency), plainly(s.TTL))
	fmt.Fprintf(&out, "retry mode %s: every %s, %d times\n\n", retrying(s.Policy), plainly(s.Policy.Interval), s.Policy.Attempts)
	out.WriteString(grid{
		{"", "CLEARED IN", "PER SECOND", "ADDED LATENCY"},
		{"one after the other", hundredths(c.Sequential.ClearanceMs), rateText(c.Sequential.ThroughputPerS), number(int(c.Sequential.AddedLatencyMs)) + " ms"},
		{"parallel, with a lock", hundredths(c.Mutex.ClearanceMs), rateText(c.Mutex.ThroughputPerS), number(int(c.Mutex.AddedLatencyMs)) + " ms"},
	}.String() + "\n")

	rows := grid{{"faster", strconv.FormatFloat(c.Speedup, 'f', 1, 64) + " times"}}
	same := c.SameKey
	if same.Contenders > 1 {
		rows = append(rows, []string{"same record", fmt.Sprintf("%d at once: %d get in, %d out of retries", same.Contenders, same.Acquired, same.Exhausted)})
	} else {
		rows = append(rows, []string{"same record", "no two are about one; see --same-key"})
	}
	if same.Contenders > 1 && same.LastDoneMs != nil {
		rows = append(rows, []string{"get the lock at", momentsOf(same.AcquireMs)}, []string{"the last one done", "after " + tenths(*same.LastDoneMs)})
	}
	rows = append(rows,
		[]string{"overlap", overlapText(s, c.OverlapProbability)},
		[]string{"calls to Redis", rateText(c.CallsPerWebhook) + " a webhook, retries included"},
	)
	if l := c.Limits; l != nil {
		for _, line := range refusals(s, *l) {
			rows = append(rows, []string{"refused", line})
		}
	}
	for _, line := range s.Policy.Warnings() {
		rows = append(rows, []string{"note", line})
	}
	rows = append(rows, []string{"recommended", fmt.Sprintf("TTL %s, retry interval %s",
		plainly(time.Duration(c.Recommend.TTLMs)*time.Millisecond), plainly(time.Duration(c.Recommend.RetryIntervalMs)*time.Millisecond))})
	for i, reason := range strings.Split(c.Recommend.Why, ". ") {
		rows = append(rows, []string{[]string{"because", ""}[min(i, 1)], reason})
	}
	return out.String() + rows.String()
}

// arriving is how webhooks do.
func arriving(spread time.Duration) string {
	if spread == 0 {
		return "at once"
	}
	return "within " + plainly(spread)
}

func retrying(p makecom.Policy) string {
	if p.Mode == makecom.Batch {
		return fmt.Sprintf("batch of %d", p.Batch)
	}
	return string(p.Mode)
}

func overlapText(s makecom.Scenario, p float64) string {
	percent := strconv.FormatFloat(math.Round(p*10_000)/100, 'f', -1, 64) + " %"
	if s.Section+s.Latency <= s.TTL {
		return percent + ": a section is over before its lock is"
	}
	return percent + ": that somebody else gets in before a section is over, since the lock is gone " + plainly(s.Section+s.Latency-s.TTL) + " before its release"
}

// refusals say what limits do to a scenario, a line each, with the way out.
func refusals(s makecom.Scenario, l makecom.Limits) []string {
	var lines []string
	if l.Refused > 0 {
		r := s.Rate
		least := time.Duration(float64(r.Per) * float64(s.Webhooks) / float64(r.Calls))
		lines = append(lines, fmt.Sprintf("%d webhooks with 429: Make.com takes %d in %s; the sender has to repeat them, or to spread all over %s",
			l.Refused, r.Calls, plainly(r.Per), plainly(least.Round(time.Second)+time.Second)))
	}
	if l.Overflowed > 0 {
		lines = append(lines, fmt.Sprintf("%d webhooks with 400: the queue takes %d; they are lost unless the sender repeats them", l.Overflowed, s.Queue))
	}
	if l.Failed > 0 {
		lines = append(lines, fmt.Sprintf("%d executions had a call beyond the %d a second of the Redis's plan; a release that is refused leaves its lock to the TTL", l.Failed, s.Redis.Calls))
	}
	return lines
}

// momentsShown is how many moments a line of the table has room for.
const momentsShown = 12

// momentsOf is when each got the lock, in seconds; of many, the first ones and the last.
func momentsOf(all []int64) string {
	var at []string
	for i, ms := range all {
		if len(all) > momentsShown && i == momentsShown-1 {
			at = append(at, fmt.Sprintf("and %d more, the last at", len(all)-i), strings.TrimSuffix(tenths(all[len(all)-1]), " s"))
			break
		}
		at = append(at, strings.TrimSuffix(tenths(ms), " s"))
	}
	return strings.Join(at, "  ") + " s"
}

// tenths and hundredths are milliseconds in seconds, the latter without a last 0.
func tenths(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s" }

func hundredths(ms int64) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(ms)/1000, 'f', 2, 64), "0") + " s"
}

func rateText(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// plainly is a duration without the units that are 0.
func plainly(d time.Duration) string {
	text := span(d)
	return text.String()
}
