// Package verdict holds an answer about trust.
//
// An answer is a value whose zero is Deny. The package refuses to let anything
// be allowed by omission: a verdict without findings denies, and the outcome of
// the whole is the least of its findings.
package verdict

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// An Outcome is ordered: the outcome of the whole is the least of its findings.
type Outcome int

// The outcomes, least first.
const (
	Deny  Outcome = iota // also the zero value: nothing is allowed by omission
	Wait                 // a person has not approved yet
	Allow                // every requirement is met
)

// String returns the word that a machine reads.
func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allow"
	case Wait:
		return "wait"
	default:
		return "deny"
	}
}

// MarshalText writes the form of String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the form of String; an unknown word is an error and
// leaves Deny.
func (o *Outcome) UnmarshalText(b []byte) error {
	for _, c := range []Outcome{Deny, Wait, Allow} {
		if c.String() == string(b) {
			*o = c
			return nil
		}
	}
	*o = Deny
	return fmt.Errorf("outcome %q is not one of deny, wait, allow", b)
}

// An Answer is what a verdict comes to for whoever acts on it. Where an environment is only
// watched, nothing is stopped and nothing is let in, whatever the outcome would be. Its zero
// denies.
type Answer struct {
	Outcome Outcome
	Watched bool
}

// watchPrefix begins the word for the answer of an environment that is only watched.
const watchPrefix = "watch: would "

// Allows reports whether something may act on the answer as on a yes.
func (a Answer) Allows() bool { return a.Outcome == Allow && !a.Watched }

// String returns the words that a machine reads: "deny", or "watch: would deny".
func (a Answer) String() string {
	if a.Watched {
		return watchPrefix + a.Outcome.String()
	}
	return a.Outcome.String()
}

// MarshalText writes the form of String.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the form of String; unknown words are an error and leave Deny.
func (a *Answer) UnmarshalText(b []byte) error {
	word, watched := strings.CutPrefix(string(b), watchPrefix)
	*a = Answer{Watched: watched}
	return a.Outcome.UnmarshalText([]byte(word))
}

// A Mode says what a verdict about an environment does, where its policy asks for less than
// that it is enforced.
type Mode struct {
	Level string `json:"level"`          // "watch", "warn" or "enforce": what it does
	Says  string `json:"policySays"`     // "watch" or "warn": what the policy says
	Why   string `json:"why,omitempty"`  // why Level is not what the policy says, in words
	Hint  string `json:"hint,omitempty"` // the next step then
	Since string `json:"since"`          // RFC 3339, UTC
	Until string `json:"until"`          // from then on it is enforced
	// Branch is the default branch, whose policy says the same at Commit.
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Notes are told beside the answer: for how long, how often the dates were moved, what to
	// change before the last day.
	Notes []string `json:"notes,omitempty"`
}

// A Finding is what one requirement of a policy came to.
type Finding struct {
	Code        fault.Code `json:"code"`
	Outcome     Outcome    `json:"outcome"`
	Requirement string     `json:"requirement"`      // "provenance", "environment", …
	Reason      string     `json:"reason"`           // one phrase
	Found       string     `json:"found,omitempty"`  // what was there
	Wanted      string     `json:"wanted,omitempty"` // what the policy asks for
	Hint        string     `json:"hint,omitempty"`   // the next step, or empty
	Line        int        `json:"line,omitempty"`   // of the policy file, from 1
	// Warning says that the requirement is not met, and that its mode passes that.
	Warning bool `json:"warning,omitempty"`
	// Of a requirement of approvals: what each person said, who else may
	// approve, and whether a person can still change the outcome.
	People   []Person `json:"people,omitempty"`
	Eligible []string `json:"eligible,omitempty"`
	Pending  bool     `json:"pending,omitempty"`
}

// A Person is somebody who approved or rejected, and what that came to.
type Person struct {
	Name      string     `json:"name"`     // a label; Identity is what was compared
	Identity  string     `json:"identity"` // platform or issuer, and the number or address there
	Decision  string     `json:"decision"` // "approve", "reject", "withdraw" or "waive"
	Counted   bool       `json:"counted"`
	Code      fault.Code `json:"code,omitempty"`   // why it does not count
	Reason    string     `json:"reason,omitempty"` // the same in words, with the commit or run
	Comment   string     `json:"comment,omitempty"`
	Word      string     `json:"word"`                // whose word it is that this person said so
	Time      string     `json:"time,omitempty"`      // RFC 3339, UTC
	Statement string     `json:"statement,omitempty"` // digest of the signed payload
}

