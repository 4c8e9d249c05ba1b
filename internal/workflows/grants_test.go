package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

func TestP04_permissions_too_wide(t *testing.T) {
	each(t, inJob, finding.PermissionsWriteAll, finding.Error, map[string][]change{
		"of the workflow": {{"permissions: {}\n", "permissions: write-all\n"}},
		"of a job":        {{"permissions: {contents: read}", "permissions: write-all"}},
	})
	each(t, needed, finding.PermissionsMissing, finding.Warning, map[string][]change{
		"in one job": {{"permissions: {}\n", ""}, {"  announce:\n", "  announce:\n    permissions: {}\n"}},
	})
	each(t, inJob, finding.IDTokenWorkflow, finding.Error, map[string][]change{
		"for every job": {{"permissions: {}\n", "permissions: {id-token: write}\n"}},
	})
	each(t, inJob, finding.IDTokenUnused, finding.Error, map[string][]change{
		"in the deployment": {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}},
	})
	each(t, inJob, finding.IDTokenUnused, finding.Warning, map[string][]change{
		"beside an action nothing is known of": {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {deployStep, "      - uses: acme/deploy@SHA # v1\n" + deployStep}},
	})
	each(t, needed, finding.IDTokenUnused, finding.Warning, map[string][]change{
		"where nothing signs": {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}},
	})
	each(t, inJob, finding.BuildSigns, finding.Warning, map[string][]change{
		"of the job": {{"      - run: make dist\n", "      - run: sallyport run --no-network -- make dist\n"}},
	})
	each(t, inJob, finding.IDTokenMissing, finding.Error, map[string][]change{
		"not listed":     {{"contents: read, id-token: write", "contents: read"}},
		"nothing is set": {{"    permissions: {contents: read, id-token: write, attestations: write}\n", ""}},
		"read only":      {{"id-token: write", "id-token: read"}},
	})
	passes(t, inJob, map[string][]change{
		"a cloud's login":                 {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {deployStep, "      - uses: aws-actions/configure-aws-credentials@SHA # v5.1.0\n" + deployStep}},
		"an image":                        {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {deployStep, "      - uses: docker://x@sha256:" + strings.Repeat("0", 64) + "\n" + deployStep}},
		"a path":                          {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {deployStep, "      - uses: ./deploy\n" + deployStep}},
		"github-script":                   {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {deployStep, "      - uses: actions/github-script@SHA # v8\n        with: {script: \"core.getIDToken('x')\"}\n" + deployStep}},
		"a token of hand":                 {{", id-token: write", ""}, {"        with: {subject: dist/*}\n", "        with: {subject: dist/*}\n        env: {SIGSTORE_ID_TOKEN: \"${{ steps.t.outputs.token }}\"}\n"}},
		"cosign":                          {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {`./deploy.sh "$DIGESTS"`, "cosign sign x"}},
		"a job records and signs nothing": {{"  production:\n    needs", "  unit:\n    runs-on: ubuntu-latest\n    permissions: {contents: read}\n    steps:\n      - run: sallyport run -- make\n  production:\n    needs"}},
		"a command signs":                 {{"permissions: {contents: read}", "permissions: {contents: read, id-token: write}"}, {`./deploy.sh "$DIGESTS"`, "sallyport attest dist/*"}},
	})
	const other = "on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    permissions: write-all\n    steps: [{run: make}]\n"
	trips(t, other, finding.PermissionsWriteAll, finding.Warning)
	clean(t, strings.Replace(other, "    permissions: write-all\n", "", 1))
}

func TestP01_actions_by_a_name_that_can_be_moved(t *testing.T) {
	ours, others := map[string][]change{}, map[string][]change{}
	for name, ref := range map[string]string{"a tag": "@v1", "a branch": "@main", "a short commit": "@08c6903", "no ref": "", "upper case": "@08C6903CD8C0FDE910A37F88322EDCFB5DD907A8", "41 digits": sha + "0"} {
		ours["gate "+name] = []change{{"uses: sallyport-dev/sallyport@SHA", "uses: sallyport-dev/sallyport" + ref}}
		ours["attest "+name] = []change{{"actions/attest@SHA", "actions/attest" + ref}}
		others[name] = []change{{"actions/checkout@SHA", "actions/checkout" + ref}}
	}
	each(t, inJob, finding.SallyportUnpinned, finding.Error, ours)
	each(t, inJob, finding.ActionUnpinned, finding.Warning, others)
	each(t, inJob, finding.ActionUnpinned, finding.Note, map[string][]change{
		"an image": {{"      - run: make dist\n", "      - run: make dist\n      - uses: docker://alpine:3\n"}},
	})
	each(t, inJob, finding.PinUnnamed, finding.Note, map[string][]change{
		"a comment without a version": {{"@SHA # v5.0.0", "@SHA # pinned"}},
	})
	passes(t, inJob, map[string][]change{
		"a path":             {{"      - run: make dist\n", "      - run: make dist\n      - uses: ./.github/actions/x\n"}},
		"an image's digest":  {{"      - run: make dist\n", "      - run: make dist\n      - uses: docker://alpine@sha256:" + strings.Repeat("0", 64) + "\n"}},
		"no comment":         {{"@SHA # v5.0.0", "@SHA"}},
		"a tag in a comment": {{"@SHA # v5.0.0", "@SHA # tag=v5 (pinned)"}},
	})
}

