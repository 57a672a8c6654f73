package upstash

// What became of a request that brought no reply.

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"locktop/lockcore"
)

// fate is what a failed request did.
type fate int

const (
	unsent  fate = iota // the server certainly did not get it
	lost                // it may have been executed
	toobig              // it was executed or not, and asking again brings nothing else
	refused             // the server said that it did not execute it
)

// failure is an error of one request. Its text is clean of secrets; so nothing that it came from can be had from it, except how ctx ended.
type failure struct {
	fate  fate
	text  string
	cause error // context.Canceled, context.DeadlineExceeded, ErrNoStreams or nil
	read  bool  // a read has no outcome to doubt
}

func (f *failure) Error() string { return f.text }

func (f *failure) kind() error {
	switch {
	case f.fate == refused:
		return lockcore.ErrRefused
	case f.fate == unsent || f.read:
		return lockcore.ErrUnreachable
	}
	return lockcore.ErrUnknownOutcome
}

// Unwrap gives the sentinel and the cause.
func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind()}
	}
	return []error{f.kind(), f.cause}
}

// fail makes a failure on this client's server: "https://host: outcome unknown: why".
func (c *Client) fail(what fate, read bool, format string, args ...any) *failure {
	f := &failure{fate: what, read: read}
	f.text = fmt.Sprintf("%s: %v: %s", c.endpoint.url, f.kind(), fmt.Sprintf(format, args...))
	return f
}

// broken is fail for an error of net/http.
func (c *Client) broken(ctx context.Context, what fate, read bool, err error) *failure {
	// url.Error quotes the URL, which has no more to say than ours.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	why := c.secret.clean(err.Error())
	switch {
	case c.closing.Err() != nil:
		why = "the client is closed"
	case errors.Is(context.Cause(ctx), errTimeout):
		why = fmt.Sprintf("no answer within %s", c.timeout)
	}
	f := c.fail(what, read, "%s", why)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if ctx.Err() == end {
			f.cause = end
		}
	}
	return f
}
