package keyspace

// The source: what to watch, and everything that its one loop owns.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// DefaultPollEvery is how often locks are read where no notifications come, unless there are too many of them.
const DefaultPollEvery = 2 * time.Second

// Options say what to watch.
type Options struct {
	Server Server   // must be set; what is behind it stays the caller's to close
	Match  []string // patterns of lock names, as Redis has them; defaults to lock:*
	// EnableNotifications adds what is missing to the server's notify-keyspace-events. Never done unasked.
	EnableNotifications bool
	ReadOnly            bool             // writes nothing, not even a canary
	NoLedger            bool             // leaves contention alone: it counts as not recorded
	PollEvery           time.Duration    // defaults to DefaultPollEvery
	Patience            time.Duration    // of a snapshot, for a server that is being replaced; defaults to DefaultPatience
	Now                 func() time.Time // defaults to time.Now
}

// Source watches a server. It implements watcher.Source.
type Source struct {
	options Options
	traits  Traits
	pace    pace
	locks   *lockcore.Client
	now     func() time.Time
	clock
	emit func(watcher.Event)

	inbox    *inbox
	reports  chan news
	topology chan topology
	pages    chan page
	results  chan *batch
	beside   sync.WaitGroup // goroutines that may outlast what they were started for

	places  map[string]*place
	nodes   []string // that locks were read at, by the number that known.node is
	spread  bool     // several places: keys may move between them
	charted bool     // it is known who answers for what
	drawn   int64    // how often that had changed
	picture *picture
	rounds  uint32 // scans that were begun

	owed     int // locks that are to be read before the picture counts as complete
	later    dues
	pruneAt  int             // as long later may get
	quickest time.Duration   // the shortest round trip of a reading lately
	complete bool            // no gap since the picture was complete
	problems map[string]bool // reasons that were told since it was complete
	once     *once           // of a snapshot, which ends with the first complete picture

	lastAlive moment
	told      int64 // events about locks
	dropped   int64 // notifications that the inbox had no room for, as far as that was told
	meter     metering
}

// New is a source that has not begun. It runs once.
func New(o Options) *Source {
	if len(o.Match) == 0 {
		o.Match = []string{"lock:*"}
	}
	// The same pattern twice is one subscription to the server.
	o.Match = slices.Compact(slices.Sorted(slices.Values(o.Match)))
	if o.PollEvery <= 0 {
		o.PollEvery = DefaultPollEvery
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	traits := o.Server.Traits()
	return &Source{
		options: o, traits: traits, pace: traits.pace(), now: o.Now, clock: clock{o.Now()},
		locks: lockcore.New(o.Server, lockcore.WithClock(o.Now)),
		inbox: newInbox(), reports: make(chan news), topology: make(chan topology), pages: make(chan page), results: make(chan *batch),
		places: map[string]*place{}, picture: newPicture(), problems: map[string]bool{}, nodes: []string{""}, pruneAt: spareDues,
	}
}

// Run watches until ctx is over. A server that cannot be reached, or that goes away, is
// told as a gap and tried again for as long as it takes.
func (s *Source) Run(ctx context.Context, emit func(watcher.Event)) error {
	s.emit = emit
	ctx, cancel := context.WithCancel(ctx)
	defer s.beside.Wait()
	defer cancel()
	s.beside.Go(func() { s.followTopology(ctx) })
	return s.loop(ctx)
}

// topology is who answers for what, or why that is not known.
type topology struct {
	places []Place
	err    error
}

// followTopology tells the loop who answers for what, again and again where that changes.
func (s *Source) followTopology(ctx context.Context) {
	for pause := retryFirst; ; {
		places, err := s.options.Server.Places(ctx)
		select {
		case s.topology <- topology{places, err}:
		case <-ctx.Done():
			return
		}
		switch {
		case err != nil:
			pause = min(2*pause, retryMost)
		case !s.options.Server.Traits().Moves:
			return
		default:
			pause = s.pace.topology
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// redraw takes a topology: places that are new are attended, those that are gone no more.
func (s *Source) redraw(ctx context.Context, t topology) {
	if t.err != nil {
		if !s.charted { // later on the places that are known tell for themselves
			s.gap("", t.err.Error())
		}
		return
	}
	added, gone := s.settle(ctx, t.places)
	for _, p := range added {
		s.beside.Go(func() { (&attendant{s: s, place: p}).run(p.life) })
	}
	changed := s.drawn != s.options.Server.Traits().Drawn
	s.drawn = s.options.Server.Traits().Drawn
	if !s.charted {
		s.charted = true
		return
	}
	if changed && len(gone)+len(added) == 0 {
		s.readMoved()
	}
	for _, p := range gone {
		s.release(p)
		s.gap(p.node, fmt.Sprintf("%s answers for no locks any more", p.node))
	}
	for _, p := range added {
		s.gap(p.node, fmt.Sprintf("%s answers for locks now", p.node))
	}
	if len(gone)+len(added) == 0 {
		return
	}
	s.doubtPicture(s.at(nil))
	for _, p := range s.places {
		if p.up {
			s.startScan(ctx, p)
		}
	}
}

// settle makes places the ones that are watched.
func (s *Source) settle(ctx context.Context, places []Place) (added, gone []*place) {
	s.spread = s.options.Server.Traits().Spread
	now := map[string]Place{}
	for _, p := range places {
		now[p.Node()] = p
	}
	for node, p := range s.places {
		if now[node] == nil {
			s.endScan(p)
			p.cancel()
			delete(s.places, node)
			gone = append(gone, p)
		}
	}
	for node, at := range now {
		if p := s.places[node]; p != nil {
			continue
		}
		p := &place{Place: at, node: node}
		p.life, p.cancel = context.WithCancel(ctx)
		s.places[node] = p
		added = append(added, p)
	}
	return added, gone
}

// readMoved has locks read that another place answers for now. Events of them were heard before and after, so that is no gap.
func (s *Source) readMoved() {
	for k := range s.picture.all() {
		if p := s.placeOf(k.key); p != nil && k.node != 0 && s.nodes[k.node] != p.node {
			s.want(k)
		}
	}
}

// number is a node's in known.node.
func (s *Source) number(node string) uint32 {
	for i, n := range s.nodes { // there are few
		if n == node {
			return uint32(i)
		}
	}
	s.nodes = append(s.nodes, node)
	return uint32(len(s.nodes) - 1)
}

// placeOf is the place that answers for a key; nil where nobody does, or nobody that is watched yet.
func (s *Source) placeOf(key string) *place {
	for _, p := range s.places {
		if !s.spread || p.Owns(key) {
			return p
		}
	}
	return nil
}
