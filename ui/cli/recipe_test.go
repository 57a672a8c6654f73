package cli

// What to paste into Make.com: as text, as JSON, as a file. What it does there is the recipe's own test.

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/watcher/makecom/recipe"
)

var update = flag.Bool("update", false, "write the golden texts")

// golden compares a text with testdata, with the scripts left out, which have tests of their own.
func golden(t *testing.T, name, got string) {
	t.Helper()
	acquire, release := lockcore.StandaloneScripts()
	for _, s := range []*lockcore.Script{acquire, release} {
		var quoted strings.Builder
		enc := json.NewEncoder(&quoted)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s.Source); err != nil {
			t.Fatal(err)
		}
		got = strings.ReplaceAll(got, strings.TrimSpace(quoted.String()), `"<`+s.Name+`.lua>"`)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	lines, wanted := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(lines), len(wanted)) {
		var a, b string
		if i < len(lines) {
			a = lines[i]
		}
		if i < len(wanted) {
			b = wanted[i]
		}
		if a != b {
			t.Fatalf("%s, line %d (go test -update writes it anew):\ngot  %q\nwant %q", path, i+1, a, b)
		}
	}
}

func TestRecipesAsText(t *testing.T) {
	s := on("")
	golden(t, "recipe", s.must(t, "recipe", "make"))
	golden(t, "recipe-respond", s.must(t, "recipe", "make", "--respond", "--resource", "lock:{{1.body.invoice}}", "--work", "{{1.body.event}}",
		"--ttl", "5m", "--retry-attempts", "3", "--retry-interval", "2m", "--url", "https://eu1-quick-cod-30123.upstash.io"))
	golden(t, "recipe-published", s.must(t, "recipe", "make", "--as-published"))
}

func TestARecipesTextFitsATerminal(t *testing.T) {
	for _, args := range [][]string{{}, {"--respond"}, {"--as-published"}, {"--retry-mode", "sequential"}} {
		out := on("").must(t, append([]string{"recipe", "make"}, args...)...)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, `["EVAL",`) {
				continue
			}
			if len([]rune(line)) > recipeWidth+1 {
				t.Errorf("%q is wider than %d", line, recipeWidth)
			}
		}
	}
}

// wantRecipe is what programs may rely on.
type wantRecipe struct {
	Title           string              `json:"title"`
	Resource        string              `json:"resource"`
	Ledger          *string             `json:"ledger"`
	Owner           string              `json:"owner"`
	Work            *string             `json:"work"`
	TTLMs           int64               `json:"ttl_ms"`
	RetryMode       string              `json:"retry_mode"`
	RetryAttempts   int                 `json:"retry_attempts"`
	RetryIntervalMs int64               `json:"retry_interval_ms"`
	Bodies          map[string]wantBody `json:"bodies"`
	Notes           []struct {
		About string `json:"about"`
		Text  string `json:"text"`
	} `json:"notes"`
	Blueprint map[string]any `json:"blueprint"`
}

type wantBody struct {
	Modules []int  `json:"modules"`
	Method  string `json:"method"`
	URL     string `json:"url"`
	Headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"headers"`
	Body      string `json:"body"`
	Failing   bool   `json:"evaluate_all_states_as_errors"`
	TimeoutMs int64  `json:"timeout_ms"`
}

func TestARecipeAsJSON(t *testing.T) {
	s := on("")
	var r wantRecipe
	strictly(t, s.must(t, "recipe", "make", "--json", "--url", "http://127.0.0.1:8079"), &r)
	acquire := r.Bodies["acquire"]
	if r.TTLMs != 15000 || r.RetryAttempts != 10 || r.RetryIntervalMs != 60000 || r.RetryMode != "batch" || len(r.Notes) < 5 ||
		r.Ledger == nil || *r.Ledger != "locktop:{"+r.Resource+"}" || r.Work == nil || *r.Work != "{{encodeURL(1.id)}}" || r.Owner != recipe.OwnerExpression {
		t.Errorf("%+v", r)
	}
	if acquire.URL != "http://127.0.0.1:8079" || acquire.Method != "POST" || !acquire.Failing || acquire.TimeoutMs != 5000 ||
		!strings.HasPrefix(acquire.Body, `["EVAL","`) || len(acquire.Headers) != 1 || acquire.Headers[0].Name != "Authorization" {
		t.Errorf("%+v", acquire)
	}
	if flow, _ := r.Blueprint["flow"].([]any); len(flow) != 4 || len(r.Bodies["release"].Modules) != 2 {
		t.Errorf("%v", r.Blueprint)
	}
	var published wantRecipe
	strictly(t, s.must(t, "recipe", "make", "--json", "--as-published"), &published)
	if published.Ledger != nil || published.Work != nil || published.Resource != recipe.PublishedResource || published.Bodies["acquire"].Failing {
		t.Errorf("%+v", published)
	}
}

