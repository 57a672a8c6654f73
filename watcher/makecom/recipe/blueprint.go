package recipe

// A scenario as Make imports it: Create a new scenario, then "Import Blueprint" in the menu at the bottom.

import (
	"bytes"
	"encoding/json"
)

// Blueprint is a scenario.
type Blueprint struct {
	Name     string   `json:"name"`
	Flow     []Module `json:"flow"`
	Metadata Metadata `json:"metadata"`
}

// Metadata are a scenario's settings, among others.
type Metadata struct {
	Instant  bool     `json:"instant"` // runs as soon as its webhook is called
	Version  int      `json:"version"`
	Scenario Settings `json:"scenario"`
	Designer struct {
		Orphans []any `json:"orphans"`
	} `json:"designer"`
}

// Settings are what Make shows as scenario settings.
type Settings struct {
	Roundtrips            int  `json:"roundtrips"`
	MaxErrors             int  `json:"maxErrors"`
	AutoCommit            bool `json:"autoCommit"`
	AutoCommitTriggerLast bool `json:"autoCommitTriggerLast"`
	Sequential            bool `json:"sequential"` // sequential processing: one execution at a time, retries included
	Confidential          bool `json:"confidential"`
	DataLoss              bool `json:"dataloss"`
	// Incomplete is "store incomplete executions", without which a Break handler keeps and retries nothing.
	Incomplete     bool `json:"dlq"`
	FreshVariables bool `json:"freshVariables"`
}

func newBlueprint(name string, sequential bool, flow ...Module) Blueprint {
	b := Blueprint{Name: name, Flow: flow, Metadata: Metadata{
		Instant: true, Version: 1,
		Scenario: Settings{
			Roundtrips: 1, MaxErrors: 3, AutoCommit: true, AutoCommitTriggerLast: true, Sequential: sequential, Incomplete: true,
		},
	}}
	b.Metadata.Designer.Orphans = []any{}
	lay(b.Flow, 0, 0)
	return b
}

// Distances of modules on the canvas.
const stepX, stepY = 300, 200

// lay puts the modules side by side, with error routes and further routes on lines of their own below. It gives the lowest line.
func lay(flow []Module, x, y int) (lowest int) {
	lowest = y
	for i := range flow {
		flow[i].Metadata.Designer.X, flow[i].Metadata.Designer.Y = x, y
		if len(flow[i].OnError) > 0 {
			lowest = lay(flow[i].OnError, x+stepX/2, lowest+stepY)
		}
		for j, route := range flow[i].Routes {
			if j > 0 {
				lowest += stepY
			}
			lowest = lay(route.Flow, x+stepX, lowest)
		}
		x += stepX
	}
	return lowest
}

// JSON is the blueprint as a file, in lines.
func (b Blueprint) JSON() []byte {
	var out bytes.Buffer
	in := json.NewEncoder(&out)
	in.SetEscapeHTML(false)
	in.SetIndent("", "  ")
	in.Encode(b) // strings, numbers and lists of them never fail
	return out.Bytes()
}
