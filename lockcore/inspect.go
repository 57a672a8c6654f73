package lockcore

// Looking at locks by plain reads, which need no right to write.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Lock is what was found of one lock at one moment.
type Lock struct {
	Key   string
	Owner string        // empty: nobody holds it
	TTL   time.Duration // left at ReadAt, or NoTTL
	Fence Fence         // of the present hold; 0 if nobody recorded it
	Held  time.Duration // how long the present hold has lasted; -1 if unknown
	// Deadline of the present hold on the server's clock; zero for NoTTL and where nobody holds it.
	Deadline time.Time
	Ledger   *Ledger // nil if nothing is recorded beside the lock
	// Err matches ErrWrongType where the key holds something that is no lock, else it is ErrRefused.
	Err error

	ServerTime time.Time     // the server's clock when this was read
	ReadAt     time.Time     // the local clock at the middle of the round trip
	RoundTrip  time.Duration // how long the read took, which bounds the error of TTL
}

// Local turns a time of the server's clock into one of the local clock. Only the
// difference of the two readings counts, so the clocks need not agree.
func (l *Lock) Local(server time.Time) time.Time {
	if server.IsZero() {
		return server
	}
	return l.ReadAt.Add(server.Sub(l.ServerTime))
}

// Expectation is the present hold as an order to end it would name it.
func (l *Lock) Expectation() Expectation {
	e := Expectation{Owner: l.Owner, Fence: l.Fence}
	if l.Fence == 0 {
		e.Deadline, e.NoTTL = l.Deadline, l.TTL == NoTTL
	}
	return e
}

// Inspect reads one lock. Errors: ErrInvalid, ErrWrongType, ErrRefused, ErrUnreachable.
func (c *Client) Inspect(ctx context.Context, key string) (*Lock, error) {
	if err := CheckKey(key); err != nil {
		return nil, opError("inspect", key, err)
	}
	locks, err := c.InspectAll(ctx, []string{key})
	if err != nil {
		return nil, err
	}
	if locks[0].Err != nil {
		return nil, opError("inspect", key, locks[0].Err)
	}
	return &locks[0], nil
}

// Grouper is a transport that reads from several servers, a cluster: only keys of one group can be
// read together. What its groups are is known after its first Read.
type Grouper interface{ Group(key string) string }

// groupsAtOnce is how many groups are read at the same time.
const groupsAtOnce = 16

