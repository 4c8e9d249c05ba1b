package lockfile

import (
	"cmp"
	"path"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// npmLock is package-lock.json (https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json).
type npmLock struct {
	LockfileVersion int                   `json:"lockfileVersion"`
	Packages        map[string]npmPackage `json:"packages"`
	Dependencies    map[string]npmOld     `json:"dependencies"`
}

type npmPackage struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Resolved  string `json:"resolved"`
	Integrity string `json:"integrity"`
	Link      bool   `json:"link"`
	InBundle  bool   `json:"inBundle"`
	Scripts   bool   `json:"hasInstallScript"`
}

// npmOld is what npm before version 7 reads.
type npmOld struct {
	Version      string            `json:"version"`
	Integrity    string            `json:"integrity"`
	Bundled      bool              `json:"bundled"`
	Dependencies map[string]npmOld `json:"dependencies"`
}

const modules = "node_modules/"

// npm reads package-lock.json and npm-shrinkwrap.json.
func (b *building) npm(data []byte) error {
	data = []byte(strings.TrimPrefix(string(data), "\ufeff")) // npm passes it over
	var l npmLock
	if err := strictjson.Decode(data, maxDepth, "the lock", &l); err != nil {
		return err //nolint:wrapcheck // a fault already
	}
	if l.LockfileVersion != 2 && l.LockfileVersion != 3 {
		return malformed(
			"it is of version %d, want 2 or 3: npm install --package-lock-only --lockfile-version 3 writes it",
			l.LockfileVersion,
		)
	}
	for at, p := range l.Packages {
		if at == "" {
			continue // the project itself
		}
		if err := b.npmPackage(at, p); err != nil {
			return err
		}
	}
	if l.LockfileVersion == 3 {
		return nil // npm 7 and later alone reads it
	}
	return l.agrees("", l.Dependencies)
}

func (b *building) npmPackage(at string, p npmPackage) error {
	if path.Clean(at) != at || path.IsAbs(at) || strings.Contains(at, `\`) {
		return malformed("%q is no place of a package", at)
	}
	d, err := sri(p.Integrity)
	if err != nil {
		return err
	}
	e := Entry{Name: p.Name, Version: p.Version, Digests: d, URL: address(p.Resolved), At: at, Inside: p.InBundle,
		Scripts: p.Scripts}
	i := strings.LastIndex("/"+at, "/"+modules)
	if i >= 0 {
		id := at[i+len(modules):]
		if scope, rest, ok := strings.Cut(id, "/"); ok &&
			(!strings.HasPrefix(scope, "@") || strings.Contains(rest, "/")) {
			return malformed("%q is no place of a package", at)
		}
		e.Name = cmp.Or(e.Name, id)
	}
	if e.Name == "" {
		e.Name = path.Base(at) // a folder of a workspace without a name
	}
	e.Local = p.Link || i < 0 || strings.HasPrefix(p.Resolved, "file:")
	return b.add(e)
}

// agrees refuses a lock whose two halves differ: npm since version 7 reads packages, and older ones read dependencies.
func (l *npmLock) agrees(under string, old map[string]npmOld) error {
	for name, o := range old {
		at := path.Join(under, modules+name)
		p, there := l.Packages[at]
		if p.Link {
			continue // a folder
		}
		if !there {
			return malformed("its dependencies have %q, and its packages have not", at)
		}
		if o.Integrity != p.Integrity || isVersion(o.Version) && o.Version != p.Version {
			return malformed("its packages and its dependencies differ about %q", at)
		}
		if err := l.agrees(at, o.Dependencies); err != nil {
			return err
		}
	}
	return nil
}

// isVersion reports whether a text can be nothing but a version; of what no registry has, it is an address.
func isVersion(s string) bool { return !strings.ContainsAny(s, ":/") }
