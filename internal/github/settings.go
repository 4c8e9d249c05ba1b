package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxReviewers is how many the platform asks at most.
const maxReviewers = 6

// settings are an environment's, whole: what is left out of a request is reset.
type settings struct {
	Exists    bool            `json:"-"`
	WaitTimer int             `json:"wait_timer"`
	NoSelf    bool            `json:"prevent_self_review"`
	Reviewers []asked         `json:"reviewers"`
	Branches  *branchPolicy   `json:"deployment_branch_policy"`
	Bypass    *bool           `json:"can_admins_bypass,omitempty"`
	Patterns  []branchPattern `json:"-"`
}

// asked is somebody whom the platform asks.
type asked struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
	name string
}

func (s asked) same(o asked) bool { return s.Type == o.Type && s.ID == o.ID }

type branchPattern struct {
	ID   int64  `json:"id,omitempty"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (b branchPattern) same(o branchPattern) bool {
	return b.Name == o.Name && cmp.Or(b.Type, "branch") == cmp.Or(o.Type, "branch")
}

// everybody says whether the pattern is one for every name.
func (b branchPattern) everybody() bool { return strings.Trim(b.Name, "*?/") == "" }

// read asks for an environment's settings now.
func (repo *Repo) settings(ctx context.Context, name string) (settings, error) {
	if err := environmentName(name); err != nil {
		return settings{}, err
	}
	repo.known.again()
	e, found, err := repo.environment(ctx, name)
	if err != nil || !found {
		return settings{}, err
	}
	if e.Name != name {
		return settings{}, fault.New(fault.Usage, fault.Config, "rename one of them", "there is an environment %+q, which the API takes for %+q", e.Name, name)
	}
	rule := e.rule("required_reviewers")
	s := settings{Exists: true, WaitTimer: e.rule("wait_timer").WaitTimer, NoSelf: rule.PreventSelfReview, Branches: e.BranchPolicy, Bypass: e.AdminsBypass}
	for _, r := range rule.Reviewers {
		s.Reviewers = append(s.Reviewers, asked{r.Type, r.Reviewer.ID, cmp.Or(r.Reviewer.Login, r.Reviewer.Slug)})
	}
	if s.Branches == nil || !s.Branches.Custom {
		return s, nil
	}
	s.Patterns, _, err = list[branchPattern](ctx, repo, inquiry{path: repo.environmentPath(name) + "/deployment-branch-policies", key: "branch_policies", need: readActions}, nil)
	return s, err
}

// wanted returns the settings that the policy asks for. What is stronger now
// stays: a longer wait, protected branches, other reviewers while there is
// room.
func (repo *Repo) wanted(now settings, want doctor.Want) (settings, []string) {
	s := now
	s.Exists = true
	s.NoSelf = now.NoSelf || want.NoSelf
	if want.NoBypass {
		s.Bypass = new(bool)
	}
	var cannot []string
	s.Reviewers, cannot = repo.wantedReviewers(now.Reviewers, want)
	if len(s.Reviewers) == 0 && !now.NoSelf {
		s.NoSelf = false // the platform keeps it with the reviewers
	}
	branches, patterns, more := wantedBranches(now, want.Refs)
	s.Branches, s.Patterns = branches, patterns
	return s, append(cannot, more...)
}

func (repo *Repo) wantedReviewers(now []asked, want doctor.Want) (out []asked, cannot []string) {
	for _, r := range want.Reviewers {
		if r.Count > 1 {
			cannot = append(cannot, "GitHub asks at most six reviewers and is content with one: Sallyport counts the rest")
		}
		for _, m := range r.Members {
			x, ok := repo.reviewer(m)
			switch {
			case !ok && m.Host == repo.host():
				cannot = append(cannot, fmt.Sprintf("GitHub asks users and teams, and %s is neither: count it with signed approvals", m))
			case ok && !slices.ContainsFunc(out, x.same):
				out = append(out, x)
			}
		}
	}
	if len(out) > maxReviewers {
		cannot = append(cannot, "GitHub asks at most six reviewers and is content with one: Sallyport counts the rest")
		out = out[:maxReviewers]
	}
	for _, x := range now {
		if len(out) < maxReviewers && !slices.ContainsFunc(out, x.same) {
			out = append(out, x)
		}
	}
	slices.Sort(cannot)
	return out, slices.Compact(cannot)
}

// reviewer is a member as the platform asks one; roles and addresses are not
// asked.
func (repo *Repo) reviewer(m policy.Member) (asked, bool) {
	id, err := strconv.ParseInt(m.ID, 10, 64)
	if err != nil || id <= 0 || m.Host != repo.host() {
		return asked{}, false
	}
	switch m.Kind {
	case policy.MemberUser:
		return asked{"User", id, m.Name}, true
	case policy.MemberTeam:
		return asked{"Team", id, m.Name}, true
	}
	return asked{}, false
}

func wantedBranches(now settings, refs []string) (*branchPolicy, []branchPattern, []string) {
	var patterns []branchPattern
	var cannot []string
	for _, ref := range refs {
		p, ok := patternOf(ref)
		if !ok {
			cannot = append(cannot, fmt.Sprintf("GitHub lets branches and tags into an environment, and %q is neither", ref))
			continue
		}
		patterns = append(patterns, p)
	}
	switch {
	case len(patterns) == 0:
		return now.Branches, now.Patterns, cannot
	case now.Branches != nil && now.Branches.ProtectedBranches:
		if slices.ContainsFunc(patterns, func(p branchPattern) bool { return p.Type == "tag" }) {
			cannot = append(cannot, "the environment lets protected branches in, and no tags: release from a branch, or select branches and tags by hand")
		}
		return now.Branches, now.Patterns, cannot
	}
	out := slices.DeleteFunc(slices.Clone(now.Patterns), func(p branchPattern) bool {
		return p.everybody() && !slices.ContainsFunc(patterns, p.same)
	})
	for _, p := range patterns {
		if !slices.ContainsFunc(out, p.same) {
			out = append(out, p)
		}
	}
	return &branchPolicy{Custom: true}, out, cannot
}

func patternOf(ref string) (branchPattern, bool) {
	if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok && name != "" {
		return branchPattern{Name: name, Type: "branch"}, true
	}
	if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok && name != "" {
		return branchPattern{Name: name, Type: "tag"}, true
	}
	return branchPattern{}, false
}

// field is one setting: a key that is compared, and words for people.
type field struct{ name, key, words string }

// fields are the settings in the order in which people read them.
func (s settings) fields() []field {
	var keys, who, patterns []string
	for _, r := range s.Reviewers {
		keys = append(keys, fmt.Sprintf("%s %d", r.Type, r.ID))
		who = append(who, fmt.Sprintf("%s#%d", r.name, r.ID))
	}
	for _, p := range s.Patterns {
		patterns = append(patterns, cmp.Or(p.Type, "branch")+" "+p.Name)
	}
	for _, l := range [][]string{keys, who, patterns} {
		slices.Sort(l)
	}
	branches := "everything may enter"
	switch {
	case s.Branches != nil && s.Branches.ProtectedBranches:
		branches = "protected branches"
	case s.Branches != nil:
		branches = "selected: " + cmp.Or(strings.Join(patterns, ", "), "none")
	}
	bypass := "unknown"
	if s.Bypass != nil {
		bypass = onOff(*s.Bypass)
	}
	return []field{
		{"required reviewers", strings.Join(keys, ","), cmp.Or(strings.Join(who, ", "), "nobody")},
		{"prevent self-review", onOff(s.NoSelf), onOff(s.NoSelf)},
		{"administrators may bypass", bypass, bypass},
		{"deployment branches and tags", branches, branches},
		{"wait timer", strconv.Itoa(s.WaitTimer), plural(s.WaitTimer, "minute")},
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// differences are what has to change for now to become want. A setting that
// the platform did not tell and that nobody asks for is left alone.
func differences(now, want settings) []doctor.Change {
	var out []doctor.Change
	is := now.fields()
	for i, f := range want.fields() {
		switch {
		case want.Bypass == nil && f.name == "administrators may bypass":
		case !now.Exists:
			out = append(out, doctor.Change{Setting: f.name, Now: "no such environment", Want: f.words})
		case is[i].key != f.key:
			out = append(out, doctor.Change{Setting: f.name, Now: is[i].words, Want: f.words})
		}
	}
	return out
}

// Plan says how the environment's settings would become what the policy asks.
func (repo *Repo) Plan(ctx context.Context, want doctor.Want) (doctor.Plan, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	p, _, _, err := repo.plan(ctx, want)
	return p, err
}

func (repo *Repo) plan(ctx context.Context, want doctor.Want) (doctor.Plan, settings, settings, error) {
	if want.Unguarded {
		return doctor.Plan{Environment: want.Environment}, settings{}, settings{}, nil
	}
	now, err := repo.settings(ctx, want.Environment)
	if err != nil {
		return doctor.Plan{}, settings{}, settings{}, err
	}
	p := doctor.Plan{Environment: want.Environment}
	if !now.Exists {
		a, err := repo.once(ctx, repo.at("environments")+"?per_page=1", readActions)
		if err != nil {
			return doctor.Plan{}, settings{}, settings{}, err
		}
		if !a.found {
			p.Cannot = []string{"this plan has no environments on a private repository; use signed approvals (`protection: approvals`)"}
			return p, now, now, nil
		}
	}
	target, cannot := repo.wanted(now, want)
	p.Changes, p.Cannot = differences(now, target), cannot
	return p, now, target, nil
}

// Apply writes what Plan shows, reads everything again and compares. Settings
// that did not become what they should are an error that names them.
func (repo *Repo) Apply(ctx context.Context, want doctor.Want) (doctor.Plan, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	p, now, target, err := repo.plan(ctx, want)
	if err != nil || len(p.Changes) == 0 {
		return p, err
	}
	if err := repo.write(ctx, want.Environment, target); err != nil {
		return p, err
	}
	if err := repo.patterns(ctx, want.Environment, now, target); err != nil {
		return p, err
	}
	after, err := repo.settings(ctx, want.Environment)
	if err != nil {
		return p, err
	}
	var wrong []string
	for _, c := range differences(after, target) {
		wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", c.Setting, c.Now, c.Want))
	}
	if len(wrong) > 0 {
		return p, fault.New(fault.Refused, fault.EnvUnprotected, "look at "+repo.setting(want.Environment), "after writing, %q is not as wanted: %s", want.Environment, strings.Join(wrong, "; "))
	}
	return p, nil
}

// write replaces the environment's settings by all of s. The library's own call
// is not used: it lets administrators bypass where it is told nothing, and asks
// again for less when the platform refuses.
func (repo *Repo) write(ctx context.Context, name string, s settings) error {
	if s.Reviewers == nil {
		s.Reviewers = []asked{}
	}
	return repo.change(ctx, http.MethodPut, repo.environmentPath(name), s)
}

// patterns adds the patterns that are missing, and only then takes away those
// that let everybody in.
func (repo *Repo) patterns(ctx context.Context, name string, now, want settings) error {
	path := repo.environmentPath(name) + "/deployment-branch-policies"
	for _, p := range want.Patterns {
		if !slices.ContainsFunc(now.Patterns, p.same) {
			if err := repo.change(ctx, http.MethodPost, path, branchPattern{Name: p.Name, Type: p.Type}); err != nil {
				return err
			}
		}
	}
	for _, p := range now.Patterns {
		if !slices.ContainsFunc(want.Patterns, p.same) {
			if err := repo.change(ctx, http.MethodDelete, path+"/"+strconv.FormatInt(p.ID, 10), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// change sends one change of a setting.
func (repo *Repo) change(ctx context.Context, method, path string, body any) error {
	req, err := repo.gh().NewRequest(method, path, body)
	if err != nil {
		return fmt.Errorf("asking GitHub: %w", err)
	}
	_, err = repo.send(ctx, req, nil)
	switch status := statusOf(err); {
	case err == nil:
		return nil
	case status == http.StatusSeeOther:
		return nil // it was there already; what is there is compared afterwards
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return fault.New(fault.Usage, fault.Config, "give SALLYPORT_TOKEN a token of an administrator, with `administration: write`", "this token may not change settings: %s answered %d", method, status)
	case status == http.StatusUnprocessableEntity:
		return unprocessable(err)
	case status == 0:
		return repo.unanswered(err)
	default:
		return fault.New(fault.Unavailable, fault.NotAvailable, "look at the settings, and try again", "the GitHub API answered %d to %s", status, method)
	}
}

// unprocessable explains why the platform does not take the settings.
func unprocessable(err error) error {
	var answer *github.ErrorResponse
	said := ""
	if errors.As(err, &answer) {
		said = answer.Message
		for _, e := range answer.Errors {
			said += " " + e.Message
		}
	}
	switch {
	case strings.Contains(said, "can_admins_bypass"):
		return fault.New(fault.Refused, fault.Bypass, "switch it off by hand: Settings > Environments > Allow administrators to bypass", "this version of GitHub has no setting can_admins_bypass: %q", said)
	case strings.Contains(said, "plan"):
		return fault.New(fault.Refused, fault.EnvUnprotected, "use signed approvals (`protection: approvals`)", "this plan has no required reviewers on a private repository: %q", said)
	}
	return fault.New(fault.Refused, fault.Config, "", "GitHub does not take the settings: %q", said)
}
