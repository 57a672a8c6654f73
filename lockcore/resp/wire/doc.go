// Package wire reads and writes the Redis protocol (RESP2) with as little work as possible: for the
// two things that watching does by the million, hearing notifications and reading locks.
//
// A reply is a sequence of tokens. A Reader gives one after the other as views of its buffer, so that nothing
// is allocated but what the caller keeps. Its memory is bounded whatever comes in: a string above MaxBulk
// is passed over, and lists are never put together here.
//
// It knows no connection: who uses it dials, sets deadlines and counts. Protocol 3 is not read.
// (Redis serialization protocol specification, https://redis.io/docs/latest/develop/reference/protocol-spec/)
package wire
