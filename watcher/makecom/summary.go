package makecom

// What came of a scenario, simulated or played: counted by both engines alike, and given in real time, whatever its speed.

import (
	"errors"
	"math"
	"slices"
	"time"

	"locktop/lockcore"
)

// tally is what a schedule counts.
type tally struct {
	first     int // works that got their lock at the first try
	done      int // works that had their lock until they were done
	denials   int
	firstDeny int // of them those of first tries
	retried   int
	exhausted int
	lost      int
	forced    int // of them those ended by an operator
	failed    int // calls
	leaked    int // locks
	dropped   int // executions
	calls     int // to Redis, the refused ones too

	refused    int // webhooks that were answered 429
	overflowed int // and 400, for a full queue
	crashed    int // works
	removed    int // locks that somebody else removed
	rejected   int // executions that the store turned away

	stays   map[string][]stay // of each record, who was inside when
	written map[string]int64  // of each record, the updates that the store took

	unresolved []string    // works that are exhausted
	sharedAt   []time.Time // when the shared record's lock was granted
	sharedDone time.Time   // when the last that had it was done
	sharedOut  int         // contenders of it that are exhausted
	problem    error       // the first call that failed
}

// stay is the section of one execution.
type stay struct{ entered, left time.Time }

func (p *schedule) count(r report) {
	switch r.what {
	case granted:
		if r.first {
			p.first++
		}
		if r.shared {
			p.sharedAt = append(p.sharedAt, r.at)
		}
		return
	case done:
		p.done++
	case lost:
		p.done++
		p.lost++
		if errors.Is(r.err, lockcore.ErrRevoked) {
			p.forced++
		}
	case rejected:
		p.rejected++
		if r.first {
			p.first--
		}
	case crashed:
		p.crashed++
		if r.first {
			p.first--
		}
	case denied:
		p.denials++
		if r.first {
			p.firstDeny++
		}
	case dropped:
		p.dropped++
	}
	if p.Guard != GuardNone && r.what != dropped {
		p.calls++
		if r.held && r.what != crashed {
			p.calls++
		}
	}
	if r.removed {
		p.removed++
	}
	if r.held && !p.waves { // it would grow for ever
		if p.stays == nil {
			p.stays = map[string][]stay{}
		}
		p.stays[r.key] = append(p.stays[r.key], stay{r.entered, r.left})
	}
	if r.wrote {
		if p.written == nil {
			p.written = map[string]int64{}
		}
		p.written[r.key]++
	}
	if r.what == failed || r.what == done && r.err != nil || r.leak {
		p.failed++
		if p.problem == nil {
			p.problem = r.err
		}
	}
	if r.leak {
		p.leaked++
	}
	if r.shared && r.held {
		p.sharedDone = later(p.sharedDone, r.at)
	}
	if r.turnedAway() && !r.comesBack(p.Policy) {
		p.exhausted++
		if !p.waves {
			p.unresolved = append(p.unresolved, r.work)
		}
		if r.shared {
			p.sharedOut++
		}
	}
}

// Summary is what came of a scenario. Its times are real ones: as measured, times Speed. Each is measured from when the
// webhooks arrived.
type Summary struct {
	Speed    float64 `json:"speed"`
	Webhooks int     `json:"webhooks"`
	Workers  int     `json:"workers"`

	// Sequential is one worker that takes all webhooks one after the other, and needs no lock: computed.
	Sequential Clearance `json:"sequential"`
	// Mutex is what was measured of the webhooks' own executions. Those whose record was taken are over by then, but their
	// work is not done, and doesn't count for the throughput.
	Mutex Clearance `json:"mutex"`
	// Speedup is the throughput with the mutex, as a multiple of the sequential one.
	Speedup float64 `json:"speedup"`
	// SameKey are the contenders of the shared record.
	SameKey SameKey `json:"same_key"`

	FirstTry    int      `json:"first_try"`    // works that got their lock at their first try
	Acquired    int      `json:"acquired"`     // works that were done under their lock, at whatever try
	Denied      int      `json:"denied"`       // denials
	DeniedFirst int      `json:"denied_first"` // of them those of first tries
	Retried     int      `json:"retried"`      // executions that were retries
	Exhausted   int      `json:"exhausted"`    // works that used up their attempts
	Unresolved  []string `json:"unresolved"`   // them; Make.com keeps them for somebody to start by hand
	Unfinished  int      `json:"unfinished"`   // works that the end of the play came before
	Lost        int      `json:"lost"`         // holds that were over before their owner released them
	Forced      int      `json:"forced"`       // of them those that an operator ended
	Failed      int      `json:"failed"`       // executions one of whose calls failed or got no answer
	Problem     *string  `json:"problem"`      // why the first of them did; null if none
	LeftHeld    int      `json:"left_held"`    // locks that may be held still, until their TTL is over
	TookMs      int64    `json:"took_ms"`      // until all was over, retries too

	// Trouble is there where the scenario asks for some.
	Trouble *Trouble `json:"trouble,omitempty"`
	// Calls are those to Redis that all of it took: one for a try, one more for a release.
	Calls int `json:"-"`
}

