package lockcore_test

// The examples of the package's page. Each has a server of its own.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/resp"
)

// onNewServer is a client on a new server, and what ends both. With a Redis of your own it is resp.New alone.
func onNewServer() (locks *lockcore.Client, end func()) {
	server, err := embedded.Start(embedded.Options{})
	must(err)
	client, err := resp.New(resp.Options{URL: server.URL()})
	must(err)
	locks = lockcore.New(client)
	return locks, func() {
		locks.Wait() // before the transport is closed
		client.Close()
		server.Close()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Taking a lock for a piece of work and releasing it. The fence goes to the store that the lock guards.
func Example() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()

	hold, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", 15*time.Second, &lockcore.AcquireOptions{Work: "evt_1"})
	must(err)
	fmt.Println("a fence was issued:", hold.Fence > 0)

	_, err = locks.Acquire(ctx, "lock:invoice_7", "execution-2", 15*time.Second, &lockcore.AcquireOptions{Work: "evt_2"})
	var held *lockcore.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Owner)
	}

	_, err = locks.Release(ctx, "lock:invoice_7", "execution-1", &lockcore.ReleaseOptions{Fence: hold.Fence})
	must(err)
	lock, err := locks.Inspect(ctx, "lock:invoice_7")
	must(err)
	fmt.Println("waiting:", lock.Ledger.Waiters[0].Work)

	later, err := locks.Acquire(ctx, "lock:invoice_7", "execution-3", 15*time.Second, &lockcore.AcquireOptions{Work: "evt_2"})
	must(err)
	fmt.Println("the next fence is higher:", later.Fence > hold.Fence)
	// Output:
	// a fence was issued: true
	// held by execution-1
	// waiting: evt_2
	// the next fence is higher: true
}

// Holding a lock for as long as the work takes. The work stops when its context ends.
func ExampleClient_Lease() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()

	lease, err := locks.Lease(ctx, "lock:invoice_7", "execution-1", 15*time.Second, nil)
	must(err)
	work := func(ctx context.Context, fence lockcore.Fence) {
		fmt.Println("at work, with a fence:", fence > 0, "the lock is lost:", ctx.Err() != nil)
	}
	work(lease.Context(), lease.Hold().Fence)

	must(lease.Close(ctx)) // an error where the lock was lost meanwhile
	fmt.Println("over:", errors.Is(lease.Err(), lockcore.ErrClosed), context.Cause(lease.Context()))
	// Output:
	// at work, with a fence: true the lock is lost: false
	// over: true the lease was closed
}

// Waiting until the lock is free, instead of being denied at once.
func ExampleClient_Acquire_wait() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()
	first, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Hour, nil)
	must(err)
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { // some time later, in another process
		_, err := locks.Release(ctx, "lock:invoice_7", "execution-1", &lockcore.ReleaseOptions{Fence: first.Fence})
		must(err)
	})

	hold, err := locks.Acquire(ctx, "lock:invoice_7", "execution-2", 15*time.Second, &lockcore.AcquireOptions{Wait: time.Minute})
	switch {
	case err == nil:
		fmt.Println("held by", hold.Owner)
	case errors.Is(err, lockcore.ErrHeld):
		fmt.Println("not to be had within a minute:", err)
	default:
		fmt.Println(err)
	}
	// Output:
	// held by execution-2
}

// A repeated release is a success, and a later hold is left alone.
func ExampleClient_Release_repeated() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()
	hold, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Minute, nil)
	must(err)
	mine := &lockcore.ReleaseOptions{Fence: hold.Fence}

	first, err := locks.Release(ctx, "lock:invoice_7", "execution-1", mine)
	must(err)
	_, err = locks.Acquire(ctx, "lock:invoice_7", "execution-2", time.Minute, nil)
	must(err)
	second, err := locks.Release(ctx, "lock:invoice_7", "execution-1", mine) // its first answer was lost, say
	must(err)
	fmt.Println("repeated:", first.Repeated, second.Repeated)

	_, err = locks.Release(ctx, "lock:invoice_7", "execution-3", nil)
	var not *lockcore.NotHeldError
	if errors.As(err, &not) {
		fmt.Printf("%s has nothing to release, %s holds it\n", not.Owner, not.Holder.Owner)
	}
	// Output:
	// repeated: false true
	// execution-3 has nothing to release, execution-2 holds it
}

