package resp

// A batch of locks to be read: the commands, and what their replies say.

import (
	"bytes"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/resp/wire"
)

const (
	// lockBatch is how many locks are read in one batch, ledgerBatch with their ledgers: each is about a millisecond
	// of the server.
	lockBatch, ledgerBatch = 500, 200
	// ledgerItems bounds how many names and values of a ledger are kept: twice what lockcore writes.
	ledgerItems = 4 * (lockcore.WaitersKept + 32)
)

// way is how a batch is read.
type way struct {
	apart   bool // each lock in a transaction of its own
	many    bool // owners by MGET, else by GET
	lookup  bool // whether there are ledgers
	ledgers bool // the ledgers themselves
}

func (w way) size() int {
	if w.ledgers {
		return ledgerBatch
	}
	return lockBatch
}

type batch struct {
	call
	way     way
	keys    []string
	locks   []lockcore.Reading
	found   int64  // ledgers that exist
	refused string // why nothing was read, as the server says it
	// The server's clock before and after.
	from, to time.Time
}

func newBatch(keys []string, w way) *batch {
	b := &batch{way: w, keys: keys}
	b.write()
	b.call.read = b.read
	return b
}

// command adds one to those that are sent.
func (b *batch) command(words ...string) {
	b.out = wire.AppendCommand(b.out, words...)
	b.commands++
}

func (b *batch) write() {
	size := 64
	for _, key := range b.keys {
		size += 4*len(key) + 160
	}
	b.out = make([]byte, 0, size)
	w := b.way
	if !w.apart {
		b.command("MULTI")
	}
	b.command("TIME")
	if w.many {
		b.out = wire.AppendList(b.out, 1+len(b.keys))
		b.out = wire.AppendString(b.out, "MGET")
		for _, key := range b.keys {
			b.out = wire.AppendString(b.out, key)
		}
		b.commands++
	}
	for _, key := range b.keys {
		if w.apart {
			b.command("MULTI")
		}
		if !w.many {
			b.command("GET", key)
		}
		b.command("PTTL", key)
		if w.ledgers {
			if ledger, sameSlot := lockcore.LedgerKey(key); sameSlot || !w.apart {
				b.command("HGETALL", ledger)
			} else {
				b.command("EXISTS", key) // in its place: no ledger can be there
			}
		}
		if w.apart {
			b.command("EXEC")
		}
	}
	if w.lookup {
		b.out = wire.AppendList(b.out, 1+len(b.keys))
		b.out = wire.AppendString(b.out, "EXISTS")
		for _, key := range b.keys {
			ledger, _ := lockcore.LedgerKey(key)
			b.out = wire.AppendString(b.out, ledger)
		}
		b.commands++
	}
	b.command("TIME")
	if !w.apart {
		b.command("EXEC")
	}
}

// read takes the replies. The batch may have been sent before, so it begins anew.
func (b *batch) read(in *wire.Reader) error {
	b.locks, b.found, b.refused = make([]lockcore.Reading, len(b.keys)), 0, ""
	for i, key := range b.keys {
		b.locks[i].Key = key
	}
	if b.way.apart {
		return b.readApart(in)
	}
	granted, err := b.granted(in, b.commands-2)
	if err != nil || !granted {
		return err
	}
	if b.from, err = b.time(in); err != nil {
		return err
	}
	if b.way.many {
		if err := b.owners(in); err != nil {
			return err
		}
	}
	for i := range b.locks {
		if err := b.lock(in, &b.locks[i]); err != nil {
			return err
		}
	}
	if b.way.lookup {
		t, err := in.Next()
		switch {
		case err != nil:
			return err
		case t.Kind == ':':
			b.found = t.N
		case t.Kind == '-':
			b.refuse(t)
		default:
			return strange("EXISTS", t)
		}
	}
	b.to, err = b.time(in)
	return err
}

// readApart takes the replies where each lock has a transaction.
func (b *batch) readApart(in *wire.Reader) (err error) {
	if b.from, err = b.time(in); err != nil {
		return err
	}
	queued := 2
	if b.way.ledgers {
		queued++
	}
	for i := range b.locks {
		granted, err := b.granted(in, queued)
		if err != nil {
			return err
		}
		if !granted {
			b.locks[i].Refused, b.refused = b.refused, ""
			continue
		}
		if err := b.lock(in, &b.locks[i]); err != nil {
			return err
		}
	}
	b.to, err = b.time(in)
	return err
}

