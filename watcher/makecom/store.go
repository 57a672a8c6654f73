package makecom

// What a lock guards: the store of the demonstration. Its counters are read and written by separate calls, as a record of a
// customer is by modules of Make.com, so that two executions that are inside at once overwrite each other's update.
//
// A fence helps only a store that is shown it, and it must be shown at the read already: a writer that came late can
// otherwise still overwrite an update whose author has read, but not yet written.

import (
	"context"
	"errors"

	"locktop/lockcore"
)

// ErrLateWriter is a store's answer to a fence below one that it has seen of that record.
var ErrLateWriter = errors.New("the store has seen a higher fence of this record")

// ErrRemovedOther is the answer to a release that removed a lock of somebody else.
var ErrRemovedOther = errors.New("released somebody else's lock")

// Store is a counter for each record. A fence of 0 is none, and nothing is turned away. With one, both turn away whatever
// comes with a lower one than the highest that was seen of that record, by ErrLateWriter.
type Store interface {
	Read(ctx context.Context, record string, fence lockcore.Fence) (int64, error)
	Write(ctx context.Context, record string, value int64, fence lockcore.Fence) error
}

// memoryStore is the store of a simulation.
type memoryStore map[string]*cell

type cell struct{ value, fence int64 }

func (m memoryStore) cell(record string) *cell {
	if m[record] == nil {
		m[record] = &cell{}
	}
	return m[record]
}

// pass tells whether a fence is no lower than what was seen, and remembers it.
func (c *cell) pass(fence int64) bool {
	if fence != 0 && fence < c.fence {
		return false
	}
	c.fence = max(c.fence, fence)
	return true
}

func (m memoryStore) total() int64 {
	n := int64(0)
	for _, c := range m {
		n += c.value
	}
	return n
}
