package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// maxRulesets bounds how many rulesets of tags are read, one by one: the list
// of them leaves out which tags they are about.
const maxRulesets = 20

// Branch rules that keep commits out, or keep those that came in; a rule about
// names or messages alone is none
// (https://docs.github.com/rest/repos/rules, types of rules).
var branchRules = []string{"update", "pull_request", "merge_queue", "required_status_checks",
	"required_deployments", "workflows", "code_scanning", "non_fast_forward"}

// Ref says how the ref and the branch of a build are protected now: by a
// branch protection or by a ruleset. What this token may not see is unanswered,
// with the reason; silence is an error.
func (repo *Repo) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	s := refSurvey{repo: repo, Ref: policy.Ref{Query: q}}
	ours, err := s.ours(ctx)
	if err != nil || !ours {
		return s.Ref, err
	}
	tag, isTag := strings.CutPrefix(q.Ref, "refs/tags/")
	branch, isBranch := strings.CutPrefix(q.Ref, "refs/heads/")
	if q.Branch != "" {
		if err := s.branch(ctx); err != nil {
			return s.Ref, err
		}
	}
	switch {
	case q.Open:
	case isBranch && branch == s.Branch:
		s.Protected = s.Kept
	case isBranch:
		s.Protected, err = s.kept(ctx, branch)
	case isTag && !s.OnProtected():
		if s.Protected, err = s.ruled(ctx, tag); err == nil && q.Branch == "" && s.Protected != policy.Yes {
			err = s.branch(ctx)
		}
	}
	return s.Ref, err
}

// refSurvey is a policy.Ref while it is asked for.
type refSurvey struct {
	repo *Repo
	policy.Ref
}

// unseen says that an answer did not come because of a status.
func (s *refSurvey) unseen(what string, status int) policy.Known {
	s.Why, s.Need = fmt.Sprintf("the GitHub API answered %d about %s", status, what), s.repo.hint(status, readContents)
	return policy.Unanswered
}

// look asks for something that some tokens may see and others not.
func (s *refSurvey) look(ctx context.Context, path string) (answer, error) {
	repo := s.repo
	if a, ok := repo.known.find(path, repo.Now()); ok {
		return a, nil
	}
	a, err := repo.raw(ctx, path)
	switch {
	case err != nil:
		return answer{}, err
	case !a.found && !slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, a.status):
		return answer{}, client.Status("the GitHub API", a.status, "")
	}
	repo.known.put(path, a)
	return a, nil
}

// ours reports whether the question is about this repository, by its number
// too, and whether this token may see it.
func (s *refSurvey) ours(ctx context.Context) (bool, error) {
	q, repo := s.Query, s.repo
	if !strings.EqualFold(q.Repository, repo.web("")) {
		s.Why = fmt.Sprintf("it is of %s, and %s was asked", q.Repository, repo.web(""))
		return false, nil
	}
	if q.Head != "" && !fullSHA().MatchString(q.Head) {
		return false, fault.New(fault.Refused, fault.Source, "", "commit %q, want its full name", q.Head)
	}
	id := repo.id
	if id == "" {
		a, err := s.look(ctx, repo.at(""))
		if err != nil {
			return false, err
		}
		if !a.found {
			s.unseen("repository "+repo.web(""), a.status)
			return false, nil
		}
		r, err := repo.repository(ctx)
		if err != nil {
			return false, err
		}
		id = strconv.FormatInt(r.ID, 10)
	}
	if q.ID != "" && q.ID != id {
		return false, fault.New(fault.Refused, fault.Source, "",
			"repository %q is number %s, want %s: the name was given to another", q.Repository, id, q.ID)
	}
	return true, nil
}

// branch finds the branch that the commit has to be on, whether it is, and how
// the branch is protected.
func (s *refSurvey) branch(ctx context.Context) error {
	q, repo := s.Query, s.repo
	name, err := repo.branchOf(ctx, policy.ChangeQuery{Ref: q.Ref, Head: q.Head, Branch: q.Branch})
	if err != nil {
		return err
	}
	s.Branch = name
	if name == q.Branch && q.Pattern() {
		s.On = policy.No // none of the pattern has it
		return nil
	}
	a, err := s.look(ctx, repo.at("branches/%s", escaped(name)))
	if err != nil {
		return err
	}
	if !a.found && a.status != http.StatusNotFound {
		s.On = s.unseen("branch "+name, a.status)
		return nil
	}
	tip, err := repo.tip(ctx, name)
	if err != nil {
		return err
	}
	on := tip != "" && tip == q.Head
	if tip != "" && !on {
		if on, err = repo.on(ctx, q.Head, tip); err != nil {
			return err
		}
	}
	s.On = policy.KnownAs(on)
	if on && !q.Open {
		s.Kept, err = s.kept(ctx, name)
	}
	return err
}

