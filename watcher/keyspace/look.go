package keyspace

// What no notification tells: a FLUSHALL, a restart, a setting that was changed, a replica that lost its master, a clock
// that was set. Every few seconds each place is asked for a handful of figures that show it.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"locktop/lockcore"
)

// facts are what a look found; empty where the server does not say.
type facts struct {
	setting   string   // notify-keyspace-events
	forbidden error    // why the setting is not known
	run       string   // changes with every start of the server
	flushes   [3]int64 // how often FLUSHALL, FLUSHDB and SWAPDB were called
	counted   bool     // that is known
	replica   bool
	orphan    bool          // a replica whose link to its master is down
	ahead     time.Duration // the server's clock over the local one
	timed     bool          // ahead is known
	err       error         // the server did not answer
}

// clockStep is how far a clock may go astray between two looks before it counts as set.
const clockStep = 500 * time.Millisecond

func look(ctx context.Context, p Place, now func() time.Time) facts {
	var f facts
	var refused *lockcore.ReplyError
	f.setting, f.forbidden = configGet(ctx, p, setting)
	if f.forbidden != nil && !errors.As(f.forbidden, &refused) {
		f.err = f.forbidden
		return f
	}
	for _, section := range []string{"server", "replication", "commandstats"} {
		got, err := info(ctx, p, section)
		if err != nil {
			if !errors.As(err, &refused) {
				f.err = err
				return f
			}
			continue
		}
		switch section {
		case "server":
			f.run = got["run_id"]
		case "replication":
			f.replica = got["role"] == "slave"
			f.orphan = f.replica && got["master_link_status"] == "down"
		case "commandstats":
			f.counted = true
			for i, command := range []string{"flushall", "flushdb", "swapdb"} {
				f.flushes[i] = callsOf(got["cmdstat_"+command])
			}
		}
	}
	sent := now()
	got, err := p.Do(ctx, "time")
	took := now().Sub(sent)
	if items, _ := got.([]any); err == nil && len(items) == 2 && took < clockStep {
		seconds, _ := strconv.ParseInt(fmt.Sprint(items[0]), 10, 64)
		micros, _ := strconv.ParseInt(fmt.Sprint(items[1]), 10, 64)
		f.ahead, f.timed = time.Unix(seconds, micros*1000).Sub(sent.Add(took/2)), true
	}
	return f
}

// configGet reads one setting.
func configGet(ctx context.Context, p Place, name string) (string, error) {
	got, err := p.Do(ctx, "config", "get", name)
	if err != nil {
		return "", err
	}
	items, _ := got.([]any)
	if len(items) < 2 {
		return "", &lockcore.ReplyError{Message: fmt.Sprintf("CONFIG GET %s answered %v", name, got)}
	}
	value, _ := items[1].(string)
	return value, nil
}

// info reads a section of INFO as name and value.
func info(ctx context.Context, p Place, section string) (map[string]string, error) {
	got, err := p.Do(ctx, "info", section)
	if err != nil {
		return nil, err
	}
	text, _ := got.(string)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// callsOf takes the count out of "calls=3,usec=…"; the other figures change with RESETSTAT too.
func callsOf(stat string) int64 {
	count, _, _ := strings.Cut(strings.TrimPrefix(stat, "calls="), ",")
	n, _ := strconv.ParseInt(count, 10, 64) // none were called where there is no line
	return n
}

const orphaned = "this replica has lost its master: what it shows is old"

// doubt tells what happened between two looks that makes the picture doubtful; empty if nothing did.
func (f facts) doubt(now facts) string {
	switch {
	case f.run != "" && now.run != "" && f.run != now.run:
		return "the server was restarted"
	case f.counted && now.counted && sum(now.flushes) < sum(f.flushes):
		return "the server's statistics were reset, which hides a FLUSHALL, FLUSHDB or SWAPDB"
	case f.counted && now.counted && f.flushes != now.flushes:
		return "a FLUSHALL, FLUSHDB or SWAPDB removed keys without telling"
	case f.replica != now.replica && now.replica:
		return "the server is a replica now"
	case f.replica != now.replica:
		return "the server is the master now"
	case !f.orphan && now.orphan:
		return orphaned
	case f.orphan && !now.orphan:
		return "this replica has its master again"
	case f.timed && now.timed && (now.ahead-f.ahead).Abs() > clockStep:
		return fmt.Sprintf("a clock was set: the server's is %s %s than before by ours",
			(now.ahead - f.ahead).Abs().Round(100*time.Millisecond), earlierOrLater(now.ahead < f.ahead))
	}
	return ""
}

func sum(calls [3]int64) (n int64) {
	for _, c := range calls {
		n += c
	}
	return n
}

func earlierOrLater(earlier bool) string {
	if earlier {
		return "earlier"
	}
	return "later"
}

// reason is an error's last word: what the server said.
func reason(err error) string {
	var refused *lockcore.ReplyError
	if errors.As(err, &refused) {
		return refused.Message
	}
	return err.Error()
}
