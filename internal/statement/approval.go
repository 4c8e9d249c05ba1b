package statement

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Predicate types of our own. Who attests something else may not use what
// begins with OwnPredicates.
const (
	OwnPredicates = "https://sallyport.dev/"
	ReleaseV1     = OwnPredicates + "release/v1"
	ApprovalV1    = OwnPredicates + "approval/v1"
)

// Place is an environment, with its number where the platform gives one: an
// environment that was deleted and made again is another one.
type Place struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
}

// Origin is a repository as a certificate names it. The number survives
// renames and refuses a resurrected name.
type Origin struct {
	URI string `json:"uri"`
	ID  string `json:"id"`
}

// DigestSet is a set of one digest, in the form of every in-toto predicate.
type DigestSet struct {
	SHA256 string `json:"sha256"`
}

// digest returns d as a digest.
func (d DigestSet) digest(what string) (subject.Digest, error) {
	x, err := subject.ParseHex(d.SHA256)
	if err != nil {
		return x, fault.New(fault.Refused, fault.Predicate, "", "%s: %w", what, err)
	}
	return x, nil
}

// A Span says which commits were shown of a build that enters an environment:
// those that Commit comes of and Since does not.
type Span struct {
	Environment string `json:"environment"`
	Commit      string `json:"commit"`          // that was built
	Since       string `json:"since,omitempty"` // the commit deployed then; absent: nothing was, and everything was shown
}

// Latest is a newest entry into an environment when somebody looked: a gate that finds
// less lacks it.
type Latest struct {
	Environment string `json:"environment"`
	Number      int    `json:"number"`
	SHA256      string `json:"sha256"` // of its statement
}

// Changed names what somebody was shown of what people install: the changes of one artifact, against
// what was in an environment then.
type Changed struct {
	Environment string `json:"environment"`
	Artifact    string `json:"artifact"` // SHA-256 of its bytes
	SHA256      string `json:"sha256"`   // of the list of changes
}

// Approvers says who could have approved for an environment when somebody decided,
// and who could not and why. Where others could read the list, it is a digest of
// it: that of the salt and of the list as JSON.
type Approvers struct {
	Environment string     `json:"environment"`
	May         int        `json:"may"`
	MayNot      int        `json:"mayNot"`
	List        []Approver `json:"list,omitempty"`
	Salt        string     `json:"salt,omitempty"`   // hex
	SHA256      string     `json:"sha256,omitempty"` // hex
}

// Approver is an account in a group that is asked, and why it could not approve.
type Approver struct {
	Group  string `json:"group"`
	Host   string `json:"host"`             // base URL of the platform, or the issuer of an address
	ID     string `json:"id"`               // number there, or the address
	Reason string `json:"reason,omitempty"` // absent: it could
}

// Hidden returns a with a digest and a salt in place of its list, and the list as
// JSON.
func (a Approvers) Hidden(salt [16]byte) (Approvers, string, error) {
	list, err := json.Marshal(a.List)
	if err != nil {
		return a, "", fmt.Errorf("encoding the list of approvers: %w", err)
	}
	a.Salt, a.SHA256 = hex.EncodeToString(salt[:]), subject.Sum(append(salt[:], list...)).Hex()
	a.List = nil
	return a, string(list), nil
}

// Release is the predicate of a release set: what shall be released together,
// into which environments, on which evidence, under which policy
// (shared/release.schema.json). Its subjects are the artifacts and, last, the
// release itself, under the digest that ReleaseDigest gives.
type Release struct {
	Version      string      `json:"version"`
	Repository   Origin      `json:"repository"`
	Environments []Place     `json:"environments"`
	Policy       DigestSet   `json:"policy"`
	Evidence     []DigestSet `json:"evidence"` // of the statements that were seen, sorted
	Shown        []Span      `json:"shown,omitempty"`
	Entered      []Latest    `json:"entered,omitempty"` // the newest entries that were seen
	Run          string      `json:"run"`               // the run that made the release set
	Requester    string      `json:"requester,omitempty"`
	IssuedAt     string      `json:"issuedAt"`  // RFC 3339, UTC
	ExpiresAt    string      `json:"expiresAt"` // RFC 3339, UTC
}

