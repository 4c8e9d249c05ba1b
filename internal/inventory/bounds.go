package inventory

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxNotes is how many texts of one list are kept that only people read.
const maxNotes = 100

// bounds counts what one document lists, while it is read.
type bounds struct{ findings, components, cases int }

// finding counts one finding.
func (b *bounds) finding() error { return count(&b.findings, MaxFindings, "findings") }

// component counts one component.
func (b *bounds) component() error { return count(&b.components, MaxComponents, "components") }

// testCase counts one case.
func (b *bounds) testCase() error { return count(&b.cases, MaxCases, "test cases") }

func count(n *int, most int, what string) error {
	if *n++; *n > most {
		return beyond("the document lists more than %d %s", most, what)
	}
	return nil
}

// check holds a whole report to the limits, also where it was not counted while it was read.
func (b *bounds) check(r *Report) error {
	components, findings := 0, len(r.Statements)
	if r.Contents != nil {
		components = r.Contents.Components
	}
	if r.Scan != nil {
		findings = len(r.Scan.Findings)
		for _, t := range r.Scan.Targets {
			components += len(t.Components)
		}
	}
	if r.Exploited != nil {
		findings = len(r.Exploited.IDs)
	}
	switch {
	case findings > MaxFindings:
		return beyond("the document lists %d findings, at most %d are read", findings, MaxFindings)
	case components > MaxComponents:
		return beyond("the document lists %d components, at most %d are read", components, MaxComponents)
	}
	return nil
}

// tidy puts what is a set into order, each member once, and makes an empty list none, so that a report
// is the same one after it was written and read.
func (r *Report) tidy() {
	r.undisclosed()
	r.About = set(r.About)
	r.Asserted = set(r.Asserted)
	if s := r.Scan; s != nil {
		s.Targets = joined(s.Targets)
		for i := range s.Findings {
			f := &s.Findings[i]
			f.Aliases = slices.DeleteFunc(set(f.Aliases), func(a string) bool { return a == f.ID })
			f.Aliases = none(f.Aliases)
		}
		s.Findings, s.Filters = none(s.Findings), set(s.Filters)
	}
	if t := r.Tests; t != nil {
		t.Suites, t.Failed = none(t.Suites), none(t.Failed)
	}
	for i := range r.Statements {
		s := &r.Statements[i]
		s.Aliases = none(slices.DeleteFunc(set(s.Aliases), func(a string) bool { return a == s.ID }))
		s.Products = none(s.Products)
		for j := range s.Products {
			s.Products[j].SHA256, s.Products[j].Components = set(s.Products[j].SHA256), set(s.Products[j].Components)
		}
	}
	r.Statements = none(r.Statements)
	if e := r.Exploited; e != nil {
		e.IDs = set(e.IDs)
	}
}

// userinfo is the part of an address that holds a name and a password (RFC 3986, 3.2.1), and asked what follows it and may
// hold a token.
var (
	userinfo = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@"']*@`) })
	asked    = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s?#"']*)[?#][^\s"']*`)
	})
)

// address returns text without what addresses in it may hold besides host and path: what is signed is public, for ever.
func address(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return asked().ReplaceAllString(userinfo().ReplaceAllString(text, "$1"), "$1")
}

// undisclosed takes from a report what addresses in it may disclose.
func (r *Report) undisclosed() {
	r.Named = address(r.Named)
	s := r.Scan
	if s == nil {
		return
	}
	s.Database.URI = address(s.Database.URI)
	for i := range s.Filters {
		s.Filters[i] = address(s.Filters[i])
	}
	for i := range s.Targets {
		s.Targets[i].Name = address(s.Targets[i].Name)
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		f.Target, f.Suppressed = address(f.Target), address(f.Suppressed)
	}
}

// joined returns targets with each name once, in the order of the names. Components of targets that
// have one name are those of one.
func joined(targets []Target) []Target {
	slices.SortStableFunc(targets, func(a, b Target) int { return compare(a.Name, b.Name) })
	var out []Target
	for _, t := range targets {
		if n := len(out); n > 0 && out[n-1].Name == t.Name {
			out[n-1].Components = append(out[n-1].Components, t.Components...)
			continue
		}
		out = append(out, t)
	}
	for i := range out {
		out[i].Components = set(out[i].Components)
	}
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// set returns the texts in order, each once and none of them empty; nil if there are none.
func set(texts []string) []string {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if len(texts) > 0 && texts[0] == "" {
		texts = texts[1:]
	}
	return none(texts)
}

// none returns nil instead of an empty list.
func none[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// beyond is an error about more or larger input than a limit.
func beyond(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Limit, "", format, args...)
}
