package embedded

// Streams, as far as an audit trail needs them: append, trim, read a range.

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

var streamCommands = []command{
	{name: "xadd", arity: -5, flags: writes, do: xadd},
	{name: "xlen", arity: 2, do: xlen},
	{name: "xrange", arity: -4, do: func(c *call) any { return c.xrange(false) }},
	{name: "xrevrange", arity: -4, do: func(c *call) any { return c.xrange(true) }},
}

type streamID struct{ ms, seq uint64 }

var lastStreamID = streamID{math.MaxUint64, math.MaxUint64}

func (id streamID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id streamID) compare(other streamID) int {
	switch {
	case id == other:
		return 0
	case id.ms < other.ms || id.ms == other.ms && id.seq < other.seq:
		return -1
	}
	return 1
}

// next is the smallest ID above id; false if there is none.
func (id streamID) next() (streamID, bool) {
	if id == lastStreamID {
		return id, false
	}
	if id.seq == math.MaxUint64 {
		return streamID{id.ms + 1, 0}, true
	}
	return streamID{id.ms, id.seq + 1}, true
}

// previous is the largest ID below id; false if there is none.
func (id streamID) previous() (streamID, bool) {
	if id == (streamID{}) {
		return id, false
	}
	if id.seq == 0 {
		return streamID{id.ms - 1, math.MaxUint64}, true
	}
	return streamID{id.ms, id.seq - 1}, true
}

type stream struct {
	entries []streamEntry // by ID
	last    streamID      // the highest ever
}

type streamEntry struct {
	id     streamID
	fields []string
}

func (st *stream) clone() *stream { return &stream{slices.Clone(st.entries), st.last} }

const errStreamID = failure("ERR Invalid stream ID specified as stream command argument")

// parseStreamID reads ms-seq or ms; what is missing is seq.
func parseStreamID(s string, seq uint64) (streamID, bool) {
	ms, rest, both := strings.Cut(s, "-")
	id := streamID{seq: seq}
	var err error
	if id.ms, err = strconv.ParseUint(ms, 10, 64); err != nil {
		return id, false
	}
	if both {
		id.seq, err = strconv.ParseUint(rest, 10, 64)
	}
	return id, err == nil
}

func streamOf(e *entry) (*stream, failure) {
	if e == nil {
		return nil, ""
	}
	st, isStream := e.value.(*stream)
	if !isStream {
		return nil, errWrongType
	}
	return st, ""
}

// xaddOptions are what comes before the ID. A trim keeps maxLen entries, or those from minID on.
type xaddOptions struct {
	noCreate, trim, byID, about bool
	maxLen                      int64
	minID                       streamID
}

// options gives the options, and how many arguments they took.
func (c *call) xaddOptions() (o xaddOptions, at int, wrong failure) {
	limit := false
	args := c.args
	for at = 2; at < len(args); at++ {
		more := len(args) - 1 - at
		switch option := strings.ToLower(args[at]); {
		case option == "nomkstream":
			o.noCreate = true
		case (option == "maxlen" || option == "minid") && more > 0:
			if o.trim {
				return o, at, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
			}
			o.trim, o.byID = true, option == "minid"
			at++
			if (args[at] == "~" || args[at] == "=") && more > 1 {
				o.about = args[at] == "~"
				at++
			}
			if o.byID {
				var valid bool
				if o.minID, valid = parseStreamID(args[at], 0); !valid {
					return o, at, errStreamID
				}
				break
			}
			n, isInt := integer(args[at])
			if !isInt {
				return o, at, errInteger
			}
			if n < 0 {
				return o, at, "ERR The MAXLEN argument must be >= 0."
			}
			o.maxLen = n
		case option == "limit" && more > 0:
			at++
			n, isInt := integer(args[at])
			if !isInt {
				return o, at, errInteger
			}
			if n < 0 {
				return o, at, "ERR The LIMIT argument must be >= 0."
			}
			limit = true
		default:
			switch {
			case limit && !o.trim:
				wrong = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
			case limit && !o.about:
				wrong = "ERR syntax error, LIMIT cannot be used without the special ~ option"
			}
			return o, at, wrong
		}
	}
	return o, at, ""
}

