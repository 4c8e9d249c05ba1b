package statement

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Signer is who signed, as the signing certificate says. The fields are those
// of the Fulcio certificate extensions 1.3.6.1.4.1.57264.1.N given in brackets;
// an absent extension is empty.
type Signer struct {
	Issuer       string `json:"issuer"`       // [8] OIDC issuer
	SAN          string `json:"san"`          // subject alternative name
	SANKind      string `json:"sanKind"`      // its type: "uri", "email" or "other"
	SignerURI    string `json:"signerURI"`    // [9] workflow that signed, with ref
	SignerDigest string `json:"signerDigest"` // [10] its commit
	Runner       string `json:"runner"`       // [11] runner class
	Repository   string `json:"repository"`   // [12] source repository URI
	Commit       string `json:"commit"`       // [13] source commit
	Ref          string `json:"ref"`          // [14] source ref, fully qualified
	RepositoryID string `json:"repositoryID"` // [15] number of the source repository, as text
	OwnerURI     string `json:"ownerURI"`     // [16] owner of the source repository
	OwnerID      string `json:"ownerID"`      // [17] number of the owner, as text
	ConfigURI    string `json:"configURI"`    // [18] top-level workflow, with ref
	ConfigDigest string `json:"configDigest"` // [19] its commit
	Event        string `json:"event"`        // [20] what started the run
	Run          string `json:"run"`          // [21] run invocation URI
	Visibility   string `json:"visibility"`   // [22] of the source repository at signing
	Environment  string `json:"environment"`  // [23] deployment environment that the job named
	TokenSubject string `json:"tokenSubject"` // [24] the token's subject
}

// Log says how a transparency log vouches for a signature. Its zero is the
// weakest.
type Log int

// The ways, weakest first.
const (
	LogNone    Log = iota // no log was asked for
	LogPromise            // the log signed that it will keep the entry, and nothing shows that it did
	LogProof              // the entry is proved to be in the log
)

// String returns the word that a policy and a report use.
func (l Log) String() string { return logWords[l] }

var logWords = [...]string{"none", "promise", "proof"}

// MarshalText writes the form of String.
func (l Log) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the form of String; an unknown word is an error and leaves
// LogNone.
func (l *Log) UnmarshalText(b []byte) error {
	i := slices.Index(logWords[:], string(b))
	*l = Log(max(i, 0))
	if i < 0 {
		return fault.Errorf("%q is not one of %q", b, logWords)
	}
	return nil
}
