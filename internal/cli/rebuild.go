package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/difference"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// rebuildInputs is what rebuild alone is told.
type rebuildInputs struct {
	Words        []string `input:"command"`
	Check        bool     `input:"check"`
	Manifest     string   `input:"manifest"`
	Source       string   `input:"source"`
	Original     string   `input:"original"`
	Fetch        []string `input:"fetch"`
	Connected    bool     `input:"with-network"`
	Products     []string `input:"products"`
	Reproduction string   `input:"reproduction"`
	HTML         string   `input:"html"`
	Accept       bool     `input:"accept-difference"`
}

// A plan is a build that is to be done again.
type plan struct {
	command   []string
	dir       string // from the top of the source
	commit    string
	source    string // a clone that has the commit
	original  string // where the products of the first build lie
	products  []material.Product
	variables []material.Variable
	manifest  string // digest
	fetch     []string
	connected bool
	outputs   []string  // from the top of the source
	differing [2]string // the first product that differs, of both builds; "": none that is here
}

// rebuildCommand builds again and compares. What differs is told whether it is signed or not.
func rebuildCommand(r *run, in rebuildInputs) (a answer, err error) {
	if err := r.vacateOutputs(); err != nil {
		return answer{}, err
	}
	compared := false
	defer func() {
		if !compared { // the command that was built can write here, too
			err = errors.Join(err, r.vacateOutputs())
		}
	}()
	unpiped()
	work, err := os.MkdirTemp("", "sallyport-rebuild-")
	if err != nil {
		return answer{}, fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"let TMPDIR name a directory that can be written to",
			"making a directory for the rebuild: %w",
			fault.Cause(err),
		)
	}
	defer func() { _ = forceRemove(work) }() // the machine may clear it up
	p, err := r.planned(in, work)
	if err != nil {
		return answer{}, err
	}
	v := varied(work)
	result, top, err := r.again(p, v, work)
	if err != nil {
		return answer{}, err
	}
	rep, tree, err := p.compare(result, v, top)
	if err != nil {
		return answer{}, err
	}
	if err := came(result, &rep); err != nil {
		return answer{}, err
	}
	if err := p.copied(result); err != nil {
		return answer{}, err
	}
	compared = true
	rep.Rebuilder, rep.Machine = "sallyport "+r.Version, machine()
	if p.differing[0] != "" && r.in.Format != "json" && !r.in.Quiet {
		defer r.diffoscope(p.differing)
	}
	return r.reproduced(in, &rep, tree)
}

// diffoscope shows what that program says about two files, if it is installed (https://diffoscope.org). Its answer adds to ours and
// changes nothing.
func (r *run) diffoscope(files [2]string) {
	path, err := exec.LookPath("diffoscope")
	if err != nil {
		return
	}
	const patience, most, lines, columns, largest = 20 * time.Second, 64 << 10, 40, 80, 1 << 20
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > largest {
			r.note("diffoscope was not asked about " + report.Plain(filepath.Base(files[1])) + ", which is larger than 1 MB: run it by hand")
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, path, "--text", "-", "--no-progress", "--exclude-directory-metadata=yes", //nolint:gosec // both are ours
		"--max-text-report-size", strconv.Itoa(most), files[0], files[1])
	c.Env, _ = r.stripped(nil)
	c.WaitDelay = time.Second
	said, err := c.Output()
	var ended *exec.ExitError
	if err == nil || !errors.As(err, &ended) || ended.ExitCode() != 1 { // 1: the files differ
		r.note("diffoscope said nothing about " + report.Plain(filepath.Base(files[1])))
		return
	}
	fmt.Fprintf(r.Stdout, "\ndiffoscope says about %s\n", report.Plain(filepath.Base(files[1])))
	all := strings.Split(strings.TrimSpace(r.scrubbed(string(said[:min(len(said), most)]))), "\n")
	if len(all) > 2 && strings.HasPrefix(all[0], "--- ") && strings.HasPrefix(all[1], "+++ ") {
		all = all[2:] // the paths of both files, which are long and end in the name above
	}
	for i, line := range all {
		if i == lines {
			fmt.Fprintf(r.Stdout, "  … and more: run diffoscope by hand\n")
			break
		}
		line = report.Plain(strings.ReplaceAll(line, "\t", "    "))
		if cut := []rune(line); len(cut) > columns-2 {
			line = string(cut[:columns-3]) + "…"
		}
		fmt.Fprintf(r.Stdout, "  %s\n", line)
	}
}

