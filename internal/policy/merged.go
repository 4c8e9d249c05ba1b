package policy

import (
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// UsualPath is where a repository has its policy, if nothing else is said.
const UsualPath = ".sallyport/policy.yaml"

// Merged is the platform's word about the policy's file on the default branch of the
// repository that the environment belongs to. Its zero is that nobody was asked.
type Merged struct {
	Repository string         `json:"repository"` // address
	ID         string         `json:"id"`         // its number
	Branch     string         `json:"branch"`     // the default branch
	Commit     string         `json:"commit"`     // that it is at
	Digest     subject.Digest `json:"digest"`     // of the file there; zero: it was not shown
	Why        string         `json:"why"`        // why it was not shown, in words
	Need       string         `json:"need"`       // the next step then
	Absent     bool           `json:"absent"`     // the platform says that it shows no such file
	Strict     bool           `json:"strict"`     // it asks for a record, or for changes to be agreed to; or it cannot be read
	Modes      Modes          `json:"modes"`      // of the environment there
}

// First reports whether nothing has entered yet that put a policy into force, as far as the
// entries at hand say, and they were looked for.
func (in Input) First() bool {
	c := in.chained().chain
	return in.Entries.Subject.Digest != (subject.Digest{}) && len(c.Carriers())+len(c.Foreign) == 0
}

// A wish is why the policy has to be that of the default branch.
type wish struct {
	reason   string
	of       string // digest of the entry whose policy wants it; "": the policy at hand
	reviewed bool   // nobody alone may put it there
	open     bool   // … but the policy that wants it accepts a plan that protects no branch
}

// wishes says why the policy at hand has to be that of the default branch, if it does.
func (in Input) wishes(env Environment) []wish {
	var out []wish
	first := wish{reviewed: env.PolicyMerged, open: in.openPlan(in.Policy)}
	switch {
	case !in.First():
	case env.Record == RecordRequired || env.PolicyMerged:
		first.reason = fmt.Sprintf(
			"nothing has entered %q yet, and its first policy is that of the default branch",
			env.Name,
		)
		out = append(out, first)
	case in.Merged.Strict || in.Merged.unknown():
		first.reason = fmt.Sprintf(
			"nothing has entered %q yet, and where the default branch asks for a record the first policy is its own",
			env.Name,
		)
		out = append(out, first)
	}
	for _, f := range in.InForce {
		if _, old, ok := in.under(f); ok && old.Record != RecordOff && old.PolicyMerged {
			reason := fmt.Sprintf(
				"the policy has changed since entry %d, whose policy wants a change of it to be merged",
				f.Entry.Number,
			)
			out = append(out, wish{reason, f.Entry.SHA256, true, in.openPlan(f.Policy)})
		}
	}
	return out
}

// unknown reports whether nobody knows which policy the default branch has.
func (m Merged) unknown() bool { return !m.Absent && (m.Why != "" || m.Branch == "") }

// unread denies where bundles about entries are there and none of them can be read under this
// policy's roots: one of them may say which policy is in force.
func (in Input) unread(env Environment) []verdict.Finding {
	n := len(in.Entries.Rejections) + in.Entries.More
	if !in.First() || n == 0 {
		return nil
	}
	r := in.Entries.Rejections[0]
	f := deny(
		fault.Policy,
		"policy change",
		env.Line,
		fmt.Sprintf(
			"nothing that is said of entries into %q verifies under this policy, so the policy in force is not known",
			env.Name,
		),
		"an entry that verifies",
		"keep the trust of the policy before, or its roots beside the new ones, for one release; "+
			"delete a bundle only if those who approve agree that it is no entry",
	)
	f.Found = fmt.Sprintf("%d that do not, the first in %s: %s", n, r.Source, r.Reason)
	return []verdict.Finding{f}
}

// mergedRef is the question whether somebody alone may change the default branch. It is
// false where nobody wants to know.
func (in Input) mergedRef(all []wish) (RefQuery, bool) {
	m := in.Merged
	wanted := slices.ContainsFunc(all, func(w wish) bool { return w.reviewed && !w.open })
	if !wanted || m.Branch == "" {
		return RefQuery{}, false
	}
	return RefQuery{Repository: m.Repository, ID: m.ID, Ref: "refs/heads/" + m.Branch}, true
}

// openPlan reports whether p accepts that the repository's plan protects no branch.
func (in Input) openPlan(p *Policy) bool {
	return slices.ContainsFunc(p.Artifacts, func(a Artifact) bool {
		return slices.ContainsFunc(
			a.BuiltBy,
			func(b Builder) bool { return b.RepositoryID == in.Merged.ID && b.RefOpen },
		)
	})
}

// merged judges whether the policy at hand is that of the default branch, where it has to
// be.
func (in Input) merged(env Environment) []verdict.Finding {
	var out []verdict.Finding
	for _, w := range in.wishes(env) {
		m := in.notMerged(w)
		if m == nil {
			out = append(
				out,
				met(
					"policy change",
					fmt.Sprintf(
						"the policy is that of branch %q at commit %s",
						in.Merged.Branch,
						short(in.Merged.Commit),
					),
					env.Line,
				),
			)
			continue
		}
		m.line, m.reason = env.Line, w.reason+": "+m.reason
		out = append(out, m.finding("policy change"))
	}
	return slices.Concat(out, in.unread(env), in.closing(env))
}

// notMerged says why the policy at hand is not that of the default branch, or nil.
func (in Input) notMerged(w wish) *miss {
	x := in.Merged
	switch {
	case x.Absent && x.Strict:
		return &miss{
			code:   fault.Policy,
			reason: fmt.Sprintf("branch %q has no policy there, and one at %s", x.Branch, UsualPath),
			found:  x.Why,
			wanted: "the policy of this gate",
			hint:   "let the one at " + UsualPath + " judge, or merge this policy in its place",
		}
	case x.Absent:
		return &miss{
			code:   fault.Policy,
			reason: "it is not there",
			found:  x.Why,
			wanted: "the policy of this gate",
			hint:   x.Need,
		}
	case x.Why != "" || x.Branch == "":
		return &miss{
			code:   fault.NotAvailable,
			reason: "the platform does not show it",
			found:  orAbsent(x.Why),
			wanted: "the policy of this gate",
			hint:   x.Need,
		}
	case x.Digest != in.Policy.Digest:
		return &miss{
			code:   fault.Policy,
			reason: fmt.Sprintf("branch %q has another one", x.Branch),
			found:  x.Digest.String() + " at commit " + short(x.Commit),
			wanted: in.Policy.Digest.String(),
			hint: fmt.Sprintf(
				"merge this policy into %q first; or let the one there judge, with policy-ref: %s",
				x.Branch,
				x.Branch,
			),
		}
	}
	q, asked := in.mergedRef([]wish{w})
	if !asked {
		return nil
	}
	i := slices.IndexFunc(in.Refs, func(r Ref) bool { return r.Query == q })
	switch {
	case i < 0 || in.Refs[i].Protected == Unanswered:
		m := &miss{
			code:   fault.NotAvailable,
			reason: "the platform does not say how the branch is protected",
			found:  "nothing",
			wanted: "a protected branch",
		}
		if i >= 0 {
			m.found, m.hint = orAbsent(in.Refs[i].Why), in.Refs[i].Need
		}
		return m
	case in.Refs[i].Protected == No:
		return &miss{
			code:   fault.Policy,
			reason: fmt.Sprintf("one person alone may push it to branch %q", x.Branch),
			found:  "a branch that is not protected",
			wanted: "a branch onto which somebody else lets a change",
			hint: fmt.Sprintf(
				"protect branch %q; on a plan that cannot, say so with ref-protection: none of built-by",
				x.Branch,
			),
		}
	}
	return nil
}

// closing denies a new policy that nobody could change later: its entry puts it into force,
// and its own rules then judge each other one.
func (in Input) closing(env Environment) []verdict.Finding {
	if env.PolicyChange == nil || !in.First() && len(in.InForce) == 0 ||
		in.Entries.Subject.Digest == (subject.Digest{}) {
		return nil
	}
	g, _ := in.Policy.Group(env.PolicyChange.Group)
	people := map[string]bool{}
	for _, a := range in.accounts(g) {
		if p := in.Policy.person(a); p != "" && !in.Policy.agent(a) {
			people[p] = true
		}
	}
	if len(people) >= env.PolicyChange.Count {
		return nil
	}
	f := deny(
		fault.Policy,
		"policy change",
		env.PolicyChange.Line,
		"nobody could ever change this policy once it is in force",
		fmt.Sprintf(
			"%d people of group %q",
			env.PolicyChange.Count,
			g.Name,
		),
		"ask for fewer, or give the group more members, before anything enters",
	)
	f.Found = fmt.Sprintf("%d of them", len(people))
	return []verdict.Finding{f}
}

// unreviewed says, in words, that changes of the policy need nobody else.
func (in Input) unreviewed(env Environment) []string {
	for _, w := range in.wishes(env) {
		if w.reviewed && w.open {
			return []string{
				fmt.Sprintf(
					"one person alone may change the policy: the plan of the repository protects no branch, and %q is its default branch",
					in.Merged.Branch,
				),
			}
		}
	}
	return nil
}
