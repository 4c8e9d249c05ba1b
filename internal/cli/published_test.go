package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// A published is what somebody's builder published, with the policy that names
// the builder exactly and the answer that it has to give.
type published struct {
	bundle  string
	subject string   // argument; "" is the digest of the first subject
	trust   string   // "" is public-good
	built   []string // lines of built-by besides those that the certificate gives
	needs   string   // requirement and what follows it; "" is provenance
	says    []string // on standard output or error
}

const (
	onlyPromise = "{instance: public-good, log: promise}"
	generic     = "slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml"
	atGenerator = "@f7dd8c54c2067bafc12ca7a55595d5ee9b75204a"
)

// folder is where the published bundles are, wherever a test has gone.
var folder = sync.OnceValue(func() string {
	wd, _ := os.Getwd()
	return filepath.Join(wd, "testdata", "published")
})

// TestMain finds the folder before a test leaves the package's own.
func TestMain(m *testing.M) {
	folder()
	m.Run()
}

// pinned is the trust of GitHub's own Sigstore, whose root stands in a file.
func pinned(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder(), "github-trusted-root.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return "{root: github-trusted-root.json, sha256: " + hex.EncodeToString(sum[:]) + ", transparency: none}"
}

// run writes the policy and verifies the bundle under it, offline. change edits
// the policy.
func (p published) run(t *testing.T, change func(string) string) (code int, said string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder(), p.bundle))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder())); err != nil {
		t.Fatal(err)
	}
	policy := p.policy(t, raw)
	if change != nil {
		policy = change(policy)
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	subject := p.subject
	if subject == "" {
		b, err := sigstore.ParseBundle(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Claims() {
			if own := d.Digests(); len(own) > 0 {
				subject = own[0].String()
				break
			}
		}
	}
	t.Chdir(dir)
	var out bytes.Buffer
	c := Command{Version: "test", Getenv: nothing, Stdout: &out, Stderr: &out, Now: func() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) }}
	code = c.Run(t.Context(), []string{"verify", "--offline", "--policy", "policy.yaml", "--for", "production", "--bundle", p.bundle, subject})
	messages.Plain(t, out.String())
	return code, out.String()
}

func (p published) policy(t *testing.T, raw []byte) string {
	t.Helper()
	g, _ := sigstore.Peek(raw, func(sigstore.Glimpse) bool { return true })
	s, ok := g.Claimed()
	if !ok {
		t.Fatalf("%s: the certificate cannot be read", p.bundle)
	}
	trust, needs := p.trust, p.needs
	if trust == "" {
		trust = "public-good"
	}
	if needs == "" {
		needs = "provenance:"
	}
	host, mark := "https://github.com/", "/"
	repository := strings.TrimPrefix(s.Repository, host)
	workflow := strings.TrimSuffix(strings.TrimPrefix(s.ConfigURI, s.Repository+mark), "@"+s.Ref)
	if s.Repository == "" { // a platform, or a person, signed
		s.Issuer, repository, s.RepositoryID, workflow, s.Ref, s.Event = "https://token.actions.githubusercontent.com", "acme/app", "1", ".github/workflows/x.yml", "refs/heads/main", "push"
	}
	lines := append([]string{
		"issuer: " + s.Issuer, "repository: " + repository, "repository-id: " + s.RepositoryID, "workflow: " + workflow, "refs: [" + s.Ref + "]", "events: [" + s.Event + "]",
	}, p.built...)
	return fmt.Sprintf("version: 1\nartifacts:\n  app:\n    subject: [\"**\", \"sha256:*\", \"sha512:*\"]\n    trust: %s\n    built-by:\n      - %s\nenvironments:\n  production:\n    requires:\n      %s\n",
		trust, strings.Join(lines, "\n        "), needs)
}

