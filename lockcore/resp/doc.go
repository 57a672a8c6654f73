// Package resp carries lockcore's scripts and reads over the Redis protocol, by go-redis:
// TCP, TLS and unix sockets, with a password or an ACL user.
//
// A script is sent at most once. Whether it had been sent when something went wrong is
// known exactly, because the request notes the moment at which it is written: an error
// before that is lockcore.ErrUnreachable, after it lockcore.ErrUnknownOutcome.
package resp
