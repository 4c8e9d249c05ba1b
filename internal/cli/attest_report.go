package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// readReport reads what a tool has written about the subjects, and returns the standard predicate of it.
func (r *run) readReport(in attestInputs, about []subject.Subject, a *attest.Attest) (string, []byte, error) {
	switch {
	case in.PredicateType != "" || in.Predicate != "":
		return "", nil, usage("--report has a predicate type of its own; leave out --predicate-type and --predicate")
	case in.Type == "" || in.Report == "":
		return "", nil, usage("--type and --report belong together")
	}
	if err := in.versioned(); err != nil {
		return "", nil, err
	}
	raw, err := handedOver(in.Report, inventory.MaxBytes)
	if err != nil {
		return "", nil, err
	}
	x, err := inventory.Read(inventory.Kind(in.Type), raw)
	if err != nil {
		return "", nil, fmt.Errorf("reading the report %q: %w", fault.Cut(in.Report), err)
	}
	if err := covers(x, about); err != nil {
		return "", nil, err
	}
	if x.Scan != nil && !x.Scan.Database.Updated.IsZero() && in.ToolVersion != "" {
		in.DatabaseTime = "" // the report says it itself
	}
	if err := in.added(&x); err != nil {
		return "", nil, err
	}
	kind, predicate, err := x.Predicate(raw)
	if err != nil {
		return "", nil, err
	}
	if err := r.discloses("report", in.Report, predicate, "take it out where the tool reads it: an address without a password, a scan without that variable"); err != nil {
		return "", nil, err
	}
	added, err := x.Added(kind)
	if err != nil {
		return "", nil, err
	}
	if added != nil {
		a.Notes = &statement.Annotations{Report: added}
	}
	if inventory.Summary(kind) {
		a.Document = raw
	}
	r.told(x)
	return kind, predicate, nil
}

// discloses refuses to sign what holds a secret: a signature makes it public, and nothing takes it back.
func (r *run) discloses(what, path string, predicate []byte, hint string) error {
	if !attest.Discloses(predicate, secrets(r.Getenv)) {
		return nil
	}
	return fault.New(fault.Refused, fault.Leak, hint,
		"the %s %q holds a secret of this job, or an address with a password, and what is signed stays public", what, fault.Cut(path))
}

// covers wants a report that names what it is about to name each subject: a gate would refuse it for the others.
func covers(x inventory.Report, about []subject.Subject) error {
	if len(x.About) == 0 {
		return nil
	}
	for _, s := range about {
		if !slices.Contains(x.About, s.Digest.Hex()) {
			return fault.New(fault.Refused, fault.SubjectMismatch, "run the tool on what is attested, by its digest, and attest each artifact with its own report",
				"the report is about sha256:%s, and %q is %s", x.About[0], fault.Cut(s.Name), s.Digest)
		}
	}
	return nil
}

// versioned takes from a file of the scanner what its report does not say. It is the signer's word, as what the call says.
func (in *attestInputs) versioned() error {
	if in.ToolVersion == "" {
		return nil
	}
	if in.Tool != "" || in.DatabaseTime != "" {
		return usage("--tool-version says what --tool and --database-time say; leave them out")
	}
	raw, err := handedOver(in.ToolVersion, inventory.MaxBytes)
	if err != nil {
		return err
	}
	tool, database, err := inventory.ReadVersion(raw)
	if err != nil {
		return fmt.Errorf("reading %q: %w", fault.Cut(in.ToolVersion), err)
	}
	in.Tool = tool.Name + "@" + tool.Version
	if !database.IsZero() {
		in.DatabaseTime = database.UTC().Format(time.RFC3339)
	}
	return nil
}

// added puts into a report what the call says and the document does not. What the document says stays.
func (in attestInputs) added(x *inventory.Report) error {
	for _, s := range in.ReportInputs {
		name, value, ok := strings.Cut(s, "=")
		if x.Inputs == nil {
			x.Inputs = inventory.Inputs{}
		}
		if _, twice := x.Inputs[name]; twice {
			return usage("--report-inputs has %q twice", name)
		}
		switch {
		case s == "none" && len(in.ReportInputs) == 1:
		case !ok || strings.TrimSpace(name) != name || name == "":
			return usage("--report-inputs %q, want NAME=VALUE, or the word none alone", s)
		default:
			x.Inputs[name] = value
		}
	}
	if name, version, ok := strings.Cut(in.Tool, "@"); ok {
		if x.Tool.Name != "" && !strings.EqualFold(x.Tool.Name, name) || x.Tool.Version != "" && x.Tool.Version != version {
			return usage("--tool is %s, and the report says that %s %s wrote it", in.Tool, x.Tool.Name, x.Tool.Version)
		}
		if x.Tool.Name == "" || x.Tool.Version == "" {
			x.Tool, x.Asserted = inventory.Tool{Name: strings.ToLower(name), Version: version}, append(x.Asserted, "tool")
		}
	}
	if err := in.moment("report-time", in.ReportTime, &x.Time, "time", x); err != nil {
		return err
	}
	if in.DatabaseTime != "" && x.Scan == nil {
		return usage("--database-time belongs to --type vulnerabilities")
	}
	if x.Scan == nil {
		return nil
	}
	return in.moment("database-time", in.DatabaseTime, &x.Scan.Database.Updated, "database", x)
}

// moment puts a time that the call says in the place of one that the document lacks.
func (in attestInputs) moment(flag, said string, at *time.Time, what string, x *inventory.Report) error {
	if said == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, said)
	if err != nil {
		return usage("--%s %q, want a time such as 2026-11-28T06:00:00Z", flag, said)
	}
	if !at.IsZero() {
		if !at.Equal(t) {
			return usage("--%s is %s, and the report says %s", flag, said, at.UTC().Format(time.RFC3339))
		}
		return nil
	}
	*at, x.Asserted = t.UTC(), append(x.Asserted, what)
	return nil
}

// beside says where the document is that a statement only summarises, if no store besides the local one keeps it.
func (r *run) beside(a *attest.Attest, in attestInputs) {
	keeps := func(s attest.Sink) bool { _, ok := s.(gate.Keeper); return ok }
	if a.Document == nil || slices.ContainsFunc(a.Sinks, keeps) {
		return
	}
	if in.Manifest != "" {
		fmt.Fprintf(r.Stdout, "log       kept in %s alone: people look there, and the gate needs none\n", report.Plain(r.in.BundleDir))
		return
	}
	fmt.Fprintf(r.Stdout, "document  kept in %s alone: hand that directory to the gate, with bundle\n", report.Plain(r.in.BundleDir))
}

// told shows what was read of a report.
func (r *run) told(x inventory.Report) {
	head := x.Document.Format
	if tool := strings.TrimSpace(x.Tool.Name + " " + x.Tool.Version); tool != "" {
		head += ", written by " + tool
	}
	r.reported = append([]string{head}, x.Lines()...)
	if len(x.About) == 0 {
		r.reported = append(r.reported, "it names no digest: what it is about is this job's word")
	}
	if len(x.Asserted) > 0 {
		r.reported = append(r.reported, "added by this call: "+strings.Join(x.Asserted, ", "))
	}
	for i, line := range r.reported {
		fmt.Fprintf(r.Stdout, "%-8s  %s\n", map[bool]string{true: "report"}[i == 0], report.Plain(line))
	}
}
