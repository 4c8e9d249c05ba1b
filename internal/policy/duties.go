package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A tally holds the votes for one rule and what they come to.
type tally struct {
	rule      Rule
	group     Group
	emergency bool // only emergency approvals count here
	need      int
	unknown   []unnamed // each could be one of the approvers
	judged    []judgedVote
	counted   map[string]bool // persons who count for this rule
}

// A judgedVote is one vote, judged for one group.
type judgedVote struct {
	vote
	number int    // position of the vote among all votes
	person string // who voted, whatever account they used
	why    *miss  // why it does not count; nil: it may count
	member bool
	back   bool // its giver has taken it back: it was never said
}

// counts reports whether v may count in b.
func (b tally) counts(v judgedVote) bool {
	return v.why == nil && v.decision == statement.Approve && v.emergency == b.emergency
}

// tallyOf judges every vote for one rule.
func (k *approvalCheck) tallyOf(r Rule) tally {
	g, _ := k.in.Policy.Group(r.Group)
	b := tally{rule: r, group: g, counted: map[string]bool{}}
	if !r.Veto {
		b.unknown = k.unknown(g.Excludes).unknown
		b.need = max(1, r.Count) + len(b.unknown)
	}
	for i, v := range k.votes {
		if !k.repeated(g, v) {
			x := k.hear(g, v, g.Excludes)
			x.number = i
			b.judged = append(b.judged, x)
		}
	}
	return b
}

// repeated reports whether the statement of v is also among the votes under the
// trust of g. Only that copy can count in g.
func (k *approvalCheck) repeated(g Group, v vote) bool {
	return v.payload != "" && v.trust != k.trust(g) &&
		slices.ContainsFunc(k.votes, func(o vote) bool { return o.payload == v.payload && o.trust == k.trust(g) })
}

// judge decides whether a vote may count in a group. It asks who voted, whether
// they belong to the group, and what they did for the change.
func (k *approvalCheck) judge(g Group, v vote, excludes []Role) judgedVote {
	x := judgedVote{vote: v, person: k.in.Policy.person(v.account)}
	no := func(code fault.Code, format string, args ...any) judgedVote {
		x.why = &miss{code: code, reason: fmt.Sprintf(format, args...)}
		return x
	}
	if v.anonymous != nil {
		x.why = v.anonymous
		return x
	}
	x.member = k.in.belongs(g, v.account)
	switch {
	case !x.member && v.decision != statement.Withdraw:
		return no(fault.Duties, "is not in group %s%s%s", g.Name, g.namesake(v.account), g.asked(v.account.Host))
	case v.account.Kind != Human:
		return no(fault.Duties, "is %s, and only people count", v.account.Kind)
	case k.in.Policy.agent(v.account):
		return no(fault.Duties, "is marked as an agent, and only people count")
	case v.source != ByReview && v.trust != k.trust(g):
		return no(fault.Chain, "is signed under another trusted root than group %s names", g.Name)
	}
	if v.decision == statement.Reject || v.decision == statement.Withdraw {
		x.why = v.void // a rejection stops the release whatever its name and source are
		return x
	}
	switch {
	case x.person == "":
		return no(fault.Duties, "is not listed under people, so nobody knows whose account it is")
	case !slices.Contains(g.Sources, v.source):
		return no(fault.Duties, "came as a %s, which group %s does not count", v.source, g.Name)
	}
	if m, ok := k.made(v.account, excludes); ok {
		return no(fault.Duties, "%s %s, which is part of this release", m.Role.Did(), m.Where)
	}
	x.why = v.void
	return x
}

// namesake explains that g has this address, but from another issuer. Two
// issuers may differ by one slash only.
func (g Group) namesake(a Account) string {
	for _, m := range g.Members {
		if m.Kind == MemberEmail && m.Host != a.Host && equalAddress(m.ID, a.ID) {
			return fmt.Sprintf(", which has that address from %q and not from %q", m.Host, a.Host)
		}
	}
	return ""
}

