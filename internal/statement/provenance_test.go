package statement

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const slsa = `{"buildDefinition":{"buildType":"https://example.com/build/v1","externalParameters":{"ref":"refs/tags/v1","Ref":1},` +
	`"internalParameters":{"run":9007199254740993},"resolvedDependencies":[{"uri":"git+https://example.com/a","digest":{"gitCommit":"` + "0123456789012345678901234567890123456789" + `"}}]},` +
	`"runDetails":{"builder":{"id":"https://example.com/builder","version":{"x":"1"}},"metadata":{"invocationId":"run/1","startedOn":"2026-01-02T03:04:05Z"}}}`

func provenance(predicate string) (Provenance, error) {
	return Statement{PredicateType: ProvenanceV1, Predicate: []byte(predicate)}.Provenance()
}

func TestProvenance_reads_what_JSON_writes(t *testing.T) {
	p, err := provenance(slsa)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.RunDetails.Builder.ID, "https://example.com/builder"; got != want {
		t.Errorf("builder = %q, want %q", got, want)
	}
	if got, want := string(p.BuildDefinition.InternalParameters), `{"run":9007199254740993}`; got != want {
		t.Errorf("internal parameters = %s, want %s", got, want)
	}
	if got, want := string(p.RunDetails.Metadata.InvocationID), `"run/1"`; got != want {
		t.Errorf("invocation = %s, want %s", got, want)
	}
	b, err := p.JSON()
	if err != nil || string(b) != slsa {
		t.Errorf("JSON() = %s, %v, want %s", b, err, slsa)
	}
	again, err := provenance(string(b))
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("read again: got %+v, %v, want %+v", again, err, p)
	}
}

func TestProvenance_ignores_unknown_fields(t *testing.T) {
	for _, s := range []string{`{"x":1,"buildDefinition"`, `{"https://example.com/ext":{"a":[]},"buildDefinition"`} {
		if _, err := provenance(strings.Replace(slsa, `{"buildDefinition"`, s, 1)); err != nil {
			t.Errorf("%s: got %v, want nil", s, err)
		}
	}
	number := strings.Replace(slsa, `"run/1"`, `9007199254740993`, 1)
	if p, err := provenance(number); err != nil || string(p.RunDetails.Metadata.InvocationID) != "9007199254740993" {
		t.Errorf("number as invocation: got %s, %v", p.RunDetails.Metadata.InvocationID, err)
	}
}

func TestB03_provenance_of_another_type(t *testing.T) {
	for _, typ := range []string{"", "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1.0", "https://slsa.dev/Provenance/v1", ProvenanceV1 + "/"} {
		s := Statement{PredicateType: typ, Predicate: []byte(slsa)}
		if p, err := s.Provenance(); fault.Of(err).Code != fault.Predicate || !reflect.DeepEqual(p, Provenance{}) {
			t.Errorf("%q: got %v, want %s", typ, err, fault.Predicate)
		}
	}
}

func TestB04_provenance_that_two_readers_read_differently(t *testing.T) {
	for _, c := range []struct {
		old, new string
		code     fault.Code
	}{
		{`{"id":`, `{"id":"evil","id":`, fault.Malformed},
		{`{"id":`, `{"ID":"evil","id":`, fault.Malformed},
		{`{"id":`, `{"ID":`, fault.Malformed},
		{`{"id":`, `{"x":`, fault.Predicate},
		{`"runDetails":`, `"RunDetails":{"builder":{"id":"evil"}},"runDetails":`, fault.Malformed},
		{`"uri":`, `"URI":"evil","uri":`, fault.Malformed},
		{`"invocationId":`, `"InvocationID":`, fault.Malformed},
		{`{"ref":`, `{"ref":1,"ref":`, fault.Malformed},
		{`"buildType":"https://example.com/build/v1",`, ``, fault.Predicate},
		{`"externalParameters":{"ref":"refs/tags/v1","Ref":1},`, ``, fault.Predicate},
		{`"externalParameters":{"ref":"refs/tags/v1","Ref":1}`, `"externalParameters":[]`, fault.Malformed},
		{`"https://example.com/builder"`, `""`, fault.Predicate},
		{`"https://example.com/builder"`, `1`, fault.Predicate},
		{`"https://example.com/builder"`, `null`, fault.Predicate},
	} {
		if strings.Count(slsa, c.old) != 1 {
			t.Fatalf("%q is not once in the fixture", c.old)
		}
		p, err := provenance(strings.Replace(slsa, c.old, c.new, 1))
		if f := fault.Of(err); err == nil || f.Code != c.code || f.Kind != fault.Refused || !reflect.DeepEqual(p, Provenance{}) {
			t.Errorf("%s: got %v (%s), want %s", c.new, err, f.Code, c.code)
		}
	}
	for _, s := range []string{"", "null", "[]", "1", slsa + slsa, slsa[:20]} {
		if _, err := provenance(s); fault.Of(err).Code != fault.Malformed {
			t.Errorf("%.20q: got %v, want %s", s, err, fault.Malformed)
		}
	}
	if _, err := provenance(slsa); err != nil {
		t.Errorf("untouched: got %v, want nil", err)
	}
}

func TestProvenance_that_is_not_complete_is_not_written(t *testing.T) {
	p, err := provenance(slsa)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(p *Provenance){
		"build type": func(p *Provenance) { p.BuildDefinition.BuildType = "" },
		"builder":    func(p *Provenance) { p.RunDetails.Builder.ID = "" },
		"parameters": func(p *Provenance) { p.BuildDefinition.ExternalParameters = nil },
		"array":      func(p *Provenance) { p.BuildDefinition.ExternalParameters = []byte("[]") },
		"half":       func(p *Provenance) { p.BuildDefinition.InternalParameters = []byte("{") },
	} {
		bad := p
		spoil(&bad)
		if b, err := bad.JSON(); err == nil || b != nil {
			t.Errorf("%s: got %s, want an error", name, b)
		}
	}
}
