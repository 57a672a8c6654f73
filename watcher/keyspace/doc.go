// Package keyspace watches locks through keyspace notifications, or by reading them again and again
// where there are none: on one server, on the master that Sentinel names, on every master of a cluster, over a
// REST API with event streams or without.
//
// A notification says that something changed, not what. It marks the key; a batched read
// says what is true now; the difference to the last reading becomes events, with the cause
// that the notifications and the ledger tell. Each key has a version, which every
// notification raises: a reading that was asked for before a newer notification is thrown
// away and asked for again.
//
// It subscribes first and scans then, so that nothing falls between. Whatever makes the picture doubtful
// (a lost connection, a silence, a fail-over, a FLUSHALL, a changed setting, a clock that was set) is a gap event, then a
// new scan, the differences as events marked as inferred, and resynced.
//
// That notifications arrive is proven, not assumed: by a canary, a key of our own that is set every
// second and whose notification must come back. With Options.ReadOnly nothing is written; a ping on the
// subscription and looks at the server's setting have to do.
//
// Who answers for which keys is asked every second where that can change. Each such place is listened to by itself. What
// a place says that does not answer for a key (any more) only has the key read, where it is now; so a demoted
// master brings no ghosts, and a lock that moves to another node is not taken for one that ended.
//
// It writes nothing else to the server, except that with EnableNotifications it adds what is
// missing to notify-keyspace-events. What it costs is counted (watcher.Meter).
//
// What goes through it: place.go attends a server and ear.go listens to it, into the inbox (inbox.go), a burst about
// one lock as one entry; scanning.go finds keys, reading.go reads them, picture.go keeps what was read last
// and tells the differences; loop.go is the one loop that all of it meets in, source.go what it is given; snapshot.go
// has the same loop read everything once.
//
// What it cannot tell: between two polls, a lock that was released and taken again by the same owner without a
// ledger; the same at the node that its slot moves to, within a second of the same deadline; over a REST stream, which
// key with a line break in its name is meant (that is a gap), and over REST at all, locks whose names are no UTF-8; on a
// replica, more than its master told it.
package keyspace
