package policy

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// FindRelease returns the release set with the given digest. It counts only if
// the workflow that builds each of its artifacts signed it.
func FindRelease(p *Policy, facts []Fact, digest subject.Digest) (statement.Set, Fact, error) {
	why := fault.New(fault.Refused, fault.EvidenceMissing, "make one with sallyport release, or name the bundle or store that holds it", "no release set %s was found", digest)
	for _, f := range facts {
		s, err := f.Statement.Set()
		if err != nil && f.Statement.PredicateType == statement.ReleaseV1 {
			why = fault.New(fault.Refused, fault.Predicate, "make it again with this version of sallyport", "what was found for release set %s cannot be read: %w", digest, err)
		}
		if err != nil || s.Digest != digest {
			continue
		}
		stranger := slices.IndexFunc(s.Artifacts, func(x subject.Subject) bool {
			a, ok := p.Artifact(x.Name)
			if !ok {
				return true
			}
			_, ok = releaseOf(a, f)
			return !ok
		})
		if stranger < 0 {
			return s, f, nil
		}
		why = fault.New(fault.Refused, fault.Identity, "make it in the workflow that builds the artifacts", "release set %s is signed by %q, which does not build %q under this policy", digest, f.Signer.SAN, s.Artifacts[stranger].Name)
	}
	return statement.Set{}, Fact{}, why
}

// Seen returns the digests of the statements that meet the requirements of in's
// environment, sorted, each once. A run that has not ended is no obstacle: a
// release set is made, and may be approved, while its run goes on.
func Seen(in Input) []statement.DigestSet {
	var all []subject.Digest
	env, _ := in.Policy.Environment(in.Environment)
	for _, c := range in.Candidates {
		a, _ := in.artifact(c)
		for _, f := range meeting(in, env, a, c.indexed(), signs) {
			all = append(all, f.StatementHash)
		}
	}
	slices.SortFunc(all, func(a, b subject.Digest) int { return a.Compare(b) })
	var out []statement.DigestSet
	for _, d := range slices.Compact(all) {
		out = append(out, statement.DigestSet{SHA256: d.Hex()})
	}
	return out
}

// Preview returns the verdict of Evaluate if the unfinished runs succeed. It is
// shown to people before they decide, and lets nothing in.
func Preview(in Input) verdict.Verdict {
	in.Runs = slices.Clone(in.Runs)
	for i := range in.Runs {
		if in.Runs[i].State == Unfinished {
			in.Runs[i].State = Succeeded
		}
	}
	return Evaluate(in)
}

// Lacking returns what the evidence lacks for in's environment. Approvals and
// unfinished runs are left out.
func Lacking(in Input) []verdict.Finding {
	return denied(in, func(f verdict.Finding) bool { return !f.Pending && f.Code != fault.Rollback && !isPeople(f.Code) })
}

// LackingPeople returns what people still have to say, or have said against it.
func LackingPeople(in Input) []verdict.Finding {
	return denied(in, func(f verdict.Finding) bool { return isPeople(f.Code) || f.Code == fault.Changed && f.Pending })
}

// denied returns those findings of a preview that are not met and are wanted.
func denied(in Input, wanted func(verdict.Finding) bool) []verdict.Finding {
	var out []verdict.Finding
	for _, j := range Preview(in).Judgements {
		for _, f := range j.Findings {
			if f.Outcome != verdict.Allow && wanted(f) {
				out = append(out, f)
			}
		}
	}
	return out
}

func isPeople(c fault.Code) bool {
	return slices.Contains([]fault.Code{fault.ApprovalMissing, fault.ApprovalStale, fault.ApprovalRejected, fault.Duties}, c)
}

// Standing says whether an account may approve for one rule, and if not, why.
type Standing struct {
	Group  string
	Member bool
	Code   fault.Code // empty: they may
	Reason string
	// InForce says that a policy in force asks the group; Veto, that only its no counts.
	InForce, Veto bool
}

// check gathers what is known about a candidate for people who decide, or look:
// how the runs of its evidence end is not asked.
func (in Input) check(c Candidate) *approvalCheck {
	env, _ := in.Policy.Environment(in.Environment)
	artifact, _ := in.artifact(c)
	return newApprovalCheck(in, env, artifact, c, meeting(in, env, artifact, c.indexed(), signs))
}

// Stand says, for each rule of in's environment, and of those in force, whether an account may
// approve a subject. The gate will judge their approval in the same way.
func Stand(in Input, c Candidate, a Account, by Source) []Standing {
	var out []Standing
	for _, k := range in.shown(c) {
		rules := k.env.Approvals
		if k.env.Emergency != nil && k.force == nil {
			rules = append(slices.Clone(rules), Rule{Group: k.env.Emergency.Group})
		}
		for _, r := range rules {
			g, _ := k.in.Policy.Group(r.Group)
			x := k.judge(g, vote{account: a, decision: statement.Approve, source: by, trust: k.trust(g)}, g.Excludes)
			s := Standing{Group: r.Group, Member: x.member, InForce: k.force != nil, Veto: r.Veto}
			if x.why != nil {
				s.Code, s.Reason = x.why.code, x.why.reason
			}
			out = append(out, s)
		}
	}
	return out
}

