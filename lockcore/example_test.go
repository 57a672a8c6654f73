package lockcore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/resp"
)

// Taking a lock for a piece of work and releasing it, with the fence handed to the store.
func Example() {
	server, err := embedded.Start(embedded.Options{}) // or any Redis
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client, err := resp.New(resp.Options{URL: server.URL()})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	locks, ctx := lockcore.New(client), context.Background()

	hold, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", 15*time.Second, &lockcore.AcquireOptions{Work: "evt_1"})
	if err != nil {
		panic(err)
	}
	fmt.Println("a fence was issued:", hold.Fence > 0)

	_, err = locks.Acquire(ctx, "lock:invoice_7", "execution-2", 15*time.Second, &lockcore.AcquireOptions{Work: "evt_2"})
	var held *lockcore.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Owner)
	}

	if _, err := locks.Release(ctx, "lock:invoice_7", "execution-1", &lockcore.ReleaseOptions{Fence: hold.Fence}); err != nil {
		panic(err)
	}
	lock, err := locks.Inspect(ctx, "lock:invoice_7")
	if err != nil {
		panic(err)
	}
	fmt.Println("waiting:", lock.Ledger.Waiters[0].Work)
	// Output:
	// a fence was issued: true
	// held by execution-1
	// waiting: evt_2
}

// Ending a stuck hold, only if it still is the one that was looked at.
func ExampleClient_ForceRelease() {
	server, err := embedded.Start(embedded.Options{})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client, err := resp.New(resp.Options{URL: server.URL()})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	locks, ctx := lockcore.New(client), context.Background()
	if _, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Hour, nil); err != nil {
		panic(err)
	}

	seen, err := locks.Inspect(ctx, "lock:invoice_7")
	if err != nil {
		panic(err)
	}
	_, err = locks.ForceRelease(ctx, lockcore.ForceRelease{
		Key: "lock:invoice_7", Expect: seen.Expectation(), Operator: "ann", Reason: "its worker is gone",
	})
	fmt.Println("released:", err == nil)

	_, err = locks.Extend(ctx, "lock:invoice_7", "execution-1", time.Minute, nil)
	var revoked *lockcore.NotHeldError
	if errors.Is(err, lockcore.ErrRevoked) && errors.As(err, &revoked) {
		fmt.Printf("the old owner learns it: by %s, %q\n", revoked.Past.By, revoked.Past.Reason)
	}
	// Output:
	// released: true
	// the old owner learns it: by ann, "its worker is gone"
}
