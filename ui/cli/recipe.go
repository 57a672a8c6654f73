package cli

// locktop recipe make: what to paste into Make.com, or a blueprint that Make imports. Nothing is sent.

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"locktop/lockcore"
	"locktop/lockcore/upstash"
	"locktop/watcher/makecom/recipe"
)

func newRecipeCommand(e *env, shared *sharedFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "recipe make",
		Short: "what to paste into Make.com",
		Long:  "Writes what has to be put into another product so that it takes its locks as locktop does.\nThere is one recipe: make, for Make.com.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no recipe %q; there is make, for Make.com: locktop recipe make", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return usage("which recipe? There is make, for Make.com: locktop recipe make")
		},
	}
	c.AddCommand(newRecipeMakeCommand(e, shared))
	return c
}

func newRecipeMakeCommand(e *env, shared *sharedFlags) *cobra.Command {
	defaults := recipe.DefaultScenario
	m := &recipeMake{env: e, ttl: span(defaults.TTL)}
	c := &cobra.Command{
		Use:   "make",
		Short: "HTTP bodies, filters, error handlers and settings for a Make.com scenario",
		Long: `Prints what has to be put into a Make.com scenario, so that its parallel executions work
on one record one at a time: the HTTP bodies that acquire and release the lock over the
database's REST API, the filter, the error handlers, the settings, and what goes wrong
without each. With --blueprint it writes the whole scenario as a file that Make imports.

--resource is the lock's key, with Make's own {{…}} for what tells one record from
another; {{1.…}} is a field of the webhook. --url, or UPSTASH_REDIS_REST_URL, names the
REST API. The token is never printed: a placeholder stands for it. Nothing is sent.

How often and when a denied event comes back is --retry-attempts (1 to 10) and
--retry-interval (whole minutes), which go into the Break handler and into the bodies.

--as-published writes the scenario as it was first published instead, and names its
traps: in it a denied event never tries again.`,
		Example: `  locktop recipe make --resource 'lock:stripe_cus_{{1.data.object.customer}}' --blueprint guarded.json
  locktop recipe make --json | jq -r .bodies.acquire.body`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return m.run(c, *shared) },
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&m.resource, "resource", defaults.Resource, "the lock's key, as a Make `expression`")
	c.Flags().StringVar(&m.work, "work", defaults.Work, "what an execution is for, the same on every retry, as a Make\n`expression`")
	c.Flags().Var(&m.ttl, "ttl", "of a lock: more than the critical section ever takes")
	c.Flags().BoolVar(&m.respond, "respond", false, "answer the webhook after the critical section, so that the sender\nrepeats what failed")
	c.Flags().BoolVar(&m.asPublished, "as-published", false, "the scenario as it was first published, with its traps")
	c.Flags().StringVar(&m.blueprint, "blueprint", "", "write the scenario to a new `file` that Make imports; - for stdout")
	c.Flags().BoolVar(&m.asJSON, "json", false, "as one JSON object, the blueprint in it")
	return c
}

// recipeMake is the command with its flags.
type recipeMake struct {
	*env
	resource, work       string
	ttl                  span
	respond, asPublished bool
	blueprint            string
	asJSON               bool
}

func (m *recipeMake) run(c *cobra.Command, shared sharedFlags) error {
	changed := c.Flags().Changed
	switch {
	case m.asPublished && m.respond:
		return usage("--respond: as published there is no such answer; leave --as-published out")
	case m.asPublished && changed("work"):
		return usage("--work: as published nobody records what an execution is for; leave --as-published out")
	case changed("blueprint") && m.blueprint == "":
		return usage("--blueprint is empty; name a new file, or - for stdout")
	case m.blueprint == "-" && m.asJSON:
		return usage("--blueprint - and --json both want stdout; the JSON has the blueprint in it")
	}
	if m.asPublished && !changed("resource") {
		m.resource = recipe.PublishedResource
	}
	r, err := m.write(shared)
	if err != nil {
		return err
	}
	var written string
	switch m.blueprint {
	case "":
	case "-":
		return m.print(string(r.Blueprint.JSON()))
	default:
		if err := newFile(m.blueprint, r.Blueprint.JSON()); err != nil {
			return err
		}
		written = nextSteps(given(m.blueprint), r)
	}
	switch {
	case m.asJSON:
		return m.print(recipeAsJSON(r))
	case written != "":
		return m.print(written)
	}
	return m.print(recipeText(r))
}

