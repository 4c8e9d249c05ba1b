package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Forge is what a door knows about the platform behind an issuer. Policies name
// issuers only; the host of everything else follows from the issuer, so that a
// second instance with the same names can never stand in for the first.
type Forge struct {
	Issuer string   `json:"issuer"`           // OIDC issuer, exact
	Host   string   `json:"host"`             // base URL of repositories, for example "https://git.example"
	Mark   string   `json:"mark"`             // what stands between a repository and a path in a workflow URI: "/" or "//"
	Runner string   `json:"runner"`           // runner class that the platform itself operates, or empty
	Events []string `json:"events,omitempty"` // events eligible for a release when a policy names none
	// Kind says which dialects the platform's builders write.
	Kind string `json:"kind"`
	// Folder is where workflows are kept, or empty; a path of one begins with it.
	Folder string `json:"folder"`
	// OwnConfig says that a run is always configured by the commit that it builds.
	OwnConfig bool `json:"ownConfig"`
	// Children are events of runs that another run starts and hands variables to.
	Children []string `json:"children,omitempty"`
	// Releases is the name in the certificate with which the platform signs what
	// its repositories release, or empty.
	Releases string `json:"releases"`
	// Compare stands between a repository and BASE...HEAD in the address of the page
	// that shows what changed.
	Compare string `json:"compare"`
	// Started are the events that a person causes by hand; only such a run
	// carries an approval.
	Started []string `json:"started,omitempty"`
}

// Protection is what a platform says about an environment. Its zero is unknown,
// and unknown is not allowed.
type Protection struct {
	State   State    `json:"state"`
	Rules   []string `json:"rules,omitempty"` // what protects it, in words: "2 required reviewers"
	Found   string   `json:"found"`           // what was seen, in words, when it is not protected
	Hidden  bool     `json:"hidden"`          // … and a token that may not see a protection is told the same
	Setting string   `json:"setting"`         // the setting to change, and where
	ID      string   `json:"id"`              // the platform's number of the environment, or ""
	Bypass  Bypass   `json:"bypass"`          // whether somebody may pass the rules by
	Asked   bool     `json:"asked"`           // the platform asks somebody before a job enters
	Self    bool     `json:"self"`            // who started the run may approve it there

	ByReview bool     `json:"byReview"`         // the people who are asked are all that protects it
	People   int      `json:"people"`           // how many people are asked, as far as that is known
	Unseen   []string `json:"unseen,omitempty"` // teams that are asked, whose members may not be seen here

	Variables Variables `json:"variables"`
}

// Bypass says whether administrators may pass an environment's rules by.
type Bypass int

// The answers; everything but NoBypass denies, unless the policy accepts it by
// name.
const (
	BypassUnknown Bypass = iota
	BypassOn
	NoBypass
)

// State says whether an environment is protected.
type State int

// The states of an environment; everything but Protected denies.
const (
	Unknown State = iota
	Missing
	Unprotected
	Protected
)

// Fact is what a verified bundle states and who said it. Facts are made from
// verified bundles only, by one function of package gate.
type Fact struct {
	Signer        statement.Signer    `json:"signer"`
	Keyed         bool                `json:"keyed"`           // a key signed; Signer is empty
	Trust         string              `json:"trust"`           // Trust.ID of the trust in the policy under which it verified
	Names         []string            `json:"names,omitempty"` // of the subject, as the statement calls it; empty where it has none
	Log           statement.Log       `json:"log"`             // how a log vouches for it
	Intermediates bool                `json:"intermediates"`   // the bundle brought certificates between the root and the signer, and they were needed
	Time          time.Time           `json:"time"`            // earliest verified time of signing
	Statement     statement.Statement `json:"-"`               // the signed statement
	StatementHash subject.Digest      `json:"statementHash"`   // digest of the signed payload bytes
	Source        string              `json:"source"`          // where the bundle was found
	// Via is set where somebody signed an attestation manifest that carries the
	// statement. The fact is then about an image, which the subject may be or hold.
	Via *Via `json:"via"`
}

// Via is the attestation manifest by way of which a statement is signed: it is a
// layer of the manifest.
type Via struct {
	Manifest subject.Digest `json:"manifest"`
	Image    subject.Digest `json:"image"`           // what the statement is about
	Platform string         `json:"platform"`        // of the image, as the subject calls it; "" where the image is the subject
	Kinds    []string       `json:"kinds,omitempty"` // predicate types of all statements in the manifest, "" where one could not be told
}

