package inventory

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// GitLab security reports of version 15 (gitlab-org/security-products/security-report-schemas).

func isGitLab(s strictjson.Shape) bool {
	return s.Has("version", "vulnerabilities") && !s.Has("bomFormat")
}

type gitlabReport struct {
	Version string `json:"version"`
	Scan    struct {
		Type    string `json:"type"`
		Status  string `json:"status"`
		EndTime string `json:"end_time"`
		Scanner struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"scanner"`
		Scanned  each `json:"scanned_resources"`
		Messages []struct {
			Level string `json:"level"`
		} `json:"messages"`
	} `json:"scan"`
	Files           each `json:"dependency_files"`
	Vulnerabilities each `json:"vulnerabilities"`
}

type gitlabVulnerability struct {
	ID          string `json:"id"`
	CVE         string `json:"cve"`
	Severity    string `json:"severity"`
	State       string `json:"state"`
	Identifiers []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"identifiers"`
	Vectors []struct {
		Vector string `json:"vector"`
	} `json:"cvss_vectors"`
	Flags []struct {
		Type        string `json:"type"`
		Origin      string `json:"origin"`
		Description string `json:"description"`
	} `json:"flags"`
	Dismissal strictjson.Raw `json:"dismissal"`
	Location  struct {
		File       string `json:"file"`
		Image      string `json:"image"`
		Dependency struct {
			Package struct {
				Name string `json:"name"`
			} `json:"package"`
			Version string `json:"version"`
		} `json:"dependency"`
	} `json:"location"`
}

func readGitLab(d *document) error {
	s := &Scan{}
	var g gitlabReport
	images := map[string]bool{}
	g.Vulnerabilities.f = func(r *strictjson.Reader) error {
		var v gitlabVulnerability
		if err := r.Fill(&v); err != nil {
			return err
		}
		if v.Location.Image != "" {
			images[v.Location.Image] = true
		}
		return d.gitlabFinding(s, &v)
	}
	g.Files.f = func(r *strictjson.Reader) error { return d.gitlabFile(s, r) }
	g.Scan.Scanned.f = func(r *strictjson.Reader) error {
		var x struct {
			URL string `json:"url"`
		}
		if err := r.Fill(&x); err != nil {
			return err
		}
		if x.URL != "" {
			s.Targets = append(s.Targets, Target{Name: x.URL})
		}
		return d.bound.component()
	}
	if err := d.fill("the security report", &g); err != nil {
		return err
	}
	if !strings.HasPrefix(g.Version, "15.") {
		return fault.New(fault.Refused, fault.Predicate, "", "the security report has version %q, want 15", g.Version)
	}
	if !g.Vulnerabilities.given {
		return malformed("member %q is null, want an array", "vulnerabilities")
	}
	r := &d.report
	r.Document.Format, r.Scan = "GitLab security report "+g.Version, s
	r.Tool = Tool{Name: strings.ToLower(g.Scan.Scanner.ID), Version: g.Scan.Scanner.Version}
	if r.Tool.Name == "" {
		r.Tool.Name = strings.ToLower(g.Scan.Scanner.Name)
	}
	switch g.Scan.Status {
	case "success":
		s.Finished = Yes
	default: // the member is required
		s.Finished = No
	}
	for _, m := range g.Scan.Messages {
		if m.Level == "fatal" {
			s.Finished = No
		}
	}
	if t := g.Scan.Type; t != "" && t != "dependency_scanning" && t != "container_scanning" && t != "cluster_image_scanning" {
		s.Targets = nil // of another scan, files of dependencies are not what was looked at
	}
	var err error
	if r.Time, err = moment("scan.end_time", g.Scan.EndTime); err != nil {
		return err
	}
	for name := range images {
		if r.Named == "" || name < r.Named {
			r.Named = name
		}
		r.About = append(r.About, digestOf(name))
	}
	return nil
}

// gitlabFile reads one file of dependencies.
func (d *document) gitlabFile(s *Scan, r *strictjson.Reader) error {
	var x struct {
		Path         string `json:"path"`
		Dependencies each   `json:"dependencies"`
	}
	var all []string
	x.Dependencies.f = func(r *strictjson.Reader) error {
		var c struct {
			Package struct {
				Name string `json:"name"`
			} `json:"package"`
			Version string `json:"version"`
		}
		if err := r.Fill(&c); err != nil {
			return err
		}
		all = append(all, component("", c.Package.Name, c.Version))
		return d.bound.component()
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	s.Targets = append(s.Targets, Target{Name: x.Path, Components: all})
	return d.bound.component()
}

func (d *document) gitlabFinding(s *Scan, v *gitlabVulnerability) error {
	var f Finding
	for _, kind := range []string{"cve", "ghsa", ""} { // the first of the best kind names it
		for _, i := range v.Identifiers {
			if f.ID == "" && (kind == "" || strings.EqualFold(i.Type, kind)) {
				f.ID = i.Value
			}
		}
	}
	for _, i := range v.Identifiers {
		if t := strings.ToLower(i.Type); t != "cwe" && t != "owasp" { // classes, and no names of this one
			f.Aliases = append(f.Aliases, i.Value)
		}
	}
	if f.ID == "" {
		f.ID = v.CVE
	}
	if f.ID == "" {
		f.ID = v.ID
	}
	if f.ID == "" {
		return malformed("a vulnerability of the security report has no member %q", "id")
	}
	rate := rating{own: word(v.Severity)}
	for _, c := range v.Vectors {
		if n, ok := baseScore(c.Vector); ok { // of another version, the word says more than nothing
			rate.others = worse(rate.others, scored(n))
			rate.vector(c.Vector)
		}
	}
	f.Severity, f.Score = rate.severity(), rate.written
	f.Component = component("", v.Location.Dependency.Package.Name, v.Location.Dependency.Version)
	f.Target = v.Location.File
	if f.Target == "" {
		f.Target = v.Location.Image
	}
	for _, flag := range v.Flags {
		f.Suppressed = because(flag.Type, flag.Origin, flag.Description)
	}
	switch v.State {
	case "", "detected", "confirmed":
	default:
		f.Suppressed = because(v.State)
	}
	if len(v.Dismissal) > 0 && string(v.Dismissal) != "null" && string(v.Dismissal) != "false" {
		f.Suppressed = because("dismissal")
	}
	return d.found(s, f)
}
