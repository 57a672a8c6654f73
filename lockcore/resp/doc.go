// Package resp carries lockcore's scripts and reads over the Redis protocol, by go-redis:
// TCP, TLS and unix sockets, with a password or an ACL user; to one server, to the master that
// Sentinel guards, or to a Redis Cluster, which is found out by itself.
//
// A script is sent at most once. Whether it had been sent when something went wrong is
// known exactly, because the request notes the moment at which it is written: an error
// before that is lockcore.ErrUnreachable, after it lockcore.ErrUnknownOutcome. Every call
// ends with its context, by cancel as by deadline, and with Options.Timeout at the latest.
// A call that ended before it was written is never written.
//
// How it finds its way (roam.go, look.go): go-redis's own clients for Sentinel and Cluster send
// again what may have been executed, and learn of a fail-over late. So this package keeps one
// plain go-redis client for each server, and asks who answers for what, all sentinels or all
// nodes at once: before the first request, after every sign that something has changed, and
// while a node owes an answer. The highest configuration epoch counts, of all that were ever heard. A server that is
// silent and replaced is given up, so its calls end before their time. Only what was not
// executed is sent again: what found no connection, and what was answered with MOVED or ASK. The
// other answers of that kind (READONLY, CLUSTERDOWN, TRYAGAIN, LOADING) are the caller's to
// repeat; the client has looked again by then.
//
// On a cluster a user needs CLUSTER SLOTS, and should have CLUSTER NODES, where the epochs are; of
// sentinels SENTINEL GET-MASTER-ADDR-BY-NAME, and should have SENTINEL MASTER and SENTINEL SENTINELS.
//
// Who watches speaks to every server that answers for keys by itself (place.go): Places are the
// masters now, and each can be scanned, asked and listened to. Commands counts what all that costs.
//
// What is heard, and read by the million, comes over bare connections (bare.go, package wire): by go-redis
// it costs several times as much. A Reader (reader.go, readlocks.go) gives pages of a scan and locks by the
// hundred, with several batches under way at once on one connection, each of them one MULTI/EXEC.
//
// What it does not do: read from replicas; read keys of several slots in one transaction (Group
// tells which belong together); watch a cluster; keep a scan whole while slots move.
package resp
