package cli

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// attestInputs is what attest alone is told.
type attestInputs struct {
	PredicateType string   `input:"predicate-type"`
	Predicate     string   `input:"predicate"`
	Type          string   `input:"type"`
	Report        string   `input:"report"`
	Manifest      string   `input:"manifest"`
	Reproduction  string   `input:"reproduction"`
	ReportInputs  []string `input:"report-inputs"`
	Tool          string   `input:"tool"`
	ToolVersion   string   `input:"tool-version"`
	ReportTime    string   `input:"report-time"`
	DatabaseTime  string   `input:"database-time"`
	RecordInputs  []string `input:"record-inputs"`
	API           string   `input:"api"`
}

// attestCommand signs what this job has built.
func attestCommand(r *run, in attestInputs) (answer, error) {
	if r.platform == nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "run it in a job of the build; sallyport-lab runs one on this machine",
			"attest signs with the identity of a job, and no platform runs this")
	}
	if in.API != "" {
		r.platform.elsewhere()
	}
	token, err := r.identityToken()
	if err != nil {
		return answer{}, err
	}
	// The certificate authority verifies this token before anything is signed, and the
	// certificate says what it says.
	if err := r.expand(token); err != nil {
		return answer{}, err
	}
	c, err := r.subjects(workspace)
	if err == nil {
		err = c.sha256()
	}
	if err != nil {
		return answer{}, err
	}
	signing, verifier, err := r.instance(token)
	if err != nil {
		return answer{}, err
	}
	at := &location{r: r, api: in.API}
	a := &attest.Attest{Signing: signing, Verifier: verifier, Token: token, Local: places.Dir{Path: r.in.BundleDir}}
	predicateType, predicate, err := r.predicate(in, token, c.list, a, func() error { return at.certified(signing, verifier, token) })
	if err != nil {
		return answer{}, err
	}
	sinks, err := r.sinks(c)
	if err != nil {
		return answer{}, err
	}
	a.Sinks, a.Check = sinks, at.check(attest.Job(forges.Of))
	defer r.progress("signing " + plural(len(c.list), "subject"))()
	receipts, err := a.Sign(r.ctx, c.list, predicateType, predicate)
	if err != nil {
		return answer{}, err
	}
	r.beside(a, in)
	if err := r.attested(c, receipts); err != nil {
		return answer{}, err
	}
	r.push()
	return done, nil
}

// instance chooses where to sign and with what to check the signature.
func (r *run) instance(token string) (*sigstore.SigningConfig, *sigstore.Verifier, error) {
	private := r.platform != nil && r.platform.Visibility(token) != "public"
	name := r.instanceName(private)
	signing, err := r.signingConfig(name)
	if err != nil {
		return nil, nil, err
	}
	if signing.Public() && private && !r.in.LogPrivate {
		return nil, nil, fault.New(fault.Usage, fault.Config,
			"sign with an instance of your own, or accept it with log-private-repository: true",
			"this repository is not public, and the log of %q publishes its name, workflow and commit for ever", name)
	}
	root, require, err := r.signingRoot(name, signing)
	if err != nil {
		return nil, nil, err
	}
	v, err := sigstore.NewVerifier(root, require)
	return signing, v, err
}

// instanceName is the instance that the call names, or the one that fits.
func (r *run) instanceName(private bool) string {
	name := r.in.Sigstore
	custom := r.in.SigningConfig != ""
	switch {
	case name == "auto" && custom:
		name = "custom"
	case name == "auto" && r.platform == nil:
		name = "public-good"
	case name == "auto":
		name = r.platform.instance(private)
	}
	return name
}

func (r *run) signingConfig(name string) (*sigstore.SigningConfig, error) {
	path := r.in.SigningConfig
	switch {
	case name != "custom" && path != "":
		return nil, usage("--signing-config belongs to --sigstore custom, not to %s", name)
	case name == "auto":
		return nil, r.known(name) // of the known ones, the token says which
	case name != "custom":
		return forges.Profiles()[name].SigningConfig(), r.known(name)
	case path == "" || r.in.TrustedRoot == "":
		return nil, usage("--sigstore custom needs --signing-config and --trusted-root")
	}
	raw, err := content(path, sigstore.MaxRootBytes)
	if err != nil {
		return nil, err
	}
	c, err := sigstore.ParseSigningConfig(raw)
	if err != nil {
		return nil, err
	}
	return c, r.addressed(c)
}

