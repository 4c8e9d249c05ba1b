// Package inventory reads what tools write about an artifact: lists of what it holds, findings of
// scanners, results of tests, and statements about vulnerabilities.
//
// It refuses to judge, and it refuses to guess: what a document does not say is kept as not said,
// and never as nothing found. A document that two readers could read in two ways is an error.
package inventory

import "time"

// Kind is what a report is about.
type Kind string

// The kinds of reports.
const (
	SBOM            Kind = "sbom"            // what the artifact holds
	Vulnerabilities Kind = "vulnerabilities" // what a scanner found in it
	TestResults     Kind = "test-results"    // which of its tests ran, and how they ended
	VEX             Kind = "vex"             // whether it is affected by a vulnerability
	KnownExploited  Kind = "known-exploited" // vulnerabilities that are known to be exploited anywhere
)

// Kinds are all kinds of reports, in the order in which people are told of them.
func Kinds() []Kind { return []Kind{SBOM, Vulnerabilities, TestResults, VEX, KnownExploited} }

// Limits of one document.
const (
	MaxBytes      = 64 << 20 // of a document
	MaxDepth      = 128      // nesting
	MaxFindings   = 50_000
	MaxComponents = 500_000
	MaxCases      = 500_000
)

// Report is what one document says. Of Contents, Scan, Tests, Statements and Exploited the one of
// its kind is set.
type Report struct {
	Document Document `json:"document"`
	Tool     Tool     `json:"tool"`
	// Time is when the tool finished, as the document says; zero: it does not say.
	Time time.Time `json:"time,omitzero"`
	// About are the SHA-256 digests, in hex, that the document names as what it is about: of
	// a file, or of an image's manifest. None: it names none.
	About []string `json:"about,omitempty"`
	// Named is what the document calls what it is about, for people.
	Named string `json:"named,omitempty"`
	// Asserted are the members that the document does not have and that the signer added: "tool",
	// "time", "database".
	Asserted []string `json:"asserted,omitempty"`
	// Inputs are what a caller chose for the workflow that made the report. nil: it is not said.
	Inputs Inputs `json:"inputs,omitzero"`

	Contents   *Contents   `json:"contents,omitzero"`
	Scan       *Scan       `json:"scan,omitzero"`
	Tests      *Tests      `json:"tests,omitzero"`
	Statements []Statement `json:"statements,omitempty"`
	Exploited  *Exploited  `json:"exploited,omitzero"`
}

// Inputs are names and values.
type Inputs map[string]string

// Document is the file that a report was read from.
type Document struct {
	Format string `json:"format"` // in words: "CycloneDX 1.6", "Trivy", "JUnit"
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	// Apart says that the file is stored beside the statement: it is too large to be in it.
	Apart bool `json:"apart,omitempty"`
}

// Tool is what wrote a document. Empty texts: the document does not say.
type Tool struct {
	Name    string `json:"name,omitempty"` // as the tool writes it, in lower case: "trivy", "govulncheck"
	Version string `json:"version,omitempty"`
}

// Contents are what an artifact holds.
type Contents struct {
	Components int `json:"components"`
	// Completeness is what the document says about the whole list; "": nothing.
	Completeness Completeness `json:"completeness,omitempty"`
}

// Completeness is how much of an artifact a list claims to hold.
type Completeness string

// What a document may say about its completeness. Of several statements the weakest counts.
const (
	Complete   Completeness = "complete"
	Incomplete Completeness = "incomplete" // some parts are known to be missing
	Unknown    Completeness = "unknown"    // the document says that it is not known
)

// Scan is what a scanner found.
type Scan struct {
	// Finished is whether the document says that the scan came to its end.
	Finished Answer   `json:"finished"`
	Database Database `json:"database,omitzero"`
	// Targets are what was looked at. None: the document does not say.
	Targets  []Target  `json:"targets,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// Filters are what the document says was left out of it, in words: a severity, a file of exclusions.
	Filters []string `json:"filters,omitempty"`
}

// Answer is what a document says to a question.
type Answer string

// The answers. Not said is neither.
const (
	NotSaid Answer = ""
	Yes     Answer = "yes"
	No      Answer = "no"
)

// Database is what a scanner knew.
type Database struct {
	URI     string    `json:"uri,omitempty"`
	Version string    `json:"version,omitempty"`
	Updated time.Time `json:"updated,omitzero"` // zero: the document does not say
}

// Target is one thing that was looked at.
type Target struct {
	Name string `json:"name"`
	// Components are what was looked at in it: package URLs, or NAME@VERSION. They are in
	// order, each once.
	Components []string `json:"components,omitempty"`
}

// Finding is a vulnerability in a component.
type Finding struct {
	ID      string   `json:"id"`
	Aliases []string `json:"aliases,omitempty"`
	// Severity is the highest of all that the document gives.
	Severity Severity `json:"severity"`
	Score    string   `json:"score,omitempty"` // the highest CVSS base score, as written: "7.5"
	Target   string   `json:"target,omitempty"`
	// Component is a package URL, or NAME@VERSION.
	Component string `json:"component,omitempty"`
	// Suppressed is why the document itself does not count it, in words; "": it counts it.
	Suppressed string `json:"suppressed,omitempty"`
	// Called is whether the scanner says that the program calls what is vulnerable.
	Called Answer `json:"called,omitempty"`
}

// Severity is how bad a finding is. Unknown is the worst.
type Severity string

// The severities, from the least.
const (
	None            Severity = "none"
	Low             Severity = "low"
	Medium          Severity = "medium"
	High            Severity = "high"
	Critical        Severity = "critical"
	UnknownSeverity Severity = "unknown"
)

// Tests are the results of tests.
type Tests struct {
	// Finished is whether the document says that the run came to its end.
	Finished Answer  `json:"finished"`
	Suites   []Suite `json:"suites,omitempty"`
	// Failed are the first tests that failed, SUITE/NAME, for people.
	Failed []string `json:"failed,omitempty"`
}

// Suite is a group of tests. The numbers are of the cases that the document lists.
type Suite struct {
	Name    string `json:"name"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed,omitempty"` // with errors
	Skipped int    `json:"skipped,omitempty"`
}

// Statement is what somebody says about vulnerabilities in products.
type Statement struct {
	ID            string    `json:"id"`
	Aliases       []string  `json:"aliases,omitempty"`
	Status        string    `json:"status"` // not_affected, affected, fixed, under_investigation
	Justification string    `json:"justification,omitempty"`
	Impact        string    `json:"impact,omitempty"` // in the author's words
	Time          time.Time `json:"time,omitzero"`    // of the statement, or else of the document
	Products      []Product `json:"products,omitempty"`
}

// Product is what a statement is about.
type Product struct {
	ID string `json:"id"`
	// SHA256 are the digests by which the document names it, in hex.
	SHA256 []string `json:"sha256,omitempty"`
	// Components are the parts of it that are meant; none: all of it.
	Components []string `json:"components,omitempty"`
}

// Exploited is a list of vulnerabilities.
type Exploited struct {
	Version string   `json:"version,omitempty"`
	IDs     []string `json:"ids"` // in order, each once
}
