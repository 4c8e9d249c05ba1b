package statement

import (
	"regexp"
	"slices"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// WaiverV1 is the predicate type of a waiver.
const WaiverV1 = OwnPredicates + "waiver/v1"

// ClaimedRoles are the roles that a commit alone claims for somebody. Only they
// can be waived.
var ClaimedRoles = []string{"author", "committer", "co-author"}

// A Claim is a role that a commit claims for somebody: who that is, the platform
// or the commit itself says.
type Claim struct {
	Role    string   `json:"role"`              // of ClaimedRoles
	Commit  string   `json:"commit"`            // full id
	Account *Account `json:"account,omitempty"` // that the platform knows behind the address
	Email   string   `json:"email,omitempty"`   // as the commit has it
}

// Account is an account of a platform. Host and ID are compared.
type Account struct {
	Host string `json:"host"`           // base URL
	ID   string `json:"id"`             // number
	Name string `json:"name,omitempty"` // login, a label
}

// Waiver is the predicate of a waiver (shared/waiver.schema.json): the person who
// signed it says that a claimed role does not make somebody a maker of a release. Its
// subjects are those of an approval.
type Waiver struct {
	Claim        Claim       `json:"claim"`
	Release      DigestSet   `json:"release"`
	Version      string      `json:"version"`
	Repository   Origin      `json:"repository"`
	Environments []Place     `json:"environments"`
	Policy       DigestSet   `json:"policy"`
	Evidence     []DigestSet `json:"evidence"` // of the statements that were seen, sorted
	Reason       string      `json:"reason"`
	By           *Account    `json:"by,omitempty"`      // as in an approval
	Targets      []Target    `json:"targets,omitempty"` // as in an approval
	IssuedAt     string      `json:"issuedAt"`          // RFC 3339, UTC; the signed timestamp is what counts
	ExpiresAt    string      `json:"expiresAt"`         // RFC 3339, UTC
}

// Waived is a waiver that was read: what it has in common with an approval, with the
// decision Waive, and the claim.
type Waived struct {
	Said
	Claim Claim
}

// JSON returns w as the predicate of a statement.
func (w Waiver) JSON() ([]byte, error) {
	w.Evidence = sorted(w.Evidence)
	return written(w)
}

var fullCommit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })

// Waived reads s as a waiver.
func (s Statement) Waived() (Waived, error) {
	var w Waiver
	if err := s.own(WaiverV1, &w); err != nil {
		return Waived{}, err
	}
	if err := w.Claim.whole(); err != nil {
		return Waived{}, err
	}
	if w.Reason == "" {
		return Waived{}, fault.New(fault.Refused, fault.Predicate, "", "the waiver gives no reason")
	}
	said, err := s.said("waiver", Approval{
		Decision: Waive, Release: w.Release, Version: w.Version, Repository: w.Repository, Environments: w.Environments,
		Policy: w.Policy, Evidence: w.Evidence, Reason: w.Reason, IssuedAt: w.IssuedAt, ExpiresAt: w.ExpiresAt,
		By: w.By, Targets: w.Targets,
	})
	if err != nil {
		return Waived{}, err
	}
	return Waived{said, w.Claim}, nil
}

// whole wants a claim to say whose role it is, in which commit.
func (c Claim) whole() error {
	switch {
	case !slices.Contains(ClaimedRoles, c.Role):
		return fault.New(fault.Refused, fault.Predicate, "", "role is %q, want one that a commit claims", c.Role)
	case !fullCommit().MatchString(c.Commit):
		return fault.New(fault.Refused, fault.Predicate, "", "commit is %q, want a full id", c.Commit)
	case c.Account == nil && c.Email == "":
		return fault.New(fault.Refused, fault.Predicate, "", "the claim names neither an account nor an address")
	case c.Account != nil && (c.Account.Host == "" || c.Account.ID == ""):
		return fault.New(fault.Refused, fault.Predicate, "", "the account of the claim has no host or no number")
	}
	return nil
}