// planned reads what is to be built: from a manifest, or, to check a repository, by a first build of the command.
func (r *run) planned(in rebuildInputs, work string) (plan, error) {
	p := plan{
		source:    in.Source,
		original:  cmp.Or(in.Original, in.Source),
		fetch:     in.Fetch,
		connected: in.Connected,
		outputs:   in.Products,
	}
	switch {
	case in.Check && in.Manifest != "", !in.Check && in.Manifest == "":
		return p, usage("want --manifest FILE, or --check and a command behind --")
	case !in.Check && len(in.Words) > 0:
		return p, usage("the manifest says which command is run; leave %q out", in.Words[0])
	case in.Check && len(in.Words) == 0:
		return p, usage("--check needs the command that builds, behind --")
	}
	if in.Check {
		return r.first(p, in.Words, work)
	}
	m, err := readManifest(in.Manifest)
	if err != nil {
		return p, err
	}
	b, err := m.JSON()
	if err != nil {
		return p, err
	}
	p.manifest, p.command, p.dir, p.commit = subject.Sum(b).Hex(), m.Command, m.Directory, m.Source.Commit
	p.variables = m.Variables
	var left int
	for _, x := range m.Products {
		if why := material.NotRebuilt(x.Path); why != "" {
			r.note(fmt.Sprintf("left out, product %s: %s", x.Path, why))
			left++
			continue
		}
		p.products = append(p.products, x)
	}
	top, err := r.git(p.source, "rev-parse", "--show-toplevel")
	if err != nil {
		return p, err
	}
	p.source = strings.TrimSpace(top)
	if in.Original == "" {
		p.original = p.source
	}
	switch {
	case p.commit != "" && !gitobject.IsCommit(p.commit):
		return p, fault.New(
			fault.Refused,
			fault.Malformed,
			"",
			"the manifest names the commit %q, want 40 or 64 hexadecimal digits",
			fault.Cut(p.commit),
		)
	case p.commit == "":
		return p, fault.New(
			fault.Refused,
			fault.Materials,
			"record the build in a checkout of its commit",
			"the manifest names no commit: %s",
			m.Source.Reason,
		)
	case len(m.Source.Submodules) > 0:
		return p, fault.New(
			fault.Refused,
			fault.Unsupported,
			"rebuild by hand, and compare the digests with the manifest",
			"the source has submodules, and rebuild fetches none",
		)
	case !m.Source.Clean:
		return p, fault.New(
			fault.Refused,
			fault.Materials,
			"commit what the build changes, and record it again",
			"the manifest is of a source that is not its commit's",
		)
	case !filepath.IsLocal(p.dir):
		return p, fault.New(
			fault.Refused,
			fault.Path,
			"record the build below the top of its checkout",
			"the build ran in %q, which is outside of its source",
			p.dir,
		)
	case len(p.products) == 0 && left > 0:
		return p, fault.New(fault.Refused, fault.Materials,
			"let the build make it below the top of its checkout, under a plain name, and record it again",
			"no product of the manifest can be rebuilt: %s", material.NotRebuilt(m.Products[0].Path))
	case len(p.products) == 0:
		return p, fault.New(
			fault.Refused,
			fault.Materials,
			"tell sallyport run what the build makes, with products, and record it again",
			"the manifest lists no product",
		)
	case slices.ContainsFunc(p.command, func(w string) bool { return strings.Contains(w, fault.Hidden) }):
		return p, fault.New(
			fault.Refused,
			fault.Materials,
			"take secrets out of the command line: hand them over as variables",
			"a part of the command is hidden in the manifest",
		)
	}
	return p, nil
}

