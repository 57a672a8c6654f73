package cli

// locktop audit: who forced what, when and why, from the server's stream and this machine's file.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/ui/audit"
	"locktop/watcher"
)

func newAuditCommand(e *env, shared *sharedFlags) *cobra.Command {
	q := &auditQuery{limit: 100}
	var asJSON bool
	c := &cobra.Command{
		Use:   "audit",
		Short: "who forced what, when and why",
		Long: `Lists forced releases, seizures and undos, the newest last, from two sources: the stream
locktop:audit on the server, which has everybody's, and this machine's own file, which also
has those that never got as far as the server. ON RECORD says which of them know of it.

"outcome not recorded" means that locktop ended in the middle: the step may have been
taken or not, and locktop inspect KEY tells.

Orders for other servers, by the URL, are left out unless --all is given. Where the stream
cannot be read it prints what this machine has, says so, and exits 1. With --local it does
not ask the server.`,
		Example: `  locktop audit --key lock:customer_42
  locktop audit --since 24h --json | jq '.[] | select(.outcome == null)'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := q.check(c.Flags().Changed("key")); err != nil {
				return err
			}
			s, err := e.connect(shared)
			if err != nil {
				return err
			}
			defer s.close()
			return e.audit(c.Context(), s, q, asJSON)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.Flags().StringVar(&q.key, "key", "", "only about this `lock`")
	c.Flags().Var(&q.since, "since", "only from so long ago")
	c.Flags().Var(&q.limit, "limit", "so many at most, the newest; 0 is all")
	c.Flags().BoolVar(&q.local, "local", false, "only what this machine recorded; asks no server")
	c.Flags().BoolVar(&q.all, "all", false, "also what this machine recorded about other servers")
	return c
}

// auditQuery is what of the trail is wanted.
type auditQuery struct {
	key        string
	since      span
	limit      count
	local, all bool
}

func (q *auditQuery) check(keyGiven bool) (err error) {
	if keyGiven {
		if q.key, err = key(q.key); err != nil {
			return err
		}
	}
	switch {
	case q.since < 0:
		return usage("--since %s: it cannot be below 0", time.Duration(q.since))
	case q.limit < 0:
		return usage("--limit %d: it cannot be below 0", q.limit)
	}
	return nil
}

// enough is how many of the stream's entries are read, the newest first; 0 is all. An order that was
// tried again has two.
func (q *auditQuery) enough() int {
	if q.key != "" {
		return 0
	}
	return 2 * int(q.limit)
}

func (e *env) audit(ctx context.Context, s *session, q *auditQuery, asJSON bool) error {
	trail := e.trail(s)
	var notes []string
	local, damaged, err := audit.Local(trail.Dir)
	if err != nil {
		notes = append(notes, fmt.Sprintf("what this machine recorded cannot be read: %s", watcher.NewText(err.Error())))
	}
	if damaged > 0 {
		notes = append(notes, fmt.Sprintf("%d lines of %s cannot be read, and are left out", damaged, watcher.NewText(trail.Dir.File())))
	}
	var published []audit.Order
	var unread error
	if !q.local {
		type answer struct {
			orders  []audit.Order
			damaged int
		}
		got, err := within(ctx, 0, func(ctx context.Context) (answer, error) {
			orders, damaged, err := audit.Published(ctx, trail.Stream, q.enough())
			return answer{orders, damaged}, err
		})
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			unread = s.readFault("audit", "", err)
		}
		if published = got.orders; got.damaged > 0 {
			notes = append(notes, fmt.Sprintf("%d entries of the stream %s cannot be read, and are left out", got.damaged, audit.StreamKey))
		}
	}
	all := audit.Join(local, published)
	wanted, elsewhere, older := q.choose(all, trail.Server, e.now())
	if elsewhere > 0 {
		notes = append(notes, fmt.Sprintf("%d orders that this machine recorded about other servers are left out; --all shows them", elsewhere))
	}
	if older > 0 || q.enough() > 0 && len(published) == q.enough() {
		notes = append(notes, "older ones are left out; --limit 0 shows all")
	}
	for _, note := range notes {
		fmt.Fprintln(e.err, "locktop: audit: "+note)
	}
	text := e.auditTable(wanted)
	if asJSON {
		if text, err = auditJSON(wanted); err != nil {
			return err
		}
	}
	if err := e.print(text); err != nil || unread == nil {
		return err
	}
	return failed("%s; shown is only what this machine recorded", unread)
}

// choose leaves out what is not wanted, and counts what it left out though it was not asked to.
func (q *auditQuery) choose(all []audit.Order, server string, now time.Time) (wanted []audit.Order, elsewhere, older int) {
	for _, o := range all {
		switch {
		case q.key != "" && o.Key != q.key:
		case q.since > 0 && now.Sub(o.Time) > time.Duration(q.since):
		case !q.all && !o.Here && o.Server != server:
			elsewhere++
		case !q.all && q.local && o.Server != server:
			elsewhere++
		default:
			wanted = append(wanted, o)
		}
	}
	if limit := int(q.limit); limit > 0 && len(wanted) > limit {
		older = len(wanted) - limit
		wanted = slices.Clone(wanted[older:])
	}
	return wanted, elsewhere, older
}

func (e *env) auditTable(orders []audit.Order) string {
	if len(orders) == 0 {
		return "nothing is on record\n"
	}
	g := grid{{"WHEN", "WHAT", "LOCK", "OWNER", "FENCE", "TTL LEFT", "BY", "OUTCOME", "ON RECORD", "OPERATION", "REASON"}}
	now := e.now()
	for _, o := range orders {
		left := "?"
		switch o.TTL {
		case watcher.Unknown:
		case lockcore.NoTTL:
			left = "none"
		default:
			left = spell(o.TTL)
		}
		fence := "?"
		if o.Fence != 0 {
			fence = o.Fence.String()
		}
		where := []string{}
		for _, source := range sourcesOf(&o) {
			where = append(where, map[string]string{"local": "here", "stream": "server"}[source])
		}
		g = append(g, []string{
			clock(o.Time, now), watcher.NewText(string(o.Kind)).String(), watcher.NewText(o.Key).String(), watcher.NewText(o.Owner).String(),
			fence, left, watcher.NewText(o.Operator).String(), outcomeText(&o), strings.Join(where, ", "),
			watcher.NewText(o.Operation).String(), watcher.NewText(o.Reason).String(),
		})
	}
	return g.String()
}

// outcomeText is what came of an order, with the new owner where it has one.
func outcomeText(o *audit.Order) string {
	if o.NotRecorded() {
		return "outcome not recorded"
	}
	text := watcher.NewText(o.Outcome).String()
	if o.NewOwner != "" && o.NewOwner != o.Owner {
		text += ", now " + watcher.NewText(o.NewOwner).String()
	}
	return text
}

func sourcesOf(o *audit.Order) []string {
	var sources []string
	if o.Local {
		sources = append(sources, "local")
	}
	if o.StreamID != "" {
		sources = append(sources, "stream")
	}
	return sources
}

type auditJSONOrder struct {
	Time      *stamp          `json:"time"`
	Operation watcher.Text    `json:"operation"`
	Kind      watcher.Text    `json:"kind"`
	Key       watcher.Text    `json:"key"`
	Owner     watcher.Text    `json:"owner"`
	Fence     *lockcore.Fence `json:"fence"`
	TTL       *int64          `json:"ttl_ms"`
	Operator  watcher.Text    `json:"operator"`
	Host      watcher.Text    `json:"host"`
	Server    watcher.Text    `json:"server"`
	Reason    watcher.Text    `json:"reason"`
	Outcome   *watcher.Text   `json:"outcome"`
	Ended     *stamp          `json:"ended"`
	NewOwner  *watcher.Text   `json:"new_owner"`
	NewFence  *lockcore.Fence `json:"new_fence"`
	Undoes    *watcher.Text   `json:"undoes"`
	Recorded  []string        `json:"recorded"`
}

// auditJSON writes an array, an order a line.
func auditJSON(orders []audit.Order) (string, error) {
	var b strings.Builder
	b.WriteString("[")
	for i, o := range orders {
		text, err := jsonOf(auditJSONOrder{
			Time: stamped(o.Time), Operation: watcher.NewText(o.Operation), Kind: watcher.NewText(string(o.Kind)), Key: watcher.NewText(o.Key),
			Owner: watcher.NewText(o.Owner), Fence: fenced(o.Fence), TTL: watcher.Millis(o.TTL), Operator: watcher.NewText(o.Operator),
			Host: watcher.NewText(o.Host), Server: watcher.NewText(o.Server), Reason: watcher.NewText(o.Reason),
			Outcome: texted(watcher.NewText(o.Outcome)), Ended: stamped(o.Ended), NewOwner: texted(watcher.NewText(o.NewOwner)),
			NewFence: fenced(o.NewFence), Undoes: texted(watcher.NewText(o.Undoes)), Recorded: sourcesOf(&o),
		}, "")
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + strings.TrimRight(text, "\n"))
	}
	if len(orders) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	return b.String(), nil
}
