// Package peers measures lockcore beside the libraries that people lock with in Go: redsync,
// redislock, and a bare SET NX PX with a compare-and-delete, which is what careful users write by hand.
//
// It is a Go module of its own, so that locktop does not depend on what it is compared with:
//
//	cd testdata/peers && go test -run '^$' -bench . -benchtime 100x
//
// All of them go through go-redis with its default options and pools of one size, to one
// redis-server on a unix socket, and take turns in slices of a few milliseconds, so that what else
// the machine does hits all alike. Read the ratios; the absolute numbers are the machine's.
//
// BenchmarkListener and BenchmarkListenedTo measure what listening costs, beside go-redis, rueidis and redis-cli monitor,
// in processor time of this process and of the server.
//
// lockcore's pair does more than the others': it issues a fence, and keeps the ledger.
package peers
