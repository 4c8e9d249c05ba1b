package policy

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// An Instance is a platform that a policy names, by the issuer of the tokens of
// its jobs.
type Instance struct {
	Forge Forge
	API   string // where programs ask it, as the policy says; "": where such a platform has it
}

// Instances are the platforms whose jobs build, or carry an approval. A job of
// any other has no business under this policy.
func (p *Policy) Instances() []Instance {
	var out []Instance
	for _, b := range p.builders() {
		i := slices.IndexFunc(out, func(x Instance) bool { return x.Forge.Issuer == b.Forge.Issuer })
		switch {
		case i < 0:
			out = append(out, Instance{Forge: b.Forge, API: b.API})
		case out[i].API == "":
			out[i].API = b.API
		}
	}
	return out
}

// Pick returns the instance that the running job is of: the one that fits. found is
// what the job says of itself, for people. The error is a fault, Refused with code
// E_IDENTITY.
func Pick(all []Instance, found string, fits func(Instance) bool) (Instance, error) {
	var names []string
	for _, i := range all {
		if fits(i) {
			return i, nil
		}
		names = append(names, fault.Quote(i.Forge.Issuer))
	}
	return Instance{}, fault.New(fault.Refused, fault.Identity,
		"run this in a job of a platform that the policy names under built-by or approve-in",
		"%s, and the policy names %s", found, strings.Join(names, ", "))
}

// builders are the workflows under built-by, and then those under approve-in.
func (p *Policy) builders() []Builder {
	var out []Builder
	for _, a := range p.Artifacts {
		out = append(out, a.BuiltBy...)
	}
	return append(out, p.ApproveIn...)
}

// Home returns the number of the repository on host that e belongs to. A number
// says nothing without its platform, so one that builds on another is none of
// host's.
func (p *Policy) Home(e Environment, host string) (id string, ok bool) {
	here, elsewhere := p.homes(host)
	switch {
	case e.RepositoryID == "" && len(here) == 1:
		return here[0], true
	case e.RepositoryID == "" || slices.Contains(elsewhere, e.RepositoryID) && !slices.Contains(here, e.RepositoryID):
		return "", false
	}
	return e.RepositoryID, true
}

// homes are the numbers of the repositories that build on host, and on others.
func (p *Policy) homes(host string) (here, elsewhere []string) {
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			list := &elsewhere
			if strings.EqualFold(b.Forge.Host, host) {
				list = &here
			}
			if !slices.Contains(*list, b.RepositoryID) {
				*list = append(*list, b.RepositoryID)
			}
		}
	}
	return here, elsewhere
}

// instances complains where one issuer has two addresses, and where it is not
// said which of several repositories an environment belongs to.
func (r *reader) instances(p *Policy) {
	api := map[string]string{}
	for _, b := range p.builders() {
		if was := api[b.Forge.Issuer]; was != "" && b.API != "" && was != b.API {
			r.complainAt(b.Line, 0, "api %q is not the one that issuer %q has above, %q", b.API, b.Forge.Issuer, was)
		}
		if b.API != "" {
			api[b.Forge.Issuer] = b.API
		}
	}
	for _, e := range p.Environments {
		for _, i := range p.Instances() {
			here, _ := p.homes(i.Forge.Host)
			if e.RepositoryID == "" && len(here) > 1 {
				r.complainAt(e.Line, 0, "environment %s: %d repositories of %s build (%s); say with repository-id which of them the environment belongs to",
					fault.Cut(e.Name), len(here), i.Forge.Host, strings.Join(here, ", "))
				break
			}
		}
	}
}
