package pipelines_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// What a condition comes to in the pipeline of a merge request.
func TestH12_conditions(t *testing.T) {
	for cond, s := range map[string]string{
		`$CI_COMMIT_TAG`:                                 "never",
		`$CI_COMMIT_TAG == null`:                         "surely",
		`null == $CI_COMMIT_TAG`:                         "surely",
		`$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH`:        "never",
		`$CI_COMMIT_BRANCH != "main"`:                    "surely",
		`$CI_COMMIT_BRANCH =~ /^release/`:                "never",
		`$CI_COMMIT_BRANCH !~ /^release/`:                "surely",
		`$CI_PIPELINE_SOURCE == "push"`:                  "never",
		`$CI_PIPELINE_SOURCE =~ /MERGE/i`:                "surely",
		`$CI_PIPELINE_SOURCE =~ /MERGE/`:                 "never",
		`$CI_PIPELINE_SOURCE =~ $PATTERN`:                "maybe",
		`$CI_PIPELINE_SOURCE =~ /(/`:                     "maybe",
		`$CI_MERGE_REQUEST_IID == ""`:                    "never",
		`$CI_MERGE_REQUEST_TARGET_BRANCH_NAME == "x"`:    "maybe",
		`$CI_MERGE_REQUEST_LABELS =~ /deploy/`:           "maybe",
		`$CI_COMMIT_REF_NAME`:                            "surely",
		`""`:                                             "never",
		`"x"`:                                            "surely",
		`null`:                                           "never",
		`$X || $CI_MERGE_REQUEST_IID`:                    "surely",
		`$X || $CI_COMMIT_TAG`:                           "maybe",
		`$X && $CI_COMMIT_TAG`:                           "never",
		`$X && $CI_MERGE_REQUEST_IID`:                    "maybe",
		`$CI_COMMIT_TAG && $X || $CI_MERGE_REQUEST_IID`:  "surely",
		`$CI_COMMIT_TAG && ($X || $CI_MERGE_REQUEST_ID)`: "never",
		`!$CI_COMMIT_TAG`:                                "surely",
		`$X == "a" && $X != "b"`:                         "maybe",
		`(`:                                              "maybe",
		`($CI_COMMIT_TAG`:                                "maybe",
		`$CI_COMMIT_TAG ==`:                              "maybe",
		`== $CI_COMMIT_TAG`:                              "maybe",
		`$CI_COMMIT_TAG $CI_COMMIT_TAG`:                  "maybe",
		`$CI_COMMIT_TAG ? 1 : 2`:                         "maybe",
		strings.Repeat("(", 300):                         "maybe",
	} {
		raw := change(t, needs, needs+"  rules:\n    - if: '"+cond+"'\n")
		switch s {
		case "surely":
			trips(t, raw, finding.MergeRequestDeploys, finding.Error)
		case "maybe":
			trips(t, raw, finding.MergeRequestDeploys, finding.Warning)
		default:
			passes(t, raw)
		}
	}
}

func TestH12_rules_in_their_order(t *testing.T) {
	of := func(rules ...string) string {
		return change(t, needs, needs+"  rules:\n    - "+strings.Join(rules, "\n    - ")+"\n")
	}
	mr := "if: $CI_MERGE_REQUEST_IID"
	trips(t, of("if: $CI_COMMIT_TAG", mr), finding.MergeRequestDeploys, finding.Error)
	trips(t, of("{if: $X, when: never}", mr), finding.MergeRequestDeploys, finding.Error)
	trips(t, of("if: $X", "when: never"), finding.MergeRequestDeploys, finding.Warning)
	trips(t, of("changes: [dist/*]"), finding.MergeRequestDeploys, finding.Warning)
	trips(t, of("!reference [.gone, rules]"), finding.MergeRequestDeploys, finding.Warning)
	passes(t, of("{"+mr+", when: never}", "when: on_success"))
	passes(t, of("when: never", mr))
	template := func(s string) string {
		return change(t, "include:\n", "include:\n  - template: Workflows/"+s+".gitlab-ci.yml\n")
	}
	if got := rules(check(t, template("MergeRequest-Pipelines"), want)); !only(got, "merge-request-deploys", "include-unseen") || len(got) != 2 {
		t.Errorf("findings = %v, want a job without rules to be in merge requests", got)
	}
	trips(t, template("Branch-Pipelines"), finding.IncludeUnseen, finding.Note)
}