// granted takes the replies to a MULTI, to the commands in it, and the beginning of EXEC's.
func (b *batch) granted(in *wire.Reader, commands int) (bool, error) {
	t, err := in.Next()
	switch {
	case err != nil:
		return false, err
	case t.Kind == '-': // so each command was answered by itself, and EXEC refused
		b.refused = string(t.Text)
		return false, in.Skip(int64(commands) + 1)
	case t.Kind != '+':
		return false, strange("MULTI", t)
	}
	refused := ""
	for range commands { // QUEUED for each
		t, err := in.Next()
		switch {
		case err != nil:
			return false, err
		case t.Kind == '-' && refused == "":
			refused = string(t.Text)
		case t.Kind != '+' && t.Kind != '-':
			return false, strange("a command in MULTI", t)
		}
	}
	t, err = in.Next()
	switch {
	case err != nil:
		return false, err
	case t.Kind == '*' && t.N == int64(commands):
		return true, nil
	case t.Kind == '-':
		if refused == "" {
			refused = string(t.Text)
		}
		b.refused = refused
		return false, nil
	}
	return false, strange("EXEC", t)
}

func (b *batch) refuse(t wire.Token) {
	if b.refused == "" {
		b.refused = string(t.Text)
	}
}

// time takes the answer to TIME.
func (b *batch) time(in *wire.Reader) (time.Time, error) {
	t, err := in.Next()
	switch {
	case err != nil:
		return time.Time{}, err
	case t.Kind == '-':
		b.refuse(t)
		return time.Time{}, nil
	case t.Kind != '*' || t.N != 2:
		return time.Time{}, strange("TIME", t)
	}
	seconds, err := in.Next()
	if err != nil {
		return time.Time{}, err
	}
	whole := string(seconds.Text)
	micros, err := in.Next()
	if err != nil {
		return time.Time{}, err
	}
	at := lockcore.ServerTime(whole, string(micros.Text))
	if at.IsZero() || seconds.Kind != '$' || micros.Kind != '$' {
		return time.Time{}, strange("TIME", micros)
	}
	return at, nil
}

// owners takes the answer to MGET.
func (b *batch) owners(in *wire.Reader) error {
	list, err := in.Next()
	switch {
	case err != nil:
		return err
	case list.Kind == '-': // nothing else follows that could be used, but it has to be read
		b.refuse(list)
		return nil
	case list.Kind != '*' || list.N != int64(len(b.locks)):
		return strange("MGET", list)
	}
	for i := range b.locks {
		if err := owner(in, &b.locks[i]); err != nil {
			return err
		}
	}
	return nil
}

// owner takes the answer to a GET.
func owner(in *wire.Reader, l *lockcore.Reading) error {
	t, err := in.Next()
	switch {
	case err != nil:
		return err
	case t.Kind == '-':
		l.Refused = string(t.Text)
	case t.Kind != '$':
		return strange("GET", t)
	case t.TooLong():
		l.TooLong = t.N
	default:
		l.Owner = string(t.Text)
	}
	return nil
}

// lock takes the answers to what is asked of each lock.
func (b *batch) lock(in *wire.Reader, l *lockcore.Reading) error {
	if !b.way.many {
		if err := owner(in, l); err != nil {
			return err
		}
	}
	t, err := in.Next()
	switch {
	case err != nil:
		return err
	case t.Kind == ':':
		l.PTTL = t.N
	case t.Kind == '-':
		if l.Refused == "" {
			l.Refused = string(t.Text)
		}
	default:
		return strange("PTTL", t)
	}
	if !b.way.ledgers {
		return nil
	}
	return ledger(in, l)
}

// ledger takes the answer to a HGETALL, or what stands in its place. A key of another type is no ledger.
func ledger(in *wire.Reader, l *lockcore.Reading) error {
	list, err := in.Next()
	if err != nil {
		return err
	}
	if list.Kind == '-' && l.Refused == "" && !isWrongType(list.Text) {
		l.Refused = string(list.Text)
	}
	if list.Kind != '*' || list.N <= 0 {
		return nil
	}
	l.Ledger = make([]string, 0, min(list.N, ledgerItems))
	for i := range list.N {
		t, err := in.Next()
		switch {
		case err != nil:
			return err
		case t.Kind != '$':
			return strange("HGETALL", t)
		case i < ledgerItems:
			l.Ledger = append(l.Ledger, string(t.Text))
		}
	}
	return nil
}

func isWrongType(text []byte) bool { return bytes.HasPrefix(text, []byte("WRONGTYPE")) }

// unclear tells that a reading says too little of a lock: by MGET a key of another type is none, as one that is not
// there; and on a cluster another node may have it.
func (b *batch) unclear(l *lockcore.Reading) bool {
	if b.way.apart {
		word, _, _ := strings.Cut(l.Refused, " ")
		return word == "MOVED" || word == "ASK" || word == "TRYAGAIN" || word == "CLUSTERDOWN"
	}
	return b.way.many && l.Owner == "" && l.TooLong == 0 && l.PTTL != -2
}

func (b *batch) span() lockcore.Span {
	return lockcore.Span{From: b.from, To: b.to, Sent: b.sent, Took: b.took}
}
