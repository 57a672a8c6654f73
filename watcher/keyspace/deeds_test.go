package keyspace_test

// What really happened in a churn, by the notes of those who did it, and whether the events that were told keep to it.

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"locktop/watcher"
)

// deed is one thing that a client did, or tried to.
type deed struct {
	kind     string
	key      string
	other    string // the new name of a rename
	owner    string
	work     string
	ttl      time.Duration // 0: none
	from, to time.Time     // it happened between
	failed   bool
	unsure   bool // it failed and may have happened
}

func (d deed) String() string {
	return fmt.Sprintf("%s–%s %s %s %s %q ttl=%s failed=%v", d.from.Format("05.000"), d.to.Format("05.000"), d.kind, d.key, d.other, d.owner, d.ttl, d.failed)
}

// deeds are all of them, by key.
type deeds struct {
	mu    sync.Mutex
	byKey map[string][]deed
	gone  []time.Time // when keys were lost without an event
	steps bool        // the server's clock was set
}

func (d *deeds) note(one deed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil {
		d.byKey = map[string][]deed{}
	}
	d.byKey[one.key] = append(d.byKey[one.key], one)
	if one.other != "" {
		d.byKey[one.other] = append(d.byKey[one.other], one)
	}
}

// lost notes that keys may be gone from a moment on without anybody having removed them.
func (d *deeds) lost(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, at)
}

func (d *deeds) stepped() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps = true
}

// Between a deed and its notification, as far as a slow machine makes it.
const lateness = 10 * time.Second

// judge fails the test over every event that no deed explains.
func (d *deeds) judge(t *testing.T, events []watcher.Event) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	wrong := 0
	for i, e := range events {
		if e.Key.Empty() || d.explains(e) {
			continue
		}
		if wrong++; wrong > 3 {
			continue
		}
		var b strings.Builder
		for _, one := range d.byKey[e.Key.Raw()] {
			fmt.Fprintf(&b, "  %s\n", one)
		}
		var story []watcher.Event
		for _, other := range events[:i+1] {
			if other.Key.Raw() == e.Key.Raw() || other.Type == watcher.Gap || other.Type == watcher.Resynced {
				story = append(story, other)
			}
		}
		t.Errorf("this was told and did not happen:\n%s\nof the lock and of the watching was told\n%s\nand this was done:\n%s",
			log(events[i:i+1]), log(story[max(0, len(story)-15):]), b.String())
	}
	if wrong > 3 {
		t.Errorf("%d such events in all", wrong)
	}
}

// explains tells whether anything that was done can be what an event tells of. What is inferred sums up: of it only the
// kinds that nobody can mistake must have happened, and at any time before.
func (d *deeds) explains(e watcher.Event) bool {
	mine := func(x deed) bool { return x.owner == e.Owner.Raw() }
	renamed := func(x deed) bool { return x.kind == "rename" && x.other == e.Key.Raw() }
	writes := func(x deed) bool {
		switch x.kind {
		case "set", "set nx", "acquire", "seize":
			return mine(x)
		case "undo":
			return true
		}
		return renamed(x)
	}
	switch e.Type {
	case watcher.Acquired:
		return d.any(e, writes)
	case watcher.Overwritten:
		// of several that came one after the other, the last one's owner is told
		return d.any(e, func(x deed) bool { return x.kind == "set" || renamed(x) }) && (e.Inferred || d.any(e, writes)) ||
			d.flushed(e) && d.any(e, writes)
	case watcher.Seized:
		return d.any(e, func(x deed) bool { return x.kind == "seize" && mine(x) })
	case watcher.Extended:
		return d.any(e, func(x deed) bool { return x.kind == "pexpire" || x.kind == "extend" || writes(x) })
	case watcher.Persisted:
		return d.any(e, func(x deed) bool { return x.kind == "persist" || x.ttl == 0 && writes(x) || renamed(x) })
	case watcher.Released:
		// an acquire that was answered when its time was over is given back by the client itself
		return d.any(e, func(x deed) bool { return (x.kind == "release" || x.kind == "acquire" && x.failed) && mine(x) })
	case watcher.Forced:
		return d.any(e, func(x deed) bool { return x.kind == "force" && mine(x) || e.Inferred && x.kind == "seize" })
	case watcher.Deleted:
		if e.Inferred {
			return true
		}
		return d.any(e, func(x deed) bool {
			return x.kind == "del" || x.kind == "rename" || (x.kind == "release" || x.kind == "force") && mine(x)
		}) || d.flushed(e)
	case watcher.Expired:
		return d.steps || d.anyBefore(e, func(x deed) bool {
			return x.ttl > 0 && !x.from.Add(x.ttl).After(e.Time.Add(time.Second)) && (writes(x) || x.kind == "pexpire" || x.kind == "extend" || x.kind == "seize") || renamed(x)
		})
	case watcher.Denied:
		return e.Work.Empty() || d.anyBefore(e, func(x deed) bool { return x.kind == "acquire" && x.failed && x.work == e.Work.Raw() })
	case watcher.Overrun, watcher.Overlap:
		return d.anyBefore(e, func(x deed) bool { return x.kind == "release" || x.kind == "extend" || x.kind == "acquire" && x.failed })
	case watcher.Left, watcher.Adjusted:
		return true
	}
	return false
}