// asked says which members the platform at host was asked for: only the direct
// ones, or the inherited ones too.
func (g Group) asked(host string) string {
	for _, m := range g.Members {
		who := m.String()
		if m.Kind == MemberRole {
			who = "@" + who
		}
		switch {
		case m.Host != host:
		case m.Reach == Direct:
			return fmt.Sprintf(", which has the direct members of %s and no inherited ones", who)
		case m.Reach == Inherited:
			return fmt.Sprintf(", which has the direct and the inherited members of %s", who)
		}
	}
	return ""
}

func (k *approvalCheck) trust(g Group) string {
	if g.Trust != nil {
		return g.Trust.ID()
	}
	return k.artifact.Trust.ID()
}

// belongs reports whether a is in g now. Accounts are compared by number. Who is
// in a team or has a role, the platform says.
func (in Input) belongs(g Group, a Account) bool {
	return slices.ContainsFunc(g.Members, func(m Member) bool {
		switch m.Kind {
		case MemberUser:
			return m.Host == a.Host && m.ID == a.ID
		case MemberEmail:
			return m.Host == a.Host && equalAddress(m.ID, a.ID)
		case MemberTeam, MemberRole:
			return slices.ContainsFunc(in.Rosters, func(r Roster) bool {
				return r.Member.same(m) && slices.ContainsFunc(r.Accounts, a.Same)
			})
		}
		return false
	})
}

// person returns the name of the person behind an account. A policy without
// people makes every account a person of its own. A policy with people knows no
// person for an account that it does not list; then the result is empty.
func (p *Policy) person(a Account) string {
	if a.ID == "" {
		return ""
	}
	for _, x := range p.People {
		if x.has(a) {
			return x.Name
		}
	}
	if len(p.People) > 0 {
		return ""
	}
	return a.Key()
}

// PersonOf returns the name under people that an account has, or "".
func (p *Policy) PersonOf(a Account) string {
	if len(p.People) == 0 {
		return ""
	}
	return p.person(a)
}

func (x Person) has(a Account) bool {
	return slices.ContainsFunc(x.Accounts, a.Same) || slices.ContainsFunc(x.Emails, func(e string) bool { return equalAddress(e, a.ID) })
}

// match chooses the persons who count for each rule. A person counts once in
// all, however many votes they gave and however many groups they are in (H09).
// It is a maximum matching (augmenting paths): a person counts for another rule
// where that lets more rules be met.
func match(tallies []tally) {
	eligible := make([][]string, len(tallies))
	for i, b := range tallies {
		for _, v := range b.judged {
			if b.counts(v) {
				eligible[i] = append(eligible[i], v.person)
			}
		}
	}
	at := map[string]int{} // person: the tally in which they count
	var place func(i int, tried map[string]bool) bool
	place = func(i int, tried map[string]bool) bool {
		for _, p := range eligible[i] {
			if tried[p] {
				continue
			}
			tried[p] = true
			if j, ok := at[p]; !ok || j != i && place(j, tried) {
				at[p] = i
				return true
			}
		}
		return false
	}
	for i, b := range tallies {
		for range b.need {
			if !place(i, map[string]bool{}) {
				break
			}
		}
	}
	for p, i := range at {
		tallies[i].counted[p] = true
	}
}

