// Package ledger is the record of a server: the leaves of a Merkle tree, signed checkpoints of the tree, and proofs
// that can be checked without the server.
//
// A leaf is one line of JSON. Its exact bytes are hashed (RFC 6962 section 2.1, by golang.org/x/mod/sumdb/tlog). A
// checkpoint is a signed note (C2SP tlog-checkpoint and signed-note). A reader who has kept a checkpoint can see later
// whether the leaves before it were changed. The order of the leaves is their place in the tree; the times in them are
// only information.
//
// It reads and verifies; only the server appends. It refuses a leaf that is not in the one form for leaves, because
// two programs could read another form differently. The forms are in docs/ledger.md and
// shared/ledger-leaf.schema.json.
package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Version is that of the form of leaves.
const Version = 1

// MaxLeaf is how many bytes a leaf has at most.
const MaxLeaf = 64 << 10

// saltBytes is how many random bytes a leaf has, so that the hash of one that is not shown cannot be guessed.
const saltBytes = 16

// A Kind says what a leaf is about.
type Kind string

// The kinds of leaves.
const (
	Attested   Kind = "attested"    // evidence was kept
	Judged     Kind = "judged"      // a deployment was judged: allowed, denied or waiting
	WouldJudge Kind = "would-judge" // the same in an environment that is only watched; nothing follows from it
	Answered   Kind = "answered"    // the platform took an answer
	Approved   Kind = "approved"    // a person's word was kept
	Entered    Kind = "entered"     // something is in an environment
	Left       Kind = "left"        // something is not in an environment any more
	Bypassed   Kind = "bypassed"    // a deployment started without an answer, or a rule of an environment is off
	Policy     Kind = "policy"      // another policy counts for a repository
	Started    Kind = "started"     // a server started
	NewKey     Kind = "key"         // checkpoints are signed by another key from here
	Continued  Kind = "continued"   // the first leaf after a loss: it names the last checkpoint that is known
	Deleted    Kind = "deleted"     // bodies of leaves were deleted, because they were older than is kept
)

var kinds = []Kind{
	Attested, Judged, WouldJudge, Answered, Approved, Entered, Left, Bypassed, Policy,
	Started, NewKey, Continued, Deleted,
}

// A Leaf is one entry of a ledger. Its fields, and those of About, stand in the order of the names of their members,
// as in its bytes.
type Leaf struct {
	About      About     `json:"about"`
	At         time.Time `json:"at"`   // UTC, in milliseconds
	Host       string    `json:"host"` // of the platform; "": the server itself
	Kind       Kind      `json:"kind"`
	Name       string    `json:"name"`       // of the repository, for people
	Owner      string    `json:"owner"`      // number of the tenant on the host
	Repository string    `json:"repository"` // number on the host
	Salt       string    `json:"salt"`       // 128 random bits, in hexadecimal
	Version    int       `json:"v"`
}

// About is what a leaf says. Which members are there follows from its kind.
type About struct {
	Attempt     int      `json:"attempt,omitempty"` // of the run
	Before      string   `json:"before,omitempty"`  // digest of the policy, or the key, before
	Checkpoint  string   `json:"checkpoint,omitempty"`
	Code        string   `json:"code,omitempty"` // of the first finding that denies or waits
	Commit      string   `json:"commit,omitempty"`
	Decision    string   `json:"decision,omitempty"`   // its identifier
	Deployment  string   `json:"deployment,omitempty"` // number
	Environment string   `json:"environment,omitempty"`
	Evidence    string   `json:"evidence,omitempty"` // digest of the bundle
	Input       string   `json:"input,omitempty"`    // digest of the input that was judged
	Key         string   `json:"key,omitempty"`      // a verifier of notes
	Missing     int64    `json:"missing,omitempty"`  // leaves that are lost
	Outcome     string   `json:"outcome,omitempty"`  // allow, deny or wait; of an answer: approved or rejected
	Policy      string   `json:"policy,omitempty"`   // digest
	Program     string   `json:"program,omitempty"`  // and its version
	Reason      string   `json:"reason,omitempty"`   // in words
	Run         string   `json:"run,omitempty"`      // number
	Signer      string   `json:"signer,omitempty"`   // subject of the certificate
	Subjects    []string `json:"subjects,omitempty"` // digests, sha256:HEX
	Type        string   `json:"type,omitempty"`     // predicate type of evidence
	Verdict     string   `json:"verdict,omitempty"`  // digest of the verdict
}

// Bytes is the one form of a leaf. salt has 16 random bytes.
func (l Leaf) Bytes(salt []byte) ([]byte, error) {
	l.Version, l.At, l.Salt = Version, l.At.UTC().Truncate(time.Millisecond), hex.EncodeToString(salt)
	if err := l.check(); err != nil {
		return nil, err
	}
	b, err := strictjson.Sorted(&l)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxLeaf {
		return nil, fault.New(fault.Refused, fault.Limit, "", "a leaf of %d bytes, want %d at most", len(b), MaxLeaf)
	}
	return b, nil
}

func (l *Leaf) check() error {
	switch {
	case l.Version != Version:
		return malformed("version %d of a leaf, want %d", l.Version, Version)
	case !slices.Contains(kinds, l.Kind):
		return malformed("kind %q of a leaf, want one of %v", fault.Cut(string(l.Kind)), kinds)
	case len(l.Salt) != 2*saltBytes || strings.Trim(l.Salt, "0123456789abcdef") != "":
		return malformed("salt %q, want %d hexadecimal digits", fault.Cut(l.Salt), 2*saltBytes)
	case l.At.IsZero():
		return malformed("a leaf without a time")
	case (l.Host == "") != (l.Repository == "") || (l.Host == "") != (l.Owner == ""):
		return malformed("host, owner and repository of a leaf are there together or not at all")
	}
	return nil
}

// ParseLeaf reads a leaf, which has to be in the form of Bytes.
func ParseLeaf(b []byte) (Leaf, error) {
	const depth = 4
	var l Leaf
	if len(b) > MaxLeaf {
		return l, fault.New(fault.Refused, fault.Limit, "", "a leaf of %d bytes, want %d at most", len(b), MaxLeaf)
	}
	if !strictjson.Is(b, &l) {
		var other Leaf
		if err := strictjson.DecodeExact(b, depth, "a leaf", &other); err != nil {
			return l, err
		}
		return l, malformed("a leaf is not in its canonical form (RFC 8785)")
	}
	return l, l.check()
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "ask the server for the export again", format, args...)
}

// member reports whether a line is a JSON object whose only member has that name, and returns the text of the member.
func member(line []byte, name string) (string, bool) {
	if !bytes.HasPrefix(line, []byte(`{"`+name+`":`)) {
		return "", false
	}
	var m map[string]string
	if json.Unmarshal(line, &m) != nil || len(m) != 1 {
		return "", false
	}
	return m[name], true
}
