package peers_test

// What each step costs the server, which is one thread for everybody.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// BenchmarkServer gives the µs that the server itself counts for one call of each step, from INFO
// commandstats while nothing but that step runs, and how many commands a script calls inside. A
// script's time includes theirs. The lines before the result tell what each of those costs. raw's steps are a SET NX PX
// and a compare-and-delete; the locks have ledgers already.
func BenchmarkServer(b *testing.B) {
	srv := locktest.StartRedis(b)
	ctx := context.Background()
	bare := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket()})
	defer bare.Close()
	locks := lockcore.New(connect(b, srv))

	const (
		batch   = 480 // locks; each step is done once with each of them
		workers = 8   // at a time, so that the server is at work and not asleep in between
	)
	keys := make([]string, batch)
	fences := make([]lockcore.Fence, batch)
	for i := range keys {
		keys[i] = fmt.Sprintf("lock:%d", i)
	}
	acquire := func(i int) error {
		h, err := locks.Acquire(ctx, keys[i], "owner", ttl, nil)
		if err == nil {
			fences[i] = h.Fence
		}
		return err
	}
	denied := func(i int) error {
		if _, err := locks.Acquire(ctx, keys[i], "another", ttl, nil); err == nil {
			return fmt.Errorf("%s was given away twice", keys[i])
		}
		return nil
	}
	extend := func(i int) error {
		_, err := locks.Extend(ctx, keys[i], "owner", 2*ttl, &lockcore.ExtendOptions{Fence: fences[i]})
		return err
	}
	release := func(i int) error {
		_, err := locks.Release(ctx, keys[i], "owner", &lockcore.ReleaseOptions{Fence: fences[i]})
		return err
	}
	force := func(i int) error {
		_, err := locks.ForceRelease(ctx, lockcore.ForceRelease{Key: keys[i], Operator: "ann", Reason: "stuck",
			Expect: lockcore.Expectation{Owner: "owner", Fence: fences[i]}})
		return err
	}
	set := func(i int) error { return bare.SetNX(ctx, keys[i], "owner", ttl).Err() }
	remove := func(i int) error { return compareAndDelete.Run(ctx, bare, []string{keys[i]}, "owner").Err() }

	// In turns: each step leaves the locks as the next one wants them.
	steps := []struct {
		name string
		do   func(int) error
		took []float64
		last costs
	}{
		{name: "raw-set", do: set}, {name: "raw-compare-and-delete", do: remove},
		{name: "acquire", do: acquire}, {name: "acquire-denied", do: denied}, {name: "acquire-denied-again", do: denied},
		{name: "extend", do: extend}, {name: "release", do: release}, {name: "release-repeated", do: release},
		{name: "acquire-after", do: acquire}, {name: "force-release", do: force},
	}
	for n := 0; n == 0 || b.Loop(); n++ {
		for s := range steps {
			step := &steps[s]
			srv.CLI("CONFIG", "RESETSTAT")
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i := w; i < batch; i += workers {
						if err := step.do(i); err != nil {
							b.Errorf("%s: %v", step.name, err)
						}
					}
				})
			}
			wg.Wait()
			if b.Failed() {
				return
			}
			step.last = commandStats(srv)
			if n > 0 { // in the first round scripts are sent, ledgers made
				step.took = append(step.took, step.last.step())
			}
		}
	}
	fmt.Println()
	for _, step := range steps {
		b.ReportMetric(median(step.took), "µs/"+step.name)
		// Not b.Log, which shows ten lines of a benchmark at most.
		fmt.Printf("  %-23s %6.2f µs a call%s\n", step.name, median(step.took), step.last.inside(batch))
	}
	b.ReportMetric(0, "ns/op")
}

// cost is what the server counted for one command; costs are those of all, by name.
type (
	cost  struct{ calls, micros float64 }
	costs map[string]cost
)

// commandStats reads INFO commandstats: lines as cmdstat_get:calls=1,usec=2,usec_per_call=2.00,…
func commandStats(srv *locktest.Redis) costs {
	found := costs{}
	for line := range strings.Lines(srv.CLI("INFO", "commandstats")) {
		name, fields, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		c := cost{}
		for field := range strings.SplitSeq(fields, ",") {
			what, value, _ := strings.Cut(field, "=")
			number, _ := strconv.ParseFloat(value, 64)
			switch what {
			case "calls":
				c.calls = number
			case "usec":
				c.micros = number
			}
		}
		found[strings.TrimPrefix(name, "cmdstat_")] = c
	}
	delete(found, "config|resetstat")
	delete(found, "info")
	return found
}

// step is µs for each call of the command that the client sent: a script's, else the only one's.
func (c costs) step() float64 {
	sent, ok := c["evalsha"]
	if !ok {
		sent = c["set"]
	}
	return sent.micros / sent.calls
}

// inside lists the commands that a script called, for each call of the script.
func (c costs) inside(batch int) string {
	var parts []string
	calls, micros := 0.0, 0.0
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if name == "evalsha" || name == "eval" || c["evalsha"].calls == 0 {
			continue
		}
		calls += c[name].calls
		micros += c[name].micros
		parts = append(parts, fmt.Sprintf("%s %.2g × %.2f", name, c[name].calls/float64(batch), c[name].micros/c[name].calls))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf(", of them %.2f in %.3g commands: %s", micros/float64(batch), calls/float64(batch), strings.Join(parts, ", "))
}
