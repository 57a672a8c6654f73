package dashboard

// Giving a lock back after a forced release, for as long as nobody took it.

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

// Undoer is a Releaser that gives locks back, on record as Recorded has it. was is the hold that had ended.
type Undoer interface {
	UndoOnRecord(ctx context.Context, order lockcore.Undo, was lockcore.Past, operator string) (done *lockcore.Undone, missing []error, err error)
}

// undoable is the last forced release that was done here.
type undoable struct {
	order lockcore.Undo // its id is drawn once, so that it can be tried again
	was   lockcore.Past
	sent  time.Time // when the forced release left
}

type undoneMsg struct {
	of      *undoable
	result  *lockcore.Undone
	taken   *watcher.Event // the lock was seen to be taken since; nothing was sent
	missing []error
	err     error
}

// canUndo remembers a forced release that can be undone.
func (m *model) canUndo(msg releasedMsg) bool {
	m.undoable = nil
	if _, ok := m.o.Releaser.(Undoer); !ok {
		return false
	}
	m.undoable = &undoable{
		order: lockcore.Undo{Key: msg.order.Key, Forced: msg.result.Operation, Operation: lockcore.NewOperation()},
		was:   lockcore.Past{Owner: msg.order.Expect.Owner, Fence: msg.result.Fence},
		sent:  msg.sent,
	}
	return true
}

// undo gives the lock of the last forced release back to its old owner, whatever is selected. A lock
// that was seen to be taken meanwhile is left alone, though nothing on the server may tell of it.
func (m *model) undo() tea.Cmd {
	of := m.undoable
	if of == nil {
		m.say(notice, briefly, "nothing to undo: no lock was released by force here")
		return nil
	}
	m.releasing++
	m.say(plain, outlived, "giving "+watcher.NewText(of.order.Key).String()+" back …")
	parent, timeout, to, log, operator := m.ctx, m.o.Timeout, m.o.Releaser.(Undoer), m.o.Log, m.o.Operator
	return func() tea.Msg {
		if e := takenSince(log, of); e != nil {
			return undoneMsg{of: of, taken: e}
		}
		ctx, cancel := context.WithTimeout(parent, timeout)
		defer cancel()
		result, missing, err := to.UndoOnRecord(ctx, of.order, of.was, operator)
		return undoneMsg{of: of, result: result, missing: missing, err: err}
	}
}

// takenSince finds the last event that says that somebody took the lock after the forced release left.
func takenSince(log Log, of *undoable) (last *watcher.Event) {
	if log == nil {
		return nil
	}
	for _, e := range log.Recent() {
		switch e.Type {
		case watcher.Acquired, watcher.Seized, watcher.Overwritten:
			if e.Key.Raw() == of.order.Key && e.Time.After(of.sent) {
				last = &e
			}
		}
	}
	return last
}

// undone says what came of it.
func (m *model) undone(msg undoneMsg) tea.Cmd {
	m.releasing--
	m.warned = false
	name := watcher.NewText(msg.of.order.Key).String()
	settled := !errors.Is(msg.err, lockcore.ErrUnknownOutcome) && !errors.Is(msg.err, lockcore.ErrUnreachable)
	if settled && m.undoable == msg.of {
		m.undoable = nil
	}
	var changed *lockcore.ChangedError
	switch {
	case msg.taken != nil:
		m.say(notice, longer, "not undone: "+msg.taken.Owner.String()+" took "+name+" at "+clock(msg.taken.Time, m.now))
	case msg.err == nil && msg.result != nil:
		ttl := "TTL " + short(msg.result.TTL)
		if msg.result.TTL == lockcore.NoTTL {
			ttl = "no TTL"
		}
		m.say(green, longer, "gave "+name+" back to "+watcher.NewText(msg.result.Owner).String()+", "+ttl)
	case errors.Is(msg.err, lockcore.ErrUnknownOutcome):
		m.say(alarm, outlived, "outcome unknown: "+said(msg.err)+" · "+keys.Undo.Help().Key+" tries the same operation again")
	case errors.As(msg.err, &changed) && changed.Holder.Owner != "":
		m.say(notice, longer, "not undone: "+name+" is now held by "+watcher.NewText(changed.Holder.Owner).String())
	case errors.As(msg.err, &changed):
		m.say(notice, longer, "not undone: "+undoRefused(changed.Why))
	case msg.err != nil:
		m.say(alarm, longer, "not undone: "+said(msg.err))
	default:
		m.say(alarm, longer, "not known whether "+name+" was given back: there was no answer")
	}
	m.addMissing(msg.missing)
	return m.fetch(false)
}

// undoRefused says in words why the server refused.
func undoRefused(why string) string {
	if text, ok := map[string]string{
		"told": "its old owner has been told already", "taken": "somebody took it since", "passed": "the deadline of that hold has passed",
	}[why]; ok {
		return text
	}
	return "that release is not the last thing that happened to this lock"
}