// Ending a stuck hold, only if it still is the one that was looked at.
func ExampleClient_ForceRelease() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()
	_, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Hour, nil)
	must(err)

	seen, err := locks.Inspect(ctx, "lock:invoice_7")
	must(err)
	order := lockcore.ForceRelease{
		Key: "lock:invoice_7", Expect: seen.Expectation(), Operation: lockcore.NewOperation(),
		Operator: "ann", Reason: "its worker is gone",
	}
	_, err = locks.ForceRelease(ctx, order)
	must(err)
	again, err := locks.ForceRelease(ctx, order) // after ErrUnknownOutcome, say
	must(err)
	fmt.Println("released, and before that too:", again.Before)

	_, err = locks.Extend(ctx, "lock:invoice_7", "execution-1", time.Minute, nil)
	var revoked *lockcore.NotHeldError
	if errors.Is(err, lockcore.ErrRevoked) && errors.As(err, &revoked) {
		fmt.Printf("the old owner learns it: by %s, %q\n", revoked.Past.By, revoked.Past.Reason)
	}

	order.Operation = lockcore.NewOperation()
	_, err = locks.ForceRelease(ctx, order)
	fmt.Println("another order finds another hold, or none:", errors.Is(err, lockcore.ErrChanged))
	// Output:
	// released, and before that too: true
	// the old owner learns it: by ann, "its worker is gone"
	// another order finds another hold, or none: true
}

// Taking a lock over in one step, so that those who wait stay out while the old owner is being stopped.
func ExampleClient_Seize() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()
	_, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Hour, nil)
	must(err)

	seen, err := locks.Inspect(ctx, "lock:invoice_7")
	must(err)
	seized, err := locks.Seize(ctx, lockcore.Seizure{
		Key: "lock:invoice_7", Expect: seen.Expectation(), Owner: "ann", TTL: time.Minute,
		Operator: "ann", Reason: "wrong prices",
	})
	must(err)
	fmt.Println("ended the one that was seen:", seized.Ended == seen.Fence, "with a higher fence:", seized.Fence > seen.Fence)

	_, err = locks.Acquire(ctx, "lock:invoice_7", "execution-2", time.Minute, nil)
	fmt.Println("others stay out:", errors.Is(err, lockcore.ErrHeld))

	_, err = locks.Release(ctx, "lock:invoice_7", seized.Owner, &lockcore.ReleaseOptions{Fence: seized.Fence})
	must(err)
	// Output:
	// ended the one that was seen: true with a higher fence: true
	// others stay out: true
}

// Giving a lock back that was released by mistake, before its owner noticed.
func ExampleClient_Undo() {
	locks, end := onNewServer()
	defer end()
	ctx := context.Background()
	hold, err := locks.Acquire(ctx, "lock:invoice_7", "execution-1", time.Hour, nil)
	must(err)
	done, err := locks.ForceRelease(ctx, lockcore.ForceRelease{
		Key: "lock:invoice_7", Expect: lockcore.Expectation{Owner: hold.Owner, Fence: hold.Fence},
		Operator: "ann", Reason: "looked stuck",
	})
	must(err)

	undone, err := locks.Undo(ctx, lockcore.Undo{Key: "lock:invoice_7", Forced: done.Operation})
	must(err)
	fmt.Println(undone.Owner, "has it again, with its fence:", undone.Fence == hold.Fence)

	_, err = locks.Undo(ctx, lockcore.Undo{Key: "lock:invoice_7", Forced: done.Operation})
	var changed *lockcore.ChangedError
	if errors.As(err, &changed) {
		fmt.Println("once only:", changed.Why)
	}
	// Output:
	// execution-1 has it again, with its fence: true
	// once only: unknown
}
