package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// manifestInputs is what manifest alone is told.
type manifestInputs struct {
	Of   []string `input:"of"`
	HTML string   `input:"html"`
}

// manifestCommand shows what was recorded.
func manifestCommand(r *run, in manifestInputs) (answer, error) {
	action, files := in.Of[len(in.Of)-1], in.Of[:len(in.Of)-1]
	if in.Of[0] == "show" || in.Of[0] == "diff" {
		action, files = in.Of[0], in.Of[1:]
	}
	want := map[string]int{"show": 1, "diff": 2}[action]
	if want == 0 || len(files) != want {
		return answer{}, usage("want: sallyport manifest show FILE, or sallyport manifest diff FILE FILE")
	}
	if err := r.vacateOutputs(); err != nil {
		return answer{}, err
	}
	var read []material.Manifest
	for _, path := range files {
		m, err := readManifest(path)
		if err != nil {
			return answer{}, err
		}
		read = append(read, m)
	}
	if action == "diff" {
		return done, r.differ(&read[0], &read[1], in)
	}
	return done, r.showManifest(&read[0], in)
}

// readManifest reads a manifest, as a file of its own or in a bundle's statement.
func readManifest(path string) (material.Manifest, error) {
	raw, err := handedOver(path, material.MaxBytes+1)
	if err != nil {
		return material.Manifest{}, err
	}
	m, err := material.Read(bytes.TrimSpace(raw))
	if err != nil {
		return m, fmt.Errorf("reading the build manifest %q: %w", fault.Cut(path), err)
	}
	return m, nil
}

func (r *run) showManifest(m *material.Manifest, in manifestInputs) error {
	if in.HTML != "" {
		return writePage(in.HTML, func(b *bytes.Buffer) error { return report.ManifestHTML(b, m) })
	}
	if r.in.Format == "json" {
		b, err := m.JSON()
		if err == nil {
			_, err = fmt.Fprintf(r.Stdout, "%s\n", b)
		}
		return err
	}
	return report.Manifest(r.Stdout, m)
}

func (r *run) differ(a, b *material.Manifest, in manifestInputs) error {
	all := material.Diff(a, b)
	if in.HTML != "" {
		return writePage(in.HTML, func(out *bytes.Buffer) error { return report.ManifestDiffHTML(out, a, b, all) })
	}
	if r.in.Format == "json" {
		if all == nil {
			all = []material.Change{}
		}
		e := json.NewEncoder(r.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	return report.ManifestDiff(r.Stdout, all)
}

func writePage(path string, page func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := page(&b); err != nil {
		return err
	}
	return write(path, b.Bytes())
}

// manifested reads the build manifest that is to be signed. Each subject has to be a product of it.
func (r *run) manifested(in attestInputs, about []subject.Subject, a *attest.Attest) (string, []byte, error) {
	if in.PredicateType != "" || in.Predicate != "" || in.Type != "" || in.Report != "" || in.Reproduction != "" {
		return "", nil, usage("--manifest is the whole predicate; leave out --predicate-type, --predicate, --type, " +
			"--report and --reproduction")
	}
	m, err := readManifest(in.Manifest)
	if err != nil {
		return "", nil, err
	}
	for _, s := range about {
		if _, is := m.Product(s.Digest.Hex()); !is {
			return "", nil, fault.New(
				fault.Refused,
				fault.SubjectMismatch,
				"hand on the manifest of the build that made it; and tell sallyport run what the build makes, with "+
					"products",
				"the build manifest has no product with the digest of %q, %s",
				fault.Cut(s.Name),
				s.Digest,
			)
		}
	}
	predicate, err := r.signable(&m, "build manifest", in.Manifest,
		"take it out of the command or the variables of the build, and build again")
	if err != nil {
		return "", nil, err
	}
	log, err := handedOver(in.Manifest+".log", material.MaxLogBytes)
	if err != nil {
		return "", nil, fault.New(
			fault.Usage,
			fault.Of(err).Code,
			"hand on both files as sallyport run has written them",
			"reading the log of the build manifest: %w",
			err,
		)
	}
	if got := subject.Sum(log).Hex(); got != m.Log.Digest {
		return "", nil, fault.New(
			fault.Refused,
			fault.SubjectMismatch,
			"hand on both files as sallyport run has written them",
			"the log %q has digest %s, and the build manifest names %s",
			fault.Cut(in.Manifest+".log"),
			got,
			m.Log.Digest,
		)
	}
	a.Document = log
	r.reported = report.ManifestLines(&m)
	for i, line := range r.reported {
		fmt.Fprintf(r.Stdout, "%-8s  %s\n", map[bool]string{true: "manifest"}[i == 0], report.Plain(line))
	}
	return material.Type, predicate, nil
}

// rebuilt reads what a rebuild came to. Each subject has to be an artifact of the first build.
func (r *run) rebuilt(in attestInputs, about []subject.Subject) (string, []byte, error) {
	if in.PredicateType != "" || in.Predicate != "" || in.Type != "" || in.Report != "" {
		return "", nil, usage(
			"--reproduction is the whole predicate; leave out --predicate-type, --predicate, --type and --report",
		)
	}
	raw, err := handedOver(in.Reproduction, material.MaxBytes+1)
	if err != nil {
		return "", nil, err
	}
	rep, err := material.ReadReproduction(bytes.TrimSpace(raw))
	if err != nil {
		return "", nil, fmt.Errorf("reading the reproduction %q: %w", fault.Cut(in.Reproduction), err)
	}
	for _, s := range about {
		same, known := rep.Reproduced(s.Digest.Hex())
		if !known {
			return "", nil, fault.New(
				fault.Refused,
				fault.SubjectMismatch,
				"name the artifacts of the first build, by their digests",
				"the rebuild is not about %q, %s",
				fault.Cut(s.Name),
				s.Digest,
			)
		}
		line := "the same bytes"
		if !same {
			line = "other bytes"
		}
		fmt.Fprintf(r.Stdout, "rebuild   %s: %s\n", report.Plain(s.Name), line)
	}
	predicate, err := r.signable(&rep, "reproduction", in.Reproduction,
		"take it out of the command of the build, and rebuild")
	if err != nil {
		return "", nil, err
	}
	return material.ReproductionType, predicate, nil
}

// signable is what is to be signed of a document. It is an error that the document holds a secret of the job.
func (r *run) signable(of interface{ JSON() ([]byte, error) }, what, path, hint string) ([]byte, error) {
	b, err := of.JSON()
	if err == nil {
		err = r.discloses(what, path, b, hint)
	}
	return b, err
}
