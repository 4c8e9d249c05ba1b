package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const (
	readSettings = "give SALLYPORT_TOKEN scope read_api and role Maintainer in this project"
	maxGroups    = 20 // as deep as groups can be
)

// A guarded environment is a protected one, of a project by name or of a group
// by tier.
type guarded struct {
	Name   string  `json:"name"`
	Deploy []entry `json:"deploy_access_levels"`
	Rules  []entry `json:"approval_rules"`
	Count  int     `json:"required_approval_count"`
}

// An entry says whom one rule is about: a user, a group, or everybody with an
// access level.
type entry struct {
	ID          int64  `json:"id,omitempty"`
	User        int64  `json:"user_id,omitempty"`
	Group       int64  `json:"group_id,omitempty"`
	Level       int    `json:"access_level,omitempty"`
	Inheritance int    `json:"group_inheritance_type,omitempty"`
	Required    int    `json:"required_approvals,omitempty"`
	Description string `json:"access_level_description,omitempty"`
}

func (e entry) who() string {
	switch {
	case e.Description != "":
		return e.Description
	case e.User != 0:
		return fmt.Sprintf("user %d", e.User)
	case e.Group != 0:
		return fmt.Sprintf("group %d", e.Group)
	}
	return fmt.Sprintf("access level %d", e.Level)
}

// An environment is one as it stands, protected or not.
type environment struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Tier string `json:"tier"`
}

// A home is the project's own record, as far as it matters here.
type home struct {
	ID        int64  `json:"id"`
	Path      string `json:"path_with_namespace"`
	Default   string `json:"default_branch"`
	Self      *bool  `json:"allow_pipeline_trigger_approve_deployment"`
	Restrict  *bool  `json:"restrict_user_defined_variables"`
	Override  string `json:"ci_pipeline_variables_minimum_override_role"`
	Namespace space  `json:"namespace"`
}

// A space is the user or group that a project or group is in.
type space struct {
	ID     int64  `json:"id"`
	Parent int64  `json:"parent_id"`
	Kind   string `json:"kind"`
	Path   string `json:"full_path"`
}

// here asks for the project. An answer about another one is refused.
func (repo *Repo) here(ctx context.Context) (home, error) {
	h, err := one[home](ctx, repo, question{path: repo.project("")})
	switch {
	case err != nil:
		return home{}, err
	case h.ID <= 0 || projectID().MatchString(repo.id) && itoa(h.ID) != repo.id:
		return home{}, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with project %d, asked for %s", h.ID, repo.id)
	}
	return h, nil
}

// Environment asks how an environment is protected: by the project, and by the
// groups above it as far as the token may see. Who must not know is not told
// "no": 401 and 403 are unavailable, with the permission that is missing. It begins
// a new look: what can change is asked anew.
func (repo *Repo) Environment(ctx context.Context, name string) (policy.Protection, error) {
	if err := environmentName(name); err != nil {
		return policy.Protection{}, err
	}
	repo.memory.again()
	if _, err := repo.settings(); err != nil {
		return policy.Protection{}, err
	}
	w, err := repo.wall(ctx, name)
	if err == nil {
		err = repo.people(ctx, &w)
	}
	if err != nil {
		return policy.Protection{}, err
	}
	return w.judge(repo.setting(name)), nil
}

func (repo *Repo) setting(name string) string {
	return fmt.Sprintf("Settings > CI/CD > Protected environments > %s (%s)", name, repo.web("/-/settings/ci_cd#js-protected-environments-settings"))
}

// A wall is everything that stands around an environment.
type wall struct {
	name   string
	host   string       // base URL of the server that accounts and groups are of
	env    *environment // nil: there is none of this name
	own    *guarded     // nil: the project does not protect it
	other  string       // the name of the one that was answered instead
	groups []guarded    // of groups above, with the path of the group as name
	self   bool         // who started the pipeline may approve

	variables   policy.Variables
	memberships map[crowd]membership
}