// finding says what one rule came to.
func (k *approvalCheck) finding(tallies []tally, i int) verdict.Finding {
	b := tallies[i]
	name := "approvals " + b.rule.Group
	f := verdict.Finding{Requirement: name, Line: b.rule.Line, Code: fault.ApprovalMissing, Outcome: verdict.Wait, Pending: true}
	f.People = append(k.people(tallies, i), k.unwaived()...)
	f.Eligible = k.eligible(b)
	no, said := b.rejected()
	silent := b.unanswered()
	yes, why := b.uncounted(tallies)
	have := len(b.counted)
	f.Reason = fmt.Sprintf("%d of %d approvals of group %s", have, b.need, b.rule.Group)
	switch {
	case said && mightEnd(no.vote, b.judged):
		f.Code, f.Outcome, f.Pending = fault.NotAvailable, verdict.Deny, false
		f.Reason = fmt.Sprintf("whether the rejection of %s still stands is not known: a platform did not say who started a run", no.account.Label())
		f.Found, f.Hint = no.comment, "run the gate again, with a token that may read those runs"
	case said:
		f.Code, f.Outcome, f.Pending = fault.ApprovalRejected, verdict.Deny, false
		f.Reason = fmt.Sprintf("%s has rejected it", no.account.Label())
		f.Found, f.Hint = no.comment, k.settle(no.vote)
	case silent != nil && (silent.decision != statement.Approve || have < b.need):
		f.Code, f.Outcome, f.Pending = fault.NotAvailable, verdict.Deny, silent.decision == statement.Approve
		f.Reason = fmt.Sprintf("whether the decision of %s counts is not known: %s", silent.account.Label(), silent.why.reason)
		f.Found, f.Hint = silent.why.found, silent.why.hint
	case have >= b.need:
		m := met(name, k.summary(b), b.rule.Line)
		m.People = f.People
		return m
	case k.impossible(b):
		f.Outcome, f.Pending = verdict.Deny, false
		f.Reason = fmt.Sprintf("group %s approves on the platform's page only, and the platform asks nobody there", b.rule.Group)
		f.Hint = "protect the environment: " + k.in.Protection.Setting
	case have == 0 && why != nil:
		f.Code, f.Outcome = why.code, verdict.Deny
		f.Reason = fmt.Sprintf("the approval of %s does not count: %s", yes.account.Label(), why.reason)
		f.Found, f.Wanted = why.found, cmp.Or(why.wanted, fmt.Sprintf("%d approvals of group %s", b.need, b.rule.Group))
		f.Hint = k.next(b, f.Eligible, have)
	default:
		f.Found = someOf(told(b.unknown))
		f.Hint = k.next(b, f.Eligible, have)
	}
	if len(b.unknown) > 0 && f.Wanted == "" {
		f.Wanted = fmt.Sprintf("%d, and one more for each maker that cannot be named", b.rule.Count)
	}
	return f
}

// rejected returns the rejection of a member who may reject.
func (b tally) rejected() (judgedVote, bool) {
	i := slices.IndexFunc(b.judged, func(v judgedVote) bool { return v.decision == statement.Reject && v.why == nil && v.member })
	if i < 0 {
		return judgedVote{}, false
	}
	return b.judged[i], true
}

// unanswered returns a vote that might count if a platform answered, or nil. A
// rejection stops everything, and a withdrawal takes an approval back that counts,
// so they come before an approval.
func (b tally) unanswered() *judgedVote {
	var yes *judgedVote
	for i, v := range b.judged {
		switch {
		case !v.unanswered || v.void != nil:
		case v.decision == statement.Reject, v.decision == statement.Withdraw && b.rests(v.release):
			return &b.judged[i]
		case v.decision == statement.Withdraw:
		case yes == nil && v.emergency == b.emergency && slices.Contains(b.group.Sources, v.source):
			yes = &b.judged[i]
		}
	}
	return yes
}

// rests reports whether an approval of a release may count in b.
func (b tally) rests(release subject.Digest) bool {
	return slices.ContainsFunc(b.judged, func(v judgedVote) bool { return b.counts(v) && v.release == release })
}

// uncounted returns the first approval that does not count in b, and why. An
// approval for another environment explains least, so it comes last.
func (b tally) uncounted(tallies []tally) (first judgedVote, why *miss) {
	for _, v := range b.judged {
		if v.decision != statement.Approve || v.back || v.emergency != b.emergency || b.counted[v.person] && v.why == nil || v.forOtherGroup(tallies) {
			continue
		}
		m := v.why
		if m == nil {
			m = &miss{code: fault.Duties, reason: b.elsewhere(v.person, tallies)}
		}
		if m.reason != elsewhereMeant {
			return v, m
		}
		if why == nil {
			first, why = v, m
		}
	}
	return first, why
}

// elsewhereMeant is said of an approval that names other environments only.
const elsewhereMeant = "it is for another environment"

// forOtherGroup reports whether the voter is in another group that is asked and
// not in this one. Then the vote is meant for that group.
func (v judgedVote) forOtherGroup(tallies []tally) bool {
	return !v.member && slices.ContainsFunc(tallies, func(o tally) bool {
		return slices.ContainsFunc(o.judged, func(x judgedVote) bool { return x.number == v.number && x.member })
	})
}

