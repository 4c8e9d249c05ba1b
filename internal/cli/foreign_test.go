package cli

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

func TestForeign_flags_of_other_tools_are_answered_with_ours(t *testing.T) {
	for typed, want := range map[string]string{
		"--repo acme/app":                              "say --repository github.com/acme/app",
		"-R acme/app":                                  "say --repository github.com/acme/app",
		"--repo=acme/app":                              "say --repository github.com/acme/app",
		"--repo code.example/acme/app":                 "say --repository code.example/acme/app",
		"--source-uri github.com/acme/app":             "say --repository github.com/acme/app",
		"--cert-identity https://x.example/y":          "say --certificate-identity https://x.example/y",
		"--cert-identity-regex ^https://x":             "say --certificate-identity-pattern ^https://x",
		"--certificate-identity-regexp ^https://x":     "say --certificate-identity-pattern ^https://x",
		"--cert-oidc-issuer https://i.example":         "say --certificate-oidc-issuer https://i.example",
		"--signer-workflow acme/ci/.github/w.yml":      "say --signer acme/ci/.github/w.yml",
		"--signer-workflow github.com/acme/ci/w.yml":   "say --signer acme/ci/w.yml",
		"--builder-id https://github.com/a/b/w.yml@r":  "say --signer a/b/w.yml@r",
		"--provenance-path app.intoto.jsonl":           "say --bundle app.intoto.jsonl",
		"--source-branch main":                         "refs: [refs/heads/main]",
		"--source-tag v1":                              "refs: [refs/tags/v1]",
		"--env production":                             "--for production, with --policy",
		"--deny-self-hosted-runners":                   "the answer names the runner",
		"--signer-repo acme/ci":                        "--signer OWNER/NAME/PATH",
		"-o acme":                                      "say --owner github.com/acme --bundle FILE, ",
		"-o code.example/acme":                         "or --repository code.example/acme/NAME",
		"--certificate-identity-regex ^https://x":      "say --certificate-identity-pattern ^https://x",
		"--environment production":                     "--for production, with --policy",
		"--cert x.pem":                                 "--bundle",
		"--private-infrastructure":                     "--log none",
		"--package-name @acme/app":                     "leave it out",
		"--policy-path p.yaml":                         "say --policy p.yaml",
		"-r acme/app":                                  "say --repository github.com/acme/app",
		"--ref refs/heads/main":                        "refs: [refs/heads/main]",
		"--type slsaprovenance1":                       "say --predicate-type https://slsa.dev/provenance/v1",
		"--certificate-github-workflow-repository a/b": "say --repository github.com/a/b",
		// What could be a password, or is no word of a command line, is not written back.
		"--source-uri https://a:s3cret@x.example/b/c": "say --repository …",
		"--cert-identity 'x'":                         "say --certificate-identity …",
	} {
		_, err := in(0).newRun(t.Context(), "verify", append(strings.Fields(typed), "dist/app"))
		f := fault.Of(err)
		if f.Kind != fault.Usage || !strings.Contains(f.Hint, want) || strings.Contains(f.Hint+f.Error(), "s3cret") {
			t.Errorf("%s: %v (%s), want %s", typed, err, f.Hint, want)
		}
	}
	_, err := in(0).newRun(t.Context(), "gate", []string{"--repo", "acme/app"})
	if f := fault.Of(err); strings.Contains(f.Hint, "--repository") {
		t.Errorf("gate: %v (%s), which has no such flag", err, f.Hint)
	}
}

// Every flag that an answer names is one that verify has.
func TestForeign_answers_name_flags_that_are_there(t *testing.T) {
	r, err := in(0).newRun(t.Context(), "verify", []string{"--repository", "github.com/acme/app", "dist/app"})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range foreigners {
		if _, both := r.component.Input(name); both {
			t.Errorf("--%s is a flag of ours", name)
		}
		if (f.say == "") == (f.otherwise == "") {
			t.Errorf("--%s has two answers or none", name)
		}
		for _, flag := range messages.Flags(f.say + f.otherwise) {
			if !r.takes(flag) {
				t.Errorf("--%s is answered with --%s, which verify does not have", name, flag)
			}
		}
	}
}
