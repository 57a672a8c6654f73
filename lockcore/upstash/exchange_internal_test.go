package upstash

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
)

func TestABodyIsSentOrRevokedAndNeverBoth(t *testing.T) {
	b := &onceBody{in: bytes.NewReader([]byte("[\"PING\"]")), taken: func() {}}
	for range 2 {
		if !b.revoke() {
			t.Error("a body that was not read cannot be revoked")
		}
	}
	if got, err := io.ReadAll(b); !errors.Is(err, errRevoked) || len(got) != 0 {
		t.Errorf("revoked, it is read as %q, %v", got, err)
	}
	b = &onceBody{in: bytes.NewReader([]byte("[\"PING\"]")), taken: func() {}}
	if got, err := io.ReadAll(b); err != nil || string(got) != "[\"PING\"]" {
		t.Errorf("it is read as %q, %v", got, err)
	}
	if b.revoke() {
		t.Error("a body that was read is revoked")
	}
	for range 1000 {
		b := &onceBody{in: bytes.NewReader([]byte("x")), taken: func() {}}
		var both sync.WaitGroup
		var sent, revoked bool
		both.Go(func() { n, _ := b.Read(make([]byte, 1)); sent = n == 1 })
		both.Go(func() { revoked = b.revoke() })
		both.Wait()
		if sent == revoked {
			t.Fatalf("sent: %t, revoked: %t", sent, revoked)
		}
	}
}
