package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const (
	maintainer = 40
	noPlan     = "this plan of GitLab has no protected environments: use signed approvals (protection: approvals)"
)

// A draft is a plan together with what would be written. It holds nothing that
// takes a rule away or makes one smaller.
type draft struct {
	plan    doctor.Plan
	create  bool    // the environment
	protect bool    // it is not protected yet
	rules   []entry // to add, or with a number to raise
	deploy  []entry // to add to a protected environment that lets nobody deploy
	noSelf  bool
	given   string // the lowest role that may give a pipeline variables, to set
}

// Plan says how the project's settings would become what the policy asks.
func (repo *Repo) Plan(ctx context.Context, want doctor.Want) (doctor.Plan, error) {
	d, _, err := repo.draft(ctx, want)
	return d.plan, err
}

// Apply makes the changes of Plan, reads everything again and compares. What
// GitLab took without keeping it is an error that names it.
func (repo *Repo) Apply(ctx context.Context, want doctor.Want) (doctor.Plan, error) {
	d, before, err := repo.draft(ctx, want)
	if err != nil {
		return doctor.Plan{}, err
	}
	if err := repo.write(ctx, want.Environment, d); err != nil {
		return doctor.Plan{}, err
	}
	left, after, err := repo.draft(ctx, want)
	if err != nil {
		return doctor.Plan{}, err
	}
	var wrong []string
	for _, c := range left.plan.Changes {
		wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", c.Setting, c.Now, c.Want))
	}
	wrong = append(wrong, weaker(before, after)...)
	if len(wrong) > 0 {
		return doctor.Plan{}, fault.New(fault.Refused, fault.EnvUnprotected, "look at "+repo.setting(want.Environment), "after writing, GitLab kept something else: %s", strings.Join(wrong, "; "))
	}
	return d.plan, nil
}

// weaker names what protected the environment before and does not any more.
func weaker(before, after wall) []string {
	var out []string
	if before.own == nil {
		return nil
	}
	if after.own == nil {
		return []string{"the environment is no longer protected"}
	}
	for _, r := range before.own.Rules {
		if find(after.own.Rules, r).Required < r.Required {
			out = append(out, fmt.Sprintf("%d approvals of %s are gone", r.Required, r.who()))
		}
	}
	if after.own.Count < before.own.Count {
		out = append(out, fmt.Sprintf("%d approvals are %d", before.own.Count, after.own.Count))
	}
	for _, l := range after.own.Deploy {
		if len(before.own.Deploy) > 0 && !slices.ContainsFunc(before.own.Deploy, l.samePeople) {
			out = append(out, l.who()+" may deploy now")
		}
	}
	return out
}

func (e entry) samePeople(o entry) bool {
	return e.User == o.User && e.Group == o.Group && e.Level == o.Level
}

// find returns the rule about the same people that asks most.
func find(all []entry, about entry) entry {
	var best entry
	for _, r := range all {
		if r.samePeople(about) && (best.ID == 0 || r.Required > best.Required) {
			best = r
		}
	}
	return best
}

func (repo *Repo) write(ctx context.Context, name string, d draft) error {
	if d.create {
		if err := repo.send(ctx, http.MethodPost, repo.project("/environments"), map[string]any{"name": name}); err != nil {
			return err
		}
	}
	body := map[string]any{}
	if len(d.rules) > 0 {
		body["approval_rules"] = d.rules
	}
	if len(d.deploy) > 0 {
		body["deploy_access_levels"] = d.deploy
	}
	method, path := http.MethodPut, repo.project("/protected_environments/"+gitlab.PathEscape(name))
	if d.protect {
		method, path = http.MethodPost, repo.project("/protected_environments")
		body["name"] = name
	}
	if len(body) > 0 {
		if err := repo.send(ctx, method, path, body); err != nil {
			return err
		}
	}
	project := map[string]any{}
	if d.noSelf {
		project["allow_pipeline_trigger_approve_deployment"] = false
	}
	if d.given != "" {
		project["restrict_user_defined_variables"], project["ci_pipeline_variables_minimum_override_role"] = true, d.given
	}
	if len(project) > 0 {
		return repo.send(ctx, http.MethodPut, repo.project(""), project)
	}
	return nil
}

