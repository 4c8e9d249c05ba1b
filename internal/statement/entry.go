package statement

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// SummaryV1 is the predicate type of an entry: a SLSA Verification Summary, of
// version 1.1 or later (https://slsa.dev/spec/v1.1/verification_summary).
const SummaryV1 = "https://slsa.dev/verification_summary/v1"

// EntryVerifier is the verifier.id of every entry. It says which rules judged; who
// signed is in the certificate.
const EntryVerifier = OwnPredicates + "gate/v1"

// entryPrefix begins the names of the subjects that an entry is found by.
const entryPrefix = "entry:"

// MaxPolicy bounds the policy file that an entry carries whole, in bytes. Under a larger
// one no entry is signed: no later policy could be held against it.
const MaxPolicy = 256 << 10

// maxNumber bounds the number of an entry, so that there is always a next one.
const maxNumber = 1_000_000_000

// Target is an environment that can be told from every other one. An entry is found
// by it.
type Target struct {
	Issuer     string `json:"issuer"`     // OIDC issuer of the platform
	Repository Origin `json:"repository"` // that the environment belongs to
	Name       string `json:"name"`
	ID         string `json:"id"` // number of the environment on the platform
}

// Subject returns the subject under which the entries into t are found: all of them,
// or, where artifact is a name of the policy, those that brought this one. The digest
// is made of numbers, so that a renamed environment, repository or file changes
// nothing.
func (t Target) Subject(artifact string) subject.Subject {
	h := sha256.New()
	fmt.Fprintf(h, "%sentry/v1\n%q\n%q\n%q\n", OwnPredicates, t.Issuer, t.Repository.ID, t.ID)
	name := entryPrefix + t.Name
	if artifact != "" {
		fmt.Fprintf(h, "%q\n", artifact)
		name += "/" + artifact
	}
	return subject.Subject{Name: name, Digest: subject.SHA256([32]byte(h.Sum(nil)))}
}

// whole reports whether nothing is missing that t is found by.
func (t Target) whole() bool {
	return t.Issuer != "" && t.Repository.URI != "" && t.Repository.ID != "" && t.Name != "" && t.ID != ""
}

// resource is the resourceUri of entries into t.
func (t Target) resource() string { return t.Repository.URI + "#environment=" + t.Name }

// level is what an entry says was verified: a level of our own that names the
// environment, so that an entry into one environment is worth nothing for another.
func (t Target) level() string {
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name)
	return "SALLYPORT_ENVIRONMENT_" + word
}

// Link names another entry.
type Link struct {
	Number int    `json:"number"`
	SHA256 string `json:"sha256"` // of its statement
}

// Admitted is one artifact that entered.
type Admitted struct {
	Artifact string `json:"artifact"`         // its name in the policy
	Name     string `json:"name"`             // of the file or image
	SHA256   string `json:"sha256"`           // of its bytes
	Commit   string `json:"commit,omitempty"` // that the evidence says it was built from
	Base     string `json:"base,omitempty"`   // the commit that was in the environment before; absent: none was
	// Runs are those whose provenance it was let in by, Met the requirements of evidence that it met, and Accepted what the
	// policy let that evidence lack, in words.
	Runs     []string `json:"runs,omitempty"`
	Met      []string `json:"met,omitempty"`
	Accepted []string `json:"accepted,omitempty"`
	// Contents is the inventory of the package that it is; nil: it is none that is read.
	Contents *contents.Package `json:"contents,omitempty"`
}

// Same reports whether a says what o says.
func (a Admitted) Same(o Admitted) bool { return reflect.DeepEqual(a, o) }

// Part is an account that had a part in what entered.
type Part struct {
	Role      string `json:"role"` // "approve", "reject", "waive", or a role of a maker
	Host      string `json:"host,omitempty"`
	ID        string `json:"id,omitempty"`        // number or address there; absent: nobody could be named
	Statement string `json:"statement,omitempty"` // digest of what they signed
}

