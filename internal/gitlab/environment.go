package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
)

const readSettings = "give SALLYPORT_TOKEN scope read_api and role Maintainer in this project"

// Environment asks how an environment is protected. Who must not know is not
// told "no": 401 and 403 are unavailable, with the permission that is missing.
// Protection by the group is out of reach here: it would need the group's
// owner's token.
func (j *Job) Environment(ctx context.Context, name string) (policy.Protection, error) {
	ctx, cancel := store.Within(ctx, j.Budget)
	defer cancel()
	if err := environmentName(name); err != nil {
		return policy.Protection{}, err
	}
	c, err := j.settings()
	if err != nil {
		return policy.Protection{}, err
	}
	p := policy.Protection{Setting: fmt.Sprintf("Settings > CI/CD > Protected environments > %s (%s)", name, j.web("/-/settings/ci_cd#js-protected-environments-settings"))}
	e, resp, err := c.ProtectedEnvironments.GetProtectedEnvironment(j.id, name, gitlab.WithContext(ctx))
	switch {
	case err != nil && status(resp, err) == http.StatusNotFound:
		return j.unprotected(ctx, c, name, p)
	case err != nil:
		return policy.Protection{}, answer(resp, err, readSettings)
	case e.Name != name:
		p.State, p.Found = policy.Unprotected, fmt.Sprintf("a protected environment %+q, not %+q", e.Name, name)
		return p, nil
	}
	return judge(p, e), nil
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

// unprotected tells an environment that nobody protects from one that is not
// there.
func (j *Job) unprotected(ctx context.Context, c *gitlab.Client, name string, p policy.Protection) (policy.Protection, error) {
	list, resp, err := c.Environments.ListEnvironments(j.id, &gitlab.ListEnvironmentsOptions{Name: &name}, gitlab.WithContext(ctx))
	if err != nil && status(resp, err) != http.StatusNotFound {
		return policy.Protection{}, answer(resp, err, readSettings)
	}
	p.State, p.Found = policy.Missing, fmt.Sprintf("no environment %+q", name)
	for _, e := range list {
		if e.Name == name {
			p.State, p.Found = policy.Unprotected, "an environment that is not protected in this project"
		}
	}
	return p, nil
}

// judge puts the rules of a protected environment into words. An environment
// that is protected by no rule at all is not protected.
func judge(p policy.Protection, e *gitlab.ProtectedEnvironment) policy.Protection {
	for _, l := range e.DeployAccessLevels {
		p.Rules = append(p.Rules, "may deploy: "+who(l.AccessLevelDescription, l.UserID, l.GroupID, int(l.AccessLevel)))
	}
	for _, r := range e.ApprovalRules {
		if r.RequiredApprovalCount > 0 {
			p.Rules = append(p.Rules, fmt.Sprintf("%d approvals of %s", r.RequiredApprovalCount, who(r.AccessLevelDescription, r.UserID, r.GroupID, int(r.AccessLevel))))
		}
	}
	if e.RequiredApprovalCount > 0 {
		p.Rules = append(p.Rules, fmt.Sprintf("%d approvals", e.RequiredApprovalCount))
	}
	if len(p.Rules) == 0 {
		p.State, p.Found = policy.Unprotected, "no rule that keeps anybody out"
		return p
	}
	p.State = policy.Protected
	return p
}

func who(description string, user, group, level int) string {
	switch {
	case description != "":
		return description
	case user != 0:
		return fmt.Sprintf("user %d", user)
	case group != 0:
		return fmt.Sprintf("group %d", group)
	}
	return fmt.Sprintf("access level %d", level)
}

func isType[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}
