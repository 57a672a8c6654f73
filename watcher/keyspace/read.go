package keyspace

// Reading locks in batches: one batch at a time is in flight, and what comes up meanwhile
// goes with the next one. So a burst costs round trips by its length, not by its events.

import (
	"context"

	"locktop/lockcore"
)

// batchLimit is how many locks are read in one MULTI/EXEC: some hundred microseconds of the server.
const batchLimit = 200

// batch is a set of keys, each with the version that it had when the read was sent.
type batch struct {
	keys     []string
	versions []uint64
	locks    []lockcore.Lock
	err      error
}

// read answers batches until in is closed.
func read(ctx context.Context, client *lockcore.Client, in <-chan *batch, out chan<- *batch) {
	for b := range in {
		b.locks, b.err = client.InspectAll(ctx, b.keys)
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
	}
}
