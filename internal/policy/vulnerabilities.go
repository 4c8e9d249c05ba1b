package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
)

// ScanReport is what scanners found in an artifact.
type ScanReport struct {
	reporting
	Below       inventory.Severity // each finding has to be below it
	DatabaseAge time.Duration      // of the scanner's database at the gate; 0: any
	Coverage    bool               // a report counts that does not say what was looked at
	Exclusions  bool               // a report counts that says what was left out of it
	NotCalled   bool               // a finding does not count of which the scanner says that nothing calls it
	Exploited   *Requirement       // the list of vulnerabilities that are exploited; nil: none is asked for
	VEX         *Requirement       // who may say that the artifact is not affected; nil: no signer
}

func readVulnerabilities(r *reader, name string, m mapping) Evidence {
	p := ScanReport{reporting: readReporting(r, inventory.Vulnerabilities, "scanner", m), Below: inventory.Low, Exclusions: true}
	if m == nil {
		return p
	}
	if n := m.get("below"); n != nil {
		p.Below = inventory.Severity(r.choice(n, "below", string(inventory.Low), string(inventory.Medium), string(inventory.High), string(inventory.Critical)))
	}
	if n := m.get("database-max-age"); n != nil {
		p.DatabaseAge = r.age(n, "database-max-age")
	}
	if n := m.get("coverage"); n != nil {
		p.Coverage = r.choice(n, "coverage", "known", "unknown") == "unknown"
	}
	if n := m.get("exclusions"); n != nil {
		p.Exclusions = r.choice(n, "exclusions", "shown", "refused") == "shown"
	}
	if n := m.get("not-called"); n != nil {
		p.NotCalled = r.choice(n, "not-called", "counts", "accepted") == "accepted"
	}
	if n := m.get("known-exploited"); n != nil {
		x := r.mapping(n, "known-exploited", "signed-by", "trust", "max-age")
		r.require(x, n, "known-exploited", "signed-by")
		p.Exploited = r.source(name, inventory.KnownExploited, n, x)
	}
	if n := m.get("vex"); n != nil {
		x := r.mapping(n, "vex", "signed-by", "trust", "builder")
		r.require(x, n, "vex", "signed-by")
		p.VEX = r.source(name, inventory.VEX, n, x)
		if b := x.get("builder"); b != nil {
			p.VEX.Kind = support{Kind: inventory.VEX, Builder: r.choice(b, "builder", "accepted") == "accepted"}
		}
	}
	return p
}

func (p ScanReport) title() string { return inventory.Title(p.Kind) }

// rests are the requirements whose evidence p looks at besides.
func (p ScanReport) rests(q Requirement) []Requirement {
	var out []Requirement
	for _, x := range []*Requirement{p.Exploited, p.VEX} {
		if x != nil {
			y := *x
			if y.Trust == nil {
				y.Trust = q.Trust
			}
			out = append(out, y)
		}
	}
	return out
}

func (p ScanReport) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(ScanReport) // as the name says
	name := was.Name
	p.loosenedReporting(l, name, old.reporting)
	if !old.Below.AtLeast(p.Below) {
		l.add("below of %s is %s, and was %s", name, p.Below, old.Below)
	}
	l.age("database-max-age of "+name, old.DatabaseAge, p.DatabaseAge)
	l.accepts("unknown coverage of "+name, old.Coverage, p.Coverage)
	l.accepts("exclusions of "+name, old.Exclusions, p.Exclusions)
	l.accepts("what nothing calls of "+name, old.NotCalled, p.NotCalled)
	l.accepts("what is exploited, of "+name, old.Exploited == nil, p.Exploited == nil)
	l.accepts("VEX for "+name, old.VEX != nil, p.VEX != nil)
	if old.Exploited != nil && p.Exploited != nil {
		l.age("max-age of known-exploited", old.Exploited.MaxAge, p.Exploited.MaxAge)
	}
}

func (p ScanReport) judge(x look) *miss {
	r, m := p.common(x)
	switch {
	case m != nil:
		return m
	case r.Scan == nil || r.Scan.Finished == inventory.No:
		return &miss{code: fault.Report, reason: "the scan did not come to its end", found: "no", wanted: "a scan that finished",
			hint: "look at why the scanner stopped, and scan again"}
	}
	for _, m := range []*miss{p.covered(r), p.whole(r), p.database(x, r), p.exploited(x), p.against(x, r)} {
		if m != nil {
			return m
		}
	}
	return nil
}

