package lockcore

// What lockcore needs of a connection to Redis, and nothing more: so RESP and a
// REST API are the same to it, and faults are trivial to inject in tests.

import "context"

// Transport carries scripts and reads to one Redis.
//
// Both methods answer with replies as Redis sent them: nil, string, int64, or
// []any of these. An error reply comes as a *ReplyError. Where no reply came, the
// error matches ErrUnreachable if the request certainly was not sent, and
// ErrUnknownOutcome if it may have been.
//
// Both return within 50 ms of ctx's end, by deadline or by cancel, and keep none of their
// arguments after they returned unless the request is still on its way.
type Transport interface {
	// Eval runs a script at most once: a request that may have been executed is never sent again. It
	// may follow a redirection (MOVED, ASK), since that says that the request was not executed.
	Eval(ctx context.Context, s *Script, keys, args []string) (any, error)
	// Read runs reading commands in one MULTI/EXEC and gives a reply for each; a
	// command that failed by itself has its *ReplyError in its place.
	Read(ctx context.Context, commands [][]string) ([]any, error)
}

// ReplyError is an error that the server answered with.
type ReplyError struct {
	Message string // as the server sent it: a code in capitals, then text
}

func (e *ReplyError) Error() string { return e.Message }
