package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// An Export is a signed list of what the history of an environment consists of.
type Export struct {
	statement.Exported
	Statement subject.Digest
	Signer    statement.Signer
	Time      time.Time // verified time of signing
}

// Exporting returns the list of c and of what was heard in a period. at is now, and run the
// one that signs it. The states are words for how deployments ended.
func (in Input) Exporting(t statement.Target, c Chain, h Heard, period Period, version, run string) statement.Export {
	e := statement.Export{
		Target: t, Missing: c.Missing, Policy: statement.DigestSet{SHA256: in.Policy.Digest.Hex()},
		Version: version, Run: run, MadeAt: in.Now.UTC().Format(time.RFC3339),
	}
	for _, x := range []struct {
		at time.Time
		to *string
	}{{period.Since, &e.Since}, {period.Until, &e.Until}} {
		if !x.at.IsZero() {
			*x.to = x.at.UTC().Format(time.RFC3339)
		}
	}
	outside := map[string]bool{}
	for _, x := range c.Entries {
		if !period.Has(x.Time) {
			outside[x.Link.SHA256] = true
			continue
		}
		e.Entries = append(e.Entries, statement.ListedEntry{Number: x.Number, SHA256: x.Link.SHA256, State: ended[x.State]})
	}
	for _, x := range c.Entries {
		for _, l := range x.Previous {
			if outside[l.SHA256] && period.Has(x.Time) && !slices.Contains(e.Outside, l) {
				e.Outside = append(e.Outside, l)
			}
		}
	}
	for _, w := range h.Words {
		l := statement.ListedWord{Decision: w.Decision, SHA256: w.Statement.Hex()}
		if w.Known == ByPlatform {
			l.By = &statement.Account{Host: w.By.Host, ID: w.By.ID}
		}
		i := slices.IndexFunc(e.Said, func(o statement.ListedWord) bool { return o.SHA256 == l.SHA256 })
		if i < 0 {
			e.Said = append(e.Said, l)
		} else {
			e.Said[i].By = nil // of what two have signed, nobody is the one
		}
	}
	slices.SortFunc(e.Said, func(a, b statement.ListedWord) int { return cmp.Compare(a.SHA256, b.SHA256) })
	return e
}

// ended are the words of an export for how a deployment ended.
var ended = map[RunState]string{Succeeded: "confirmed", Failed: "failed"}

// SignsExports says why an export that signer has signed does not count, or nothing. A
// list may leave something out. So not everybody who may write signs one: it takes a
// workflow of the environment's repository, on a branch that the policy names under
// built-by or approve-in. A tag is none: offline nobody says who may make it.
func SignsExports(p *Policy, e statement.Export, s statement.Signer) string {
	t := e.Target
	env, _ := p.Environment(t.Name)
	_, refs, mark := p.deploys(env, t)
	for _, b := range p.ApproveIn {
		if b.Forge.Issuer == t.Issuer && b.RepositoryID == t.Repository.ID {
			refs = append(refs, b.Refs...)
		}
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return !strings.HasPrefix(ref, "refs/heads/") })
	_, ref, _ := strings.Cut(strings.TrimPrefix(s.ConfigURI, s.Repository+mark), "@")
	if why := jobOf(t, s); why != "" {
		return why
	}
	switch {
	case ref != s.Ref || !matchesAny(refs, ref):
		return fmt.Sprintf("a workflow of %q signed it, want %s", ref, cmp.Or(strings.Join(refs, " or "), "a branch"))
	case s.Run != e.Run:
		return fmt.Sprintf("it says that run %s made it, and another one signed it", e.Run)
	}
	return ""
}

// Exports reads what was found under the Exports of in's environment: those that count,
// the newest first, and why others do not, by the digest of their statement.
func (in Input) Exports(c Candidate) ([]Export, map[subject.Digest]string) {
	var out []Export
	passed := map[subject.Digest]string{}
	for _, f := range c.Facts {
		if f.Statement.PredicateType != statement.HistoryV1 {
			continue
		}
		x, why := in.exported(c.Subject.Digest, f)
		if why != "" {
			passed[f.StatementHash] = why
			continue
		}
		if !slices.ContainsFunc(out, func(o Export) bool { return o.Statement == x.Statement && o.Signer == x.Signer }) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Export) int {
		return cmp.Or(b.Time.Compare(a.Time), a.Statement.Compare(b.Statement))
	})
	for _, x := range out {
		delete(passed, x.Statement)
	}
	return out, passed
}

func (in Input) exported(mark subject.Digest, f Fact) (Export, string) {
	e, err := f.Statement.Exported()
	if err != nil {
		return Export{}, err.Error()
	}
	if e.Target.Name != in.Environment || e.Target.Exports().Digest != mark {
		return Export{}, "it is about another environment"
	}
	if why := cmp.Or(in.sound(f, in.trusts), SignsExports(in.Policy, e.Export, f.Signer)); why != "" {
		return Export{}, why
	}
	return Export{e, f.StatementHash, f.Signer, f.Time}, ""
}

// Whole wants every statement that x lists to be among what in's policy let verify. A fault
// says which one is not.
func (in Input) Whole(x Export, said []Fact) error {
	has := func(all []Fact, hex string) bool {
		return slices.ContainsFunc(all, func(f Fact) bool { return f.StatementHash.Hex() == hex })
	}
	hint := "ask who made the export for the whole of it, or have it made again"
	if x.PolicyDigest != in.Policy.Digest {
		hint = "read it with the policy file that it was made under, " + x.PolicyDigest.String() + ", or " + hint
	}
	lacks := func(what, hex string) error {
		return fault.New(fault.Refused, fault.EntryMissing, hint,
			"the export of %s lists %s, and no statement sha256:%s that verifies is here",
			x.Time.UTC().Format(time.RFC3339), what, hex)
	}
	for _, e := range x.Entries {
		if !has(in.Entries.Facts, e.SHA256) {
			return lacks(fmt.Sprintf("entry %d", e.Number), e.SHA256)
		}
	}
	for _, w := range x.Said {
		if !has(said, w.SHA256) {
			return lacks("a statement of a person ("+w.Decision+")", w.SHA256)
		}
	}
	return nil
}
