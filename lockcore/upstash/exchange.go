package upstash

// One request: was it sent, and what came back.
//
// net/http sends a POST again by itself only if it can have its body again (Request.GetBody), or if no body
// was read yet. Ours is without GetBody and can be read once. And because the whole command is in the
// body, and its length announced, the body tells what became of the request, exactly and for HTTP/1 and 2
// alike: never read, the server cannot have the command; read, it may have. httptrace would tell less: WroteRequest
// comes when it is too late, WroteHeaders when the headers are in a buffer, and neither can be
// taken back, while a body that is revoked before it was read will not be sent by a
// writer that comes to it late.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// maxAnswer is how much of an answer is read: a batch of 200 locks with full ledgers is far below it.
const maxAnswer = 16 << 20

// request is a command, or a list of them, on its way.
type request struct {
	path  string // "", /pipeline or /multi-exec
	body  []byte
	count int  // of the commands in a list
	read  bool // it changes nothing, so it can be sent again
}

var errRevoked = errors.New("the request was given up before it was sent")

// onceBody is a request's body that knows whether it was read, and can be revoked before.
type onceBody struct {
	in    *bytes.Reader
	state atomic.Int32
	taken func() // called when it is read, once
}

const (
	fresh int32 = iota
	taken
	revoked
)

func (b *onceBody) Read(p []byte) (int, error) {
	if b.state.CompareAndSwap(fresh, taken) {
		b.taken()
	} else if b.state.Load() == revoked {
		return 0, errRevoked
	}
	return b.in.Read(p)
}

func (b *onceBody) Close() error { return nil }

// revoke tells whether the body was never read, and sees to it that it never will be.
func (b *onceBody) revoke() bool {
	return b.state.CompareAndSwap(fresh, revoked) || b.state.Load() == revoked
}

// fate is what became of a request that brought no answer.
func (b *onceBody) fate() fate {
	if b.revoke() {
		return unsent
	}
	return lost
}

// grace is how long after ctx's end net/http may take to return by itself, with all that it knows.
const grace = 25 * time.Millisecond

// outcome is what came of a request.
type outcome struct {
	replies []any
	err     error
}

// exchange sends a request at most once, and returns when ctx ends whatever net/http does: closing a TLS connection
// over which nothing moves any more takes it up to 5 s. The error is a *failure, or a
// *lockcore.ReplyError where the server answered with an error.
func (c *Client) exchange(ctx context.Context, r request) ([]any, error) {
	body := &onceBody{in: bytes.NewReader(r.body), taken: func() { c.requests.Add(1) }}
	done := make(chan outcome, 1)
	go func() {
		replies, err := c.roundTrip(ctx, r, body)
		done <- outcome{replies, err}
	}()
	select {
	case o := <-done:
		return o.replies, o.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case o := <-done:
		return o.replies, o.err
	case <-late.C:
		return nil, c.broken(ctx, body.fate(), r.read, context.Cause(ctx))
	}
}

func (c *Client) roundTrip(ctx context.Context, r request, body *onceBody) ([]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.url+r.path, body)
	if err != nil {
		return nil, c.broken(ctx, unsent, r.read, err)
	}
	req.ContentLength = int64(len(r.body))
	token, sent := c.sync.send()
	req.Header.Set("Authorization", "Bearer "+c.endpoint.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Upstash-Encoding", "base64")
	req.Header.Set("User-Agent", "locktop")
	if token != "" {
		req.Header.Set(syncTokenHeader, token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, body.fate(), r.read, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
		return nil, c.status(res, r)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, c.broken(ctx, lost, r.read, err)
	}
	if len(answer) > maxAnswer {
		return nil, c.fail(toobig, r.read, "the answer is larger than %d MB; ask for less at once", maxAnswer>>20)
	}
	c.sync.learn(res.Header.Get(syncTokenHeader), sent, r.read)
	return c.replies(res, r, answer)
}