// write makes the recipe of the flags.
func (m *recipeMake) write(shared sharedFlags) (*recipe.Recipe, error) {
	url, err := m.restURL(shared.url)
	if err != nil {
		return nil, err
	}
	shared.url, shared.sentinelMaster = defaultURL, "" // nothing is dialled
	s, err := m.settings(&shared)
	if err != nil {
		return nil, err
	}
	scenario := recipe.Scenario{
		URL: url, Resource: m.resource, Work: m.work, TTL: time.Duration(m.ttl), Policy: s.query.Policy, Respond: m.respond,
	}
	write := recipe.New
	if m.asPublished {
		write = recipe.AsPublished
	}
	r, err := write(scenario)
	if err != nil {
		return nil, usage("recipe make: %s", strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	return r, nil
}

// restURL is the REST API's address without secrets, empty if none is named. Make needs no other one.
func (m *recipeMake) restURL(flag string) (string, error) {
	given, from := flag, "--url"
	for _, name := range []string{"LOCKTOP_URL", "REDIS_URL", restURLVariable} {
		if v := m.getenv(name); given == "" && isREST(v) {
			given, from = v, name
		}
	}
	if given == "" {
		return "", nil
	}
	client, err := upstash.New(upstash.Options{URL: given, Token: recipe.TokenPlaceholder})
	if err != nil {
		return "", usage("%s: %s", from, strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	defer client.Close()
	return client.URL(), nil
}

// newFile writes a file that must not be there yet. One that could not be written whole is removed.
func newFile(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("--blueprint %s: there is such a file already, and it is left as it is; give another name", strconv.Quote(name))
	case err != nil:
		return usage("--blueprint %s: it cannot be written: %s", strconv.Quote(name), whyNot(err))
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return failed("cannot write %s: %s", strconv.Quote(name), whyNot(err))
	}
	return nil
}

// whyNot is an error of a file without the file's name.
func whyNot(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// recipeJSON is a recipe for programs.
type recipeJSON struct {
	Title           string                    `json:"title"`
	Resource        string                    `json:"resource"`
	Ledger          *string                   `json:"ledger"` // null where nobody keeps one
	Owner           string                    `json:"owner"`
	Work            *string                   `json:"work"` // null where nobody records it
	TTLMs           int64                     `json:"ttl_ms"`
	RetryMode       string                    `json:"retry_mode"`
	RetryAttempts   int                       `json:"retry_attempts"`
	RetryIntervalMs int64                     `json:"retry_interval_ms"`
	Bodies          map[string]recipeBodyJSON `json:"bodies"`
	Notes           []recipe.Note             `json:"notes"`
	Blueprint       recipe.Blueprint          `json:"blueprint"`
}

type recipeBodyJSON struct {
	Modules []int `json:"modules"`
	recipe.Request
	TimeoutMs int64 `json:"timeout_ms"`
}

func recipeAsJSON(r *recipe.Recipe) string {
	known := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	j := recipeJSON{
		Title: r.Title, Resource: r.Resource, Ledger: known(r.Ledger), Owner: r.Owner, Work: known(r.Work), TTLMs: r.TTL.Milliseconds(),
		RetryMode: string(r.Policy.Mode), RetryAttempts: r.Policy.Attempts, RetryIntervalMs: r.Policy.Interval.Milliseconds(),
		Bodies: map[string]recipeBodyJSON{}, Notes: r.Notes, Blueprint: r.Blueprint,
	}
	for _, b := range r.Bodies {
		j.Bodies[b.Name] = recipeBodyJSON{b.Modules, b.Request, b.Timeout.Milliseconds()}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.Encode(j) // strings, numbers and lists of them never fail
	return out.String()
}
