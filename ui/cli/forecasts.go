package cli

// How good forecasts were while something was played: the demo's round or the model's verification. A watcher follows the
// server as the dashboard would, and compares each forecast with what happened (watcher's score.go).

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"locktop/watcher"
	"locktop/watcher/keyspace"
	"locktop/watcher/makecom"
)

// How long a score waits for the watcher: to have seen all there is before a play begins, and the last of it when it is over.
const (
	scoreStart = 5 * time.Second
	scoreEnd   = 2 * time.Second
	scoreLook  = 5 * time.Millisecond
)

// polledPerInterval is how often locks are read in a retry interval where nothing notifies.
const polledPerInterval = 30

// scorekeeper follows a server and keeps score.
type scorekeeper struct {
	live  *watcher.Live
	query watcher.Query
	now   func() time.Time
	speed float64
	end   context.CancelFunc
	done  chan struct{}
}

// keepScore begins to follow the locks of a play, and gives once all is seen that there is before it. A server that cannot
// be watched has no score: the play tells what is wrong with it.
func (s *session) keepScore(ctx context.Context, b makecom.Scenario, match []string, now func() time.Time) *scorekeeper {
	ctx, end := context.WithCancel(ctx)
	k := &scorekeeper{
		live: watcher.NewLive(), query: watcher.Query{Policy: b.Policy, Latency: b.Latency, Limit: 1}, now: now, speed: max(b.Speed, 1),
		end: end, done: make(chan struct{}),
	}
	k.live.Scoring(b.Policy, b.Latency)
	o := s.watching(now)
	o.Match, o.ReadOnly = match, true     // it leaves nothing on the server
	if _, ok := s.client.(overRESP); ok { // where nothing notifies, and a look costs nothing
		o.PollEvery = min(max(b.Policy.Interval/polledPerInterval, scoreLook), keyspace.DefaultPollEvery)
	}
	go func() {
		defer close(k.done)
		k.live.Run(ctx, keyspace.New(o), nil)
	}()
	k.await(ctx, scoreStart, func(v watcher.View) bool { return v.Status.Complete })
	return k
}

func (k *scorekeeper) await(ctx context.Context, limit time.Duration, so func(watcher.View) bool) {
	for until := time.Now().Add(limit); !so(k.live.View(k.query, k.now())) && time.Now().Before(until); {
		if !sleepUnless(ctx, scoreLook) {
			return
		}
	}
}

// score ends it when the last of the play was seen.
func (k *scorekeeper) score(ctx context.Context) *scoreJSON {
	defer func() { k.end(); <-k.done }()
	k.await(ctx, scoreEnd, func(v watcher.View) bool { return v.Figures.Held == 0 && v.Figures.Waiting == 0 })
	return newScoreJSON(k.live.Score(), k.speed)
}

// simulatedScore is the score of the same forecasts where nothing is late: in the simulation of the scenario, with chance as
// it is in Make.com.
func simulatedScore(ctx context.Context, b makecom.Scenario, tie func() uint64) (*scoreJSON, error) {
	t := watcher.NewTable()
	t.Scoring(b.Policy, b.Latency)
	if err := (watcher.Simulated{Scenario: b, Tie: tie, Start: time.Unix(0, 0)}).Run(ctx, t.Apply); err != nil {
		return nil, err
	}
	return newScoreJSON(t.Score(), max(b.Speed, 1)), nil
}

// scoreJSON is a score in the scenario's time. Shares are 0 to 1, null of none.
type scoreJSON struct {
	Settled      int      `json:"settled"`
	Acquired     int      `json:"acquired"`
	Unknown      int      `json:"unknown"`
	Skipped      int      `json:"skipped"`
	MeanError    *int64   `json:"mean_error_ms"`
	ByP50        *float64 `json:"by_p50"`
	ByP50Of      int      `json:"by_p50_of"`
	ByP90        *float64 `json:"by_p90"`
	ByP90Of      int      `json:"by_p90_of"`
	Brier        *float64 `json:"brier"`
	BaseBrier    *float64 `json:"base_rate_brier"`
	CertainWrong int      `json:"certain_wrong"`
	Risks        []risk   `json:"risks"`
	ClearsOff    *float64 `json:"clears_off"`
	ClearsOf     int      `json:"clears_of"`
	Doubt        *string  `json:"doubt"`
}

// risk is what happened to those whose risk of running out lay in a band.
type risk struct {
	UpTo      float64 `json:"up_to"`
	Forecasts int     `json:"forecasts"`
	Said      float64 `json:"said"`
	RanOut    float64 `json:"ran_out"`
}

