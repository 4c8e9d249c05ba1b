package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// environment is the answer of the environments API, with what the library's
// own type cannot tell apart: absent from empty.
type environment struct {
	ID              int64         `json:"id"`
	Name            string        `json:"name"`
	ProtectionRules *[]rule       `json:"protection_rules"`
	AdminsBypass    *bool         `json:"can_admins_bypass"`
	BranchPolicy    *branchPolicy `json:"deployment_branch_policy"`
}

type branchPolicy struct {
	ProtectedBranches bool `json:"protected_branches"`
	Custom            bool `json:"custom_branch_policies"`
}

type rule struct {
	Type              string     `json:"type"`
	WaitTimer         int        `json:"wait_timer"`
	PreventSelfReview bool       `json:"prevent_self_review"`
	Reviewers         []reviewer `json:"reviewers"`
}

// reviewer is a user or a team whom the platform asks.
type reviewer struct {
	Type     string `json:"type"`
	Reviewer struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Slug  string `json:"slug"`
	} `json:"reviewer"`
}

// rule returns the rule of a type, or an empty one.
func (e environment) rule(kind string) rule {
	if e.ProtectionRules != nil {
		for _, r := range *e.ProtectionRules {
			if r.Type == kind {
				return r
			}
		}
	}
	return rule{}
}

// reviewers is how many are asked; one of them is enough.
func (e environment) reviewers() int { return len(e.rule("required_reviewers").Reviewers) }

// bypass says whether administrators may pass by. Where the API does not say,
// nobody knows.
func (e environment) bypass() policy.Bypass {
	switch {
	case e.AdminsBypass == nil:
		return policy.BypassUnknown
	case *e.AdminsBypass:
		return policy.BypassOn
	}
	return policy.NoBypass
}

// customRules is the answer about rules that apps enforce; those do not appear
// among protection_rules.
type customRules struct {
	Rules []struct {
		Enabled bool `json:"enabled"`
		App     struct {
			Slug string `json:"slug"`
		} `json:"app"`
	} `json:"custom_deployment_protection_rules"`
}

// selection is the answer about the branches and tags that may enter, where
// somebody selected them.
type selection struct {
	Total    int             `json:"total_count"`
	Policies []branchPattern `json:"branch_policies"`
}

// words tells a selection, and whether it keeps somebody out: one that is not
// known whole, or has a pattern for every name, selects nothing.
func (s selection) words() (string, bool) {
	if len(s.Policies) != s.Total || len(s.Policies) == 0 {
		return "selected branches and tags, of which not all are known", false
	}
	for _, p := range s.Policies {
		if p.everybody() {
			return fmt.Sprintf("a branch policy with pattern %q, which keeps nobody out", p.Name), false
		}
	}
	return "selected branches and tags only", true
}

// Environment asks how an environment is protected, and begins a new look at
// it: what can change is asked anew. Who must not know is not told "no": 401
// and 403 are unavailable, with the permission that is missing.
func (repo *Repo) Environment(ctx context.Context, name string) (policy.Protection, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	if err := environmentName(name); err != nil {
		return policy.Protection{}, err
	}
	repo.known.again()
	// A run has no variables here that come before its own configuration.
	p := policy.Protection{Setting: repo.setting(name), Variables: policy.Variables{Nobody: true}}
	e, found, err := repo.environment(ctx, name)
	if err != nil {
		return policy.Protection{}, err
	}
	if !found {
		p.State, p.Found = policy.Missing, fmt.Sprintf("no environment %+q that this token may see", name)
		return p, nil
	}
	if e.Name == "" {
		return policy.Protection{}, client.Proxied("the GitHub API", "without the name of the environment")
	}
	if e.Name != name {
		// The API folds case; the environment of a job is taken literally.
		p.State, p.Found = policy.Missing, fmt.Sprintf("an environment %+q, not %+q", e.Name, name)
		return p, nil
	}
	if e.ID > 0 {
		p.ID = strconv.FormatInt(e.ID, 10)
	}
	p.Bypass, p.Asked, p.Self = e.bypass(), e.reviewers() > 0, !e.rule("required_reviewers").PreventSelfReview
	a, err := repo.asked(ctx, e)
	if err != nil {
		return policy.Protection{}, err
	}
	var o others
	if !a.enough() || p.Self {
		// Reviewers protect it already; what else does is asked by Audit.
		if o, err = repo.otherRules(ctx, e); err != nil {
			return policy.Protection{}, err
		}
	}
	return judge(p, e, a, o), nil
}

