package report_test

import (
	"bytes"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	signer = "https://code.example/acme/app/build/release.yml@refs/tags/v1.4.0"
	commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
)

var (
	artifact = subject.Subject{Name: "dist/app.tar.gz", Digest: subject.SHA256([32]byte{0x8d, 0x3c, 31: 0x41})}
	picture  = subject.Subject{Name: "registry.example/acme/app:v1@sha256:0700000000000000000000000000000000000000000000000000000000000009", Digest: subject.SHA256([32]byte{7, 31: 9})}
	guarded  = verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "environment", Reason: "1 approval of 2 reviewers, not of who started the run", Line: 14}
	met      = verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "provenance", Line: 16,
		Reason: "code.example/acme/app/build/release.yml@refs/tags/v1.4.0, commit 9f2c1e7b5a4d, signed 2 h ago, run code.example/acme/app/runs/912/attempts/1"}
	scanned = verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "https://scan.example/result/v1", Line: 17,
		Reason: "code.example/acme/app/build/release.yml@refs/tags/v1.4.0, commit 9f2c1e7b5a4d, signed 3 h ago, run code.example/acme/app/runs/912/attempts/1"}
	evidence = verdict.Evidence{PredicateType: "https://slsa.dev/provenance/v1", Signer: signer, Run: "https://code.example/acme/app/runs/912/attempts/1",
		Commit: commit, Time: "2026-11-22T10:00:00Z", Statement: subject.SHA256([32]byte{5}).String(), Source: "store"}
	stranger = verdict.Finding{Code: fault.Identity, Requirement: "provenance", Line: 7, Reason: "the evidence names another workflow",
		Found: "https://code.example/acme/app/build/ci.yml@refs/heads/x", Wanted: "acme/app build/release.yml@refs/heads/main or refs/tags/v*",
		Hint: "build it with acme/app build/release.yml@refs/heads/main or refs/tags/v*"}
	tampered = verdict.Finding{Code: fault.SubjectMismatch, Requirement: "provenance", Line: 16, Reason: "this is not the artifact that was attested under its name",
		Found: artifact.Digest.String(), Wanted: subject.SHA256([32]byte{9}).String(), Hint: "deploy the artifact that was built, or attest this one in the workflow that builds it"}
	open = verdict.Finding{Code: fault.EnvUnprotected, Requirement: "environment", Line: 14, Reason: `environment "production" is not protected`,
		Found: "no rule that keeps anybody out, only: a wait of 5 minutes, which keeps nobody out", Wanted: "someone other than the pipeline decides who enters",
		Hint: "protect it: Settings > Environments > production > Required reviewers (https://code.example/acme/app/settings/environments)"}
	missing = verdict.Finding{Code: fault.EvidenceMissing, Requirement: "provenance", Line: 16, Reason: "no verified evidence is about " + picture.Digest.String(),
		Found: "2 bundles that prove nothing, first: E_SIG_INVALID the signature does not verify", Wanted: "provenance (https://slsa.dev/provenance/v1)",
		Hint: "that bundle is of no use; attest it again in acme/app build/release.yml@refs/heads/main or refs/tags/v*"}
	hostile = verdict.Finding{Code: fault.Identity, Requirement: "provenance", Line: 7, Reason: "the evidence names another workflow",
		Found: "x\n\x1b[32mallowed\x1b[0m ::error::x `|![x](x)<details>", Wanted: "a|b", Hint: "##[error]x"}
)

// judged is one artifact with what was found about it.
func judged(s subject.Subject, findings ...verdict.Finding) verdict.Judgement {
	j := verdict.Judgement{Subject: s, Artifact: "app", Findings: findings, Evidence: []verdict.Evidence{}}
	if j.Outcome() == verdict.Allow {
		j.Evidence = append(j.Evidence, evidence)
	}
	return j
}

// half is that an index has evidence about one of its two images.
var half = verdict.Finding{Code: fault.EvidenceMissing, Requirement: "provenance", Line: 16,
	Reason: "linux/arm64: no verified evidence is about this image of the index", Found: "nothing", Wanted: "SLSA provenance, v1 or v0.2",
	Hint: "have it built, and its attestation manifest signed, by acme/app build/release.yml@refs/heads/main; or leave it out of the index"}

// image is an index with evidence about each of its images.
func image(met verdict.Finding) verdict.Judgement {
	j := judged(picture, met)
	j.Evidence = nil
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		e := evidence
		e.Via = "attestation manifest " + subject.SHA256([32]byte{8, byte(i)}).String() + ", " + platform
		j.Findings[0].Reason += []string{", via ", "; via "}[i] + e.Via
		j.Evidence = append(j.Evidence, e)
	}
	return j
}

// into is the record of a verdict about production.
func into(env verdict.Finding, all ...verdict.Judgement) report.Record {
	r := report.NewRecord("sallyport 1.0.0", verdict.Verdict{Environment: "production", Findings: []verdict.Finding{env}, Judgements: all})
	r.Stamp(now)
	r.Policy = &report.Policy{File: ".sallyport/policy.yaml", Digest: subject.SHA256([32]byte{0x77, 0xab})}
	r.TrustedRoots = append(r.TrustedRoots, report.TrustedRoot{Name: "public-good", Digest: subject.SHA256([32]byte{1}), Snapshot: "2026-11-01"})
	return r
}

