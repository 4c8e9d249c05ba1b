package contents

import (
	"bufio"
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// The files of a source distribution (PEP 643, PEP 517).
const (
	pkgInfo     = "PKG-INFO"
	setupFile   = "setup.py"
	projectFile = "pyproject.toml"
)

// sdist is the source distribution that t is. The machine that installs it runs setup.py, or what
// [build-system] of pyproject.toml names. It may be a package of npm besides.
func (t *tree) sdist() (Package, error) {
	p := Package{}
	if t.manifests[manifest] != nil {
		var err error
		if p, err = t.npm(); err != nil {
			return p, err
		}
	} else {
		t.counted(&p)
	}
	p.Kind = SDist
	if err := p.described(t.manifests[pkgInfo]); err != nil {
		return p, err
	}
	for _, name := range []string{setupFile, projectFile} {
		f := t.at(name)
		if f == nil {
			continue
		}
		b := t.manifests[f.Path]
		s := Script{Name: name, Text: "python setup.py", SHA256: hexOf(b), Runs: []File{*f}}
		if name == projectFile {
			if b = buildSystem(b); len(b) == 0 {
				continue
			}
			s = asScript(name, b)
		}
		p.Scripts = append(p.Scripts, s.cut())
	}
	return p.whole()
}

// asScript is a text that runs where the package is installed.
func asScript(name string, b []byte) Script {
	lines := strings.FieldsFunc(strings.ToValidUTF8(string(b), "?"), func(r rune) bool { return r == '\n' || r == '\r' })
	return Script{Name: name, Text: strings.Join(lines, "; "), SHA256: hexOf(b)}.cut()
}

// buildSystem is what pyproject.toml says of the build: its table [build-system]. Where that is written
// in a way that only a reader of TOML understands, it is the whole file.
func buildSystem(b []byte) []byte {
	var out []byte
	inside := false
	for line := range bytes.Lines(b) {
		l := string(bytes.TrimSpace(before(line, '#')))
		if strings.HasPrefix(l, "[") && strings.HasSuffix(l, "]") {
			inside = l == "[build-system]"
		}
		if inside {
			out = append(out, line...)
		}
	}
	once := bytes.Count(b, []byte("build-system")) == bytes.Count(out, []byte("[build-system]"))
	closed := bytes.Count(out, []byte("[")) == bytes.Count(out, []byte("]"))
	if !once || !closed || bytes.Contains(bytes.ToLower(b), []byte(`\u`)) {
		return b
	}
	return out
}

func before(b []byte, sep byte) []byte {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i]
	}
	return b
}

// isRead are the members of metadata that are read.
var isRead = []string{"name", "version", "requires-dist"}

// described reads name, version and dependencies from the metadata of a package (core metadata, PEP
// 566): the members before the first empty line.
func (p *Package) described(b []byte) error {
	if !utf8.Valid(b) {
		return malformed("its metadata is not UTF-8")
	}
	p.Name, p.Version = "", ""
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, maxManifest+1)
	last := "" // the member that a line may go on with
	for s.Scan() && s.Text() != "" {
		key, value, ok := strings.Cut(s.Text(), ":")
		value = strings.TrimSpace(value)
		switch key = strings.ToLower(key); {
		case strings.Contains(s.Text(), "\r"):
			return malformed("its metadata has a carriage return in a line, at which some readers begin a new one")
		case strings.HasPrefix(s.Text(), " "), strings.HasPrefix(s.Text(), "\t"):
			if slices.Contains(isRead, last) {
				return malformed("%s of its metadata goes on in a second line, which not every reader reads", last)
			}
			continue
		case !ok || strings.ContainsAny(key, " \t"):
			return malformed("a line of its metadata is not a member")
		case len(value) > maxName && slices.Contains(isRead, key):
			return limit("%s of its metadata has %d bytes, and at most %d are read", key, len(value), maxName)
		case key == "name" && p.Name != "", key == "version" && p.Version != "":
			return malformed("its metadata has two members %q", key)
		case key == "name":
			p.Name = normalized(value)
		case key == "version":
			p.Version = value
		case key == "requires-dist":
			p.Dependencies = append(p.Dependencies, requirement(value))
		}
		last = key
	}
	if p.Name == "" {
		return malformed("its metadata names no package")
	}
	return nil
}

// normalized is a name of PyPI as every tool compares it (PEP 503).
func normalized(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return strings.Join(parts, "-")
}

// requirement is a dependency (PEP 508). With an address it is in no index.
func requirement(s string) Dependency {
	end := strings.IndexFunc(s, func(r rune) bool { return strings.ContainsRune(" \t[(<>=!~;@", r) })
	if end < 0 {
		end = len(s)
	}
	spec := strings.TrimSpace(s[end:])
	head, _, _ := strings.Cut(spec, ";")
	if i := strings.IndexByte(head, ']'); strings.HasPrefix(head, "[") && i > 0 {
		head = head[i+1:]
	}
	address := strings.HasPrefix(strings.TrimSpace(head), "@")
	return Dependency{Name: normalized(s[:end]), Spec: spec, Group: "requires-dist", Outside: address}
}