// askedPeople are who is asked for a review, as far as somebody can be known.
type askedPeople struct {
	users  int
	teams  []string       // of two members or more
	people map[int64]bool // members of teams, and users
	unseen []string       // teams whose members this token may not see
	idle   []string       // in words, who is asked and is nobody who could decide
}

// enough reports whether there is somebody who could say no.
func (a askedPeople) enough() bool { return a.users+len(a.teams)+len(a.unseen) > 0 }

// asked finds out who is asked. A team of one is one person under another name:
// who keeps the list of its members decides who that is. A team whose members
// this token may not see counts whole.
func (repo *Repo) asked(ctx context.Context, e environment) (askedPeople, error) {
	a := askedPeople{people: map[int64]bool{}}
	s := refSurvey{repo: repo}
	for _, r := range e.rule("required_reviewers").Reviewers {
		name := repo.owner + "/" + r.Reviewer.Slug
		switch {
		case r.Reviewer.ID <= 0 || r.Type == "Team" && r.Reviewer.Slug == "":
			a.idle = append(a.idle, "a review by nobody")
			continue
		case r.Type != "Team":
			a.users++
			a.people[r.Reviewer.ID] = true
			continue
		}
		path := "orgs/" + repo.owner + "/teams/" + url.PathEscape(r.Reviewer.Slug) + "/members?per_page=100"
		x, err := s.look(ctx, path)
		if err != nil {
			return a, err
		}
		if !x.found {
			a.unseen = append(a.unseen, name)
			continue
		}
		members, _, err := entries[user](repo, x, "")
		if err != nil {
			return a, err
		}
		if len(members) < 2 {
			a.idle = append(a.idle, fmt.Sprintf("a review by team %s, which has %s", name,
				plural(len(members), "member")))
			continue
		}
		a.teams = append(a.teams, name)
		for _, m := range members {
			a.people[m.ID] = true
		}
	}
	return a, nil
}

func (repo *Repo) environmentPath(name string) string {
	return repo.at("environments/%s", url.PathEscape(name))
}

func (repo *Repo) environment(ctx context.Context, name string) (e environment, found bool, err error) {
	a, err := repo.once(ctx, repo.environmentPath(name), readActions)
	if err != nil || !a.found {
		return environment{}, false, err
	}
	if err := repo.read(a, &e); err != nil {
		return environment{}, false, err
	}
	repo.known.meet(e.teams())
	return e, true, nil
}

// EnvironmentNumber is that of an environment; "" where there is none of this very name.
func (repo *Repo) EnvironmentNumber(ctx context.Context, name string) (string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	if err := environmentName(name); err != nil {
		return "", err
	}
	e, found, err := repo.environment(ctx, name)
	if err != nil || !found || e.Name != name || e.ID <= 0 {
		return "", err
	}
	return strconv.FormatInt(e.ID, 10), nil
}

// teams are the teams that it asks, each with its number.
func (e environment) teams() []string {
	var out []string
	for _, r := range e.rule("required_reviewers").Reviewers {
		if r.Type == "Team" && r.Reviewer.ID > 0 {
			out = append(out, r.Reviewer.Slug+"#"+strconv.FormatInt(r.Reviewer.ID, 10))
		}
	}
	return out
}

// others are what may protect an environment besides reviewers.
type others struct {
	custom    customRules
	unseen    bool // the custom rules
	selection selection
	protected policy.Known // some branch of the repository is
}

// otherRules asks for what the answer about an environment leaves out.
func (repo *Repo) otherRules(ctx context.Context, e environment) (o others, err error) {
	path := repo.environmentPath(e.Name)
	a, err := repo.once(ctx, path+"/deployment_protection_rules", readActions)
	if err != nil {
		return o, err
	}
	if o.unseen = !a.found; a.found {
		if err := repo.read(a, &o.custom); err != nil {
			return o, err
		}
	}
	switch b := e.BranchPolicy; {
	case b == nil:
		return o, nil
	case b.ProtectedBranches:
		o.protected, err = repo.anyProtected(ctx)
		return o, err
	case !b.Custom:
		return o, nil
	}
	if a, err = repo.once(ctx, path+"/deployment-branch-policies?per_page=100", readActions); err != nil || !a.found {
		return o, err
	}
	return o, repo.read(a, &o.selection)
}

