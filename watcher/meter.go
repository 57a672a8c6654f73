package watcher

// Meter: how the watching itself is doing, and what it costs the server.

import "time"

// Meter are a source's own figures, as of the event that brought them. Totals are counted since the
// source began, rates are of the last seconds.
type Meter struct {
	Heard      int64   // notifications that came in
	HeardRate  float64 // a second
	Told       int64   // events about locks that were made of them
	ToldRate   float64 // a second
	Dropped    int64   // notifications that nobody looked at, since they came faster than they could be kept; each time there was a gap
	Queue      int     // locks that wait to be read
	Commands   int64   // that the watching sent to the server
	PerMinute  float64 // of them; over a REST API of requests
	ByRequests bool    // PerMinute are requests of a REST API

	// Late is how late the server told lately that a lock had expired, at most: it does so when it gets to it.
	Late     time.Duration
	LateSeen int // expiries that Late was seen in; 0: nothing is known of it

	Nodes   []NodeState // by name
	Loading *Loading    // nil: nothing is being loaded
}

// NodeState is how one server is being watched.
type NodeState struct {
	Node    string
	Heard   time.Time // when it was last heard; zero: never
	Polled  time.Duration
	Problem Text // why it is not watched at the moment; empty: it is
}

// Loading is how far the reading of all locks has come.
type Loading struct {
	Read    int     // locks that were read
	Waiting int     // that were found and not read yet
	Share   float64 // of the server's keys that were looked at, 0 to 1; negative where it does not tell how many it has
}