// Evidence is one verified bundle that a verdict rests on.
type Evidence struct {
	PredicateType string `json:"predicateType"`
	Signer        string `json:"signer"`
	Run           string `json:"run,omitempty"`
	Commit        string `json:"commit,omitempty"`
	Time          string `json:"time,omitempty"` // verified time of signing, RFC 3339, UTC
	Statement     string `json:"statement"`      // digest of the signed payload; a bundle file is malleable, its payload is not
	Source        string `json:"source"`
	// Where it was built, as the certificate says: told where no policy asks for it.
	Repository   string `json:"repository,omitempty"`   // address
	RepositoryID string `json:"repositoryId,omitempty"` // number on the platform, as text
	Ref          string `json:"ref,omitempty"`          // fully qualified
	Event        string `json:"event,omitempty"`        // what started the run
	Runner       string `json:"runner,omitempty"`       // class of the runner
	// Via is by way of what the statement is signed, in words, if it is not signed
	// itself: "attestation manifest sha256:9096…, linux/amd64".
	Via string `json:"via,omitempty"`
	// Accepted is what the policy lets this evidence lack, in words: a proof of
	// its log entry, content that is compared.
	Accepted []string `json:"accepted,omitempty"`
	// Says is what the evidence says besides, in words: "entry 4 into production, verdict sha256:…".
	Says string `json:"says,omitempty"`
}

// Rejection is one bundle that did not verify. Anyone may put junk beside good
// evidence, so a rejection neither allows nor denies; it explains.
type Rejection struct {
	Code   fault.Code `json:"code"`
	Reason string     `json:"reason"`
	Source string     `json:"source"`
}

// A Judgement is the answer about one subject.
type Judgement struct {
	Subject    subject.Subject `json:"subject"`
	Artifact   string          `json:"artifact,omitempty"` // name in the policy
	Findings   []Finding       `json:"findings"`
	Evidence   []Evidence      `json:"evidence"`
	Rejections []Rejection     `json:"rejections,omitempty"`
	// PassedOver tells, in words, what evidence was counted and not verified,
	// because nobody named its signers.
	PassedOver []string `json:"passedOver,omitempty"`
	// Reproduced counts the rebuilders whom the policy names and who got the same bytes.
	Reproduced int `json:"reproduced,omitempty"`
}

// Outcome returns the least outcome of j's findings, and Deny if it has none.
func (j Judgement) Outcome() Outcome { return least(j.Findings) }

// A Verdict is the answer about a set of subjects and, if Environment is not
// empty, their entry into it.
type Verdict struct {
	Environment string    `json:"environment,omitempty"`
	Findings    []Finding `json:"findings,omitempty"` // about the environment
	Mode        *Mode     `json:"mode,omitempty"`     // nil: the policy says nothing but enforce
	// Accepted is what the policy lets the environment lack, in words.
	Accepted   []string    `json:"accepted,omitempty"`
	Judgements []Judgement `json:"subjects"`
	// PassedOver tells, in words, what lay where evidence was looked for and was
	// none: "folder dist: 2 × file of another suffix (a.txt, b.txt)".
	PassedOver []string `json:"passedOver,omitempty"`
	// NotAsked tells, in words, what the policy says and nobody was asked about,
	// because no environment is entered.
	NotAsked []string `json:"notAsked,omitempty"`
	// Warnings tells, in words, what was found in evidence that counts and may be a mistake.
	Warnings []string `json:"warnings,omitempty"`
}

// Outcome returns the least outcome of everything v holds. A verdict about no
// subject is Deny, and so is one about an environment that nothing was found
// out about.
func (v Verdict) Outcome() Outcome {
	if len(v.Judgements) == 0 {
		return Deny
	}
	o := Allow
	if v.Environment != "" {
		o = least(v.Findings)
	}
	for _, j := range v.Judgements {
		o = min(o, j.Outcome())
	}
	return o
}

// Watched reports whether v stops nothing and lets nothing in.
func (v Verdict) Watched() bool {
	return v.Environment != "" && v.Mode != nil && v.Mode.Level == "watch"
}

// Answer returns what v comes to.
func (v Verdict) Answer() Answer { return Answer{v.Outcome(), v.Watched()} }

// Pending reports whether v is not allowed for want of what can still come alone: approvals of people, or the
// end of a run.
func (v Verdict) Pending() bool {
	found := false
	for _, list := range v.all() {
		for _, f := range list {
			if f.Outcome != Allow && !f.Pending {
				return false
			}
			found = found || f.Pending
		}
	}
	return found
}

func (v Verdict) all() [][]Finding {
	all := [][]Finding{v.Findings}
	for _, j := range v.Judgements {
		all = append(all, j.Findings)
	}
	return all
}

func least(findings []Finding) Outcome {
	if len(findings) == 0 {
		return Deny
	}
	o := Allow
	for _, f := range findings {
		o = min(o, f.Outcome)
	}
	return o
}

// Of returns the findings of one outcome, about the environment first.
func (v Verdict) Of(o Outcome) (out []Finding) {
	for _, all := range v.all() {
		for _, f := range all {
			if f.Outcome == o {
				out = append(out, f)
			}
		}
	}
	return out
}