func everybody(t *testing.T) map[string]published {
	return map[string]published{
		"actions/attest":                          {bundle: "actions-attest-top.sigstore.json"},
		"a reusable workflow by tag":              {bundle: "actions-attest-reusable-tag.sigstore.json", built: []string{"signer: bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@refs/tags/v0.0.1", "signer-digest: 65d4f0c00357d50ba19165993f673e56a7ddb500"}},
		"a reusable workflow of the repository":   {bundle: "actions-attest-reusable-same-repo.sigstore.json", built: []string{"signer: actions/attest-build-provenance/.github/workflows/prober.yml"}},
		"a reusable workflow by commit":           {bundle: "actions-attest-reusable-sha-private.sigstore.json", trust: pinned(t), built: []string{"signer: neverendingsupport/slsa-attestations/.github/workflows/attest.yml@9f6d9dc1bfc02986955721eb15f89ad618f1cedb"}},
		"actions/attest before 1.3":               {bundle: "attest-before-1.3-private.sigstore.json", trust: pinned(t)},
		"npm, by its package":                     {bundle: "npm-v1-tag.sigstore.json", subject: "npm-v1-tag.tgz"},
		"npm, by its digest":                      {bundle: "npm-v1-tag.sigstore.json"},
		"npm of 2023, whose log only promised":    {bundle: "npm-gha-v2.sigstore.json", subject: "npm-gha-v2.tgz", trust: onlyPromise, says: []string{"accepted: log: promise"}},
		"slsa generic":                            {bundle: "slsa-generic-v2.1.0.sigstore.json", built: []string{"signer: " + generic + atGenerator}},
		"slsa generic, by its tag":                {bundle: "slsa-generic-v2.1.0.sigstore.json", built: []string{"signer: " + generic + "@refs/tags/v2.1.0", "signer-digest: f7dd8c54c2067bafc12ca7a55595d5ee9b75204a"}},
		"slsa generic, by any tag of version two": {bundle: "slsa-generic-v2.1.0.sigstore.json", built: []string{"signer: " + generic + "@refs/tags/v2.*", "signer-moves: accepted"}, says: []string{"accepted: signer " + generic + "@refs/tags/v2.* may move"}},
		"slsa Go": {bundle: "slsa-go-v2.1.0.sigstore.json", built: []string{"signer: slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml" + atGenerator}},
		"slsa delegated": {bundle: "slsa-delegated-maven-v2.1.0.sigstore.json", needs: "provenance: {inputs: [directory, jdk-version, rekor-log-public]}",
			built: []string{"signer: slsa-framework/slsa-github-generator/.github/workflows/delegator_lowperms-generic_slsa3.yml" + atGenerator, "builder: slsa-framework/slsa-github-generator/.github/workflows/builder_maven_slsa3.yml@refs/tags/v2.1.0"}},
		"slsa delegated Node.js of 2023": {bundle: "slsa-delegated-nodejs-v0.2.sigstore.json", subject: "slsa-delegated-nodejs-v0.2.tgz", trust: onlyPromise, needs: "provenance: {inputs: [directory, node-version, node-version-file, rekor-log-public, run-scripts]}",
			built: []string{"signer: slsa-framework/slsa-github-generator/.github/workflows/delegator_lowperms-generic_slsa3.yml@0779f7bec68e2bf54a7b0a32bf4763f25ab29702", "builder: slsa-framework/slsa-github-generator/.github/workflows/builder_nodejs_slsa3.yml@refs/tags/v1.6.0"}},
		"slsa container-based": {bundle: "slsa-container-based-v2.1.0.sigstore.json", needs: "provenance: {inputs: [builderImage, configPath, buildConfig]}",
			built: []string{"signer: slsa-framework/slsa-github-generator/.github/workflows/builder_container-based_slsa3.yml" + atGenerator}},
		"PyPI":  {bundle: "pypi-publish.sigstore.json", needs: "https://docs.pypi.org/attestations/publish/v1:"},
		"conda": {bundle: "conda-publish.sigstore.json", needs: "https://schemas.conda.org/attestations-publish-1.schema.json:"},
		"docker's builder, on a branch": {bundle: "docker-github-builder.sigstore.json", needs: "https://sigstore.dev/cosign/sign/v1:",
			built: []string{"signer: docker/github-builder-experimental/.github/workflows/build.yml@refs/heads/build-reusable-workflow", "signer-moves: accepted"}},
		"a GitHub release": {bundle: "github-release-v0.1.sigstore.json", trust: pinned(t),
			needs: "https://in-toto.io/attestation/release/v0.1: {signed-by: [{releases-of: bdehamer/delme, repository-id: 905988044, issuer: \"https://token.actions.githubusercontent.com\", tags: [\"v*\"]}]}"},
	}
}

