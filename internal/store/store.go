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

// A Chain is an attestation manifest that some bundle may be about, with the
// bytes that connect it to an image. A store believes none of them: the reader of a
// chain follows it by the digests of its bytes.
type Chain struct {
	Index    []byte   // the index that names manifest and image; nil: the manifest names the image as its subject
	Manifest []byte   // the attestation manifest (BuildKit, docs/attestations/attestation-storage.md)
	Layers   [][]byte // its in-toto statements, in no order; some may be missing
}

// size is how many bytes of a chain were fetched for it alone.
func (c Chain) size() int {
	n := len(c.Manifest)
	for _, l := range c.Layers {
		n += len(l)
	}
	return n
}

// Found is what a store has about subjects.
type Found struct {
	Bundles []Evidence
	Chains  []Chain   // that make bundles about attestation manifests tell something about a subject
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
	// Document is the file that the bundle's statement summarises, to be kept beside it; nil: there is none.
	Document []byte
}

// Document is a file that a statement summarises.
type Document struct {
	Digest subject.Digest // of its bytes
	Bytes  int64
}

// MaxDocumentBytes bounds such a file.
const MaxDocumentBytes = 64 << 20

// documentSuffix ends the names of such files where they have names; their digest is before it.
const documentSuffix = ".document"

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
	MaxFetchBytes  = 1 << 30  // bytes of all bundles and chains that one call hands over
)

// Limits on what is read of an image for the sake of its attestation manifests.
const (
	maxAttestations   = 128      // attestation manifests of one index
	maxStatements     = 64       // layers of one attestation manifest
	maxStatementBytes = 64 << 20 // bytes of all layers of one attestation manifest
)

// TooLarge is what a bundle of more than MaxBundleBytes is passed over as.
const TooLarge = "bundle of more than 16 MiB"
