package policy

import (
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
