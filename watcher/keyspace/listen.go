package keyspace

// Hearing notifications on a connection of their own, and noticing when it is dead: a ping
// goes out every second on that same connection, and no sign of life for three seconds is the end.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"locktop/lockcore"
	"locktop/lockcore/resp"
)

const (
	pingEvery  = time.Second
	silentFor  = 3 * time.Second
	queueLimit = 1 << 14 // notifications that may wait to be looked at
)

// note is a notification: what happened to which key.
type note struct {
	key   string
	event string
	at    time.Time
}

// listener is a running subscription.
type listener struct {
	notes chan note
	ready chan struct{} // closed when all patterns are in force
	lost  chan error    // gets the reason, once, when it is over
	// overflowed counts notifications that found the queue full.
	overflowed atomic.Int64
	heard      atomic.Int64 // when the server was last heard, UnixNano of the local clock
	prefix     string
}

// channelPatterns are what to subscribe to: a pattern for each kind of key, never one for each lock.
func channelPatterns(db int, match []string, ledgers bool) []string {
	prefix := channelPrefix(db)
	var patterns []string
	for _, m := range match {
		patterns = append(patterns, prefix+m)
	}
	if ledgers {
		patterns = append(patterns, prefix+lockcore.LedgerPrefix+"*")
	}
	return patterns
}

func channelPrefix(db int) string { return fmt.Sprintf("__keyspace@%d__:", db) }

// listen subscribes and goes on until ctx is over or the connection fails.
func listen(ctx context.Context, client *resp.Client, match []string, ledgers bool, now func() time.Time) *listener {
	l := &listener{
		notes: make(chan note, queueLimit), ready: make(chan struct{}), lost: make(chan error, 1),
		prefix: channelPrefix(client.DB()),
	}
	l.heard.Store(now().UnixNano())
	patterns := channelPatterns(client.DB(), match, ledgers)
	go func() {
		sub := client.Subscribe(ctx, patterns...)
		ended := make(chan struct{})
		closed := make(chan struct{})
		silent := false
		go func() { // closes the subscription, which ends Receive
			defer close(closed)
			silent = l.keepAlive(ctx, sub, ended, now)
			sub.Close()
		}()
		err := l.receive(sub, len(patterns), now)
		close(ended)
		<-closed
		var refused *lockcore.ReplyError
		if silent && !errors.As(err, &refused) {
			err = fmt.Errorf("%w: nothing heard from %s for %s", lockcore.ErrUnreachable, client.URL(), silentFor)
		}
		l.lost <- err
	}()
	return l
}

func (l *listener) receive(sub *resp.Subscription, patterns int, now func() time.Time) error {
	for {
		h, err := sub.Receive()
		if err != nil {
			return err
		}
		at := now()
		l.heard.Store(at.UnixNano())
		switch {
		case h.Subscribed == patterns:
			select {
			case <-l.ready:
			default:
				close(l.ready)
			}
		case h.Channel != "":
			key, ok := strings.CutPrefix(h.Channel, l.prefix)
			if !ok {
				continue
			}
			select {
			case l.notes <- note{key, h.Payload, at}:
			default:
				l.overflowed.Add(1)
			}
		}
	}
}

// keepAlive pings until the listener ended, ctx is over, or nothing was heard for too long (true).
func (l *listener) keepAlive(ctx context.Context, sub *resp.Subscription, ended <-chan struct{}, now func() time.Time) bool {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
			if now().Sub(l.lastHeard()) > silentFor {
				return true
			}
			limited, cancel := context.WithTimeout(ctx, pingEvery)
			sub.Ping(limited) // its failure shows as silence, or ends Receive
			cancel()
		}
	}
}

func (l *listener) lastHeard() time.Time { return time.Unix(0, l.heard.Load()) }
