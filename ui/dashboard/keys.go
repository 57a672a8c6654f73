package dashboard

// The keys, each with what the help says of it.

import (
	"github.com/charmbracelet/bubbles/key"
)

type keyMap struct {
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding
	Filter, Sort, Reverse, Pause            key.Binding
	Details, Events, Next, Previous, Back   key.Binding
	Release, Seize, Undo, Copy              key.Binding
	Help, Suspend, Quit, QuitNow            key.Binding
}

func bind(name, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
}

var keys = keyMap{
	Up:       bind("↑ k", "up", "up", "k"),
	Down:     bind("↓ j", "down", "down", "j"),
	PageUp:   bind("PgUp", "a page up", "pgup", "ctrl+b"),
	PageDown: bind("PgDn", "a page down", "pgdown", "ctrl+f"),
	Top:      bind("g Home", "to the first", "home", "g"),
	Bottom:   bind("G End", "to the last", "end", "G"),

	Filter:  bind("/", "filter locks and owners", "/"),
	Sort:    bind("s", "sort by the next column", "s"),
	Reverse: bind("S", "reverse the order", "S"),
	Pause:   bind("p", "pause the picture", "p"),

	Details:  bind("enter", "details of the lock", "enter"),
	Events:   bind("e", "events of all locks", "e"),
	Next:     bind("tab", "next pane", "tab"),
	Previous: bind("shift+tab", "previous pane", "shift+tab"),
	Back:     bind("esc", "back, clear the filter", "esc"),

	Release: bind("x", "force-release…", "x"),
	Seize:   bind("X", "seize…", "X"),
	Undo:    bind("u", "undo a forced release", "u"),
	Copy:    bind("y", "copy the owner", "y"),
	Help:    bind("?", "help", "?"),
	Suspend: bind("ctrl+z", "to the shell", "ctrl+z"),
	Quit:    bind("q", "quit", "q"),
	QuitNow: bind("ctrl+c", "quit from anywhere", "ctrl+c"),
}

// keyGroup is a part of the help.
type keyGroup struct {
	name string
	keys []key.Binding
}

// groups are all keys, as the help shows them.
func (k keyMap) groups() []keyGroup {
	return []keyGroup{
		{"move", []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom}},
		{"look", []key.Binding{k.Details, k.Events, k.Next, k.Previous, k.Filter, k.Sort, k.Reverse, k.Pause, k.Back}},
		{"act", []key.Binding{k.Release, k.Seize, k.Undo, k.Copy, k.Help, k.Suspend, k.Quit, k.QuitNow}},
	}
}

// footer are the keys that the last line names, the most wanted first.
func (k keyMap) footer() []footerKey {
	return []footerKey{
		{k.Help, "help"}, {k.Details, "details"}, {k.Filter, "filter"}, {k.Sort, "sort"}, {k.Release, "release"},
		{k.Pause, "pause"}, {k.Events, "events"}, {k.Copy, "copy owner"}, {k.Seize, "seize"}, {k.Quit, "quit"},
	}
}

type footerKey struct {
	binding key.Binding
	word    string
}