// MayApprove returns the labels of accounts that could approve everything that in
// judges, by group; a group that a policy in force asks has that before its name. A group
// with a veto only is left out: its approval is not needed.
func MayApprove(in Input) map[string][]string {
	out := map[string][]string{}
	for i, c := range in.Candidates {
		for _, k := range in.shown(c) {
			for _, r := range k.env.Approvals {
				if r.Veto {
					continue
				}
				may, name := k.eligible(k.tallyOf(r)), k.called(r)
				if i > 0 {
					may = slices.DeleteFunc(out[name], func(who string) bool { return !slices.Contains(may, who) })
				}
				out[name] = may
			}
		}
	}
	return out
}

// UnnamedIn are the makers without a known person that raise the approvals of a
// group.
type UnnamedIn struct {
	Group  string   `json:"group"`
	Makers []string `json:"makers"`           // in words
	Advice string   `json:"advice,omitempty"` // lines of the policy that name them, as a next step
}

// UnknownMakers returns, for each rule that asks for approvals, the makers that
// raise their number for something that in judges.
func UnknownMakers(in Input) []UnnamedIn {
	var groups []string
	makers := map[string][]unnamed{}
	for _, c := range in.Candidates {
		k := in.check(c)
		for _, r := range k.env.Approvals {
			for _, u := range k.tallyOf(r).unknown {
				if !slices.Contains(groups, r.Group) {
					groups = append(groups, r.Group)
				}
				if !slices.Contains(told(makers[r.Group]), u.told) {
					makers[r.Group] = append(makers[r.Group], u)
				}
			}
		}
	}
	var out []UnnamedIn
	for _, g := range groups {
		out = append(out, UnnamedIn{Group: g, Makers: told(makers[g]), Advice: in.Policy.advice(makers[g])})
	}
	return out
}

// An Approver is a member of a group that is asked, and why they may not approve.
type Approver struct {
	Group   string
	Account Account
	Reason  string // empty: they may
}

// Approvers returns every member of the groups that are asked for a yes, as far as
// they are known by name, each once. Whatever they have said, Reason is why one of
// them may not approve the first thing that in judges and they may not approve.
func Approvers(in Input) []Approver {
	var out []Approver
	for _, c := range in.Candidates {
		k := in.check(c)
		for _, r := range k.env.Approvals {
			if r.Veto {
				continue
			}
			g, _ := in.Policy.Group(r.Group)
			for _, a := range in.accounts(g) {
				i := slices.IndexFunc(out, func(x Approver) bool {
					return x.Group == g.Name && x.Account.Host == a.Host && x.Account.ID == a.ID
				})
				if i < 0 {
					i, out = len(out), append(out, Approver{Group: g.Name, Account: a})
				}
				v := k.judge(g, vote{account: a, decision: statement.Approve, source: g.Sources[0], trust: k.trust(g)}, g.Excludes)
				if v.why != nil && a.Kind == Human && out[i].Reason == "" { // of others a list of members does not say who they are
					out[i].Reason = v.why.reason
				}
			}
		}
	}
	return out
}

// CarriesApprovals reports whether s signed in a workflow under approve-in. Such
// a signature is the approval of the account that started the run.
func CarriesApprovals(p *Policy, s statement.Signer) bool {
	return slices.ContainsFunc(p.ApproveIn, func(b Builder) bool { return builtBy(b, s) == nil })
}

// A Prospect says whether a rule can be met for a change if everybody who may
// approve does.
type Prospect struct {
	Group    string
	Line     int
	Need     int               // approvals, with one more for each maker without a known person
	Unknown  []string          // makers without a known person, in words
	Advice   string            // lines of the policy that name them, as a next step; or empty
	Eligible []string          // labels
	Excluded map[string]string // label to reason
	Met      bool              // the rule can be met together with the other rules
	Waivable []Waivable        // claimed roles that exclude somebody, or that nobody can be named for
}

// Prospects judges every rule of an environment against a change.
func Prospects(in Input, env Environment, c Change) []Prospect {
	k := approvalCheck{in: in, env: env, makers: c.Makers, changed: true}
	var tallies []tally
	var out []Prospect
	for _, r := range env.Approvals {
		g, _ := in.Policy.Group(r.Group)
		b := k.tallyOf(r)
		p := Prospect{Group: r.Group, Line: r.Line, Need: b.need, Unknown: told(b.unknown), Advice: in.Policy.advice(b.unknown), Excluded: map[string]string{}, Waivable: k.waivable(g)}
		for _, a := range in.accounts(g) {
			source := g.Sources[0]
			v := k.judge(g, vote{account: a, decision: statement.Approve, source: source, trust: k.trust(g)}, g.Excludes)
			if v.why != nil && a.Kind == Human {
				p.Excluded[a.Label()] = v.why.reason
				continue
			}
			v.why = nil
			b.judged = append(b.judged, v)
			if !slices.Contains(p.Eligible, a.Label()) {
				p.Eligible = append(p.Eligible, a.Label())
			}
		}
		tallies, out = append(tallies, b), append(out, p)
	}
	match(tallies)
	for i := range out {
		out[i].Met = len(tallies[i].counted) >= tallies[i].need
	}
	return out
}
