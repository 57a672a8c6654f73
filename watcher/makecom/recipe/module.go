package recipe

// The modules that recipes are made of, with the names, versions and fields that exports of real scenarios have: a module
// whose name is off by a letter is "Module Not Found" on import.

import (
	"fmt"
	"strings"
	"time"
)

// Names of modules.
const (
	moduleWebhook   = "gateway:CustomWebHook"
	moduleRespond   = "gateway:WebhookRespond"
	moduleHTTP      = "http:ActionSendData"
	moduleVariables = "util:SetVariables"
	moduleParseJSON = "json:ParseJSON"
	moduleRouter    = "builtin:BasicRouter"
	moduleBreak     = "builtin:Break"
	moduleResume    = "builtin:Resume"
	moduleIgnore    = "builtin:Ignore"
)

// httpTimeout is the HTTP module's own time-out.
const httpTimeout = 40 * time.Second

// Module is a module of a blueprint, with what is attached to it.
type Module struct {
	ID         int            `json:"id"` // unique over routes and handlers too
	Module     string         `json:"module"`
	Version    int            `json:"version"`
	Parameters map[string]any `json:"parameters"`
	Filter     *Filter        `json:"filter,omitempty"` // on the line that leads here
	Mapper     map[string]any `json:"mapper"`
	Metadata   ModuleMetadata `json:"metadata"`
	OnError    []Module       `json:"onerror,omitempty"` // the error route
	Routes     []Route        `json:"routes,omitempty"`  // of a router
}

// ModuleMetadata is where a module lies on the canvas, and what stands under it.
type ModuleMetadata struct {
	Designer struct {
		X    int    `json:"x"`
		Y    int    `json:"y"`
		Name string `json:"name,omitempty"`
	} `json:"designer"`
}

// Route is one way out of a router.
type Route struct {
	Flow []Module `json:"flow"`
}

// Filter lets through what meets all conditions of one of its lists.
type Filter struct {
	Name       string        `json:"name"`
	Conditions [][]Condition `json:"conditions"`
}

// Condition compares a value.
type Condition struct {
	Value    string `json:"a"`
	Operator string `json:"o"` // exist, notexist, text:equal
	With     string `json:"b,omitempty"`
}

func (c Condition) String() string {
	words := map[string]string{"exist": "exists", "notexist": "does not exist", "text:equal": "equals"}
	return strings.TrimSpace(c.Value + " " + words[c.Operator] + " " + c.With)
}

func one(name string, c Condition) *Filter {
	return &Filter{Name: name, Conditions: [][]Condition{{c}}}
}

func newModule(id int, module string, mapper map[string]any) Module {
	m := Module{ID: id, Module: module, Version: 1, Parameters: map[string]any{}, Mapper: mapper}
	if module == moduleHTTP {
		m.Version = 3
	}
	return m
}

func webhook(id int) Module {
	m := newModule(id, moduleWebhook, map[string]any{})
	m.Parameters = map[string]any{"hook": nil, "maxResults": 1}
	return m
}

func send(id int, name string, r Request) Module {
	headers := []any{}
	for _, h := range r.Headers {
		headers = append(headers, map[string]any{"name": h.Name, "value": h.Value})
	}
	m := newModule(id, moduleHTTP, map[string]any{
		"url": r.URL, "serializeUrl": false, "method": strings.ToLower(r.Method), "headers": headers, "qs": []any{},
		"bodyType": "raw", "contentType": "application/json", "data": r.Body, "parseResponse": true,
		"timeout": fmt.Sprint(int(r.Timeout / time.Second)), "authUser": "", "authPass": "", "shareCookies": false, "ca": "",
		"rejectUnauthorized": true, "followRedirect": false, "useQuerystring": false, "gzip": true, "useMtls": false,
		"followAllRedirects": false,
	})
	m.Parameters = map[string]any{"handleErrors": r.Failing, "useNewZLibDeCompress": true}
	m.Metadata.Designer.Name = name
	return m
}

// section stands for the user's own modules, and hands them key and fence.
func section(id int, name string, variables ...Header) Module {
	list := []any{}
	for _, v := range variables {
		list = append(list, map[string]any{"name": v.Name, "value": v.Value})
	}
	m := newModule(id, moduleVariables, map[string]any{"scope": "roundtrip", "variables": list})
	m.Metadata.Designer.Name = name
	return m
}

// retry is the Break handler that has the execution tried again, from the module that failed on.
func retry(id, attempts int, interval time.Duration) Module {
	return newModule(id, moduleBreak, map[string]any{"retry": true, "count": attempts, "interval": int(interval / time.Minute)})
}

// keep is the Break handler that only keeps the execution, for somebody to look at.
func keep(id int) Module {
	return newModule(id, moduleBreak, map[string]any{"retry": false})
}

// goOn is the Resume handler: what comes after the module that failed is done all the same.
func goOn(id int) Module { return newModule(id, moduleResume, map[string]any{}) }

func ignore(id int) Module { return newModule(id, moduleIgnore, nil) }

func respond(id, status int, name, body string) Module {
	m := newModule(id, moduleRespond, map[string]any{"status": fmt.Sprint(status), "body": body, "headers": []any{}})
	m.Metadata.Designer.Name = name
	return m
}

func router(id int, routes ...[]Module) Module {
	m := newModule(id, moduleRouter, nil)
	for _, flow := range routes {
		m.Routes = append(m.Routes, Route{flow})
	}
	return m
}

// throw fails always: it reads JSON that is none.
func throw(id int, name string) Module {
	m := newModule(id, moduleParseJSON, map[string]any{"json": "{"})
	m.Parameters = map[string]any{"type": ""}
	m.Metadata.Designer.Name = name
	return m
}
