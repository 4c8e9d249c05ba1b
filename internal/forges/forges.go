// Package forges holds what concerns both platforms at once: which platform an issuer belongs to, what a gate asks of
// a repository on either, and the Sigstore instances that are known by name. The command and the server both take it
// from here, so that both judge by the same. It refuses to judge. It also refuses what only one platform needs: that
// is in the package of that platform.
package forges

import (
	"regexp"
	"slices"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// Ours is where our action and our components are.
const Ours = "sallyport-dev/sallyport"

// GitHub is a repository of GitHub, as a gate asks it.
type GitHub struct{ *github.Repo }

// GitLab is a project of GitLab, as a gate asks it.
type GitLab struct{ *gitlab.Repo }

// Of returns what is known about the platform behind an issuer.
func Of(issuer string) (policy.Forge, bool) {
	if f, ok := github.Forge(issuer); ok {
		return f, true
	}
	return gitlab.Forge(issuer)
}

// Profiles are the Sigstore instances known by name.
func Profiles() map[string]sigstore.Profile {
	return map[string]sigstore.Profile{
		"public-good": sigstore.PublicGood(),
		"github": sigstore.NewUnlogged("github", "https://tuf-repo.github.com", sigstore.Endpoints{
			Fulcio:       "https://fulcio.githubapp.com",
			TSA:          "https://timestamp.githubapp.com/api/v1/timestamp",
			Organization: "GitHub, Inc.",
		}),
	}
}

// Words are what a policy may name.
func Words() policy.Words {
	names := []string{}
	for n := range Profiles() {
		names = append(names, n)
	}
	return policy.Words{Trusts: names, Forge: Of, Place: Place}
}

// Place returns the platform that members of a policy's groups name: one of the
// two that everybody knows, or an instance by its host.
func Place(name string) (policy.Place, bool) {
	switch name {
	case "github":
		return policy.Place{Host: "https://github.com", Roles: github.Roles}, true
	case "gitlab":
		return policy.Place{Host: "https://gitlab.com", Roles: gitlab.Roles, Above: true}, true
	}
	if !instanceName().MatchString(name) {
		return policy.Place{}, false
	}
	return policy.Place{Host: "https://" + name, Roles: slices.Concat(github.Roles, gitlab.Roles), Above: true}, true
}

// WellKnown reports whether host is one of the two that everybody knows.
func WellKnown(host string) bool { return host == "https://github.com" || host == "https://gitlab.com" }

// Everybodys are the two instances that everybody knows.
func Everybodys() []policy.Instance {
	var all []policy.Instance
	for _, issuer := range []string{"https://token.actions.githubusercontent.com", "https://gitlab.com"} {
		f, _ := Of(issuer)
		all = append(all, policy.Instance{Forge: f})
	}
	return all
}

var instanceName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`) })
