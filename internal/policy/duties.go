package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A tally is everybody who spoke for one rule.
type tally struct {
	rule      Rule
	group     Group
	emergency bool // what breaks the glass is heard here, and nothing else
	need      int
	unknown   []string // makers that nobody can name: each could be one of the approvers
	judged    []judgedVote
	chosen    map[string]bool // persons that count here
}

// A judgedVote is one vote in one group.
type judgedVote struct {
	vote
	number int    // of the vote, among all
	person string // who it is, whatever account was used
	why    *miss  // why it does not count; nil: it may
	member bool
}

// stands reports whether v may count on b.
func (b tally) counts(v judgedVote) bool {
	return v.why == nil && v.decision == statement.Approve && v.breakGlass == b.emergency
}

// seat hears every vote for one rule.
func (k approvalCheck) tallyOf(r Rule, votes []vote) tally {
	g, _ := k.in.Policy.Group(r.Group)
	b := tally{rule: r, group: g, chosen: map[string]bool{}}
	if !r.Veto {
		b.unknown = k.unknown(g.Excludes)
		b.need = max(1, r.Count) + len(b.unknown)
	}
	for i, v := range votes {
		if !k.repeated(g, v, votes) {
			x := k.judge(g, v, g.Excludes)
			x.number = i
			b.judged = append(b.judged, x)
		}
	}
	return b
}

// repeated reports whether v is a statement that is among votes under the trust
// of g as well, where alone it can count.
func (k approvalCheck) repeated(g Group, v vote, votes []vote) bool {
	return v.payload != "" && v.trust != k.trust(g) &&
		slices.ContainsFunc(votes, func(o vote) bool { return o.payload == v.payload && o.trust == k.trust(g) })
}

// hear says whether a vote may count in a group: who it is, whether he belongs
// to it, and what he did for the change.
func (k approvalCheck) judge(g Group, v vote, excludes []Role) judgedVote {
	x := judgedVote{vote: v, person: k.in.Policy.person(v.account)}
	no := func(code fault.Code, format string, args ...any) judgedVote {
		x.why = &miss{code: code, reason: fmt.Sprintf(format, args...)}
		return x
	}
	if v.nobody != nil {
		x.why = v.nobody
		return x
	}
	x.member = k.in.belongs(g, v.account)
	switch {
	case !x.member:
		return no(fault.Duties, "is not in group %s%s%s", g.Name, g.namesake(v.account), g.asked(v.account.Host))
	case v.account.Kind != Human:
		return no(fault.Duties, "is %s, and only people count", v.account.Kind)
	case k.in.Policy.agent(v.account):
		return no(fault.Duties, "is marked as an agent, and only people count")
	case v.source != ByReview && v.trust != k.trust(g):
		return no(fault.Chain, "is signed under another trusted root than group %s names", g.Name)
	}
	if v.decision == statement.Reject {
		x.why = v.void // a no is not counted, so it needs neither a name nor a source
		return x
	}
	switch {
	case x.person == "":
		return no(fault.Duties, "stands under no name in people, so nobody knows whose account it is")
	case !slices.Contains(g.Sources, v.source):
		return no(fault.Duties, "came as a %s, which group %s does not count", v.source, g.Name)
	}
	if m, ok := k.made(v.account, excludes); ok {
		return no(fault.Duties, "%s %s, which is part of this release", m.Role.Did(), m.Where)
	}
	x.why = v.void
	return x
}

// namesake tells somebody whose address is in g by another issuer's word, which
// may be a slash apart, that it is.
func (g Group) namesake(a Account) string {
	for _, m := range g.Members {
		if m.Kind == MemberEmail && m.Host != a.Host && equalAddress(m.ID, a.ID) {
			return fmt.Sprintf(", which has that address from %q and not from %q", m.Host, a.Host)
		}
	}
	return ""
}

// asked says which members the platform at host was asked for, where there is a
// difference.
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

func (k approvalCheck) trust(g Group) string {
	if g.Trust != nil {
		return g.Trust.ID()
	}
	return k.artifact.Trust.ID()
}

// belongs reports whether a is in g now. Accounts are compared by number;
// teams and roles are who the platform says they are.
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

// person returns who an account is: the name that the policy gives, or the
// account itself where the policy names nobody. Nothing is returned for an
// account that a policy with people does not know.
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

func (x Person) has(a Account) bool {
	return slices.ContainsFunc(x.Accounts, a.Same) || slices.ContainsFunc(x.Emails, func(e string) bool { return equalAddress(e, a.ID) })
}

func (p *Policy) agent(a Account) bool { return slices.ContainsFunc(p.Agents, a.Same) }

// match lets as many persons count as the rules need, each once in all, however
// often he spoke and in however many groups he is (H09). It is a maximum
// matching (augmenting paths), so that nobody is used up where another could
// have stood in.
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
		tallies[i].chosen[p] = true
	}
}