// Entry is what a job in an environment says of what it let in. It is the extension
// of a verification summary.
type Entry struct {
	Number     int         `json:"number"`               // one more than the highest that it names, or 1
	Previous   []Link      `json:"previous,omitempty"`   // every newest entry that the job saw
	Confirmed  []Link      `json:"confirmed,omitempty"`  // of earlier entries: their deployment succeeded
	Failed     []Link      `json:"failed,omitempty"`     // of earlier entries: it did not
	Target     Target      `json:"environment"`          //
	Artifacts  []Admitted  `json:"artifacts"`            //
	Approvals  []Part      `json:"approvals,omitempty"`  // what people said, and counted
	Makers     []Part      `json:"makers,omitempty"`     // of the change
	Approvers  []Approvers `json:"approvers,omitempty"`  // who could have approved
	Source     string      `json:"source"`               // the policy file, up to MaxPolicy bytes
	Commit     string      `json:"commit,omitempty"`     // that the policy file is of
	Deployment int64       `json:"deployment,omitempty"` // number of the newest deployment that the platform listed
	Job        string      `json:"job,omitempty"`        // number of the job in that run, where the run's address does not name it
	Run        string      `json:"run"`                  // the run that let it in, as its certificate has it
	Input      DigestSet   `json:"input"`                // what the verdict was reached from
	Verdict    DigestSet   `json:"verdict,omitzero"`     // what it says without texts (policy.Core)
	Emergency  bool        `json:"emergency,omitempty"`  // an emergency approval let it in
	Warnings   []string    `json:"warnings,omitempty"`   // what was passed with a warning: code, requirement and artifact
}

// Summary is the predicate of an entry.
type Summary struct {
	Verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version"`
	} `json:"verifier"`
	TimeVerified string `json:"timeVerified"` // RFC 3339, UTC
	ResourceURI  string `json:"resourceUri"`
	Policy       struct {
		URI    string    `json:"uri"`
		Digest DigestSet `json:"digest"`
	} `json:"policy"`
	InputAttestations  []Attested `json:"inputAttestations"`
	VerificationResult string     `json:"verificationResult"`
	VerifiedLevels     []string   `json:"verifiedLevels"`
	SLSAVersion        string     `json:"slsaVersion"`
	Entry              Entry      `json:"sallyport_entry"`
}

// Attested is a statement that an entry rests on.
type Attested struct {
	URI    string    `json:"uri,omitempty"` // where it was found
	Digest DigestSet `json:"digest"`        // of the signed payload
}

// NewSummary returns the predicate of e, reached by version of the program at a time,
// under a policy at uri.
func NewSummary(e Entry, version, uri string, policy subject.Digest, evidence []DigestSet, at time.Time) Summary {
	var s Summary
	s.Verifier.ID, s.Verifier.Version = EntryVerifier, map[string]string{"sallyport": version}
	s.TimeVerified, s.ResourceURI = at.UTC().Format(time.RFC3339), e.Target.resource()
	s.Policy.URI, s.Policy.Digest = uri, DigestSet{SHA256: policy.Hex()}
	s.InputAttestations = []Attested{}
	for _, d := range sorted(evidence) {
		s.InputAttestations = append(s.InputAttestations, Attested{Digest: d})
	}
	s.VerificationResult, s.VerifiedLevels, s.SLSAVersion, s.Entry = "PASSED", []string{e.Target.level()}, "1.1", e
	return s
}

// Subjects returns what s is about.
func (s Summary) Subjects() ([]subject.Subject, error) { return s.Entry.Subjects() }

// JSON returns s as the predicate of a statement.
func (s Summary) JSON() ([]byte, error) { return written(s) }

// Subjects returns what an entry is about: its artifacts, and last what it is found
// by.
func (e Entry) Subjects() ([]subject.Subject, error) {
	var out []subject.Subject
	for _, a := range e.Artifacts {
		d, err := DigestSet{SHA256: a.SHA256}.digest("artifact")
		if err != nil {
			return nil, err
		}
		out = append(out, subject.Subject{Name: a.Name, Digest: d})
	}
	return append(out, e.marks()...), nil
}

// marks are the subjects that e is found by: of each artifact, and of all, last.
func (e Entry) marks() []subject.Subject {
	var names []string
	for _, a := range e.Artifacts {
		names = append(names, a.Artifact)
	}
	slices.Sort(names)
	var out []subject.Subject
	for _, n := range slices.Compact(names) {
		out = append(out, e.Target.Subject(n))
	}
	return append(out, e.Target.Subject(""))
}

// Entered is an entry that was read.
type Entered struct {
	Entry
	Policy   subject.Digest
	Verified time.Time // as the statement says; the signed timestamp is what counts
	Version  string    // of the program that judged
	// Watched says that nobody was held to the verdict, Would what that was, and Agreed that
	// whom the policy in force asks has agreed to Policy.
	Watched, Agreed bool
	Would           string
}

