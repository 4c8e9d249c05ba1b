package inventory

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// govulncheck, `govulncheck -format json` (golang.org/x/vuln, internal/govulncheck): a stream of messages with one
// member each, of which the first is config. The -format sarif and openvex are read as those.

func isGovulncheck(s strictjson.Shape) bool {
	return len(s.Members) == 1 && slices.Contains([]string{"config", "progress", "SBOM", "osv", "finding"},
		s.Members[0])
}

type govulnMessage struct {
	Config   *govulnConfig  `json:"config"`
	Progress strictjson.Raw `json:"progress"`
	SBOM     *govulnSBOM    `json:"SBOM"`
	OSV      *osvEntry      `json:"osv"`
	Finding  *govulnFinding `json:"finding"`
}

type govulnConfig struct {
	Protocol  string `json:"protocol_version"`
	Name      string `json:"scanner_name"`
	Version   string `json:"scanner_version"`
	DB        string `json:"db"`
	DBUpdated string `json:"db_last_modified"`
	Level     string `json:"scan_level"`
	Mode      string `json:"scan_mode"`
}

type govulnSBOM struct {
	GoVersion string `json:"go_version"`
	Modules   []struct {
		Path    string `json:"path"`
		Version string `json:"version"`
	} `json:"modules"`
	Roots []string `json:"roots"`
}

type govulnFinding struct {
	OSV   string `json:"osv"`
	Trace []struct {
		Module   string `json:"module"`
		Version  string `json:"version"`
		Function string `json:"function"`
	} `json:"trace"`
}

// govulnReading is what is gathered of a stream. The messages may stand in any order, and one vulnerability has
// several: of the module, of the package, of each call.
type govulnReading struct {
	d       *document
	s       *Scan
	config  *govulnConfig
	entries map[string]*osvEntry
	at      map[[2]string]int // of a vulnerability and a component: its place among the findings
}

func readGovulncheck(d *document) error {
	// Nothing in the stream says that the scan came to its end: between two messages, one that was stopped looks
	// like one that found nothing more.
	x := &govulnReading{d: d, s: &Scan{}, entries: map[string]*osvEntry{}, at: map[[2]string]int{}}
	r, err := strictjson.NewStream(d.text, limits, "the govulncheck stream")
	if err != nil {
		return err
	}
	for r.More() {
		var m govulnMessage
		if err := r.Want(strictjson.Object, "a message of the govulncheck stream"); err != nil {
			return err
		}
		if err := r.Fill(&m); err != nil {
			return err
		}
		if err := x.message(&m); err != nil {
			return err
		}
	}
	if x.config == nil {
		return malformed("the govulncheck stream has no message %q", "config")
	}
	return x.end()
}

func (x *govulnReading) message(m *govulnMessage) error {
	switch {
	case m.Config != nil && x.config != nil:
		return malformed("the govulncheck stream has two messages %q: it was made of two", "config")
	case m.Config != nil:
		x.config = m.Config
	case m.SBOM != nil:
		return x.sbom(m.SBOM)
	case m.OSV != nil:
		// Of an entry, its names and severities are kept.
		x.entries[m.OSV.ID] = m.OSV
		return count(&x.d.bound.cases, MaxFindings, "vulnerabilities")
	case m.Finding != nil:
		return x.finding(m.Finding)
	}
	return nil
}

// sbom reads what is scanned.
func (x *govulnReading) sbom(b *govulnSBOM) error {
	name := ""
	if len(b.Roots) > 0 {
		name = b.Roots[0]
	}
	var all []string
	for i, m := range b.Modules {
		if err := x.d.bound.component(); err != nil {
			return err
		}
		if i == 0 && m.Path != "" {
			name = m.Path
		}
		switch {
		case m.Path == "stdlib" && m.Version == "":
			all = append(all, goModule(m.Path, b.GoVersion))
		case m.Version != "":
			all = append(all, goModule(m.Path, m.Version))
		case i > 0 && len(x.s.Filters) < maxNotes:
			// A module that was replaced by a directory has none, and is not looked up at all.
			x.s.Filters = append(x.s.Filters, "module "+fault.Cut(m.Path)+" has no version, so it was not looked up")
		}
	}
	if name == "" {
		return nil
	}
	x.d.report.Named = name
	x.s.Targets = append(x.s.Targets, Target{Name: name, Components: all})
	for _, root := range b.Roots {
		if err := x.d.bound.component(); err != nil {
			return err
		}
		x.s.Targets = append(x.s.Targets, Target{Name: root})
	}
	return nil
}

func (x *govulnReading) finding(v *govulnFinding) error {
	if v.OSV == "" {
		return malformed("a message %q has no member %q", "finding", "osv")
	}
	f := Finding{ID: v.OSV}
	if len(v.Trace) > 0 {
		f.Component = goModule(v.Trace[0].Module, v.Trace[0].Version)
		if v.Trace[0].Function != "" {
			f.Called = Yes
		}
	}
	key := [2]string{f.ID, f.Component}
	if i, ok := x.at[key]; ok {
		if f.Called == Yes {
			x.s.Findings[i].Called = Yes
		}
		return nil
	}
	x.at[key] = len(x.s.Findings)
	return x.d.found(x.s, f)
}

func (x *govulnReading) end() error {
	r, c := &x.d.report, x.config
	r.Document.Format, r.Scan = "govulncheck", x.s
	r.Tool = Tool{Name: strings.ToLower(c.Name), Version: c.Version}
	x.s.Database.URI = c.DB
	var err error
	if x.s.Database.Updated, err = moment("config.db_last_modified", c.DBUpdated); err != nil {
		return err
	}
	if c.Level != "symbol" && c.Level != "" {
		x.s.Filters = append(x.s.Filters, "scan_level "+fault.Cut(c.Level)+": calls were not looked for")
	}
	for i := range x.s.Findings {
		f := &x.s.Findings[i]
		if f.Called == NotSaid && c.Level == "symbol" {
			f.Called = No
		}
		// The database of Go says no severities; then they are unknown.
		var rate rating
		if e := x.entries[f.ID]; e != nil {
			f.Aliases = slices.Clone(e.Aliases)
			e.rate(&rate)
		}
		f.Severity, f.Score = rate.severity(), rate.written
	}
	return nil
}

// goModule is the package URL of a module, as scanners of other languages write it.
func goModule(path, version string) string {
	if path == "" {
		return ""
	}
	return component("", "pkg:golang/"+path, strings.ReplaceAll(version, "+", "%2B"))
}
