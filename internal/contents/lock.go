package contents

import (
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// registry is the host of the registry of npm.
const registry = "registry.npmjs.org"

// locked adds what a lock file of the package brings that no registry has, or that nothing holds to a
// digest: npm installs what the file says, whatever package.json says. npm since version 7 reads its
// packages, and older ones its dependencies; both count.
func (t *tree) locked(p *Package, name string) error {
	m, err := members(t.manifests[name], name)
	if err != nil {
		return err
	}
	found := map[string][]string{} // what is outside, by where npm puts it
	packages, err := asObject(m["packages"], "packages of "+name)
	if err != nil {
		return err
	}
	for at, b := range packages {
		if at == "" {
			continue // the package itself
		}
		if _, err := t.lockedOne(found, path.Dir(name), at, b); err != nil {
			return err
		}
	}
	if err := t.lockedIn(found, path.Dir(name), "", m["dependencies"]); err != nil {
		return err
	}
	for at, specs := range found {
		slices.Sort(specs)
		p.Dependencies = append(p.Dependencies, Dependency{
			Name: at, Spec: strings.Join(slices.Compact(specs), " and "), Group: name, Outside: true,
		})
	}
	return nil
}

// lockedIn reads the dependencies of a lock file of version 1, and theirs. How deep they are
// is bounded already.
func (t *tree) lockedIn(found map[string][]string, dir, under string, b json.RawMessage) error {
	all, err := asObject(b, "dependencies of "+lock)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		at := path.Join(under, "node_modules", name)
		m, err := t.lockedOne(found, dir, at, all[name])
		if err != nil {
			return err
		}
		if err := t.lockedIn(found, dir, at, m["dependencies"]); err != nil {
			return err
		}
	}
	return nil
}

// lockedOne reads one package of a lock file in dir, and adds it to found if it is outside.
func (t *tree) lockedOne(found map[string][]string, dir, at string, b json.RawMessage) (object, error) {
	m, err := asObject(b, "a package of "+lock)
	if err != nil {
		return nil, err
	}
	said := map[string]string{}
	for _, k := range []string{"version", "resolved", "integrity"} {
		if said[k], err = m.text(k); err != nil {
			return nil, err
		}
	}
	version, resolved, integrity := said["version"], said["resolved"], said["integrity"]
	if len(at) > maxName {
		return nil, limit("a name in %s has %d bytes, and at most %d are read", lock, len(at), maxName)
	}
	brought := t.at(path.Join(dir, at, manifest)) != nil // in the package itself, whose digest holds it
	switch {
	case resolved != "" && !fromRegistry(resolved):
		found[at] = append(found[at], resolved)
	case outside(version):
		found[at] = append(found[at], version)
	case !holds(integrity) && !brought:
		found[at] = append(found[at], strings.TrimSpace(resolved+" "+version)+" without a digest")
	}
	return m, nil
}

// fromRegistry reports whether an address is one of the registry.
func fromRegistry(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil && strings.EqualFold(u.Host, registry)
}

// holds reports whether npm finds a digest in a text (Subresource Integrity): it passes over what it does not know.
func holds(integrity string) bool {
	return slices.ContainsFunc(strings.Fields(integrity), func(s string) bool {
		kind, sum, _ := strings.Cut(s, "-")
		return sum != "" && slices.Contains([]string{"sha1", "sha256", "sha384", "sha512"}, kind)
	})
}
