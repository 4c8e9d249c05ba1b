package contents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// installing are the scripts that run on the machines of those who install a package: from a
// registry, and, the last four, from a repository or a folder.
var installing = []string{"preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish"}

// gyp is the file with which npm builds an addon where no script says how, and that build.
const (
	gyp      = "binding.gyp"
	gypBuild = "node-gyp rebuild"
)

// lock is the lock file that a package may bring for those who install it.
const lock = "npm-shrinkwrap.json"

// object are the members of a JSON object, by exactly their names.
type object map[string]json.RawMessage

// npm is the package that t is, as npm reads it.
func (t *tree) npm() (Package, error) {
	p := Package{Kind: NPM}
	for _, name := range slices.Sorted(maps.Keys(t.manifests)) {
		if path.Base(fold(name)) == lock {
			if err := t.locked(&p, name); err != nil {
				return p, err
			}
		}
		if path.Base(fold(name)) != manifest {
			continue // of another installer
		}
		m, err := members(t.manifests[name], name)
		if err != nil {
			return p, err
		}
		if err := t.scripts(&p, m, path.Dir(name)); err != nil {
			return p, err
		}
		if name != manifest {
			continue
		}
		if p.Name, err = m.text("name"); err != nil {
			return p, err
		}
		if p.Version, err = m.text("version"); err != nil {
			return p, err
		}
		if err := p.dependsOn(m); err != nil {
			return p, err
		}
		if err := t.enters(&p, m); err != nil {
			return p, err
		}
	}
	if f := t.at(lock); f != nil {
		p.Dependencies = append(p.Dependencies,
			Dependency{Name: lock, Spec: "sha256:" + f.SHA256, Group: "lock file of the package"})
	}
	t.counted(&p)
	return p.whole()
}

// members reads a manifest.
func members(b []byte, what string) (object, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) // npm passes it over
	if err := strictjson.CheckObject(b, maxDepth, what); err != nil {
		return nil, err
	}
	return asObject(b, what)
}

func asObject(b json.RawMessage, what string) (object, error) {
	var m object
	if len(b) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, malformed("%s of a manifest is not an object", what)
	}
	return m, nil
}

// text returns the text of a member, "" where there is none.
func (m object) text(name string) (string, error) {
	var s *string
	if b := m[name]; len(b) > 0 {
		if err := json.Unmarshal(b, &s); err != nil {
			return "", malformed("%s of a manifest is not a text", name)
		}
	}
	if s == nil {
		return "", nil
	}
	if len(*s) > maxName {
		return "", limit("%s of a manifest has %d bytes, and at most %d are read", name, len(*s), maxName)
	}
	return *s, nil
}

// texts returns a member that is an object of texts.
func (m object) texts(name string) (map[string]string, error) {
	var out map[string]string
	if b := m[name]; len(b) > 0 {
		if err := json.Unmarshal(b, &out); err != nil {
			return nil, malformed("%s of package.json is not an object of texts", name)
		}
	}
	return out, nil
}

// scripts adds the scripts of the manifest in a folder.
func (t *tree) scripts(p *Package, m object, dir string) error {
	all, err := m.texts("scripts")
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	of := ""
	if dir != "." {
		of = " of " + dir
	}
	own := map[string]string{}
	maps.Copy(own, all)
	addon := t.at(path.Join(dir, gyp)) != nil && string(m["gypfile"]) != "false"
	if addon && own["install"] == "" && own["preinstall"] == "" {
		own["install"] = gypBuild
	}
	for name, text := range own {
		s := Script{Name: name + of, Text: text}
		if slices.Contains(installing, name) {
			if s.Runs, s.SHA256, err = t.reaches(own, name, dir); err != nil {
				return err
			}
			p.Scripts = append(p.Scripts, s.cut())
		} else if of == "" {
			s.SHA256 = hexOf([]byte(text))
			p.Build = append(p.Build, s.cut())
		}
	}
	return nil
}

// cut bounds the text of s.
func (s Script) cut() Script {
	if len(s.Text) > maxText {
		s.Text = strings.ToValidUTF8(s.Text[:maxText], "") + "…"
	}
	return s
}

// reaches returns the files of the package that a script names, also by way of other scripts that it
// names, and a digest of all of it. What those files load in turn is not followed.
func (t *tree) reaches(scripts map[string]string, name, dir string) ([]File, string, error) {
	seen, found := map[string]bool{}, map[string]bool{}
	var said bytes.Buffer
	var follow func(name string)
	follow = func(name string) {
		text, known := scripts[name]
		if t.followed += len(text); !known || seen[name] || t.followed > maxFollowed {
			return
		}
		seen[name] = true
		fmt.Fprintf(&said, "%q %q\n", name, text)
		if text == gypBuild {
			text += " " + gyp
		}
		for _, word := range words(text) {
			for _, end := range []string{"", ".js", ".cjs", ".mjs", ".json", "/index.js"} {
				if f := t.at(path.Join(dir, word+end)); f != nil {
					found[f.Path] = true
				}
			}
			for _, x := range []string{"pre" + word, word, "post" + word} {
				follow(x)
			}
		}
	}
	follow(name)
	if t.followed > maxFollowed {
		return nil, "", limit("its install scripts have more than %d bytes", maxFollowed)
	}
	var out []File
	for _, f := range slices.Sorted(maps.Keys(found)) {
		x := *t.files[f]
		x.Why = ""
		fmt.Fprintf(&said, "%q %s\n", x.Path, x.SHA256)
		out = append(out, x)
	}
	if len(out) > maxLargest {
		out = slices.Clip(out[:maxLargest]) // the digest is of all of them
	}
	return out, hexOf(said.Bytes()), nil
}