// signingRoot takes a trusted root from a file if one is named, and else over
// TUF.
func (r *run) signingRoot(name string, signing *sigstore.SigningConfig) (*sigstore.TrustedRoot, sigstore.Requirements, error) {
	p := forges.Profiles()[name]
	if name == "custom" {
		p.Require = sigstore.Transparent
		if !signing.Logged() {
			p.Require = sigstore.Unlogged
		}
	}
	path := r.in.TrustedRoot
	if path == "" {
		root, err := r.profileRoot(p)
		return root, p.Require, err
	}
	raw, err := content(path, sigstore.MaxRootBytes)
	if err != nil {
		return nil, p.Require, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	return root, p.Require, err
}

// predicate returns what is stated about the subjects. Provenance is written
// here and nowhere else: a predicate that somebody hands in may claim anything,
// so it may not claim to be one.
func (r *run) predicate(in attestInputs, token string, about []subject.Subject, a *attest.Attest, reach func() error) (string, []byte, error) {
	kind, path := in.PredicateType, in.Predicate
	reports := in.Type != "" || in.Report != ""
	if kind == "" && path == "" && !reports && in.Manifest == "" && in.Reproduction == "" {
		return r.provenance(in, token, reach)
	}
	// Making the provenance holds the token against the job that it is used in.
	// That is due whatever is stated.
	if _, err := r.platform.Provenance(token, nil); err != nil {
		return "", nil, err
	}
	if len(in.RecordInputs) > 0 {
		return "", nil, usage("--record-inputs belongs to the provenance, and --predicate, --report, --manifest or --reproduction states something else")
	}
	if in.Manifest != "" {
		return r.manifested(in, about, a)
	}
	if in.Reproduction != "" {
		return r.rebuilt(in, about)
	}
	if reports {
		return r.readReport(in, about, a)
	}
	if kind == "" || path == "" {
		return "", nil, usage("--predicate-type and --predicate belong together")
	}
	if strings.HasPrefix(kind, statement.OwnPredicates) || strings.HasPrefix(kind, "https://slsa.dev/provenance/") || strings.HasPrefix(kind, "https://slsa.dev/verification_summary/") {
		hint, why := "leave predicate and predicate-type out; the provenance is made from the job's identity",
			"its content has to come from the job, not from a file"
		if strings.HasPrefix(kind, statement.OwnPredicates) {
			hint, why = "attest it under a type of your own, such as https://example.com/scan/v1",
				"only commands of Sallyport sign statements of this type, from what they have judged themselves"
		}
		return "", nil, fault.New(fault.Refused, fault.Predicate, hint, "predicate type %q is reserved: %s", kind, why)
	}
	if !strings.Contains(kind, "://") {
		return "", nil, usage("--predicate-type %q is not a URI", kind)
	}
	b, err := handedOver(path, statement.MaxBytes)
	return kind, b, err
}

// provenance describes this run and what it was given.
func (r *run) provenance(told attestInputs, token string, reach func() error) (string, []byte, error) {
	given, unknown, err := r.platform.Inputs(r.ctx, reach)
	if err != nil {
		return "", nil, err
	}
	var in statement.Inputs
	if unknown == "" {
		var left []string
		if in, left, err = attest.Record(given, told.RecordInputs, secrets(r.Getenv)); err != nil {
			return "", nil, err
		}
		r.recorded(in, left)
	} else {
		fmt.Fprintf(r.Stdout, "inputs    not known: %s\n", unknown)
	}
	p, err := r.platform.Provenance(token, in)
	if err != nil {
		return "", nil, err
	}
	b, err := p.JSON()
	return statement.ProvenanceV1, b, err
}

// recorded says what the provenance shows of the inputs.
func (r *run) recorded(in statement.Inputs, left []string) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		text := report.Plain(name)
		if v := in[name]; v != nil {
			text += "=" + report.Plain(*v)
		}
		names = append(names, text)
	}
	if len(names) > 0 {
		fmt.Fprintf(r.Stdout, "inputs    %s\n", strings.Join(names, ", "))
	}
	for _, name := range left {
		r.platform.Annotate("warning", "", 0, "sallyport: a value was left out", fmt.Sprintf("record-inputs names %q, and its value looks like a secret or is longer than %d bytes", name, statement.MaxInputBytes))
	}
}

