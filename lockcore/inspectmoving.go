package lockcore

// Looking at locks whose slot is on its way from one node of a cluster to another. A transaction with a lock and its
// ledger is refused there (TRYAGAIN) while only one of the two has moved, or only one of them exists; for a
// lock without a ledger that is as long as the move takes. A transaction with one key is not.

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ledgerTries is how often a lock is read anew whose ledger has changed meanwhile.
const ledgerTries = 3

// onItsWay tells that keys could not be read together since their slot is moving.
func onItsWay(err error) bool {
	var refused *ReplyError
	return errors.As(err, &refused) && code.FindString(refused.Message) == "TRYAGAIN"
}

// inspectApart reads locks one by one, and each one's ledger before it and after it: the two are one moment's where it is
// the same both times.
func (c *Client) inspectApart(ctx context.Context, keys []string) ([]Lock, error) {
	locks := make([]Lock, len(keys))
	for i, key := range keys {
		ledger, _ := LedgerKey(key)
		before, err := c.readLedger(ctx, key, ledger)
		if err != nil {
			return nil, err
		}
		for range ledgerTries {
			sent := c.now()
			got, err := c.transport.Read(ctx, [][]string{{"TIME"}, {"GET", key}, {"PTTL", key}, {"TIME"}})
			took := c.now().Sub(sent)
			if err != nil {
				return nil, unread(keys, err)
			}
			after, err := c.readLedger(ctx, key, ledger)
			if err != nil {
				return nil, err
			}
			from, to := serverTime(got[0]), serverTime(got[3])
			if from.IsZero() || to.IsZero() {
				return nil, fmt.Errorf("inspect: %w: no TIME from the server: %s", ErrRefused, quoted(got[0]))
			}
			l := &locks[i]
			*l = Lock{Key: key, TTL: NoTTL, Held: -1, ServerTime: from, ReadAt: sent.Add(took / 2), RoundTrip: took}
			l.read(got[1], got[2], after, from, to)
			if slices.Equal(flat(before), flat(after)) {
				break
			}
			before = after
		}
	}
	return locks, nil
}

func (c *Client) readLedger(ctx context.Context, key, ledger string) (any, error) {
	if lone(key) {
		return nil, nil // none can be there on a cluster
	}
	got, err := c.transport.Read(ctx, [][]string{{"HGETALL", ledger}})
	if err != nil {
		return nil, unread([]string{key}, err)
	}
	return got[0], nil
}

// flat is a list of texts, as far as it is one.
func flat(list any) []string {
	items, _ := list.([]any)
	texts := make([]string, len(items))
	for i := range items {
		texts[i], _ = items[i].(string)
	}
	return texts
}