// Entered reads s as an entry, or as what came in while the environment was watched. Its
// subjects have to be those that its content has, and its levels those of its environment.
func (s Statement) Entered() (Entered, error) {
	if s.PredicateType == WatchedV1 {
		return s.watched()
	}
	var v Summary
	if err := s.own(SummaryV1, &v); err != nil {
		return Entered{}, err
	}
	e := v.Entry
	if err := e.whole(); err != nil {
		return Entered{}, err
	}
	want := NewSummary(e, "", "", subject.Digest{}, nil, time.Time{})
	for _, x := range []struct{ what, found, wanted string }{
		{"verifier.id", v.Verifier.ID, want.Verifier.ID}, {"resourceUri", v.ResourceURI, want.ResourceURI},
		{"verificationResult", v.VerificationResult, want.VerificationResult},
		{"verifiedLevels", strings.Join(v.VerifiedLevels, ","), want.VerifiedLevels[0]},
		{"slsaVersion", v.SLSAVersion, want.SLSAVersion},
	} {
		if x.found != x.wanted {
			return Entered{}, fault.New(
				fault.Refused,
				fault.Predicate,
				"",
				"%s is %q, want %q",
				x.what,
				x.found,
				x.wanted,
			)
		}
	}
	subjects, err := e.Subjects()
	if err != nil {
		return Entered{}, err
	}
	if err := s.about(subjects); err != nil {
		return Entered{}, err
	}
	out := Entered{Entry: e, Version: v.Verifier.Version["sallyport"]}
	return out, out.under(v.Policy.Digest, v.TimeVerified)
}

// under reads under which policy e was judged and when. The policy that e carries has to be
// that one.
func (e *Entered) under(policy DigestSet, at string) (err error) {
	if e.Policy, err = policy.digest("policy"); err != nil {
		return err
	}
	if subject.Sum([]byte(e.Source)) != e.Policy {
		return fault.New(fault.Refused, fault.Predicate, "",
			"the entry carries another policy than the one whose digest it names")
	}
	e.Verified, err = instant("timeVerified", at)
	return err
}

// about wants the subjects of s to be exactly these, in this order.
func (s Statement) about(want []subject.Subject) error {
	ok := len(s.Subject) == len(want)
	for i := 0; ok && i < len(want); i++ {
		d := s.Subject[i]
		ok = d.Name == want[i].Name && d.URI == "" && len(d.Digest) == 1 && d.Digest["sha256"] == want[i].Digest.Hex()
	}
	if !ok {
		return fault.New(
			fault.Refused,
			fault.SubjectMismatch,
			"",
			"the subjects are not those that the content names, in its order",
		)
	}
	return nil
}

// whole wants what an entry is worth nothing without.
func (e Entry) whole() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Refused, fault.Predicate, "", format, args...)
	}
	switch {
	case e.Number < 1 || e.Number > maxNumber:
		return bad("number is %d, want 1 to %d", e.Number, maxNumber)
	case !e.Target.whole():
		return bad("the environment lacks its issuer, repository, name or number")
	case e.Source == "" || len(e.Source) > MaxPolicy:
		return bad("the entry carries a policy of %d bytes, want 1 to %d", len(e.Source), MaxPolicy)
	case len(e.Artifacts) == 0 || e.Run == "":
		return bad("the entry names no artifact or no run")
	case e.Number == 1 && len(e.Previous) > 0 || e.Number > 1 && len(e.Previous) == 0:
		return bad("entry %d names %d entries before it", e.Number, len(e.Previous))
	}
	for _, a := range e.Artifacts {
		if a.Artifact == "" || a.Name == "" || a.Commit != "" && !fullCommit().MatchString(a.Commit) ||
			a.Base != "" && !fullCommit().MatchString(a.Base) {
			return bad("artifact %q has no name, or a commit that is not a full id", a.Name)
		}
		if a.Contents == nil {
			continue
		}
		if err := a.Contents.Valid(); err != nil {
			return bad("artifact %q: %w", a.Name, err)
		}
	}
	highest := 0
	for _, list := range [][]Link{e.Previous, e.Confirmed, e.Failed} {
		for _, l := range list {
			if _, err := (DigestSet{SHA256: l.SHA256}).digest("previous entry"); err != nil {
				return err
			}
			if l.Number < 1 || l.Number >= e.Number {
				return bad("entry %d names an entry %d as an earlier one", e.Number, l.Number)
			}
		}
	}
	for _, l := range e.Previous {
		highest = max(highest, l.Number)
	}
	if e.Number != highest+1 {
		return bad("number is %d, and the highest entry that it names is %d", e.Number, highest)
	}
	return nil
}
