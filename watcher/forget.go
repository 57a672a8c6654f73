package watcher

// Free locks, in the order in which they are to be forgotten.

import "time"

// freeLocks is a queue out of whose middle a lock can be taken when somebody acquires it again.
type freeLocks struct {
	queue []freeLock
	gone  uint64 // places before the queue
	n     int    // locks in it; the other places are empty
}

type freeLock struct {
	row    uint32
	taken  bool
	flags  flags
	at     int64 // from when on it is free, or was looked at last
	ended  int64 // when its last hold did; unknownTime if that was not seen
	denied int64
}

// put adds a row at the end, or takes note of what has changed of it if it is there. A place is one more
// than its index, counted from the first ever.
func (f *freeLocks) put(t *Table, row uint32, at int64) {
	x := t.locks.At(row).extra
	l := freeLock{row: row, flags: t.flags(row), at: at, ended: t.endOf(x), denied: x.counts.Denied}
	if x.queued != 0 {
		place := &f.queue[x.queued-1-f.gone]
		l.at = place.at
		*place = l
		return
	}
	if len(f.queue) > 2*f.n+1000 {
		f.compact(t)
	}
	f.queue = append(f.queue, l)
	f.n++
	x.queued = f.gone + uint64(len(f.queue))
}

// take removes a row, if it is there.
func (f *freeLocks) take(t *Table, row uint32) {
	x := t.locks.At(row).extra
	if x == nil || x.queued == 0 {
		return
	}
	f.queue[x.queued-1-f.gone].taken = true
	x.queued = 0
	f.n--
}

// first gives the row that is to be forgotten next.
func (f *freeLocks) first() (freeLock, bool) {
	for len(f.queue) > 0 && f.queue[0].taken {
		f.queue = f.queue[1:]
		f.gone++
	}
	if len(f.queue) == 0 {
		return freeLock{}, false
	}
	return f.queue[0], true
}

// compact leaves the empty places out.
func (f *freeLocks) compact(t *Table) {
	queue := make([]freeLock, 0, 2*f.n+100)
	f.gone = 0
	for _, l := range f.queue {
		if !l.taken {
			queue = append(queue, l)
			t.locks.At(l.row).extra.queued = uint64(len(queue))
		}
	}
	f.queue = queue
}

// forget drops locks that have been free, and awaited by nobody, for a while.
func (t *Table) forget(at time.Time) {
	now := t.moment(at)
	for {
		f, ok := t.free.first()
		if !ok || now-f.at < int64(forgetAfter) && t.free.n <= forgottenAtMost {
			return
		}
		t.free.take(t, f.row)
		if len(t.locks.At(f.row).waiters()) > 0 && t.free.n < forgottenAtMost {
			// Whether they still wait is for the viewer's policy to say: look again later.
			t.free.put(t, f.row, now)
			continue
		}
		t.dropExtra(f.row)
		t.remove(f.row)
	}
}
