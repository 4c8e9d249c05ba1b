package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Inflow says how each commit that enters has to have come onto its branch (the policy
// key source).
type Inflow struct {
	Verified bool     // it carries a signature that the platform verified
	Reviewed int      // so many others approved the request that brought it, before the merge; 0: reviews are not asked for
	Accepted []string // full ids of commits that count as if they had
	Line     int
}

// orNone returns what f asks, also where nothing does.
func (f *Inflow) orNone() Inflow {
	if f == nil {
		return Inflow{}
	}
	return *f
}

// inflow reads the key source of an environment.
func (r *reader) inflow(n *yamlnode.Node) *Inflow {
	m := r.mapping(n, "source", "verified", "reviewed", "accepted")
	f := &Inflow{Line: line(n)}
	if x := m.get("verified"); x != nil {
		f.Verified = r.choice(x, "verified", "required", "optional") == "required"
	}
	if x := m.get("reviewed"); x != nil {
		f.Reviewed = r.count(x)
	}
	for _, x := range r.list(m.get("accepted"), "accepted") {
		f.Accepted = append(f.Accepted, r.exact(x, "accepted", commit))
	}
	if m.get("reviewed") == nil && !f.Verified {
		r.complain(n, "source asks for nothing, want verified: required, or reviewed: 1")
	}
	return f
}

// sourced complains about builders of which it is not known that the branch of their commits
// is protected, where an environment asks how those came onto it: a rule that is
// off lets commits in past every review.
func (r *reader) sourced(p *Policy) {
	i := slices.IndexFunc(p.Environments, func(e Environment) bool { return e.Source != nil })
	if i < 0 {
		return
	}
	const why = "%s does not go with source of environment %q, which wants a protected branch whose rules are on"
	name := fault.Cut(p.Environments[i].Name)
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			switch {
			case b.RefUnchecked:
				r.complainAt(b.Line, 0, why, "branch: unchecked", name)
			case b.RefOpen:
				r.complainAt(b.Line, 0, why, "ref-protection: none", name)
			case b.Branch == "" && slices.ContainsFunc(b.Refs, func(s string) bool { return strings.HasPrefix(s, "refs/tags/") }):
				r.complainAt(b.Line, 0, "source of environment %q needs the key branch here: which protected branch the commit of a tag has to be on", name)
			}
		}
	}
}

// source tells what of the key asks for less.
func (l *loosening) source(old, now *Inflow) {
	a, b := old.orNone(), now.orNone()
	l.accepts("a commit without a verified signature", !a.Verified, !b.Verified)
	if a.Reviewed > 0 {
		l.count("reviewed of source", a.Reviewed, b.Reviewed)
	}
	for _, id := range b.Accepted {
		if old != nil && !slices.Contains(a.Accepted, id) {
			l.add("source accepts commit %s, and did not", short(id))
		}
	}
}

// reviewedRoles are who may not review a request: those who had a part in what it brought.
// Who merged it and who started a run had none.
var reviewedRoles = []Role{Author, Committer, CoAuthor, Requester, Pusher}

// source judges how each commit came in that lies between what is deployed and what enters.
func (k *approvalCheck) source() []verdict.Finding {
	f := k.env.Source
	if f == nil || len(k.used) == 0 {
		return nil // without evidence it is denied for that
	}
	if !k.changed {
		return []verdict.Finding{deny(fault.NotAvailable, "source", f.Line, "nothing says which commits enter", "the commits since what is deployed",
			"run the gate again with a token that may read commits and requests; if that does not help, please report this")}
	}
	var out []verdict.Finding
	for _, c := range k.changes {
		if f.Verified {
			out = append(out, f.signatures(c)...)
		}
		if f.Reviewed > 0 {
			out = append(out, k.reviews(f, c)...)
		}
	}
	return out
}

// judged are the commits of c that the policy does not accept by name, each once.
func (f *Inflow) judged(c Change) []Commit {
	var out []Commit
	for _, x := range c.Commits {
		if !slices.Contains(f.Accepted, x.ID) && !slices.ContainsFunc(out, func(o Commit) bool { return o.ID == x.ID }) {
			out = append(out, x)
		}
	}
	return out
}

// cameAnyhow tells which commits enter that the policy accepts by name.
func (in Input) cameAnyhow(env Environment) []string {
	var out []string
	for _, c := range in.Changes {
		for _, x := range c.Commits {
			if slices.Contains(env.Source.orNone().Accepted, x.ID) {
				out = union(out, []string{fmt.Sprintf("source: accepted: commit %.7s %q", x.ID, x.Title)})
			}
		}
	}
	return out
}

