package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
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
	outputs   []string               // from the top of the source
	before    map[string]os.FileInfo // the products that the source has itself, as they lay there before the build
	differing [2]string              // the first product that differs, of both builds; "": none that is here
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
	result, top, err := r.again(&p, v, work)
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
	result, top, err := r.again(&p, v, work)
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

// made is the manifest of one build, for this command alone.
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

func machine() material.Machine {
	return material.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: record.Kernel(), User: os.Geteuid()}
}
