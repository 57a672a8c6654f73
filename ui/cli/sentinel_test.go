package cli

// list, watch and inspect through sentinels, while the master is replaced.

import (
	"strings"
	"testing"

	"locktop/lockcore/locktest"
)

func TestListAndWatchFollowThePromotedMaster(t *testing.T) {
	guarded := locktest.StartSentinel(t, "--notify-keyspace-events", "K$gxeh")
	s := on("redis://" + guarded.Sentinels[0].Addr + "/0") // one is enough: it knows the others
	flags := []string{"--sentinel-master", locktest.SentinelMaster}
	old, next := guarded.Master(), guarded.Replica()
	for _, key := range []string{"lock:a", "lock:b"} {
		old.CLI("SET", key, "me", "PX", "3600000")
	}
	locktest.AwaitCopy(t, old, next)
	w := s.watch(t, append(flags, "--json")...)
	w.until(t, `"resynced"`)
	keys := map[string]bool{"lock:a": true, "lock:b": true}
	at := func(when string, r *locktest.Redis) {
		t.Helper()
		nodes, wrong := s.listedNow(keys, append(flags, "--timeout", "1m")...)
		if wrong != "" || nodes["lock:a"] != r.Addr {
			t.Errorf("%s %s at %s: %s", when, "list sees them", nodes["lock:a"], wrong)
		}
		if out := s.must(t, append([]string{"inspect", "lock:a", "--json"}, flags...)...); !strings.Contains(out, `"node": "`+r.Addr+`"`) {
			t.Errorf("%s inspect says\n%s", when, out)
		}
	}
	at("at rest", old)
	old.Kill()
	at("while the master is replaced", next)
	next.CLI("SET", "lock:new", "N", "PX", "3600000")
	w.until(t, `"key":"lock:new"`)
	w.until(t, `"type":"moved","key":"lock:a","inferred":true,"owner":"me","node":"`+next.Addr+`"`)
	if code := w.stop(); code != exitInterrupted {
		t.Errorf("exit code %d, %q", code, w.err.String())
	}
	for _, end := range []string{"deleted", "expired", "released"} {
		if strings.Contains(w.out.String(), `"type":"`+end+`"`) {
			t.Errorf("of locks that are held all the time is told:\n%s", w.out.String())
		}
	}
}