func TestPublished_every_honest_builder_passes_the_policy_that_names_it(t *testing.T) {
	for name, p := range everybody(t) {
		t.Run(name, func(t *testing.T) {
			code, out := p.run(t, nil)
			if code != 0 {
				t.Fatalf("exit code %d, want 0:\n%s", code, out)
			}
			for _, s := range p.says {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), s) {
					t.Errorf("says %q, want %q", out, s)
				}
			}
		})
	}
}

// Each field of the policy is held against the evidence: another value denies.
func TestC06_another_builder_is_told_apart_in_every_field(t *testing.T) {
	for name, p := range everybody(t) {
		if strings.Contains(p.needs, "releases-of") || p.bundle == "actions-attest-reusable-same-repo.sigstore.json" {
			continue // no builder signs, or the signer names its repository again
		}
		for _, x := range []struct{ key, code string }{
			{"repository: ", "E_IDENTITY"}, {"repository-id: ", "E_IDENTITY"}, {"workflow: ", "E_IDENTITY"}, {"refs: [", "E_SOURCE"}, {"events: [", "E_SOURCE"},
		} {
			t.Run(name+", "+x.key, func(t *testing.T) {
				code, out := p.run(t, func(policy string) string {
					before, after, ok := strings.Cut(policy, "        "+x.key)
					if !ok && x.key == "repository: " {
						t.Fatal("no key")
					}
					value, rest, _ := strings.Cut(after, "\n")
					return before + "        " + x.key + other(x.key, value) + "\n" + rest
				})
				if code != 3 || !strings.Contains(out, x.code) {
					t.Errorf("exit code %d, want 3 with %s:\n%s", code, x.code, out)
				}
			})
		}
	}
}

// other is a value of the same form that nobody in these tests has.
func other(key, value string) string {
	switch key {
	case "repository: ":
		return value + "-evil"
	case "repository-id: ":
		return "9" + value
	case "workflow: ":
		return ".github/workflows/evil.yml"
	case "refs: [":
		return "refs/heads/evil]"
	default:
		return "evil]"
	}
}

func TestC10_another_signer_is_refused(t *testing.T) {
	for name, p := range everybody(t) {
		if len(p.built) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			without := p
			without.built = nil
			if code, out := without.run(t, nil); code != 3 || !strings.Contains(out, "E_IDENTITY") || !strings.Contains(out, "signing workflow") {
				t.Errorf("without signer: exit code %d, want 3 with E_IDENTITY:\n%s", code, out)
			}
			wrong := p
			wrong.built = append([]string{}, p.built...)
			wrong.built[0] = strings.Replace(wrong.built[0], ".y", "-evil.y", 1)
			if code, out := wrong.run(t, nil); code != 3 || !strings.Contains(out, "E_IDENTITY") {
				t.Errorf("another signer: exit code %d, want 3 with E_IDENTITY:\n%s", code, out)
			}
		})
	}
	by := everybody(t)["slsa generic"]
	by.built = []string{"signer: " + generic + "@" + strings.Repeat("0", 40)}
	if code, out := by.run(t, nil); code != 3 || !strings.Contains(out, "E_IDENTITY") {
		t.Errorf("another commit: exit code %d, want 3 with E_IDENTITY:\n%s", code, out)
	}
}

