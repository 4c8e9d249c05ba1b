package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// audit gathers findings about the settings.
type audit struct {
	repo *Repo
	all  []finding.Finding
}

func (a *audit) add(f finding.Finding) { a.all = append(a.all, f.By(finding.Settings)) }

// Audit holds the settings against what the policy wants of them, as far as the
// API shows them to this token. What cannot be seen is said so.
func (repo *Repo) Audit(ctx context.Context, wants []doctor.Want) ([]finding.Finding, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	repo.known.again()
	a := &audit{repo: repo}
	guarded := false
	for _, w := range wants {
		if w.Unguarded {
			continue
		}
		protected, err := a.environment(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("looking at environment %q: %w", w.Environment, err)
		}
		guarded = guarded || protected
	}
	for _, look := range []func(context.Context) error{a.workflowToken, a.pinning} {
		if err := look(ctx); err != nil {
			return nil, err
		}
	}
	if guarded {
		if err := a.secrets(ctx); err != nil {
			return nil, err
		}
	}
	return a.all, a.branches(ctx, wants)
}

// environment says whether it is protected at all.
func (a *audit) environment(ctx context.Context, w doctor.Want) (bool, error) {
	if err := environmentName(w.Environment); err != nil {
		return false, err
	}
	e, found, err := a.repo.environment(ctx, w.Environment)
	if err != nil {
		return false, err
	}
	if !found || e.Name != w.Environment {
		a.add(finding.Finding{
			Rule: finding.EnvironmentMissing, Code: fault.EnvUnprotected, Message: fmt.Sprintf("there is no environment %q; the first job that names it makes it, without protection", w.Environment),
			Hint: "make it and protect it: sallyport settings apply",
		})
		return false, nil
	}
	o, err := a.repo.otherRules(ctx, e)
	if err != nil {
		return false, err
	}
	who, err := a.repo.asked(ctx, e)
	if err != nil {
		return false, err
	}
	p := judge(policy.Protection{Self: !e.rule("required_reviewers").PreventSelfReview}, e, who, o)
	a.protection(w, e, p)
	a.bypass(w, e)
	a.entrance(w, e, o.selection)
	a.reviewers(w, e)
	return p.State == policy.Protected, nil
}

func (a *audit) protection(w doctor.Want, e environment, p policy.Protection) {
	name := w.Environment
	if e.ProtectionRules != nil {
		for _, r := range *e.ProtectionRules {
			if !slices.Contains([]string{"required_reviewers", "wait_timer", "branch_policy"}, r.Type) {
				a.add(finding.Finding{Rule: finding.EnvironmentUnprotected, Code: fault.EnvUnprotected, Severity: finding.Note,
					Message: fmt.Sprintf("environment %q has a rule that is not known here, and does not count as protection", name), Found: fmt.Sprintf("%q", r.Type)})
			}
		}
	}
	switch {
	case p.State == policy.Protected && p.ByReview && p.Self && !w.SelfReview:
		a.add(finding.Finding{Rule: finding.EnvironmentSelfReview, Code: fault.EnvUnprotected,
			Message: fmt.Sprintf("who starts a run may review it in environment %q, and nothing else protects that", name),
			Found: strings.Join(p.Rules,
				", "), Wanted: "a review of somebody else", Hint: "switch on Prevent self-review: " + a.repo.setting(name)})
	case p.State == policy.Protected:
	case e.rule("wait_timer").WaitTimer > 0:
		a.add(finding.Finding{Rule: finding.EnvironmentWaitOnly, Code: fault.ApprovalMissing, Message: fmt.Sprintf("environment %q only waits; nobody is asked and nobody is kept out", name),
			Found: p.Found, Wanted: "required reviewers or selected branches", Hint: a.repo.setting(name)})
	default:
		a.add(finding.Finding{Rule: finding.EnvironmentUnprotected, Code: fault.EnvUnprotected, Message: fmt.Sprintf("environment %q is not protected", name),
			Found: p.Found, Wanted: "required reviewers or selected branches", Hint: a.repo.setting(name)})
	}
}

func (a *audit) bypass(w doctor.Want, e environment) {
	if !w.NoBypass {
		return
	}
	f := finding.Finding{Rule: finding.EnvironmentBypass, Code: fault.Bypass, Wanted: "off",
		Hint: "switch off Settings > Environments > " + w.Environment + " > Allow administrators to bypass configured protection rules"}
	switch e.bypass() {
	case policy.BypassOn:
		f.Message, f.Found = fmt.Sprintf("administrators may pass the rules of environment %q by", w.Environment), "on"
	case policy.BypassUnknown:
		f.Message, f.Found = fmt.Sprintf("GitHub does not say whether administrators may pass the rules of environment %q by", w.Environment), "unknown"
	default:
		return
	}
	a.add(f)
}

