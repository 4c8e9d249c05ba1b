package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Core is what a verdict says without its texts: outcome, codes, digests and the
// time. It is the same from every program that knows the version of its rules.
type Core struct {
	Rules         int            `json:"rules"`
	Input         subject.Digest `json:"input"`  // of the document of the input
	Policy        subject.Digest `json:"policy"` // of the policy file's bytes
	Environment   string         `json:"environment"`
	EnvironmentID string         `json:"environmentID"` // the platform's number of it
	Time          time.Time      `json:"time"`          // that ages were counted from
	Outcome       string         `json:"outcome"`
	Mode          CoreMode       `json:"mode"`               // its zero: the policy enforces everything
	Findings      []CoreFinding  `json:"findings,omitempty"` // about the environment
	Subjects      []CoreSubject  `json:"subjects,omitempty"`
}

// CoreMode is what the modes of a policy come to, without texts.
type CoreMode struct {
	Level string `json:"level"`
	Says  string `json:"policySays"`
	Since string `json:"since"`
	Until string `json:"until"`
}

// CoreFinding is a finding without its texts. An outcome is a word, so that it is
// never left out.
type CoreFinding struct {
	Requirement string       `json:"requirement"`
	Code        fault.Code   `json:"code"`
	Outcome     string       `json:"outcome"`
	People      []CorePerson `json:"people,omitempty"`
}

// CorePerson is who said what, when, and whether it counted.
type CorePerson struct {
	Identity  string     `json:"identity"`
	Decision  string     `json:"decision"`
	Counted   bool       `json:"counted"`
	Code      fault.Code `json:"code"`
	Time      string     `json:"time"`
	Statement string     `json:"statement"`
}

// CoreEvidence is a statement that the answer rests on.
type CoreEvidence struct {
	Statement string `json:"statement"`
	Kind      string `json:"kind"`
	Signer    string `json:"signer"`
	Run       string `json:"run"`
	Commit    string `json:"commit"`
	Time      string `json:"time"`
}

// CoreSubject is the answer about one subject without its texts.
type CoreSubject struct {
	Digest   subject.Digest `json:"digest"`
	Name     string         `json:"name"`
	Outcome  string         `json:"outcome"`
	Findings []CoreFinding  `json:"findings,omitempty"`
	Evidence []CoreEvidence `json:"evidence,omitempty"` // in the order of their digests
}

// NewCore returns the core of v, which Evaluate has made of in. input is the digest of
// in's document.
func NewCore(in *Input, v verdict.Verdict, input subject.Digest) Core {
	c := Core{Rules: Rules, Input: input, Policy: in.Policy.Digest, Environment: in.Environment,
		EnvironmentID: in.Protection.ID, Time: in.Now.UTC(),
		Outcome: v.Answer().String(), Findings: coreFindings(v.Findings)}
	if m := v.Mode; m != nil {
		c.Mode = CoreMode{m.Level, m.Says, m.Since, m.Until}
	}
	for i := range v.Judgements {
		c.Subjects = append(c.Subjects, coreSubject(&v.Judgements[i]))
	}
	return c
}

func coreSubject(j *verdict.Judgement) CoreSubject {
	s := CoreSubject{Digest: j.Subject.Digest, Name: j.Subject.Name,
		Outcome: j.Outcome().String(), Findings: coreFindings(j.Findings)}
	for i := range j.Evidence {
		e := &j.Evidence[i]
		s.Evidence = append(s.Evidence, CoreEvidence{e.Statement, e.PredicateType, e.Signer, e.Run, e.Commit, e.Time})
	}
	slices.SortFunc(s.Evidence, func(a, b CoreEvidence) int {
		return cmp.Or(cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Signer, b.Signer), cmp.Compare(a.Run, b.Run))
	})
	s.Evidence = slices.Compact(s.Evidence)
	return s
}

func coreFindings(all []verdict.Finding) []CoreFinding {
	var out []CoreFinding
	for i := range all {
		f := CoreFinding{Requirement: all[i].Requirement, Code: all[i].Code, Outcome: all[i].Outcome.String()}
		for k := range all[i].People {
			p := &all[i].People[k]
			f.People = append(f.People, CorePerson{p.Identity, p.Decision, p.Counted, p.Code, p.Time, p.Statement})
		}
		out = append(out, f)
	}
	return out
}

// JSON returns c in the one form that RFC 8785 has for it.
func (c *Core) JSON() ([]byte, error) { return strictjson.Canonical(c) }

// Digest returns the digest of c's JSON.
func (c *Core) Digest() (subject.Digest, error) {
	b, err := c.JSON()
	return subject.Sum(b), err
}
