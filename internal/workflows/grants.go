package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// checkGrants judges what the jobs' tokens may do.
func (f *flow) checkGrants() {
	matters := f.matters()
	f.checkWide(f.wf.Permissions, matters)
	if grants(f.wf.Permissions) && f.wf.Permissions.All == nil {
		f.report(finding.IDTokenWorkflow, scopeAt(f.wf.Permissions), detail{severity: unlessMatters(matters), found: "id-token: write for the workflow", wanted: "id-token: write in the signing job only"})
	}
	for _, j := range f.jobs {
		f.checkWide(j.Permissions, matters)
		f.checkToken(j)
		if j.WorkflowCall != nil && j.WorkflowCall.InheritSecrets && (matters || f.callsGuarded(j)) {
			f.report(finding.SecretsInherit, j.WorkflowCall.Uses.Pos, detail{severity: finding.Warning, found: "secrets: inherit", wanted: "secrets by name"})
		}
		if matters && j.Permissions == nil && f.wf.Permissions == nil && !f.lacksToken(j) {
			f.report(finding.PermissionsMissing, j.Pos, detail{severity: finding.Warning, found: "no permissions for job " + j.id, wanted: "permissions in the workflow or the job"})
		}
	}
}

// unlessMatters is how bad a wide grant is: a file that has nothing to do with
// a gate cannot open one by it.
func unlessMatters(matters bool) finding.Severity {
	if matters {
		return finding.Error
	}
	return finding.Warning
}

func (f *flow) checkWide(p *actionlint.Permissions, matters bool) {
	if p != nil && p.All != nil && strings.EqualFold(p.All.Value, "write-all") {
		f.report(finding.PermissionsWriteAll, p.All.Pos, detail{severity: unlessMatters(matters), found: "permissions: write-all", wanted: "the permissions that are needed"})
	}
}

// grants reports whether p lets a job have an identity.
func grants(p *actionlint.Permissions) bool {
	if p == nil {
		return false
	}
	if p.All != nil {
		return strings.EqualFold(p.All.Value, "write-all")
	}
	s := p.Scopes["id-token"]
	return s != nil && s.Value != nil && strings.EqualFold(s.Value.Value, "write")
}

func scopeAt(p *actionlint.Permissions) *actionlint.Pos {
	if s := p.Scopes["id-token"]; s != nil && s.Name != nil {
		return s.Name.Pos
	}
	return p.Pos
}

// permissions returns what j's token may do, and nil if the repository decides.
func (f *flow) permissions(j *job) *actionlint.Permissions {
	if j.Permissions != nil {
		return j.Permissions
	}
	return f.wf.Permissions
}

// checkToken compares a job's right to an identity with its use of one.
func (f *flow) checkToken(j *job) {
	if grants(f.permissions(j)) && f.does(j, "run") {
		at := j.Pos
		if p := j.Permissions; p != nil {
			at = scopeAt(p)
		}
		f.report(finding.BuildSigns, at, detail{severity: finding.Warning, found: "id-token: write for job " + j.id + ", which runs sallyport run", wanted: "id-token: write in a job after it"})
	}
	if f.lacksToken(j) {
		d := detail{found: "job " + j.id + " signs without id-token: write", wanted: "id-token: write"}
		if !f.does(j, "attest", "approve", "reject") {
			d.found = "job " + j.id + " enters without id-token: write"
			d.message = "the job enters, but may not ask for the token that says which job it is, so it can never enter"
		}
		f.report(finding.IDTokenMissing, j.Pos, d)
		return
	}
	own := j.Permissions != nil && j.Permissions.All == nil && grants(j.Permissions)
	if own && j.WorkflowCall == nil && !f.usesToken(j) {
		f.report(finding.IDTokenUnused, scopeAt(j.Permissions), detail{severity: unlessMatters(f.signs() && !f.strange(j)), found: "id-token: write for job " + j.id, wanted: "id-token: write in the signing job only"})
	}
}

// signing are the things of ours that need an identity.
var signing = []string{"attest", "approve", "reject", "release", "rollback"}

// entering are those that go by the environment in the job's identity.
var entering = []string{"enter", "entered", "failed"}

// signs reports whether any job signs in the workflow's name.
func (f *flow) signs() bool {
	return slices.ContainsFunc(f.jobs, func(j *job) bool { return f.does(j, signing...) })
}

// lacksToken reports whether j signs or enters, but cannot. A called workflow
// without permissions has its caller's.
func (f *flow) lacksToken(j *job) bool {
	_, called := f.wf.FindWorkflowCallEvent()
	p := f.permissions(j)
	if called && p == nil || grants(p) {
		return false
	}
	return f.does(j, entering...) || f.does(j, "attest", "approve", "reject") && !f.brings(j)
}