func xadd(c *call) any {
	o, at, wrong := c.xaddOptions()
	if wrong != "" {
		return wrong
	}
	fields := c.args[min(at+1, len(c.args)):]
	if at >= len(c.args) {
		return wrongNumber("xadd")
	}
	asked := c.args[at]
	var explicit streamID
	anySeq := strings.HasSuffix(asked, "-*")
	if asked != "*" {
		var valid bool
		if explicit, valid = parseStreamID(strings.TrimSuffix(asked, "-*"), 0); !valid || anySeq && strings.Count(asked, "-") > 1 {
			return errStreamID
		}
	}
	if len(fields) < 2 || len(fields)%2 == 1 {
		return wrongNumber("xadd")
	}
	if asked != "*" && !anySeq && explicit == (streamID{}) {
		return failure("ERR The ID specified in XADD must be greater than 0-0")
	}
	key := c.args[1]
	e := c.find(key)
	if e == nil && o.noCreate {
		return null{}
	}
	st, bad := streamOf(e)
	if bad != "" {
		return bad
	}
	if st == nil {
		st = &stream{}
		c.add(c.db(), key, st)
	}
	if st.last == lastStreamID {
		return failure("ERR The stream has exhausted the last possible ID, unable to add more items")
	}
	id, fits := st.newID(asked == "*", anySeq, explicit, uint64(c.now))
	if !fits {
		return failure("ERR The ID specified in XADD is equal or smaller than the target stream top item")
	}
	st.entries = append(st.entries, streamEntry{id, slices.Clone(fields)})
	st.last = id
	c.touch(c.db(), key)
	c.notify(eventStream, "xadd", c.db(), key)
	if o.trim && st.trim(o) > 0 {
		c.notify(eventStream, "xtrim", c.db(), key)
	}
	return id.String()
}

// newID is the ID of the next entry; false if the one asked for is not above the last one.
func (st *stream) newID(auto, anySeq bool, asked streamID, now uint64) (streamID, bool) {
	switch {
	case auto && now > st.last.ms:
		return streamID{now, 0}, true
	case auto:
		return st.last.next()
	case anySeq && asked.ms == st.last.ms:
		id, _ := st.last.next()
		return id, id.ms == asked.ms
	case anySeq:
		return streamID{asked.ms, 0}, asked.ms > st.last.ms
	}
	return asked, asked.compare(st.last) > 0
}

// nodeEntries is how many entries Redis keeps in a node; a trim with ~ takes whole ones.
const nodeEntries = 100

func (st *stream) trim(o xaddOptions) int {
	drop := len(st.entries) - int(min(o.maxLen, int64(len(st.entries))))
	if o.byID {
		drop, _ = st.find(o.minID)
	}
	if o.about && drop < len(st.entries) {
		drop -= drop % nodeEntries
	}
	if drop > 0 {
		st.entries = slices.Delete(st.entries, 0, drop)
	}
	return drop
}

// find gives the place of the first entry that is not below id.
func (st *stream) find(id streamID) (int, bool) {
	return slices.BinarySearchFunc(st.entries, id, func(e streamEntry, id streamID) int { return e.id.compare(id) })
}

func xlen(c *call) any {
	st, wrong := streamOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if st == nil {
		return int64(0)
	}
	return int64(len(st.entries))
}

// streamBound reads the start or the end of a range: an ID, "-", "+", or "(" and an ID, which is left out.
func streamBound(s string, isStart bool) (streamID, failure) {
	open := strings.HasPrefix(s, "(")
	if !open && s == "-" {
		return streamID{}, ""
	}
	if !open && s == "+" {
		return lastStreamID, ""
	}
	missing := uint64(math.MaxUint64)
	if isStart {
		missing = 0
	}
	id, valid := parseStreamID(strings.TrimPrefix(s, "("), missing)
	if !valid {
		return id, errStreamID
	}
	if open && isStart {
		if id, valid = id.next(); !valid {
			return id, "ERR invalid start ID for the interval"
		}
	} else if open {
		if id, valid = id.previous(); !valid {
			return id, "ERR invalid end ID for the interval"
		}
	}
	return id, ""
}

func (c *call) xrange(backwards bool) any {
	first, second := c.args[2], c.args[3]
	if backwards {
		first, second = second, first
	}
	from, wrong := streamBound(first, true)
	if wrong != "" {
		return wrong
	}
	to, wrong := streamBound(second, false)
	if wrong != "" {
		return wrong
	}
	count := int64(math.MaxInt64)
	switch {
	case len(c.args) == 4:
	case len(c.args) == 6 && strings.EqualFold(c.args[4], "count"):
		n, isInt := integer(c.args[5])
		if !isInt {
			return errInteger
		}
		count = max(0, n)
	default:
		return errSyntax
	}
	st, wrong := streamOf(c.read(c.args[1]))
	if wrong != "" {
		return wrong
	}
	if st == nil {
		return []any{}
	}
	if count == 0 {
		return nullArray{}
	}
	lo, _ := st.find(from)
	hi, found := st.find(to)
	if found {
		hi++
	}
	listed := []any{}
	for n := range int64(max(0, hi-lo)) {
		if n == count {
			break
		}
		at := lo + int(n)
		if backwards {
			at = hi - 1 - int(n)
		}
		fields := make([]any, 0, len(st.entries[at].fields))
		for _, f := range st.entries[at].fields {
			fields = append(fields, f)
		}
		listed = append(listed, []any{st.entries[at].id.String(), fields})
	}
	return listed
}
