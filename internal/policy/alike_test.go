package policy

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func TestI13_provenance_repeats_only_what_is_the_same_in_all_but_its_run(t *testing.T) {
	pair := func() (e, f Fact) {
		e.Signer = statement.Signer{SAN: "https://code.example/acme/app/ci.yml@refs/heads/main", Commit: "4f2a91c", Run: "run 1"}
		e.Statement = statement.Statement{PredicateType: statement.ProvenanceV1, Predicate: []byte(`{"buildDefinition":{"x":1},"runDetails":{"a":1}}`)}
		f = e
		f.Signer.Run, f.Statement.Predicate = "run 2", []byte(`{"buildDefinition":{"x":1},"runDetails":{"a":2}}`)
		return e, f
	}
	if e, f := pair(); !alike(e, f) || !dialect.IsProvenance(statement.ProvenanceV1) {
		t.Error("the same provenance of another run: not alike, want that it is")
	}
	said := func(e, f string) func(*Fact, *Fact) {
		return func(x, y *Fact) { x.Statement.Predicate, y.Statement.Predicate = []byte(e), []byte(f) }
	}
	for name, spoil := range map[string]func(e, f *Fact){
		"another signer":              func(_, f *Fact) { f.Signer.SAN += "x" },
		"another commit":              func(_, f *Fact) { f.Signer.Commit += "x" },
		"no commit":                   func(e, f *Fact) { e.Signer.Commit, f.Signer.Commit = "", "" },
		"the earlier signed by a key": func(e, _ *Fact) { e.Keyed = true },
		"the later signed by a key":   func(_, f *Fact) { f.Keyed = true },
		"about another image": func(e, f *Fact) {
			e.Via, f.Via = &Via{Image: subject.Sum([]byte("a"))}, &Via{Image: subject.Sum([]byte("b"))}
		},
		"of the image and not of the index": func(_, f *Fact) { f.Via = &Via{} },
		"another type":                      func(_, f *Fact) { f.Statement.PredicateType = dialect.ProvenanceV02 },
		"a scan": func(e, f *Fact) {
			e.Statement.PredicateType, f.Statement.PredicateType = "https://scan.example", "https://scan.example"
		},
		"another content":            said(`{"buildDefinition":{"x":1}}`, `{"buildDefinition":{"x":2}}`),
		"no content":                 said(`null`, `null`),
		"no JSON":                    said(`{`, `{`),
		"a number that differs late": said(`{"x":9007199254740992}`, `{"x":9007199254740993}`),
	} {
		e, f := pair()
		spoil(&e, &f)
		if alike(e, f) {
			t.Errorf("%s: alike, want another provenance", name)
		}
	}
}