// signatures wants each commit to carry a signature that the platform verified. A commit
// that the platform's page made carries the platform's own.
func (f *Inflow) signatures(change Change) []verdict.Finding {
	const name, wanted = "source verified", "a signature that the platform verified, on each commit"
	all := f.judged(change)
	var bad, silent []Commit
	for _, c := range all {
		switch c.Verified {
		case Yes:
		case No:
			bad = append(bad, c)
		default:
			silent = append(silent, c)
		}
	}
	var out []verdict.Finding
	if len(bad) > 0 {
		x := deny(fault.Unverified, name, f.Line, few(len(bad), len(all), "carries no signature that the platform verified", "carry no signature that the platform verified"), wanted,
			f.later("sign the commits of a release, and let a rule of the branch refuse the others"))
		x.Found = someOf(described(bad, func(c Commit) string { return c.signed() + ", " + c.by() }))
		out = append(out, x)
	}
	if len(silent) > 0 {
		x := deny(fault.NotAvailable, name, f.Line, few(len(silent), len(all), "has a signature of which the platform says nothing", "have signatures of which the platform says nothing"), wanted,
			"run the gate again, with a token that may read the commits of the repository")
		x.Found = someOf(described(silent, Commit.signed))
		out = append(out, x)
	}
	if len(out) == 0 {
		out = append(out, met(name, fmt.Sprintf("signatures verified by the platform: %s", commits(len(all))), f.Line))
	}
	return out
}

// later is the next step for commits that are on the branch already: nothing that is done
// to a branch takes them out of its history.
func (f *Inflow) later(then string) string {
	return "what is on the branch stays in its history: let somebody else look at it, and name it under accepted of source, by a reviewed change of the policy; " + then
}

// few says of how many commits something holds.
func few(n, all int, one, more string) string {
	if n == 1 {
		return fmt.Sprintf("1 of %s %s", commits(all), one)
	}
	return fmt.Sprintf("%d of %s %s", n, commits(all), more)
}

func commits(n int) string { return quantity(n, "commit") }

// described tells commits, each with more about it.
func described(all []Commit, more func(Commit) string) []string {
	var out []string
	for _, c := range all {
		out = append(out, fmt.Sprintf("%.7s %q: %s", c.ID, c.Title, more(c)))
	}
	return out
}

// signed says what the platform says of the signature.
func (c Commit) signed() string {
	if c.Words == "" {
		return "no answer about its signature"
	}
	return c.Words
}

// by says who brought c. Whom a commit names as its author is what somebody typed, also where
// the platform signed it; the pusher is an account.
func (c Commit) by() string {
	var who []string
	for _, a := range c.Pushers {
		if a.ID != "" && !slices.Contains(who, a.Label()) {
			who = append(who, a.Label())
		}
	}
	switch {
	case c.Merges > 0:
		return fmt.Sprintf("looks like the merge of request %d, and a person who may push to the branch may have made it by hand", c.Merges)
	case len(who) == 0:
		return fmt.Sprintf("author %s is a claim, and who pushed it is not known", c.Author)
	case len(c.Pushers) == 1 && c.Account.Same(c.Pushers[0]):
		return "pushed by its author " + who[0]
	}
	return fmt.Sprintf("author %s is a claim, pushed by %s", c.Author, strings.Join(who, " and "))
}

// reviews wants each commit to have come in by a request that enough others approved.
func (k *approvalCheck) reviews(f *Inflow, change Change) []verdict.Finding {
	const name = "source reviewed"
	wanted := fmt.Sprintf("each commit by a request that %s approved at its last commit, before it was merged", quantity(f.Reviewed, "other"))
	all := f.judged(change)
	lacks, unseen := map[int64]string{}, map[int64]Request{}
	for _, q := range change.Requests {
		if q.Unseen != "" {
			unseen[q.Number] = q
		}
		// Of two looks at one request, the one counts that found more.
		if why, known := lacks[q.Number]; !known || why == "" {
			lacks[q.Number] = k.unreviewed(f, q)
		}
	}
	var alone, bad []Commit
	var why, silent []string
	hidden, need := 0, ""
	for _, c := range all {
		known := slices.DeleteFunc(slices.Clone(c.Requests), func(n int64) bool { _, ok := lacks[n]; return !ok })
		i := slices.IndexFunc(known, func(n int64) bool { _, ok := unseen[n]; return ok })
		switch {
		case slices.ContainsFunc(known, func(n int64) bool { return lacks[n] == "" }):
		case len(known) == 0:
			alone = append(alone, c)
		case i >= 0:
			hidden++
			q := unseen[known[i]]
			silent, need = union(silent, []string{fmt.Sprintf("request %d: %s", q.Number, q.Unseen)}), q.Need
		default:
			bad = append(bad, c)
			for _, n := range known {
				why = union(why, []string{lacks[n]})
			}
		}
	}
	var out []verdict.Finding
	no := func(code fault.Code, reason string, found []string, hint string) {
		x := deny(code, name, f.Line, reason, wanted, hint)
		x.Found = someOf(found)
		out = append(out, x)
	}
	if len(alone) > 0 {
		no(fault.Unreviewed, fmt.Sprintf("%d of %s came onto the branch without a request", len(alone), commits(len(all))),
			described(alone, Commit.by), f.later("let a rule of the branch refuse what comes without a request"))
	}
	if len(bad) > 0 {
		no(fault.Unreviewed, fmt.Sprintf("%d of %s came in by %s without enough reviews", len(bad), commits(len(all)), quantity(len(why), "request")),
			why, f.later("let a rule of the branch ask for that many reviews, and void them with each push"))
	}
	if hidden > 0 {
		no(fault.NotAvailable, few(hidden, len(all), "came by a request whose reviews are not known", "came by requests whose reviews are not known"),
			silent, cmp.Or(need, "run the gate again, with a token that may read the reviews of requests"))
	}
	if len(out) == 0 {
		out = append(out, met(name, fmt.Sprintf("%s, each by a request that %s approved", commits(len(all)), quantity(f.Reviewed, "other")), f.Line))
	}
	return out
}