// wheel is the wheel whose files are in t (PEP 427). Nothing runs when it is installed; but files of paths
// (.pth), and two modules by their names, run whenever Python starts.
func (t *tree) wheel(info string) (Package, error) {
	p := Package{Kind: Wheel}
	for name, f := range t.files {
		if f.Why == "" {
			f.Why = landing(name).program()
		}
	}
	t.counted(&p)
	if err := p.described(t.manifests[info+"/METADATA"]); err != nil {
		return p, err
	}
	if b, ok := t.manifests[info+"/entry_points.txt"]; ok {
		p.offers(b)
	}
	tops := map[string]bool{}
	for name, f := range t.files {
		l := landing(name)
		if l.starts() {
			p.Scripts = append(p.Scripts, t.starting(l, f))
		}
		if top, _, _ := strings.Cut(l.site, "/"); top != "" && top != info {
			tops[top] = true
		}
	}
	for top := range tops {
		p.EntryPoints = append(p.EntryPoints, EntryPoint{"module: " + top, top})
	}
	return p.whole()
}

// starting is a file that runs whenever Python starts: its text, or its digest where it is not text.
func (t *tree) starting(l landed, f *File) Script {
	name := cmp.Or(l.site, l.rest)
	if b, ok := t.manifests[f.Path]; ok {
		return asScript(name, b)
	}
	return Script{Name: name, Text: "python", SHA256: f.SHA256, Runs: []File{{Path: f.Path, Size: f.Size, SHA256: f.SHA256}}}
}

// landed is where a file of a wheel is put.
type landed struct {
	scheme string // of a data folder; "": it is in none
	rest   string // the path there
	site   string // the path in site-packages, or ""
}

// landing is where installers put a file: they take every folder at the top that ends in .data for a data
// folder, whatever is before that.
func landing(name string) landed {
	top, rest, _ := strings.Cut(name, "/")
	if !strings.HasSuffix(fold(top), ".data") || rest == "" {
		return landed{rest: name, site: name}
	}
	scheme, rest, _ := strings.Cut(rest, "/")
	l := landed{scheme: fold(scheme), rest: rest}
	switch l.scheme {
	case "purelib", "platlib":
		l.site = rest
	case "data": // from the folder in which Python is
		parts := strings.Split(rest, "/")
		for i, p := range parts {
			if p = fold(p); p == "site-packages" || p == "dist-packages" {
				l.site = strings.Join(parts[i+1:], "/")
			}
		}
	}
	return l
}

// program says why a file counts as executable by where it is put; "": it does not.
func (l landed) program() string {
	top, _, below := strings.Cut(fold(l.rest), "/")
	switch {
	case l.scheme == "scripts" && l.rest != "":
		return "script"
	case l.scheme == "data" && below && (top == "bin" || top == "scripts"):
		return "bin"
	}
	return ""
}

// starts reports whether a file runs whenever Python starts (module site): a file of paths in
// site-packages or, on Windows, beside Python; either of two modules in site-packages; what takes the place of
// Python's own library; and what says where that is.
func (l landed) starts() bool {
	at := fold(l.site)
	if l.site == "" && l.scheme == "data" {
		at = fold(l.rest)
		for _, p := range libraries {
			if _, below, ok := strings.Cut("/"+at, p); ok && isCode(below) {
				return true
			}
		}
		if base, ok := strings.CutPrefix(at, "lib/"); ok && !strings.Contains(base, "/") && strings.HasPrefix(path.Ext(base), ".py") {
			return true // that of Python on Windows
		}
		if at == "pyvenv.cfg" || !strings.Contains(at, "/") && strings.HasSuffix(at, "._pth") {
			return true
		}
	}
	return at != "" && (isStarting(at) || !strings.Contains(at, "/") && strings.HasSuffix(at, ".pth"))
}

// libraries are where Python keeps its own library, before the number of its version.
var libraries = []string{"/lib/python", "/lib64/python"}

// isCode reports whether Python could load a file as a module.
func isCode(name string) bool {
	return slices.Contains([]string{".py", ".pyc", ".pyo", ".pyw", ".so", ".pyd", ".dll", ".sl"}, path.Ext(name))
}

// isStarting reports whether a folded path, from where Python looks for modules, is a file of one of the
// two modules that it loads whenever it starts: as source, compiled, or native; as a file or a folder.
func isStarting(name string) bool {
	dir, base := path.Split(strings.Replace(name, "__pycache__/", "", 1))
	module := strings.TrimSuffix(dir, "/")
	stem, _, _ := strings.Cut(base, ".")
	if module == "" {
		module = stem
	} else if stem != "__init__" {
		return false
	}
	return (module == "sitecustomize" || module == "usercustomize") && isCode(base)
}

// offers adds the entry points of a wheel: sections of names (entry points specification).
func (p *Package) offers(b []byte) {
	group := ""
	for line := range strings.Lines(strings.ToValidUTF8(string(b), "?")) {
		line = strings.TrimSpace(line)
		name, target, ok := strings.Cut(line, "=")
		switch {
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, ";"):
		case strings.HasPrefix(line, "["):
			group = strings.Trim(line, "[]")
		case ok:
			e := EntryPoint{group + ": " + strings.TrimSpace(name), strings.TrimSpace(target)}
			p.EntryPoints = append(p.EntryPoints, e)
		default:
			p.EntryPoints = append(p.EntryPoints, EntryPoint{group + ": " + line, line})
		}
	}
}
