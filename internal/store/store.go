// Package store holds the places where bundles live: a directory and an OCI
// registry.
//
// A store moves bytes. It refuses to judge them: nothing that it returns is to
// be believed, and a store that does not answer is an error, never an empty
// list. What anybody could have put beside the evidence is passed over and
// counted, so that it can neither pass for evidence nor hide it.
package store

import "github.com/sallyport-dev/sallyport/internal/subject"

// Evidence is one bundle as a store holds it.
type Evidence struct {
	Bundle []byte // one Sigstore bundle, JSON; unverified
	Source string // where it was found, for people: "registry ghcr.io/acme/app", "file x.json"
}

// Found is what a store has about subjects.
type Found struct {
	Bundles []Evidence
	Passed  []Passed  // what lies in the same place and does not count
	Covered []Covered // what is there and could not be handed over
}

// Covered is a bundle that a store holds and does not hand over, because
// something else lies over it. It is an error, unless the same bytes come from
// elsewhere: a bundle that is hidden may be the one that says no.
type Covered struct {
	Digest subject.Digest // of the bundle's bytes
	Err    error
}

// Record is a bundle to be kept.
type Record struct {
	Subjects      []subject.Subject // what the bundle is about
	PredicateType string
	Bundle        []byte // one Sigstore bundle, JSON
}

// Receipt says where a bundle was put.
type Receipt struct {
	Store string // name of the store
	ID    string // the store's own identifier, or empty
	URL   string // where a person can look at it, or empty
}

// Limits on what a store may hand over, so that a hostile store can exhaust
// nothing. More than a limit is an error with code E_LIMIT, never a truncation.
const (
	MaxPerSubject  = 20_000   // bundles about one subject
	MaxBundleBytes = 16 << 20 // bytes of one bundle; a larger one is passed over
	MaxFetchBytes  = 1 << 30  // bytes of all bundles that one call hands over
)

// TooLarge is what a bundle of more than MaxBundleBytes is passed over as.
const TooLarge = "bundle of more than 16 MiB"
