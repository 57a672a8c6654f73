package cli

// A recipe for people: modules in the words of Make's editor, settings, what to know, and the bodies last, since they are long.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"locktop/watcher/makecom/recipe"
)

// recipeWidth is how wide running text is.
const recipeWidth = 100

func recipeText(r *recipe.Recipe) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Make.com: %s\n\n", r.Title)
	head := grid{{"  lock", r.Resource}}
	if r.Ledger != "" {
		head = append(head, []string{"  ledger", r.Ledger})
	}
	head = append(head, []string{"  owner", r.Owner})
	if r.Work != "" {
		head = append(head, []string{"  work", r.Work})
	}
	ttl, interval := span(r.TTL), span(r.Policy.Interval)
	head = append(head, []string{"  TTL", ttl.String()}, []string{"  retries", fmt.Sprintf("%d, %s apart", r.Policy.Attempts, interval.String())})
	out.WriteString(head.String())

	out.WriteString("\nMODULES\n")
	writeModules(&out, r.Blueprint.Flow, r.Bodies, "")

	settings := r.Blueprint.Metadata.Scenario
	out.WriteString("\nSCENARIO SETTINGS\n")
	out.WriteString(grid{
		{"  Scheduling", "Immediately as data arrives"},
		{"  Store incomplete executions", yesNo(settings.Incomplete)},
		{"  Sequential processing", yesNo(settings.Sequential)},
		{"  Enable data loss", yesNo(settings.DataLoss)},
	}.String())

	out.WriteString("\nWHAT TO KNOW\n")
	for _, n := range r.Notes {
		out.WriteString(filled(n.About+": "+n.Text, "  "))
	}
	var long []recipe.Body
	for _, b := range r.Bodies {
		if len(b.Body) > 200 {
			long = append(long, b)
		}
	}
	if len(long) > 0 {
		out.WriteString("\nBODIES, a line each; to copy one: locktop recipe make … --json | jq -r .bodies.acquire.body\n")
	}
	for _, b := range long {
		fmt.Fprintf(&out, "\n%s, of module %s:\n%s\n", b.Name, numbers(b.Modules), b.Body)
	}
	return out.String()
}

// writeModules lists modules with their fields; what is attached to one stands under it, further in.
func writeModules(out *strings.Builder, flow []recipe.Module, bodies []recipe.Body, indent string) {
	for _, m := range flow {
		fmt.Fprintf(out, "%s%d  %s\n", indent, m.ID, m.Label())
		rows := grid{}
		for _, f := range m.Fields(bodies) {
			rows = append(rows, []string{indent + "     " + f.Name, f.Value})
		}
		out.WriteString(rows.String())
		if len(m.OnError) > 0 {
			out.WriteString(indent + "   on its error route:\n")
			writeModules(out, m.OnError, bodies, indent+"     ")
		}
		for i, route := range m.Routes {
			fmt.Fprintf(out, "%s   route %c:\n", indent, 'A'+i)
			writeModules(out, route.Flow, bodies, indent+"     ")
		}
	}
}

// filled is a paragraph in lines that fit, the first one indented and the others further.
func filled(text, indent string) string {
	var out strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if strings.TrimSpace(line) != "" && len([]rune(line))+1+len([]rune(word)) > recipeWidth {
			out.WriteString(line + "\n")
			line = indent + "  "
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	return out.String() + line + "\n"
}

func numbers(ids []int) string {
	var all []string
	for _, id := range ids {
		all = append(all, strconv.Itoa(id))
	}
	return strings.Join(all, ", ")
}

// nextSteps are for whoever got a blueprint.
func nextSteps(file string, r *recipe.Recipe) string {
	var http []int
	for _, b := range r.Bodies {
		http = append(http, b.Modules...)
	}
	slices.Sort(http)
	replace := recipe.TokenPlaceholder + " by the database's token"
	if r.Bodies[0].URL == recipe.URLPlaceholder {
		replace += ", and " + recipe.URLPlaceholder + " by its address"
	}
	return fmt.Sprintf(`%s: %s

In Make: create a scenario, and "Import blueprint" from the menu of its editor. Then
  module 1            choose or add the webhook
  modules %-11s replace %s
  scenario settings   see that "Store incomplete executions" says %s, and "Sequential processing" %s
  the section         put your modules in its place, and its error route on each of them

What to know before it runs: the same command without --blueprint.
`, file, r.Title, numbers(http), replace, yesNo(r.Blueprint.Metadata.Scenario.Incomplete), yesNo(r.Blueprint.Metadata.Scenario.Sequential))
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}