// kept says whether a branch is protected, by a branch protection or by the
// rulesets that apply to it. A branch that is not there, or not shown, is not
// known to be.
func (s *refSurvey) kept(ctx context.Context, name string) (policy.Known, error) {
	repo := s.repo
	path := repo.at("branches/%s", escaped(name))
	a, err := s.look(ctx, path)
	if err != nil {
		return policy.Unanswered, err
	}
	if !a.found {
		return s.unseen("branch "+name, a.status), nil
	}
	var b struct {
		Name      string `json:"name"`
		Protected *bool  `json:"protected"`
	}
	if err := repo.read(a, &b); err != nil {
		return policy.Unanswered, err
	}
	if b.Name != name {
		return policy.Unanswered, fault.New(fault.Refused, fault.Malformed, "",
			"asked for branch %q, the GitHub API answered with %q", name, b.Name)
	}
	if b.Protected != nil && *b.Protected {
		repo.known.hold(path, repo.Now().Add(seldom))
		return policy.Yes, nil
	}
	return s.rules(ctx, name)
}

// rules says whether a ruleset keeps a branch. The answer has no rule of a
// ruleset that is switched off or only tried out.
func (s *refSurvey) rules(ctx context.Context, name string) (policy.Known, error) {
	repo := s.repo
	path := repo.at("rules/branches/%s", escaped(name)) + "?per_page=100"
	a, err := s.look(ctx, path)
	if err != nil {
		return policy.Unanswered, err
	}
	if !a.found {
		return s.unseen("the rules of branch "+name, a.status), nil
	}
	all, _, err := entries[struct {
		Type string `json:"type"`
	}](repo, a, "")
	if err != nil {
		return policy.Unanswered, err
	}
	for _, r := range all {
		if slices.Contains(branchRules, r.Type) {
			repo.known.hold(path, repo.Now().Add(seldom))
			return policy.Yes, nil
		}
	}
	return policy.No, nil
}

// ruleset is one set of rules, with the refs that it is about.
type ruleset struct {
	ID          int64  `json:"id"`
	Target      string `json:"target"`
	Enforcement string `json:"enforcement"`
	Conditions  *struct {
		Refs *struct {
			Include []string `json:"include"`
			Exclude []string `json:"exclude"`
		} `json:"ref_name"`
	} `json:"conditions"`
	Rules []struct {
		Type string `json:"type"`
	} `json:"rules"`
}

// about reports whether s is in force for a tag. Of a pattern, the narrow
// reading counts where it includes, and the wide one where it excludes.
func (r ruleset) about(ref string) bool {
	if r.Target != "tag" || r.Enforcement != "active" || r.Conditions == nil || r.Conditions.Refs == nil {
		return false
	}
	c := r.Conditions.Refs
	return slices.ContainsFunc(c.Include, func(p string) bool { return p == "~ALL" || subject.Match(p, ref) }) &&
		!slices.ContainsFunc(c.Exclude, func(p string) bool { return strings.HasPrefix(p, "~") || mayMatch(p, ref) })
}

// mayMatch reports whether a pattern matches a ref in any reading of it: what
// is before its first special character is all that is believed.
func mayMatch(pattern, ref string) bool {
	return pattern == ref || strings.ContainsAny(pattern, `*?[{\`) && strings.HasPrefix(ref, subject.Literal(pattern))
}

// ruled says whether a ruleset keeps people from making a tag: who may make one
// of any commit can have anything built under its name, whatever else is
// forbidden. Branch protections say nothing about tags.
func (s *refSurvey) ruled(ctx context.Context, tag string) (policy.Known, error) {
	repo := s.repo
	list := repo.at("rulesets") + "?includes_parents=true&targets=tag&per_page=100"
	a, err := s.look(ctx, list)
	if err != nil {
		return policy.Unanswered, err
	}
	if !a.found {
		return s.unseen("the rulesets of "+repo.web(""), a.status), nil
	}
	all, _, err := entries[ruleset](repo, a, "")
	if err != nil {
		return policy.Unanswered, err
	}
	read := 0
	for _, r := range all {
		if r.Target != "tag" || r.Enforcement != "active" {
			continue
		}
		if read++; read > maxRulesets {
			s.Why = fmt.Sprintf("there are more than %d rulesets for tags", maxRulesets)
			return policy.Unanswered, nil
		}
		path := repo.at("rulesets/%d", r.ID) + "?includes_parents=true"
		a, err := s.look(ctx, path)
		if err != nil {
			return policy.Unanswered, err
		}
		if !a.found {
			s.unseen(fmt.Sprintf("ruleset %d", r.ID), a.status)
			continue
		}
		var whole ruleset
		if err := repo.read(a, &whole); err != nil {
			return policy.Unanswered, err
		}
		creation := slices.ContainsFunc(whole.Rules, func(r struct {
			Type string `json:"type"`
		}) bool {
			return r.Type == "creation"
		})
		if whole.ID == r.ID && creation && whole.about("refs/tags/"+tag) {
			repo.known.hold(list, repo.Now().Add(seldom))
			repo.known.hold(path, repo.Now().Add(seldom))
			return policy.Yes, nil
		}
	}
	if s.Why != "" {
		return policy.Unanswered, nil
	}
	return policy.No, nil
}
