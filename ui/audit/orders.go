package audit

// The orders of lockcore, each on record.

import (
	"context"
	"time"

	"locktop/lockcore"
	"locktop/watcher"
)

// Releaser ends other people's holds. *lockcore.Client is one.
type Releaser interface {
	ForceRelease(context.Context, lockcore.ForceRelease) (*lockcore.ForcedRelease, error)
}

// Seizer takes locks over. *lockcore.Client is one.
type Seizer interface {
	Seize(context.Context, lockcore.Seizure) (*lockcore.Seized, error)
}

// Undoer gives locks back. *lockcore.Client is one.
type Undoer interface {
	Undo(context.Context, lockcore.Undo) (*lockcore.Undone, error)
}

// ForceRelease ends a hold on record. left is the TTL that the hold was seen with, or
// watcher.Unknown. An order without an operation id gets one. See Do for missing and err.
func (t *Trail) ForceRelease(ctx context.Context, by Releaser, order lockcore.ForceRelease, left time.Duration) (done *lockcore.ForcedRelease, missing []error, err error) {
	if order.Operation == "" {
		order.Operation = lockcore.NewOperation()
	}
	e := Entry{
		Operation: order.Operation, Kind: ForceRelease, Operator: order.Operator, Key: order.Key,
		Owner: order.Expect.Owner, Fence: order.Expect.Fence, TTL: left, Reason: order.Reason,
	}
	missing, err = t.Do(ctx, e, func(ctx context.Context) (Result, error) {
		var err error
		done, err = by.ForceRelease(ctx, order)
		if err != nil || done.Before { // a repeat does not learn the TTL
			return Result{}, err
		}
		return Result{TTL: done.TTL}, nil
	})
	return done, missing, err
}

// Seize takes a lock over on record. left is as for ForceRelease.
func (t *Trail) Seize(ctx context.Context, by Seizer, order lockcore.Seizure, left time.Duration) (done *lockcore.Seized, missing []error, err error) {
	if order.Operation == "" {
		order.Operation = lockcore.NewOperation()
	}
	e := Entry{
		Operation: order.Operation, Kind: Seize, Operator: order.Operator, Key: order.Key,
		Owner: order.Expect.Owner, Fence: order.Expect.Fence, TTL: left, Reason: order.Reason,
	}
	missing, err = t.Do(ctx, e, func(ctx context.Context) (Result, error) {
		var err error
		done, err = by.Seize(ctx, order)
		if err != nil {
			return Result{}, err
		}
		got := Result{Owner: done.Owner, Fence: done.Fence}
		if !done.Before {
			got.TTL = done.Left
		}
		return got, nil
	})
	return done, missing, err
}

// Undo gives a lock back on record. was is the hold that the forced release ended, as far as it is known.
func (t *Trail) Undo(ctx context.Context, by Undoer, order lockcore.Undo, was lockcore.Past, operator, reason string) (done *lockcore.Undone, missing []error, err error) {
	if order.Operation == "" {
		order.Operation = lockcore.NewOperation()
	}
	e := Entry{
		Operation: order.Operation, Kind: Undo, Operator: operator, Key: order.Key,
		Owner: was.Owner, Fence: was.Fence, TTL: watcher.Unknown, Reason: reason, Undoes: order.Forced,
	}
	missing, err = t.Do(ctx, e, func(ctx context.Context) (Result, error) {
		var err error
		done, err = by.Undo(ctx, order)
		if err != nil {
			return Result{}, err
		}
		return Result{TTL: done.TTL, Owner: done.Owner, Fence: done.Fence}, nil
	})
	return done, missing, err
}
