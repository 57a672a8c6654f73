package keyspace

// LimitInbox makes the inbox full at n locks. Before Run only.
func (s *Source) LimitInbox(n int) { s.inbox.limit = n }

// Heard is how many notifications came in.
func (s *Source) Heard() int64 { return s.inbox.heard.Load() }

// Waiting is how many entries wait for their moment, after Run only.
func (s *Source) Waiting() int { return len(s.later) }
