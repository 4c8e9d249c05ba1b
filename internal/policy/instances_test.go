package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// The platforms of a policy are those whose jobs build or approve, each with the address that the policy gives it in any
// of its entries.
func TestJ05_instances_are_those_that_build(t *testing.T) {
	p := read(t, edited(t, "environments:", `      - {issuer: https://ci.example, api: "https://api.example/v4", repository: acme/app, repository-id: 1001, workflow: b.yml, refs: [refs/heads/main]}
      - {issuer: https://jobs.example, repository: acme/app, repository-id: 20, workflow: b.yml, refs: [refs/heads/main], runner: own}
environments:`))
	got := p.Instances()
	if len(got) != 2 || got[0].Forge.Issuer != "https://ci.example" || got[0].API != "https://api.example/v4" || got[1].Forge.Issuer != "https://jobs.example" || got[1].API != "" {
		t.Errorf("instances = %+v", got)
	}
}

// An environment belongs to the only repository that builds, on each platform, or to the one that is named. A number of
// one platform means nothing on another.
func TestC12_an_environment_belongs_to_one_repository(t *testing.T) {
	second := edited(t, "environments:", `      - {issuer: https://jobs.example, repository: acme/app, repository-id: 20, workflow: b.yml, refs: [refs/heads/main], runner: own}
environments:`)
	named := func(id string) *policy.Policy {
		return read(t, strings.Replace(second, "    requires:", "    repository-id: "+id+"\n    requires:", 1))
	}
	for name, c := range map[string]struct {
		p      *policy.Policy
		host   string
		id     string
		belong bool
	}{
		"the only builder":               {read(t, good), "https://code.example", "1001", true},
		"of another platform":            {read(t, good), "https://jobs.example", "", false},
		"the only one of each, here":     {read(t, second), "https://code.example", "1001", true},
		"the only one of each, there":    {read(t, second), "https://jobs.example", "20", true},
		"named, here":                    {named("1001"), "https://code.example", "1001", true},
		"named, and built elsewhere":     {named("1001"), "https://jobs.example", "", false},
		"named, and it builds nothing":   {named("77"), "https://code.example", "77", true},
		"the other, on its own platform": {named("20"), "https://jobs.example", "20", true},
		"the other, on the wrong one":    {named("20"), "https://code.example", "", false},
		"the host in other letters":      {read(t, good), "https://CODE.example", "1001", true},
	} {
		e, _ := c.p.Environment("production")
		if id, ok := c.p.Home(e, c.host); id != c.id || ok != c.belong {
			t.Errorf("%s: %q, %t; want %q, %t", name, id, ok, c.id, c.belong)
		}
	}
}
