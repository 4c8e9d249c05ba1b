// Package policy reads the policy file and judges evidence under it.
//
// Evaluate is the one place where Allow becomes possible. The package refuses
// to look at the world: no network, no clock, no environment, no files beyond
// the bytes it is handed. It refuses to guess as well: an unknown key, an empty
// list, an unanchored pattern and a requirement that requires nothing are
// errors with line and column.
package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of a policy file.
const (
	MaxBytes = 1 << 20 // bytes of a policy file
	MaxDepth = 16      // nesting
)

// Policy is a policy file that was read without a complaint.
type Policy struct {
	Digest       subject.Digest // of the file's bytes
	Artifacts    []Artifact
	Environments []Environment
	Groups       []Group
	People       []Person  // empty: every account is a person of its own
	Agents       Agents    // act for nobody, and never approve
	ApproveIn    []Builder // workflows whose runs carry an approval
	// RecordStore is the OCI repository that entries are kept in where the platform has
	// no store of its own, HOST/PATH; "": the platform's. That of the default branch's
	// policy counts.
	RecordStore string
	Source      []byte // the file's bytes

	places map[string]string // host of a platform: how members name it
	used   vocabulary
}

// Artifact says which subjects it is about, under which trust their evidence
// verifies, and who may have built them.
type Artifact struct {
	Name    string
	Subject []string // patterns of subject names, or names of image repositories
	Trust   Trust
	BuiltBy []Builder
	// Baseline is the commit to begin with where nothing of it entered before; "": that
	// of the environment.
	Baseline string
	Line     int
}

// Trust is the trusted root under which evidence about an artifact verifies.
// There is no other: no default and nothing to fall back to.
type Trust struct {
	Name          string         // of a known instance, or empty
	Root          string         // path of a trusted_root.json, relative to the policy file, or empty
	SHA256        subject.Digest // pin of that file
	Unlogged      bool           // the instance has no logs; a signed time is all there is
	Promise       bool           // a log entry may have the log's promise in place of a proof
	Intermediates bool           // bundles may bring the certificates between the root and the signer
	Key           *Key           // evidence is signed with this key; nil: with a certificate
	Line          int
}

// ID tells two trusts apart. It is the name alone where nothing is added to it.
func (t Trust) ID() string {
	id := t.Name
	if t.Root != "" {
		id = fmt.Sprintf("%s %s %t", t.Root, t.SHA256, t.Unlogged)
	}
	if t.Promise {
		id += " log: promise"
	}
	if t.Intermediates {
		id += " intermediates: bundle"
	}
	if t.Key != nil {
		id += fmt.Sprintf(" key %s %s %t", t.Key.File, t.Key.SHA256, t.Key.Unlogged)
	}
	return id
}

// String says which it is, in the words of a message.
func (t Trust) String() string {
	if t.Root != "" {
		return t.Root
	}
	return t.Name
}

// Builder is one workflow that may have built an artifact.
type Builder struct {
	Forge        Forge
	API          string // where Forge is asked; "": where such a platform has it
	Repository   string // path of the repository on the forge
	RepositoryID string // its number; survives renames, refuses resurrected names
	OwnerID      string // the owner's number, or empty
	Workflow     string // path of the workflow file in the repository
	Refs         []string
	Events       []string
	Runner       string
	Signer       string // another workflow that signs, as PATH@REF on the same forge, PATH@COMMIT or, of this repository, PATH; or empty
	SignerDigest string // its commit; "" where Signer is of this repository or moves
	SignerMoves  bool   // Signer's ref is a branch, a pattern or a tag without its commit, and that is accepted
	Builder      string // builder.id of a provenance, where another workflow than the signer builds; or empty
	OtherJob     bool   // a provenance that describes another job of the project than the one that signed it counts
	Branch       string // the branch, or pattern of branches, that the commit has to be on; "": none is named
	RefUnchecked bool   // nobody here may ask the repository about its refs, and that is accepted
	RefOpen      bool   // the repository's plan protects no refs, and that is accepted
	Line         int
}

