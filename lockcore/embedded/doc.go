// Package embedded is a small Redis in this process: for the demo, which must
// run where no Redis is, and for tests that want one in a millisecond.
//
// It speaks RESP2 and RESP3 over TCP on loopback, to go-redis, redis-cli and any
// other client, and it has what locks and those who watch them use: strings,
// hashes, streams, TTLs, SCAN, MULTI/EXEC/WATCH, Lua scripts, pub/sub and
// keyspace notifications. What it answers, and which events it sends in which
// order, is what Redis 7.0 does, down to the texts of errors; a differential
// test replays the same commands against a real one.
//
// How it works. Every connection has a goroutine that reads requests and one
// that writes replies. A request is executed under one lock, so commands,
// transactions and scripts are atomic, and the time stands still during each of
// them. Replies and messages are only appended to the receiver's output buffer
// under that lock; sockets are written outside of it, so nobody's slow reading
// stops the server, and a subscriber that lets too much pile up is cut off, as
// by Redis. Deadlines lie in a heap: a key that is due is gone at once for
// whoever asks, and a timer removes it, with its "expired" event, within a few
// milliseconds even if nobody does. (A real server may take seconds.)
//
// What it does not do: persistence, replication, cluster, ACLs, eviction,
// MONITOR, blocking commands, lists, sets, sorted sets. Scripts have the base,
// string, table and math libraries only, no cjson, no bit, no coroutines; one that
// runs for five seconds is stopped, one that takes much memory gets it. Nothing
// but loopback can reach the server and it asks for no password, so it is no place
// for anything that matters.
//
// Known differences: texts of Lua's own errors are the interpreter's, not
// PUC-Rio's; HSCAN gives a hash at once, whatever its size; XADD with ~ trims by
// entries, not by the bytes of a node; CLIENT SETINFO and NO-TOUCH of Redis 7.2
// are taken; CONFIG SET takes only what has an effect here.
//
// Where a file says "as Redis", the numbers and texts are those of 7.0.15.
package embedded
