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

// Anybody can write another's name into a commit. A forged author or co-author
// excludes an approver who had no part in the change, and enough of them close an
// environment. So people whom the policy names may take such a role away; a role
// that the platform knows by account stays.

// A claimWaiver is one claimed role, with everybody who has waived it.
type claimWaiver struct {
	claim  statement.Claim
	need   int
	judged []judgedVote
	who    []string // the persons who count, by label
}

// met reports whether enough people have waived the claim.
func (c claimWaiver) met() bool { return len(c.who) >= c.need }

// waive reads the waivers about the subject, and takes the roles away that enough
// people have waived.
func (k *approvalCheck) waive() {
	if k.env.Waivers == nil {
		return
	}
	group, _ := k.in.Policy.Group(k.env.Waivers.Group)
	need := k.waiversNeeded()
	for _, w := range k.waivers {
		if !w.covers {
			continue
		}
		i := slices.IndexFunc(k.claims, func(c claimWaiver) bool { return SameClaim(c.claim, *w.claim) })
		if i < 0 {
			i, k.claims = len(k.claims), append(k.claims, claimWaiver{claim: *w.claim, need: need})
		}
		c := &k.claims[i]
		x := k.hear(group, w, KnownRoles)
		if x.why == nil && k.in.Policy.identities(w.account).is(makerOf(*w.claim)) {
			x.why = &miss{code: fault.Duties, reason: "nobody waives a role of their own"}
		}
		if x.why == nil && !slices.ContainsFunc(k.makers, func(m Maker) bool { return m.claims(c.claim) }) {
			x.why = stale("", "", "no commit of this release claims that role")
		}
		if x.why == nil && slices.ContainsFunc(c.judged, func(o judgedVote) bool { return o.why == nil && o.person == x.person }) {
			x.why = &miss{code: fault.Duties, reason: "has waived it before, and a person counts once"}
		}
		if c.judged = append(c.judged, x); x.why == nil {
			c.who = append(c.who, x.account.Label())
		}
	}
	all := k.makers
	k.makers = nil
	for _, m := range all {
		if !slices.ContainsFunc(k.claims, func(c claimWaiver) bool { return c.met() && m.claims(c.claim) }) {
			k.makers = append(k.makers, m)
		}
	}
}

// waiversNeeded is how many people have to waive a claim. A maker that the
// platform knows of and cannot name could be one of them.
func (k *approvalCheck) waiversNeeded() int {
	return max(2, k.env.Waivers.Count) + len(k.unknown(KnownRoles).unknown)
}

// said reads a decision, or a waiver as one, with the claim that it waives.
func said(s statement.Statement) (statement.Said, *statement.Claim, error) {
	if s.PredicateType == statement.ApprovalV1 {
		out, err := s.Said()
		return out, nil, err
	}
	w, err := s.Waived()
	return w.Said, &w.Claim, err
}

// claims reports whether m is exactly what c says: the role, the commit, and both
// the account and the address that stand there.
func (m Maker) claims(c statement.Claim) bool {
	o := makerOf(c)
	return m.Role == o.Role && m.Commit != "" && m.Commit == c.Commit &&
		m.Account.Host == o.Account.Host && m.Account.ID == o.Account.ID && (m.Email == o.Email || equalAddress(m.Email, o.Email))
}

// makerOf is the maker that a claim is about.
func makerOf(c statement.Claim) Maker {
	m := Maker{Role: Role(c.Role), Email: c.Email, Commit: c.Commit}
	if c.Account != nil {
		m.Account = Account{Host: c.Account.Host, ID: c.Account.ID, Name: c.Account.Name}
	}
	return m
}

// SameClaim reports whether two claims are about one role of one commit and one person.
func SameClaim(a, b statement.Claim) bool { return makerOf(a).claims(b) }

// claim is what a waiver of m's role says; nothing where a commit claims none, or
// names nobody.
func (m Maker) claim() (statement.Claim, bool) {
	c := statement.Claim{Role: string(m.Role), Commit: m.Commit, Email: m.Email}
	if m.Account.ID != "" {
		c.Account = &statement.Account{Host: m.Account.Host, ID: m.Account.ID, Name: m.Account.Name}
	}
	return c, m.Role.claimed() && m.Commit != "" && (c.Account != nil || c.Email != "")
}

// Who is whom a claim is about, as it is typed and shown: the login, or the
// address.
func Who(c statement.Claim) string {
	if c.Account != nil {
		return cmp.Or(c.Account.Name, c.Account.ID)
	}
	return c.Email
}

// Spell writes a claim as it is handed to approve.
func Spell(c statement.Claim) string { return c.Role + ":" + c.Commit + ":" + Who(c) }

// waived shows the roles that are waived.
func (k *approvalCheck) waived() []verdict.Finding {
	var out []verdict.Finding
	for _, c := range k.claims {
		if !c.met() {
			continue
		}
		f := met("waiver", fmt.Sprintf("%s %s of commit %s does not count as a maker: %s took that role away", c.claim.Role, Who(c.claim), short(c.claim.Commit),
			strings.Join(c.who, ", ")), k.env.Waivers.Line)
		f.People = c.people()
		out = append(out, f)
	}
	return out
}

