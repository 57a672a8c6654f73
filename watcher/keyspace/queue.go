package keyspace

// What has to be read at a later moment: locks at their deadline, doubts at their second look.

import (
	"container/heap"
	"time"
)

// due is a key that is to be read at a time.
type due struct {
	at  time.Time
	key string
}

// dues is a heap of them, the soonest first. An entry may be out of date: who takes it looks again.
type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x any)        { *d = append(*d, x.(due)) }
func (d *dues) Pop() any {
	old := *d
	last := old[len(old)-1]
	*d = old[:len(old)-1]
	return last
}

func (d *dues) add(at time.Time, key string) { heap.Push(d, due{at, key}) }

// take removes the next entry that is due at now.
func (d *dues) take(now time.Time) (key string, ok bool) {
	if len(*d) == 0 || (*d)[0].at.After(now) {
		return "", false
	}
	return heap.Pop(d).(due).key, true
}
