package inventory

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// CycloneDX 1.2 to 1.7, JSON (ECMA-424; bom-1.x.schema.json).

func isCycloneDX(s strictjson.Shape) bool { return s.Has("bomFormat") }

func isCycloneDXWithFindings(s strictjson.Shape) bool { return s.Has("bomFormat", "vulnerabilities") }

type cdxBOM struct {
	BOMFormat   string `json:"bomFormat"`
	SpecVersion string `json:"specVersion"`
	Metadata    struct {
		Timestamp string       `json:"timestamp"`
		Tools     cdxTools     `json:"tools"`
		Component cdxComponent `json:"component"`
	} `json:"metadata"`
	Components      each             `json:"components"`
	Compositions    []cdxComposition `json:"compositions"`
	Vulnerabilities each             `json:"vulnerabilities"`
}

type cdxComponent struct {
	Ref        string    `json:"bom-ref"`
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	PURL       string    `json:"purl"`
	Hashes     []cdxHash `json:"hashes"`
	Components each      `json:"components"`
}

type cdxHash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type cdxComposition struct {
	Aggregate    string   `json:"aggregate"`
	Assemblies   []string `json:"assemblies"`
	Dependencies []string `json:"dependencies"`
	// Vulnerabilities makes a composition one about vulnerabilities.
	Vulnerabilities []string `json:"vulnerabilities"`
}

// cdxTools are the tools that wrote the document: an array until 1.4, and an object since.
type cdxTools struct{ first Tool }

// FillFrom reads either.
func (t *cdxTools) FillFrom(r *strictjson.Reader) error {
	if r.Peek() == strictjson.Array {
		return r.Elements(func() error { return t.add(r) })
	}
	var since15 struct {
		Components each `json:"components"`
		Services   each `json:"services"`
	}
	since15.Components.f, since15.Services.f = t.add, t.add
	return r.Fill(&since15)
}

func (t *cdxTools) add(r *strictjson.Reader) error {
	var one struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	err := r.Fill(&one)
	if t.first.Name == "" {
		t.first = Tool{Name: strings.ToLower(one.Name), Version: one.Version}
	}
	return err
}

func readCycloneDX(d *document) error {
	var b cdxBOM
	n := 0
	var nested struct {
		Components each `json:"components"`
	}
	nested.Components.f = func(r *strictjson.Reader) error {
		if n++; n > MaxComponents {
			return beyond("the document lists more than %d components", MaxComponents)
		}
		return r.Fill(&nested)
	}
	b.Components.f = nested.Components.f
	b.Metadata.Component.Components.f = nested.Components.f
	if err := d.readCDX(&b); err != nil {
		return err
	}
	d.report.Contents = &Contents{Components: n, Completeness: b.completeness()}
	return nil
}

// readCDX reads b and what every report of it has.
func (d *document) readCDX(b *cdxBOM) error {
	if err := d.fill("the CycloneDX document", b); err != nil {
		return err
	}
	if b.BOMFormat != "CycloneDX" {
		return malformed("member %q is %q, want %q", "bomFormat", b.BOMFormat, "CycloneDX")
	}
	switch b.SpecVersion {
	case "1.2", "1.3", "1.4", "1.5", "1.6", "1.7":
	default:
		return fault.New(fault.Refused, fault.Predicate, "export it in a version from 1.2 to 1.7",
			"the document is CycloneDX %q, want a version from 1.2 to 1.7", b.SpecVersion)
	}
	var err error
	r := &d.report
	r.Document.Format, r.Tool = "CycloneDX "+b.SpecVersion, b.Metadata.Tools.first
	if r.Time, err = moment("metadata.timestamp", b.Metadata.Timestamp); err != nil {
		return err
	}
	main := b.Metadata.Component
	r.Named = component("", main.Name, main.Version)
	if r.Named == "" {
		r.Named = main.PURL
	}
	for _, h := range main.Hashes {
		if h.Alg == "SHA-256" {
			if hex64(h.Content) == "" {
				return malformed("the SHA-256 hash of %q is %q, want 64 hexadecimal digits", "metadata.component",
					h.Content)
			}
			r.About = append(r.About, hex64(h.Content))
		}
	}
	if sum := digestOf(main.PURL); sum != "" {
		r.About = append(r.About, sum)
	}
	return nil
}

// completeness is what the compositions say about the whole list. It is complete if one says so of the main
// component, or of everything, and no other one says anything weaker of any part.
func (b *cdxBOM) completeness() Completeness {
	worst, whole := Completeness(""), false
	ref := b.Metadata.Component.Ref
	for _, c := range b.Compositions {
		if len(c.Vulnerabilities) > 0 && len(c.Assemblies) == 0 && len(c.Dependencies) == 0 {
			continue
		}
		whole = whole || len(c.Assemblies) == 0 && len(c.Dependencies) == 0
		for _, of := range [][]string{c.Assemblies, c.Dependencies} {
			for _, r := range of {
				whole = whole || r == ref && ref != ""
			}
		}
		worst = weaker(worst, aggregate(c.Aggregate))
	}
	if worst == Complete && !whole {
		return ""
	}
	return worst
}

