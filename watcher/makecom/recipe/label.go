package recipe

// Modules in the words of Make's editor, for those who build a scenario by hand.

import (
	"fmt"
	"strings"
)

// Field is a field of a module's dialog.
type Field struct{ Name, Value string }

// Label is what a module is called in Make's editor, with the name that the blueprint gives it.
func (m Module) Label() string {
	label := map[string]string{
		moduleWebhook: "Webhooks > Custom webhook", moduleRespond: "Webhooks > Webhook response", moduleHTTP: "HTTP > Make a request",
		moduleVariables: "Tools > Set multiple variables", moduleParseJSON: "JSON > Parse JSON", moduleRouter: "Flow control > Router",
		moduleBreak: "Break", moduleResume: "Resume", moduleIgnore: "Ignore",
	}[m.Module]
	if name := m.Metadata.Designer.Name; name != "" {
		label += " \"" + name + "\""
	}
	return label
}

// Fields are what to fill in; what is not among them stays as Make has it. bodies name what is too long to stand here.
func (m Module) Fields(bodies []Body) []Field {
	var fields []Field
	add := func(name, value string) { fields = append(fields, Field{name, value}) }
	if m.Filter != nil {
		var any []string
		for _, all := range m.Filter.Conditions {
			var conditions []string
			for _, c := range all {
				conditions = append(conditions, c.String())
			}
			any = append(any, strings.Join(conditions, " and "))
		}
		add("Filter before it", fmt.Sprintf("%q: %s", m.Filter.Name, strings.Join(any, ", or ")))
	}
	text := func(name string) string { return fmt.Sprint(m.Mapper[name]) }
	switch m.Module {
	case moduleHTTP:
		add("URL", text("url"))
		add("Method", strings.ToUpper(text("method")))
		for _, h := range m.Mapper["headers"].([]any) {
			h := h.(map[string]any)
			add("Header", fmt.Sprint(h["name"], ": ", h["value"]))
		}
		add("Body type", "Raw, content type JSON (application/json)")
		add("Request content", content(text("data"), bodies))
		add("Parse response", yes(m.Mapper["parseResponse"]))
		add("Timeout", text("timeout"))
		add("Evaluate all states as errors", yes(m.Parameters["handleErrors"]))
	case moduleVariables:
		for _, v := range m.Mapper["variables"].([]any) {
			v := v.(map[string]any)
			add("Variable "+fmt.Sprint(v["name"]), fmt.Sprint(v["value"]))
		}
	case moduleBreak:
		add("Automatically complete execution", yes(m.Mapper["retry"]))
		if m.Mapper["retry"] == true {
			add("Number of attempts", text("count"))
			add("Interval between attempts", text("interval")+" min")
		}
	case moduleParseJSON:
		add("JSON string", text("json")+"   (is none, so it fails)")
	case moduleRespond:
		add("Status", text("status"))
		add("Body", text("body"))
	}
	return fields
}

// content is a short body as it is, and the name of a long one.
func content(data string, bodies []Body) string {
	for _, b := range bodies {
		if b.Body == data && len(data) > 200 {
			return fmt.Sprintf("the body %q below", b.Name)
		}
	}
	return data
}

func yes(v any) string {
	if v == true {
		return "yes"
	}
	return "no"
}
