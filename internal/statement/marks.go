package statement

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// mark returns a subject of an environment that is made of numbers, so that a renamed
// environment or repository changes nothing. word says for what kind of statement.
func (t Target) mark(word, prefix string) subject.Subject {
	h := sha256.New()
	fmt.Fprintf(h, "%s%s\n%q\n%q\n%q\n", OwnPredicates, word, t.Issuer, t.Repository.ID, t.ID)
	return subject.Subject{Name: prefix + t.Name, Digest: subject.SHA256([32]byte(h.Sum(nil)))}
}

// Decisions returns the subject under which is found what people have said about t:
// approvals, rejections, withdrawals and waivers, also of releases that never entered.
func (t Target) Decisions() subject.Subject { return t.mark("decisions/v1", "decisions:") }

// Exports returns the subject under which exports of the history of t are found.
func (t Target) Exports() subject.Subject { return t.mark("history/v1", "history:") }

// findable wants a target to be one that something can be found by.
func (t Target) findable() error {
	if !t.whole() {
		return fault.New(fault.Refused, fault.Predicate, "",
			"environment %q lacks its issuer, repository, name or number", t.Name)
	}
	return nil
}

// whole wants an account, if there is one, to be one that can be told from others.
func (a *Account) whole() error {
	if a != nil && (a.Host == "" || a.ID == "") {
		return fault.New(fault.Refused, fault.Predicate, "", "the account has no host or no number")
	}
	return nil
}

// sought wants each target to be one of the environments that a statement names.
func sought(targets []Target, all []Place) error {
	var seen []string
	for _, t := range targets {
		if err := t.findable(); err != nil {
			return err
		}
		if !slices.Contains(all, Place{Name: t.Name, ID: t.ID}) || slices.Contains(seen, t.Name) {
			return fault.New(fault.Refused, fault.Predicate, "",
				"targets have environment %q with the number %s, want one of the environments, each once", t.Name, t.ID)
		}
		seen = append(seen, t.Name)
	}
	return nil
}
