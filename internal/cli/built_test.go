package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// What GitHub's own action and others published, verified by repository alone. The liar is
// a real attestation: a workflow of loosebazooka/aa-test states that aspect-build/rules_lint has
// built the file that the twin before it is about.
func TestVerify_published_bundles_by_their_repository(t *testing.T) {
	const (
		lint = "sha256:06ce330900a7d6403bc8d88e5dfad6aeeb8ae40179f66bb89e69c8bf6f6b1a0b"
		demo = "sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b"
		bcr  = "bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@refs/tags/v0.0.1"
	)
	github := []string{"--sigstore", "github", "--trusted-root", filepath.Join(folder(), "github-trusted-root.json")}
	for _, x := range []struct {
		name, bundle, repository, digest string
		more                             []string
		code                             int
		says                             string
	}{
		{"a workflow of its own", "actions-attest-top", "loosebazooka/aa-test", "sha256:a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf", nil, 0, "repository   https://github.com/loosebazooka/aa-test, number"},
		{"a reusable workflow that is named", "actions-attest-reusable-tag", "aspect-build/rules_lint", lint, []string{"--signer", bcr}, 0, "verified"},
		{"a reusable workflow that is not named", "actions-attest-reusable-tag", "aspect-build/rules_lint", lint, nil, 3, "another signing workflow"},
		{"a statement that names the repository", "actions-attest-liar", "aspect-build/rules_lint", lint, []string{"--signer", bcr}, 3, "another repository"},
		{"the liar's own repository, whose statement is a lie", "actions-attest-liar", "loosebazooka/aa-test", lint, nil, 3, "denied"},
		{"GitHub's own instance, for what is private", "attest-before-1.3-private", "actions/attest-demo", demo, github, 0, "verified"},
		{"a beginning of the name", "actions-attest-top", "loosebazooka/aa-tes", "sha256:a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf", nil, 3, "another repository"},
	} {
		t.Run(x.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			c := in(0)
			c.Stdout, c.Stderr = &out, &errs
			args := append([]string{"verify", "--offline", "--bundle", filepath.Join(folder(), x.bundle+".sigstore.json"),
				"--repository", "github.com/" + x.repository}, append(x.more, x.digest)...)
			if code := c.Run(context.Background(), args); code != x.code || !strings.Contains(out.String(), x.says) {
				t.Errorf("status %d, want %d and %q\n%s%s", code, x.code, x.says, out.String(), errs.String())
			}
		})
	}
}

// A release attestation of the platform says which files a release has: the same fact with
// provenance counts, and it does not.
func TestTry_the_platforms_word_about_a_release_is_no_provenance(t *testing.T) {
	f, _ := forges.Of("https://token.actions.githubusercontent.com")
	want, err := policy.NewBuiltExpectation("", "", policy.Built{Forge: f, Repository: "acme/app"})
	if err != nil {
		t.Fatal(err)
	}
	j := &trialJudge{r: &run{}, forge: f, want: want}
	of := func(kind string) policy.Candidate {
		return policy.Candidate{Subject: subject.Subject{Name: "app"}, Facts: []policy.Fact{{
			Signer: statement.Signer{SAN: f.Releases, SANKind: "uri"}, Statement: statement.Statement{PredicateType: kind},
		}}}
	}
	if got := j.judged(of("https://in-toto.io/attestation/release/v0.2"), 1); got.Provenance || got.Verified || !got.Listed || got.Bundles != 1 {
		t.Errorf("a release attestation: %+v, want that it is listed, and no provenance", got)
	}
	if got := j.judged(of(statement.ProvenanceV1), 1); !got.Provenance || got.Verified || got.Listed {
		t.Errorf("provenance of somebody else: %+v, want provenance that is not of the repository", got)
	}
}
