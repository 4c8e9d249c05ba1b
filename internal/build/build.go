// Package build makes the manifest of a build out of what a recorder saw, the commit that was checked out, and the lock
// files that lie there.
//
// It reads files and runs nothing: where the version of a tool is known by the tool alone, its caller asks it. It refuses
// to guess where a file is from: what is of no commit, no package, no system and no build of this run is outside.
package build

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/packages"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Run is what a manifest is made of.
type Run struct {
	Recorder string         // the program that records, and its version
	Result   *record.Result // of the command
	Command  []string       // as it was called
	Dir      string         // in which it ran, absolute
	Top      string         // the checkout that Dir lies in; "": none
	Commit   string         // which the platform names; "": that of the checkout
	Env      []string       // of the command
	Out      []string       // files and directories of the output, absolute; none: what was made below Top
	Machine  material.Machine
	Home     string   // of the user, absolute
	Tools    []string // directories in which the runner keeps toolchains, absolute
	// Variables are the names of variables that a manifest may show, besides those that it always shows.
	Variables []string
	Workflow  string // the file that started the job, from Top; "": not known
	Pins      string // the lock file of workflows, from Top: which commit each action is of

	Hidden func(name, value string) bool // a variable or an argument that is a secret
	Scrub  func(text string) string      // a text without the secrets of the job
	// Version asks a tool for its version; "" if it says none.
	Version func(path string, args ...string) string
}

// maker makes one manifest.
type maker struct {
	Run
	m        material.Manifest
	source   source
	kept     []packages.Package
	inFolder map[string]int          // the package of kept that is in a folder
	roots    []string                // of toolchains
	versions []string                // of toolchains that a version manager keeps
	how      []string                // of each file of the result; "": it is of no interest
	modules  []string                // of the commit; nil: they were not looked for
	dirty    map[string]bool         // paths of tracked files that are not the commit's
	programs map[string]*record.File // the files of programs, by their paths
}

// Manifest returns the manifest of a build, and the log that is stored beside it.
func Manifest(r Run) (material.Manifest, []byte, error) {
	k := &maker{Run: r, programs: map[string]*record.File{}}
	for i, f := range r.Result.Files {
		if f.Use&record.Execute != 0 {
			k.programs[f.Path] = &r.Result.Files[i]
		}
	}
	k.begin()
	k.source = readSource(r.Top, r.Commit)
	k.toolchains()
	k.packagesOf()
	k.classify()
	k.compared()
	k.listPrograms()
	k.lockFiles()
	k.materials()
	k.products()
	k.ordered()
	k.variables()
	k.references()
	log, err := k.log()
	if err != nil {
		return material.Manifest{}, nil, err
	}
	k.m.Log = material.Log{Digest: subject.Sum(log).Hex(), Size: int64(len(log))}
	return k.m, log, nil
}

// begin takes over what the recorder says itself.
func (k *maker) begin() {
	r, w := k.Result, k.Result.Watch
	k.m = material.Manifest{
		Recorder: k.Recorder, RecordedBy: material.ByOwnJob, Command: k.shown(k.Command), Directory: k.named(k.Dir),
		Exit: r.Exit, Signal: r.Signal, Started: r.Started, Ended: r.Ended, Machine: k.Machine,
		Observation: material.Observed{
			Method: w.Method, Files: w.Files, Processes: w.Processes, Network: w.Network, CutBy: w.CutBy, Reason: w.Reason, Events: w.Events,
			Lost: w.Lost, Foreign: w.Foreign, Delegated: k.all(w.Delegated), Around: k.all(w.Around), Outlived: k.all(w.Outlived), SameRoot: w.SameRoot,
		},
	}
	for _, c := range r.Connections {
		if !strings.HasPrefix(c.To, "unix:") {
			k.m.Hosts = append(k.m.Hosts, material.Connection{To: c.To, Count: c.Count, By: k.text(c.By)})
		}
	}
	slices.SortFunc(k.m.Hosts, func(a, b material.Connection) int { return cmp.Compare(a.To, b.To) })
}

// shown is a command line without secrets.
func (k *maker) shown(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = k.text(a)
		if ofShell(args, i) {
			if text, ok := k.script(a); ok {
				out[i] = text
				continue
			}
		}
		name, value, assigned := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if assigned && k.secret(name, value) {
			before := strings.TrimSuffix(a, "="+value)
			out[i] = k.text(before) + "=" + hidden
			if k.secret("", before) {
				out[i] = hidden
			}
		} else if i > 0 && !strings.HasPrefix(a, "-") && k.after(args[i-1], a) || k.secret("", a) {
			out[i] = hidden
		}
	}
	return out
}