// entrance looks at which branches and tags may enter.
func (a *audit) entrance(w doctor.Want, e environment, s selection) {
	if len(w.Refs) == 0 {
		return
	}
	f := finding.Finding{Rule: finding.EnvironmentBranches, Code: fault.EnvUnprotected, Severity: finding.Warning, Wanted: strings.Join(w.Refs, ", "), Hint: "sallyport settings apply"}
	switch b := e.BranchPolicy; {
	case b == nil || !b.ProtectedBranches && !b.Custom:
		f.Message, f.Found = fmt.Sprintf("every branch may deploy to environment %q, with a workflow of its own", w.Environment), "no branch policy"
	case b.ProtectedBranches:
		if !slices.ContainsFunc(w.Refs, func(r string) bool { return strings.HasPrefix(r, "refs/tags/") }) {
			return
		}
		f.Message, f.Found = fmt.Sprintf("environment %q lets no tags in, and the policy builds from tags", w.Environment), "protected branches only"
	default:
		words, closed := s.words()
		missing := s.missing(w.Refs)
		if closed && len(missing) == 0 {
			return
		}
		f.Found = words
		f.Message = fmt.Sprintf("the branch policy of environment %q keeps nobody out", w.Environment)
		if closed {
			f.Message = fmt.Sprintf("environment %q does not let in what the policy builds from", w.Environment)
			f.Found = "no pattern for " + strings.Join(missing, ", ")
		}
	}
	a.add(f)
}

// missing are the refs that have no pattern of their own.
func (s selection) missing(refs []string) []string {
	var out []string
	for _, ref := range refs {
		p, ok := patternOf(ref)
		if ok && !slices.ContainsFunc(s.Policies, p.same) {
			out = append(out, ref)
		}
	}
	return out
}

// reviewers holds those who are asked against those whom the policy names.
func (a *audit) reviewers(w doctor.Want, e environment) {
	if len(w.Reviewers) == 0 {
		return
	}
	f := finding.Finding{Rule: finding.EnvironmentReviewers, Code: fault.ApprovalMissing, Hint: "sallyport settings apply"}
	rule := e.rule("required_reviewers")
	want, _ := a.repo.wantedReviewers(nil, w)
	f.Wanted = names(want)
	if len(rule.Reviewers) == 0 {
		f.Message, f.Found = fmt.Sprintf("the policy counts reviews, and environment %q asks nobody for one", w.Environment), "nobody"
		a.add(f)
		return
	}
	var now []asked
	for _, r := range rule.Reviewers {
		now = append(now, asked{r.Type, r.Reviewer.ID, r.Reviewer.Login + r.Reviewer.Slug})
	}
	f.Severity, f.Found = finding.Warning, names(now)
	for _, x := range want {
		if !slices.ContainsFunc(now, x.same) {
			f.Message = fmt.Sprintf("environment %q does not ask everybody whose review the policy counts", w.Environment)
			a.add(f)
			break
		}
	}
	for _, x := range now {
		if !slices.ContainsFunc(want, x.same) {
			g := f
			g.Message, g.Hint = fmt.Sprintf("environment %q asks somebody whose review the policy does not count", w.Environment), "take the others away: "+a.repo.setting(w.Environment)
			a.add(g)
			break
		}
	}
	if w.NoSelf && !rule.PreventSelfReview {
		a.add(finding.Finding{Rule: finding.EnvironmentReviewers, Code: fault.Duties, Severity: finding.Warning,
			Message: fmt.Sprintf("who starts a run may review it in environment %q", w.Environment), Found: "prevent self-review is off", Wanted: "on", Hint: "sallyport settings apply"})
	}
	if n := a.repo.people(w); n > maxReviewers {
		// How many the platform asks is no threat of its own.
		a.all = append(a.all, finding.Finding{Rule: finding.EnvironmentReviewers, Code: fault.ApprovalMissing, Severity: finding.Warning,
			Message: fmt.Sprintf("the policy names %d reviewers for environment %q, and GitHub asks at most six", n, w.Environment),
			Hint:    "name a team, or count signed approvals"})
	}
}

// people is how many users and teams a policy wants to be asked.
func (repo *Repo) people(w doctor.Want) int {
	var all []asked
	for _, r := range w.Reviewers {
		for _, m := range r.Members {
			if x, ok := repo.reviewer(m); ok && !slices.ContainsFunc(all, x.same) {
				all = append(all, x)
			}
		}
	}
	return len(all)
}