// InspectAll reads locks, in the order of keys: in one MULTI/EXEC, or one for each group of a Grouper. Some
// hundred keys at a time are fair to the server. A key that is no lock has its Err set.
// Errors: ErrRefused, ErrUnreachable.
func (c *Client) InspectAll(ctx context.Context, keys []string) ([]Lock, error) {
	grouper, ok := c.transport.(Grouper)
	if !ok {
		return c.inspectTogether(ctx, keys)
	}
	if !c.grouped.Load() {
		// What its groups are the transport knows once it has read something.
		if _, err := c.transport.Read(ctx, [][]string{{"TIME"}}); err != nil {
			return nil, unread(keys, err)
		}
		c.grouped.Store(true)
	}
	groups, order := map[string][]int{}, []string{}
	for i, key := range keys {
		g := grouper.Group(key)
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], i)
	}
	locks := make([]Lock, len(keys))
	var reading errgroup.Group
	reading.SetLimit(groupsAtOnce)
	for _, g := range order {
		reading.Go(func() error {
			some := make([]string, len(groups[g]))
			for i, at := range groups[g] {
				some[i] = keys[at]
			}
			got, err := c.inspectTogether(ctx, some)
			if onItsWay(err) {
				got, err = c.inspectApart(ctx, some)
			}
			for i := range got {
				locks[groups[g][i]] = got[i]
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	return locks, nil
}

func (c *Client) inspectTogether(ctx context.Context, keys []string) ([]Lock, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	commands := make([][]string, 0, 3*len(keys)+2)
	commands = append(commands, []string{"TIME"})
	for _, key := range keys {
		ledger, _ := LedgerKey(key)
		read := []string{"HGETALL", ledger}
		if lone(key) && c.apart(key, ledger) {
			read = []string{"EXISTS", key} // in its place: no ledger can be there
		}
		commands = append(commands, []string{"GET", key}, []string{"PTTL", key}, read)
	}
	commands = append(commands, []string{"TIME"})

	sent := c.now()
	got, err := c.transport.Read(ctx, commands)
	took := c.now().Sub(sent)
	if err != nil {
		return nil, unread(keys, err)
	}
	from, to := serverTime(got[0]), serverTime(got[len(got)-1])
	if from.IsZero() || to.IsZero() {
		return nil, fmt.Errorf("inspect: %w: no TIME from the server: %s", ErrRefused, quoted(got[0]))
	}
	locks := make([]Lock, len(keys))
	for i, key := range keys {
		l := &locks[i]
		*l = Lock{Key: key, TTL: NoTTL, Held: -1, ServerTime: from, ReadAt: sent.Add(took / 2), RoundTrip: took}
		l.read(got[1+3*i], got[2+3*i], got[3+3*i], from, to)
	}
	return locks, nil
}

// unread is why locks could not be read.
func unread(keys []string, err error) error {
	what := fmt.Sprintf("%d locks", len(keys))
	if len(keys) == 1 {
		what = keys[0]
	}
	if errors.Is(err, ErrUnknownOutcome) { // a read has no outcome to doubt
		err = fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	return classify("inspect", what, err)
}

// lone tells that a key and its ledger would lie in different slots of a cluster.
func lone(key string) bool {
	if key == "" {
		return false
	}
	_, sameSlot := LedgerKey(key)
	return !sameSlot
}

// apart tells whether two keys cannot be read together.
func (c *Client) apart(a, b string) bool {
	grouper, ok := c.transport.(Grouper)
	return ok && grouper.Group(a) != grouper.Group(b)
}

// read takes a GET, a PTTL and a HGETALL of the ledger, read between from and to of the server's clock.
func (l *Lock) read(value, pttl, ledger any, from, to time.Time) {
	if e, ok := ledger.(*ReplyError); ok && code.FindString(e.Message) != "WRONGTYPE" {
		l.Err = fmt.Errorf("%w: %w", ErrRefused, e)
		return
	}
	l.Ledger = parseLedger(texts(ledger))
	switch v := value.(type) {
	case *ReplyError:
		l.Err = notRead(v)
		return
	case string:
		l.Owner = v
	}
	left, ok := pttl.(int64)
	if !ok {
		l.Owner, l.Err = "", fmt.Errorf("%w: PTTL answered %v", ErrRefused, pttl)
		return
	}
	l.settle(left, from, to)
}

// notRead is why a key is no lock, or could not be read.
func notRead(e *ReplyError) error {
	if code.FindString(e.Message) == "WRONGTYPE" {
		return ErrWrongType
	}
	return fmt.Errorf("%w: %w", ErrRefused, e)
}

// settle makes owner, ledger and a PTTL, read between from and to of the server's clock, one picture.
func (l *Lock) settle(pttl int64, from, to time.Time) {
	switch {
	case pttl == -2: // between GET and PTTL it was gone
		l.Owner = ""
	case pttl >= 0:
		l.TTL = time.Duration(pttl) * time.Millisecond
	}
	l.Ledger.endUnseen(l.Owner, to)
	if l.Owner == "" {
		return
	}
	if l.TTL != NoTTL {
		l.Deadline = from.Add(l.TTL)
	}
	if l.Ledger.speaksOf(l.Owner, l.TTL, from, to) {
		p := l.Ledger.present
		l.Fence, l.Deadline = p.fence, p.deadline
		if !p.acquired.IsZero() {
			l.Held = max(from.Sub(p.acquired), 0)
		}
	}
}

// texts reads a HGETALL, which comes as a list of names and values in turn.
func texts(got any) []string {
	items, _ := got.([]any)
	fields := make([]string, len(items))
	for i := range items {
		fields[i], _ = items[i].(string)
	}
	return fields
}

// serverTime reads the answer to TIME: seconds and microseconds.
func serverTime(got any) time.Time {
	items, _ := got.([]any)
	if len(items) != 2 {
		return time.Time{}
	}
	parts := reply{items: items}
	seconds, micros := parts.number(0), parts.number(1)
	return time.Unix(seconds, micros*1000)
}
