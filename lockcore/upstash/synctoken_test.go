package upstash_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"locktop/lockcore/locktest"
	"locktop/lockcore/upstash"
)

// echoed is the sync token of the last request.
func echoed(front *locktest.REST) string {
	log := front.Requests()
	return log[len(log)-1].SyncToken
}

func TestTheNewestSyncTokenGoesWithTheNextRequest(t *testing.T) {
	_, front, client := start(t)
	ctx := context.Background()
	ping := func() {
		t.Helper()
		if _, err := client.Do(ctx, "PING"); err != nil {
			t.Fatal(err)
		}
	}
	ping()
	if got := echoed(front); got != "" {
		t.Errorf("the first request has the token %q", got)
	}
	ping()
	if got := echoed(front); got != "sync-1" {
		t.Errorf("after the first answer the token is %q", got)
	}
	if _, err := read(ctx, client); err != nil {
		t.Fatal(err)
	}
	if got := echoed(front); got != "sync-2" {
		t.Errorf("a read has the token %q", got)
	}
	if _, err := client.Do(ctx, "NONSENSE"); err == nil {
		t.Fatal("nonsense is executed")
	}
	ping()
	if got := echoed(front); got != "sync-4" {
		t.Errorf("after an error reply the token is %q", got)
	}
	// An answer without a token, or with one that is none, leaves it as it is.
	for _, bad := range []string{"", "two words", strings.Repeat("x", 5000)} {
		front.Inject(locktest.RESTFault{Times: 1, Body: `{"result":"OK"}`, Header: http.Header{"Upstash-Sync-Token": {bad}}})
		ping()
		ping()
		if got := echoed(front); !strings.HasPrefix(got, "sync-") {
			t.Errorf("after the token %.20q it is %q", bad, got)
		}
	}
	other := connect(t, front.URL(), front.Token())
	if _, err := other.Do(ctx, "PING"); err != nil {
		t.Fatal(err)
	}
	if got := echoed(front); got != "" {
		t.Errorf("another client begins with the token %q", got)
	}
}

func TestWhichSyncTokenIsTheNewest(t *testing.T) {
	var s upstash.SyncToken
	expect := func(what, want string) {
		t.Helper()
		if got, _ := s.Send(); got != want {
			t.Errorf("%s: the token is %q, not %q", what, got, want)
		}
	}
	_, slowRead := s.Send()
	_, slowWrite := s.Send()
	_, write := s.Send()
	s.Learn("w1", write, false)
	expect("after a write", "w1")
	s.Learn("r1", slowRead, true)
	expect("after the answer to a read that was sent before that write was answered", "w1")
	_, laterRead := s.Send()
	s.Learn("r2", laterRead, true)
	expect("after the answer to a later read", "r2")
	s.Learn("w2", slowWrite, false)
	expect("after the answer to a slow write", "w2")
}

// Under the race detector, too.
func TestSyncTokensOfManyAtOnce(t *testing.T) {
	_, front, client := start(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 10 {
				if _, err := client.Do(context.Background(), "PING"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := client.Do(context.Background(), "PING"); err != nil {
		t.Fatal(err)
	}
	if got := echoed(front); !strings.HasPrefix(got, "sync-") {
		t.Errorf("after 160 answers the token is %q", got)
	}
}