// elsewhere says why a person who may count in b does not.
func (b tally) elsewhere(person string, tallies []tally) string {
	for _, o := range tallies {
		if o.counted[person] {
			return "counts for group " + o.rule.Group + " already, and a person counts once"
		}
	}
	return "is not needed here"
}

// impossible reports whether nobody will ever be asked. A wait timer is no
// approval, and a job that a person starts by hand is none (G12, H03).
func (k *approvalCheck) impossible(b tally) bool {
	return !k.in.Protection.Asked && !slices.ContainsFunc(b.group.Sources, func(s Source) bool { return s != ByReview })
}

func (k *approvalCheck) summary(b tally) string {
	if b.need == 0 {
		return "nobody of group " + b.rule.Group + " objects"
	}
	var who []string
	told := map[string]bool{}
	for _, v := range b.judged {
		if b.counts(v) && b.counted[v.person] && !told[v.person] {
			who = append(who, v.account.Label())
			told[v.person] = true
		}
	}
	return fmt.Sprintf("%d of %d: %s; none of them made the change", len(b.counted), b.need, strings.Join(who, ", "))
}

// next returns the next step for a rule that waits: whom to name in the policy, if
// a maker is unknown, and whom to ask.
func (k *approvalCheck) next(b tally, eligible []string, have int) string {
	ask, advice := k.ask(b, eligible, b.need-have), k.in.Policy.advice(b.unknown)
	switch {
	case advice == "":
		return ask
	case strings.HasPrefix(ask, "ask "):
		return advice + "; or " + ask
	}
	return advice + "; " + ask
}

// ask returns the next step for people who wait for this group.
func (k *approvalCheck) ask(b tally, eligible []string, lack int) string {
	g, who := b.group, "somebody who may"
	switch n := len(eligible); {
	case n == 0 && len(k.in.accounts(g)) == 0:
		return fmt.Sprintf("nobody at all is in group %s now: see who its members are, and docs/policy.md on approvals",
			g.Name)
	case n == 0:
		return "nobody is left who may approve: every member of the group made the change, or has decided; " + k.way(g)
	case n < lack:
		why := "every other member of the group made the change, or has decided"
		if len(b.unknown) > 0 {
			why = fmt.Sprintf("%d approvals, and one more for each of %d makers without a known person", b.rule.Count, len(b.unknown))
		}
		return fmt.Sprintf("no more than %s may approve, and %d are missing: %s; %s", strings.Join(eligible, " and "), lack, why, k.way(g))
	case n <= 5:
		who = strings.Join(eligible, " or ")
	}
	i := k.good()
	if i < 0 {
		return fmt.Sprintf("make a release set for %q with sallyport release, under this policy, for people to approve", k.in.Environment)
	}
	if !slices.ContainsFunc(g.Sources, func(s Source) bool { return s != ByReview }) {
		return fmt.Sprintf("ask %s for a review on the platform with this in its comment: %s", who, k.sets[i].Digest)
	}
	return fmt.Sprintf("ask %s to run: sallyport approve --release %s", who, k.sets[i].Digest)
}

// good is the release set that can be approved now, by index, or -1.
func (k *approvalCheck) good() int {
	return slices.IndexFunc(k.sets, func(s *set) bool {
		return k.in.names(s.Environments) && s.PolicyDigest == k.in.Policy.Digest && k.expired(s.Expires) == nil
	})
}

// people lists everybody who voted, and what each vote came to.
func (k *approvalCheck) people(tallies []tally, i int) []verdict.Person {
	b, counted := tallies[i], map[string]bool{}
	var out []verdict.Person
	for _, v := range b.judged {
		if v.forOtherGroup(tallies) {
			continue
		}
		p := v.told()
		switch {
		case v.why != nil:
			p.Code, p.Reason = v.why.code, v.why.reason
		case v.decision != statement.Approve:
			p.Counted = true
		case v.emergency && !b.emergency:
			p.Reason = "is an emergency approval, which is counted apart"
		case counted[v.person]:
			p.Code, p.Reason = fault.Duties, "has decided before, and a person counts once"
		case b.counted[v.person]:
			p.Counted, counted[v.person] = true, true
		default:
			p.Reason = b.elsewhere(v.person, tallies)
		}
		out = append(out, p)
	}
	return out
}

