package cli

// locktop demo: a Redis of its own, a burst of Make.com webhooks that take locks in it, and the dashboard on that.

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/ui/audit"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

// demoEvents are the notifications that watching needs.
const demoEvents = "K$gxeh"

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

Other scenarios, by --scenario:

  crash        a worker takes the customer's lock for 2m30s and crashes
  overrun      sections of 40s under a TTL of 15s, while others come
  storm        400 webhooks at once, more than Make.com takes
  dirty-write  a counter that thirty webhooks add to: without a lock, with one that is
               released by DEL, with lockcore, and with lockcore and a store that checks
               the fence; how many updates are lost in each, counted in the store

With --once, or without a terminal, it plays one round and prints what came of it. With the
default policy that takes 3 minutes and 6 seconds, until the last of the ten is done; with
--speed 20 about 10 seconds. The times in the summary are real ones at any speed. A watcher
follows the round, and the summary says how good its forecasts were.`,
		Example: `  locktop demo
  locktop demo --scenario dirty-write --once --speed 20
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
	c.Flags().StringVar(&d.scenario, "scenario", "burst", "the `name` of what is played: burst, crash, overrun, storm, dirty-write")
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
	s, scenario, err := d.check(shared)
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
	warm(ctx, overRESP{workers}, scenario.plays[0].Workers)
	stage := &stage{workers: workers, locks: lockcore.New(workers, lockcore.WithClock(d.now))}

	if d.once || d.asJSON || !d.inTerminal || !d.outTerminal {
		return d.playOnce(ctx, session, scenario, stage)
	}
	// What is forced in the demo is put on record like everything, but not among what really happened.
	dir, err := os.MkdirTemp("", "locktop-demo-state-")
	if err != nil {
		return failed("demo: cannot make a directory for its audit trail: %s", watcher.NewText(err.Error()))
	}
	defer os.RemoveAll(dir)
	session.stateDir = audit.Dir{Path: dir}
	return d.playAgainAndAgain(ctx, session, scenario, stage)
}

// check reads the flags; it starts nothing.
func (d *demo) check(shared sharedFlags) (*settings, demoScenario, error) {
	none := demoScenario{}
	scenario, err := demoScenarioOf(d.scenario)
	if err != nil {
		return nil, none, err
	}
	if d.server != demoEmbedded && d.server != demoRedis {
		return nil, none, usage("--server %q: must be %s or %s", d.server, demoEmbedded, demoRedis)
	}
	shared.url = defaultURL // whatever the environment says: the demo's own is known when it runs
	s, err := d.settings(&shared)
	if err != nil {
		return nil, none, err
	}
	scenario = scenario.at(s.query.Policy, float64(d.speed))
	for _, play := range scenario.plays {
		if err := play.Validate(); err != nil {
			return nil, none, err
		}
	}
	s.query.Policy, s.query.Latency = scenario.plays[0].Policy, scenario.plays[0].Latency
	return s, scenario, nil
}

// playAgainAndAgain plays and shows it, until the user quits: wave after wave of one play, or one play after another.
func (d *demo) playAgainAndAgain(ctx context.Context, s *session, scenario demoScenario, stage *stage) error {
	playing, end := context.WithCancel(ctx)
	over := make(chan error, 1)
	news := newNews(scenario)
	go func() {
		if len(scenario.plays) == 1 {
			over <- scenario.plays[0].Repeat(playing, stage.locker(scenario.plays[0]))
			return
		}
		over <- news.playInTurn(playing, scenario, stage)
	}()
	err := d.show(ctx, s, "another terminal can join: "+d.joining(s.settings), news.line)
	end()
	<-over
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
func (d *demo) playOnce(ctx context.Context, s *session, scenario demoScenario, stage *stage) error {
	var all []played
	for _, play := range scenario.plays {
		progress := d.newProgress()
		play.Observe = progress.see
		keeper := s.keepScore(ctx, play.Scenario, s.match, d.now)
		summary, err := stage.run(ctx, play)
		score := keeper.score(ctx)
		progress.end()
		if err != nil {
			return err
		}
		all = append(all, played{play.name, summary, score})
	}
	text := demoText(scenario, all)
	if d.asJSON {
		var err error
		if text, err = jsonOf(demoJSON(scenario, all), ""); err != nil {
			return err
		}
	}
	if err := d.print(text); err != nil {
		return err
	}
	for _, p := range all {
		if p.Failed > 0 && p.Problem != nil {
			return failed("demo: in %d executions a call failed: %s", p.Failed, watcher.NewText(*p.Problem))
		}
	}
	return nil
}

// stage is where plays take place: the workers' connections.
type stage struct {
	workers *resp.Client
	locks   *lockcore.Client
}

// locker takes and releases locks as a play has it.
func (s *stage) locker(p demoPlay) makecom.Locker {
	if p.Guard == makecom.GuardDelete {
		return &naive{client: s.workers}
	}
	return s.locks
}

// run plays one round.
func (s *stage) run(ctx context.Context, p demoPlay) (makecom.Summary, error) {
	if p.stored && p.Store == nil {
		store := newCounters(s.workers)
		defer store.clear(ctx)
		p.Store = store
	}
	return p.Run(ctx, s.locker(p))
}
