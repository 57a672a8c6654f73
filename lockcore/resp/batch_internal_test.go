package resp

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/resp/wire"
)

// FuzzBatch gives any bytes for the replies to each kind of batch and to a scan: they are read, or are an
// error, and what is kept of them is bounded.
func FuzzBatch(f *testing.F) {
	const time, queued = "*2\r\n$10\r\n1795420800\r\n$6\r\n000123\r\n", "+QUEUED\r\n"
	for _, s := range []string{
		"+OK\r\n" + queued + queued + queued + queued + queued + queued + "*6\r\n" + time + "*2\r\n$2\r\nme\r\n$-1\r\n:5000\r\n:-2\r\n:0\r\n" + time,
		"+OK\r\n" + queued + queued + queued + queued + queued + queued + queued + queued + "*8\r\n" + time + "$2\r\nme\r\n:-1\r\n*2\r\n$1\r\no\r\n$1\r\n1\r\n-WRONGTYPE\r\n:5\r\n*-1\r\n" + time,
		time + "+OK\r\n" + queued + queued + queued + "*3\r\n$2\r\nme\r\n:5\r\n*0\r\n+OK\r\n-MOVED 1 a:1\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT\r\n" + time,
		"-NOPERM\r\n-NOPERM\r\n", "+OK\r\n" + queued + "*1\r\n*2000000000\r\n",
		"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$-1\r\n", "*2\r\n$1\r\n0\r\n*2000000000\r\n",
	} {
		f.Add([]byte(s))
	}
	keys := []string{"lock:a", "lock:{}b"}
	ways := []way{{many: true, lookup: true}, {many: true}, {ledgers: true}, {}, {apart: true, ledgers: true}, {apart: true}}
	f.Fuzz(func(t *testing.T, replies []byte) {
		for _, w := range ways {
			b := newBatch(keys, w)
			err := b.read(wire.NewReader(bytes.NewReader(replies)))
			if err != nil && !errors.Is(err, wire.ErrProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%+v: %v", w, err)
			}
			for i := range b.locks {
				l := b.locks[i].Lock(b.span())
				if l.Key != keys[i] || len(b.locks[i].Ledger) > len(replies) || l.Err != nil && l.Owner != "" && !errors.Is(l.Err, lockcore.ErrRefused) {
					t.Errorf("%+v: read %+v", w, l)
				}
			}
		}
		p := &page{}
		if err := p.read(wire.NewReader(bytes.NewReader(replies))); err == nil && p.refused == nil && p.next == "" {
			t.Errorf("a page without a cursor: %+v", p)
		}
	})
}
