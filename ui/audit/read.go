package audit

// Reading the trail: the local file line by line, and both sources put together.

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Order is one order as the trail has it.
type Order struct {
	Entry
	Ended    time.Time // when its outcome was put on record; zero if it was not, or only in the stream
	Local    bool      // this machine's file has it
	StreamID string    // of its entry in the stream; empty if there is none
	Here     bool      // that entry was found in the stream of the server that was asked
}

// NotRecorded tells whether nothing says what came of the order.
func (o *Order) NotRecorded() bool { return o.Outcome == "" }

// Local is what the file in a directory has, oldest first, and how many of its lines could not be
// read. A file that is not there is an empty one.
func Local(dir Dir) (orders []Order, damaged int, err error) {
	if dir.Path == "" {
		return nil, 0, errNoDir
	}
	path := dir.File()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errors.New("no plain file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return readLocal(f)
}

// readLocal joins the lines of each operation. One that was tried again has several of each phase;
// the last outcome is what came of it.
func readLocal(from io.Reader) (orders []Order, damaged int, err error) {
	at := map[string]int{}
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		raw, whole, err := readLine(in)
		if len(bytes.TrimSpace(raw)) > 0 || !whole {
			l, bad := decode(raw)
			if bad != nil || !whole {
				damaged++
			} else {
				orders = take(orders, at, l)
			}
		}
		if errors.Is(err, io.EOF) {
			return orders, damaged, nil
		}
		if err != nil {
			return orders, damaged, err
		}
	}
}

func take(orders []Order, at map[string]int, l *line) []Order {
	e := l.entry()
	i, known := at[e.Operation]
	if !known {
		at[e.Operation] = len(orders)
		orders = append(orders, Order{Entry: e, Local: true})
		i = len(orders) - 1
	}
	o := &orders[i]
	if l.Phase != outcome {
		if !strings.HasPrefix(o.Outcome, Done) { // once more: what came of it before says nothing of this time
			o.Outcome = ""
		}
		return orders
	}
	o.Outcome, o.NewOwner, o.NewFence, o.TTL = e.Outcome, e.NewOwner, e.NewFence, e.TTL
	if l.Ended != nil {
		o.Ended = time.Time(*l.Ended)
	}
	if l.Stream != "" {
		o.StreamID = string(l.Stream)
	}
	return orders
}

// readLine gives a line without its end; not whole is one that is too long, of which only the
// beginning is kept.
func readLine(in *bufio.Reader) (raw []byte, whole bool, err error) {
	whole = true
	for {
		part, err := in.ReadSlice('\n')
		if len(raw)+len(part) > longestEntry {
			whole = false
		} else {
			raw = append(raw, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, whole, err
		}
	}
}

// Join puts what both sources have of an operation together, oldest first. What the local file
// says stands; of what it does not know, such as an outcome that it lost, the stream's word is
// taken.
func Join(local, published []Order) []Order {
	all := slices.Clone(local)
	at := make(map[string]int, len(all))
	for i := range all {
		at[all[i].Operation] = i
	}
	for _, p := range published {
		i, known := at[p.Operation]
		if !known {
			at[p.Operation] = len(all)
		}
		if !known || all[i].Key != p.Key || all[i].Kind != p.Kind { // or somebody borrowed the id
			all = append(all, p)
			continue
		}
		o := &all[i]
		if o.StreamID == "" {
			o.StreamID = p.StreamID
		}
		o.Here = o.Here || p.Here
		if o.Outcome == "" || o.Outcome == Unknown && p.Outcome != "" {
			o.Outcome, o.NewOwner, o.NewFence = p.Outcome, p.NewOwner, p.NewFence
		}
	}
	slices.SortStableFunc(all, func(a, b Order) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}
