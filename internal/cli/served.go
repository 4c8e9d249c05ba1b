package cli

import (
	"cmp"
	"context"
	"path"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// served is the policy that the server of this call has for the repository. Where a server is named, its policy counts
// and no file here: one digest is approved, judged by the gate and judged by the server.
func (r *run) served() (*policy.Policy, error) {
	if r.ofServer == nil {
		if cmp.Or(r.in.Policy, policy.UsualPath) != policy.UsualPath || r.in.PolicyRef != "" {
			return nil, usage("the server has the policy: leave out --policy and --policy-ref, or --server")
		}
		if r.in.Offline {
			return nil, usage("--server asks for a policy, and --offline opens no connection: say one of them")
		}
		s, host, repository, err := r.server()
		if err != nil {
			return nil, err
		}
		x, err := s.Policy(r.ctx, host, repository)
		if err != nil {
			return nil, err
		}
		r.ofServer, r.in.Policy, r.unproven = &x, strings.TrimSuffix(r.in.Server, "/"), false
	}
	return r.parsed(r.in.Policy, r.ofServer.Source)
}

// server is the server that the call names, with whom to show there. A job shows its own token, which says which
// repository it is of; somebody at a terminal shows a token that reads, and names the repository by its number.
func (r *run) server() (s *places.Server, host, repository string, err error) {
	if r.platform != nil {
		token := func(ctx context.Context) (string, error) { return r.platform.IDToken(ctx, r.in.Server) }
		s, err = places.NewServer(r.in.Server, token)
		return s, "", "", err
	}
	token := r.Getenv("SALLYPORT_SERVER_TOKEN")
	if token == "" {
		return nil, "", "", fault.New(fault.Usage, fault.Config,
			"ask the server's operator for a token that reads, and put it into SALLYPORT_SERVER_TOKEN",
			"nothing says who asks the server %s for its policy", r.in.Server)
	}
	if s, err = places.NewServer(r.in.Server, func(context.Context) (string, error) { return token, nil }); err != nil {
		return nil, "", "", err
	}
	want := strings.TrimSuffix(r.in.Repository, "/")
	for _, i := range forges.Everybodys() {
		name, is := strings.CutPrefix(want, i.Forge.Host+"/")
		if !is {
			continue
		}
		at, err := r.openDoor(i.Forge, name)
		if err != nil {
			return nil, "", "", err
		}
		_, id, _, _, err := at.Head(r.ctx)
		return s, i.Forge.Host, id, err
	}
	return nil, "", "", fault.New(fault.Usage, fault.Config, "name it: --repository https://github.com/acme/app",
		"a server has policies of many repositories, and %q is no address of one", want)
}

// sourcedByServer is sourced where a server has the policy.
func (r *run) sourcedByServer(environment func() (string, error)) (*policy.Policy, report.Policy, string, error) {
	p, err := r.served()
	if err != nil {
		return nil, report.Policy{}, "", err
	}
	if err := r.identify(p.Instances()); err != nil {
		return nil, report.Policy{}, "", err
	}
	env, err := environment()
	return p, report.Policy{File: r.in.Policy, Digest: p.Digest}, env, err
}

// besideServed reads a file that the server's policy names.
func (r *run) besideServed(name string, most int64) ([]byte, error) {
	raw, is := r.ofServer.Files[path.Clean(name)]
	switch {
	case !is:
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, "let the server have it beside its policy",
			"the server's policy names %q, and the server has not handed it over", name)
	case int64(len(raw)) > most:
		return nil, fault.New(fault.Refused, fault.Limit, "", "%q has %d bytes, want %d at most", name, len(raw), most)
	}
	return raw, nil
}

// behind is a door whose default branch has the server's policy, where there is one.
func (r *run) behind(at door) door {
	if r.ofServer == nil || at == nil {
		return at
	}
	return servedDoor{at, gate.Served(r.ofServer.Source)}
}

type servedDoor struct {
	door
	policy gate.Served
}

// File is that of the repository, or the server's policy.
func (s servedDoor) File(ctx context.Context, commit, path string) ([]byte, error) {
	return s.policy.File(ctx, s.door, commit, path)
}

// Versions are those of the repository's files. Of the server's policy there is one.
func (s servedDoor) Versions(ctx context.Context, commit, path string) ([]string, error) {
	return s.policy.Versions(ctx, s.door, commit, path)
}
