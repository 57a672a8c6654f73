// Package locktest starts the servers that lock tests need: real redis-servers
// on free loopback ports, in directories of their own, and a proxy that loses,
// delays and cuts what passes between a client and its server.
//
// A server that cannot be started fails the test and says how to get it; it is
// never skipped, since a suite that skips what Redis does proves nothing.
// The binary is redis-server from PATH, or whatever LOCKTOP_TEST_SERVER names,
// so that the same suite runs against Valkey or another version.
package locktest