func (repo *Repo) wall(ctx context.Context, name string) (wall, error) {
	w := wall{name: name, host: repo.server.String()}
	own, err := one[guarded](ctx, repo, question{path: repo.project("/protected_environments/" + gitlab.PathEscape(name)), hint: readSettings})
	switch {
	case err == nil && own.Name == "":
		return wall{}, client.Proxied("the GitLab API", "without the name of the environment")
	case err == nil && own.Name == name:
		w.own = &own
	case err == nil:
		w.other = own.Name
	case !absent(err):
		return wall{}, err
	}
	if w.env, err = repo.environment(ctx, name); err != nil {
		return wall{}, err
	}
	h, err := repo.here(ctx)
	if err != nil {
		return wall{}, err
	}
	// Without the field nobody keeps who started a pipeline from approving.
	w.self = h.Self == nil || *h.Self
	w.variables = repo.variables(h)
	if w.env != nil {
		w.groups, err = repo.above(ctx, h.Namespace, w.env.Tier)
	}
	return w, err
}

// membership is who is in a group that is asked for approvals.
type membership struct {
	size   int
	unseen bool // this token may not list them
}

// people asks who the groups in approval rules are, each once.
func (repo *Repo) people(ctx context.Context, w *wall) error {
	w.memberships = map[crowd]membership{}
	for _, g := range w.all() {
		for _, r := range g.Rules {
			if _, known := w.memberships[r.crowd()]; known || r.Group == 0 || r.Required == 0 {
				continue
			}
			m, err := repo.membership(ctx, r.crowd())
			if err != nil {
				return err
			}
			w.memberships[r.crowd()] = m
		}
	}
	return nil
}

// A crowd is whom a rule about a group means.
type crowd struct {
	group int64
	reach policy.Reach
}

// crowd: without its mark, a rule means the direct members alone
// (https://docs.gitlab.com/api/protected_environments/#group-inheritance-types).
func (e entry) crowd() crowd {
	if e.Inheritance == 1 {
		return crowd{e.Group, policy.Inherited}
	}
	return crowd{e.Group, policy.Direct}
}

// membership counts who of a crowd may be a person: nobody does whom the platform
// calls a machine, or who was not asked about.
func (repo *Repo) membership(ctx context.Context, c crowd) (membership, error) {
	all, err := list[member](ctx, repo, question{path: fmt.Sprintf("groups/%d", c.group) + listed[c.reach]})
	if hidden(err) {
		return membership{unseen: true}, nil
	}
	if err != nil {
		return membership{}, err
	}
	who, err := repo.sorted(ctx, repo.present(all, 1))
	size := 0
	for _, a := range who {
		if a.Kind == policy.Human {
			size++
		}
	}
	return membership{size: size}, err
}

// all are the protections of the project and of the groups above it.
func (w wall) all() []guarded {
	if w.own == nil {
		return w.groups
	}
	return append(slices.Clone(w.groups), *w.own)
}

// enough reports whether a lowest role is not below the one that a policy accepts.
func enough(least, accepted string) bool {
	return levels[accepted] > 0 && levels[least] >= levels[accepted]
}

// nobodyMay is how the API says that nobody may give a pipeline variables.
const nobodyMay = "no_one_allowed"

// variables says who may give a pipeline variables, which come after nearly
// everything else that a job is given and before its first script. The role
// counts only where the restriction is on
// (https://docs.gitlab.com/ci/variables/#restrict-pipeline-variables).
func (repo *Repo) variables(h home) policy.Variables {
	v := policy.Variables{Setting: "Settings > CI/CD > Variables > Minimum role to use pipeline variables (" + repo.web("/-/settings/ci_cd#js-cicd-variables-settings") + ")", Need: readSettings}
	switch role := h.Override; {
	case h.Restrict == nil || role == "":
		v.Found = "an answer without restrict_user_defined_variables or ci_pipeline_variables_minimum_override_role"
	case !*h.Restrict:
		v.Least, v.Found = "developer", "restrict_user_defined_variables is off"
	case role == nobodyMay:
		v.Nobody = true
	case role == "developer", role == "maintainer", role == "owner":
		v.Least, v.Found = role, "minimum role "+role
	default:
		v.Found = fmt.Sprintf("minimum role %q", role)
	}
	return v
}

func (repo *Repo) environment(ctx context.Context, name string) (*environment, error) {
	all, err := list[environment](ctx, repo, question{path: repo.project("/environments"), query: url.Values{"name": {name}}, hint: readSettings})
	if err != nil && !absent(err) {
		return nil, err
	}
	for _, e := range all {
		if e.Name == name {
			return &e, nil
		}
	}
	return nil, nil
}