// first builds the commit that is checked out, as it would be built today.
func (r *run) first(p plan, command []string, work string) (plan, error) {
	commit, err := r.git(p.source, "rev-parse", "HEAD")
	if err != nil {
		return p, err
	}
	top, err := r.git(p.source, "rev-parse", "--show-toplevel")
	if err != nil {
		return p, err
	}
	from, err := filepath.Abs(p.source)
	if err != nil {
		return p, fault.Cause(err)
	}
	dir, err := filepath.Rel(strings.TrimSpace(top), resolved(from))
	if err != nil || !filepath.IsLocal(dir) {
		dir = "."
	}
	p.command, p.dir, p.commit, p.source = command, dir, strings.TrimSpace(commit), strings.TrimSpace(top)
	v := variation{dir: filepath.Join(work, "first"), home: filepath.Join(work, "home-first")}
	result, top, err := r.again(p, v, work)
	if err != nil {
		return p, err
	}
	if result.Exit != 0 {
		return p, notBuilt("the first build failed with " + endedWith(result))
	}
	m, err := p.made(result, v)
	if err != nil {
		return p, err
	}
	if p.products = m.Products; len(p.products) == 0 {
		if len(p.outputs) > 0 {
			return p, fault.New(fault.Usage, fault.Config,
				"name what it makes, seen from the directory in which it runs",
				"the command made nothing that --products names: %q", p.outputs)
		}
		return p, fault.New(fault.Usage, fault.Config,
			"name the command that builds, and with --products what it makes",
			"the command made nothing below %q", dir)
	}
	p.original = top
	const tick = 2 * time.Second // zip has times of two seconds, and tar of one
	time.Sleep(time.Until(result.Ended.Add(tick)))
	return p, nil
}

// made is the manifest of one build, which is shown to nobody.
func (p *plan) made(result *record.Result, v variation) (material.Manifest, error) {
	top := resolved(v.dir)
	m, _, err := build.Manifest(build.Run{Result: result, Command: p.command, Dir: filepath.Join(top, p.dir), Top: top,
		Out: p.out(top), Env: p.env(v), Home: resolved(v.home),
		Hidden: func(_, _ string) bool { return false }, Scrub: func(s string) string { return s },
		Version: func(string, ...string) string { return "" }})
	return m, err
}

// held refuses a build that used other packages than the lock files name: they lie in caches that the first build had
// as well.
func (p *plan) held(result *record.Result, v variation) error {
	m, err := p.made(result, v)
	if err != nil {
		return err
	}
	for _, x := range m.Packages {
		if x.State == material.OtherDigest {
			return fault.New(fault.Refused, fault.Materials,
				"empty the package cache, find out who wrote to it, and rebuild: what came out counts for nothing",
				"the packages of this machine's cache differ from the lock: %s: %s", x.PURL, x.Found)
		}
	}
	return nil
}

// out are the outputs below one copy of the source.
func (p *plan) out(top string) (all []string) {
	for _, o := range p.outputs {
		all = append(all, filepath.Join(top, p.dir, o))
	}
	return all
}

// A variation is how a rebuild differs from the build before it.
type variation struct {
	dir, home string
	host      string // "": as it is
	user      int    // 0: as it is
	umask     int    // -1 or 0: as it is
	env       map[string]string
	reversed  bool // the files of the source were made in another order
}

// varied is everything that can be made different without privileges.
func varied(work string) variation {
	locale := "C"
	if os.Getenv("LC_ALL") == "C" {
		locale = "C.UTF-8"
	}
	return variation{
		dir:      filepath.Join(work, "second", "another place, with a longer name"),
		home:     filepath.Join(work, "home-second"),
		host:     "rebuilder",
		user:     23456,
		umask:    0o027,
		reversed: true,
		env: map[string]string{
			"TZ":      "<+1345>-13:45",
			"LC_ALL":  locale,
			"LANG":    locale,
			"USER":    "rebuilder",
			"LOGNAME": "rebuilder",
		},
	}
}