func (repo *Repo) draft(ctx context.Context, want doctor.Want) (draft, wall, error) {
	d := draft{plan: doctor.Plan{Environment: want.Environment}}
	if err := environmentName(want.Environment); err != nil {
		return d, wall{}, err
	}
	if _, err := repo.settings(); err != nil {
		return d, wall{}, err
	}
	w, err := repo.wall(ctx, want.Environment)
	if err != nil {
		return d, w, err
	}
	if w.other != "" {
		return d, w, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with environment %q, asked for %q", w.other, want.Environment)
	}
	d.close(want, w)
	if want.Unguarded {
		return d, w, nil
	}
	d.create = w.env == nil
	if d.create {
		d.change("environment "+want.Environment, "none", "an environment")
	}
	paid, err := repo.paid(ctx, w)
	if err != nil {
		return d, w, err
	}
	if !paid {
		d.plan.Cannot = append(d.plan.Cannot, noPlan)
		return d, w, nil
	}
	d.guard(want, w)
	if want.NoSelf && w.self {
		d.noSelf = true
		d.change("approval by who started the pipeline", "allowed", "not allowed")
	}
	open, err := repo.open(ctx, want.Refs)
	if err != nil && !hidden(err) {
		return d, w, err
	}
	for _, r := range open {
		d.plan.Cannot = append(d.plan.Cannot, fmt.Sprintf("keep other refs than %s out: an environment of GitLab has no list of refs; protect that ref, and let the policy name it", r))
	}
	return d, w, nil
}

func (d *draft) change(setting, now, want string) {
	d.plan.Changes = append(d.plan.Changes, doctor.Change{Setting: setting, Now: now, Want: want})
}

// close plans who may give a pipeline variables: nobody, or no role below the
// one that the policy accepts.
func (d *draft) close(want doctor.Want, w wall) {
	v := w.variables
	switch {
	case v.Nobody, v.Least == "" && want.Variables == "unchecked", enough(v.Least, want.Variables):
		return
	case v.Least == "":
		d.plan.Cannot = append(d.plan.Cannot, "see who may give a pipeline variables ("+v.Found+"): "+v.Need+"; an instance before 17.1 has no such setting (pipeline-variables: unchecked)")
		return
	}
	d.given = nobodyMay
	if levels[want.Variables] > 0 {
		d.given = want.Variables
	}
	d.change("lowest role that may give a pipeline variables", v.Found, d.given)
}

// guard plans the protection of the environment and its rules.
func (d *draft) guard(want doctor.Want, w wall) {
	own := guarded{}
	if w.own != nil {
		own = *w.own
	}
	d.protect = w.own == nil
	if len(own.Deploy) == 0 {
		d.deploy = []entry{{Level: maintainer}}
		d.change("who may deploy", "everybody", "Maintainers")
	}
	for _, r := range want.Reviewers {
		rules, cannot := w.rulesFor(r)
		if cannot != "" {
			d.plan.Cannot = append(d.plan.Cannot, cannot)
		}
		for _, e := range rules {
			d.raise(find(own.Rules, e), e)
		}
	}
}

// raise plans one rule: a new one, or more approvals for the one that is there.
func (d *draft) raise(now, want entry) {
	setting := "approvals of " + want.who()
	switch {
	case now.Required >= want.Required:
		return
	case now.ID == 0:
		d.change(setting, "no rule", strconv.Itoa(want.Required))
	default:
		d.change(setting, strconv.Itoa(now.Required), strconv.Itoa(want.Required))
		want = entry{ID: now.ID, User: now.User, Group: now.Group, Level: now.Level, Inheritance: now.Inheritance, Required: want.Required}
	}
	if i := slices.IndexFunc(d.rules, want.samePeople); i >= 0 {
		d.rules[i].Required = max(d.rules[i].Required, want.Required)
		return
	}
	d.rules = append(d.rules, want)
}

