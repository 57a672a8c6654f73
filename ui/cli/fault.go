package cli

// What failed on the way to the server or there, as a line for people: what was tried, on
// which server, why it failed, what to do.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"locktop/lockcore"
	"locktop/watcher"
)

// fault turns the error of a call that writes into one that says all and carries its exit
// code. op is what was tried, key the lock it was tried on.
func (s *session) fault(op, key string, err error) error { return s.explain(op, key, true, err) }

// readFault does so for a call that only reads, which has no outcome to doubt. key may be empty.
func (s *session) readFault(op, key string, err error) error { return s.explain(op, key, false, err) }

func (s *session) explain(op, key string, writes bool, err error) error {
	what := op
	if key != "" {
		what += " " + watcher.NewText(key).String()
	}
	what += " on " + s.server.String()
	say := func(code int, format string, args ...any) error {
		return &fault{code, what + ": " + fmt.Sprintf(format, args...)}
	}

	var done *fault
	var held *lockcore.HeldError
	var notHeld *lockcore.NotHeldError
	var changed *lockcore.ChangedError
	var left *abandoned
	switch {
	case err == nil:
		return nil
	case errors.As(err, &done):
		if writes && errors.As(err, &left) {
			return say(done.code, "interrupted before the answer came; whether it was done says: %s", howToFindOut(key))
		}
		return err
	case errors.As(err, &held):
		return say(exitHeld, "%s", heldText(held))
	case errors.As(err, &notHeld):
		if errors.Is(err, lockcore.ErrRevoked) {
			return say(exitNotHeld, "revoked: %s%s", pastText(notHeld.Past), holderText(notHeld.Holder))
		}
		return say(exitNotHeld, "not held by %s: %s%s", watcher.NewText(notHeld.Owner), pastText(notHeld.Past), holderText(notHeld.Holder))
	case errors.As(err, &changed):
		return say(exitHeld, "%s: %s%s; look again: %s",
			changedText(op, changed), pastText(changed.Past), holderText(changed.Holder), howToFindOut(key))
	case errors.Is(err, lockcore.ErrInvalid):
		_, reason, _ := strings.Cut(err.Error(), lockcore.ErrInvalid.Error()+": ")
		return &fault{exitUsage, op + ": " + reason}
	case errors.Is(err, lockcore.ErrWrongType):
		return say(exitFailed, "the key holds another type than a string, so it is no lock; look at it with redis-cli TYPE")
	case errors.Is(err, lockcore.ErrLedger):
		_, reason, _ := strings.Cut(err.Error(), lockcore.ErrLedger.Error()+": ")
		ledger, _ := lockcore.LedgerKey(key)
		return say(exitFailed, "nothing was done, because the record beside the lock cannot be written (%s); look at the key %s",
			watcher.NewText(reason), watcher.NewText(ledger))
	case errors.Is(err, lockcore.ErrLate):
		_, reason, _ := strings.Cut(err.Error(), lockcore.ErrLate.Error()+": ")
		return say(exitFailed, "the answer came when the TTL was over (%s), so the lock may be gone again; use a longer --ttl", watcher.NewText(reason))
	}
	var refused *lockcore.ReplyError
	switch {
	case errors.As(err, &refused):
		return say(exitFailed, "refused by the server: %s%s", watcher.NewText(refused.Message), remedy(refused.Message))
	case errors.Is(err, lockcore.ErrUnknownOutcome) && writes:
		return say(exitUnknown, "outcome unknown: the request went out and no answer came back (%s); find out with: %s",
			watcher.NewText(s.networkCause(err)), howToFindOut(key))
	case errors.Is(err, lockcore.ErrUnreachable), errors.Is(err, lockcore.ErrUnknownOutcome):
		return say(exitFailed, "server unreachable (%s); check that it runs there and that --url or LOCKTOP_URL is right",
			watcher.NewText(s.networkCause(err)))
	}
	return say(exitFailed, "%s", watcher.NewText(err.Error()))
}

func howToFindOut(key string) string { return "locktop inspect " + quoted(key) }

