package cli

// The JSON of the contract as strict structs: a field too many or too few fails.

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type wantLock struct {
	Key       any          `json:"key"`
	Node      string       `json:"node"`
	Owner     any          `json:"owner"`
	TTL       *int64       `json:"ttl_ms"`
	Held      *int64       `json:"held_ms"`
	Fence     *uint64      `json:"fence"`
	State     string       `json:"state"`
	Denied    *int64       `json:"denied"`
	Overruns  *int64       `json:"overruns"`
	Overlaps  *int64       `json:"overlaps"`
	Waiters   []wantWaiter `json:"waiters"`
	NotListed *int64       `json:"waiters_not_listed"`
	Clears    *utc         `json:"clears_p50"`
	Gone      []wantGone   `json:"gone"`
	Typical   *int64       `json:"typical_hold_ms"`
	Holds     int          `json:"typical_hold_of"`
}

type wantGone struct {
	Work       any `json:"work"`
	Owner      any `json:"owner"`
	Attempts   int `json:"attempts"`
	LastDenied utc `json:"last_denied"`
}

type wantWaiter struct {
	Work         any      `json:"work"`
	Owner        any      `json:"owner"`
	Attempts     int      `json:"attempts"`
	AttemptsLeft int      `json:"attempts_left"`
	FirstDenied  utc      `json:"first_denied"`
	LastDenied   utc      `json:"last_denied"`
	NextRetry    utc      `json:"next_retry"`
	Position     int      `json:"position"`
	AcquireP50   *utc     `json:"acquire_p50"`
	AcquireP90   *utc     `json:"acquire_p90"`
	Exhaustion   *string  `json:"exhaustion"`
	Risk         *float64 `json:"exhaustion_risk"`
	Late         *int64   `json:"late_ms"`
}

type wantInspect struct {
	wantLock
	Holds []wantHold `json:"holds"`
}

type wantHold struct {
	Owner    any     `json:"owner"`
	Fence    *uint64 `json:"fence"`
	Acquired *utc    `json:"acquired"`
	Ended    *utc    `json:"ended"`
	How      string  `json:"how"`
	By       *string `json:"by"`
	Reason   *string `json:"reason"`
}

type wantEvent struct {
	Time     time.Time `json:"time"`
	Type     string    `json:"type"`
	Key      any       `json:"key"`
	Inferred *bool     `json:"inferred"`
	Owner    any       `json:"owner"`
	Previous any       `json:"previous_owner"`
	TTL      *int64    `json:"ttl_ms"`
	Fence    *uint64   `json:"fence"`
	Work     any       `json:"work"`
	Attempts *int      `json:"attempts"`
	Held     *int64    `json:"held_ms"`
	By       any       `json:"by"`
	Reason   any       `json:"reason"`
	Node     *string   `json:"node"`
}

// utc is a time with a fraction, in UTC.
type utc struct{ time.Time }

func (u *utc) UnmarshalJSON(b []byte) error {
	at, err := time.Parse(`"2006-01-02T15:04:05.000Z"`, string(b))
	u.Time = at
	return err
}

// strictlySome decodes all of text; every field in it must be known.
func strictlySome(t *testing.T, text string, into any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if dec.More() {
		t.Fatalf("more than one value in %s", text)
	}
}

// strictly decodes all of text; every field must be known, and none may be missing.
func strictly(t *testing.T, text string, into any) {
	t.Helper()
	strictlySome(t, text, into)
	var given any
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		t.Fatal(err)
	}
	complete(t, given, reflect.TypeOf(into).Elem())
}

// complete checks that every field of the struct is there.
func complete(t *testing.T, given any, want reflect.Type) {
	t.Helper()
	for want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch given := given.(type) {
	case []any:
		for _, item := range given {
			complete(t, item, want.Elem())
		}
	case map[string]any:
		if want.Kind() != reflect.Struct {
			return // {"base64": …}
		}
		for _, f := range reflect.VisibleFields(want) {
			if f.Anonymous {
				continue
			}
			name := f.Tag.Get("json")
			value, ok := given[name]
			if !ok {
				t.Errorf("%q is missing in %v", name, given)
			}
			complete(t, value, f.Type)
		}
	}
}