// anyProtected says whether a branch of the repository is protected. While none
// is, "protected branches only" lets every branch in
// (https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments).
func (repo *Repo) anyProtected(ctx context.Context) (policy.Known, error) {
	s := refSurvey{repo: repo}
	a, err := s.look(ctx, repo.at("branches")+"?protected=true&per_page=1")
	if err != nil || !a.found {
		return policy.Unanswered, err
	}
	all, _, err := entries[struct {
		Protected bool `json:"protected"`
	}](repo, a, "")
	return policy.KnownAs(len(all) > 0 && all[0].Protected), err
}

// environmentName refuses names that would be another path of the API.
func environmentName(name string) error {
	bad := name == "" || name == "." || name == ".." || len(name) > 255 || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if bad {
		return fault.New(fault.Usage, fault.Config, "", "environment %q is not a name of one", name)
	}
	return nil
}

func (repo *Repo) setting(name string) string {
	return fmt.Sprintf("Settings > Environments > %s > Required reviewers (%s)", name, repo.web("/settings/environments"))
}

// judge sorts rules into those that keep something out, those that do not, and
// those that nobody here knows. Only the first protect.
func judge(p policy.Protection, e environment, a askedPeople, o others) policy.Protection {
	idle := a.idle
	p.People, p.Unseen = len(a.people), a.unseen
	reviewed := 0
	if e.ProtectionRules != nil {
		for _, r := range *e.ProtectionRules {
			words, protects := r.words(e, a, o)
			if protects && r.Type == "required_reviewers" {
				reviewed++
			}
			switch {
			case protects:
				p.Rules = append(p.Rules, words)
			case words != "":
				idle = append(idle, words)
			}
		}
	}
	if o.unseen {
		idle = append(idle, "apps that decide, of which nothing is known")
	}
	for _, r := range o.custom.Rules {
		if r.Enabled {
			p.Rules = append(p.Rules, fmt.Sprintf("app %q decides", r.App.Slug))
		} else {
			idle = append(idle, fmt.Sprintf("app %q, switched off", r.App.Slug))
		}
	}
	p.State, p.ByReview = policy.Protected, reviewed == len(p.Rules)
	if len(p.Rules) == 0 || e.ProtectionRules == nil {
		p.State, p.Rules = policy.Unprotected, nil
		p.Found = "no rule that keeps anybody out"
		if len(idle) > 0 {
			p.Found += ", only: " + strings.Join(idle, ", ")
		}
	}
	return p
}

// words tells a rule, and whether it keeps somebody out.
func (r rule) words(e environment, a askedPeople, o others) (string, bool) {
	switch r.Type {
	case "required_reviewers":
		if len(r.Reviewers) == 0 {
			return "a review by nobody", false
		}
		if !a.enough() {
			return "", false // its reviewers are told one by one
		}
		w := "1 approval of " + plural(len(r.Reviewers), "reviewer")
		if r.PreventSelfReview {
			w += ", not of who started the run"
		}
		return w, true
	case "branch_policy":
		switch b := e.BranchPolicy; {
		case b != nil && b.ProtectedBranches:
			return map[policy.Known]string{
				policy.Yes: "protected branches only", policy.No: "protected branches only, and none is protected", policy.Unanswered: "protected branches only, of which nothing is known",
			}[o.protected], o.protected == policy.Yes
		case b != nil && b.Custom:
			return o.selection.words()
		}
		return "a branch policy without a branch", false
	case "wait_timer":
		return fmt.Sprintf("a wait of %s, which keeps nobody out", plural(r.WaitTimer, "minute")), false
	}
	return fmt.Sprintf("an unknown rule %q", r.Type), false
}

func plural(n int, s string) string {
	if n == 1 {
		return "1 " + s
	}
	return fmt.Sprintf("%d %ss", n, s)
}

// statusOf returns the status of an answer that the library made an error of,
// or 0.
func statusOf(err error) int {
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

// unanswered tells garbage, which is refused, from silence.
func (repo *Repo) unanswered(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return client.Proxied("the GitHub API", "with something that is not the JSON of its documentation")
	}
	err = client.Unanswered("the GitHub API", err)
	var busy *client.Busy
	if f := fault.Of(err); errors.As(err, &busy) && !busy.Known && repo.Need != "" {
		return fault.New(f.Kind, f.Code, f.Hint+", or "+repo.Need, "%w", err)
	}
	return err
}