// changedText says what was not done because the lock was not as expected.
func changedText(op string, c *lockcore.ChangedError) string {
	switch op {
	case "seize":
		return "not seized, the lock has changed"
	case "undo":
		if why, ok := undoRefused[c.Why]; ok {
			return "not undone, " + why
		}
		return "not undone, the lock has changed"
	}
	return "not released, the lock has changed"
}

// undoRefused says in words why an undo was refused.
var undoRefused = map[string]string{
	"told":    "its old owner has been told already",
	"taken":   "somebody took the lock since",
	"passed":  "the deadline of that hold has passed",
	"unknown": "that operation is not the last thing that happened to this lock",
}

func heldText(h *lockcore.HeldError) string {
	text := fmt.Sprintf("held by %s %s", watcher.NewText(h.Owner), forAnother(h.TTL))
	if h.Attempts > 0 {
		text += fmt.Sprintf("; denial %d of this work", h.Attempts)
	}
	return text + "; try again later, or wait with --wait"
}

func holderText(h lockcore.Holder) string {
	if h.Owner == "" {
		return "nobody holds it now"
	}
	return fmt.Sprintf("%s holds it now, %s", watcher.NewText(h.Owner), forAnother(h.TTL))
}

// pastText says how a hold ended, with a semicolon after it; empty if nobody remembers.
func pastText(p *lockcore.Past) string {
	if p == nil {
		return ""
	}
	text := "that hold was " + watcher.NewText(string(p.How)).String()
	switch p.How {
	case lockcore.HowExpired:
		text = "that hold expired"
		if p.Overran > 0 {
			text += ", " + spell(p.Overran) + " before its owner was done"
		}
		if p.Overlap {
			text += ", and somebody else had the lock by then"
		}
	case lockcore.HowForced:
		text = "that hold was released by force"
	case lockcore.HowSeized:
		text = "that hold was ended by an operator who took the lock over"
	}
	if !p.Ended.IsZero() {
		text += " at " + p.Ended.UTC().Format("2006-01-02T15:04:05Z")
	}
	if p.By != "" {
		text += " by " + watcher.NewText(p.By).String()
	}
	if p.Reason != "" {
		text += fmt.Sprintf(" (%s)", watcher.NewText(p.Reason))
	}
	return text + "; "
}

// networkCause is the innermost thing that went wrong between here and the server.
func (s *session) networkCause(err error) string {
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within " + spell(s.timeout)
	case errors.As(err, &op):
		return op.Error()
	}
	text := err.Error()
	for _, known := range []error{lockcore.ErrUnreachable, lockcore.ErrUnknownOutcome} {
		if i := strings.LastIndex(text, known.Error()+": "); i >= 0 {
			text = text[i+len(known.Error())+2:]
		}
	}
	return text
}

// remedies say what to do about an error of the server, by its code.
var remedies = []struct{ code, hint string }{
	{"NOAUTH", "give user and password in the URL, as in redis://user:password@host:6379/0"},
	{"WRONGPASS", "check user and password in the URL"},
	{"NOPERM", "the ACL user lacks a permission: see ACL LOG on the server"},
	{"READONLY", "this server is a replica: use the master's address"},
	{"OOM", "the server is out of memory: see maxmemory"},
	{"MISCONF", "the server cannot save its data: see its log"},
	{"NOREPLICAS", "too few replicas are connected: see min-replicas-to-write"},
	{"LOADING", "the server is starting: try again in a moment"},
	{"BUSY", "a script keeps the server busy: try again in a moment"},
	{"MASTERDOWN", "the replica has lost its master: use the master's address"},
	{"MOVED", "the cluster is moving this key: try again in a moment"},
	{"ASK", "the cluster is moving this key: try again in a moment"},
	{"TRYAGAIN", "the cluster is moving this key: try again in a moment"},
	{"CROSSSLOT", "on a cluster this key and its record cannot lie together: choose a key without {} in it"},
	{"CLUSTERDOWN", "the cluster is not complete: see CLUSTER INFO"},
	{"DENIED", "the server is in protected mode: see its answer"},
}

// remedy finds the code, which older servers put somewhere inside when it comes out of a script.
func remedy(message string) string {
	for word := range strings.FieldsFuncSeq(message, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		for _, r := range remedies {
			if word == r.code {
				return "; " + r.hint
			}
		}
	}
	return ""
}