// pages are the answers that people read.
func pages() map[string]report.Record {
	junk := judged(picture, missing)
	junk.Rejections = []verdict.Rejection{{Code: fault.SignatureInvalid, Reason: "the signature does not verify", Source: "store"}}
	verified := into(guarded, judged(artifact, met))
	verified.Environment, verified.Findings = "", nil
	return map[string]report.Record{
		"allow":       into(guarded, judged(artifact, met, scanned)),
		"verify":      verified,
		"identity":    into(guarded, judged(artifact, stranger)),
		"tampered":    into(guarded, judged(artifact, tampered)),
		"unprotected": into(open, judged(artifact, met)),
		"multi":       into(guarded, judged(artifact, met), judged(subject.Subject{Name: "dist/extra", Digest: subject.SHA256([32]byte{3})}, met), junk),
		"approved":    into(guarded, judged(artifact, met, agreed, safe)),
		"waiting":     into(guarded, judged(artifact, met, pending)),
		"rejected":    into(guarded, judged(artifact, met, objected)),
		"duties":      into(guarded, judged(artifact, met, own)),
		"break-glass": into(guarded, judged(artifact, met, broken)),
		"release":     into(guarded, release(3, met, pending, safe)...),
		"crowded":     into(guarded, judged(artifact, met, crowded)),
		"image":       into(guarded, image(met)),
		"platform":    into(guarded, judged(picture, half)),
		"hostile":     into(guarded, judged(subject.Subject{Name: "dist/\x1b[2J::error::`|<b>", Digest: subject.SHA256([32]byte{4})}, hostile)),
	}
}

func TestPages_are_the_golden_ones(t *testing.T) {
	for name, r := range pages() {
		for ext, write := range map[string]func(io.Writer, report.Record) error{
			"txt": func(w io.Writer, r report.Record) error { return report.Text(w, r, report.Screen{}) },
			"md":  report.Markdown, "json": report.JSON,
		} {
			var b bytes.Buffer
			if err := write(&b, r); err != nil {
				t.Fatal(err)
			}
			asKept(t, name+"."+ext, b.Bytes())
		}
	}
}

func asKept(t *testing.T, name string, got []byte) {
	t.Helper()
	messages.Plain(t, string(got))
	golden.File(t, filepath.Join("testdata", name), got, *update, "go test ./internal/report -update")
}

func TestPages_fit_a_terminal(t *testing.T) {
	for name, r := range pages() {
		var b bytes.Buffer
		if err := report.Text(&b, r, report.Screen{}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			words := strings.Fields(line)
			if n := len([]rune(line)); n > report.Width && len(words) > 2 && words[0] != "sallyport" {
				t.Errorf("%s: %d columns in %q, want at most %d", name, n, line, report.Width)
			}
		}
	}
}

func TestColour_says_nothing_that_the_words_do_not(t *testing.T) {
	for name, r := range pages() {
		var plain, coloured bytes.Buffer
		_, _ = report.Text(&plain, r, report.Screen{}), report.Text(&coloured, r, report.Colours) // buffers
		c := report.Colours
		bare := strings.NewReplacer(c.Allow, "", c.Deny, "", c.Wait, "", c.Reset, "").Replace(coloured.String())
		if bare != plain.String() {
			t.Errorf("%s: coloured text without colours = %q, want %q", name, bare, plain.String())
		}
	}
}

func TestSchema_takes_every_verdict_and_no_altered_one(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("../../shared/verdict.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return s.Validate(doc)
	}
	digest := subject.Sum([]byte("input"))
	for name, r := range pages() {
		r.Rules, r.Input, r.Core = 1, &digest, &digest
		var b bytes.Buffer
		if err := report.JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if err := validate(b.String()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, x := range [][2]string{
			{`"schema": "https://sallyport.dev/schemas/verdict/v1"`, `"schema": "https://sallyport.dev/schemas/verdict/v2"`},
			{`"outcome": "` + r.Outcome.String() + `"`, `"outcome": "maybe"`}, {`"digest": "sha256:`, `"digest": "sha1:`},
			{`"findings": [`, `"finding": [`}, {`"rules": 1`, `"rules": 0`}, {`"core": "sha256:`, `"core": "`}, {`"input": "sha256:`, `"input": "sha1:`}, {`"outcome": "deny",`, `"outcome": "allow",`}, {`"tool": `, `"allowed": true, "tool": `},
			{`"decision": "approve"`, `"decision": "agree"`}, {`"counted": false`, `"counted": true`}, {`"pending": true`, `"pending": false`},
			{`"requirement": "break-glass"`, `"requirement": "provenance"`}, {`"identity": "https`, `"id": "https`}, {`"people": [`, `"person": [`},
		} {
			if altered := strings.Replace(b.String(), x[0], x[1], 1); altered != b.String() && validate(altered) == nil {
				t.Errorf("%s: the schema takes %s for %s, want a refusal", name, x[1], x[0])
			}
		}
	}
}
