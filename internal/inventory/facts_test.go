package inventory

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/golden"
)

var update = flag.Bool("update", false, "rewrite testdata/facts.json")

// facts are what is read of one document, in a file: the formats' own libraries are in another module, which reads
// the same documents and holds the file against them.
type facts struct {
	File      string          `json:"file"`
	Kind      Kind            `json:"kind"`
	Report    Report          `json:"report"`
	Type      string          `json:"predicateType"`
	Predicate json.RawMessage `json:"predicate,omitempty"`
}

func TestFacts_are_kept_for_the_libraries_of_the_formats(t *testing.T) {
	var all []facts
	for _, d := range documents {
		text := sample(t, d.file)
		r, err := Read(d.kind, text)
		if err != nil {
			t.Fatal(err)
		}
		typ, p, err := r.Predicate(text)
		if err != nil {
			t.Fatal(err)
		}
		f := facts{File: d.file, Kind: d.kind, Report: r, Type: typ}
		if d.kind != SBOM && d.kind != VEX {
			f.Predicate = p
		}
		all = append(all, f)
	}
	made, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/facts.json", append(made, '\n'), *update, "go test ./internal/inventory -run Facts -update")
}