// again builds once, in a fresh copy of the source.
func (r *run) again(p plan, v variation, work string) (*record.Result, string, error) {
	if err := r.cloned(p, v, work); err != nil {
		return nil, "", err
	}
	env := p.env(v)
	dir := filepath.Join(v.dir, p.dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, "", fault.New(fault.Refused, fault.Path,
			"record the build in a directory that the commit has, and let the command make others",
			"the build ran in %q, and the commit %s has no such directory", p.dir, p.commit)
	}
	if err := r.fetched(p, dir, env); err != nil {
		return nil, "", err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return nil, "", fault.Cause(err)
	}
	defer func() { _ = null.Close() }()
	stderr, _ := r.Stderr.(*os.File)
	doing := "building " + report.Plain(strings.Join(p.command, " ")) + " in " + report.Plain(dir)
	r.note(fault.Scrub(doing, r.allSecrets(env)...))
	result, err := record.Run(
		record.Options{
			Command: p.command,
			Dir:     dir,
			Env:     env,
			Cut:     !p.connected,
			Host:    v.host,
			User:    v.user,
			Umask:   v.umask,
			Stdin:   null,
			Stdout:  orNull(stderr),
			Stderr:  orNull(stderr),
		},
	)
	if err != nil {
		return nil, "", fault.New(fault.Unavailable, fault.NotAvailable, notRunHint(err, "say --with-network"), "the build was not run: %w", err)
	}
	if result.NotStarted != "" {
		return nil, "", fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"install what builds it, in the version that the manifest names",
			"the build was not run: %s",
			result.NotStarted,
		)
	}
	if err := p.held(result, v); err != nil {
		return nil, "", err
	}
	return result, v.dir, nil
}

// cloned puts the commit into a directory of its own.
func (r *run) cloned(p plan, v variation, work string) error {
	for _, dir := range []string{filepath.Dir(v.dir), v.home} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.Errorf("making %q: %w", dir, fault.Cause(err))
		}
	}
	to := v.dir
	if v.reversed {
		to = filepath.Join(work, "in order")
	}
	if _, err := r.git(".", "clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", p.source, to); err != nil {
		return err
	}
	if _, err := r.git(to, "checkout", "--quiet", "--detach", p.commit); err != nil {
		return err
	}
	if !v.reversed {
		return nil
	}
	if err := backwards(to, v.dir); err != nil {
		return fault.Errorf("copying the source: %w", fault.Cause(err))
	}
	return nil
}

// backwards moves a directory, with the files of each directory in the other order.
func backwards(from, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	all, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(all) {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			err = backwards(a, b)
		} else {
			err = os.Rename(a, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// git runs git, without what a repository or a user would have it run besides.
func (r *run) git(dir string, args ...string) (string, error) {
	own := []string{"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"}
	c := exec.CommandContext(r.ctx, "git", append(own, args...)...) //nolint:gosec // the arguments are ours
	c.Dir = dir
	var out, bad bytes.Buffer
	c.Stdout, c.Stderr = &out, &bad
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fault.New(fault.Unavailable, fault.NotAvailable, "install git", "git is not here")
		}
		return "", fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"run it in a checkout that has the commit",
			"git %s: %s",
			args[0],
			fault.Cut(strings.TrimSpace(bad.String())),
		)
	}
	return out.String(), nil
}

// copied refuses a rebuild whose command has read a product of the first build: nothing says then that it was built again.
func (p *plan) copied(result *record.Result) error {
	if p.manifest == "" {
		return nil // both builds are this call's
	}
	for _, f := range result.Files {
		for _, x := range p.products {
			if f.Use&(record.Read|record.Execute) == 0 || f.Path != resolved(filepath.Join(p.original, x.Path)) {
				continue
			}
			return fault.New(fault.Refused, fault.Materials, "find out why: a build that is done again needs nothing of the first one",
				"the command has read %q of the first build", x.Path)
		}
	}
	return nil
}

// followed are the variables that a rebuild takes from the manifest, and from nowhere else.
var followed = strings.Fields(
	`SOURCE_DATE_EPOCH GO111MODULE GOOS GOARCH GOAMD64 GOARM GOARM64 GOFLAGS GOTOOLCHAIN GOEXPERIMENT GOWORK GODEBUG
	CGO_ENABLED CGO_CFLAGS CGO_LDFLAGS CC CXX AR LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS ARFLAGS MAKEFLAGS NODE_ENV NODE_OPTIONS RUSTFLAGS
	RUSTUP_TOOLCHAIN CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL PYTHONHASHSEED CI`,
)

// besideSource are variables by which tools take files from elsewhere than the source and the package caches.
var besideSource = strings.Fields(`NODE_PATH PYTHONPATH PYTHONHOME RUSTC_WRAPPER CARGO_TARGET_DIR LD_PRELOAD CLASSPATH`)

