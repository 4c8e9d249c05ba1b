package gitlab_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// named expands text with a token of these claims. All variables of the job lie.
func named(t *testing.T, text string, claims fields) (string, error) {
	t.Helper()
	lies := []string{}
	for _, name := range strings.Fields("CI_COMMIT_SHA CI_COMMIT_SHORT_SHA CI_COMMIT_REF_NAME CI_COMMIT_REF_SLUG CI_COMMIT_TAG CI_COMMIT_BRANCH CI_PIPELINE_ID CI_JOB_ID CI_PROJECT_NAME CI_X") {
		lies = append(lies, name, "lie")
	}
	l := labtest.Shared(t)
	j, _ := job(t, with(l.As(t, "gitlab", nil), lies...))
	return j.Expand(l.GitLabToken(t, "sigstore", claims), text)
}

// A name stands for what the token says, whatever the variables of the job say.
func TestE13_a_name_of_a_variable_stands_for_the_tokens_word(t *testing.T) {
	base := fields{"project_path": "acme/tools/widget", "project_id": "20", "pipeline_id": "574", "job_id": "302", "sha": "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"}
	branch := fields{"ref": "Feature/A_1", "ref_type": "branch", "ref_path": "refs/heads/Feature/A_1"}
	tag := fields{"ref": "v1.2.0", "ref_type": "tag", "ref_path": "refs/tags/v1.2.0"}
	long := fields{"ref": "-" + strings.Repeat("ab", 30) + "_cd", "ref_type": "branch"}
	for _, c := range []struct {
		text string
		ref  fields
		want string
	}{
		{"dist/app-$CI_COMMIT_TAG.tar.gz", tag, "dist/app-v1.2.0.tar.gz"},
		{"dist/${CI_COMMIT_TAG}_x", tag, "dist/v1.2.0_x"},
		{"$CI_COMMIT_SHORT_SHA/$CI_COMMIT_SHA", tag, "9f2c1e7b/9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"},
		{"$CI_COMMIT_REF_NAME $CI_COMMIT_BRANCH $CI_COMMIT_REF_SLUG", branch, "Feature/A_1 Feature/A_1 feature-a-1"},
		{"$CI_COMMIT_REF_SLUG", long, strings.Repeat("ab", 30) + "-c"},
		{"oci://r.example/$CI_PROJECT_PATH:$CI_PIPELINE_ID-$CI_JOB_ID", tag, "oci://r.example/acme/tools/widget:574-302"},
		{"$CI_PROJECT_NAME $CI_PROJECT_NAMESPACE $CI_PROJECT_ID", tag, "widget acme/tools 20"},
		{"$HOME/$ {CI_X} $$ $CI $ci_job_id ${X} $[[ x ]] 5$", tag, "$HOME/$ {CI_X} $$ $CI $ci_job_id ${X} $[[ x ]] 5$"},
		{"$CI_COMMIT_REF_NAME", fields{"ref": "x-CI_JOB_ID", "ref_type": "branch"}, "x-CI_JOB_ID"},
	} {
		claims := maps.Clone(base)
		maps.Copy(claims, c.ref)
		if got, err := named(t, c.text, claims); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

// What no claim says, and what would change what is named, is refused.
func TestE13_a_name_without_a_value_or_with_a_dangerous_one(t *testing.T) {
	branch := func(ref string) fields {
		return fields{"ref": ref, "ref_type": "branch", "ref_path": "refs/heads/" + ref}
	}
	tag := fields{"ref": "v1", "ref_type": "tag", "ref_path": "refs/tags/v1"}
	request := fields{"ref": "topic", "ref_type": "branch", "ref_path": "refs/merge-requests/7/head", "pipeline_source": "merge_request_event"}
	for _, c := range []struct {
		text   string
		claims fields
		code   fault.Code
		said   string
	}{
		{"$CI_COMMIT_TAG", branch("main"), fault.Config, "no value"},
		{"$CI_COMMIT_BRANCH", tag, fault.Config, "no value"},
		{"$CI_COMMIT_BRANCH", request, fault.Config, "no value"},
		{"$CI_COMMIT_REF_SLUG", branch("___"), fault.Config, "no value"},
		{"$CI_REGISTRY_IMAGE/app", tag, fault.Config, "not in the job's ID token"},
		{"$CI_JOB_TOKEN", tag, fault.Config, "not in the job's ID token"},
		{"$CI_COMMIT_TAGS", tag, fault.Config, "not in the job's ID token"},
		{"${CI_COMMIT_TAG", tag, fault.Config, "no end"},
		{"${CI_COMMIT_TAG:-x}", tag, fault.Config, "not in the job's ID token"},
		{"dist/$CI_COMMIT_REF_NAME", branch("*"), fault.Path, "would change what is named"},
		{"dist/$CI_COMMIT_REF_NAME", branch("a?"), fault.Path, "would change what is named"},
		{"dist/$CI_COMMIT_REF_NAME", branch("a[b]"), fault.Path, "would change what is named"},
		{"$CI_COMMIT_REF_NAME", branch("app=/etc/passwd"), fault.Path, "would change what is named"},
		{"$CI_COMMIT_REF_NAME", branch("a@sha256"), fault.Path, "would change what is named"},
		{"$CI_COMMIT_REF_NAME", branch("a\nb"), fault.Path, "would change what is named"},
		{"$CI_COMMIT_REF_NAME", branch("a b"), fault.Path, "would change what is named"},
		{"$CI_COMMIT_REF_NAME", branch("$CI_JOB_ID"), fault.Path, "would change what is named"},
	} {
		got, err := named(t, c.text, c.claims)
		if err == nil || fault.Of(err).Code != c.code || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s with %v: %q, %v; want %s, %q", c.text, c.claims, got, err, c.code, c.said)
		}
	}
	j, _ := job(t, labtest.Shared(t).As(t, "gitlab", nil))
	if got, err := j.Expand("", "$CI_JOB_ID"); err == nil {
		t.Errorf("without a token that was verified: %q; want an error", got)
	}
}
