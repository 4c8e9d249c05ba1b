package inventory

import (
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Trivy, `trivy ... --format json`, SchemaVersion 2 (aquasecurity/trivy, pkg/types/report.go).

func isTrivy(s strictjson.Shape) bool {
	return s.Has("SchemaVersion") && (s.Has("ArtifactType") || s.Has("ArtifactName") || s.Has("Results"))
}

type trivyReport struct {
	SchemaVersion int
	Trivy         struct{ Version string }
	CreatedAt     string
	ArtifactName  string
	Metadata      struct{ RepoDigests []string }
	Results       each
}

type trivyResult struct {
	Target            string
	Vulnerabilities   each
	Misconfigurations each
	Secrets           each
	Packages          each
	Modified          each `json:"ExperimentalModifiedFindings"`
}

// trivyFinding is a vulnerability, a misconfiguration or a secret: they have their severity in one place.
type trivyFinding struct {
	VulnerabilityID  string
	VendorIDs        []string
	ID               string // of a misconfiguration
	AVDID            string
	RuleID           string // of a secret
	PkgName          string
	InstalledVersion string
	PkgIdentifier    struct{ PURL string }
	Status           string
	Severity         string
	VendorSeverity   map[string]strictjson.Literal
	CVSS             map[string]trivyCVSS
}

type trivyCVSS struct {
	V2Score, V3Score, V40Score strictjson.Literal
}

func readTrivy(d *document) error {
	// Trivy writes its report in one piece, after the scan: a scan that is stopped or fails writes none, and a file
	// that was cut is no JSON.
	s := &Scan{Finished: Yes}
	var t trivyReport
	t.Results.f = func(r *strictjson.Reader) error { return d.trivyResult(s, r) }
	if err := d.fill("the Trivy report", &t); err != nil {
		return err
	}
	if t.SchemaVersion != 2 {
		return predicateFault("the Trivy report has SchemaVersion %d, want 2", t.SchemaVersion)
	}
	var err error
	r := &d.report
	r.Document.Format, r.Tool = "Trivy", Tool{Name: "trivy", Version: t.Trivy.Version}
	if r.Time, err = moment("CreatedAt", t.CreatedAt); err != nil {
		return err
	}
	r.Named, r.Scan = t.ArtifactName, s
	// Metadata.ImageID is the digest of the image's configuration and not of its manifest: it names another thing.
	for _, name := range t.Metadata.RepoDigests {
		r.About = append(r.About, digestOf(name))
	}
	return nil
}

func (d *document) trivyResult(s *Scan, r *strictjson.Reader) error {
	var x trivyResult
	first := len(s.Findings) // the target may be named after its findings
	var all []string
	plainly := func(r *strictjson.Reader) error {
		var f trivyFinding
		if err := r.Fill(&f); err != nil {
			return err
		}
		return d.trivyFinding(s, f, "")
	}
	x.Vulnerabilities.f, x.Secrets.f = plainly, plainly
	x.Misconfigurations.f = func(r *strictjson.Reader) error {
		var f trivyFinding
		if err := r.Fill(&f); err != nil {
			return err
		}
		switch f.Status {
		case "PASS":
			return nil
		case "EXCEPTION":
			return d.trivyFinding(s, f, because("exception"))
		}
		return d.trivyFinding(s, f, "")
	}
	x.Modified.f = func(r *strictjson.Reader) error {
		var m struct {
			Type, Status, Statement, Source string
			Finding                         trivyFinding
		}
		if err := r.Fill(&m); err != nil {
			return err
		}
		if m.Type == "license" {
			return nil // a licence, suppressed or not, does not count as a vulnerability
		}
		return d.trivyFinding(s, m.Finding, because(m.Status, m.Statement, m.Source))
	}
	x.Packages.f = func(r *strictjson.Reader) error {
		var p struct {
			Name, Version string
			Identifier    struct{ PURL string }
		}
		if err := r.Fill(&p); err != nil {
			return err
		}
		all = append(all, component(p.Identifier.PURL, p.Name, p.Version))
		return d.bound.component()
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	for i := first; i < len(s.Findings); i++ {
		s.Findings[i].Target = x.Target
	}
	s.Targets = append(s.Targets, Target{Name: x.Target, Components: all})
	return nil
}

func (d *document) trivyFinding(s *Scan, v trivyFinding, suppressed string) error {
	f := Finding{ID: v.VulnerabilityID, Suppressed: suppressed}
	for _, id := range append([]string{v.ID, v.AVDID, v.RuleID}, v.VendorIDs...) {
		if f.ID == "" {
			f.ID = id
		} else if id != "" {
			f.Aliases = append(f.Aliases, id)
		}
	}
	if f.ID == "" {
		return malformed("a finding of the Trivy report has no member %q", "VulnerabilityID")
	}
	f.Component = component(v.PkgIdentifier.PURL, v.PkgName, v.InstalledVersion)
	// A vulnerability that the vendor of the system calls not affected is listed with that status.
	if v.VulnerabilityID != "" && suppressed == "" {
		switch v.Status {
		case "not_affected", "ignored":
			f.Suppressed = because(v.Status)
		}
	}
	rate := rating{}
	if v.Severity == "" {
		rate.own = UnknownSeverity
	}
	rate.word(v.Severity)
	for _, n := range v.VendorSeverity {
		rate.quoted(trivyVendorSeverity(string(n)))
	}
	for _, c := range v.CVSS {
		for _, n := range []strictjson.Literal{c.V2Score, c.V3Score, c.V40Score} {
			if n != "0" {
				rate.number(string(n))
			}
		}
	}
	f.Severity, f.Score = rate.severity(), rate.written
	return d.found(s, f)
}

// trivyVendorSeverity is the word for a number (aquasecurity/trivy-db, pkg/types: Severity). Any other number
// is an unknown word.
func trivyVendorSeverity(n string) string {
	all := []string{"unknown", "low", "medium", "high", "critical"}
	if i, err := strconv.Atoi(n); err == nil && i >= 0 && i < len(all) {
		return all[i]
	}
	return "severity " + strings.TrimSpace(n)
}

// ReadVersion reads what trivy version --format json writes: the version of the tool, and how new its database is; zero where
// it has none.
func ReadVersion(raw []byte) (Tool, time.Time, error) {
	var v struct {
		Version         string `json:"Version"`
		VulnerabilityDB struct {
			UpdatedAt time.Time `json:"UpdatedAt"`
		} `json:"VulnerabilityDB"`
	}
	if err := strictjson.Decode(raw, MaxDepth, "what trivy says of its version", &v); err != nil {
		return Tool{}, time.Time{}, err
	}
	if v.Version == "" {
		return Tool{}, time.Time{}, fault.New(fault.Refused, fault.Predicate, "let trivy write its version as JSON", "the file says nothing of a version")
	}
	return Tool{Name: "trivy", Version: v.Version}, v.VulnerabilityDB.UpdatedAt, nil
}