// quantity writes how many there are of something.
func quantity(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// unreviewed says why a request was not approved by enough others, or "". A maker of what it
// brought who has no known person could be any one of them, so that each asks for one more.
func (k *approvalCheck) unreviewed(f *Inflow, q Request) string {
	need, seen := f.Reviewed, map[string]bool{}
	var unknown []string
	for _, m := range q.Makers {
		if !slices.Contains(reviewedRoles, m.Role) || m.Email != "" && k.in.Policy.ownsAddress(m.Email) || seen[m.key()] {
			continue
		}
		if why, _ := k.in.Policy.unnamed(m); why != "" {
			need, seen[m.key()] = need+1, true
			unknown = append(unknown, fmt.Sprintf("%s %s it and %s", m.who(), m.Role.Did(), why))
		}
	}
	people := map[string]bool{}
	var not []string
	for i, r := range q.Reviews {
		if r.State != ReviewApproved {
			continue
		}
		if why := k.discounted(q, i); why != "" {
			not = union(not, []string{r.Account.Label() + " " + why})
			continue
		}
		people[k.in.Policy.person(r.Account)] = true
	}
	if len(people) >= need {
		return ""
	}
	out := fmt.Sprintf("request %d %q: %d of %d", q.Number, q.Title, len(people), need)
	if len(people)+len(not) == 0 {
		not = append(not, "no approval counts")
	}
	if more := slices.Concat(not, unknown); len(more) > 0 {
		out += ", " + strings.Join(more[:min(len(more), 4)], ", ")
	}
	return out
}

// discounted says why the i-th review of a request, which approves, counts for nothing; or "".
func (k *approvalCheck) discounted(q Request, i int) string {
	r := q.Reviews[i]
	who := k.in.Policy.identities(r.Account)
	person := k.in.Policy.person(r.Account)
	switch {
	case r.Account.ID == "":
		return "has no account any more"
	case r.Account.Kind != Human:
		return "is " + r.Account.Kind.String()
	case k.in.Policy.agent(r.Account):
		return "is marked as an agent"
	case person == "":
		return "is not listed under people"
	}
	for _, role := range reviewedRoles {
		i := slices.IndexFunc(q.Makers, func(m Maker) bool { return m.Role == role && who.is(m) })
		if i >= 0 {
			return fmt.Sprintf("%s %s", role.Did(), q.Makers[i].Where)
		}
	}
	switch {
	case q.Head == "" || r.Commit != q.Head:
		return fmt.Sprintf("approved commit %s, and %s was merged", orAbsent(fmt.Sprintf("%.7s", r.Commit)), orAbsent(fmt.Sprintf("%.7s", q.Head)))
	case !q.Moved.IsZero() && !r.Time.After(q.Moved):
		return "approved it before it was pointed at another branch"
	case r.Time.IsZero() || q.Merged.IsZero() || r.Time.After(q.Merged):
		return "approved it after it was merged"
	case r.Writes == No:
		return "may not write to the repository"
	case r.Writes != Yes:
		return "approved it, and whether they may write to the repository is not known"
	}
	for j, o := range q.Reviews {
		if o.State == ReviewApproved || o.Time.Before(r.Time) || o.Time.Equal(r.Time) && j < i {
			continue
		}
		if o.Account.ID != "" && who.has(o.Account) {
			return "took their approval back"
		}
	}
	return ""
}
