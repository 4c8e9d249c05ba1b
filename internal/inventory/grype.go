package inventory

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Grype, `grype ... -o json` (anchore/grype, grype/presenter/models).

func isGrype(s strictjson.Shape) bool { return s.Has("matches", "descriptor") }

type grypeReport struct {
	Matches        each        `json:"matches"`
	IgnoredMatches each        `json:"ignoredMatches"`
	Source         grypeSource `json:"source"`
	Descriptor     struct {
		Name          string             `json:"name"`
		Version       string             `json:"version"`
		Timestamp     string             `json:"timestamp"`
		Configuration grypeConfiguration `json:"configuration"`
		DB            grypeDB            `json:"db"`
	} `json:"descriptor"`
}

// grypeSource is what was scanned: an image is an object, everything else a text.
type grypeSource struct {
	Type   string      `json:"type"`
	Target grypeTarget `json:"target"`
}

type grypeTarget struct {
	name    string
	digests []string
}

// FillFrom reads either.
func (t *grypeTarget) FillFrom(r *strictjson.Reader) error {
	if r.Peek() == strictjson.String {
		return r.Fill(&t.name)
	}
	var image struct {
		UserInput      string   `json:"userInput"`
		ManifestDigest string   `json:"manifestDigest"`
		RepoDigests    []string `json:"repoDigests"`
	}
	if err := r.Fill(&image); err != nil {
		return err
	}
	t.name = image.UserInput
	t.digests = append(t.digests, sha256Hex(image.ManifestDigest))
	for _, name := range image.RepoDigests {
		t.digests = append(t.digests, digestOf(name))
	}
	return nil
}

// grypeConfiguration holds what leaves findings out. fail-on-severity is not one of these: it changes the exit
// code, and the report lists everything.
type grypeConfiguration struct {
	OnlyFixed      bool     `json:"only-fixed"`
	OnlyNotFixed   bool     `json:"only-notfixed"`
	IgnoreStates   string   `json:"ignore-wontfix"`
	Ignore         each     `json:"ignore"`
	Exclude        []string `json:"exclude"`
	VEXDocuments   []string `json:"vex-documents"`
	ShowSuppressed bool     `json:"show-suppressed"`
}

// grypeDB is what the scanner knew: its members moved between versions.
type grypeDB struct {
	Built         string             `json:"built"`
	SchemaVersion strictjson.Literal `json:"schemaVersion"`
	Checksum      string             `json:"checksum"`
	Status        struct {
		Built         string             `json:"built"`
		SchemaVersion strictjson.Literal `json:"schemaVersion"`
		From          string             `json:"from"`
		Valid         *bool              `json:"valid"`
		Error         string             `json:"error"`
	} `json:"status"`
}

type grypeMatch struct {
	Vulnerability grypeVulnerability   `json:"vulnerability"`
	Related       []grypeVulnerability `json:"relatedVulnerabilities"`
	Artifact      struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
	} `json:"artifact"`
	Rules []grypeRule `json:"appliedIgnoreRules"`
}

type grypeVulnerability struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	CVSS     []struct {
		Vector  string `json:"vector"`
		Metrics struct {
			BaseScore strictjson.Literal `json:"baseScore"`
		} `json:"metrics"`
	} `json:"cvss"`
}

type grypeRule struct {
	Vulnerability    string `json:"vulnerability"`
	Reason           string `json:"reason"`
	Namespace        string `json:"namespace"`
	FixState         string `json:"fix-state"`
	VexStatus        string `json:"vex-status"`
	VexJustification string `json:"vex-justification"`
	MatchType        string `json:"match-type"`
	Package          struct {
		Name     string `json:"name"`
		Location string `json:"location"`
	} `json:"package"`
}

