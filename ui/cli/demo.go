package cli

// locktop demo: a Redis of its own, a burst of Make.com webhooks that take locks in it, and the dashboard on that.

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/ui/audit"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

// demoEvents are the notifications that watching needs.
const demoEvents = "K$gxeh"

// demoTTL is the shortest TTL of the demo's locks at any speed. What makes a machine pause for a moment does not get faster
// with the demo, and a lock that expires meanwhile is another story than this one.
const demoTTL = time.Second

// demoScenarios are what a demo may show one day; the first is what this version does.
var demoScenarios = []string{"burst", "crash", "overrun", "storm", "dirty-write"}

func newDemoCommand(e *env, shared *sharedFlags) *cobra.Command {
	d := &demo{env: e, speed: 1}
	c := &cobra.Command{
		Use:   "demo",
		Short: "a burst of webhooks on a Redis of its own, and the dashboard on it",
		Long: `Starts a Redis of its own on loopback, plays a burst of Make.com webhooks against it again
and again, and opens the dashboard on it. A second terminal can join by the URL that the
header shows. Quitting ends all of it. What is released by force there is put on record in
that Redis and not in the user's own trail.

The burst: 100 webhooks at once, 40 workers, ten of the webhooks about one customer. Each
takes its record's lock, TTL 15s, for 2 seconds of work, over calls of 45 ms. One of the ten
gets the lock, the other nine are denied and come back as the retry policy says: --retry-mode,
--retry-interval, --retry-attempts, --retry-batch.

With --once, or without a terminal, it plays one round and prints what came of it. With the
default policy that takes 3 minutes and 6 seconds, until the last of the ten is done; with
--speed 20 about 10 seconds. The times in the summary are real ones at any speed.`,
		Example: `  locktop demo
  locktop demo --speed 20 --retry-mode parallel
  locktop demo --once --speed 20 --json | jq .same_key`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("url") {
				return usage("demo starts a server of its own, so --url has no place here; leave it out")
			}
			return d.run(c.Context(), *shared)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&d.scenario, "scenario", demoScenarios[0], "the `name` of what is played; this version has burst")
	c.Flags().Var(&d.speed, "speed", "times real, from 1 to 1000: 60 makes a minute a second")
	c.Flags().StringVar(&d.server, "server", demoEmbedded, "the `kind` of server: embedded, or redis for a redis-server from PATH")
	c.Flags().BoolVar(&d.once, "once", false, "one round and a summary, no dashboard")
	c.Flags().BoolVar(&d.asJSON, "json", false, "the summary as JSON; implies --once")
	return c
}

// demo is the command with its flags.
type demo struct {
	*env
	scenario string
	speed    speed
	server   string
	once     bool
	asJSON   bool
}

// speed is a flag's number from 1 to 1000.
type speed float64

// Set reads a decimal number.
func (s *speed) Set(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 1 && x <= 1000) {
		return errors.New("a number from 1 to 1000 is wanted")
	}
	*s = speed(x)
	return nil
}

func (s *speed) String() string { return strconv.FormatFloat(float64(*s), 'f', -1, 64) }

// Type is shown in the help.
func (*speed) Type() string { return "number" }

func (d *demo) run(ctx context.Context, shared sharedFlags) error {
	s, burst, err := d.check(shared)
	if err != nil {
		return err
	}
	server, err := startDemoServer(ctx, d.server)
	if err != nil {
		return err
	}
	defer server.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a server that ends takes the demo with it
		select {
		case <-server.ended:
			cancel(failed("demo: the server on %s ended before the demo did%s", server.url, server.lastWords()))
		case <-ctx.Done():
		}
	}()

	s.url = server.url
	session, err := d.open(s)
	if err != nil {
		return err
	}
	defer session.close()
	client, err := session.redis("demo")
	if err != nil {
		return err
	}
	if _, err := within(ctx, s.timeout, func(ctx context.Context) (any, error) {
		return nil, client.ConfigSet(ctx, "notify-keyspace-events", demoEvents)
	}); err != nil {
		return session.fault("demo", "", err)
	}
	// The burst has connections of its own, so that the watcher's are as busy as on any server.
	workers, err := resp.New(resp.Options{URL: s.url, Timeout: s.timeout, Name: "locktop-demo"})
	if err != nil {
		return err
	}
	defer workers.Close()
	warm(ctx, workers, burst.Workers)
	locks := lockcore.New(workers, lockcore.WithClock(d.now))

	if d.once || d.asJSON || !d.inTerminal || !d.outTerminal {
		return d.playOnce(ctx, burst, locks)
	}
	// What is forced in the demo is put on record like everything, but not among what really happened.
	dir, err := os.MkdirTemp("", "locktop-demo-state-")
	if err != nil {
		return failed("demo: cannot make a directory for its audit trail: %s", watcher.NewText(err.Error()))
	}
	defer os.RemoveAll(dir)
	session.stateDir = audit.Dir{Path: dir}
	return d.playAgainAndAgain(ctx, session, burst, locks)
}

