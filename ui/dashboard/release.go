package dashboard

// A forced release on its way, and what came of it.

import (
	"context"
	"errors"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"locktop/lockcore"
	"locktop/watcher"
)

type releasedMsg struct {
	order  lockcore.ForceRelease
	result *lockcore.ForcedRelease
	err    error
}

// release sends the order of the dialog and closes it.
func (m *model) release() tea.Cmd {
	order := m.dialog.order
	order.Reason = strings.TrimSpace(m.dialog.reason.value())
	m.dialog = nil
	m.releasing++
	m.say(plain, outlived, "releasing "+watcher.NewText(order.Key).String()+" …")
	parent, timeout, to := m.ctx, m.o.Timeout, m.o.Releaser
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, timeout)
		defer cancel()
		result, err := to.ForceRelease(ctx, order)
		return releasedMsg{order, result, err}
	}
}

// released says what came of an order. What the server said is data from outside like any other.
func (m *model) released(msg releasedMsg) tea.Cmd {
	m.releasing--
	m.warned = false
	name := watcher.NewText(msg.order.Key).String()
	var changed *lockcore.ChangedError
	if !errors.Is(msg.err, lockcore.ErrUnknownOutcome) {
		delete(m.unsettled, msg.order.Key)
	}
	switch {
	case msg.err == nil && msg.result == nil:
		m.say(alarm, longer, "not known whether "+name+" was released: there was no answer")
	case msg.err == nil:
		text := "released " + name
		if msg.result.Before {
			text += ": the first try had done it already"
		}
		if msg.result.NotRecorded != "" {
			text += "; its old owner will not learn of it: " + watcher.NewText(msg.result.NotRecorded).String()
		}
		m.say(green, longer, text)
	case errors.Is(msg.err, lockcore.ErrUnknownOutcome):
		m.unsettled[msg.order.Key] = msg.order
		m.say(alarm, outlived, "outcome unknown: "+said(msg.err)+" · if "+name+" still shows this hold, x tries the same operation again")
	case errors.As(msg.err, &changed) && changed.Holder.Owner != "":
		m.say(notice, longer, "not released: "+name+" is now held by "+watcher.NewText(changed.Holder.Owner).String())
	case errors.As(msg.err, &changed):
		m.say(notice, longer, "gone: nobody holds "+name+" any more"+pastWords(changed.Past))
	default:
		m.say(alarm, longer, "not released: "+said(msg.err))
	}
	return m.fetch(false)
}

func said(err error) string { return watcher.NewText(err.Error()).String() }

func pastWords(p *lockcore.Past) string {
	if p == nil {
		return ""
	}
	text := map[lockcore.How]string{
		lockcore.HowReleased: "; its owner released it", lockcore.HowExpired: "; it expired",
		lockcore.HowDeleted: "; somebody deleted it", lockcore.HowForced: "; it was released by force",
	}[p.How]
	if p.By != "" {
		text += " by " + watcher.NewText(p.By).String()
	}
	return text
}
