package lockfile

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// pnpm reads pnpm-lock.yaml (https://github.com/pnpm/spec/tree/master/lockfile), versions 6 to 9: its packages.
func (b *building) pnpm(data []byte) error {
	d, err := yamlnode.Parse(data, yamlnode.Options{Plain: true, Limits: yamlnode.Limits{
		Bytes: MaxBytes, Depth: maxDepth, Tokens: 4 << 20, Keys: MaxEntries, Nodes: 4 << 20,
	}})
	if err != nil {
		return yamlError(err)
	}
	switch {
	case len(d.Odd) > 0:
		return malformed("line %d has an anchor, an alias or a tag, which pnpm does not write", d.Odd[0].Line)
	case len(d.Roots) == 0 || len(d.Roots) != d.Count || d.Count > 2:
		return malformed("it has %d documents, want one, or one before it about pnpm itself", d.Count)
	}
	for _, root := range d.Roots {
		if err := b.pnpmDocument(root); err != nil {
			return err
		}
	}
	return nil
}

func (b *building) pnpmDocument(root *yamlnode.Node) error {
	if root.Kind != yamlnode.Map {
		return malformed("line %d is no mapping", root.Line)
	}
	if err := once(root); err != nil {
		return err
	}
	version := root.Get("lockfileVersion").Str()
	if v, err := strconv.ParseFloat(version, 64); err != nil || v < 6 || v >= 10 {
		return malformed("it is of version %q, want 6 to 9", version)
	}
	all := root.Get("packages")
	if all == nil {
		return nil
	}
	if all.Kind != yamlnode.Map {
		return malformed("line %d: packages is no mapping", all.Line)
	}
	for _, f := range all.Fields {
		if err := b.pnpmPackage(f.Name, f.Value); err != nil {
			return onLine(f.Value.Line, err)
		}
	}
	return nil
}

// once refuses a key that stands twice, with the same value as well.
func once(n *yamlnode.Node) error {
	if len(n.Again) > 0 {
		return malformed("line %d has the key %q twice", n.Again[0].Key.Line, n.Again[0].Name)
	}
	for _, f := range n.Fields {
		if err := once(f.Value); err != nil {
			return err
		}
	}
	for _, i := range n.Items {
		if err := once(i); err != nil {
			return err
		}
	}
	return nil
}

// pnpmPackage adds one package. key is "name@version", in version 6 with a slash before it, and with what it was
// resolved against in brackets. Of what no registry has, name and version are members, and the key is an address.
func (b *building) pnpmPackage(key string, n *yamlnode.Node) error {
	r := n.Get("resolution")
	if r == nil || r.Kind != yamlnode.Map {
		return malformed("%q has no resolution", key)
	}
	d, err := sri(r.Get("integrity").Str())
	if err != nil {
		return err
	}
	e := Entry{Digests: d, Scripts: n.Get("requiresBuild").Str() == "true"}
	e.Name, e.Version = pnpmKey(key)
	e.Name = cmp.Or(n.Get("name").Str(), e.Name)
	e.Version = cmp.Or(n.Get("version").Str(), e.Version)
	e.fetched(r)
	if strings.Contains(e.Version, ":") { // an address
		e.URL, e.Version = cmp.Or(e.URL, address(e.Version)), ""
	}
	return b.add(e)
}

// pnpmKey is the name and the version of a key. A name has no "@" behind its first character.
func pnpmKey(key string) (name, version string) {
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "/"), "(")
	if i := strings.Index(id[min(1, len(id)):], "@"); i >= 0 {
		return id[:i+1], id[i+2:]
	}
	return id, ""
}

// fetched takes over where a package comes from.
func (e *Entry) fetched(r *yamlnode.Node) {
	e.URL = address(r.Get("tarball").Str())
	if repo := r.Get("repo").Str(); repo != "" {
		e.URL = address(repo) + "#" + r.Get("commit").Str()
	}
	if dir := r.Get("directory"); dir != nil {
		e.URL, e.Local = dir.Str(), true
	}
	e.Local = e.Local || strings.HasPrefix(e.URL, "file:")
}

// yamlError says which line is wrong.
func yamlError(err error) error {
	var y *yamlnode.Error
	if !errors.As(err, &y) {
		return malformed("%w", fault.Cause(err))
	}
	if y.Limit {
		return limit("line %d: %w", y.Line, err)
	}
	return malformed("line %d: %w", y.Line, err)
}