// covered wants the report to say what it looked at.
func (p ScanReport) covered(r inventory.Report) *miss {
	if p.Coverage || slices.ContainsFunc(r.Scan.Targets, func(t inventory.Target) bool { return len(t.Components) > 0 }) {
		return nil
	}
	m := &miss{code: fault.Report, reason: "the report does not say which components were looked at", found: "nothing",
		wanted: "targets with their components", hint: "let the scanner list all packages in a format that has them; or accept it with coverage: unknown"}
	if len(r.Scan.Targets) > 0 {
		m.found = "targets alone: " + listed(targets(r))
	}
	return m
}

// whole wants the report to leave nothing out by its own words, where the policy says so.
func (p ScanReport) whole(r inventory.Report) *miss {
	if p.Exclusions || len(r.Scan.Filters) == 0 {
		return nil
	}
	return &miss{code: fault.Report, reason: "the report says that something was left out of it", found: listed(r.Scan.Filters),
		wanted: "a report of everything", hint: "scan without filters and without a file of exclusions"}
}

// database wants the scanner's database to be young at the gate.
func (p ScanReport) database(x look, r inventory.Report) *miss {
	age := x.in.Now.Sub(r.Scan.Database.Updated)
	m := &miss{code: fault.Stale, wanted: "at most " + Age(p.DatabaseAge)}
	switch {
	case p.DatabaseAge == 0 || x.in.passesAge(x.q):
		return nil
	case r.Scan.Database.Updated.IsZero():
		m.reason, m.found = "the report does not say how old the scanner's database was", "no time"
		m.hint = "use a format that has it, or say it when it is attested: --database-time"
	case age > p.DatabaseAge:
		m.reason, m.found, m.hint = "the scanner's database is too old", Age(age), "update the database, scan again, and attest what the scanner writes"
	case age < -Skew || !x.fact.Time.IsZero() && r.Scan.Database.Updated.Sub(x.fact.Time) > Skew:
		m.code, m.reason, m.found, m.wanted = fault.Time, "the scanner's database is of the future", r.Scan.Database.Updated.UTC().Format(time.RFC3339), "a time before the signature"
		m.hint = "look at the clock of the machine that scans"
	default:
		return nil
	}
	return m
}

// exploited wants the list of what is exploited to be there.
func (p ScanReport) exploited(x look) *miss {
	if p.Exploited == nil {
		return nil
	}
	if _, m := x.in.exploited(x, p.rests(x.q)[0]); m != nil {
		return m
	}
	return nil
}

// against are the findings that are not below the severity that the policy names, or that are known to be
// exploited, and of which no VEX says that they do not affect the artifact.
func (p ScanReport) against(x look, r inventory.Report) *miss {
	if r.Scan == nil {
		return nil
	}
	v := p.view(x)
	open := v.open(r)
	if len(open) == 0 {
		return v.affected(r)
	}
	m := &miss{code: fault.Findings, found: listed(open), wanted: "nothing that is " + string(p.Below) + " or worse", hint: "update what is listed, build and scan again"}
	m.reason = fmt.Sprintf("%s %s or worse", are(len(open)), p.Below)
	if p.Exploited != nil {
		m.reason += ", or are known to be exploited"
	}
	if p.VEX != nil {
		m.hint += "; or have one of those who may say that they do not affect this artifact sign a VEX about it: " + p.VEX.signerNames(x.artifact)
	}
	return m
}

// are says how many vulnerabilities are something.
func are(n int) string {
	if n == 1 {
		return "1 vulnerability is"
	}
	return fmt.Sprintf("%d vulnerabilities are", n)
}

// view is what findings are held against.
type view struct {
	ScanReport
	digest    string   // of what the report is about, in hex
	exploited []string // ids of vulnerabilities, in order
	sayings   []saying // the newest first
}

func (p ScanReport) view(x look) view {
	v := view{ScanReport: p, digest: x.digest()}
	rests := p.rests(x.q)
	if p.Exploited != nil {
		known, _ := x.in.exploited(x, rests[0])
		v.exploited = known.IDs
	}
	if p.VEX != nil {
		v.sayings = x.in.sayings(x, rests[len(rests)-1])
	}
	return v
}

// open are the findings of a report that count, in words.
func (v view) open(r inventory.Report) []string {
	var out []string
	for _, f := range r.Scan.Findings {
		if v.counts(f) && !v.excused(f) {
			out = append(out, v.finding(f))
		}
	}
	return out
}