// String says who b is, in the words of a message.
func (b Builder) String() string {
	return b.Repository + " " + b.Workflow + "@" + strings.Join(b.Refs, " or ")
}

// BranchName is the shape of a branch's name where exactly one is meant (RE2).
const BranchName = `^[A-Za-z0-9_][A-Za-z0-9_./+-]*$`

// Environment is what has to hold before something enters it.
type Environment struct {
	Name string
	Mode Mode
	// RepositoryID is the number of the repository whose environment it is; "":
	// of the only one that builds (Policy.Home).
	RepositoryID string
	PolicyRef    string // the branch whose policy judges; "": the policy of the job's commit
	Requires     []Requirement
	Approvals    []Rule
	MaxAge       time.Duration // of an approval
	RejectionAge time.Duration // of a rejection that has no expiry of its own
	Separate     bool          // an approval that names other environments too does not count here
	DeployedBy   []string      // paths of the workflows that deploy; none: those that build
	Baseline     string        // the commit to begin with where nothing is deployed
	Forks        Forks         // who counts as the pusher where pushes to a fork cannot be seen
	// Unguarded says that the platform protects nothing here and that the
	// approvals are the protection; Bypassable, that administrators may pass the
	// platform's rules by.
	Unguarded  bool
	Bypassable bool
	// Reviewers is how many people the platform has to ask, 0: as many as protect;
	// SelfReview, whether who started the run may be the one: "on" or "off", empty:
	// only where something else protects it as well.
	Reviewers  int
	SelfReview string
	// Variables is the lowest role that may give a run variables: of
	// variableRoles, or "unchecked"; empty: nobody.
	Variables string
	// DeployingJob is what the job that deploys has to be like where a server is asked: DeploysGated, DeploysUnread or
	// DeploysAny.
	DeployingJob string
	// DeployingIn are the called workflows in which the job that deploys has to be, OWNER/NAME/PATH@REF; none: anywhere.
	DeployingIn []string
	Record      Recording
	Source      *Inflow // nil: commits may have come in any way
	// RunsOnce refuses a run that has built another version which entered before; NotWeaker, evidence that is weaker
	// than that of what is deployed.
	RunsOnce, NotWeaker bool
	// PolicyChange asks for approvals of a change of this policy in the place of
	// Approvals; nil: Approvals are asked.
	PolicyChange *Rule
	// PolicyMerged wants a change of this policy to be on the default branch, onto which
	// somebody else lets it; besides Approvals.
	PolicyMerged bool
	Since        time.Time  // of a required record: what happened before needs no entry
	Emergency    *Emergency // nil: there are no emergency approvals
	Waivers      *Waivers   // nil: no claimed role is waived
	Changes      Changes    // of what people install
	Line         int
}

// Environment returns the environment called name, compared byte for byte.
func (p *Policy) Environment(name string) (Environment, bool) {
	for _, e := range p.Environments {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

// OnlyProvenance reports whether no environment requires more of what was built
// than its provenance.
func (p *Policy) OnlyProvenance() bool {
	return !slices.ContainsFunc(p.Environments, func(e Environment) bool {
		return slices.ContainsFunc(e.Requires, func(q Requirement) bool { return q.Name != "provenance" })
	})
}

// Artifact returns the artifact whose patterns fit the name of a subject.
func (p *Policy) Artifact(name string) (Artifact, bool) {
	for _, a := range p.Artifacts {
		if a.fits(name) {
			return a, true
		}
	}
	return Artifact{}, false
}

// Group returns the group called name.
func (p *Policy) Group(name string) (Group, bool) {
	for _, g := range p.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}

// MergersMayApprove reports whether a group counts the approval of somebody who only
// merged.
func (p *Policy) MergersMayApprove() bool {
	return slices.ContainsFunc(p.Groups, func(g Group) bool { return !slices.Contains(g.Excludes, Merger) })
}

// names returns what artifacts may be called, in the words of a message.
func (p *Policy) names() string {
	var all []string
	for _, a := range p.Artifacts {
		all = append(all, a.Subject...)
	}
	return strings.Join(all, " or ")
}
