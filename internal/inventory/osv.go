package inventory

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// OSV-Scanner, `osv-scanner ... --format json` (google/osv-scanner, pkg/models/results.go), and the format of
// vulnerabilities that it and govulncheck share (ossf.github.io/osv-schema).

// isOSV takes a document for one only if it has no other member: many tools write "results".
func isOSV(s strictjson.Shape) bool {
	known := []string{"results", "experimental_config", "experimental_generic_findings", "image_metadata",
		"license_summary"}
	return s.Has("results") && !slices.ContainsFunc(s.Members,
		func(m string) bool { return !slices.Contains(known, m) })
}

type osvResult struct {
	Source struct {
		Path string `json:"path"`
		Type string `json:"type"`
	} `json:"source"`
	Packages each `json:"packages"`
}

type osvPackage struct {
	Package struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Commit  string `json:"commit"`
	} `json:"package"`
	Vulnerabilities []osvEntry `json:"vulnerabilities"`
	Groups          []osvGroup `json:"groups"`
}

type osvGroup struct {
	IDs         []string               `json:"ids"`
	Aliases     []string               `json:"aliases"`
	MaxSeverity string                 `json:"max_severity"`
	Analysis    map[string]osvAnalysis `json:"experimental_analysis"`
	Analysis1   map[string]osvAnalysis `json:"experimentalAnalysis"` // until version 2
}

type osvAnalysis struct {
	Called      *bool `json:"called"`
	Unimportant bool  `json:"unimportant"`
}

// osvEntry is a vulnerability.
type osvEntry struct {
	ID       string        `json:"id"`
	Aliases  []string      `json:"aliases"`
	Severity []osvSeverity `json:"severity"`
	Specific osvSpecific   `json:"database_specific"`
	Affected []struct {
		Severity  []osvSeverity `json:"severity"`
		Specific  osvSpecific   `json:"database_specific"`
		Ecosystem osvSpecific   `json:"ecosystem_specific"`
	} `json:"affected"`
}

type osvSeverity struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// osvSpecific is what a database adds: anything, but severity is a word in all that have it.
type osvSpecific struct{ severity string }

// FillFrom reads the word, if there is one.
func (s *osvSpecific) FillFrom(r *strictjson.Reader) error {
	if r.Peek() != strictjson.Object {
		return r.Pass()
	}
	var x struct {
		Severity strictjson.Raw `json:"severity"`
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	if len(x.Severity) > 1 && x.Severity[0] == '"' {
		text, err := strictjson.Unquote(x.Severity[1 : len(x.Severity)-1])
		s.severity = string(text)
		return err
	}
	return nil
}

// rate adds what an entry says.
func (e *osvEntry) rate(r *rating) {
	add := func(all []osvSeverity) {
		for _, s := range all {
			if s.Type == "CVSS_V2" || s.Type == "CVSS_V3" || s.Type == "CVSS_V4" {
				r.vector(s.Score)
			} else {
				r.quoted(s.Score)
			}
		}
	}
	add(e.Severity)
	r.quoted(e.Specific.severity)
	for _, a := range e.Affected {
		add(a.Severity)
		r.quoted(a.Specific.severity)
		r.quoted(a.Ecosystem.severity)
	}
}

func readOSV(d *document) error {
	// OSV-Scanner writes its report in one piece, after the scan: a scan that fails writes none, and a file that was
	// cut is no JSON.
	s := &Scan{Finished: Yes}
	var o struct {
		Results each `json:"results"`
	}
	o.Results.f = func(r *strictjson.Reader) error { return d.osvResult(s, r) }
	if err := d.fill("the OSV-Scanner report", &o); err != nil {
		return err
	}
	if !o.Results.given {
		return malformed("member %q is null, want an array", "results")
	}
	d.report.Document.Format, d.report.Tool, d.report.Scan = "OSV-Scanner", Tool{Name: "osv-scanner"}, s
	return nil
}

func (d *document) osvResult(s *Scan, r *strictjson.Reader) error {
	var x osvResult
	first := len(s.Findings)
	var all []string
	x.Packages.f = func(r *strictjson.Reader) error {
		var p osvPackage
		if err := r.Fill(&p); err != nil {
			return err
		}
		version := p.Package.Version
		if version == "" {
			version = p.Package.Commit
		}
		name := component("", p.Package.Name, version)
		all = append(all, name)
		if err := d.bound.component(); err != nil {
			return err
		}
		return d.osvFindings(s, name, &p)
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	if x.Source.Path == "" && x.Source.Type == "" || !x.Packages.given {
		return malformed("an element of %q has no source or no packages: it is not one of OSV-Scanner", "results")
	}
	for i := first; i < len(s.Findings); i++ {
		s.Findings[i].Target = x.Source.Path
	}
	s.Targets = append(s.Targets, Target{Name: x.Source.Path, Components: all})
	return nil
}

// osvFindings adds the vulnerabilities of one package. What is grouped is one vulnerability under several
// names. Each name is kept, and each is as bad as the worst says: some databases have no severities.
func (d *document) osvFindings(s *Scan, name string, p *osvPackage) error {
	for i := range p.Vulnerabilities {
		v := &p.Vulnerabilities[i]
		if v.ID == "" {
			return malformed("a vulnerability of %q has no member %q", name, "id")
		}
		f := Finding{ID: v.ID, Aliases: v.Aliases, Component: name}
		var rate rating
		v.rate(&rate)
		for _, g := range p.Groups {
			if slices.Contains(g.IDs, v.ID) {
				g.add(&f, &rate)
				p.rate(&g, &rate)
			}
		}
		f.Severity, f.Score = rate.severity(), rate.written
		if err := d.found(s, f); err != nil {
			return err
		}
	}
	return d.osvGroupsAlone(s, name, p)
}

// rate adds what every vulnerability of a group says.
func (p *osvPackage) rate(g *osvGroup, r *rating) {
	for i := range p.Vulnerabilities {
		if slices.Contains(g.IDs, p.Vulnerabilities[i].ID) {
			p.Vulnerabilities[i].rate(r)
		}
	}
}

// osvGroupsAlone adds the groups of which no vulnerability is listed: a report that was shortened.
func (d *document) osvGroupsAlone(s *Scan, name string, p *osvPackage) error {
	for _, g := range p.Groups {
		listed := slices.ContainsFunc(p.Vulnerabilities, func(v osvEntry) bool { return slices.Contains(g.IDs, v.ID) })
		if listed || len(g.IDs) == 0 {
			continue
		}
		f := Finding{ID: g.IDs[0], Component: name}
		var rate rating
		g.add(&f, &rate)
		f.Severity, f.Score = rate.severity(), rate.written
		if err := d.found(s, f); err != nil {
			return err
		}
	}
	return nil
}

// add adds what a group says of one of its vulnerabilities.
func (g *osvGroup) add(f *Finding, rate *rating) {
	rate.number(g.MaxSeverity)
	f.Aliases = slices.Concat(f.Aliases, g.IDs, g.Aliases)
	unimportant, analysed := true, 0
	for _, all := range []map[string]osvAnalysis{g.Analysis, g.Analysis1} {
		for _, a := range all {
			analysed++
			unimportant = unimportant && a.Unimportant
			switch {
			case a.Called == nil:
			case *a.Called:
				f.Called = Yes
			case f.Called != Yes:
				f.Called = No
			}
		}
	}
	if analysed > 0 && unimportant {
		f.Suppressed = because("unimportant")
	}
}
