// Package keyspace watches the locks of one Redis server through its keyspace
// notifications, or by reading them again and again where the server sends none.
//
// A notification says that something changed, not what. It marks the key; a batched read
// says what is true now; the difference to the last reading becomes events, with the cause
// that the notifications and the ledger tell. Each key has a version, which every
// notification raises: a reading that was asked for before a newer notification is thrown
// away and asked for again.
//
// It subscribes first and scans then, so that nothing falls between. After a lost
// connection, a full queue, a FLUSHALL or a changed setting there is a gap event, a new
// scan, the differences as events marked as inferred, and resynced.
//
// It writes nothing to the server, except that with EnableNotifications it adds what is
// missing to notify-keyspace-events.
//
// What goes through it: listen.go hears notifications, scan.go finds keys, read.go reads
// them, picture.go keeps what was read last and tells the differences, session.go is the
// one loop that all of it meets in, source.go begins a new session when one ends.
package keyspace
