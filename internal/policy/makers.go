package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// made returns what an approver did for the change under any of their
// identities. The addresses in commits count too: a forged address can exclude
// somebody else, and can hide nobody.
func (k approvalCheck) made(a Account, roles []Role) (Maker, bool) {
	who := Person{Accounts: []Account{a}}
	if strings.Contains(a.ID, "@") {
		who.Emails = []string{a.ID}
	}
	for _, x := range k.in.Policy.People {
		if x.has(a) {
			who.Accounts, who.Emails = append(who.Accounts, x.Accounts...), append(who.Emails, x.Emails...)
		}
	}
	// Roles has the order in which they are reported.
	for _, role := range Roles {
		for _, m := range k.makers {
			if m.Role != role || !slices.Contains(roles, m.Role) {
				continue
			}
			if m.Account.ID != "" && who.has(m.Account) || slices.ContainsFunc(who.Emails, func(e string) bool { return equalAddress(e, m.Email) }) {
				return m, true
			}
		}
	}
	return Maker{}, false
}

// unknown returns the makers of the given roles that nobody can name, once
// each, in words. A machine does what somebody told it; unless the policy names
// it, under agents or as somebody's, it could be any of the approvers (I04). An
// account of which the platform does not say what it is may be one.
func (k approvalCheck) unknown(roles []Role) []string {
	out := map[string]string{}
	for _, m := range k.makers {
		strange := (m.Account.Kind == Machine || m.Account.Kind == Unseen) && !k.in.Policy.knows(m.Account)
		if m.Account.ID != "" && !strange || !slices.Contains(roles, m.Role) || slices.ContainsFunc(k.in.Policy.People,
			func(p Person) bool {
				return slices.ContainsFunc(p.Emails, func(e string) bool { return equalAddress(e, m.Email) })
			}) {
			continue
		}
		key, who, why := strings.ToLower(m.Email), fmt.Sprintf("%q", m.Email), "has no account that is known"
		switch {
		case strange:
			key, who, why = m.Account.Key(), m.Account.Label(), "is "+m.Account.Kind.String()+" that agents does not name"
			if m.Account.Kind == Unseen {
				why = "is " + Unseen.String() + ", and stands neither under agents nor under people"
			}
		case m.Email == "":
			key, who = "?"+string(m.Role)+cmp.Or(m.Mark, m.Where), "somebody"
		}
		if _, ok := out[key]; !ok {
			out[key] = fmt.Sprintf("%s %s %s and %s", who, m.Role.Did(), m.Where, why)
		}
	}
	return slices.Sorted(maps.Values(out))
}

// knows reports whether the policy says whose an account is, or that it is
// nobody's.
func (p *Policy) knows(a Account) bool {
	return p.agent(a) || slices.ContainsFunc(p.People, func(x Person) bool { return x.has(a) })
}