// unwaived is everybody whose waiver came to nothing, or is not enough yet.
func (k *approvalCheck) unwaived() []verdict.Person {
	var out []verdict.Person
	for _, c := range k.claims {
		if !c.met() {
			out = append(out, c.people()...)
		}
	}
	return out
}

func (c claimWaiver) people() []verdict.Person {
	var out []verdict.Person
	for _, v := range c.judged {
		p := v.told()
		switch {
		case v.why != nil:
			p.Code, p.Reason = v.why.code, v.why.reason
		case c.met():
			p.Counted = true
		default:
			p.Code = fault.ApprovalMissing
			p.Reason = fmt.Sprintf("waives %s %s of commit %s, and %d of %d people do", c.claim.Role, Who(c.claim), short(c.claim.Commit), len(c.who), c.need)
		}
		out = append(out, p)
	}
	return out
}

// A Waivable is a claimed role that keeps somebody from approving, or raises the
// number of approvals, and who may take it away.
type Waivable struct {
	Claim statement.Claim
	By    []string // labels
	Need  int      // of them
}

// Enough reports whether as many people as have to may waive w.
func (w Waivable) Enough() bool { return len(w.By) >= w.Need }

// waivable returns the claimed roles that stand in the way of a group: those that
// exclude a member who did nothing that the platform knows, and those of makers
// who cannot be named.
func (k *approvalCheck) waivable(g Group) []Waivable {
	var known []Role
	for _, r := range KnownRoles {
		if slices.Contains(g.Excludes, r) {
			known = append(known, r)
		}
	}
	return k.claimed(func(m Maker) bool {
		only := *k
		only.makers = []Maker{m}
		return slices.Contains(g.Excludes, m.Role) && (len(only.unknown(g.Excludes).unknown) > 0 || slices.ContainsFunc(k.in.accounts(g), func(a Account) bool {
			_, knows := k.made(a, known)
			return !knows && k.in.Policy.identities(a).is(m)
		}))
	})
}

// claimed returns the claimed roles of those makers that are wanted, each once.
func (k *approvalCheck) claimed(wanted func(Maker) bool) []Waivable {
	if k.env.Waivers == nil {
		return nil
	}
	var out []Waivable
	for _, m := range k.makers {
		c, ok := m.claim()
		if ok && wanted(m) && !slices.ContainsFunc(out, func(w Waivable) bool { return SameClaim(w.Claim, c) }) {
			out = append(out, Waivable{Claim: c, By: k.mayWaive(c), Need: k.waiversNeeded()})
		}
	}
	return out
}

// mayWaive names the members of the group that may waive a claim.
func (k *approvalCheck) mayWaive(c statement.Claim) []string {
	g, _ := k.in.Policy.Group(k.env.Waivers.Group)
	var out, who []string
	for _, a := range k.in.accounts(g) {
		p := k.in.Policy.person(a)
		_, maker := k.made(a, KnownRoles)
		if p == "" || maker || k.in.Policy.agent(a) || k.in.Policy.identities(a).is(makerOf(c)) || slices.Contains(who, p) {
			continue
		}
		out, who = append(out, a.Label()), append(who, p)
	}
	return out
}

// way is the next step where nobody is left to approve: whose claimed roles can be
// taken away, and by whom.
func (k *approvalCheck) way(g Group) string {
	var w Waivable
	ways := 0
	for _, x := range k.waivable(g) {
		if x.Enough() {
			if ways++; ways == 1 {
				w = x
			}
		}
	}
	i := k.good()
	if ways == 0 || i < 0 {
		return "see sallyport doctor"
	}
	more := ""
	if ways > 1 {
		more = fmt.Sprintf(" (or one of %d more such roles)", ways-1)
	}
	return fmt.Sprintf("a role that only a commit claims can be waived%s by %d of %s: sallyport approve --release %s --waive %s --reason WHY",
		more, w.Need, strings.Join(w.By, ", "), k.sets[i].Digest, Spell(w.Claim))
}

// Claims returns every role that a commit claims for somebody in the changes behind
// a subject, and who may take it away.
func Claims(in Input, c Candidate) []Waivable {
	return in.check(c).claimed(func(Maker) bool { return true })
}

// StandWaiving says whether an account may waive a claim. It is what the gate will
// say of the waiver.
func StandWaiving(in Input, c Candidate, a Account, by Source, claim statement.Claim) Standing {
	k := in.check(c)
	if k.env.Waivers == nil {
		return Standing{Code: fault.Duties, Reason: "cannot waive anything: the environment has no waivers in the policy"}
	}
	g, _ := in.Policy.Group(k.env.Waivers.Group)
	x := k.judge(g, vote{account: a, decision: statement.Waive, source: by, trust: k.trust(g)}, KnownRoles)
	s := Standing{Group: g.Name, Member: x.member}
	switch {
	case x.why != nil:
		s.Code, s.Reason = x.why.code, x.why.reason
	case in.Policy.identities(a).is(makerOf(claim)):
		s.Code, s.Reason = fault.Duties, "waives a role of their own, which nobody may"
	}
	return s
}