// finding is what one rule came to.
func (k approvalCheck) finding(tallies []tally, i int) verdict.Finding {
	b := tallies[i]
	name := "approvals " + b.rule.Group
	f := verdict.Finding{Requirement: name, Line: b.rule.Line, Code: fault.ApprovalMissing, Outcome: verdict.Wait, Pending: true}
	f.People = k.people(tallies, i)
	f.Eligible = k.eligible(b)
	no, said := b.rejected()
	silent := b.unanswered()
	yes, why := b.uncounted(tallies)
	have := len(b.chosen)
	f.Reason = fmt.Sprintf("%d of %d approvals of group %s", have, b.need, b.rule.Group)
	switch {
	case said:
		f.Code, f.Outcome, f.Pending = fault.ApprovalRejected, verdict.Deny, false
		f.Reason = fmt.Sprintf("%s has rejected it", no.account.Label())
		f.Found, f.Hint = no.comment, "settle it with "+no.account.Label()+"; a rejection stands until it expires"
	case silent != nil && (silent.decision == statement.Reject || have < b.need):
		f.Code, f.Outcome, f.Pending = fault.NotAvailable, verdict.Deny, silent.decision != statement.Reject
		f.Reason = fmt.Sprintf("whether the word of %s counts is not known: %s", silent.account.Label(), silent.why.reason)
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
		f.Hint = k.ask(b.group, f.Eligible, b.need-have)
	default:
		f.Found = strings.Join(b.unknown, "; ")
		f.Hint = k.ask(b.group, f.Eligible, b.need-have)
	}
	if len(b.unknown) > 0 && f.Wanted == "" {
		f.Wanted = fmt.Sprintf("%d, and one more for each maker that cannot be named", b.rule.Count)
	}
	return f
}

// rejected returns the no of somebody who may say it.
func (b tally) rejected() (judgedVote, bool) {
	i := slices.IndexFunc(b.judged, func(v judgedVote) bool { return v.decision == statement.Reject && v.why == nil && v.member })
	if i < 0 {
		return judgedVote{}, false
	}
	return b.judged[i], true
}

// unanswered returns a word that might count if a platform answered, or nil. A no,
// which would stop everything, comes before a yes.
func (b tally) unanswered() *judgedVote {
	var yes *judgedVote
	for i, v := range b.judged {
		switch {
		case !v.unanswered || v.void != nil:
		case v.decision == statement.Reject:
			return &b.judged[i]
		case yes == nil && v.breakGlass == b.emergency && slices.Contains(b.group.Sources, v.source):
			yes = &b.judged[i]
		}
	}
	return yes
}