// brings reports whether j has a token from elsewhere.
func (f *flow) brings(j *job) bool {
	return slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool {
		return s != nil && f.variable(j, s, "SIGSTORE_ID_TOKEN") != ""
	})
}

// tokenUsers are actions that ask for the job's identity, by how they begin.
var tokenUsers = []string{"aws-actions/", "google-github-actions/", "azure/", "pypa/gh-action-pypi-publish", "actions/attest", "actions/deploy-pages",
	"sigstore/", "hashicorp/vault-action", "slsa-framework/", "docker/", "codecov/", "rubygems/", "jfrog/", "octo-sts/", "cloudsmith-io/", "npm/",
	"rust-lang/crates-io-auth-action", "nuget/login", "tailscale/", "chainguard-dev/", "octopusdeploy/", "pulumi/"}

// tokenWords stand in scripts that ask for the job's identity.
var tokenWords = []string{"ACTIONS_ID_TOKEN_REQUEST", "cosign", "npm publish", "npm stage", "pnpm publish", "goreleaser", "twine", "uv publish", "gitsign", "getIDToken", "pulumi", "vault "}

// usesToken reports whether j has a use for the identity that it may ask for.
func (f *flow) usesToken(j *job) bool {
	return f.does(j, signing...) || f.does(j, entering...) || slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool {
		switch e := exec(s).(type) {
		case *actionlint.ExecAction:
			return e.Uses != nil && f.asks(e)
		case *actionlint.ExecRun:
			return e.Run != nil && slices.ContainsFunc(tokenWords, func(w string) bool { return strings.Contains(e.Run.Value, w) })
		}
		return true
	})
}

// strange reports whether j has an action that nothing is known of.
func (f *flow) strange(j *job) bool {
	return slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool {
		e, ok := exec(s).(*actionlint.ExecAction)
		return ok && e.Uses != nil && f.effective(j, s)
	})
}

// asks reports whether an action asks for the identity, as far as its name
// tells. What a path or an image does cannot be seen.
func (f *flow) asks(e *actionlint.ExecAction) bool {
	if strings.Contains(input(e.Inputs, "script"), "getIDToken") {
		return true
	}
	r := parseUses(e.Uses.Value)
	if _, ours := f.ours(e.Uses); r.image || r.local && !ours {
		return true
	}
	return slices.ContainsFunc(tokenUsers, func(u string) bool {
		return strings.HasPrefix(r.repository+"/", u) || strings.HasPrefix(r.repository, u)
	})
}

func (f *flow) callsGuarded(j *job) bool {
	for _, in := range j.WorkflowCall.Inputs {
		if in != nil && in.Value != nil && slices.ContainsFunc(f.want.Environments, func(e string) bool { return strings.EqualFold(e, in.Value.Value) }) {
			return true
		}
	}
	return false
}

// checkTriggers judges who can start what signs, judges or approves.
func (f *flow) checkTriggers() {
	var events []string
	for _, e := range f.wf.On {
		events = append(events, eventName(e))
	}
	for i, e := range events {
		if e == "pull_request_target" && (f.matters() || f.anyToken()) {
			f.report(finding.PullRequestTarget, eventAt(f.wf.On[i]), detail{found: "on: pull_request_target", wanted: "push, release or workflow_dispatch"})
		}
	}
	if len(events) == 1 && events[0] == "workflow_dispatch" {
		return
	}
	for _, j := range f.jobs {
		if i := slices.IndexFunc(j.Steps, func(s *actionlint.Step) bool { v := f.verb(j, s); return v == "approve" || v == "reject" }); i >= 0 {
			f.report(finding.ApproveTrigger, j.Steps[i].Pos, detail{found: "on: " + strings.Join(events, ", "), wanted: "on: workflow_dispatch"})
		}
	}
}

func (f *flow) anyToken() bool {
	return grants(f.wf.Permissions) || slices.ContainsFunc(f.jobs, func(j *job) bool { return grants(j.Permissions) })
}

func eventName(e actionlint.Event) string {
	if w, ok := e.(*actionlint.WebhookEvent); ok && (w == nil || w.Hook == nil) {
		return ""
	}
	return e.EventName()
}

func eventAt(e actionlint.Event) *actionlint.Pos {
	if w, ok := e.(*actionlint.WebhookEvent); ok && w != nil {
		return w.Pos
	}
	return nil
}