// EnvironmentNumber is that of an environment; "" where there is none of this name.
func (repo *Repo) EnvironmentNumber(ctx context.Context, name string) (string, error) {
	e, err := repo.environment(ctx, name)
	if err != nil || e == nil {
		return "", err
	}
	return itoa(e.ID), nil
}

// above asks the groups above the project about a tier. Their settings belong
// to their owners, so a group that is hidden is no error: what it would forbid,
// GitLab forbids without us.
func (repo *Repo) above(ctx context.Context, s space, tier string) ([]guarded, error) {
	var all []guarded
	for range maxGroups {
		if s.ID <= 0 || tier == "" || s.Kind == "user" {
			return all, nil
		}
		g, err := one[guarded](ctx, repo, question{path: fmt.Sprintf("groups/%d/protected_environments/%s", s.ID, gitlab.PathEscape(tier))})
		switch {
		case err == nil && g.Name == tier:
			g.Name = s.Path
			all = append(all, g)
		case err != nil && !hidden(err):
			return nil, err
		}
		if s.Parent <= 0 {
			return all, nil
		}
		up, err := one[space](ctx, repo, question{path: "groups/" + itoa(s.Parent)})
		if hidden(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		s = up
	}
	return all, nil
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

// judge puts what protects an environment into words. An environment that is
// protected by no rule at all is not protected. Instance administrators may
// approve whatever the rules say; no setting takes that from them, and every
// approval is judged by itself.
func (w wall) judge(setting string) policy.Protection {
	p := policy.Protection{Setting: setting, Bypass: policy.NoBypass, Self: w.self, Variables: w.variables}
	if w.env != nil && w.env.ID > 0 {
		p.ID = itoa(w.env.ID)
	}
	reviews := 0
	for i, g := range w.all() {
		prefix := ""
		if i < len(w.groups) {
			prefix = "group " + g.Name + ": "
		}
		asked := w.asked(g, prefix, &p)
		reviews += len(asked)
		p.Rules = append(append(p.Rules, g.words(prefix)...), asked...)
	}
	p.Asked, p.ByReview = reviews > 0, reviews == len(p.Rules)
	switch {
	case len(p.Rules) > 0 && (w.own != nil || w.env != nil):
		p.State = policy.Protected
	case w.other != "":
		p.State, p.Found = policy.Unprotected, fmt.Sprintf("a protected environment %+q, not %+q", w.other, w.name)
	case w.own != nil:
		p.State, p.Found = policy.Unprotected, "no rule that keeps anybody out"
	case w.env != nil:
		p.State, p.Hidden = policy.Unprotected, true
		p.Found = "an environment of which GitLab shows this token no protection (404)"
	default:
		p.State, p.Found = policy.Missing, fmt.Sprintf("no environment %+q that this token may see", w.name)
	}
	return p
}

func (g guarded) words(prefix string) []string {
	var all []string
	for _, l := range g.Deploy {
		if !l.nobody() {
			all = append(all, prefix+"may deploy: "+l.who())
		}
	}
	return all
}

// nobody says whether an entry is about no user, no group and no level.
func (e entry) nobody() bool { return e.User == 0 && e.Group == 0 && e.Level == 0 }

// asked tells which approvals g wants of people who can be more than one person
// under another name, and counts them in p. A group of one is one person: who
// keeps the list of its members decides who that is. A group whose members this
// token may not list counts whole.
func (w wall) asked(g guarded, prefix string, p *policy.Protection) []string {
	var all []string
	for _, r := range g.Rules {
		c := w.memberships[r.crowd()]
		switch {
		case r.Required == 0 || r.nobody() || r.Group != 0 && !c.unseen && c.size < 2:
			continue
		case r.User != 0:
			p.People++
		case r.Group != 0 && c.unseen:
			p.Unseen = append(p.Unseen, r.who())
		case r.Group != 0:
			p.People += c.size
		default:
			p.People += r.Required
		}
		all = append(all, fmt.Sprintf("%s%d approvals of %s", prefix, r.Required, r.who()))
	}
	if g.Count > 0 {
		p.People += g.Count
		all = append(all, fmt.Sprintf("%s%d approvals", prefix, g.Count))
	}
	return all
}

func isType[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}
