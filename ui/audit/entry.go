package audit

// What is put on record of one order, and its form as a line of JSON.

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// Kind is what an operator ordered.
type Kind string

// The kinds of orders.
const (
	ForceRelease Kind = "force-release" // end somebody's hold
	Seize        Kind = "seize"         // take the lock over
	Undo         Kind = "undo"          // give the lock back after a forced release
)

// Entry is one order. Key, owners, operator, reason and outcome are as they came, from
// outside too: watcher.NewText makes them fit to be shown.
type Entry struct {
	Time      time.Time // when it was ordered, by the clock of the host where it was
	Operation string    // its id
	Kind      Kind
	Operator  string
	Host      string
	Server    string // URL without secrets
	Key       string
	Owner     string         // whose hold it is for
	Fence     lockcore.Fence // of that hold; 0 if unknown
	TTL       time.Duration  // that the hold had left; lockcore.NoTTL or watcher.Unknown
	Reason    string
	Undoes    string // the operation that an undo takes back

	Outcome  string // see OutcomeOf; empty while it is not on record
	NewOwner string // who has the lock because of it, where it gives it to somebody
	NewFence lockcore.Fence
}

// Outcomes. What there is to add comes after a colon.
const (
	Done    = "done"
	Changed = "changed" // the lock was not as expected any more, and nothing was done
	Unknown = "unknown" // the request may have gone out and no answer came back

	refused = "refused"  // the server, or lockcore, would not do it
	notSent = "not sent" // nothing left this host
)

// shownReason bounds what is recorded of an error's text, in bytes.
const shownReason = 300

// OutcomeOf is what a step's error says of its outcome. What does not say for sure that
// nothing was done is unknown.
func OutcomeOf(err error) string {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, lockcore.ErrLate), errors.Is(err, lockcore.ErrNotHeld):
		return Done + ": " + bounded(err.Error()) // a seizure, and by now it is over
	case errors.Is(err, lockcore.ErrUnknownOutcome):
		return Unknown
	case errors.Is(err, lockcore.ErrChanged):
		return Changed
	case errors.Is(err, lockcore.ErrUnreachable):
		return notSent + ": " + bounded(err.Error())
	case errors.Is(err, lockcore.ErrInvalid), errors.Is(err, lockcore.ErrWrongType), errors.Is(err, lockcore.ErrLedger),
		errors.Is(err, lockcore.ErrRefused):
		return refused + ": " + bounded(err.Error())
	}
	return Unknown
}

func bounded(s string) string {
	if len(s) <= shownReason {
		return s
	}
	return strings.ToValidUTF8(s[:shownReason], "") + "…"
}

// The phases of a line in the local file.
const (
	intent  = "intent"
	outcome = "outcome"
)

// line is an entry as JSON: in the local file with a phase, in the stream without.
// Unknown is null or left out, never 0.
type line struct {
	Time      stamp   `json:"time"`
	Phase     string  `json:"phase,omitempty"`
	Operation text    `json:"operation"`
	Kind      text    `json:"kind"`
	Operator  text    `json:"operator"`
	Host      text    `json:"host"`
	Server    text    `json:"server"`
	Key       text    `json:"key"`
	Owner     text    `json:"owner"`
	Fence     *uint64 `json:"fence"`
	TTL       *int64  `json:"ttl_ms"`
	Reason    text    `json:"reason"`
	Undoes    text    `json:"undoes,omitempty"`
	Outcome   text    `json:"outcome,omitempty"`
	Ended     *stamp  `json:"ended,omitempty"` // when the outcome was written down
	NewOwner  text    `json:"new_owner,omitempty"`
	NewFence  *uint64 `json:"new_fence,omitempty"`
	Stream    text    `json:"stream,omitempty"`         // the id of the entry in the stream
	Missing   text    `json:"stream_missing,omitempty"` // why there is none
}

func (e *Entry) line() line {
	return line{
		Time: stamp(e.Time), Operation: text(e.Operation), Kind: text(e.Kind), Operator: text(e.Operator), Host: text(e.Host),
		Server: text(e.Server), Key: text(e.Key), Owner: text(e.Owner), Fence: fenceJSON(e.Fence), TTL: watcher.Millis(e.TTL),
		Reason: text(e.Reason), Undoes: text(e.Undoes), Outcome: text(e.Outcome), NewOwner: text(e.NewOwner), NewFence: fenceJSON(e.NewFence),
	}
}

func (l *line) entry() Entry {
	e := Entry{
		Time: time.Time(l.Time), Operation: string(l.Operation), Kind: Kind(l.Kind), Operator: string(l.Operator), Host: string(l.Host),
		Server: string(l.Server), Key: string(l.Key), Owner: string(l.Owner), TTL: watcher.Unknown,
		Reason: string(l.Reason), Undoes: string(l.Undoes), Outcome: string(l.Outcome), NewOwner: string(l.NewOwner),
	}
	e.Fence, e.NewFence = fenceOf(l.Fence), fenceOf(l.NewFence)
	switch {
	case l.TTL == nil:
	case *l.TTL < 0:
		e.TTL = lockcore.NoTTL
	default:
		e.TTL = time.Duration(min(*l.TTL, lockcore.MaxTTL.Milliseconds())) * time.Millisecond
	}
	return e
}

// encode gives one line without its end. What HTML would need is left as it is.
func (l *line) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(l)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

var errNoEntry = errors.New("no entry of an audit trail")

// decode reads a line, whoever wrote it. One without time, operation or kind is none.
func decode(raw []byte) (*line, error) {
	l := &line{}
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, err
	}
	if l.Operation == "" || l.Kind == "" || time.Time(l.Time).IsZero() {
		return nil, errNoEntry
	}
	return l, nil
}

func fenceJSON(f lockcore.Fence) *uint64 {
	if f == 0 {
		return nil
	}
	n := uint64(f)
	return &n
}

func fenceOf(n *uint64) lockcore.Fence {
	if n == nil || *n >= 1<<53 {
		return 0
	}
	return lockcore.Fence(*n)
}

// text is any bytes: a JSON string, or {"base64": "…"} where they are not valid UTF-8.
type text string

// MarshalJSON escapes what a terminal might act on.
func (t text) MarshalJSON() ([]byte, error) { return watcher.NewText(string(t)).MarshalJSON() }

// UnmarshalJSON takes null as no text.
func (t *text) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("{")) {
		var coded struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(raw, &coded)
		*t = text(coded.Base64)
		return err
	}
	return json.Unmarshal(raw, (*string)(t))
}

// stamp is a time in UTC with its milliseconds, also where they are 0.
type stamp time.Time

// MarshalJSON writes RFC 3339.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(s).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// UnmarshalJSON reads RFC 3339.
func (s *stamp) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, (*time.Time)(s)) }
