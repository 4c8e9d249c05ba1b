package cli

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestRepository_is_read_as_people_type_it(t *testing.T) {
	for typed, want := range map[string]string{
		"github.com/acme/app":             "https://github.com/acme/app",
		"https://github.com/acme/app":     "https://github.com/acme/app",
		"https://GitHub.com/acme/app.git": "https://github.com/acme/app",
		"git@github.com:acme/app.git":     "https://github.com/acme/app",
		"gitlab.com/a/b/c":                "https://gitlab.com/a/b/c",
		"code.example:8443/acme/app":      "https://code.example:8443/acme/app",
	} {
		if got, err := address(typed); err != nil || got.URI() != want {
			t.Errorf("%s: %v, %v, want %s", typed, got, err, want)
		}
	}
	for _, typed := range []string{"acme/app", "a/b/c", "http://github.com/acme/app", "github.com/acme", "app", "", "https://a:s3cret@github.com/acme"} {
		r := &run{}
		r.in.Repository = typed
		_, err := address(typed)
		if _, _, outer := r.addresses(""); err == nil || typed != "" && (outer == nil || strings.Contains(outer.Error(), "s3cret")) {
			t.Errorf("%q: %v, %v, want an error without a password", typed, err, outer)
		}
	}
}

func TestOwner_takes_the_host_of_the_repository(t *testing.T) {
	for _, x := range []struct{ repository, owner, host, want string }{
		{"", "github.com/acme", "github.com", "acme"},
		{"", "https://gitlab.com/a/b", "gitlab.com", "a/b"},
		{"github.com/acme/app", "acme", "github.com", "acme"},
		{"github.com/acme/app", "github.com/acme", "github.com", "acme"},
		{"gitlab.com/a/b/c", "a/b", "gitlab.com", "a/b"},
	} {
		r := &run{}
		r.in.Repository = x.repository
		if at, owner, err := r.addresses(x.owner); err != nil || at.Host != x.host || owner != x.want {
			t.Errorf("%s, %s: %s %s %v", x.repository, x.owner, at.Host, owner, err)
		}
	}
	for _, owner := range []string{"acme", "acme/x", "github.com/", "github.com//acme"} {
		if _, got, err := (&run{}).addresses(owner); fault.Of(err).Kind != fault.Usage {
			t.Errorf("%q: %q, %v, want a usage fault", owner, got, err)
		}
	}
}

// What no certificate can hold is a mistake in the call, and no answer about a file.
func TestVerify_malformed_flags_are_usage(t *testing.T) {
	const app = "--repository github.com/acme/app "
	for typed, want := range map[string]string{
		app + "--workflow .github/workflows/release.yml@refs/heads/main":       "leave the ref out: .github/workflows/release.yml;",
		app + "--workflow https://github.com/acme/app/.github/workflows/x.yml": "the path in the repository",
		app + "--workflow acme/app/.github/workflows/x.yml":                    "the path in the repository",
		"--repository github.com/acme/app/x":                                   `--repository "github.com/acme/app/x", want an owner and a name`,
		"--repository github.com/acme/app?x":                                   "it has a query",
		"--repository github.com/acme/app#x":                                   "it has a query",
		"--repository https://github.com/acme%2fapp":                           "it has a query, a fragment or an escape",
		"--repository github.com/acme%2fapp/x":                                 "it has a query, a fragment or an escape",
		"--repository github.com/ac.me/app":                                    "want an owner and a name",
		"--repository gitlab.com/acme/app/-/tree/main":                         "want groups and a name",
		app + "--repository-id abc":                                            "is no number of a repository",
		app + "--repository-id 0930001":                                        "is no number of a repository",
		app + "--signer acme/v1":                                               "names no workflow of github.com",
		app + "--signer https://gitlab.com/acme/v1/x.yml":                      "names no workflow of github.com",
		app + "--signer acme/v1/x.yml@main":                                    "whole ref",
		"--repository gitlab.com/acme/app --signer acme/ci/x.yml":              "GROUP/NAME//PATH",
		app + "--owner gitlab.com/acme":                                        "names another host than github.com",
		"--repository gitlab.com/acme/app --owner github.com/acme":             "names another host than gitlab.com",
		app + "--owner https://a:s3cret@github.com/acme":                       "a user or a password",
		"--owner github.com/acme":                                              "--repository github.com/acme/NAME",
		"--owner acme":                                                         "with --bundle",
		"--owner github.com/acme/app --bundle x":                               "names no owner on github.com",
		app + "--predicate-type slsaprovenance9":                               "no short name",
	} {
		_, f := soughtBy(t, typed)
		if f.Kind != fault.Usage || !strings.Contains(f.Error()+" "+f.Hint, want) || strings.Contains(f.Error()+f.Hint, "s3cret") {
			t.Errorf("%s: %v (%s), want %s", typed, f, f.Hint, want)
		}
	}
	// The twins.
	for typed, want := range map[string]string{
		app + "--workflow .github/workflows/release.yml --repository-id 930001":          "",
		app + "--signer https://github.com/acme/ci/.github/workflows/x.yml@refs/tags/v1": "acme/ci/.github/workflows/x.yml@refs/tags/v1",
		app + "--signer github.com/acme/ci/.github/workflows/x.yml":                      "acme/ci/.github/workflows/x.yml",
		"--repository gitlab.com/a/b/app --signer gitlab.com/a/ci//x.yml --owner a/b":    "a/ci//x.yml",
		app + "--owner https://github.com/acme --predicate-type slsaprovenance1":         "https://slsa.dev/provenance/v1",
		app + "--predicate-type https://spdx.dev/Document":                               "https://spdx.dev/Document",
		"--owner github.com/acme --bundle x":                                             "",
	} {
		s, f := soughtBy(t, typed)
		if f.Err != nil || s.built == nil || want != "" && s.built.Signer+s.built.Predicate != want {
			t.Errorf("%s: %+v, %v (%s), want %s", typed, s.built, f, f.Hint, want)
		}
	}
}

// soughtBy is what the flags of a call ask for, or the fault of them.
func soughtBy(t *testing.T, typed string) (sought, fault.Fault) {
	t.Helper()
	r, err := in(0).newRun(t.Context(), "verify", append(strings.Fields(typed), "dist/app"))
	if err != nil {
		t.Fatal(err)
	}
	var own verifyInputs
	r.fill(&own)
	s, err := r.asksFor(own)
	if err == nil {
		return s, fault.Fault{}
	}
	return s, fault.Of(err)
}
