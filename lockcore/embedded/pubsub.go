package embedded

// Publish and subscribe.

import (
	"slices"

	"locktop/lockcore/glob"
)

var pubsubCommands = []command{
	{name: "subscribe", arity: -2, flags: notInScript | whileReading, do: func(c *call) any { return c.subscribe("subscribe") }},
	{name: "psubscribe", arity: -2, flags: notInScript | whileReading, do: func(c *call) any { return c.subscribe("psubscribe") }},
	{name: "unsubscribe", arity: -1, flags: notInScript | whileReading, do: func(c *call) any { return c.unsubscribe("unsubscribe") }},
	{name: "punsubscribe", arity: -1, flags: notInScript | whileReading, do: func(c *call) any { return c.unsubscribe("punsubscribe") }},
	{name: "publish", arity: 3, do: func(c *call) any { return c.publish(c.args[1], c.args[2]) }},
	{name: "pubsub", arity: -2, flags: container},
	{name: "pubsub|channels", arity: -2, do: pubsubChannels},
	{name: "pubsub|numsub", arity: -2, do: pubsubNumsub},
	{name: "pubsub|numpat", arity: 2, do: func(c *call) any { return int64(len(c.patterns)) }},
}

// subscribers are the clients of one channel or pattern, in the order in which they came.
type subscribers struct {
	name    string
	clients []*client
}

func (c *call) subscribe(kind string) any {
	replies := several{}
	for _, name := range c.args[1:] {
		c.addSubscriber(c.client, name, kind == "psubscribe")
		replies = append(replies, push{kind, name, c.client.subscriptions()})
	}
	return replies
}

func (c *call) unsubscribe(kind string) any {
	isPattern := kind == "punsubscribe"
	names := c.args[1:]
	if len(names) == 0 {
		for name := range c.client.subscribed(isPattern) {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	replies := several{}
	for _, name := range names {
		c.removeSubscriber(c.client, name, isPattern)
		replies = append(replies, push{kind, name, c.client.subscriptions()})
	}
	if len(replies) == 0 {
		return push{kind, null{}, c.client.subscriptions()}
	}
	return replies
}

func (c *client) subscribed(patterns bool) map[string]bool {
	if patterns {
		return c.pattern
	}
	return c.channel
}

func (s *Server) addSubscriber(c *client, name string, isPattern bool) {
	if c.subscribed(isPattern)[name] {
		return
	}
	c.subscribed(isPattern)[name] = true
	if !isPattern {
		if s.channels[name] == nil {
			s.channels[name] = &subscribers{name: name}
		}
		s.channels[name].clients = append(s.channels[name].clients, c)
		return
	}
	at := s.findPattern(name)
	if at < 0 {
		at = len(s.patterns)
		s.patterns = append(s.patterns, &subscribers{name: name})
	}
	s.patterns[at].clients = append(s.patterns[at].clients, c)
}

func (s *Server) removeSubscriber(c *client, name string, isPattern bool) {
	if !c.subscribed(isPattern)[name] {
		return
	}
	delete(c.subscribed(isPattern), name)
	if !isPattern {
		if s.channels[name].drop(c); len(s.channels[name].clients) == 0 {
			delete(s.channels, name)
		}
		return
	}
	at := s.findPattern(name)
	if s.patterns[at].drop(c); len(s.patterns[at].clients) == 0 {
		s.patterns = slices.Delete(s.patterns, at, at+1)
	}
}

func (s *Server) findPattern(name string) int {
	return slices.IndexFunc(s.patterns, func(p *subscribers) bool { return p.name == name })
}

func (s *subscribers) drop(c *client) {
	at := slices.Index(s.clients, c)
	s.clients = slices.Delete(s.clients, at, at+1)
}

func (s *Server) unsubscribeAll(c *client) {
	for name := range c.channel {
		s.removeSubscriber(c, name, false)
	}
	for name := range c.pattern {
		s.removeSubscriber(c, name, true)
	}
}

// publish sends a message to all who want it and gives how often it was sent.
func (s *Server) publish(channel, message string) int64 {
	var sent int64
	if named := s.channels[channel]; named != nil {
		sent += s.deliver(named, push{"message", channel, message})
	}
	for _, pattern := range s.patterns {
		if glob.Match(pattern.name, channel) {
			sent += s.deliver(pattern, push{"pmessage", pattern.name, channel, message})
		}
	}
	return sent
}

func (s *Server) deliver(to *subscribers, message push) int64 {
	var wire [4][]byte // by protocol: written once for all
	for _, c := range to.clients {
		if wire[c.resp] == nil {
			wire[c.resp] = appendReply(nil, message, c.resp)
		}
		s.send(c, wire[c.resp])
	}
	return int64(len(to.clients))
}

func pubsubChannels(c *call) any {
	if len(c.args) > 3 {
		return wrongNumber(c.cmd.name)
	}
	found := []any{}
	for name := range c.channels {
		if len(c.args) == 2 || glob.Match(c.args[2], name) {
			found = append(found, name)
		}
	}
	return found
}

func pubsubNumsub(c *call) any {
	counts := []any{}
	for _, name := range c.args[2:] {
		var n int64
		if named := c.channels[name]; named != nil {
			n = int64(len(named.clients))
		}
		counts = append(counts, name, n)
	}
	return counts
}