// counts reports whether a finding stands in the way, unless a VEX excuses it.
func (v view) counts(f inventory.Finding) bool {
	return v.attacked(f) || f.Severity.AtLeast(v.Below) && !(v.NotCalled && f.Called == inventory.No)
}

// attacked reports whether a vulnerability is known to be exploited.
func (v view) attacked(f inventory.Finding) bool {
	return slices.ContainsFunc(f.Names(), func(id string) bool {
		_, found := slices.BinarySearch(v.exploited, id)
		return found
	})
}

// finding tells a finding.
func (v view) finding(f inventory.Finding) string {
	words := []string{string(f.Severity)}
	if v.attacked(f) {
		words = append(words, "known to be exploited")
	}
	if f.Suppressed != "" {
		words = append(words, "the report leaves it out: "+f.Suppressed)
	}
	out := f.ID + " (" + strings.Join(words, ", ") + ")"
	if f.Component != "" {
		out += " in " + f.Component
	}
	return out
}

// lost are findings of an earlier report that count and that the newest lacks, or that do not count any more, unless the newest looked at
// no less with a newer database, or somebody excuses them.
func (p ScanReport) lost(x look, newest, earlier inventory.Report) *miss {
	if newest.Scan == nil || earlier.Scan == nil || noLess(*newest.Scan, *earlier.Scan) && newest.Scan.Database.Updated.After(earlier.Scan.Database.Updated) {
		return nil
	}
	v := p.view(x)
	var gone []string
	for _, f := range earlier.Scan.Findings {
		if v.counts(f) && !v.excused(f) && !slices.ContainsFunc(newest.Scan.Findings, func(o inventory.Finding) bool { return same(f, o) && v.counts(o) }) {
			gone = append(gone, v.finding(f))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return &miss{code: fault.Conflict, reason: "an earlier report of this artifact has findings that the newest one lacks or calls less severe", found: listed(gone),
		wanted: "a newest report that looked at no less, with a newer database",
		hint:   "find out what the newest scan left out; update the scanner's database, scan everything again and attest that"}
}

// same reports whether two findings are of one vulnerability in one component; a component that is not said may be any.
func same(a, b inventory.Finding) bool {
	if a.Component != "" && b.Component != "" && a.Component != b.Component {
		return false
	}
	return slices.ContainsFunc(a.Names(), func(id string) bool { return slices.Contains(b.Names(), id) })
}

// noLess reports whether a looked at everything that b looked at, as far as b says what that was.
func noLess(a, b inventory.Scan) bool {
	seen := map[string]bool{}
	for _, t := range a.Targets {
		for _, c := range t.Components {
			seen[c] = true
		}
	}
	looked := false
	for _, t := range b.Targets {
		for _, c := range t.Components {
			if looked = true; !seen[c] {
				return false
			}
		}
	}
	return looked
}

func targets(r inventory.Report) []string {
	var out []string
	for _, t := range r.Scan.Targets {
		out = append(out, t.Name)
	}
	return out
}

// accepted is what the policy lets pass in a report.
func (p ScanReport) accepted(x look) []string {
	out := p.reporting.accepted(x)
	r, err := x.in.report(p.Kind, x.fact)
	if err != nil || r.Scan == nil {
		return out
	}
	if p.covered(r) == nil && (ScanReport{}).covered(r) != nil {
		out = append(out, "coverage: unknown")
	}
	for _, f := range r.Scan.Filters {
		out = append(out, "left out: "+f)
	}
	var excused, uncalled []string
	v := p.view(x)
	for _, f := range r.Scan.Findings {
		switch {
		case v.counts(f):
			excused = append(excused, f.ID)
		case f.Severity.AtLeast(p.Below):
			uncalled = append(uncalled, f.ID)
		}
	}
	if len(excused) > 0 {
		out = append(out, "not affected by VEX: "+listed(excused))
	}
	if len(uncalled) > 0 {
		out = append(out, "not called: "+listed(uncalled))
	}
	return out
}

// says tells what a report says, for the finding that allows.
func (p ScanReport) says(r inventory.Report) string {
	return fmt.Sprintf("%s: %s, none open that is %s or worse", strings.TrimSpace(r.Tool.Name+" "+r.Tool.Version), inventory.Count(len(r.Scan.Findings), "finding"), p.Below)
}
