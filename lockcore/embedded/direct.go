package embedded

// The interpreter without a network: scripts run in the caller's goroutine, at the time and on the
// keys that the caller says. For those who try out very many states, one after the other.

import (
	"net"
	"time"
)

// Direct runs scripts. It has no connections, no goroutines and nothing to close, and is for one
// goroutine at a time. Scripts behave as on a Server: it is the same interpreter and the same commands.
type Direct struct {
	server *Server
	client *client
	loaded map[string]string // the SHA1 of each source
}

// Key is a key of a Direct with its value: a string, or a hash if Hash is not nil.
type Key struct {
	Name     string
	Text     string
	Hash     []Field // in the order in which the fields came
	Deadline int64   // ms since 1970; 0: none
}

// Field is a field of a hash.
type Field struct{ Name, Value string }

// NewDirect is an interpreter whose database is empty.
func NewDirect() *Direct {
	d := &Direct{
		server: &Server{listener: deaf{}, clients: map[int64]*client{}, limit: defaultOutputLimit, nextWake: never},
		client: &client{},
		loaded: map[string]string{},
	}
	d.At(time.UnixMilli(0))
	d.server.started = d.server.time
	for i := range d.server.dbs {
		d.server.dbs[i] = newDatabase(i)
	}
	d.server.commands = newCommands()
	d.server.scripts = newScripts()
	return d
}

// At sets the time, which stands still until the next At. A key whose deadline is before it is gone.
func (d *Direct) At(now time.Time) { d.server.time, d.server.now = now, now.UnixMilli() }

// Restore makes these keys all that there is. A key that is a hash without fields is no key.
func (d *Direct) Restore(keys []Key) {
	db := d.server.dbs[0]
	d.server.flush(db)
	for _, k := range keys {
		var value any = k.Text
		if k.Hash != nil {
			h := newHash()
			for _, f := range k.Hash {
				h.set(f.Name, f.Value)
			}
			if len(h.fields) == 0 {
				continue
			}
			value = h
		}
		e := d.server.add(db, k.Name, value)
		if k.Deadline != 0 {
			db.setDeadline(e, k.Deadline)
		}
	}
}

// Look gives the keys with these names that are there, in this order. Streams have no place in it.
func (d *Direct) Look(names ...string) []Key {
	var found []Key
	for _, name := range names {
		e := d.server.live(d.server.dbs[0], name)
		if e == nil {
			continue
		}
		k := Key{Name: name, Deadline: e.deadline}
		switch v := e.value.(type) {
		case string:
			k.Text = v
		case *hash:
			k.Hash = make([]Field, len(v.fields))
			for i, f := range v.fields {
				k.Hash[i] = Field{f.name, f.value}
			}
		}
		found = append(found, k)
	}
	return found
}

// Eval runs a script and gives its reply: nil, a string, an int64, or a list of these. An error is the
// text that a client would get, without the leading "-".
func (d *Direct) Eval(source string, keys, args []string) (reply any, err error) {
	c := &call{Server: d.server, client: d.client}
	sha, known := d.loaded[source]
	if !known {
		var wrong failure
		if sha, wrong = d.server.scripts.load(source); wrong != "" {
			return nil, scriptError(wrong)
		}
		d.loaded[source] = sha
	}
	return plain(c.runScript(sha, keys, args, false))
}

// scriptError is what a script was refused or ended with.
type scriptError string

func (e scriptError) Error() string { return string(e) }

// plain gives a reply as a client reads it in RESP2; an error inside a list stays there, as an error.
func plain(reply any) (any, error) {
	switch r := reply.(type) {
	case failure:
		return nil, scriptError(r)
	case status:
		return string(r), nil
	case verbatim:
		return string(r), nil
	case string, int64:
		return r, nil
	case []any:
		list := make([]any, len(r))
		for i, item := range r {
			value, err := plain(item)
			if err != nil {
				value = err
			}
			list[i] = value
		}
		return list, nil
	}
	return nil, nil
}

// deaf is a listener that nobody connects to.
type deaf struct{}

func (deaf) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (deaf) Close() error              { return nil }
func (deaf) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