func TestP01_a_pinned_commit_is_an_impostor_or_another_version(t *testing.T) {
	known := map[string]workflows.Commit{
		"actions/checkout":        {Reachable: true, Tags: []string{"v5.0.0", "v5"}},
		"sallyport-dev/sallyport": {Reachable: true},
	}
	ask := want
	ask.Commits = func(repository, sha string) (workflows.Commit, error) {
		c, ok := known[repository]
		if !ok {
			return c, fmt.Errorf("%s: no answer", repository)
		}
		return c, nil
	}
	for _, c := range []struct {
		name     string
		rule     finding.Rule
		severity finding.Severity
		change   change
		of       workflows.Commit
	}{
		{"impostor", finding.PinImpostor, finding.Error, change{" # the gate", ""}, workflows.Commit{}},
		{"mismatch", finding.PinComment, finding.Warning, change{"# v5.0.0", "# v6.0.0"}, workflows.Commit{Reachable: true}},
		{"silence", finding.PinUnchecked, finding.Warning, change{"- run: make dist", "- uses: acme/build@SHA # v1"}, workflows.Commit{Reachable: true}},
	} {
		known["sallyport-dev/sallyport"] = c.of
		found := check(t, edit(t, inJob, c.change), ask)
		if len(found) == 0 || slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule != c.rule || f.Severity != c.severity }) {
			t.Errorf("%s: findings = %s\nwant %s", c.name, show(found), c.rule)
		}
	}
	known["sallyport-dev/sallyport"] = workflows.Commit{Reachable: true}
	for _, said := range []string{"# v5.0.0", "# v5", "# 5.0.0", ""} {
		if found := check(t, edit(t, inJob, change{"# v5.0.0", said}), ask); len(found) != 0 {
			t.Errorf("%q: findings = %s\nwant none", said, show(found))
		}
	}
}

const approve = `on: {workflow_dispatch: {inputs: {release: {type: string, required: true}}}}
permissions: {}
jobs:
  approve:
    runs-on: ubuntu-latest
    permissions: {contents: read, id-token: write}
    steps:
      - uses: sallyport-dev/sallyport/actions/approve@SHA
        with: {release: "${{ inputs.release }}"}
`

func TestC11_an_approval_by_something_else_than_a_dispatch(t *testing.T) {
	each(t, approve, finding.ApproveTrigger, finding.Error, map[string][]change{
		"a push":          {{"on: {workflow_dispatch:", "on: {push: {}, workflow_dispatch:"}},
		"a comment":       {{"on: {workflow_dispatch: {inputs: {release: {type: string, required: true}}}}", "on: issue_comment"}},
		"a schedule too":  {{"on: {workflow_dispatch:", "on: {schedule: [{cron: '0 0 * * *'}], workflow_dispatch:"}},
		"a called one":    {{"on: {workflow_dispatch: {inputs: {release: {type: string, required: true}}}}", "on: {workflow_call: {inputs: {release: {type: string}}}}"}},
		"a rejection too": {{"on: {workflow_dispatch:", "on: {push: {}, workflow_dispatch:"}, {"actions/approve@SHA", "actions/reject@SHA"}},
		"a command":       {{"on: {workflow_dispatch:", "on: {push: {}, workflow_dispatch:"}, {"uses: sallyport-dev/sallyport/actions/approve@SHA\n        with: {release: \"${{ inputs.release }}\"}", "run: sallyport approve \"$RELEASE\""}},
	})
	each(t, approve, finding.IDTokenMissing, finding.Error, map[string][]change{
		"no token": {{", id-token: write", ""}},
	})
	each(t, approve, finding.Syntax, finding.Error, map[string][]change{
		"no trigger at all": {{"on: {workflow_dispatch: {inputs: {release: {type: string, required: true}}}}\n", "on: workflow_dispatch\non: push\n"}},
	})
}

func TestC11_pull_request_target_starts_what_signs_or_judges(t *testing.T) {
	each(t, inJob, finding.PullRequestTarget, finding.Error, map[string][]change{
		"alone":  {{"on: {push: {branches: [main]}}", "on: pull_request_target"}},
		"beside": {{"on: {push: {branches: [main]}}", "on: [push, pull_request_target]"}},
	})
	passes(t, inJob, map[string][]change{"pull_request": {{"on: {push: {branches: [main]}}", "on: [push, pull_request]"}}})
	const other = "on: pull_request_target\npermissions: {}\njobs:\n  x:\n    runs-on: ubuntu-latest\n    permissions: {id-token: write}\n    steps: [{uses: aws-actions/configure-aws-credentials@SHA}]\n"
	trips(t, other, finding.PullRequestTarget, finding.Error)
	clean(t, strings.Replace(other, "pull_request_target", "pull_request", 1))
	clean(t, "on: pull_request_target\npermissions: {}\njobs:\n  label:\n    runs-on: ubuntu-latest\n    steps: [{uses: acme/label@SHA}]\n")
}
