package resp

// Where a request goes, and where it goes next.
//
// A request that certainly did nothing may be sent again: one that was not written, since no
// connection was to be had, and one that was answered with MOVED or ASK. Everything else is
// the caller's to decide, who gets the server's own words after the client has looked
// again who answers for what.

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// hopLimit bounds how often one request follows MOVED and ASK.
const hopLimit = 8

// deliver sends a request to who answers for it. An error is go-redis's own.
func (c *Client) deliver(r *request) (any, error) {
	if c.kind.Load() != lone {
		return c.roam(r)
	}
	reply, err := c.seed.send(r, false)
	if err == nil {
		return reply, nil
	}
	switch code(err) {
	case "MOVED", "ASK", "CLUSTERDOWN":
		c.isCluster()
		if !r.again() {
			return nil, err
		}
		return c.roam(r)
	}
	return nil, err
}

// roam finds the node of a request, and follows it where the node has changed.
func (c *Client) roam(r *request) (any, error) {
	c.watch()
	to, asking := r.to, false
	for try, hops := 0, 0; ; try++ {
		n := to
		if n == nil {
			var err error
			if n, err = c.find(r, try); err != nil {
				return nil, err
			}
		}
		r.Cmd = redis.Cmd{}
		reply, err := n.send(r, asking)
		if err == nil {
			return reply, nil
		}
		to, asking = r.to, false
		switch what := code(err); what {
		case "MOVED", "ASK":
			if what == "MOVED" {
				c.startLook()
			}
			if hops++; hops > hopLimit || r.to != nil || !r.again() {
				return nil, err
			}
			var gone error
			if to, gone = c.node(besides(n.addr, redirection(err))); gone != nil {
				return nil, gone
			}
			asking = what == "ASK"
		case "READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN":
			c.lookAgain(&r.limit) // whoever tries again finds the new master
			return nil, err
		case "":
			if r.limit.Err() != nil || r.to != nil || c.life.Err() != nil || hopeless(err) {
				return nil, err
			}
			if r.wasWritten() && !(r.read && r.again()) {
				c.startLook()
				return nil, err
			}
			// Nothing was sent: as soon as there is another node, it goes there.
			if gone := c.lookAgain(&r.limit); gone != nil {
				return nil, gone
			}
		default:
			return nil, err
		}
	}
}

// find is the node of a request by what is known, or by a look where nothing is.
func (c *Client) find(r *request, try int) (*node, error) {
	t := c.land.Load()
	if t == nil {
		if err := c.lookAgain(&r.limit); err != nil {
			return nil, err
		}
		t = c.land.Load()
	}
	if r.slot == anyNode || t.owner == nil {
		return t.masters[try%len(t.masters)], nil
	}
	if n := t.at(r.slot); n != nil {
		return n, nil
	}
	if err := c.lookAgain(&r.limit); err != nil {
		return nil, err
	}
	if n := c.land.Load().at(r.slot); n != nil {
		return n, nil
	}
	return nil, refusal("CLUSTERDOWN Hash slot not served")
}

// refusal is an error reply in the server's words, where the client knows what it would be.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError makes it one of go-redis's replies.
func (refusal) RedisError() {}

// hopeless is an error that no other node and no later try will mend.
func hopeless(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, errLeft)
}

// besides is the address that a node names. Without a host it means the node's own.
func besides(node, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "" && host != "?" {
		return addr
	}
	if own, _, err := net.SplitHostPort(node); err == nil {
		host = own
	}
	return net.JoinHostPort(host, port)
}
