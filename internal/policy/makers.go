package policy

import (
	"fmt"
	"slices"
	"strings"
)

// made returns what an approver did for the change under any of their
// identities. The addresses in commits count too: a forged address can exclude
// somebody else, and can hide nobody.
func (k *approvalCheck) made(a Account, roles []Role) (Maker, bool) {
	who := k.in.Policy.identities(a)
	// Roles has the order in which they are reported.
	for _, role := range Roles {
		for _, m := range k.makers {
			if m.Role != role || !slices.Contains(roles, m.Role) {
				continue
			}
			if who.is(m) {
				return m, true
			}
		}
	}
	return Maker{}, false
}

// identities returns an account with all the others of the same person.
func (p *Policy) identities(a Account) Person {
	who := Person{Accounts: []Account{a}}
	if strings.Contains(a.ID, "@") {
		who.Emails = []string{a.ID}
	}
	for _, x := range p.People {
		if x.has(a) {
			who.Accounts, who.Emails = append(who.Accounts, x.Accounts...), append(who.Emails, x.Emails...)
		}
	}
	return who
}

// is reports whether a maker is one of a person's identities.
func (x Person) is(m Maker) bool {
	return m.Account.ID != "" && x.has(m.Account) || slices.ContainsFunc(x.Emails, func(e string) bool { return equalAddress(e, m.Email) })
}

// taken says what was taken for the makers where the platform does not show
// them, and who started an attempt again without being a maker for that.
func (in Input) taken() []string {
	var out []string
	for _, c := range in.Changes {
		out = append(out, c.Notes...)
		for _, m := range c.Again {
			out = append(out, fmt.Sprintf("%s only started %s again, and is not a maker for that", m.Account.Label(), m.Where))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
