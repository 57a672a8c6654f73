package cli

// locktop list: the locks that there are, once.

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"locktop/watcher"
	"locktop/watcher/keyspace"
)

func newListCommand(e *env, shared *sharedFlags) *cobra.Command {
	var all, asJSON, asCSV bool
	c := &cobra.Command{
		Use:   "list",
		Short: "the held locks, once",
		Long: `Lists the locks that are held now, the most pressing first: stuck, overrun, overdue,
expiring, contended, held. With --all also those that nobody holds and that work is
expected back for.

In the table ? is unknown (nobody records it) and - does not apply. In CSV unknown is
empty; a key or owner that is not plain text, or that a spreadsheet would take for a
formula (it starts with = + - @), is written as base64:…, which every command takes.`,
		Example: `  locktop list --all --match 'lock:*' --match 'mutex:*'
  locktop list --json | jq -r '.[] | select(.state == "stuck") | .key'
  locktop list --csv > locks.csv`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON && asCSV {
				return usage("--json and --csv exclude each other; leave one of them out")
			}
			s, err := e.connect(shared)
			if err != nil {
				return err
			}
			defer s.close()
			details, err := s.snapshot(c.Context(), e.now)
			if err != nil {
				return s.readFault("list", "", err)
			}
			if !all {
				held := details[:0]
				for _, d := range details {
					if d.Held {
						held = append(held, d)
					}
				}
				details = held
			}
			switch {
			case asJSON:
				return e.listJSON(details)
			case asCSV:
				return e.listCSV(details)
			}
			return e.listTable(s, details)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&all, "all", false, "also the locks that nobody holds and that work is expected back for")
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.Flags().BoolVar(&asCSV, "csv", false, "as CSV with a header")
	return c
}

// one plays a snapshot to a table as if it were a source.
type one func(context.Context, func(watcher.Event)) error

func (o one) Run(ctx context.Context, emit func(watcher.Event)) error { return o(ctx, emit) }

// snapshot reads all locks once, held and awaited, in the order of the dashboard.
func (s *session) snapshot(ctx context.Context, now func() time.Time) ([]watcher.Detail, error) {
	live, err := within(ctx, 0, func(ctx context.Context) (*watcher.Live, error) {
		live := watcher.NewLive()
		return live, live.Run(ctx, one(func(ctx context.Context, emit func(watcher.Event)) error {
			return keyspace.Snapshot(ctx, s.watching(now), emit)
		}), nil)
	})
	if err != nil {
		return nil, err
	}
	moment := now()
	rows := live.View(s.query, moment).Rows
	details := make([]watcher.Detail, 0, len(rows))
	for _, r := range rows {
		if d, ok := live.Detail(r.Key.Raw(), s.query, moment); ok {
			details = append(details, d)
		}
	}
	return details, nil
}

// watching is what a command asks of the watcher.
func (s *session) watching(now func() time.Time) keyspace.Options {
	return keyspace.Options{
		Server: s.client.watched(), Match: s.match, EnableNotifications: s.notifications && !s.readOnly, ReadOnly: s.readOnly,
		NoLedger: s.noLedger, Now: now, Patience: s.timeout,
	}
}

// listJSON writes an array, a lock a line.
func (e *env) listJSON(details []watcher.Detail) error {
	var b strings.Builder
	b.WriteString("[")
	for i, d := range details {
		text, err := jsonOf(newLockJSON(d), "")
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + strings.TrimRight(text, "\n"))
	}
	if len(details) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	return e.print(b.String())
}

func (e *env) listCSV(details []watcher.Detail) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write([]string{"key", "node", "owner", "fence", "state", "ttl_ms", "held_ms", "waiting", "denied"})
	millis := func(d time.Duration) string {
		if n := watcher.Millis(d); n != nil {
			return strconv.FormatInt(*n, 10)
		}
		return ""
	}
	for _, d := range details {
		fence, waiting, denied := "", "", ""
		if d.Fence != 0 {
			fence = d.Fence.String()
		}
		if d.Recorded {
			waiting, denied = strconv.Itoa(d.Waiting), strconv.FormatInt(d.Denied, 10)
		}
		w.Write([]string{
			cell(d.Key.Raw()), cell(d.Node), cell(d.Owner.Raw()), fence, string(d.State), millis(d.TTL), millis(d.HeldFor), waiting, denied,
		})
	}
	w.Flush() // to memory: it cannot fail
	return e.print(b.String())
}

// cell is a text that no spreadsheet takes for a formula, and that bytesOf reads back.
func cell(raw string) string {
	if strings.ContainsAny(firstRune(raw), "=+-@＝＋－＠") {
		return base64Of(raw)
	}
	return given(raw)
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func (e *env) listTable(s *session, details []watcher.Detail) error {
	g := grid{{"LOCK", "OWNER", "HELD FOR", "TTL", "WAITING", "DENIED", "NEXT RETRY", "CLEARS AT", "FENCE", "STATE"}}
	now, unknown := e.now(), false
	for _, d := range details {
		owner, fence, waiting, denied, retry, clears := "-", "-", "?", "?", "?", "?"
		if d.Held {
			owner, fence = d.Owner.String(), "?"
			if d.Fence != 0 {
				fence = d.Fence.String()
			}
		}
		if d.Recorded {
			waiting, denied = strconv.Itoa(d.Waiting), strconv.FormatInt(d.Denied, 10)
			if retry, clears = "-", "-"; d.Waiting > 0 {
				retry, clears = until(d.NextRetry, now), clock(d.Clears, now)
			}
		}
		unknown = unknown || !d.Recorded
		g = append(g, []string{
			d.Key.String(), owner, heldCell(d.Row), ttlCell(d.Row), waiting, denied, retry, clears, fence, string(d.State),
		})
	}
	if err := e.print(g.String()); err != nil {
		return err
	}
	switch {
	case !e.outTerminal:
	case len(details) == 0:
		fmt.Fprintf(e.err, "No lock matches %s on %s.\n", watcher.NewText(strings.Join(s.match, ", ")), s.server)
	case unknown && !s.noLedger:
		fmt.Fprintln(e.err, "? nobody records it: locktop acquire and lockcore keep a record beside the lock.")
	}
	return nil
}
