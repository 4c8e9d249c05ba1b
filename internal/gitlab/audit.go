package gitlab

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Audit holds the project's settings against what the policy needs. What a
// token may not see is a note, never silence; an API that does not answer is an
// error.
func (repo *Repo) Audit(ctx context.Context, wants []doctor.Want) ([]finding.Finding, error) {
	if _, err := repo.settings(); err != nil {
		return nil, err
	}
	var all []finding.Finding
	for _, w := range wants {
		if err := environmentName(w.Environment); err != nil {
			return nil, err
		}
		found, err := repo.audit(ctx, w)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return finding.Sort(all), nil
}

func (repo *Repo) audit(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	type step struct {
		what string
		run  func(context.Context, doctor.Want) ([]finding.Finding, error)
	}
	steps := []step{{"who may give a pipeline variables", repo.auditGiven}}
	if !want.Unguarded {
		steps = append(steps,
			step{"how " + want.Environment + " is protected", repo.auditWall},
			step{"which tiers the group protects", repo.auditTier},
			step{"which refs are protected", repo.auditRefs},
			step{"the CI/CD variables", repo.auditVariables},
		)
	}
	var all []finding.Finding
	for _, check := range steps {
		found, err := check.run(ctx, want)
		if hidden(err) {
			found, err = []finding.Finding{unseen(check.what, err)}, nil
		}
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			all = append(all, f.By(finding.Settings))
		}
	}
	return all, nil
}

func unseen(what string, err error) finding.Finding {
	var f *fault.Fault
	hint := readSettings
	if errors.As(err, &f) && f.Hint != "" {
		hint = f.Hint
	}
	return finding.Finding{Rule: finding.CannotSee, Code: fault.NotAvailable, Severity: finding.Note, Message: what + " cannot be seen with this token", Hint: hint}
}

// auditGiven looks at who may give a pipeline variables, as a gate does.
func (repo *Repo) auditGiven(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	h, err := repo.here(ctx)
	if err != nil {
		return nil, err
	}
	v := repo.variables(h)
	f := finding.Finding{Rule: finding.PipelineVariables, Code: fault.Bypass,
		Found: v.Found, Wanted: "nobody", Hint: "sallyport settings apply, or set it: " + v.Setting,
		Message: fmt.Sprintf("people may give a pipeline variables, and so run what they like in the gate of %q (LD_PRELOAD, BASH_ENV, PATH, GIT_STRATEGY, CI_…): nothing inside the job can replace this setting", want.Environment)}
	switch {
	case v.Nobody, enough(v.Least, want.Variables), v.Least == "" && want.Variables == "unchecked":
		return nil, nil
	case v.Least == "":
		f.Rule, f.Threat, f.Severity, f.Hint = finding.CannotSee, "H14", finding.Note, v.Need+"; or look at "+v.Setting
		f.Message = "who may give a pipeline variables cannot be seen with this token"
	}
	return []finding.Finding{f}, nil
}

func (repo *Repo) auditWall(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	w, err := repo.wall(ctx, want.Environment)
	if err == nil {
		err = repo.people(ctx, &w)
	}
	if err != nil {
		return nil, err
	}
	paid, err := repo.paid(ctx, w)
	if err != nil {
		return nil, err
	}
	setting := repo.setting(want.Environment)
	var all []finding.Finding
	add := func(f finding.Finding) { all = append(all, f) }
	if w.env == nil {
		add(finding.Finding{Rule: finding.EnvironmentMissing, Code: fault.EnvUnprotected,
			Message: fmt.Sprintf("there is no environment %q; the first job that names it would make it, without protection", want.Environment), Hint: "make it and protect it: " + setting})
	}
	if !paid {
		add(finding.Finding{Rule: finding.PlanWithoutProtection, Code: fault.EnvUnprotected,
			Message: "this plan of GitLab has no protected environments", Hint: "use signed approvals (protection: approvals)"})
		return all, nil
	}
	if p := w.judge(setting); w.env != nil && p.State != policy.Protected {
		found, err := repo.auditName(ctx, want, p)
		if err != nil {
			return nil, err
		}
		add(found)
	}
	if p := w.judge(setting); p.State == policy.Protected && p.ByReview && p.Self && !want.SelfReview {
		add(finding.Finding{Rule: finding.EnvironmentSelfReview, Code: fault.EnvUnprotected,
			Message: fmt.Sprintf("who starts a pipeline may approve its deployment to %q, and nothing else protects that",
				want.Environment), Found: strings.Join(p.Rules, ", "), Wanted: "an approval of somebody else", Hint: setting})
	}
	if want.NoSelf && w.self {
		add(finding.Finding{Rule: finding.SelfApproval, Code: fault.Duties, Severity: finding.Warning,
			Message: "who started a pipeline may approve its deployment", Found: "allowed", Wanted: "not allowed",
			Hint: "switch it off in Settings > CI/CD > Protected environments (" + repo.web("/-/settings/ci_cd#js-protected-environments-settings") + ")"})
	}
	all = append(all, auditRules(want, w, setting)...)
	return all, nil
}

