// Package sigstore makes proof: it signs statements, verifies bundles and
// holds trusted roots.
//
// It is the only room that knows sigstore-go, and the only one that can make a
// Verified. It refuses to repair evidence: what a bundle lacks is missing, no
// log, authority or key server is ever asked while verifying, and trust comes
// only from the trusted root that the caller chose.
//
// Its requests go through package client, those of sigstore-go and go-tuf too.
// One library takes no client: while a person signs in (Login), the OpenID
// provider is asked by the library's own.
package sigstore

// Limits on a bundle. More than a limit is refused, never cut.
const (
	MaxBundleBytes = 16 << 20 // bytes of one bundle's JSON
	MaxDepth       = 32       // nesting of one bundle's JSON
	MaxLogEntries  = 32       // transparency log entries of one bundle
	MaxTimestamps  = 32       // signed timestamps of one bundle
	MaxChain       = 10       // certificates of one bundle
	MaxBetween     = 4        // of them between root and signer, where a bundle may bring those
	MaxLeafBytes   = 32 << 10 // bytes of the signing certificate

	MaxTimestampBytes = 64 << 10 // bytes of one signed timestamp

	MaxEntryBytes      = 64 << 10 // bytes of what a log recorded in one entry: a certificate and little more
	MaxEntryValues     = 128      // JSON values of it
	MaxProofHashes     = 64       // hashes of one inclusion proof: a tree of 2^63 needs 63
	MaxCheckpointBytes = 64 << 10 // bytes of one checkpoint
	MaxCheckpointLines = 32       // signature lines of it: the log's, and those of witnesses
)

// Requirements say which evidence a bundle has to bring. Every number counts
// distinct authorities, never entries. The zero value is not usable: a
// certificate without a trustworthy time of signing proves nothing.
type Requirements struct {
	SCTs       int  // certificate transparency logs that saw the certificate
	Logs       int  // transparency logs that hold the signature
	Timestamps int  // timestamp authorities that signed a time
	Timed      bool // a time is required, from an authority or under a log's promise
	Proofs     bool // every log entry carries an inclusion proof, not only a promise
	// Intermediates accepts certificates between the root and the signer from the
	// bundle, for an authority whose trusted root holds its root alone.
	Intermediates bool
}

// The requirements of the known arrangements.
var (
	// Transparent is what the public-good instance and private instances of the
	// same shape give: certificate log, signature log and a time.
	Transparent = Requirements{SCTs: 1, Logs: 1, Timed: true, Proofs: true}
	// Interoperable is Transparent, and accepts the log promises that bundles
	// of version 0.1 carry instead of proofs.
	Interoperable = Requirements{SCTs: 1, Logs: 1, Timed: true}
	// Unlogged is what instances without any log give: a signed time only.
	Unlogged = Requirements{Timestamps: 1, Timed: true}
)