// any tells whether a deed of the event's key for which cond holds can be what it tells of.
func (d *deeds) any(e watcher.Event, cond func(deed) bool) bool {
	return d.find(e, cond, !e.Inferred)
}

// anyBefore is any for what can have begun long before.
func (d *deeds) anyBefore(e watcher.Event, cond func(deed) bool) bool { return d.find(e, cond, false) }

func (d *deeds) find(e watcher.Event, cond func(deed) bool, lately bool) bool {
	// When something was that only a ledger tells of, nobody can say once the server's clock was set.
	timed := !d.steps || !e.Inferred
	for _, x := range d.byKey[e.Key.Raw()] {
		if x.failed && !x.unsure && x.kind != "acquire" {
			continue
		}
		if timed && (x.from.After(e.Time.Add(time.Second)) || lately && x.to.Before(e.Time.Add(-lateness))) {
			continue
		}
		if cond(x) {
			return true
		}
	}
	return false
}

// flushed tells whether keys were lost lately without an event.
func (d *deeds) flushed(e watcher.Event) bool {
	for _, at := range d.gone {
		if !e.Time.Before(at.Add(-lateness)) && e.Time.Before(at.Add(2*lateness)) {
			return true
		}
	}
	return false
}

// sane checks that the events of each lock make a story: nothing ends that had not begun, and
// nothing begins twice.
func (w *watch) sane() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	holds := map[string]string{}
	for i, e := range w.events {
		key, owner := e.Key.Raw(), e.Owner.Raw()
		had, held := holds[key], holds[key] != ""
		wrong := ""
		switch {
		case e.Type == watcher.Acquired && held:
			wrong = "acquired while held by " + had
		case e.Type == watcher.Overwritten && (!held || e.PreviousOwner.Raw() != had):
			wrong = "overwritten, but it was held by " + had
		case e.Type == watcher.Seized && held && e.PreviousOwner.Raw() != had:
			wrong = "seized from " + e.PreviousOwner.Raw() + ", but it was held by " + had
		case e.Type.Ends() && had != owner, (e.Type == watcher.Extended || e.Type == watcher.Persisted || e.Type == watcher.Adjusted) && had != owner:
			wrong = "of " + owner + ", but it was held by " + had
		}
		if wrong != "" {
			var story []watcher.Event
			for _, other := range w.events[:i+1] {
				if other.Key.Raw() == key || other.Type == watcher.Gap || other.Type == watcher.Resynced {
					story = append(story, other)
				}
			}
			w.t.Errorf("event %d, %s of %s: %s\n%s", i, e.Type, key, wrong, log(story[max(0, len(story)-12):]))
			return
		}
		switch {
		case e.Type == watcher.Acquired, e.Type == watcher.Overwritten, e.Type == watcher.Seized:
			holds[key] = owner
		case e.Type.Ends():
			holds[key] = ""
		}
	}
}