// check reads the flags; it starts nothing.
func (d *demo) check(shared sharedFlags) (*settings, makecom.Player, error) {
	none := makecom.Player{}
	for i, name := range demoScenarios {
		if d.scenario == name && i > 0 {
			return nil, none, usage("--scenario %s: this version does not have it yet; it has %s", name, demoScenarios[0])
		} else if d.scenario == name {
			break
		} else if i == len(demoScenarios)-1 {
			return nil, none, usage("--scenario %q: must be %s", d.scenario, demoScenarios[0])
		}
	}
	if d.server != demoEmbedded && d.server != demoRedis {
		return nil, none, usage("--server %q: must be %s or %s", d.server, demoEmbedded, demoRedis)
	}
	shared.url = defaultURL // whatever the environment says: the demo's own is known when it runs
	s, err := d.settings(&shared)
	if err != nil {
		return nil, none, err
	}
	burst := makecom.DefaultPlayer
	burst.Policy = s.query.Policy
	burst = burst.Scale(float64(d.speed))
	burst.TTL = max(burst.TTL, demoTTL)
	s.query.Policy, s.query.Latency = burst.Policy, burst.Latency
	return s, burst, burst.Validate()
}

// playAgainAndAgain plays wave after wave and shows them, until the user quits.
func (d *demo) playAgainAndAgain(ctx context.Context, s *session, burst makecom.Player, locks makecom.Locker) error {
	playing, end := context.WithCancel(ctx)
	played := make(chan error, 1)
	go func() { played <- burst.Repeat(playing, locks) }()
	err := d.show(ctx, s, "another terminal can join: "+d.joining(s.settings))
	end()
	<-played
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// joining is the command that shows the same in another terminal, with the same forecasts.
func (d *demo) joining(s *settings) string {
	command := "locktop --url " + s.url
	given, usual := s.query.Policy, makecom.DefaultPolicy
	if given.Mode != usual.Mode {
		command += " --retry-mode " + string(given.Mode)
	}
	if given.Interval != usual.Interval {
		interval := span(given.Interval)
		command += " --retry-interval " + interval.String()
	}
	if given.Attempts != usual.Attempts {
		command += " --retry-attempts " + strconv.Itoa(given.Attempts)
	}
	if given.Batch != usual.Batch && given.Mode == makecom.Batch {
		command += " --retry-batch " + strconv.Itoa(given.Batch)
	}
	return command
}

// playOnce plays one round and prints what came of it.
func (d *demo) playOnce(ctx context.Context, burst makecom.Player, locks makecom.Locker) error {
	progress := d.newProgress()
	burst.Observe = progress.see
	summary, err := burst.Run(ctx, locks)
	progress.end()
	if err != nil {
		return err
	}
	text := demoSummary(burst, summary)
	if d.asJSON {
		if text, err = jsonOf(summary, ""); err != nil {
			return err
		}
	}
	if err := d.print(text); err != nil {
		return err
	}
	if summary.Failed > 0 {
		return failed("demo: in %d executions a call failed: %s", summary.Failed, watcher.NewText(*summary.Problem))
	}
	return nil
}

// demoSummary is what came of a round, for people.
func demoSummary(b makecom.Player, s makecom.Summary) string {
	var out strings.Builder
	seconds := func(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s" }
	number := strconv.Itoa
	rate := func(c makecom.Clearance) string { return strconv.FormatFloat(c.ThroughputPerS, 'f', 1, 64) }

	out.WriteString(number(s.Webhooks) + " webhooks at once, " + number(s.Workers) + " workers, " + number(s.SameKey.Contenders) + " webhooks about one customer.\n")
	if s.Speed != 1 {
		out.WriteString("Played " + strconv.FormatFloat(s.Speed, 'f', -1, 64) + " times as fast; all times here are real ones.\n")
	}
	out.WriteString("\n" + grid{
		{"", "CLEARED IN", "PER SECOND", "ADDED LATENCY"},
		{"one after the other", seconds(s.Sequential.ClearanceMs), rate(s.Sequential), number(int(s.Sequential.AddedLatencyMs)) + " ms"},
		{"parallel, with a lock", seconds(s.Mutex.ClearanceMs), rate(s.Mutex), number(int(s.Mutex.AddedLatencyMs)) + " ms"},
	}.String() + "\n")

	rows := grid{
		{"faster", strconv.FormatFloat(s.Speedup, 'f', 1, 64) + " times: " + number(s.FirstTry) + " works were done by then, " + number(s.Webhooks-s.FirstTry) + " were denied at first"},
		{"same customer", number(s.SameKey.Acquired) + " of " + number(s.SameKey.Contenders) + " got in, retry mode " + string(s.SameKey.RetryMode)},
	}
	if last := s.SameKey.LastDoneMs; last != nil {
		rows = append(rows, []string{"the last one done", "after " + seconds(*last)})
		var at []string
		for _, ms := range s.SameKey.AcquireMs {
			at = append(at, strings.TrimSuffix(seconds(ms), " s"))
		}
		rows = append(rows, []string{"got the lock at", strings.Join(at, "  ")})
	}
	rows = append(rows, []string{"retries", number(s.Retried) + " for " + number(s.Denied) + " denials"})
	rows = append(rows, []string{"out of attempts", number(s.Exhausted)})
	rows = append(rows, []string{"holds lost", number(s.Lost)})
	if s.Forced > 0 {
		rows = append(rows, []string{"of them by force", number(s.Forced)})
	}
	if s.Failed > 0 {
		rows = append(rows, []string{"failed calls", number(s.Failed)})
	}
	if s.LeftHeld > 0 {
		rows = append(rows, []string{"left held", number(s.LeftHeld) + ", until their TTL is over"})
	}
	for _, line := range b.Policy.Scale(1 / s.Speed).Warnings() {
		rows = append(rows, []string{"note", line})
	}
	out.WriteString(rows.String())
	return out.String()
}