func readGrype(d *document) error {
	// Grype writes its report in one piece, after all matchers: a scan that fails writes none, and a file that was
	// cut is no JSON.
	s := &Scan{Finished: Yes}
	var g grypeReport
	rules := 0
	g.Matches.f = func(r *strictjson.Reader) error { return d.grypeMatch(s, r, false) }
	g.IgnoredMatches.f = func(r *strictjson.Reader) error { return d.grypeMatch(s, r, true) }
	g.Descriptor.Configuration.Ignore.f = func(r *strictjson.Reader) error {
		var x grypeRule
		if err := r.Fill(&x); err != nil {
			return err
		}
		if !x.builtIn() {
			rules++
		}
		return nil
	}
	if err := d.fill("the Grype report", &g); err != nil {
		return err
	}
	if !g.Matches.given {
		return malformed("member %q is null, want an array", "matches")
	}
	r := &d.report
	r.Document.Format, r.Scan = "Grype", s
	r.Tool = Tool{Name: strings.ToLower(g.Descriptor.Name), Version: g.Descriptor.Version}
	if r.Tool.Version == "[not provided]" {
		r.Tool.Version = ""
	}
	var err error
	if r.Time, err = moment("descriptor.timestamp", g.Descriptor.Timestamp); err != nil {
		return err
	}
	db := g.Descriptor.DB
	if v := db.Status.Valid; v != nil && !*v || db.Status.Error != "" {
		s.Finished = No // it knew nothing that counts
	}
	built := db.Built
	if built == "" {
		built = db.Status.Built
	}
	if s.Database.Updated, err = moment("descriptor.db.built", built); err != nil {
		return err
	}
	s.Database.Version, s.Database.URI = string(db.SchemaVersion)+string(db.Status.SchemaVersion), db.Status.From
	if target := g.Source.Target; target.name != "" && g.Source.Type != "unknown" {
		r.Named, r.About = target.name, target.digests
		s.Targets = []Target{{Name: target.name}} // of its packages, the report lists those with findings alone
	}
	s.Filters = g.Descriptor.Configuration.filters(rules)
	return nil
}

func (c *grypeConfiguration) filters(rules int) []string {
	var out []string
	if c.OnlyFixed {
		out = append(out, "only-fixed: without what has no fix")
	}
	if c.OnlyNotFixed {
		out = append(out, "only-notfixed: without what has a fix")
	}
	if c.IgnoreStates != "" {
		out = append(out, "ignore-states: "+fault.Cut(c.IgnoreStates))
	}
	if rules > 0 {
		out = append(out, "ignore: rules of the configuration")
	}
	for _, x := range c.Exclude[:min(len(c.Exclude), maxNotes)] {
		out = append(out, "exclude: "+fault.Cut(x))
	}
	for _, x := range c.VEXDocuments[:min(len(c.VEXDocuments), maxNotes)] {
		out = append(out, "vex-documents: "+fault.Cut(x))
	}
	return out
}

func (d *document) grypeMatch(s *Scan, r *strictjson.Reader, ignored bool) error {
	var m grypeMatch
	if err := r.Fill(&m); err != nil {
		return err
	}
	f := Finding{ID: m.Vulnerability.ID, Component: component(m.Artifact.PURL, m.Artifact.Name, m.Artifact.Version)}
	if f.ID == "" {
		return malformed("a match of the Grype report has no member %q", "vulnerability.id")
	}
	var rate rating
	rate.own = word(m.Vulnerability.Severity)
	rate.cvss(m.Vulnerability)
	for _, v := range m.Related {
		f.Aliases = append(f.Aliases, v.ID)
		rate.quoted(v.Severity)
		rate.cvss(v)
	}
	f.Severity, f.Score = rate.severity(), rate.written
	if ignored {
		f.Suppressed = because()
	}
	var reasons []string
	for _, x := range m.Rules {
		reasons = append(reasons, x.words())
	}
	if len(reasons) > 0 {
		f.Suppressed = because(reasons[:min(len(reasons), maxNotes)]...)
	}
	return d.found(s, f)
}

// cvss adds the scores of a vulnerability.
func (r *rating) cvss(v grypeVulnerability) {
	for _, c := range v.CVSS {
		r.number(string(c.Metrics.BaseScore))
		if c.Metrics.BaseScore == "" {
			r.vector(c.Vector)
		}
	}
}

// builtIn reports whether it is one of Grype's own, which stand in every report: headers of a kernel are not the kernel
// (anchore/grype, cmd/grype/cli/commands/root.go). What they leave out is listed among the matches that are ignored.
func (x grypeRule) builtIn() bool {
	switch x.Package.Name {
	case "kernel-headers", "linux(-.*)?-headers-.*", "linux-libc-dev", "linux-kbuild-.*":
		return x.MatchType == "exact-indirect-match" && x.Vulnerability == ""
	}
	return false
}

// words says what a rule of exclusion says.
func (x grypeRule) words() string {
	for _, part := range []struct{ name, value string }{
		{"reason", x.Reason}, {"vex-status", x.VexStatus}, {"vex-justification", x.VexJustification},
		{"fix-state", x.FixState}, {"vulnerability", x.Vulnerability}, {"package", x.Package.Name},
		{"location", x.Package.Location}, {"namespace", x.Namespace},
	} {
		if part.value != "" {
			return "rule " + part.name + " " + fault.Cut(part.value)
		}
	}
	return "a rule without members"
}