// Approval is the predicate of an approval, a rejection or a withdrawal
// (shared/approval.schema.json). Its subjects are the artifacts it is about, the
// release, and, last, what it is found by: the Decisions of each of its Targets.
type Approval struct {
	Decision     string      `json:"decision"` // Approve, Reject or Withdraw
	Release      DigestSet   `json:"release"`
	Version      string      `json:"version"`
	Repository   Origin      `json:"repository"`
	Environments []Place     `json:"environments"`
	Policy       DigestSet   `json:"policy"`
	Evidence     []DigestSet `json:"evidence"` // of the statements that were seen, sorted
	Requester    string      `json:"requester,omitempty"`
	Reason       string      `json:"reason,omitempty"`
	BreakGlass   bool        `json:"breakGlass,omitempty"`
	Shown        []Span      `json:"shown,omitempty"`
	Entered      []Latest    `json:"entered,omitempty"` // the newest entries that were seen
	Changes      []Changed   `json:"changes,omitempty"` // of what people install, that were seen
	Approvers    []Approvers `json:"approvers,omitempty"`
	By           *Account    `json:"by,omitempty"`      // who the platform said has started the run that signed
	Targets      []Target    `json:"targets,omitempty"` // of Environments, those that it is found by
	IssuedAt     string      `json:"issuedAt"`          // RFC 3339, UTC; the signed timestamp is what counts
	ExpiresAt    string      `json:"expiresAt"`         // RFC 3339, UTC
}

// The decisions of an approval. Waive is none of them: a waiver is a statement of
// its own, and this is what it is called among them.
const (
	Approve  = "approve"
	Reject   = "reject"
	Withdraw = "withdraw" // takes back what the same person has said about the release before
	Waive    = "waive"
)

// releasePrefix begins the name of the subject that stands for a release.
const releasePrefix = "release:"

// ReleaseDigest returns the digest that a release set is known by: that of its
// artifacts, sorted, and its predicate. Whoever has the statement can compute
// it, so nobody can give two release sets one digest.
func ReleaseDigest(artifacts []subject.Subject, predicate []byte) subject.Digest {
	var lines []string
	for _, a := range artifacts {
		lines = append(lines, fmt.Sprintf("%s %q", a.Digest.Hex(), a.Name))
	}
	slices.Sort(lines)
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n", ReleaseV1, len(lines), strings.Join(lines, "\n"))
	_, _ = h.Write(predicate) // never fails
	return subject.SHA256([32]byte(h.Sum(nil)))
}

// ReleaseSubject returns the subject that stands for a release.
func ReleaseSubject(version string, d subject.Digest) subject.Subject {
	return subject.Subject{Name: releasePrefix + version, Digest: d}
}

// Set is a release set that was read.
type Set struct {
	Release
	Digest    subject.Digest
	Artifacts []subject.Subject
	Issued    time.Time
	Expires   time.Time
	policyEvidence
}

// Said is an approval, a rejection or a withdrawal that was read, or what a waiver
// has in common with them.
type Said struct {
	Approval
	Release   subject.Digest
	Artifacts []subject.Subject
	Expires   time.Time
	policyEvidence
}

type policyEvidence struct {
	PolicyDigest subject.Digest
	Seen         []subject.Digest
}

// Set reads s as a release set. The digest among its subjects has to be the
// one that its content has.
func (s Statement) Set() (Set, error) {
	var out Set
	if err := s.own(ReleaseV1, &out.Release); err != nil {
		return Set{}, err
	}
	artifacts, release, err := s.split(nil)
	if err != nil {
		return Set{}, err
	}
	if want := ReleaseDigest(artifacts, s.Predicate); release != ReleaseSubject(out.Version, want) {
		return Set{}, fault.New(fault.Refused, fault.SubjectMismatch, "", "the release set is called %q %s, and its content has %q %s", release.Name, release.Digest, releasePrefix+out.Version, want)
	}
	out.Digest, out.Artifacts = release.Digest, artifacts
	if out.policyEvidence, err = seen(out.Policy, out.Evidence); err != nil {
		return Set{}, err
	}
	if out.Issued, err = instant("issuedAt", out.IssuedAt); err != nil {
		return Set{}, err
	}
	if out.Expires, err = instant("expiresAt", out.ExpiresAt); err != nil {
		return Set{}, err
	}
	if err := cmp.Or(whole(out.Version, out.Environments, out.Repository), spans(out.Shown), latest(out.Entered)); err != nil {
		return Set{}, err
	}
	return out, nil
}

// Own reads s as the release set, approval, waiver, entry, ending or export that it says it is: what no
// gate can read is not worth a signature. Of other statements it says nothing.
func (s Statement) Own() error {
	var err error
	switch s.PredicateType {
	case ReleaseV1:
		_, err = s.Set()
	case ApprovalV1:
		_, err = s.Said()
	case WaiverV1:
		_, err = s.Waived()
	case HistoryV1:
		_, err = s.Exported()
	case WatchedV1:
		_, err = s.Entered()
	case EndingV1:
		_, err = s.Ending()
	case SummaryV1:
		if s.IsEntry() {
			_, err = s.Entered()
		}
	}
	return err
}