// yes returns the first yes that does not count on b, and why; or nothing. One
// that was given for another environment explains least.
func (b tally) uncounted(tallies []tally) (first judgedVote, why *miss) {
	for _, v := range b.judged {
		if v.decision != statement.Approve || v.breakGlass != b.emergency || b.chosen[v.person] && v.why == nil || v.forOtherGroup(tallies) {
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

// visits reports whether v is of somebody who belongs to another group that is
// asked, and not to this one: he spoke for that one.
func (v judgedVote) forOtherGroup(tallies []tally) bool {
	return !v.member && slices.ContainsFunc(tallies, func(o tally) bool {
		return slices.ContainsFunc(o.judged, func(x judgedVote) bool { return x.number == v.number && x.member })
	})
}

// elsewhere says why somebody who may count on b does not.
func (b tally) elsewhere(person string, tallies []tally) string {
	for _, o := range tallies {
		if o.chosen[person] {
			return "counts for group " + o.rule.Group + " already, and a person counts once"
		}
	}
	return "is not needed here"
}

// impossible reports whether nobody will ever be asked: neither a wait timer
// nor a job that somebody has to click is an approval (G12, H03).
func (k approvalCheck) impossible(b tally) bool {
	return !k.in.Protection.Asked && !slices.ContainsFunc(b.group.Sources, func(s Source) bool { return s != ByReview })
}

func (k approvalCheck) summary(b tally) string {
	if b.need == 0 {
		return "nobody of group " + b.rule.Group + " objects"
	}
	var who []string
	told := map[string]bool{}
	for _, v := range b.judged {
		if b.counts(v) && b.chosen[v.person] && !told[v.person] {
			who = append(who, v.account.Label())
			told[v.person] = true
		}
	}
	return fmt.Sprintf("%d of %d: %s; none of them made the change", len(b.chosen), b.need, strings.Join(who, ", "))
}

// ask is the next step of whoever waits.
func (k approvalCheck) ask(g Group, eligible []string, lack int) string {
	who := "somebody who may"
	switch n := len(eligible); {
	case n == 0 && len(k.in.accounts(g)) == 0:
		return fmt.Sprintf("nobody at all is in group %s now: see who its members are, and docs/policy.md on approvals",
			g.Name)
	case n == 0:
		return "nobody is left who may approve: every member of the group made the change, or has spoken; see sallyport doctor"
	case n < lack:
		return fmt.Sprintf("no more than %s may approve, and %d are missing: every other member of the group made the change, or has spoken; see sallyport doctor", strings.Join(eligible, " and "), lack)
	case n <= 5:
		who = strings.Join(eligible, " or ")
	}
	i := slices.IndexFunc(k.sets, func(s set) bool {
		return k.in.names(s.Environments) && s.PolicyDigest == k.in.Policy.Digest && k.expired(s.Expires) == nil
	})
	if i < 0 {
		return fmt.Sprintf("make a release set for %q with sallyport release, under this policy, for people to approve", k.in.Environment)
	}
	if !slices.ContainsFunc(g.Sources, func(s Source) bool { return s != ByReview }) {
		return fmt.Sprintf("ask %s for a review on the platform with this in its comment: %s", who, k.sets[i].Digest)
	}
	return fmt.Sprintf("ask %s to run: sallyport approve --release %s", who, k.sets[i].Digest)
}

// told lists everybody who spoke, and what it came to.
func (k approvalCheck) people(tallies []tally, i int) []verdict.Person {
	b, counted := tallies[i], map[string]bool{}
	var out []verdict.Person
	for _, v := range b.judged {
		if v.forOtherGroup(tallies) {
			continue
		}
		p := verdict.Person{
			Name: v.account.Label(), Identity: v.account.identity(), Decision: v.decision, Comment: v.comment, Word: v.word, Statement: v.payload,
		}
		if !v.time.IsZero() {
			p.Time = v.time.UTC().Format("2006-01-02T15:04:05Z")
		}
		switch {
		case v.why != nil:
			p.Code, p.Reason = v.why.code, v.why.reason
		case v.decision == statement.Reject:
			p.Counted = true
		case v.breakGlass && !b.emergency:
			p.Reason = "breaks the glass, which is counted apart"
		case counted[v.person]:
			p.Code, p.Reason = fault.Duties, "has spoken before, and a person counts once"
		case b.chosen[v.person]:
			p.Counted, counted[v.person] = true, true
		default:
			p.Reason = b.elsewhere(v.person, tallies)
		}
		out = append(out, p)
	}
	return out
}

// eligible names who could still approve.
func (k approvalCheck) eligible(b tally) []string {
	spoken := map[string]bool{}
	for _, v := range b.judged {
		if v.why == nil && (v.decision == statement.Reject || b.counts(v)) {
			spoken[v.person] = true // who broke the glass may still give the usual yes
		}
	}
	var out []string
	for _, a := range k.in.accounts(b.group) {
		p := k.in.Policy.person(a)
		if p == "" || spoken[p] || k.in.Policy.agent(a) {
			continue
		}
		if _, maker := k.made(a, b.group.Excludes); maker || slices.Contains(out, a.Label()) {
			continue
		}
		spoken[p] = true
		out = append(out, a.Label())
	}
	return out
}

// accounts are everybody in a group that is known by name.
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

// broken lets two people in when the rules cannot be met. Nothing that is not
// an approval is skipped; a rejection still wins.
func (k approvalCheck) emergency(votes []vote, rules []verdict.Finding) []verdict.Finding {
	g := k.env.BreakGlass
	if g == nil || !slices.ContainsFunc(rules, func(f verdict.Finding) bool { return f.Outcome != verdict.Allow }) ||
		slices.ContainsFunc(rules, func(f verdict.Finding) bool { return f.Code == fault.ApprovalRejected }) ||
		slices.ContainsFunc(votes,
			func(v vote) bool { return v.unanswered && v.void == nil && v.decision == statement.Reject }) {
		return rules
	}
	group, _ := k.in.Policy.Group(g.Group)
	b := tally{rule: Rule{Group: g.Group, Count: g.Count, Line: g.Line}, group: group, emergency: true, need: max(2, g.Count), chosen: map[string]bool{}}
	free, reason := 0, ""
	for _, v := range votes {
		if !v.breakGlass || v.decision != statement.Approve || k.repeated(group, v, votes) {
			continue
		}
		x := k.judge(group, v, nil)
		if x.why == nil && strings.TrimSpace(v.comment) == "" {
			x.why = &miss{code: fault.Bypass, reason: "gives no reason"}
		}
		b.judged = append(b.judged, x)
		if x.why != nil || b.chosen[x.person] {
			continue
		}
		b.chosen[x.person], reason = true, v.comment
		if _, maker := k.made(v.account, Roles); !maker {
			free++
		}
	}
	if len(b.judged) == 0 {
		return rules
	}
	// Each maker that nobody can name could be one of them.
	if len(b.chosen) >= b.need && free > len(k.unknown(Roles)) {
		f := met("break-glass", fmt.Sprintf("the glass is broken by %d people, without the approvals that are usual: %s", len(b.chosen), reason), g.Line)
		f.Code, f.People = fault.Bypass, k.people([]tally{b}, 0)
		return []verdict.Finding{f}
	}
	f := deny(fault.Bypass, "break-glass", g.Line, fmt.Sprintf("%d of %d people break the glass", len(b.chosen), b.need), "two people, of whom one did not make the change", "")
	f.Pending, f.People = true, k.people([]tally{b}, 0)
	return append(rules, f)
}