func names(all []asked) string {
	var out []string
	for _, x := range all {
		out = append(out, fmt.Sprintf("%s#%d", x.name, x.ID))
	}
	if len(out) == 0 {
		return "nobody"
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// setting reads a setting of the repository. What may not be seen is a note,
// never silence; ok is false then.
func (a *audit) setting(ctx context.Context, path, what, need string, v any) (ok bool, err error) {
	x, err := a.repo.raw(ctx, path)
	switch {
	case err != nil:
		return false, err
	case x.found:
		return true, a.repo.read(x, v)
	case x.status == http.StatusUnauthorized, x.status == http.StatusForbidden, x.status == http.StatusNotFound:
		a.add(finding.Finding{Rule: finding.CannotSee, Code: fault.NotAvailable, Severity: finding.Note, Message: what + " cannot be seen with this token: needs " + need, Hint: "give SALLYPORT_TOKEN a token with " + need})
		return false, nil
	}
	return false, client.Status("the GitHub API", x.status, string(readAdmin))
}

func (a *audit) workflowToken(ctx context.Context) error {
	var s struct {
		Default string `json:"default_workflow_permissions"`
		Approve bool   `json:"can_approve_pull_request_reviews"`
	}
	ok, err := a.setting(ctx, a.repo.at("actions/permissions/workflow"), "the permissions of workflow tokens", "`administration: read`", &s)
	if err != nil || !ok {
		return err
	}
	hint := "set it in " + a.repo.web("/settings/actions")
	if s.Default != "read" {
		a.add(finding.Finding{Rule: finding.TokenWrite, Code: fault.Lint, Severity: finding.Warning, Message: "the token of a workflow may write unless the workflow says otherwise", Found: s.Default, Wanted: "read", Hint: hint})
	}
	if s.Approve {
		a.add(finding.Finding{Rule: finding.TokenWrite, Threat: "I05", Code: fault.Lint, Severity: finding.Warning, Message: "workflows may approve pull requests", Found: "on", Wanted: "off", Hint: hint})
	}
	return nil
}

func (a *audit) pinning(ctx context.Context) error {
	var s struct {
		Pinned bool `json:"sha_pinning_required"`
	}
	ok, err := a.setting(ctx, a.repo.at("actions/permissions"), "whether actions must be pinned", "`administration: read`", &s)
	if err != nil || !ok || s.Pinned {
		return err
	}
	a.add(finding.Finding{Rule: finding.ActionsUnpinned, Code: fault.Lint, Severity: finding.Note, Message: "workflows may use actions that are not pinned to a commit", Found: "off", Wanted: "on",
		Hint: "require it in " + a.repo.web("/settings/actions")})
	return nil
}

// secrets looks for secrets that every workflow can read while an environment
// is guarded. Only their names are ever shown.
func (a *audit) secrets(ctx context.Context) error {
	var s struct {
		Total   int `json:"total_count"`
		Secrets []struct {
			Name string `json:"name"`
		} `json:"secrets"`
	}
	path := a.repo.at("actions/secrets") + "?per_page=100"
	ok, err := a.setting(ctx, path, "the repository's secrets", "`secrets: read`", &s)
	if err != nil || !ok || s.Total == 0 && len(s.Secrets) == 0 {
		return err
	}
	var all []string
	for _, x := range s.Secrets {
		all = append(all, x.Name)
	}
	if len(all) < s.Total {
		all = append(all, fmt.Sprintf("and %d more", s.Total-len(all)))
	}
	a.add(finding.Finding{Rule: finding.SecretsEverywhere, Code: fault.Lint, Severity: finding.Warning,
		Message: "secrets of the repository are open to every workflow, and pass by every environment", Found: strings.Join(all, ", "), Wanted: "secrets of the environment", Hint: "move what deploys into the environment: " + a.repo.web("/settings/secrets/actions")})
	return nil
}

// branches looks at the branches that the policy builds from.
func (a *audit) branches(ctx context.Context, wants []doctor.Want) error {
	var seen []string
	for _, w := range wants {
		for _, ref := range w.Refs {
			name, ok := strings.CutPrefix(ref, "refs/heads/")
			if !ok || strings.ContainsAny(name, "*?[]{}") || slices.Contains(seen, name) {
				continue
			}
			seen = append(seen, name)
			s := refSurvey{repo: a.repo}
			known, err := s.kept(ctx, name)
			if err != nil {
				return err
			}
			if known == policy.Unanswered {
				a.add(finding.Finding{Rule: finding.CannotSee, Code: fault.NotAvailable, Severity: finding.Note,
					Message: "how branch " + name + " is protected cannot be seen with this token: needs `contents: read`, " + s.Why,
					Hint:    "give SALLYPORT_TOKEN a token with `contents: read`; where the plan protects no refs, say ref-protection: none under built-by"})
			}
			if known == policy.No {
				a.add(finding.Finding{Rule: finding.BranchUnprotected, Code: fault.Lint,
					Severity: finding.Warning, Message: fmt.Sprintf("branch %q, which the policy builds from, is not protected, so what is built there is denied", name),
					Found: "anybody who may write may push to it", Wanted: "reviewed requests only", Hint: "protect it in " + a.repo.web("/settings/rules")})
			}
		}
	}
	return nil
}