// env is the environment of one build.
func (p *plan) env(v variation) []string {
	set := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		if slices.Contains(signingVariables, name) || slices.Contains(runnersOwn, name) || slices.Contains(besideSource, name) ||
			attest.Secret(name, value, nil) || p.manifest != "" && slices.Contains(followed, name) {
			continue // the command is the build job's choice, and gets nothing of this job's
		}
		set[name] = value
	}
	for _, x := range p.variables {
		if slices.Contains(followed, x.Name) {
			set[x.Name] = x.Value
		}
	}
	home := set["HOME"]
	for name, below := range map[string]string{"GOMODCACHE": "go/pkg/mod", "npm_config_cache": ".npm", "CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup", "PYENV_ROOT": ".pyenv"} {
		at := filepath.Join(home, below)
		if _, err := os.Stat(at); err == nil && home != "" && set[name] == "" {
			set[name] = at // packages that are locked come from where they lie
		}
	}
	set["HOME"] = v.home
	for _, name := range []string{"GOCACHE", "XDG_CACHE_HOME", "CCACHE_DIR", "SCCACHE_DIR"} {
		delete(set, name) // what an earlier build made is no build
	}
	for name, value := range v.env {
		set[name] = value
	}
	var env []string
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// fetched fetches what the build needs, before its network is cut.
func (r *run) fetched(p plan, dir string, env []string) error {
	var todo [][]string
	for _, f := range p.fetch {
		todo = append(todo, []string{"sh", "-c", f})
	}
	if len(todo) == 0 {
		for _, known := range []struct {
			file, not string
			command   []string
		}{
			{"go.mod", "vendor", []string{"go", "mod", "download"}},
			{"package-lock.json", "node_modules", []string{"npm", "ci", "--no-audit", "--no-fund"}},
			{"Cargo.lock", "vendor", []string{"cargo", "fetch", "--locked"}},
		} {
			_, err := os.Stat(filepath.Join(dir, known.file))
			_, there := os.Stat(filepath.Join(dir, known.not))
			if err == nil && there != nil {
				todo = append(todo, known.command)
			}
		}
	}
	for _, words := range todo {
		r.note(fault.Scrub("fetching: "+report.Plain(strings.Join(words, " ")), r.allSecrets(env)...))
		c := exec.CommandContext(r.ctx, words[0], words[1:]...) //nolint:gosec // the package manager, or what the call names
		c.Dir, c.Env, c.Stdout, c.Stderr = dir, env, r.Stderr, r.Stderr
		if err := c.Run(); err != nil {
			return fault.New(
				fault.Unavailable,
				fault.NotAvailable,
				"say with --fetch what fetches the packages that are locked",
				"fetching with %q failed: %w",
				fault.Scrub(strings.Join(words, " "), r.allSecrets(env)...),
				fault.Cause(err),
			)
		}
	}
	return nil
}

// compare holds what came out against the products of the first build.
func (p *plan) compare(
	result *record.Result,
	v variation,
	top string,
) (material.Reproduction, difference.TreeReport, error) {
	rep := material.Reproduction{
		Manifest: p.manifest,
		Commit:   p.commit,
		Command:  p.command,
		Started:  result.Started,
		Ended:    result.Ended,
		Network:  result.Watch.Network,
	}
	first, second := map[string]difference.File{}, map[string]difference.File{}
	var open []*os.File
	defer func() {
		for _, f := range open {
			_ = f.Close() // it was read
		}
	}()
	take := func(in map[string]difference.File, name, path, digest string) string {
		f, size, sum := opened(path)
		if f == nil {
			return ""
		}
		open = append(open, f)
		if digest == "" || digest == sum {
			in[name] = sized{f, size}
		}
		return sum
	}
	for _, x := range p.products {
		again := material.Rebuilt{Name: x.Path, Was: x.Digest}
		if filepath.IsLocal(x.Path) {
			again.Is = take(second, x.Path, filepath.Join(top, x.Path), "")
			if again.Is == x.Digest {
				first[x.Path] = second[x.Path]
			} else {
				take(first, x.Path, filepath.Join(p.original, x.Path), x.Digest)
			}
		}
		rep.Artifacts = append(rep.Artifacts, again)
	}
	tree, err := difference.Comparison{Hints: p.hints(v)}.Tree("the products of both builds", first, second)
	if err != nil {
		return rep, tree, err
	}
	for i := range rep.Artifacts {
		a := &rep.Artifacts[i]
		d := slices.IndexFunc(tree.Different, func(x difference.Report) bool { return x.Name == a.Name })
		switch {
		case a.Is == a.Was:
		case a.Is == "":
			a.First = "it was not made"
		case d < 0:
			a.First = "the first build's file is not here to compare with"
		case tree.Different[d].First != nil:
			s := tree.Different[d].First
			a.First = strings.Join(s.Path, " › ") + ": " + s.Says
			for _, c := range tree.Different[d].Causes {
				a.Causes = append(a.Causes, material.Fix{Cause: c.Says, Fix: c.Fix})
			}
		}
	}
	for _, d := range tree.Different {
		if _, here := first[d.Name]; here {
			p.differing = [2]string{filepath.Join(p.original, d.Name), filepath.Join(top, d.Name)}
			break
		}
	}
	rep.Varied, rep.Same = v.told(result)
	rep.Same = append(rep.Same, sharedCaches(p.env(v))...)
	return rep, tree, nil
}