// told is who gave v, without what it came to.
func (v vote) told() verdict.Person {
	p := verdict.Person{Name: v.account.Label(), Identity: v.account.identity(), Decision: v.decision, Comment: v.comment, Word: v.word, Statement: v.payload}
	if !v.time.IsZero() {
		p.Time = v.time.UTC().Format("2006-01-02T15:04:05Z")
	}
	return p
}

// eligible returns the labels of accounts that could still approve.
func (k *approvalCheck) eligible(b tally) []string {
	decided := map[string]bool{}
	for _, v := range b.judged {
		if v.why == nil && (v.decision == statement.Reject || b.counts(v)) {
			decided[v.person] = true // after an emergency approval, the usual one is still possible
		}
	}
	var out []string
	for _, a := range k.in.accounts(b.group) {
		p := k.in.Policy.person(a)
		if p == "" || decided[p] || k.in.Policy.agent(a) {
			continue
		}
		if _, maker := k.made(a, b.group.Excludes); maker || slices.Contains(out, a.Label()) {
			continue
		}
		decided[p] = true
		out = append(out, a.Label())
	}
	return out
}

// accounts are the accounts of a group that are known by name.
func (in Input) accounts(g Group) []Account {
	var out []Account
	for _, m := range g.Members {
		switch m.Kind {
		case MemberUser, MemberEmail:
			out = append(out, Account{Host: m.Host, ID: m.ID, Name: m.Name, Kind: Human})
		case MemberTeam, MemberRole:
			for _, r := range in.Rosters {
				if r.Member.same(m) {
					out = append(out, r.Accounts...)
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(a Account) bool { return a.Kind == Machine || a.Kind == Gone })
}

// emergency accepts emergency approvals of two people in place of the rules. It
// replaces approvals only: all other checks stay, and a rejection still wins.
func (k *approvalCheck) emergency(rules []verdict.Finding) []verdict.Finding {
	g := k.env.Emergency
	if g == nil || !slices.ContainsFunc(rules, func(f verdict.Finding) bool { return f.Outcome != verdict.Allow }) ||
		slices.ContainsFunc(rules, func(f verdict.Finding) bool { return f.Code == fault.ApprovalRejected }) ||
		slices.ContainsFunc(k.votes,
			func(v vote) bool { return v.unanswered && v.void == nil && v.decision != statement.Approve }) {
		return rules
	}
	group, _ := k.in.Policy.Group(g.Group)
	b := tally{rule: Rule{Group: g.Group, Count: g.Count, Line: g.Line}, group: group, emergency: true, need: max(2, g.Count), counted: map[string]bool{}}
	free, reason := 0, ""
	for _, v := range k.votes {
		if !v.emergency || v.decision != statement.Approve || k.repeated(group, v) {
			continue
		}
		x := k.hear(group, v, nil)
		if x.why == nil && strings.TrimSpace(v.comment) == "" {
			x.why = &miss{code: fault.Bypass, reason: "gives no reason"}
		}
		b.judged = append(b.judged, x)
		if x.why != nil || b.counted[x.person] {
			continue
		}
		b.counted[x.person], reason = true, v.comment
		if _, maker := k.made(v.account, Roles); !maker {
			free++
		}
	}
	if len(b.judged) == 0 {
		return rules
	}
	// A maker without a known person could be any one of them.
	unknown := k.unknown(Roles).unknown
	if len(b.counted) >= b.need && free > len(unknown) {
		f := met("break-glass", fmt.Sprintf("emergency approval by %d people, without the usual approvals: %s", len(b.counted), reason), g.Line)
		f.Code, f.People = fault.Bypass, k.people([]tally{b}, 0)
		return []verdict.Finding{f}
	}
	f := deny(fault.Bypass, "break-glass", g.Line, fmt.Sprintf("%d of %d emergency approvals", len(b.counted), b.need), "two people, of whom one did not make the change", "")
	if n := len(unknown); n > 0 {
		f.Wanted = fmt.Sprintf("two people, and %d who did not make the change: one more than the %d makers without a known person", n+1, n)
		f.Found, f.Hint = someOf(told(unknown)), k.in.Policy.advice(unknown)
	}
	f.Pending, f.People = true, k.people([]tally{b}, 0)
	return append(rules, f)
}
