package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Word is something that a person has signed about a release, for an environment: a
// yes, a no, a withdrawal or a waiver. Whether any gate counted it is another matter.
type Word struct {
	statement.Said
	Claim     *statement.Claim // that it waives, or nil
	Statement subject.Digest   // of the signed payload
	Signer    statement.Signer
	Time      time.Time // verified time of signing
	By        Account   // without an ID: nobody says who it was
	Known     Knowledge // what says that it was By
	Counted   []int     // numbers of the entries that rest on it
}

// Knowledge is what says who was behind a signature.
type Knowledge string

// The kinds of it, the surest last.
const (
	ByNobody      Knowledge = ""
	ByStatement   Knowledge = "statement"   // the statement claims it: the platform told the run that signed
	ByPlatform    Knowledge = "platform"    // the platform says it now
	ByCertificate Knowledge = "certificate" // they signed with an address of theirs
	ByEntry       Knowledge = "entry"       // an entry says it: its gate had asked the platform
)

// Heard is what people have said about an environment.
type Heard struct {
	Words  []Word   // the newest first
	Passed []string // what was found and does not count, and why, in words
	asks   asking
}

// maxHeard bounds how many runs the platform is asked about for the sake of who started
// them: of the newest statements that no entry names. Of the others, the statement says it.
const maxHeard = 100

// Heard reads what was found under the Decisions of in's environment, of a period: what was
// said in it, and what entries of it rest on. A statement counts as said only if a person
// signed it with an address that a group names, or a run of a workflow under approve-in did.
func (in Input) Heard(c Candidate, period Period) Heard {
	in = in.chained()
	h := Heard{asks: asking{policy: in.Policy}}
	for _, f := range c.Facts {
		kind := f.Statement.PredicateType
		if kind != statement.ApprovalV1 && kind != statement.WaiverV1 {
			continue
		}
		w, why := in.word(c.Subject.Digest, f)
		if why == "" {
			why = h.carried(in, f)
		}
		switch {
		case why == "":
		case period.Has(f.Time):
			h.pass(f.Signer, why)
			continue
		default:
			continue
		}
		i := slices.IndexFunc(h.Words, func(o Word) bool { return o.Statement == w.Statement && o.Signer == w.Signer })
		switch {
		case i < 0:
			h.Words = append(h.Words, w)
		case w.Time.Before(h.Words[i].Time): // one signature, with two timestamps
			h.Words[i].Time = w.Time
		}
	}
	slices.SortFunc(h.Words, func(a, b Word) int {
		return cmp.Or(b.Time.Compare(a.Time), a.Statement.Compare(b.Statement), cmp.Compare(a.Signer.Run, b.Signer.Run))
	})
	h.count(in.chain.Entries, period)
	h.attribute(in)
	return h
}

// word reads a fact as what somebody said about the environment of mark, or says why it
// is nothing of the kind.
func (in Input) word(mark subject.Digest, f Fact) (Word, string) {
	s, claim, err := said(f.Statement)
	if err != nil {
		return Word{}, err.Error()
	}
	about := slices.ContainsFunc(s.Targets, func(t statement.Target) bool {
		return t.Name == in.Environment && t.Decisions().Digest == mark
	})
	if !about {
		return Word{}, "it is about other environments: " + names(s.Environments)
	}
	if why := in.sound(f, func(trust string) bool { return in.trusts(trust) || in.Policy.trustsPeople(trust) }); why != "" {
		return Word{}, why
	}
	return Word{Said: s, Claim: claim, Statement: f.StatementHash, Signer: f.Signer, Time: f.Time}, ""
}

// trustsPeople reports whether what some group signs verifies under a trust of its own.
func (p *Policy) trustsPeople(id string) bool {
	return slices.ContainsFunc(p.Groups, func(g Group) bool { return g.Trust != nil && g.Trust.ID() == id })
}

// carried says why a signature is not that of a person, or nothing. What has to be asked
// about the ref of a run is added to h.
func (h *Heard) carried(in Input, f Fact) string {
	s := f.Signer
	if s.SANKind == "email" {
		named := slices.ContainsFunc(in.Policy.Groups, func(g Group) bool {
			return slices.ContainsFunc(g.Members, func(m Member) bool {
				return m.Kind == MemberEmail && m.Host == s.Issuer && equalAddress(m.ID, s.SAN)
			})
		})
		if !named {
			return "no group of the policy names " + s.SAN
		}
		return ""
	}
	for _, b := range in.Policy.ApproveIn {
		if builtBy(b, s) == nil {
			h.asks.ref(b, s)
		}
	}
	if in.Unasked {
		if !CarriesApprovals(in.Policy, s) {
			return "signed in a workflow that carries no approvals"
		}
		return ""
	}
	if m := in.carries(f); m != nil {
		return m.reason
	}
	return ""
}