func newScoreJSON(s watcher.Score, speed float64) *scoreJSON {
	j := &scoreJSON{
		Settled: s.Settled, Acquired: s.Acquired, Unknown: s.Unknown, Skipped: s.Skipped, ByP50Of: s.Timed, ByP90Of: s.Bounded,
		CertainWrong: s.CertainWrong, Risks: []risk{}, ClearsOf: s.Cleared,
	}
	share := func(x float64, of int) *float64 {
		if of == 0 {
			return nil
		}
		x = math.Round(x*10_000) / 10_000
		return &x
	}
	if s.Timed > 0 {
		off := time.Duration(float64(s.Off) * speed).Round(time.Millisecond).Milliseconds()
		j.MeanError = &off
	}
	j.ByP50 = share(float64(s.Half)/float64(s.Timed), s.Timed)
	j.ByP90 = share(float64(s.Inside)/float64(s.Bounded), s.Bounded)
	j.Brier, j.BaseBrier = share(s.Brier, s.Judged), share(s.Base, s.Judged)
	j.ClearsOff = share(s.ClearsOff, s.Cleared)
	for i, b := range s.Bands {
		if b.Forecasts > 0 {
			j.Risks = append(j.Risks, risk{watcher.RiskBands[i], b.Forecasts, *share(b.Risk, 1), *share(b.Share(), 1)})
		}
	}
	if doubt := s.Doubt(); doubt != "" {
		j.Doubt = &doubt
	}
	return j
}

// lines say it in a few rows; none where there was nothing to compare.
func (j *scoreJSON) lines() [][]string {
	if j.Settled == 0 {
		return nil
	}
	var rows [][]string
	add := func(name, format string, args ...any) {
		rows = append(rows, []string{name, fmt.Sprintf(format, args...)})
	}
	text := ""
	if j.MeanError != nil {
		text = "off by " + tenths(*j.MeanError) + " on average"
	}
	if j.ByP90 != nil {
		text += fmt.Sprintf(", %s by their 90 %% time, of %d", percent(*j.ByP90), j.ByP90Of)
	} else if text != "" {
		text += fmt.Sprintf(", of %d", j.ByP50Of)
	} else {
		text = fmt.Sprintf("of %d none said when: too many run out", j.Settled)
	}
	add("forecasts", "%s", text)
	if j.ClearsOff != nil {
		add("when all are in", "off by %s of the time left", percent(*j.ClearsOff))
	}
	if j.Brier != nil && *j.Brier+*j.BaseBrier > 0 {
		add("risk to run out", "Brier score %s, with the base rate %s", rateText(*j.Brier), rateText(*j.BaseBrier))
	}
	if j.Doubt != nil {
		add("unreliable", "%s", *j.Doubt)
	}
	if j.Unknown > 0 {
		add("not compared", "%d forecasts: nobody saw what became of them", j.Unknown)
	}
	return rows
}

// calibration is what was said beside what happened, in the simulation and as measured.
func calibration(simulated, measured *scoreJSON) string {
	if simulated.Settled+measured.Settled == 0 {
		return ""
	}
	happened := func(share *float64) string {
		if share == nil {
			return "-"
		}
		return percent(*share)
	}
	rows := grid{{"FORECASTS", "SAID", "SIMULATED", "OF", "MEASURED", "OF"}}
	add := func(name, said string, a *float64, of int, b *float64, bOf int) {
		if of+bOf > 0 {
			rows = append(rows, []string{name, said, happened(a), strconv.Itoa(of), happened(b), strconv.Itoa(bOf)})
		}
	}
	add("got it by their 50 % time", "50 %", simulated.ByP50, simulated.ByP50Of, measured.ByP50, measured.ByP50Of)
	add("got it by their 90 % time", "90 %", simulated.ByP90, simulated.ByP90Of, measured.ByP90, measured.ByP90Of)
	least := 0.0
	for i, upTo := range watcher.RiskBands {
		name := "ran out, at no risk"
		if i > 0 {
			name = fmt.Sprintf("ran out, at %.0f to %.0f %%", 100*least, 100*upTo)
		}
		a, b := simulated.band(upTo), measured.band(upTo)
		said := b.Said
		if b.Forecasts == 0 {
			said = a.Said
		}
		add(name, percent(said), a.share(), a.Forecasts, b.share(), b.Forecasts)
		least = upTo
	}
	text := rows.String()
	for _, line := range measured.lines() {
		text += line[0] + ": " + line[1] + "\n"
	}
	return text
}

func (j *scoreJSON) band(upTo float64) risk {
	for _, r := range j.Risks {
		if r.UpTo == upTo {
			return r
		}
	}
	return risk{UpTo: upTo}
}

func (r risk) share() *float64 {
	if r.Forecasts == 0 {
		return nil
	}
	return &r.RanOut
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(1000*share)/10, 'f', -1, 64) + " %"
}
