package cli

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// doors asks the repository behind a door, and others that a policy names.
func (r *run) doors(at door, p *policy.Policy) gate.Doors {
	return gate.Doors{Guard: r.behind(at), Policy: p, Home: r.home, Need: r.tokenFor,
		Elsewhere: func(f policy.Forge, repository string) (gate.Besides, error) { return r.elsewhere(f, repository) }}
}

// doorOf opens the door of the repository that a policy is about, which in a
// job is the job's own.
func (r *run) doorOf(p *policy.Policy) (door, error) {
	if r.platform != nil {
		return r.platform, r.identify(p.Instances())
	}
	type place struct {
		forge policy.Forge
		path  string
	}
	var all []place
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			if !slices.ContainsFunc(all, func(x place) bool { return x.forge.Host == b.Forge.Host && x.path == b.Repository }) {
				all = append(all, place{b.Forge, b.Repository})
			}
		}
	}
	want := strings.TrimSuffix(r.in.Repository, "/")
	if want != "" {
		all = slices.DeleteFunc(all, func(x place) bool { return x.forge.Host+"/"+x.path != want })
	}
	// The author of the policy chose these addresses, and a token goes there.
	if len(all) == 1 && want == "" && !forges.WellKnown(all[0].forge.Host) {
		return nil, fault.New(fault.Usage, fault.Config, "if that is where your token may go, say so: --repository "+all[0].forge.Host+"/"+all[0].path,
			"the policy names a platform of its own, %s", all[0].forge.Host)
	}
	if len(all) != 1 {
		var names []string
		for _, x := range all {
			names = append(names, x.forge.Host+"/"+x.path)
		}
		return nil, fault.New(fault.Usage, fault.Config, "name it with --repository", "the policy is about %d repositories that fit: %s", len(all), strings.Join(names, ", "))
	}
	return r.openDoor(all[0].forge, all[0].path)
}