func (h *Heard) pass(s statement.Signer, why string) {
	h.Passed = append(h.Passed, fmt.Sprintf("a statement of %s: %s", orAbsent(bare(cmp.Or(s.Run, s.SAN))), why))
}

// count finds the entries that rest on each word, and drops what is not of the period.
func (h *Heard) count(entries []Entry, period Period) {
	runs := map[subject.Digest]int{} // that have signed one text
	for _, w := range h.Words {
		if w.Signer.SANKind != "email" {
			runs[w.Statement]++
		}
	}
	var kept []Word
	for _, w := range h.Words {
		of := period.Has(w.Time)
		if runs[w.Statement] < 2 ||
			w.Signer.SANKind == "email" { // an entry names no run, and tells two apart for nobody
			of = w.counted(entries, period) || of
		}
		if of {
			kept = append(kept, w)
		}
	}
	h.Words = kept
}

// attribute finds out who was behind each word. A run that the platform says was another
// one takes its word away.
func (h *Heard) attribute(in Input) {
	var kept []Word
	for _, w := range h.Words {
		if why := h.who(in, &w); why != "" {
			h.pass(w.Signer, why)
			continue
		}
		kept = append(kept, w)
	}
	h.Words = kept
}

// who finds out who was behind w, or says why that is nobody who counts.
func (h *Heard) who(in Input, w *Word) string {
	s := w.Signer
	if s.SANKind == "email" {
		w.By, w.Known = Account{Host: s.Issuer, ID: s.SAN, Name: s.SAN, Kind: Human}, ByCertificate
		return ""
	}
	if w.Known == ByEntry {
		return ""
	}
	if h.asks.count(AboutRun) < maxHeard && !in.Unasked {
		h.asks.run(RunQuery{URI: s.Run})
	}
	if r, ok := in.run(s.Run); ok && r.Why == "" && r.By.ID != "" {
		if m := r.other(s); m != nil {
			return m.reason
		}
		w.By, w.Known = r.By, ByPlatform
		return ""
	}
	if b := w.Said.By; b != nil {
		w.By, w.Known = Account{Host: b.Host, ID: b.ID}, ByStatement
	}
	return ""
}

// counted finds the entries that rest on w, and who was behind it by their word. It reports
// whether one of them is of the period.
func (w *Word) counted(entries []Entry, period Period) bool {
	hex, of := w.Statement.Hex(), false
	for _, e := range entries {
		i := slices.IndexFunc(e.Approvals, func(p statement.Part) bool { return p.Statement == hex && w.signedBy(p) })
		if i < 0 || slices.Contains(w.Counted, e.Number) {
			continue
		}
		p := e.Approvals[i]
		of = of || period.Has(e.Time)
		w.Counted = append(w.Counted, e.Number)
		w.By, w.Known = Account{Host: p.Host, ID: p.ID}, ByEntry
	}
	slices.Sort(w.Counted)
	return of
}

// signedBy reports whether the account that p names can be the one behind w: an address is
// in the certificate, and an account of the platform signs by a run.
func (w *Word) signedBy(p statement.Part) bool {
	if w.Signer.SANKind == "email" {
		return p.Host == w.Signer.Issuer && equalAddress(p.ID, w.Signer.SAN)
	}
	return !strings.Contains(p.ID, "@")
}

// Unheard are the parts that people had in entries of a period whose statements are not
// among those that were found: deleted, kept elsewhere, or signed before statements were
// found by environment.
func (c Chain) Unheard(said Candidate, period Period) []statement.Part {
	var out []statement.Part
	for _, e := range c.Entries {
		for _, p := range e.Approvals {
			here := slices.ContainsFunc(said.Facts, func(f Fact) bool { return f.StatementHash.Hex() == p.Statement })
			if p.Statement != "" && !here && period.Has(e.Time) && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// Questions are what the platform has to be asked before h is what it can be.
func (h Heard) Questions() Questions { return h.asks.sorted() }

// A Period is from Since, and up to Until. A zero is no bound.
type Period struct{ Since, Until time.Time }

// Has reports whether t is in the period.
func (p Period) Has(t time.Time) bool {
	return !t.Before(p.Since) && (p.Until.IsZero() || t.Before(p.Until))
}