// Rejection is a bundle that did not verify, with the reason.
type Rejection struct {
	Code     fault.Code       `json:"code"`
	Reason   string           `json:"reason"`
	Hint     string           `json:"hint"` // the next step, where the reason has one of its own
	Source   string           `json:"source"`
	Via      *Via             `json:"via"`      // of a bundle about an attestation manifest that leads to this subject
	Attested *subject.Digest  `json:"attested"` // what a genuine bundle is about, under the name of this subject
	Signer   statement.Signer `json:"signer"`   // who signed that bundle
}

// Candidate is one subject with everything that was found about it.
type Candidate struct {
	Subject subject.Subject `json:"subject"`
	// Parts are the images of the index that the subject is, where evidence leads to
	// one of them; else nil. What is known of some of them is nothing about the
	// index.
	Parts []subject.Part `json:"parts,omitempty"`
	// Package is what people install, if the subject is a file that somebody has looked into; else nil.
	Package *contents.Package `json:"package,omitempty"`
	Facts   []Fact            `json:"-"`
	// Documents are the SHA-256 digests, in hex, of documents that are kept beside statements which summarise them.
	Documents  []string    `json:"documents,omitempty"`
	Rejections []Rejection `json:"rejections,omitempty"`
	More       int         `json:"more"` // rejections beyond those, which are counted and not kept
	Strangers  Strangers   `json:"strangers"`
}

// Lacks reports whether there is a subject, or an image of it, that no fact is
// about.
func (c Candidate) Lacks() bool {
	if slices.ContainsFunc(c.Facts, func(f Fact) bool { return !c.partial(f) }) {
		return false
	}
	return len(c.Facts) == 0 || slices.ContainsFunc(c.Parts, func(p subject.Part) bool {
		return !slices.ContainsFunc(c.Facts, func(f Fact) bool { return f.Via != nil && f.Via.Image == p.Digest })
	})
}

// partial reports whether f is about an image of the subject and not about the
// subject.
func (c Candidate) partial(f Fact) bool { return f.Via != nil && f.Via.Image != c.Subject.Digest }

// Strangers is the evidence of signers whom the policy does not name: it was
// counted and not verified.
type Strangers struct {
	Count int    `json:"count"`
	First string `json:"first"` // whom one of its certificates names, unverified
}

// passedOver tells s in words, or nothing if there are none.
func (s Strangers) passedOver() []string {
	if s.Count == 0 {
		return nil
	}
	return []string{s.String()}
}

// String is what a person reads.
func (s Strangers) String() string {
	if s.Count == 1 {
		return "1 bundle of a signer that is not named: " + orAbsent(s.First)
	}
	return fmt.Sprintf("%d bundles of signers that are not named, such as %s", s.Count, orAbsent(s.First))
}

// Input is everything that Evaluate may look at. It is complete: the same input
// gives the same verdict on any machine, at any time.
type Input struct {
	Policy      *Policy `json:"-"`
	Environment string  `json:"environment"`
	// For names an environment whose required evidence is judged, and nothing
	// else of it, where Environment is empty: then the platform is not asked.
	For        string      `json:"for"`
	Protection Protection  `json:"protection"`
	Candidates []Candidate `json:"-"`
	Runs       []Run       `json:"runs,omitempty"`   // that the evidence and the entries name
	Builds     []Build     `json:"builds,omitempty"` // of the evidence, where a policy asks
	Changes    []Change    `json:"changes,omitempty"`
	Refs       []Ref       `json:"refs,omitempty"` // of the refs that were built on
	Rosters    []Roster    `json:"rosters,omitempty"`
	Reviews    Reviews     `json:"reviews"`
	// Entries is what was found about the entries into the environment before. Its
	// subject is what they are found by; without one nobody looked for them.
	Entries Candidate `json:"-"`
	// InForce are the policies of the newest entries, where they are not Policy.
	InForce []InForce `json:"-"`
	Stages  []Stage   `json:"stages,omitempty"` // the environments that this one comes after
	Places  []Placed  `json:"places,omitempty"` // of jobs that signed entries, where their certificates do not say it
	Merged  Merged    `json:"merged"`           // of the policy's file on the default branch
	// Deploying is what the files say of the job that waits; nil: the gate asks, which is a step of it.
	Deploying  *Deploying `json:"deploying,omitempty"`
	PassedOver []string   `json:"passedOver,omitempty"` // what lay beside the evidence, in words; nothing rests on it
	Now        time.Time  `json:"now"`
	// Deciding says that the run that asks carries an approval and deploys
	// nothing: the account that started it is not a maker for that.
	Deciding bool `json:"deciding"`
	// Unasked says that nobody was asked about refs: entries are shown, and nothing is
	// let in.
	Unasked bool `json:"unasked"`

	chain  *Chain  // of Entries, once it is read
	read   reading // what the reports of the facts say; nil: each look reads them
	stance *stance // what the policy's modes come to, once that is known; nil: everything is enforced
}
