// Package dialect knows how builders write provenance: which member of a
// predicate has to say the same as which extension of the signing certificate,
// which members carry what a person could choose, and which say nothing that
// could be compared.
//
// A provenance is text that somebody in the job wrote; the certificate is not.
// The package compares the two and refuses to excuse a difference, to guess a
// builder from the look of a text, and to believe a member that it does not
// know. It judges no signer: whose certificate counts is a policy's question.
//
// All knowledge stands in one table (table.go). A builder more is one entry and
// one recorded sample; docs/builders.md is written from the table.
package dialect

import (
	"slices"
	"strings"
)

// The kinds of platform that run builds, as a forge of a policy names them.
const (
	GitHub = "github"
	GitLab = "gitlab"
)

// Predicate types of provenance (https://slsa.dev/spec/v1.1/provenance,
// https://slsa.dev/spec/v0.2/provenance).
const (
	ProvenanceV1  = "https://slsa.dev/provenance/v1"
	ProvenanceV02 = "https://slsa.dev/provenance/v0.2"
)

// A Dialect is one way to write provenance.
type Dialect struct {
	Name      string
	Written   string // by whom, in words, for the page
	Predicate string // predicate type; the version of the statement says nothing
	BuildType Match
	Forge     string // GitHub or GitLab
	Builder   BuilderForm
	Equal     []Equality
	Source    Source
	Chosen    []Chosen
	Inputs    InputsForm
	Names     NameForm
	Carried   bool     // an attestation manifest may carry it, and be signed in its place
	Elsewhere bool     // another job of the project may sign it, where a policy says so
	Free      []string // members that have no counterpart, in words
	Sample    string   // file in testdata, "" where the entry shares another's
	Note      string   // what a reader has to know, for the page
}

// Match is a build type: Head alone, or Head and Tail around one part that is
// free, such as a version.
type Match struct {
	Head, Tail string
	Part       string // what the free part is, in words; "" for none
}

// Is reports whether s is the build type.
func (m Match) Is(s string) bool {
	if m.Part == "" {
		return s == m.Head
	}
	return len(s) > len(m.Head)+len(m.Tail) && strings.HasPrefix(s, m.Head) && strings.HasSuffix(s, m.Tail)
}

// String writes the build type, with the free part in angle brackets.
func (m Match) String() string {
	if m.Part == "" {
		return m.Head
	}
	return m.Head + "<" + m.Part + ">" + m.Tail
}

// An Equality is a member that has to say what the certificate says.
type Equality struct {
	Member   string // names joined by dots
	Want     Value
	Or       Value // a second value that is as good, or 0
	Optional bool  // absent is no matter; present, it has to be equal
	Number   bool  // a JSON number is as good as its decimal text
}

// Source says where the commit stands among what a build used.
type Source struct {
	List    string // array of resource descriptors
	URI     Value
	Digest  string // key of the commit in the digest set
	Exactly int    // how many entries the list has; 0 is any number, less is none
	Rest    Value  // what the URI of each other entry is; 0 is anything
	// Other says that the builder may build another commit than the run's, which
	// is a difference with a name of its own.
	Other bool
}

// Chosen is an object whose member names a person could choose.
type Chosen struct {
	Member string
	Known  []string // names that are the platform's own; one may end in "*"
	Prefix string   // put before each name, for a policy
	Person bool     // the object is there for nothing but what a person chose
}

// InputsForm says whether a predicate tells the names of what a person chose
// when they started the run.
type InputsForm int

// The forms.
const (
	InputsTold    InputsForm = iota // every name is there
	InputsUntold                    // no name is there, whatever was chosen
	InputsMarked                    // the names are there if externalParameters.inputs is
	VariablesTold                   // the names are there if externalParameters.variables is
	ArgsIfMax                       // the names are there if the builder says that they are complete
)

// NameForm is the form of a subject's name.
type NameForm int

// The forms.
const (
	NamesAFile       NameForm = iota // a path or a file name
	NamesWhatItLikes                 // whatever the caller wrote: a file, an image, a package URL
	NamesAPackage                    // a package URL (purl)
	NamesAnImage                     // a repository of a registry, or a package URL of one
)

// String says it in words, for the page.
func (n NameForm) String() string {
	return [...]string{"a file", "what its caller wrote", "a package URL", "an image"}[n]
}

// SignsElsewhere reports whether a builder of a forge has its text signed by
// another job than the one that built.
func SignsElsewhere(forge string) bool {
	return slices.ContainsFunc(Table, func(d Dialect) bool { return d.Forge == forge && d.Elsewhere })
}

// Provenance are the predicate types that entries of the table have.
func Provenance() []string { return []string{ProvenanceV1, ProvenanceV02} }

// IsProvenance reports whether predicateType is one that is compared with the
// certificate.
func IsProvenance(predicateType string) bool { return slices.Contains(Provenance(), predicateType) }