// attested says what was stored where.
func (r *run) attested(c chosen, receipts []attest.Receipt) error {
	var ids, urls []string
	end := r.platform.Group("sallyport: attested " + plural(len(c.list), "subject"))
	for _, x := range receipts {
		fmt.Fprintf(r.Stdout, "attested  %s\n", plural(len(x.Record.Subjects), "subject"))
		fmt.Fprintf(r.Stdout, "  signed as  %s\n", report.Plain(x.Signer.SAN))
		fmt.Fprintf(r.Stdout, "  kept in    %s\n", report.Plain(shortName(x.Local.ID)))
		for _, s := range x.Stored {
			fmt.Fprintf(r.Stdout, "  stored in  %s\n", report.Plain(s.Store))
			if s.URL != "" {
				fmt.Fprintf(r.Stdout, "             %s\n", report.Plain(s.URL))
				ids, urls = append(ids, s.ID), append(urls, s.URL)
			}
		}
	}
	end()
	path := r.in.BundleDir
	if len(receipts) == 1 {
		path = receipts[0].Local.ID
	}
	return errors.Join(
		r.platform.Summary(attestedSummary(c, receipts, urls, r.reported), listed(c)),
		r.output("bundle-path", path),
		r.output("attestation-id", strings.Join(ids, " ")),
		r.output("attestation-url", strings.Join(urls, " ")),
		r.longOutput("digests", c.digests()),
	)
}

// shortName shortens the digest that a file is named by, on a screen only: the
// output bundle-path has the whole of it.
func shortName(path string) string {
	dir, name := filepath.Split(path)
	if hex, rest, ok := strings.Cut(name, "."); ok && len(hex) == 64 {
		return dir + hex[:12] + "…." + rest
	}
	return path
}

func plural(n int, s string) string {
	if n == 1 {
		return "1 " + s
	}
	return fmt.Sprintf("%d %ss", n, s)
}

// listed are the artifacts with their digests, one on each line.
func listed(c chosen) string {
	var b strings.Builder
	for i, s := range c.list {
		if i == maxSummaryRows {
			fmt.Fprintf(&b, "%d more\n", len(c.list)-maxSummaryRows)
			break
		}
		fmt.Fprintf(&b, "%s  %s\n", s.Digest, report.Plain(s.Name))
	}
	return b.String()
}

// maxSummaryRows bounds the table; the digests are all among the outputs.
const maxSummaryRows = 200

func attestedSummary(c chosen, receipts []attest.Receipt, urls, reported []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Sallyport: attested %s\n\n| artifact | digest |\n|---|---|\n", plural(len(c.list), "subject"))
	for i, s := range c.list {
		if i == maxSummaryRows {
			fmt.Fprintf(&b, "| %d more | |\n", len(c.list)-maxSummaryRows)
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", report.Code(s.Name), report.Code(s.Digest.String()))
	}
	var page report.Record
	if f, known := forges.Of(receipts[0].Signer.Issuer); known {
		page.Sites = []report.Site{siteOf(f)}
	}
	if len(reported) > 0 {
		fmt.Fprintf(&b, "\nreport %s\n\n", report.Code(reported[0]))
		for _, line := range reported[1:] {
			fmt.Fprintf(&b, "- %s\n", report.Code(line))
		}
	}
	fmt.Fprintf(&b, "\nsigned as %s\n", page.Source(receipts[0].Signer.SAN))
	for _, u := range urls {
		fmt.Fprintf(&b, "\nattestation %s\n", report.Link(u, u))
	}
	return b.String()
}