// auditName says why an environment is not protected. GitLab compares names
// whole, so a rule that was written with an asterisk protects nothing.
func (repo *Repo) auditName(ctx context.Context, want doctor.Want, p policy.Protection) (finding.Finding, error) {
	f := finding.Finding{Rule: finding.EnvironmentUnprotected, Threat: "H07", Code: fault.EnvUnprotected,
		Message: fmt.Sprintf("environment %q is not protected", want.Environment), Found: p.Found, Wanted: "a protected environment of this very name", Hint: "protect it: " + p.Setting}
	names, err := list[guarded](ctx, repo, question{path: repo.project("/protected_environments"), hint: readSettings})
	if err != nil {
		return f, err
	}
	for _, n := range names {
		if strings.Contains(n.Name, "*") && covers(n.Name, want.Environment) {
			f.Rule = finding.EnvironmentWildcard
			f.Found = fmt.Sprintf("protected environment %q, which is a name and not a pattern", n.Name)
		}
	}
	return f, nil
}

// auditRules compares the approval rules with the reviews that the policy asks.
func auditRules(want doctor.Want, w wall, setting string) []finding.Finding {
	var have []entry
	if w.own != nil {
		have = slices.Clone(w.own.Rules)
	}
	var all []finding.Finding
	for _, g := range w.groups {
		have = append(have, g.Rules...)
	}
	for _, r := range want.Reviewers {
		rules, _ := w.rulesFor(r)
		for _, e := range rules {
			now := find(have, e)
			if now.Required >= e.Required {
				continue
			}
			all = append(all, finding.Finding{Rule: finding.ApprovalRules, Code: fault.ApprovalMissing,
				Message: fmt.Sprintf("environment %q asks fewer approvals of %s than the policy", want.Environment, e.who()),
				Found:   fmt.Sprint(now.Required), Wanted: fmt.Sprint(e.Required), Hint: "add the rule: " + setting})
		}
	}
	return all
}

// auditTier looks for rules of the group that miss the environment because of
// its tier.
func (repo *Repo) auditTier(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	w, err := repo.wall(ctx, want.Environment)
	if err != nil || w.env == nil || len(w.groups) > 0 {
		return nil, err
	}
	h, err := repo.here(ctx)
	if err != nil || h.Namespace.ID <= 0 || h.Namespace.Kind == "user" {
		return nil, err
	}
	tiers, err := list[guarded](ctx, repo, question{path: fmt.Sprintf("groups/%d/protected_environments", h.Namespace.ID)})
	if hidden(err) || err == nil && len(tiers) == 0 {
		return nil, nil
	}
	return []finding.Finding{{Rule: finding.EnvironmentTier, Code: fault.EnvUnprotected, Severity: finding.Warning,
		Message: fmt.Sprintf("group %q protects tiers, and environment %q is of none of them", h.Namespace.Path, want.Environment),
		Found:   w.env.Tier, Wanted: "a tier that the group protects", Hint: "set deployment_tier in the job that deploys"}}, err
}

func (repo *Repo) auditRefs(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	open, err := repo.open(ctx, want.Refs)
	var all []finding.Finding
	for _, r := range open {
		all = append(all, finding.Finding{Rule: finding.RefUnprotected, Code: fault.Source, Severity: finding.Warning,
			Message: fmt.Sprintf("%s may enter %q, and nothing protects it", r, want.Environment), Hint: "protect it: Settings > Repository (" + repo.web("/-/settings/repository") + ")"})
	}
	return all, err
}

// A variable is a CI/CD variable of the project. Its value is not read.
type variable struct {
	Key       string `json:"key"`
	Protected bool   `json:"protected"`
	Masked    bool   `json:"masked"`
	Hidden    bool   `json:"hidden"`
	Scope     string `json:"environment_scope"`
}

var credential = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)token|secret|passw|credential|private|api_?key|access_?key|kubeconfig`)
})

// secret says whether a variable looks like something to keep.
func (v variable) secret() bool { return v.Masked || v.Hidden || credential().MatchString(v.Key) }

// auditVariables wants what a deployment needs to be given to jobs of protected
// refs alone, and to jobs of its environment alone. Sallyport's own variables
// are read by every job that asks.
func (repo *Repo) auditVariables(ctx context.Context, want doctor.Want) ([]finding.Finding, error) {
	vars, err := list[variable](ctx, repo, question{path: repo.project("/variables"), hint: readSettings})
	if err != nil {
		return nil, err
	}
	var bare, wide []string
	for _, v := range vars {
		switch {
		case !v.secret() || !covers(v.Scope, want.Environment):
		case !v.Protected:
			bare = append(bare, v.Key)
		case v.Scope == "*" && !strings.HasPrefix(v.Key, "SALLYPORT_") && v.Key != "GITLAB_TOKEN":
			wide = append(wide, v.Key)
		}
	}
	f := finding.Finding{Rule: finding.VariablesUnprotected, Code: fault.Leak, Severity: finding.Warning, Hint: "Settings > CI/CD > Variables (" + repo.web("/-/settings/ci_cd#js-cicd-variables-settings") + ")"}
	var all []finding.Finding
	if len(bare) > 0 {
		f.Message = fmt.Sprintf("jobs of unprotected refs get secrets that %q gets: %s", want.Environment, strings.Join(bare, ", "))
		f.Found, f.Wanted = "not protected", "protected variables"
		all = append(all, f)
	}
	if len(wide) > 0 {
		f.Message = "jobs of every environment get secrets: " + strings.Join(wide, ", ")
		f.Found, f.Wanted = "scope *", "a scope that names the environment"
		all = append(all, f)
	}
	return all, nil
}