// words are the parts of a command that may be names.
func words(text string) []string {
	text = strings.ReplaceAll(text, `\`, "/") // as one types a path elsewhere
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`;&|()<>=,{}$", r) })
}

// groups are the members of a manifest whose packages are installed with it.
var groups = []string{"dependencies", "optionalDependencies", "peerDependencies"}

// dependsOn adds what is installed with the package.
func (p *Package) dependsOn(m object) error {
	for _, g := range groups {
		all, err := m.texts(g)
		if err != nil {
			return err
		}
		for name, spec := range all {
			d := Dependency{Name: name, Spec: spec, Group: g, Outside: outside(spec)}
			p.Dependencies = append(p.Dependencies, d)
		}
	}
	for _, g := range []string{"bundleDependencies", "bundledDependencies"} {
		var names []string
		var every bool
		b := m[g]
		if len(b) == 0 {
			continue
		}
		if json.Unmarshal(b, &names) != nil && json.Unmarshal(b, &every) != nil {
			return malformed("%s of package.json is neither a list of names nor a yes or no", g)
		}
		if every {
			names = []string{"every dependency"}
		}
		for _, n := range names {
			d := Dependency{Name: n, Spec: "in the package itself", Group: "bundled"}
			p.Dependencies = append(p.Dependencies, d)
		}
	}
	return nil
}

// outside reports whether what spec names is in no registry: a repository, an address, a file. What a
// registry has is a range of versions, a tag, or another name for a package of it (npm-package-arg).
func outside(spec string) bool {
	s := strings.TrimSpace(spec)
	if alias, ok := strings.CutPrefix(s, "npm:"); ok {
		s = strings.TrimPrefix(alias, "@")
		if s != alias {
			if _, s, ok = strings.Cut(s, "/"); !ok {
				return true
			}
		}
	}
	lower := strings.ToLower(s)
	return strings.ContainsAny(s, `/\:#~`) && !isTilde(s) || s == "." || s == ".." ||
		strings.HasSuffix(lower, ".tgz") || strings.HasSuffix(lower, ".tar.gz") || strings.HasSuffix(lower, ".tar")
}

// isTilde reports whether the only thing in s that could begin a path is the tilde of a range.
func isTilde(s string) bool { return !strings.ContainsAny(s, `/\:#`) && s != "~" }

// enters adds what others load and run by a name.
func (t *tree) enters(p *Package, m object) error {
	for _, name := range []string{"main", "module", "browser", "exports", "imports", "bin"} {
		b := m[name]
		if len(b) == 0 {
			continue
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return malformed("%s of package.json cannot be read", name)
		}
		if err := p.targets(name, v); err != nil {
			return err
		}
	}
	dirs, err := asObject(m["directories"], "directories")
	if err != nil {
		return err
	}
	bin, err := dirs.text("bin")
	if err != nil {
		return err
	}
	if bin != "" {
		p.EntryPoints = append(p.EntryPoints, EntryPoint{"bin: each file of", bin})
	}
	for _, e := range p.EntryPoints {
		if name, _, _ := strings.Cut(e.Name, ":"); name != "bin" {
			continue
		}
		if f := t.at(inside(e.Target)); f != nil && f.Why == "" {
			f.Why = "bin"
		}
	}
	for name, f := range t.files {
		if f.Why == "" && bin != "" && strings.HasPrefix("/"+name, strings.TrimSuffix("/"+inside(bin), "/")+"/") {
			f.Why = "bin"
		}
	}
	return nil
}

// inside is a path of a manifest, from the folder of the package.
func inside(target string) string { return strings.TrimPrefix(path.Clean("/"+target), "/") }

// targets adds the texts in a value, under the names that lead to them.
func (p *Package) targets(name string, v any) error {
	if len(name) > maxName || len(p.EntryPoints) > maxListed {
		return limit("its entry points have names of more than %d bytes, or are more than %d", maxName, maxListed)
	}
	switch x := v.(type) {
	case string:
		p.EntryPoints = append(p.EntryPoints, EntryPoint{name, x})
	case []any:
		for _, y := range x {
			if err := p.targets(name, y); err != nil {
				return err
			}
		}
	case map[string]any:
		sep := ": "
		if strings.Contains(name, ": ") {
			sep = " "
		}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if err := p.targets(name+sep+k, x[k]); err != nil {
				return err
			}
		}
	}
	return nil
}