// sharedCaches says which caches of packages a rebuild has in common with the builds before it on this machine.
func sharedCaches(env []string) (all []material.NotMoved) {
	for _, name := range []string{"CARGO_HOME", "GOMODCACHE", "npm_config_cache"} {
		if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			all = append(all, material.NotMoved{What: "cache of packages " + name,
				Why: "packages come from where they lie on this machine; what the build opened was held to its lock"})
		}
	}
	return all
}

type sized struct {
	*os.File
	size int64
}

func (s sized) Size() int64 { return s.size }

// opened opens a regular file and hashes it; nil if there is none.
func opened(path string) (*os.File, int64, string) {
	f, err := file.Open(path)
	if err != nil {
		return nil, 0, ""
	}
	info, err := f.Stat()
	if err == nil {
		var sums subject.Sums
		if sums, err = subject.SumAll(f); err == nil {
			return f, info.Size(), sums[0].Hex()
		}
	}
	_ = f.Close() // it is told as not there
	return nil, 0, ""
}

func (p *plan) hints(v variation) difference.Hints {
	host, _ := os.Hostname()
	first := p.original
	if abs, err := filepath.Abs(first); err == nil {
		first = abs
	}
	return difference.Hints{
		Paths: [2]string{first, v.dir},
		Host:  [2]string{host, v.host},
		User:  [2]string{os.Getenv("USER"), v.env["USER"]},
	}
}

// told says what was another one, and what could not be.
func (v variation) told(result *record.Result) (moved []material.Varied, same []material.NotMoved) {
	add := func(what, was, is string) { moved = append(moved, material.Varied{What: what, Was: was, Is: is}) }
	add("directory", "", v.dir)
	add("home", "", v.home)
	add("time", "", result.Started.UTC().Format(time.RFC3339))
	for _, n := range []string{"TZ", "LC_ALL", "USER"} {
		add(n, os.Getenv(n), v.env[n])
	}
	add("umask", "", fmt.Sprintf("%04o", v.umask))
	add("order of files", "", "the other one, where the file system keeps it")
	if result.Watch.CutBy == record.ByNamespace {
		host, _ := os.Hostname()
		add("host name", host, v.host)
		add("user number", fmt.Sprint(os.Geteuid()), fmt.Sprint(v.user))
	} else {
		same = append(same, material.NotMoved{What: "host name and user number", Why: "no namespace: " + cmp.Or(result.Watch.Reason, "the network was not cut")})
	}
	same = append(
		same,
		material.NotMoved{
			What: "clock",
			Why:  "the clock of a statically linked program cannot be moved without root; the rebuild ran later",
		},
		material.NotMoved{What: "kernel and processor", Why: "the same machine; rebuild on another runner as well"},
	)
	return moved, same
}