func TestABlueprintIsWrittenToANewFileOnly(t *testing.T) {
	s, file := on(""), filepath.Join(t.TempDir(), "guarded.json")
	out := s.must(t, "recipe", "make", "--blueprint", file)
	for _, text := range []string{file, "2, 5, 7", recipe.TokenPlaceholder, recipe.URLPlaceholder, "Store incomplete executions"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not in %q", text, out)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != s.must(t, "recipe", "make", "--blueprint", "-") {
		t.Errorf("what is written differs from what --blueprint - prints: %v", err)
	}
	var r wantRecipe
	strictly(t, s.must(t, "recipe", "make", "--json"), &r)
	var blueprint map[string]any
	if err := json.Unmarshal(written, &blueprint); err != nil || len(blueprint) != len(r.Blueprint) {
		t.Errorf("%v, %v", blueprint, err)
	}
	s.run("recipe", "make", "--as-published", "--blueprint", file).fails(t, exitUsage, file, "another name")
	if still, err := os.ReadFile(file); err != nil || string(still) != string(written) {
		t.Errorf("it was overwritten, %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	s.run("recipe", "make", "--blueprint", link).fails(t, exitUsage, link)
	if got := s.must(t, "recipe", "make", "--json", "--blueprint", filepath.Join(t.TempDir(), "b.json")); !json.Valid([]byte(got)) {
		t.Errorf("no JSON: %q", got)
	}
}

// The address comes from where the others have it; the token from nowhere.
func TestARecipeNeverHasTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		args []string
		url  string
	}{
		"nothing is known":       {nil, nil, recipe.URLPlaceholder},
		"another kind of server": {map[string]string{"LOCKTOP_URL": "redis://:s3cret@cache:6379/0"}, nil, recipe.URLPlaceholder},
		"the console's names": {
			map[string]string{"UPSTASH_REDIS_REST_URL": "https://a.upstash.io", "UPSTASH_REDIS_REST_TOKEN": "s3cret"}, nil, "https://a.upstash.io"},
		"in the URL": {nil, []string{"--url", "https://:s3cret@a.upstash.io"}, "https://a.upstash.io"},
		"the flag first": {
			map[string]string{"LOCKTOP_URL": "https://:s3cret@b.upstash.io"}, []string{"--url", "https://a.upstash.io"}, "https://a.upstash.io"},
		"LOCKTOP_URL": {map[string]string{"LOCKTOP_URL": "https://:s3cret@b.upstash.io"}, nil, "https://b.upstash.io"},
	} {
		t.Run(name, func(t *testing.T) {
			s := on("")
			s.vars = c.vars
			for _, more := range [][]string{nil, {"--json"}, {"--blueprint", "-"}, {"--as-published"}} {
				out := s.must(t, append(append([]string{"recipe", "make"}, c.args...), more...)...)
				if strings.Contains(out, "s3cret") || !strings.Contains(out, c.url) || !strings.Contains(out, recipe.TokenPlaceholder) {
					t.Errorf("%q: the token, or no %s", more, c.url)
				}
			}
		})
	}
}
