package material_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/material"
)

// members are the paths of all members of a document, at which one is taken away in turn.
func members(v any, at []string, visit func(at []string)) {
	switch x := v.(type) {
	case map[string]any:
		for name, inner := range x {
			path := append(append([]string{}, at...), name)
			visit(path)
			members(inner, path, visit)
		}
	case []any:
		if len(x) > 0 {
			members(x[0], append(append([]string{}, at...), "[0]"), visit)
		}
	}
}

// without is a copy of a document that lacks the member at a path.
func without(t *testing.T, b []byte, at []string) []byte {
	t.Helper()
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	v := doc
	for _, step := range at[:len(at)-1] {
		if step == "[0]" {
			v = v.([]any)[0]
		} else {
			v = v.(map[string]any)[step]
		}
	}
	delete(v.(map[string]any), at[len(at)-1])
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestE16_a_member_that_is_absent_is_refused_by_the_reader_and_by_the_schema(t *testing.T) {
	full := material.Manifest{
		RecordedBy:  material.ByOwnJob,
		Command:     []string{"make"},
		Started:     time.Now(),
		Ended:       time.Now(),
		Observation: material.Observed{Files: "observed", Processes: "observed", Network: "observed"},
		Source: material.Source{
			Submodules: []material.Submodule{{}},
		},
		Products: []material.Product{{Path: "x", Digest: hexOf('a')}},
		Materials: []material.Material{
			{How: material.FromSource},
		},
		Programs:   []material.Program{{}},
		Toolchains: []material.Toolchain{{}},
		Locks: []material.Lock{
			{State: material.LockRead},
		},
		Packages:  []material.Package{{State: material.Locked}},
		Images:    []material.Reference{{}},
		Actions:   []material.Reference{{}},
		Variables: []material.Variable{{}},
		Hosts:     []material.Connection{{}},
	}
	again := material.Reproduction{
		Started:   time.Now(),
		Ended:     time.Now(),
		Network:   "cut",
		Commit:    hexOf('e')[:40],
		Command:   []string{"make"},
		Artifacts: []material.Rebuilt{{Was: hexOf('a'), Causes: []material.Fix{{}}}},
		Varied:    []material.Varied{{}},
		Same:      []material.NotMoved{{}},
	}
	for name, x := range map[string]struct {
		json func() ([]byte, error)
		read func([]byte) error
	}{
		"build-manifest": {full.JSON, func(b []byte) error { _, err := material.Read(b); return err }},
		"reproduction":   {again.JSON, func(b []byte) error { _, err := material.ReadReproduction(b); return err }},
	} {
		s, err := jsonschema.NewCompiler().Compile("../../shared/" + name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		valid := func(b []byte) error {
			var doc any
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			return s.Validate(doc)
		}
		b, err := x.json()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.read(b); err != nil {
			t.Errorf("%s as it is written: %v", name, err)
		}
		if err := valid(b); err != nil {
			t.Errorf("%s as it is written: %v", name, err)
		}
		var doc any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		n := 0
		members(doc, nil, func(at []string) {
			n++
			less := without(t, b, at)
			err := x.read(less)
			if err == nil {
				t.Errorf("%s without %v is read", name, at)
			} else if last := at[len(at)-1]; !strings.Contains(err.Error(), last+`" is absent`) && !strings.Contains(err.Error(), `"`+last+`"`) {
				t.Errorf("%s without %v: %v, want the name of what is absent", name, at, err)
			}
			if valid(less) == nil {
				t.Errorf("%s without %v fits the schema", name, at)
			}
		})
		if n < 20 {
			t.Errorf("%s has %d members, want 20 at least", name, n)
		}
	}
}

func hexOf(c byte) string {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return string(b)
}
