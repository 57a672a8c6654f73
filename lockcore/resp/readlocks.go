package resp

// Reading locks: 500 at a time, several times at once.
//
// Each batch is one MULTI/EXEC, so that owner, TTL and ledger are one moment's: with notifications a reading that
// is torn would be put right soon, but until then shown, and told as an event. Most locks that others took have
// no ledger; so for locks of which nothing is known that is looked up first, in one command for all of them:
//
//	MULTI, TIME, MGET lock…, PTTL lock each, EXISTS ledger…, TIME, EXEC
//
// and only where there are some, the batch is read again whole:
//
//	MULTI, TIME, (GET lock, PTTL lock, HGETALL ledger) each, TIME, EXEC
//
// On a cluster a transaction has keys of one slot, so each lock has one of its own:
//
//	TIME, (MULTI, GET lock, PTTL lock, HGETALL ledger, EXEC) each, TIME
//
// What is refused there, since its slot has moved say, is read by the ordinary way, which follows.

import (
	"context"
	"strings"

	"locktop/lockcore"
)

// Ledgers says what is expected of the ledgers of the locks to be read.
type Ledgers uint8

const (
	LedgersUnlikely Ledgers = iota // it is looked up first, at little cost, whether there are any
	LedgersLikely                  // they are read at once
	LedgersIgnored                 // they are left alone, as if there were none
)

// ReadLocks reads locks, in the order of keys. A key that is no lock has its Err set. Of one whose value is above
// wire.MaxBulk that matches lockcore.ErrWrongType.
func (r *Reader) ReadLocks(ctx context.Context, keys []string, ledgers Ledgers) ([]lockcore.Lock, error) {
	ctx, cancel := timed(ctx)
	defer cancel()
	locks := make([]lockcore.Lock, len(keys))
	if err := r.readIn(ctx, keys, r.how(ledgers), ledgers, locks); err != nil {
		return nil, err
	}
	return locks, nil
}

// readIn reads locks in a certain way, all batches at once as far as there is room.
func (r *Reader) readIn(ctx context.Context, keys []string, w way, ledgers Ledgers, into []lockcore.Lock) error {
	size := w.size()
	batches := make([]*batch, 0, (len(keys)+size-1)/size)
	for from := 0; from < len(keys); from += size {
		b := newBatch(keys[from:min(from+size, len(keys))], w)
		if err := r.begin(ctx, &b.call); err != nil {
			return r.failure(err)
		}
		batches = append(batches, b)
	}
	for i, b := range batches {
		if err := r.await(ctx, &b.call); err != nil {
			return r.failure(err)
		}
		if err := r.finish(ctx, b, ledgers, into[i*size:]); err != nil {
			return err
		}
	}
	return nil
}

// how is the way in which a batch is read first.
func (r *Reader) how(ledgers Ledgers) way {
	apart := r.client.kind.Load() == clustered
	switch {
	case ledgers == LedgersIgnored:
		return way{apart: apart, many: !apart && !r.single.Load()}
	case ledgers == LedgersLikely || apart || r.single.Load():
		return way{apart: apart, ledgers: true}
	}
	return way{many: true, lookup: true}
}

// finish makes locks of what a batch read, and reads again what it could not or did not.
func (r *Reader) finish(ctx context.Context, b *batch, ledgers Ledgers, into []lockcore.Lock) error {
	if b.refused != "" {
		if !b.way.many {
			return r.ordinary(ctx, b.keys, ledgers, into)
		}
		// This user may not MGET or EXISTS, or not all of these keys: one by one it is seen which.
		if word, _, _ := strings.Cut(b.refused, " "); word == "NOPERM" || word == "ERR" {
			r.single.Store(true)
		}
		return r.readIn(ctx, b.keys, way{apart: b.way.apart, ledgers: ledgers != LedgersIgnored}, ledgers, into)
	}
	if b.found > 0 {
		return r.readIn(ctx, b.keys, way{ledgers: true}, ledgers, into)
	}
	var keys []string
	var places []int
	at := b.span()
	for i := range b.locks {
		l := &b.locks[i]
		if b.unclear(l) {
			keys, places = append(keys, l.Key), append(places, i)
			continue
		}
		into[i] = l.Lock(at)
	}
	if len(keys) == 0 {
		return nil
	}
	again := make([]lockcore.Lock, len(keys))
	var err error
	if b.way.apart {
		err = r.ordinary(ctx, keys, ledgers, again)
	} else {
		err = r.readIn(ctx, keys, way{ledgers: ledgers != LedgersIgnored}, ledgers, again)
	}
	for i, place := range places {
		into[place] = again[i]
	}
	return err
}

// ordinary reads locks as everybody does, which finds its way where slots move, and words what is refused.
func (r *Reader) ordinary(ctx context.Context, keys []string, ledgers Ledgers, into []lockcore.Lock) error {
	locks, err := r.locks.InspectAll(ctx, keys)
	if err != nil {
		return err
	}
	copy(into, locks)
	if ledgers == LedgersIgnored {
		for i := range locks {
			l := &into[i]
			l.Ledger, l.Fence, l.Held = nil, 0, -1
		}
	}
	return nil
}
