package keyspace

// LimitInbox makes the inbox full at n locks. Before Run only.
func (s *Source) LimitInbox(n int) { s.inbox.limit = n }

// Waiting is how many entries wait for their moment, after Run only.
func (s *Source) Waiting() int { return len(s.later) }