// IsEntry reports whether s says that it is an entry of ours, whole or not.
func (s Statement) IsEntry() bool {
	var v struct{ Verifier struct{ ID string } }
	return s.PredicateType == SummaryV1 && json.Unmarshal(s.Predicate, &v) == nil && v.Verifier.ID == EntryVerifier
}

// Said reads s as an approval, a rejection or a withdrawal.
func (s Statement) Said() (Said, error) {
	var out Said
	if err := s.own(ApprovalV1, &out.Approval); err != nil {
		return Said{}, err
	}
	if out.Decision != Approve && out.Decision != Reject && out.Decision != Withdraw {
		return Said{}, fault.New(fault.Refused, fault.Predicate, "", "decision is %q, want %q, %q or %q", out.Decision, Approve,
			Reject, Withdraw)
	}
	return s.said("approval", out.Approval)
}

// said reads what an approval and a waiver have in common. The release among the
// subjects, and what follows it, have to be those that the content names.
func (s Statement) said(what string, a Approval) (Said, error) {
	artifacts, release, err := s.split(a.Targets)
	if err != nil {
		return Said{}, err
	}
	out := Said{Approval: a, Artifacts: artifacts}
	if out.Release, err = a.Release.digest("release"); err != nil {
		return Said{}, err
	}
	if want := ReleaseSubject(a.Version, out.Release); release != want {
		return Said{}, fault.New(fault.Refused, fault.SubjectMismatch, "", "the %s is about %q %s, and its content names %q %s",
			what, release.Name, release.Digest, want.Name, want.Digest)
	}
	if out.policyEvidence, err = seen(a.Policy, a.Evidence); err != nil {
		return Said{}, err
	}
	if _, err = instant("issuedAt", a.IssuedAt); err != nil {
		return Said{}, err
	}
	if out.Expires, err = instant("expiresAt", a.ExpiresAt); err != nil {
		return Said{}, err
	}
	if err := cmp.Or(whole(a.Version, a.Environments, a.Repository), spans(a.Shown), latest(a.Entered), changed(a.Changes),
		sought(a.Targets, a.Environments), a.By.whole()); err != nil {
		return Said{}, err
	}
	return out, nil
}

// Covers reports whether d is among the artifacts of an approval.
func (s Said) Covers(d subject.Digest) bool { return covers(s.Artifacts, d) }

// Covers reports whether d is among the artifacts of the set.
func (s Set) Covers(d subject.Digest) bool { return covers(s.Artifacts, d) }

func covers(all []subject.Subject, d subject.Digest) bool {
	return slices.ContainsFunc(all, func(s subject.Subject) bool { return s.Digest == d })
}

// JSON returns r as the predicate of a statement.
func (r Release) JSON() ([]byte, error) {
	r.Evidence = sorted(r.Evidence)
	return written(r)
}

// JSON returns a as the predicate of a statement.
func (a Approval) JSON() ([]byte, error) {
	a.Evidence = sorted(a.Evidence)
	return written(a)
}

// written encodes x, if what is read again is the same: a text that is not
// UTF-8 would be another one.
func written[T any](x T) ([]byte, error) {
	b, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encoding a predicate: %w", err)
	}
	var again T
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(x, again) {
		return nil, fault.New(fault.Usage, fault.Config, "", "a text of the predicate is not UTF-8")
	}
	return b, nil
}

// sorted returns all in their order, each once, and a list even of none.
func sorted(all []DigestSet) []DigestSet {
	var digests []string
	for _, d := range all {
		digests = append(digests, d.SHA256)
	}
	slices.Sort(digests)
	out := []DigestSet{}
	for _, d := range slices.Compact(digests) {
		out = append(out, DigestSet{SHA256: d})
	}
	return out
}

// own reads a predicate of ours: of exactly this type, and byte for byte as
// JSON writes it, so that one content has one digest.
func (s Statement) own(kind string, into interface{ JSON() ([]byte, error) }) error {
	if s.Type != TypeV1 {
		return fault.New(fault.Refused, fault.Statement, "", "_type is %q, want %q", s.Type, TypeV1)
	}
	if s.PredicateType != kind {
		return fault.New(fault.Refused, fault.Predicate, "", "predicate type is %q, want %q", s.PredicateType, kind)
	}
	if err := object(s.Predicate, "predicate"); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(s.Predicate))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.New(fault.Refused, fault.Predicate, "", "predicate: %w", err)
	}
	again, err := into.JSON()
	if err != nil || !bytes.Equal(again, s.Predicate) {
		return fault.New(fault.Refused, fault.Malformed, "", "the predicate is not written as Sallyport writes it")
	}
	return nil
}