// Trouble is what went wrong of what the scenario lets go wrong.
type Trouble struct {
	Guard      Guard    `json:"guard"`
	Refused    int      `json:"refused"`    // webhooks that were answered 429: above the rate
	Overflowed int      `json:"overflowed"` // webhooks that were answered 400: no place in the queue
	Crashed    int      `json:"crashed"`    // works whose execution ended without releasing its lock
	Overlaps   int      `json:"overlaps"`   // sections that began while another one of the same record was not over
	Removed    int      `json:"removed"`    // locks of somebody else that a DEL removed
	Rejected   int      `json:"rejected"`   // executions that the store turned away for a fence below one that it had seen
	Store      *Counted `json:"store"`      // null without a store
}

// Counted is what the store says at the end, beside what its writers were told.
type Counted struct {
	Updates int64 `json:"updates"` // that it acknowledged
	Value   int64 `json:"value"`   // what all its counters say together
	Lost    int64 `json:"lost"`    // updates that were acknowledged and are not there
}

// Clearance is how fast a way of working is.
type Clearance struct {
	ClearanceMs    int64   `json:"clearance_ms"`
	ThroughputPerS float64 `json:"throughput_per_s"`
	AddedLatencyMs int64   `json:"added_latency_ms"`
}

// SameKey is how the contenders of one record fared.
type SameKey struct {
	Contenders int     `json:"contenders"`
	RetryMode  Mode    `json:"retry_mode"`
	Acquired   int     `json:"acquired"`
	Exhausted  int     `json:"exhausted"`
	LastDoneMs *int64  `json:"last_done_ms"` // null if none had the lock
	AcquireMs  []int64 `json:"acquire_ms"`   // when each was granted the lock, in order
}

// summary is what has come of it by now. counted is what the store says; nil without one.
func (p *schedule) summary(now time.Time, counted *Counted) Summary {
	section, latency := p.real(p.Section), p.real(p.Latency)
	if p.Guard == GuardNone {
		latency = 0
	}
	s := Summary{
		Speed: p.speed(), Webhooks: p.Webhooks, Workers: p.Workers,
		Sequential: Clearance{ClearanceMs: millis(time.Duration(p.Webhooks) * section), ThroughputPerS: perSecond(1, section)},
		Mutex: Clearance{
			ClearanceMs:    millis(p.real(p.cleared.Sub(p.began))),
			ThroughputPerS: perSecond(p.first, p.real(p.cleared.Sub(p.began))),
			AddedLatencyMs: millis(2 * latency),
		},
		SameKey:  SameKey{Contenders: p.SameKey, RetryMode: p.Policy.Mode, Acquired: len(p.sharedAt), Exhausted: p.sharedOut, AcquireMs: []int64{}},
		FirstTry: p.first, Acquired: p.done, Denied: p.denials, DeniedFirst: p.firstDeny, Retried: p.retried,
		Exhausted: p.exhausted, Unresolved: append([]string{}, p.unresolved...),
		Unfinished: p.dropped + len(p.waiting) + len(p.queue) + len(p.coming),
		Lost:       p.lost, Forced: p.forced, Failed: p.failed, LeftHeld: p.leaked, TookMs: millis(p.real(now.Sub(p.began))),
		Calls: p.calls,
	}
	s.Speedup = speedup(s.Mutex, s.Sequential)
	slices.SortFunc(p.sharedAt, time.Time.Compare)
	for _, at := range p.sharedAt {
		s.SameKey.AcquireMs = append(s.SameKey.AcquireMs, millis(p.real(at.Sub(p.began))))
	}
	if !p.sharedDone.IsZero() {
		ms := millis(p.real(p.sharedDone.Sub(p.began)))
		s.SameKey.LastDoneMs = &ms
	}
	if p.problem != nil {
		problem := p.problem.Error()
		s.Problem = &problem
	}
	if counted != nil || p.Crashing+p.Slow+p.Queue+p.Rate.Calls > 0 || p.guard() != GuardOwner {
		s.Trouble = &Trouble{
			Guard: p.guard(), Refused: p.refused, Overflowed: p.overflowed, Crashed: p.crashed,
			Overlaps: p.overlaps(), Removed: p.removed, Rejected: p.rejected, Store: counted,
		}
	}
	return s
}

// overlaps counts the sections that began while another one of the same record was not over.
func (p *schedule) overlaps() int {
	n := 0
	for _, stays := range p.stays {
		slices.SortFunc(stays, func(a, b stay) int { return a.entered.Compare(b.entered) })
		var until time.Time
		for _, s := range stays {
			if s.entered.Before(until) {
				n++
			}
			until = later(until, s.left)
		}
	}
	return n
}

// updates are those that the store acknowledged.
func (p *schedule) updates() int64 {
	n := int64(0)
	for _, of := range p.written {
		n += of
	}
	return n
}

// speedup is a throughput as a multiple of another one; 0 where that is none.
func speedup(of, over Clearance) float64 {
	if over.ThroughputPerS <= 0 {
		return 0
	}
	return rounded(of.ThroughputPerS/over.ThroughputPerS, 10)
}

func millis(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

// perSecond is 0 where there was no time to count in.
func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return rounded(float64(n)/d.Seconds(), 100)
}

// rounded keeps as many decimals of x as there are zeroes in parts.
func rounded(x, parts float64) float64 { return math.Round(x*parts) / parts }
