package cli

// locktop model --verify: the scenario of the model, played with real locks. Predicted is the simulation of the whole
// scenario, measured is what the live player counted; both read the same description and count alike.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

// modelPrefix begins the locks that a verification takes on a server that is not its own.
const modelPrefix = "lock:locktop_model_"

// verification is what was predicted of a scenario and what was measured.
type verification struct {
	Server    watcher.Text    `json:"server"`
	Predicted makecom.Summary `json:"predicted"`
	Measured  makecom.Summary `json:"measured"`
	// Forecasts are how good those of a watcher were: in the simulation, and of what was played.
	Forecasts struct {
		Simulated *scoreJSON `json:"simulated"`
		Measured  *scoreJSON `json:"measured"`
	} `json:"forecasts"`
}

// played plays the scenario, on a server of its own unless one is given.
func (m *model) played(ctx context.Context, settings *settings, s makecom.Scenario) (*verification, error) {
	if err := settings.writing("model --verify"); err != nil {
		return nil, err
	}
	s = s.Scale(float64(m.speed))
	v := &verification{}
	var err error
	if v.Predicted, err = s.Simulate(nil); err != nil {
		return nil, err
	}
	if v.Forecasts.Simulated, err = simulatedScore(ctx, s, rand.New(rand.NewPCG(1, 2)).Uint64); err != nil {
		return nil, err
	}
	if !m.given {
		server, err := startDemoServer(ctx, demoEmbedded)
		if err != nil {
			return nil, err
		}
		defer server.stop()
		settings.url = server.url
	}
	session, err := m.open(settings)
	if err != nil {
		return nil, err
	}
	defer session.close()
	v.Server = session.server
	if _, err := within(ctx, settings.timeout, func(ctx context.Context) (any, error) { return session.client.Do(ctx, "ping") }); err != nil {
		return nil, session.fault("model --verify", "", err)
	}
	if !m.given { // what is not the command's own stays as it is set
		if _, err := within(ctx, settings.timeout, func(ctx context.Context) (any, error) {
			return session.client.Do(ctx, "config", "set", "notify-keyspace-events", demoEvents)
		}); err != nil {
			return nil, session.fault("model --verify", "", err)
		}
	}
	v.Predicted.Trouble.Store = nil // nothing is stored here
	locks := &remembered{Client: session.locks, keys: map[string]bool{}}
	warm(ctx, session.client, min(s.Workers, s.Webhooks))
	if err := locks.load(ctx); err != nil {
		return nil, session.fault("model --verify", modelPrefix, err)
	}
	progress := m.newProgress()
	player := makecom.Player{Scenario: s, Prefix: modelPrefix, Observe: progress.see}
	keeper := session.keepScore(ctx, s, []string{modelPrefix + "*"}, m.now)
	v.Measured, err = player.Run(ctx, locks)
	v.Forecasts.Measured = keeper.score(ctx)
	progress.end()
	if m.given {
		locks.forget(ctx, session)
	}
	return v, err
}

// warm opens connections, as those of workers that have been at it for a while are open. At high speed a play would feel the
// difference. What goes wrong here goes wrong there again, and is counted there.
func warm(ctx context.Context, client client, calls int) {
	if _, ok := client.(overRESP); !ok {
		return
	}
	var all sync.WaitGroup
	for range calls {
		all.Go(func() { client.Do(ctx, "ping") })
	}
	all.Wait()
}

// remembered keeps the names of the locks that it takes.
type remembered struct {
	*lockcore.Client
	mu   sync.Mutex
	keys map[string]bool
}

func (r *remembered) Acquire(ctx context.Context, key, owner string, ttl time.Duration, o *lockcore.AcquireOptions) (*lockcore.Hold, error) {
	r.mu.Lock()
	r.keys[key] = true
	r.mu.Unlock()
	return r.Client.Acquire(ctx, key, owner, ttl, o)
}

// load has the server load the scripts, as those of workers that have been at it for a while are.
func (r *remembered) load(ctx context.Context) error {
	const key, owner = modelPrefix + "first", "locktop model"
	h, err := r.Acquire(ctx, key, owner, time.Minute, nil)
	if errors.Is(err, lockcore.ErrHeld) { // by another verification, which has loaded them
		return nil
	}
	if err == nil {
		_, err = r.Release(ctx, key, owner, &lockcore.ReleaseOptions{Fence: h.Fence})
	}
	return err
}

// forget removes the ledgers of those locks, also after an interrupt. What cannot be removed expires by itself, in a day.
func (r *remembered) forget(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	for key := range r.keys {
		ledger, _ := lockcore.LedgerKey(key)
		if _, err := s.client.Do(ctx, "del", ledger); err != nil {
			return
		}
	}
}

// table is predicted beside measured.
func (v *verification) table() string {
	rows := grid{{"played on " + v.Server.String(), "PREDICTED", "MEASURED", "OFF BY"}}
	add := func(name string, predicted, measured float64, text func(float64) string) {
		off := "-"
		if predicted != 0 {
			off = strconv.FormatFloat(math.Abs(measured/predicted-1)*100, 'f', 1, 64) + " %"
		}
		rows = append(rows, []string{name, text(predicted), text(measured), off})
	}
	inSeconds := func(ms float64) string { return hundredths(int64(ms)) }
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	p, g := v.Predicted, v.Measured
	add("cleared in", float64(p.Mutex.ClearanceMs), float64(g.Mutex.ClearanceMs), inSeconds)
	add("per second", p.Mutex.ThroughputPerS, g.Mutex.ThroughputPerS, number)
	add("faster, times", p.Speedup, g.Speedup, number)
	add("done at the first try", float64(p.FirstTry), float64(g.FirstTry), number)
	add("denied", float64(p.Denied), float64(g.Denied), number)
	add("run out", float64(p.Exhausted), float64(g.Exhausted), number)
	add("locks lost", float64(p.Lost), float64(g.Lost), number)
	if p.SameKey.LastDoneMs != nil && g.SameKey.LastDoneMs != nil {
		add("same record, last done", float64(*p.SameKey.LastDoneMs), float64(*g.SameKey.LastDoneMs), inSeconds)
	}
	add("all over", float64(p.TookMs), float64(g.TookMs), inSeconds)
	text := rows.String()
	if g.Speed != 1 {
		text += fmt.Sprintf("played %s times as fast; all times here are real ones\n", number(g.Speed))
	}
	if table := calibration(v.Forecasts.Simulated, v.Forecasts.Measured); table != "" {
		text += "\n" + table
	}
	return text
}

// verdict is an error where calls failed that should not have.
func (v *verification) verdict() error {
	if v.Measured.Failed > v.Predicted.Failed && v.Measured.Problem != nil {
		return failed("model --verify: in %d executions a call failed: %s", v.Measured.Failed, watcher.NewText(*v.Measured.Problem))
	}
	return nil
}