// split returns the artifacts of s and the release, which stands alone behind them. After
// it stands what targets are found by, and nothing else.
func (s Statement) split(targets []Target) ([]subject.Subject, subject.Subject, error) {
	var all []subject.Subject
	for _, d := range s.Subject {
		x, err := subject.ParseHex(d.Digest["sha256"])
		if err != nil || len(d.Digest) != 1 || d.URI != "" {
			return nil, subject.Subject{}, fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q, want a name, a digest sha256 and nothing else", d.Name)
		}
		all = append(all, subject.Subject{Name: d.Name, Digest: x})
	}
	last := len(all) - 1 - len(targets)
	if slices.IndexFunc(all, func(x subject.Subject) bool { return strings.HasPrefix(x.Name, releasePrefix) }) != last || last < 1 {
		return nil, subject.Subject{}, fault.New(fault.Refused, fault.SubjectMismatch, "", "want artifacts and, last, one release among the subjects")
	}
	for i, t := range targets {
		if all[last+1+i] != t.Decisions() {
			return nil, subject.Subject{}, fault.New(fault.Refused, fault.SubjectMismatch, "",
				"subject %q is not the one that environment %q is found by", all[last+1+i].Name, t.Name)
		}
	}
	return all[:last], all[last], nil
}

func seen(policy DigestSet, evidence []DigestSet) (out policyEvidence, err error) {
	if out.PolicyDigest, err = policy.digest("policy"); err != nil {
		return out, err
	}
	for _, e := range evidence {
		d, err := e.digest("evidence")
		if err != nil {
			return out, err
		}
		out.Seen = append(out.Seen, d)
	}
	return out, nil
}

func instant(name, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !strings.HasSuffix(s, "Z") {
		return t, fault.New(fault.Refused, fault.Predicate, "", "%s is %q, want a time like 2006-01-02T15:04:05Z", name, s)
	}
	return t, nil
}

// spans wants full commits, and each span once. One build may have several: its
// artifacts need not have entered an environment together before.
func spans(all []Span) error {
	seen := map[Span]bool{}
	for _, x := range all {
		if x.Environment == "" || !fullCommit().MatchString(x.Commit) || x.Since != "" && !fullCommit().MatchString(x.Since) || seen[x] {
			return fault.New(fault.Refused, fault.Predicate, "", "shown has commit %q since %q for %q, want full ids and an environment, each once",
				x.Commit, x.Since, x.Environment)
		}
		seen[x] = true
	}
	return nil
}

// latest wants entries that can be looked for.
func latest(all []Latest) error {
	for _, x := range all {
		if _, err := subject.ParseHex(x.SHA256); err != nil || x.Environment == "" || x.Number < 1 {
			return fault.New(fault.Refused, fault.Predicate, "", "entered has entry %d %q of environment %q, want a number, a digest and a name",
				x.Number, x.SHA256, x.Environment)
		}
	}
	return nil
}

// changed wants changes that can be told from others, each once.
func changed(all []Changed) error {
	seen := map[Changed]bool{}
	for _, x := range all {
		_, artifact := subject.ParseHex(x.Artifact)
		if _, err := subject.ParseHex(x.SHA256); err != nil || artifact != nil || x.Environment == "" || seen[x] {
			return fault.New(fault.Refused, fault.Predicate, "", "changes has %q of artifact %q for %q, want two digests and an environment, each once",
				x.SHA256, x.Artifact, x.Environment)
		}
		seen[x] = true
	}
	return nil
}

// whole wants what an approval is worth nothing without.
func whole(version string, all []Place, o Origin) error {
	if version == "" {
		return fault.New(fault.Refused, fault.Predicate, "", "the release has no version")
	}
	seen := map[string]bool{"": true}
	for _, p := range all {
		if seen[p.Name] {
			return fault.New(fault.Refused, fault.Predicate, "", "environment %q has no name, or stands here a second time", p.Name)
		}
		seen[p.Name] = true
	}
	if len(all) == 0 {
		return fault.New(fault.Refused, fault.Predicate, "", "no environment is named")
	}
	if o.URI == "" || o.ID == "" {
		return fault.New(fault.Refused, fault.Predicate, "", "the repository has no address or no number")
	}
	return nil
}