func TestPublished_what_is_refused_says_why(t *testing.T) {
	liar := published{bundle: "actions-attest-liar.sigstore.json"}
	delegated := everybody(t)["slsa delegated"]
	for name, x := range map[string]struct {
		published
		says []string
	}{
		"a provenance that somebody signed again":  {liar, []string{"E_PREDICATE", "names another builder than the certificate"}},
		"a promise where a proof is wanted":        {published{bundle: "npm-gha-v2.sigstore.json", subject: "npm-gha-v2.tgz"}, []string{"E_TLOG", "promise and no inclusion proof", "log: promise"}},
		"a longer digest than the one at hand":     {published{bundle: "npm-v1-tag.sigstore.json", subject: "sha256:d4b813004e621441bb03d1e97890e610fb4ec0e2bb100fc0b3ed21d3905aaec3"}, []string{"E_EVIDENCE_MISSING", "a longer digest than SHA-256", "sha512:HEX"}},
		"another promise":                          {published{bundle: "slsa-container-based-v1.7.0-promise.sigstore.json", built: []string{"signer: slsa-framework/slsa-github-generator/.github/workflows/builder_container-based_slsa3.yml@e55b76ce421082dfa4b34a6ac3c5e59de0f3bb58"}}, []string{"E_TLOG", "promise and no inclusion proof"}},
		"a builder that the policy does not name":  {published{bundle: delegated.bundle, built: delegated.built[:1], needs: delegated.needs}, []string{"E_PREDICATE", "the policy names none", "builder_maven_slsa3.yml@refs/tags/v2.1.0"}},
		"another builder":                          {published{bundle: delegated.bundle, built: []string{delegated.built[0], strings.Replace(delegated.built[1], "maven", "gradle", 1)}, needs: delegated.needs}, []string{"E_PREDICATE", "the policy names another"}},
		"an input that the policy does not name":   {published{bundle: delegated.bundle, built: delegated.built, needs: "provenance: {inputs: [directory]}"}, []string{"E_SOURCE", "jdk-version"}},
		"inputs that nobody can know":              {published{bundle: "actions-attest-top.sigstore.json", needs: "provenance: {inputs: none}"}, []string{"E_SOURCE", "does not say which inputs"}},
		"a person where a workflow is wanted":      {published{bundle: "actions-attest-top.sigstore.json", needs: "provenance: {signed-by: [{email: dana@acme.example, issuer: \"https://accounts.google.com\"}]}"}, []string{"E_IDENTITY"}},
		"the release of another repository":        {release(t, "905988045", "bdehamer/delme", "v*"), []string{"E_IDENTITY", "repository-id"}},
		"the release of a repository's old name":   {release(t, "905988044", "bdehamer/other", "v*"), []string{"E_IDENTITY", "repository"}},
		"the release of another tag":               {release(t, "905988044", "bdehamer/delme", "v7*"), []string{"E_SOURCE", "tag"}},
		"a release where provenance is wanted":     {published{bundle: "github-release-v0.1.sigstore.json", trust: pinned(t)}, []string{"E_PREDICATE", "another kind"}},
		"provenance where a release is wanted":     {published{bundle: "actions-attest-top.sigstore.json", needs: "https://in-toto.io/attestation/release/v0.2:"}, []string{"E_PREDICATE", "another kind"}},
		"another Sigstore instance than the trust": {published{bundle: "attest-before-1.3-private.sigstore.json"}, []string{"E_CHAIN", `issued by "Fulcio Intermediate l2" of "GitHub, Inc."`, "the certificate is of the instance github", "trust: github"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := x.run(t, nil)
			plain := strings.Join(strings.Fields(out), " ")
			for _, s := range x.says {
				if code != 3 || !strings.Contains(plain, s) {
					t.Errorf("exit code %d, want 3 and %q:\n%s", code, s, out)
				}
			}
		})
	}
}

// release is the published release, under a policy that wants this one.
func release(t *testing.T, id, repository, tag string) published {
	return published{bundle: "github-release-v0.1.sigstore.json", trust: pinned(t), needs: fmt.Sprintf(
		"https://in-toto.io/attestation/release/v0.1: {signed-by: [{releases-of: %s, repository-id: %s, issuer: \"https://token.actions.githubusercontent.com\", tags: [\"%s\"]}]}", repository, id, tag)}
}

// Evidence that may be accepted by its signer alone is, and every report says
// so.
func TestPublished_unchecked_content_is_accepted_by_its_signer_and_shown(t *testing.T) {
	p := published{bundle: "actions-attest-liar.sigstore.json", needs: "provenance: {content: unchecked}"}
	code, out := p.run(t, nil)
	if code != 0 || !strings.Contains(out, "accepted: content unchecked") {
		t.Errorf("exit code %d, want 0 and that the content is unchecked:\n%s", code, out)
	}
}
