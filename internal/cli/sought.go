package cli

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/origin"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// sought is what flags say about where something was built. Its zero says nothing.
type sought struct {
	forge policy.Forge
	path  string        // of the repository there, or ""
	built *policy.Built // nil: it is not asked where it was built
}

// built reports whether a flag asks where something was built, besides its repository.
func (in verifyInputs) built() bool {
	return in.RepositoryID+in.Owner+in.Workflow+in.Signer+in.Predicate+in.Entered != ""
}

// asksFor reads the flags that say where something was built, and finds out which platform
// that is.
func (r *run) asksFor(in verifyInputs) (sought, error) {
	if r.in.Repository == "" && in.Owner == "" {
		if in.built() {
			return sought{}, fault.New(fault.Usage, fault.Config, "name the repository that built it: --repository HOST/OWNER/NAME",
				"--repository-id, --workflow, --signer, --predicate-type and --entered say more about a repository, and none is named")
		}
		return sought{}, nil
	}
	at, owner, err := r.addresses(in.Owner)
	if err != nil {
		return sought{}, err
	}
	f, err := r.forgeOf(at.Host, in.Issuer)
	if err != nil {
		return sought{}, err
	}
	if err := r.wellNamed(in, f, at, owner); err != nil {
		return sought{}, err
	}
	out := sought{forge: f, path: at.Path}
	if r.in.Policy != "" || in.Key != "" {
		return out, nil // they say who may sign; this says where evidence is
	}
	in.Signer = strings.TrimPrefix(in.Signer, "https://")
	if host, rest, ok := strings.Cut(in.Signer, "/"); ok && strings.EqualFold(host, at.Host) {
		in.Signer = rest
	}
	if in.Predicate, err = predicateOf(in.Predicate); err == nil {
		err = in.shaped(f, at.Path)
	}
	if err != nil {
		return sought{}, err
	}
	if in.Entered != "" {
		if in.Predicate != "" && in.Predicate != statement.SummaryV1 {
			return sought{}, usage("--entered asks for the entry of a job, which has a predicate type of its own; leave out --predicate-type")
		}
		in.Predicate = statement.SummaryV1
	}
	out.built = &policy.Built{Entered: in.Entered, Forge: f, Repository: at.Path, RepositoryID: in.RepositoryID, Owner: owner,
		Workflow: in.Workflow, Signer: in.Signer, Predicate: in.Predicate}
	if !r.flagged("sigstore") && r.in.TrustedRoot == "" {
		out.built.Own = ownInstance(f)
	}
	return out, nil
}

// wellNamed refuses a repository and an owner that the platform cannot have, and an owner
// alone where nothing says where evidence is.
func (r *run) wellNamed(in verifyInputs, f policy.Forge, at origin.Repository, owner string) error {
	if at.Path != "" {
		if want := wrongPath(f, at.Path); want != "" {
			return fault.New(fault.Usage, fault.Config, "write the repository alone, such as "+exampleOf(f, at.Host),
				"--repository %q, want %s", at.Host+"/"+at.Path, want)
		}
	} else if r.platform == nil && len(r.in.Bundle)+len(r.in.Store) == 0 && r.in.Policy+in.Key == "" {
		return fault.New(fault.Usage, fault.Config,
			"name the repository (--repository "+at.Host+"/"+owner+"/NAME), or the bundles beside the owner (--bundle FILE)",
			"--owner alone says who built it, and nothing says where its evidence is")
	}
	first, _, _ := strings.Cut(owner, "/")
	mine, _, _ := strings.Cut(at.Path, "/")
	switch {
	case strings.ContainsAny(first, ".:") && (f.Mark == "/" || at.Path != "" && first != mine):
		return fault.New(fault.Usage, fault.Config, "name an owner on "+at.Host,
			"--owner %q names another host than %s", in.Owner, at.Host)
	case owner != "" && wrongPath(f, owner+"/x") != "":
		return fault.New(fault.Usage, fault.Config, "write HOST/OWNER, such as "+at.Host+"/acme",
			"--owner %q names no owner on %s", in.Owner, at.Host)
	}
	return nil
}

func exampleOf(f policy.Forge, host string) string {
	if f.Mark == "/" {
		return host + "/acme/app"
	}
	return host + "/group/app"
}