// after reports whether an argument is a secret because of the flag before it.
func (k *maker) after(flag, value string) bool {
	return strings.HasPrefix(flag, "-") && !strings.Contains(flag, "=") &&
		(k.secret(strings.TrimLeft(flag, "-"), value) || inside().MatchString(flag+" "+value))
}

// secret reports whether a value is a secret, or whether one is given a name inside of it, as a shell, a header of HTTP and
// compilers do.
func (k *maker) secret(name, value string) bool {
	if k.Hidden(name, value) || inside().MatchString(value) {
		return true
	}
	for rest := value; rest != ""; {
		m := given().FindStringSubmatchIndex(rest)
		if m == nil {
			return false
		}
		name, apart := rest[m[2]:m[3]], rest[m[3]:m[4]]
		if (strings.TrimSpace(apart) != "" || strings.HasPrefix(name, "-")) &&
			k.Hidden(strings.TrimLeft(name, "-"), rest[m[4]:m[5]]) {
			return true
		}
		rest = rest[m[3]+1:] // a value may give names itself
	}
	return false
}

var (
	given = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`((?:-+[A-Za-z_]|[A-Za-z_])[A-Za-z0-9_.-]*)(?:["']?\s*[=:]\s*["']?|\s+)([^\s"']+)`)
	})
	// inside finds a user with a password, as curl(1) and others take them.
	inside = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|\s)(?:-u|--user|-U|--proxy-user)[\s=]+["']?[^\s:"']+:[^\s"']`)
	})
)

const hidden = fault.Hidden

func (k *maker) all(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = k.text(t)
	}
	return out
}

// text is what a build chose, without secrets and as a JSON text can hold it. A token may be a part of a path.
func (k *maker) text(s string) string {
	s = k.Scrub(valid(s))
	if !k.Hidden("", s) {
		return s
	}
	parts := strings.Split(s, "/")
	for i, p := range parts {
		if k.Hidden("", p) {
			parts[i] = hidden
		}
	}
	if s = strings.Join(parts, "/"); k.Hidden("", s) {
		return hidden
	}
	return s
}

// named is a path from the top of the checkout, where it lies below it.
func (k *maker) named(path string) string {
	if rest, below := under(k.Top, path); below {
		return k.text(rest)
	}
	return k.text(path)
}

// under returns a path from a directory that it lies in or is.
func under(dir, path string) (string, bool) {
	if dir == "" {
		return "", false
	}
	if path == dir {
		return ".", true
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
	return rest, ok
}

// classify says of each file how it came to the build.
func (k *maker) classify() {
	k.how = make([]string, len(k.Result.Files))
	for i, f := range k.Result.Files {
		k.how[i] = k.came(f)
	}
}

func (k *maker) came(f record.File) string {
	there := []string{record.Certain, record.Changed, record.Made, record.Unreadable, record.Elsewhere}
	if pseudo(f.Path) || !slices.Contains(there, f.State) {
		return ""
	}
	// A package manager links files from its store, and a lock names those.
	if f.From != "" && k.packaged(f.Path) == nil {
		return k.placed(f.From)
	}
	if ofBuild(f) {
		return material.FromBuild
	}
	if f.State == record.Elsewhere {
		return material.FromOutside // the process that opened it had mounts of its own, so its path says nothing
	}
	return k.placed(f.Path)
}

// ofBuild reports whether the build made a file. What is certain is as it was before the build, whatever it was
// opened for.
func ofBuild(f record.File) bool {
	return f.State == record.Made ||
		f.State != record.Certain && f.First&(record.Write|record.Named) != 0 && f.First&record.Read == 0
}

// placed says by its place how a file came that was there before the build.
func (k *maker) placed(path string) string {
	in := func(dirs []string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { _, ok := under(d, path); return ok })
	}
	rest, below := under(k.Top, path)
	switch {
	case below && (k.source.has(rest) || ofGit(rest)):
		return material.FromSource
	case k.ofToolchain(path):
		return material.FromToolchain
	case below && k.vendored(path):
		return material.Untracked
	case k.packaged(path) != nil:
		return material.FromPackage
	case k.ownInfo(path):
		return material.FromSource
	case k.cached(path): // which may lie below the checkout: some platforms keep nothing else from job to job
		return material.FromCache
	case below:
		return material.Untracked
	case in(systems):
		return material.FromSystem
	}
	return material.FromOutside
}

// ofGit reports whether a path is one that git itself keeps in a checkout: its objects, which have the names of their contents, its
// refs, its index and its settings (gitrepository-layout(5)). What else lies there, somebody has put there.
func ofGit(path string) bool {
	rest, is := strings.CutPrefix(path, ".git/")
	if !is {
		return path == ".git"
	}
	first, below, _ := strings.Cut(rest, "/")
	switch first {
	case "objects", "refs", "logs":
		return true
	case "info":
		return slices.Contains([]string{"exclude", "attributes", "grafts", "sparse-checkout", "refs"}, below)
	}
	return below == "" &&
		slices.Contains([]string{"HEAD", "ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "packed-refs", "index", "config",
			"config.worktree", "description", "shallow", "commondir", "gitdir"}, first)
}

// pseudo reports whether a path is of the kernel's own file systems.
func pseudo(path string) bool {
	if _, shared := under("/dev/shm", path); shared {
		return false // a file system like others, in memory
	}
	in := func(d string) bool { _, ok := under(d, path); return ok }
	return slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, in) || !strings.HasPrefix(path, "/") ||
		strings.HasSuffix(path, " (deleted)")
}

// systems are the directories that come with the image of a machine (Filesystem Hierarchy Standard 3.0).
var systems = []string{
	"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc", "/opt",
	"/nix/store", "/var/lib/dpkg", "/var/lib/rpm", "/snap", "/run/systemd",
}

// downloaded is the folder of the module for which the go command keeps a file beside it: its go.mod, its archive, their digests
// and its version (https://go.dev/ref/mod#module-cache). "" is none.
func downloaded(path string) string {
	cache, rest, _ := strings.Cut(path, "/cache/download/")
	name, file, _ := strings.Cut(rest, "/@v/")
	ext := filepath.Ext(file)
	if !slices.Contains([]string{".mod", ".zip", ".ziphash", ".info", ".lock"}, ext) {
		return ""
	}
	return cache + "/" + name + "@" + strings.TrimSuffix(file, ext)
}

// ownInfo reports whether a file in the module cache is what the go command wrote down of a module of the commit
// itself: it makes that of the checkout, to know the version of what it builds.
func (k *maker) ownInfo(path string) bool {
	cache, rest, _ := strings.Cut(path, "/cache/download/")
	name, base, is := strings.Cut(rest, "/@v/")
	of, info := strings.CutSuffix(base, ".info")
	if !is || !info || cache == "" || !k.cached(path) || k.source.commit == "" ||
		!slices.Contains(k.ownModules(), name) {
		return false
	}
	b, err := file.Read(path, maxInfo)
	var said struct { // cmd/go/internal/modfetch.RevInfo
		Version string
		Time    time.Time
		Origin  struct{ VCS, URL, Subdir, Hash, TagPrefix, TagSum, Ref, RepoSum string }
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return err == nil && d.Decode(&said) == nil && said.Version == of &&
		(said.Origin.Hash == k.source.commit || strings.HasSuffix(of, "-"+k.source.commit[:12]))
}

const maxInfo = 1 << 10

// ownModules are the modules of the commit, as the module cache writes their names.
func (k *maker) ownModules() []string {
	if k.modules == nil {
		k.modules = []string{}
		for name := range k.source.files {
			if pathpkg.Base(name) != "go.mod" {
				continue
			}
			at := filepath.Join(k.Top, filepath.FromSlash(name))
			b, err := file.Read(at, maxReread)
			if err != nil || !k.committed(at, b) {
				continue
			}
			if name := packages.InCache(b); name != "" {
				k.modules = append(k.modules, name)
			}
		}
	}
	return k.modules
}

// packaged is the package that a file is of, the one with the deepest folder.
func (k *maker) packaged(path string) *packages.Package {
	if i, ok := k.inFolder[downloaded(path)]; ok {
		return &k.kept[i]
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if i, ok := k.inFolder[dir]; ok {
			return &k.kept[i]
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// vendored reports whether a file lies in the folder of a package that the commit has itself: what else lies there,
// no package manager has fetched.
func (k *maker) vendored(path string) bool {
	p := k.packaged(path)
	if p == nil {
		return false
	}
	at, below := under(k.Top, p.At)
	if i := strings.LastIndex("/"+at+"/", "/vendor/"); i >= 0 && k.source.has(at[:i]+"vendor/modules.txt") {
		return true
	}
	return below && k.source.hasFolder(at)
}

// materials lists what the build read, in groups where single files say nothing.
func (k *maker) materials() {
	type group struct {
		how, path string
		lines     []string
		changed   bool
	}
	groups := map[string]*group{}
	o := &k.m.Observation
	list := func(path, how, digest string, files int, changed bool) {
		k.m.Materials = append(
			k.m.Materials,
			material.Material{Path: k.named(path), How: how, Digest: digest, Files: files, Changed: changed},
		)
	}
	for i, f := range k.Result.Files {
		how := k.how[i]
		switch {
		case f.State == record.Gone && f.First&record.Read != 0 && !pseudo(f.Path):
			if o.Gone++; o.Gone <= maxGone {
				list(f.Path, k.placed(f.Path), "", 0, true)
			}
		case f.State == record.Changed && f.First == record.Read && how != "" && how != material.FromToolchain &&
			f.Path != joined(k.Top, ".git/index"): // git notes in its index when it has looked at a file
			o.Changed++
		}
		if how == "" || how == material.FromBuild {
			continue
		}
		k.m.Explained.Files++
		if k.explains(how, f) {
			k.m.Explained.Count++
		}
		path := cmp.Or(f.From, f.Path)
		if single(how) && len(k.m.Materials) < material.MaxMaterials {
			list(path, how, f.Digest, 1, f.State == record.Changed)
			continue
		}
		at := k.grouped(how, path)
		g := groups[how+" "+at]
		if g == nil {
			g = &group{how: how, path: at}
			groups[how+" "+at] = g
		}
		g.lines = append(g.lines, f.Digest+"  "+path+"\n")
		g.changed = g.changed || f.State == record.Changed
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		slices.Sort(g.lines)
		list(g.path, g.how, subject.Sum([]byte(strings.Join(g.lines, ""))).Hex(), len(g.lines), g.changed)
	}
}

// ordered puts the materials into the order of how they came, and of their paths.
func (k *maker) ordered() {
	slices.SortFunc(k.m.Materials, func(a, b material.Material) int {
		return cmp.Or(cmp.Compare(a.How, b.How), cmp.Compare(a.Path, b.Path))
	})
}

// maxGone bounds the files that are listed and are not there any more.
const maxGone = 1000

// single reports whether files of a kind are listed one by one.
func single(how string) bool {
	return slices.Contains([]string{material.FromSource, material.Untracked, material.FromOutside}, how)
}

// grouped is the directory under which a file is counted.
func (k *maker) grouped(how, path string) string {
	switch how {
	case material.FromPackage:
		return k.packaged(path).At
	case material.FromToolchain, material.FromCache:
		for _, dir := range slices.Concat(k.roots, k.versions, k.caches()) {
			if _, ok := under(dir, path); ok {
				return dir
			}
		}
	case material.FromSystem:
		parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
		if len(parts) == 3 {
			return "/" + parts[0] + "/" + parts[1]
		}
	}
	return filepath.Dir(path)
}

// explains reports whether the manifest can say where a file is from.
func (k *maker) explains(how string, f record.File) bool {
	switch how {
	case material.FromSource:
		return f.State == record.Certain && !k.dirty[f.Path] || k.isCommitted(f)
	case material.FromPackage:
		s := k.packaged(f.Path).State
		return s == packages.Locked || s == packages.Named
	case material.FromSystem, material.FromToolchain:
		return f.State == record.Certain
	}
	return false
}

// products lists what the build made: below the checkout, or where the output is said to be.
func (k *maker) products() {
	if k.m.Observation.Files == material.IsNotObserved {
		k.lying()
	}
	for i, f := range k.Result.Files {
		if k.how[i] != material.FromBuild && f.From == "" && !k.remade(f) || !k.output(f.Path) {
			continue
		}
		if f.Digest == "" { // too large, or not to be read: nothing holds it to its bytes
			k.m.Materials = append(k.m.Materials, material.Material{Path: k.named(f.Path), How: material.FromBuild})
			continue
		}
		k.m.Products = append(k.m.Products, material.Product{Path: k.named(f.Path), Digest: f.Digest, Size: f.Size})
	}
	slices.SortFunc(k.m.Products, func(a, b material.Product) int { return cmp.Compare(a.Path, b.Path) })
	k.apart()
}

// remade reports whether a file was there before the build, is not of the commit, and was written anew: a linker
// looks at what it replaces. What it was before counts as read, too.
func (k *maker) remade(f record.File) bool {
	rest, _ := under(k.Top, f.Path)
	return f.State == record.Changed && f.Use&(record.Write|record.Named) != 0 && !pseudo(f.Path) && !k.source.has(rest)
}

// lying lists the output of a build that was not watched: the files that lie there afterwards, where it is said to be.
func (k *maker) lying() {
	for _, dir := range k.Out {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || len(k.m.Products) >= material.MaxMaterials {
				return nil // what cannot be read is no product
			}
			if digest, size, err := hashed(path); err == nil {
				k.m.Products = append(k.m.Products, material.Product{Path: k.named(path), Digest: digest, Size: size})
			}
			return nil
		})
	}
}

func hashed(path string) (digest string, size int64, err error) {
	f, err := file.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func (k *maker) output(path string) bool {
	out := k.Out
	if len(out) == 0 {
		if k.ofToolchain(path) || k.cached(path) {
			return false
		}
		if rest, below := under(k.Top, path); below && (strings.HasPrefix(rest, ".git/") || k.packaged(path) != nil) {
			return false
		}
		out = []string{cmp.Or(k.Top, k.Dir)}
	}
	return slices.ContainsFunc(out, func(d string) bool { _, ok := under(d, path); return ok })
}
