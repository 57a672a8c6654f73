package dashboard

// Orders on their way, forced releases and seizures, and what came of them.

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

// Recorded is a Releaser that puts orders on record before and after. left is the TTL that the hold
// was seen with, missing what could not be written down after the order.
type Recorded interface {
	ReleaseOnRecord(ctx context.Context, order lockcore.ForceRelease, left time.Duration) (done *lockcore.ForcedRelease, missing []error, err error)
}

// Seizer is a Releaser that takes locks over, on record as Recorded has it.
type Seizer interface {
	SeizeOnRecord(ctx context.Context, order lockcore.Seizure, left time.Duration) (done *lockcore.Seized, missing []error, err error)
}

type releasedMsg struct {
	order   order
	sent    time.Time
	result  *lockcore.ForcedRelease
	seized  *lockcore.Seized
	missing []error
	err     error
}

// release sends the order of the dialog and closes it.
func (m *model) release() tea.Cmd {
	order := m.dialog.order
	order.Reason = strings.TrimSpace(m.dialog.reason.value())
	order.ttl = m.dialog.lasting()
	left := m.dialog.as.TTL
	m.dialog = nil
	m.releasing++
	doing := "releasing "
	if order.seize {
		doing = "seizing "
	}
	m.say(plain, outlived, doing+watcher.NewText(order.Key).String()+" …")
	parent, timeout, to, sent := m.ctx, m.o.Timeout, m.o.Releaser, m.now
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, timeout)
		defer cancel()
		msg := releasedMsg{order: order, sent: sent}
		if order.seize {
			f := order.ForceRelease
			msg.seized, msg.missing, msg.err = to.(Seizer).SeizeOnRecord(ctx, lockcore.Seizure{
				Key: f.Key, Expect: f.Expect, TTL: order.ttl, Operation: f.Operation, Operator: f.Operator, Reason: f.Reason,
			}, left)
		} else if recorded, ok := to.(Recorded); ok {
			msg.result, msg.missing, msg.err = recorded.ReleaseOnRecord(ctx, order.ForceRelease, left)
		} else {
			msg.result, msg.err = to.ForceRelease(ctx, order.ForceRelease)
		}
		return msg
	}
}

// released says what came of an order. What the server said is data from outside like any other.
func (m *model) released(msg releasedMsg) tea.Cmd {
	m.releasing--
	m.warned = false
	name, nothing := watcher.NewText(msg.order.Key).String(), msg.order.nothing()
	var changed *lockcore.ChangedError
	if !errors.Is(msg.err, lockcore.ErrUnknownOutcome) {
		delete(m.unsettled, msg.order.Key)
	}
	switch {
	case msg.err == nil && msg.result == nil && msg.seized == nil:
		m.say(alarm, longer, "not known whether "+name+" was released: there was no answer")
	case msg.err == nil && msg.seized != nil:
		text := "seized " + name + " for " + short(msg.seized.TTL) + ": its owner is now " + watcher.NewText(msg.seized.Owner).String()
		if msg.seized.Before {
			text += "; the first try had done it already"
		}
		m.say(green, longer, text)
	case msg.err == nil:
		text := "released " + name
		if msg.result.Before {
			text += ": the first try had done it already"
		}
		if msg.result.NotRecorded != "" {
			text += "; its old owner will not learn of it: " + watcher.NewText(msg.result.NotRecorded).String()
		} else if m.canUndo(msg) {
			text += " · " + keys.Undo.Help().Key + " gives it back"
		}
		m.say(green, longer, text)
	case errors.Is(msg.err, lockcore.ErrUnknownOutcome):
		m.unsettled[msg.order.Key] = msg.order
		again := keys.Release.Help().Key
		if msg.order.seize {
			again = keys.Seize.Help().Key
		}
		m.say(alarm, outlived, "outcome unknown: "+said(msg.err)+" · if "+name+" still shows this hold, "+again+" tries the same operation again")
	case errors.As(msg.err, &changed) && changed.Holder.Owner != "":
		m.say(notice, longer, nothing+": "+name+" is now held by "+watcher.NewText(changed.Holder.Owner).String())
	case errors.As(msg.err, &changed):
		m.say(notice, longer, "gone: nobody holds "+name+" any more"+pastWords(changed.Past))
	default:
		m.say(alarm, longer, nothing+": "+said(msg.err))
	}
	m.addMissing(msg.missing)
	return m.fetch(false)
}

// addMissing says that an order is not on record everywhere.
func (m *model) addMissing(missing []error) {
	if len(missing) > 0 {
		m.message.text += " · the audit trail is not complete: " + said(missing[0])
	}
}

func said(err error) string { return watcher.NewText(err.Error()).String() }

func pastWords(p *lockcore.Past) string {
	if p == nil {
		return ""
	}
	text := map[lockcore.How]string{
		lockcore.HowReleased: "; its owner released it", lockcore.HowExpired: "; it expired",
		lockcore.HowDeleted: "; somebody deleted it", lockcore.HowForced: "; it was released by force",
		lockcore.HowSeized: "; an operator took it over",
	}[p.How]
	if p.By != "" {
		text += " by " + watcher.NewText(p.By).String()
	}
	return text
}