// addresses reads the repository and the owner. The owner may be named without a host
// where the repository names one.
func (r *run) addresses(named string) (at origin.Repository, owner string, err error) {
	const form = "write HOST/OWNER/NAME, such as github.com/acme/app"
	if r.in.Repository != "" {
		if at, err = address(r.in.Repository); err != nil {
			return at, "", fault.New(fault.Usage, fault.Config, form, "--repository %q: %w", clean(r.in.Repository), err)
		}
		r.in.Repository = at.URI()
	}
	if named == "" {
		return at, "", nil
	}
	host, path, ok := strings.Cut(strings.TrimPrefix(named, "https://"), "/")
	const owned = "write HOST/OWNER, such as github.com/acme"
	switch {
	case strings.Contains(named, "@"):
		return at, "", fault.New(fault.Usage, fault.Config, owned, "--owner names a user or a password, want a host and an owner")
	case strings.ContainsAny(named, "?#%\\ "):
		return at, "", fault.New(fault.Usage, fault.Config, owned, "--owner %q names more than an owner", named)
	case at.Host == "" && (!ok || !strings.ContainsAny(host, ".:")):
		return at, "", fault.New(fault.Usage, fault.Config, owned+", and bundles with --bundle; or name the repository: --repository HOST/OWNER/NAME",
			"--owner %q names no host", named)
	case at.Host == "":
		at.Host = strings.ToLower(host)
	case !ok || !strings.EqualFold(host, at.Host):
		path = strings.TrimPrefix(named, "https://") // groups may have groups below them
	}
	if path == "" || strings.Trim(path, "/") != path {
		return at, "", usage("--owner %q names no owner", named)
	}
	return at, path, nil
}

// clean is an address without what could be a password.
func clean(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[i+1:]
	}
	return address
}

// address reads the address of a repository as people type it: with or without https.
func address(typed string) (origin.Repository, error) {
	host, _, _ := strings.Cut(typed, "/")
	if strings.ContainsAny(clean(typed), "?#%\\ ") {
		return origin.Repository{}, fault.New(fault.Usage, fault.Config, "", "it has a query, a fragment or an escape behind its path")
	}
	if !strings.Contains(typed, "://") && !strings.Contains(typed, "@") {
		if !strings.ContainsAny(host, ".:") {
			return origin.Repository{}, fault.New(fault.Usage, fault.Config, "", "it names no host")
		}
		typed = "https://" + typed
	}
	if strings.HasPrefix(typed, "http://") {
		return origin.Repository{}, fault.New(fault.Usage, fault.Config, "", "an http address, want https")
	}
	return origin.Parse(typed)
}

// reach opens the platform that evidence of a signer is fetched from.
func (r *run) reach(in verifyInputs, named sought) error {
	if r.platform != nil && (named.path == "" || r.home == r.in.Repository) {
		var all []policy.Instance
		if f, ok := forges.Of(in.Issuer); ok {
			all = []policy.Instance{{Forge: f}}
		} else if named.forge.Issuer != "" {
			all = []policy.Instance{{Forge: named.forge}}
		}
		return r.identifyToRead(all)
	}
	return r.openToRead(named)
}

// reachUnder opens the platform that evidence under a policy is fetched from: in a job its
// own, unless another repository is named, and elsewhere the one that the policy is about.
func (r *run) reachUnder(p *policy.Policy, named sought) error {
	switch {
	case r.platform != nil && (named.path == "" || r.home == r.in.Repository):
		return r.identifyToRead(p.Instances())
	case named.path != "":
		return r.openToRead(named)
	case !r.fetches():
		return nil
	}
	d, err := r.doorOf(p)
	if err != nil {
		return err
	}
	r.at = d
	needs(d, r.doors(d, p).NeedOf(r.home))
	return nil
}

// fetches reports whether one of the stores is a platform's.
func (r *run) fetches() bool {
	if r.in.Offline {
		return false
	}
	return slices.ContainsFunc(r.in.Store, func(s string) bool {
		return s == "auto" || s != "oci" && !strings.HasPrefix(s, "dir:")
	})
}

// openToRead opens the repository that flags name. In a job it is another one than the
// job's own, to which the token of the input stays.
func (r *run) openToRead(named sought) (err error) {
	if named.path == "" || !r.fetches() {
		return nil
	}
	if r.platform != nil {
		r.at, err = r.elsewhere(named.forge, named.path)
		return err
	}
	r.at, err = r.openWith(r.Getenv, named.forge, named.path)
	if err != nil {
		return err
	}
	r.home = r.in.Repository
	needs(r.at, r.needOf(r.at, named.forge, named.path))
	return nil
}
