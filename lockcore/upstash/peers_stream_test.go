package upstash_test

// The real npm client's subscriber beside ours on the same streams: the front speaks what Upstash's own client reads, and where
// the two understand a message differently, its key has a comma or a line break, and that client takes it apart at the wrong place.

import (
	"reflect"
	"testing"

	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

func TestTheNpmClientHearsWhatWeHear(t *testing.T) {
	srv, front, client := notifying(t)
	p := startPeer(t, front)
	const pattern = ks + "lock:*"
	for name, manner := range map[string]locktest.RESTStreams{"as documented": {}, "without empty lines": {Bare: true}} {
		front.Streams(manner)
		p.is(float64(1), map[string]any{"do": "psubscribe", "pattern": pattern})
		s := subscribe(t, client, "lock:*")
		theyGet := func(want map[string]any) {
			t.Helper()
			if got, failed := p.do(map[string]any{"do": "heard"}); failed != "" || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: they hear %v %s, not %v", name, got, failed, want)
			}
		}
		theyHear := func(channel, message string) {
			t.Helper()
			theyGet(map[string]any{"pattern": pattern, "channel": channel, "message": message})
		}
		if got, failed := p.do(map[string]any{"do": "set", "key": "lock:a", "value": "they", "options": map[string]any{"nx": true, "px": 600_000}}); got != "OK" || failed != "" {
			t.Fatalf("they take a lock: %v %s", got, failed)
		}
		theyHear(ks+"lock:a", "set")
		theyHear(ks+"lock:a", "expire")
		hears(t, s, of("lock:a", "set"), of("lock:a", "expire"))
		srv.CLI("DEL", "lock:a")
		theyHear(ks+"lock:a", "del")
		hears(t, s, of("lock:a", "del"))

		srv.CLI("SET", "lock:a,b", "x")
		theyHear(ks+"lock:a", "b,set")
		hears(t, s, of("lock:a,b", "set"))
		srv.CLI("SET", "lock:a\nb", "x")
		srv.CLI("SET", "lock:next", "x")
		theyGet(map[string]any{"channel": pattern, "message": ks + "lock:a"}) // a part too few, and so each is taken for another
		theyHear(ks+"lock:next", "set")
		for h := (upstash.Heard{Unclear: true}); h.Unclear; {
			h, _ = receive(t, s)
		}
		p.is(float64(1), map[string]any{"do": "subscribe", "channel": "chat"})
		srv.CLI("PUBLISH", "chat", "how are you, today?")
		theyGet(map[string]any{"channel": "chat", "message": "how are you, today?"})
		if _, failed := p.do(map[string]any{"do": "unsubscribe"}); failed != "" {
			t.Error(failed)
		}
		s.Close()
		waitFor(t, "the streams end", func() bool { return front.OpenStreams() == 0 })
	}
}
