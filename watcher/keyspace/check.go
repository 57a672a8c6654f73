package keyspace

// What no notification tells: a FLUSHALL, a restart, a setting that was changed. Every few
// seconds the server is asked for a handful of figures that show it.

import (
	"context"
	"errors"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/resp"
)

const checkEvery = 5 * time.Second

// facts are what a check found; empty where the server does not say.
type facts struct {
	setting   string // notify-keyspace-events
	forbidden error  // why the setting is not known
	run       string // changes with every start of the server
	flushes   string // how often FLUSHALL, FLUSHDB and SWAPDB were called
	err       error  // the server did not answer
}

func look(ctx context.Context, client *resp.Client) facts {
	var f facts
	var refused *lockcore.ReplyError
	f.setting, f.forbidden = client.ConfigGet(ctx, setting)
	if f.forbidden != nil && !errors.As(f.forbidden, &refused) {
		f.err = f.forbidden
		return f
	}
	server, err := client.Info(ctx, "server")
	if err != nil && !errors.As(err, &refused) {
		f.err = err
		return f
	}
	f.run = server["run_id"]
	stats, err := client.Info(ctx, "commandstats")
	if err != nil && !errors.As(err, &refused) {
		f.err = err
		return f
	}
	var calls []string
	for _, command := range []string{"flushall", "flushdb", "swapdb"} {
		calls = append(calls, callsOf(stats["cmdstat_"+command]))
	}
	f.flushes = strings.Join(calls, " ")
	return f
}

// callsOf takes the count out of "calls=3,usec=…"; the other figures change with RESETSTAT too.
func callsOf(stat string) string {
	count, _, _ := strings.Cut(strings.TrimPrefix(stat, "calls="), ",")
	return count
}

// doubt tells what happened between two checks that makes the picture doubtful; empty if nothing did.
func (f facts) doubt(now facts) string {
	switch {
	case f.run != "" && now.run != "" && f.run != now.run:
		return "the server was restarted"
	case f.flushes != now.flushes:
		return "a FLUSHALL, FLUSHDB or SWAPDB removed keys without telling"
	}
	return ""
}