// rulesFor writes reviewers as rules of GitLab, each of which is about one
// user, one group or one role: some of several cannot be said there.
func (w wall) rulesFor(r doctor.Reviewers) (rules []entry, cannot string) {
	var all []entry
	var names []string
	for _, m := range r.Members {
		names = append(names, m.String())
		id, err := strconv.ParseInt(m.ID, 10, 64)
		switch {
		case m.Host != w.host: // a number there is somebody else's here
			return nil, fmt.Sprintf("ask %s, who is of %s and not of %s; use signed approvals for it", m, m.Host, w.host)
		case m.Kind == policy.MemberTeam && err == nil && id > 0:
			e := entry{Group: id, Required: r.Count}
			if m.Reach == policy.Inherited {
				e.Inheritance = 1
			}
			all = append(all, e)
		case m.Kind == policy.MemberUser && err == nil && id > 0:
			all = append(all, entry{User: id, Required: 1})
		case m.Kind == policy.MemberRole && (m.Name == "developer" || m.Name == "maintainer"):
			all = append(all, entry{Level: levels[m.Name], Required: r.Count})
		default:
			return nil, fmt.Sprintf("ask %s: a rule of GitLab is about a user, a group, developers or maintainers; use signed approvals for it", m)
		}
	}
	switch {
	case r.Count <= 0 || len(all) == 0:
		return nil, ""
	case len(all) == 1 && all[0].User == 0, allUsers(all) && r.Count == len(all):
		return all, ""
	}
	return nil, fmt.Sprintf("ask %d of %s: a rule of GitLab is about one user, one group or one role; put them into one group and name that, or count signed approvals", r.Count, strings.Join(names, ", "))
}

func allUsers(all []entry) bool {
	return !slices.ContainsFunc(all, func(e entry) bool { return e.User == 0 })
}

// paid says whether this plan has protected environments at all: the endpoint
// is not there without.
func (repo *Repo) paid(ctx context.Context, w wall) (bool, error) {
	if w.own != nil || len(w.groups) > 0 {
		return true, nil
	}
	_, err := list[guarded](ctx, repo, question{path: repo.project("/protected_environments"), hint: readSettings})
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// A pattern is a protected branch or tag, whose name may hold asterisks.
type pattern struct {
	Name string `json:"name"`
	Push []struct {
		Level *int   `json:"access_level"`
		User  *int64 `json:"user_id"`
		Group *int64 `json:"group_id"`
		Key   *int64 `json:"deploy_key_id"`
	} `json:"push_access_levels"` // of a branch
}

// open returns which of these refs nothing protects.
func (repo *Repo) open(ctx context.Context, refs []string) ([]string, error) {
	var out []string
	for _, r := range refs {
		kind, name := "/protected_branches", strings.TrimPrefix(r, "refs/heads/")
		if tag, ok := strings.CutPrefix(r, "refs/tags/"); ok {
			kind, name = "/protected_tags", tag
		}
		all, err := list[pattern](ctx, repo, question{path: repo.project(kind), hint: readSettings})
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(p pattern) bool { return covers(p.Name, name) }) {
			out = append(out, r)
		}
	}
	return out, nil
}

// covers says whether a pattern of GitLab, in which an asterisk is any text,
// matches every name that another pattern matches.
func covers(wide, narrow string) bool {
	w, n, star, mark := 0, 0, -1, 0
	for n < len(narrow) {
		switch {
		case w < len(wide) && wide[w] == '*':
			star, mark = w, n
			w++
		case w < len(wide) && wide[w] == narrow[n]: // an asterisk of narrow takes one of wide
			w++
			n++
		case star >= 0:
			mark++
			w, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(wide[w:], "*") == ""
}

var errInvalid = errors.New("the pipeline's configuration is not valid")

// Merged returns the configuration of the project's pipeline on ref, with
// everything that it includes, as GitLab would run it.
func (repo *Repo) Merged(ctx context.Context, ref string) ([]byte, error) {
	q := question{path: repo.project("/ci/lint"), hint: readFacts}
	if ref != "" {
		q.query = map[string][]string{"content_ref": {ref}}
	}
	l, err := one[struct {
		Valid  *bool    `json:"valid"`
		Errors []string `json:"errors"`
		Merged string   `json:"merged_yaml"`
	}](ctx, repo, q)
	switch {
	case err != nil:
		return nil, err
	case l.Valid == nil || !*l.Valid:
		return nil, fault.New(fault.Refused, fault.Lint, "mend the pipeline's configuration first", "%w: %q", errInvalid, l.Errors[:min(5, len(l.Errors))])
	}
	return []byte(l.Merged), nil
}
