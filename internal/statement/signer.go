package statement

// Signer is who signed, as the signing certificate says. The fields are those
// of the Fulcio certificate extensions 1.3.6.1.4.1.57264.1.N given in brackets;
// an absent extension is empty.
type Signer struct {
	Issuer       string // [8] OIDC issuer
	SAN          string // subject alternative name
	SANKind      string // its type: "uri", "email" or "other"
	SignerURI    string // [9] workflow that signed, with ref
	SignerDigest string // [10] its commit
	Runner       string // [11] runner class
	Repository   string // [12] source repository URI
	Commit       string // [13] source commit
	Ref          string // [14] source ref, fully qualified
	RepositoryID string // [15] number of the source repository, as text
	OwnerURI     string // [16] owner of the source repository
	OwnerID      string // [17] number of the owner, as text
	ConfigURI    string // [18] top-level workflow, with ref
	ConfigDigest string // [19] its commit
	Event        string // [20] what started the run
	Run          string // [21] run invocation URI
	Visibility   string // [22] of the source repository at signing
	Environment  string // [23] deployment environment that the job named
	TokenSubject string // [24] the token's subject
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
func (l Log) String() string { return [...]string{"none", "promise", "proof"}[l] }