func aggregate(word string) Completeness {
	switch {
	case word == "complete":
		return Complete
	case word == "incomplete", strings.HasPrefix(word, "incomplete_"):
		return Incomplete
	}
	return Unknown // unknown, not_specified, and every word that is not known
}

// weaker returns the weaker of two, of which "" says nothing.
func weaker(a, b Completeness) Completeness {
	for _, c := range []Completeness{Unknown, Incomplete, Complete} {
		if a == c || b == c {
			return c
		}
	}
	return ""
}

type cdxVulnerability struct {
	ID      string `json:"id"`
	Ref     string `json:"bom-ref"`
	Ratings []struct {
		Severity string             `json:"severity"`
		Score    strictjson.Literal `json:"score"`
		Method   string             `json:"method"`
		Vector   string             `json:"vector"`
	} `json:"ratings"`
	References []struct {
		ID string `json:"id"`
	} `json:"references"`
	Affects []struct {
		Ref      string `json:"ref"`
		Versions []struct {
			Status string `json:"status"`
		} `json:"versions"`
	} `json:"affects"`
	Analysis struct {
		State         string `json:"state"`
		Justification string `json:"justification"`
		Detail        string `json:"detail"`
	} `json:"analysis"`
}

// readCycloneDXFindings reads the findings of a list of components. That all that is listed was looked at is what such
// a document is taken to say; when the scan ended, it does not.
func readCycloneDXFindings(d *document) error {
	var b cdxBOM
	refs := map[string]string{}
	var all []string
	var add func(r *strictjson.Reader) error
	add = func(r *strictjson.Reader) error {
		c := cdxComponent{Components: each{f: add}}
		if err := d.bound.component(); err != nil {
			return err
		}
		if err := r.Fill(&c); err != nil {
			return err
		}
		name := component(c.PURL, c.Name, c.Version)
		all = append(all, name)
		if c.Ref != "" {
			refs[c.Ref] = name
		}
		return nil
	}
	b.Components.f, b.Metadata.Component.Components.f = add, add
	s := &Scan{}
	b.Vulnerabilities.f = func(r *strictjson.Reader) error {
		var v cdxVulnerability
		if err := r.Fill(&v); err != nil {
			return err
		}
		return d.cdxFindings(s, &v)
	}
	if err := d.readCDX(&b); err != nil {
		return err
	}
	if !b.Vulnerabilities.given {
		return malformed("member %q is null, want an array", "vulnerabilities")
	}
	main := b.Metadata.Component
	if main.Ref != "" {
		refs[main.Ref] = component(main.PURL, main.Name, main.Version)
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		if name := refs[f.Component]; name != "" {
			f.Component = name
		}
	}
	if len(all) > 0 {
		name := d.report.Named
		if name == "" {
			name = "the components of the document"
		}
		s.Targets = []Target{{Name: name, Components: all}}
	}
	d.report.Scan = s
	return nil
}

// cdxFindings adds what v says: a finding for each component that it names, and one if it names none. Component is a
// reference yet.
func (d *document) cdxFindings(s *Scan, v *cdxVulnerability) error {
	f := Finding{ID: v.ID}
	if f.ID == "" {
		f.ID = v.Ref
	}
	if f.ID == "" {
		return malformed("a vulnerability has no member %q", "id")
	}
	var rate rating
	for _, x := range v.Ratings {
		rate.quoted(x.Severity)
		if x.Method == "" || strings.HasPrefix(x.Method, "CVSS") {
			rate.number(string(x.Score))
			rate.vector(x.Vector)
		}
	}
	f.Severity, f.Score = rate.severity(), rate.written
	for _, x := range v.References {
		f.Aliases = append(f.Aliases, x.ID)
	}
	switch v.Analysis.State {
	case "resolved", "resolved_with_pedigree", "false_positive", "not_affected":
		f.Suppressed = because(v.Analysis.State, v.Analysis.Justification, v.Analysis.Detail)
	}
	for _, a := range v.Affects {
		one := f
		one.Component = a.Ref
		sound := 0
		for _, x := range a.Versions {
			if x.Status == "unaffected" {
				sound++
			}
		}
		if one.Suppressed == "" && sound > 0 && sound == len(a.Versions) {
			one.Suppressed = "unaffected"
		}
		if err := d.found(s, one); err != nil {
			return err
		}
	}
	if len(v.Affects) == 0 {
		return d.found(s, f)
	}
	return nil
}

// found adds a finding.
func (d *document) found(s *Scan, f Finding) error {
	s.Findings = append(s.Findings, f)
	return d.bound.finding()
}

// because joins what a document says of why something is not counted.
func because(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			said = append(said, fault.Cut(p))
		}
	}
	if len(said) == 0 {
		return "the document does not say why"
	}
	return strings.Join(said, ": ")
}