// reproduced writes what came out, shows it, and answers.
func (r *run) reproduced(
	in rebuildInputs,
	rep *material.Reproduction,
	tree difference.TreeReport,
) (answer, error) {
	if err := r.vacateOutputs(); err != nil {
		return answer{}, err
	}
	b, err := rep.JSON()
	if err != nil {
		return answer{}, err
	}
	if in.Reproduction != "" && !in.Check {
		if err := write(in.Reproduction, append(b, '\n')); err != nil {
			return answer{}, err
		}
	}
	if in.HTML != "" {
		if err := writePage(in.HTML, func(w *bytes.Buffer) error {
			var page bytes.Buffer
			err := report.DiffersTreeHTML(&page, tree)
			_, _ = w.WriteString(r.scrubbed(page.String())) // it never fails
			return err
		}); err != nil {
			return answer{}, err
		}
	}
	same := 0
	for _, a := range rep.Artifacts {
		if a.Is == a.Was {
			same++
		}
	}
	if err := r.showRebuild(rep, tree, same); err != nil {
		return answer{}, err
	}
	if same < len(rep.Artifacts) && in.Accept && !in.Check {
		r.note("other bytes came out: the reproduction says so, and the gate decides what follows")
		return done, nil
	}
	if same < len(rep.Artifacts) {
		hint := "mend the first cause that is shown, and build both again"
		switch {
		case slices.ContainsFunc(rep.Artifacts, func(a material.Rebuilt) bool { return a.Is == "" }):
			hint = "find out why a product was not made: the output of the command is above; a rebuild has an empty home, and no network"
		case tree.Same:
			hint = "name with --original the directory in which the first build's products lie, to see where they differ"
		}
		return answer{}, fault.New(
			fault.Refused,
			fault.Reproduction,
			hint,
			"%d of %d products came out with the same bytes",
			same,
			len(rep.Artifacts),
		)
	}
	return done, nil
}

// came refuses a build that came to nothing.
func came(result *record.Result, rep *material.Reproduction) error {
	switch {
	case result.Exit != 0 || result.Signal != 0:
		return notBuilt("the command of the rebuild failed with " + endedWith(result))
	case !slices.ContainsFunc(rep.Artifacts, func(a material.Rebuilt) bool { return a.Is != "" }):
		return notBuilt("the command of the rebuild made none of the products")
	}
	return nil
}

// notBuilt is the fault of a build that came to nothing, so that there is nothing to compare: others may not take it
// for other bytes.
func notBuilt(why string) error {
	return fault.New(fault.Unavailable, fault.NotAvailable,
		"build in a fresh clone with an empty home first, until that works: the output of the command is above",
		"%s, so nothing was compared", why)
}

// endedWith says how a command ended.
func endedWith(result *record.Result) string {
	if result.Signal != 0 {
		return fmt.Sprintf("signal %d", result.Signal)
	}
	return fmt.Sprintf("status %d", result.Exit)
}

// scrubbed is a text without the values of this job's secrets: a product may hold one, and a report shows its bytes.
func (r *run) scrubbed(text string) string { return fault.Scrubber(r.allSecrets(nil)...)(text) }

func (r *run) showRebuild(rep *material.Reproduction, tree difference.TreeReport, same int) error {
	if r.in.Format == "json" {
		return report.Document(r.Stdout, struct {
			Reproduction *material.Reproduction `json:"reproduction"`
			Difference   difference.TreeReport  `json:"difference"`
		}{rep, tree})
	}
	var text bytes.Buffer
	for _, a := range rep.Artifacts {
		word := "same   "
		if a.Is != a.Was {
			word = "differs"
		}
		fmt.Fprintf(&text, "%s  %s\n", word, report.Plain(a.Name))
		if a.First == "it was not made" || strings.HasPrefix(a.First, "the first build's") {
			fmt.Fprintf(&text, "         %s\n", a.First)
		}
	}
	if !tree.Same { // else nothing is here to compare with
		fmt.Fprintln(&text)
		if err := report.DiffersTreeText(&text, tree, r.screen()); err != nil {
			return err
		}
	}
	fmt.Fprintf(&text, "\nreproduced %d of %d products, of commit %s\n", same, len(rep.Artifacts), rep.Commit)
	said := r.scrubbed(text.String())
	if _, err := io.WriteString(r.Stdout, said); err != nil {
		return err
	}
	return r.onPage(said)
}

// onPage shows a text on the page of the job, if there is one.
func (r *run) onPage(text string) error {
	if r.platform == nil {
		return nil
	}
	return r.platform.Summary("```text\n"+strings.ReplaceAll(text, "```", "'''")+"```\n", "")
}

func machine() material.Machine {
	return material.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: record.Kernel(), User: os.Geteuid()}
}

// forceRemove removes a directory, also where a build has taken away its own permissions.
func forceRemove(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // it is removed next
		}
		return nil
	})
	return os.RemoveAll(dir)
}
