package embedded

// Transactions: MULTI, EXEC, DISCARD, and WATCH, which makes EXEC conditional.

var multiCommands = []command{
	{name: "multi", arity: 1, flags: notInScript | unqueued, do: multi},
	{name: "exec", arity: 1, flags: notInScript | unqueued, do: exec},
	{name: "discard", arity: 1, flags: notInScript | unqueued, do: discard},
	{name: "watch", arity: -2, flags: notInScript | unqueued, do: watchKeys},
	{name: "unwatch", arity: 1, flags: notInScript, do: unwatchKeys},
}

// transaction is what was queued since MULTI.
type transaction struct {
	calls   []call
	refused bool // a command was refused: EXEC fails
}

// watch is one watched key.
type watch struct {
	db  *database
	key string
}

func multi(c *call) any {
	if c.client.queue != nil {
		return failure("ERR MULTI calls can not be nested")
	}
	c.client.queue = &transaction{}
	return ok
}

func discard(c *call) any {
	if c.client.queue == nil {
		return failure("ERR DISCARD without MULTI")
	}
	c.client.queue = nil
	c.unwatch(c.client)
	return ok
}

func exec(c *call) any {
	queue := c.client.queue
	if queue == nil {
		return failure("ERR EXEC without MULTI")
	}
	// A watched key that ran out has changed, though nobody looked at it yet.
	for _, w := range c.client.watched {
		c.live(w.db, w.key)
	}
	touched := c.client.touched
	c.client.queue = nil
	c.unwatch(c.client)
	if queue.refused {
		return failure("EXECABORT Transaction discarded because of previous errors.")
	}
	if touched {
		return nullArray{}
	}
	replies := make([]any, len(queue.calls))
	for i := range queue.calls {
		replies[i] = queue.calls[i].run()
	}
	return replies
}

func watchKeys(c *call) any {
	if c.client.queue != nil {
		return failure("ERR WATCH inside MULTI is not allowed")
	}
	for _, key := range c.args[1:] {
		watchers := c.db().watchers[key]
		if watchers[c.client] {
			continue
		}
		if watchers == nil {
			watchers = map[*client]bool{}
			c.db().watchers[key] = watchers
		}
		// A key that is due already counts as missing: its removal is no change.
		c.live(c.db(), key)
		watchers[c.client] = true
		c.client.watched = append(c.client.watched, watch{c.db(), key})
	}
	return ok
}

func unwatchKeys(c *call) any {
	c.unwatch(c.client)
	return ok
}

// unwatch forgets what a client watches, and that it changed.
func (s *Server) unwatch(c *client) {
	for _, w := range c.watched {
		delete(w.db.watchers[w.key], c)
		if len(w.db.watchers[w.key]) == 0 {
			delete(w.db.watchers, w.key)
		}
	}
	c.watched, c.touched = nil, false
}

// touch tells the watchers of a key that it changed.
func (s *Server) touch(db *database, key string) {
	for c := range db.watchers[key] {
		c.touched = true
	}
}
