package lockfile

import (
	"encoding/base64"
	"errors"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Toolchain is the module that the go command downloads as another version of itself. Its version in a lock is that
// which go.mod asks for at least, without a platform: v0.0.1-go1.26.8. go.sum has no digest of it.
const Toolchain = "golang.org/toolchain"

// goMod reads go.mod (https://go.dev/ref/mod#go-mod-file): what it requires, after its replacements, without
// digests. Those are in go.sum.
func (b *building) goMod(data []byte) error {
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return modError(err)
	}
	seen := map[string]string{}
	for _, r := range f.Require {
		line := r.Syntax.Start.Line
		if v, twice := seen[r.Mod.Path]; twice && v != r.Mod.Version {
			return malformed("line %d: %q is required in two versions", line, r.Mod.Path)
		}
		seen[r.Mod.Path] = r.Mod.Version
		e, err := replaced(f, r.Mod)
		if err != nil {
			return err
		}
		if err := b.add(e); err != nil {
			return err
		}
	}
	return b.toolchain(f)
}

// replaced is the entry of what the go command uses in the place of m.
func replaced(f *modfile.File, m module.Version) (Entry, error) {
	var found *modfile.Replace
	for _, r := range f.Replace {
		if r.Old.Path != m.Path || r.Old.Version != "" && r.Old.Version != m.Version {
			continue
		}
		if found != nil && found.Old == r.Old && found.New != r.New {
			return Entry{}, malformed("line %d: %q is replaced twice", r.Syntax.Start.Line, m.Path)
		}
		if found == nil || found.Old.Version == "" { // that of one version comes first
			found = r
		}
	}
	switch {
	case found == nil:
		return Entry{Name: m.Path, Version: m.Version}, nil
	case found.New.Version == "":
		return Entry{Name: m.Path, Version: m.Version, URL: found.New.Path, Local: true}, nil
	}
	return Entry{Name: found.New.Path, Version: found.New.Version}, nil
}

// toolchain adds the version of Go that go.mod asks for.
func (b *building) toolchain(f *modfile.File) error {
	name := ""
	if f.Go != nil {
		name = "go" + f.Go.Version
	}
	if f.Toolchain != nil && f.Toolchain.Name != "default" {
		name = f.Toolchain.Name
	}
	if name == "" {
		return nil
	}
	return b.add(Entry{Name: Toolchain, Version: "v0.0.1-" + name})
}

// modError says which line of go.mod is wrong.
func modError(err error) error {
	var all modfile.ErrorList
	if errors.As(err, &all) && len(all) > 0 {
		return malformed("line %d: %w", all[0].Pos.Line, fault.Cause(all[0].Err))
	}
	return malformed("%w", fault.Cause(err))
}

// goSum reads go.sum (https://go.dev/ref/mod#go-sum-files). The digest of a module and that of its go.mod are of one
// entry.
func (b *building) goSum(data []byte) error {
	type key struct{ version, alg string }
	sums := map[string]map[key]string{}
	for i, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 {
			return malformed("line %d has %d words, want a module, its version and a digest", i+1, len(f))
		}
		k := key{f[1], "h1"}
		if v, ok := strings.CutSuffix(f[1], "/go.mod"); ok {
			k = key{v, "h1/go.mod"}
		}
		if err := module.Check(f[0], k.version); err != nil {
			return malformed("line %d: %w", i+1, fault.Cause(err))
		}
		if module.CanonicalVersion(k.version) != k.version {
			return malformed("line %d: %q is no version as the go command writes it", i+1, k.version)
		}
		sum, ok := strings.CutPrefix(f[2], "h1:")
		if raw, err := base64.StdEncoding.Strict().DecodeString(sum); !ok || err != nil || len(raw) != 32 {
			return malformed("line %d: %q is no digest, want h1:…", i+1, f[2])
		}
		if sums[f[0]] == nil {
			sums[f[0]] = map[key]string{}
		}
		if had, twice := sums[f[0]][k]; twice && had != sum {
			return malformed("line %d: %q %q has two digests", i+1, f[0], f[1])
		}
		sums[f[0]][k] = sum
	}
	for name, of := range sums {
		byVersion := map[string][]Digest{}
		for k, sum := range of {
			byVersion[k.version] = append(byVersion[k.version], Digest{k.alg, sum})
		}
		for v, d := range byVersion {
			if err := b.add(Entry{Name: name, Version: v, Digests: d}); err != nil {
				return err
			}
		}
	}
	return nil
}
