package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Materials is a build manifest: what the build's own job recorded of what went into the artifact. It says how an
// honest build went. A person who controls the job that builds controls what that job records.
type Materials struct {
	Unobserved   bool // a build that was not watched in full is accepted
	Cut          bool // the network was cut
	Dirty        bool // a source that is not wholly the commit's is accepted
	Outside      bool // files are accepted that are of no commit, package, system, toolchain or build
	Dependencies string
	Toolchains   []Range // every toolchain that ran is one of these; none: any
	Hosts        []string
	HostsListed  bool
	Pinned       bool // actions and images are named by commit and digest
	Explained    int  // thousandths of the files that were read; 0: any
}

// Range is a toolchain of which versions are accepted.
type Range struct {
	Name     string
	Min, Max string // Max is not accepted itself; "": any
	SHA256   string // of its program; "": any
}

// The words of dependencies.
const (
	anyDependencies      = "any"
	lockedDependencies   = "locked"   // a lock names each package
	comparedDependencies = "compared" // … and each was compared with its lock, byte for byte
)

// dependencies are all of them, each asks for more than those before it.
var dependencies = []string{anyDependencies, lockedDependencies, comparedDependencies}

func readMaterials(r *reader, _ string, m mapping) Evidence {
	p := Materials{
		Unobserved:   r.choice(m.get("observed"), "observed", "required", "any") == "any",
		Cut:          r.choice(m.get("network"), "network", "cut", "any") == "cut",
		Dirty:        r.choice(m.get("source"), "source", "clean", "any") != "clean",
		Outside:      r.choice(m.get("outside"), "outside", "refused", "accepted") != "refused",
		Pinned:       r.choice(m.get("references"), "references", "pinned", "any") == "pinned",
		Dependencies: cmp.Or(r.choice(m.get("dependencies"), "dependencies", dependencies...), anyDependencies),
		Toolchains:   r.toolchains(m.get("toolchains")),
	}
	if n := m.get("explained"); n != nil {
		p.Explained = r.percent(n)
	}
	if n := m.get("hosts"); n != nil {
		p.HostsListed, p.Hosts = true, r.hosts(n)
	}
	return p
}

// share is a share of at most all and more than nothing, in hundredths with one digit behind the point at most.
var share = shaped(`^(?:100(?:\.0)?|[1-9][0-9]?(?:\.[0-9])?|0\.[1-9])%$`, "a share from 0.1% to 100%, such as 99.5%")

// percent reads a share as thousandths.
func (r *reader) percent(n *yamlnode.Node) int {
	whole, tenth, _ := strings.Cut(strings.TrimSuffix(r.exact(n, "explained", share), "%"), ".")
	thousandths, _ := strconv.Atoi(whole + cmp.Or(tenth, "0")) // the pattern has digits alone
	return thousandths
}

// hosts reads addresses and networks, or the word none.
func (r *reader) hosts(n *yamlnode.Node) (all []string) {
	if n.Kind != yamlnode.List {
		r.choice(n, "hosts", "none")
		return nil
	}
	for _, x := range r.list(n, "hosts") {
		s := r.text(x, "hosts")
		_, err1 := netip.ParsePrefix(s)
		_, err2 := netip.ParseAddr(s)
		if s != "" && err1 != nil && err2 != nil {
			r.complain(x, "host %q, want an address or a network such as 192.0.2.0/24: a recorder sees no names", s)
		}
		all = append(all, s)
	}
	return all
}

func (r *reader) toolchains(n *yamlnode.Node) (all []Range) {
	for _, x := range r.list(n, "toolchains") {
		m := r.mapping(x, "a toolchain", "name", "min-version", "below", "sha256")
		r.require(m, x, "a toolchain", "name")
		t := Range{
			Name: r.text(m.get("name"), "name"),
			Min:  r.exact(m.get("min-version"), "min-version", toolVersion),
			Max:  r.exact(m.get("below"), "below", toolVersion),
		}
		if v := m.get("sha256"); v != nil {
			t.SHA256 = r.pin(v).Hex()
		}
		all = append(all, t)
	}
	return all
}

func (p Materials) types() []string { return []string{material.Type} }

func (p Materials) title() string { return "a build manifest" }

func (p Materials) unchecked() bool { return false }

func (p Materials) passable() bool { return true }

func (p Materials) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(Materials) // as the name says
	l.accepts("a build that was not observed in full", old.Unobserved, p.Unobserved)
	l.accepts("a build with a network", !old.Cut, !p.Cut)
	l.accepts("a source that is not clean", old.Dirty, p.Dirty)
	l.accepts("material from outside", old.Outside, p.Outside)
	l.accepts("actions and images that are not pinned", !old.Pinned, !p.Pinned)
	l.accepts(
		"dependencies: "+p.Dependencies,
		false,
		slices.Index(dependencies, p.Dependencies) < slices.Index(dependencies, old.Dependencies),
	)
	l.count("explained of "+was.Name+" in thousandths", old.Explained, p.Explained)
	l.accepts("any host", !old.HostsListed, !p.HostsListed)
	for _, h := range p.Hosts {
		l.accepts("host "+h, !old.HostsListed || slices.Contains(old.Hosts, h), true)
	}
	if len(old.Toolchains) > 0 && !slices.Equal(old.Toolchains, p.Toolchains) {
		l.add("toolchains of %s are others", was.Name)
	}
}

// judge reads the manifest and says the first thing that it lacks.
func (p Materials) judge(x look) *miss {
	m, err := material.Read(x.fact.Statement.Predicate)
	if err != nil {
		return &miss{
			code:   fault.Malformed,
			reason: "the build manifest cannot be read",
			found:  err.Error(),
			wanted: "a manifest of sallyport run",
			hint:   "record the build again, with the version of Sallyport that the gate has",
		}
	}
	if _, is := m.Product(x.c.Subject.Digest.Hex()); !is {
		return &miss{
			code:   fault.SubjectMismatch,
			reason: "the build manifest does not list the artifact among its products",
			found: fmt.Sprintf(
				"%d products",
				len(m.Products),
			),
			wanted: x.c.Subject.Digest.String(),
			hint:   "tell sallyport run what the build makes, with products, and build again",
		}
	}
	if twin := x.twin(); twin != nil {
		return twin
	}
	if m.Exit != 0 { // -1 of a signal
		return unmet(
			"the recorded command failed",
			fmt.Sprintf("exit %d, signal %d", m.Exit, m.Signal),
			"exit 0",
			"mend the build",
		)
	}
	for _, check := range []func(*material.Manifest) *miss{p.observed, p.source, p.packages, p.tools, p.connected, p.references, p.outside} {
		if bad := check(&m); bad != nil {
			return bad
		}
	}
	if !p.Dirty {
		return x.otherCommit(m.Source.Commit)
	}
	return nil
}

// otherCommit is a manifest of another commit than the one that its signer's certificate names, or that the
// provenance of the artifact does. Of several provenances, such as of a run that made the same bytes again, one has
// to be of the commit.
func (x look) otherCommit(commit string) *miss {
	bad := func(of, found string) *miss {
		return unmet(
			"the build manifest is of another commit than "+of,
			orAbsent(found),
			"commit "+commit+", as the manifest says",
			"check out the commit that started the run, and build and sign in that run; or ask for source: any",
		)
	}
	if own := x.fact.Signer.Commit; own != "" && own != commit {
		return bad("the certificate of its signer", "commit "+own)
	}
	firsts, found := x.c.firsts(x.artifact), ""
	for _, first := range firsts {
		if first.Commit == commit {
			return nil
		}
		found = "commit " + first.Commit
	}
	if len(firsts) == 0 && x.fact.Signer.Commit != "" {
		return nil
	}
	return bad("the provenance of the artifact", found)
}

// twin is another manifest that the same run has signed about the artifact: then nothing says which one counts (E16).
func (x look) twin() *miss {
	for i := range x.c.Facts {
		f := &x.c.Facts[i]
		if f.Statement.PredicateType == material.Type && f.Signer.Run == x.fact.Signer.Run &&
			f.Signer.SAN == x.fact.Signer.SAN &&
			string(f.Statement.Predicate) != string(x.fact.Statement.Predicate) {
			return &miss{
				code:   fault.Conflict,
				reason: "one run has signed two build manifests of the artifact",
				found:  f.StatementHash.String() + " and " + x.fact.StatementHash.String(),
				wanted: "one",
				hint:   "find out which job signs the other one, and sign one manifest for each artifact",
			}
		}
	}
	return nil
}

func unmet(reason, found, wanted, hint string) *miss {
	return &miss{code: fault.Materials, reason: reason, found: found, wanted: wanted, hint: hint}
}

// observed wants all that happened to have been seen.
func (p Materials) observed(m *material.Manifest) *miss {
	o := m.Observation
	if p.Cut && o.Network != material.IsCut {
		return unmet(
			"the network was not cut",
			o.Network,
			material.IsCut,
			"fetch what the build needs first, and build with sallyport run --no-network",
		)
	}
	if p.Unobserved {
		return p.unseen(o)
	}
	switch {
	case o.Files != material.IsObserved || o.Processes != material.IsObserved || o.Network == material.IsNotObserved:
		return unmet(
			"the build was not watched",
			o.Reason,
			"observed",
			"build on Linux, where the kernel lets sallyport run watch; sallyport doctor says what a runner allows",
		)
	case o.Lost > 0:
		return unmet(
			"the recorder lost something",
			fmt.Sprintf("%d calls", o.Lost),
			"none",
			"look into the log of the build manifest, and build again",
		)
	case o.Foreign > 0:
		return unmet(
			"a program of another ABI ran",
			fmt.Sprintf("%d calls", o.Foreign),
			"none",
			"build without 32-bit programs",
		)
	case len(o.Delegated) > 0:
		return unmet(
			"a program outside may have worked for the build",
			listed(o.Delegated),
			"none",
			"build without a daemon: no docker, no Gradle daemon, no sccache; or ask for observed: any",
		)
	case len(o.Around) > 0:
		return unmet(
			"the build went round the recorder",
			listed(o.Around),
			"none",
			"find out which step does that; a build has no need of it",
		)
	}
	return nil
}

// unseen is what the policy asks for and nobody watched: the lists are empty then, and an empty list says nothing.
func (p Materials) unseen(o material.Observed) *miss {
	files := !p.Dirty || !p.Outside || p.Pinned || p.Dependencies != anyDependencies
	switch {
	case files && o.Files != material.IsObserved:
		return unmet(
			"the policy asks about files, and nobody watched which ones the build used",
			o.Reason,
			"files: observed",
			"build on Linux, where the kernel lets sallyport run watch; or leave out source, outside, references and dependencies",
		)
	case len(p.Toolchains) > 0 && o.Processes != material.IsObserved:
		return unmet(
			"the policy asks about toolchains, and nobody watched which programs the build ran",
			o.Reason,
			"processes: observed",
			"build on Linux, where the kernel lets sallyport run watch; or leave out toolchains",
		)
	case p.HostsListed && o.Network == material.IsNotObserved:
		return unmet(
			"the policy asks about hosts, and nobody watched where the build connected to",
			o.Reason,
			"network: observed or cut",
			"build on Linux, where the kernel lets sallyport run watch; or leave out hosts",
		)
	}
	return nil
}

func (p Materials) source(m *material.Manifest) *miss {
	s := m.Source
	switch {
	case p.Dirty:
		return nil
	case s.Commit == "" || s.Reason != "":
		return unmet(
			"the source of the build is not known",
			orAbsent(s.Reason),
			"a checkout of the commit",
			"check the commit out whole, and build in it",
		)
	case !s.Clean:
		return unmet(
			"the build used files of the source that are not the commit's",
			listed(s.Dirty),
			"the commit's files, unchanged",
			"commit what is changed, or let the build leave tracked files alone",
		)
	}
	return nil
}

func (p Materials) packages(m *material.Manifest) *miss {
	var other, loose, uncompared []string
	for _, x := range m.Packages {
		switch x.State {
		case material.OtherDigest:
			other = append(other, x.PURL+": "+x.Found)
		case material.NotLocked:
			loose = append(loose, x.PURL)
		case material.Named:
			uncompared = append(uncompared, strings.TrimSuffix(x.PURL+": "+x.Found, ": "))
		}
	}
	for _, l := range m.Locks {
		if l.State != material.LockRead {
			loose = append(loose, strings.TrimSuffix(l.Path+": "+l.State+", "+l.Reason, ", "))
		}
	}
	switch {
	case len(other) > 0: // whatever the policy asks for: these are not the bytes that were reviewed
		return unmet(
			"a package has other bytes than its lock names",
			listed(other),
			"the bytes of the lock",
			"empty the package cache of the runner, find out who wrote to it, and build again",
		)
	case p.Dependencies != anyDependencies && len(loose) > 0:
		return unmet(
			"a package is in no lock",
			listed(loose),
			"a lock that names each",
			"commit the lock file, and install what it names alone, as npm ci does",
		)
	case p.Dependencies == comparedDependencies && len(uncompared) > 0:
		return unmet(
			"packages could not be compared with their lock",
			listed(uncompared),
			"compared",
			"where the archive is not there, keep the package manager's own cache in the job; what an install script "+
				"has made, and Python, vendored Go, pnpm's store and git have nothing to compare with: ask for "+
				"dependencies: locked",
		)
	}
	return nil
}

func (p Materials) tools(m *material.Manifest) *miss {
	if len(p.Toolchains) == 0 {
		return nil
	}
	if len(m.Toolchains) == 0 {
		return unmet("no toolchain is recorded", "none", p.ranges(), "record the command that compiles")
	}
	for _, t := range m.Toolchains {
		if !slices.ContainsFunc(p.Toolchains, func(r Range) bool { return r.has(t) }) {
			return unmet(
				"a toolchain is not one that the policy accepts",
				strings.TrimSpace(t.Name+" "+t.Version+" sha256:"+t.Digest),
				p.ranges(),
				"build with a version that the policy names, or let its owners name this one",
			)
		}
	}
	return nil
}

func (r Range) has(t material.Toolchain) bool {
	if r.Name != t.Name || r.SHA256 != "" && r.SHA256 != t.Digest {
		return false
	}
	if _, _, ok := numbers(t.Version); !ok && (r.Min != "" || r.Max != "") {
		return false
	}
	return (r.Min == "" || !older(t.Version, r.Min)) && (r.Max == "" || older(t.Version, r.Max))
}

func (p Materials) ranges() string {
	var all []string
	for _, r := range p.Toolchains {
		s := r.Name
		if r.Min != "" {
			s += " " + r.Min + " or newer"
		}
		if r.Max != "" {
			s += " below " + r.Max
		}
		if r.SHA256 != "" {
			s += " sha256:" + r.SHA256
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func (p Materials) connected(m *material.Manifest) *miss {
	if !p.HostsListed || m.Observation.Network == material.IsCut {
		return nil
	}
	for _, h := range m.Hosts {
		_, text, _ := strings.Cut(h.To, " ")
		at, err := netip.ParseAddrPort(text)
		if err == nil && slices.ContainsFunc(p.Hosts, func(x string) bool { return within(x, at.Addr()) }) {
			continue
		}
		return unmet(
			"the build connected to a host that the policy does not name",
			h.To+", by "+h.By,
			orAbsent(strings.Join(p.Hosts, ", ")),
			"cut the network of that step, or name the host",
		)
	}
	return nil
}

func within(network string, a netip.Addr) bool {
	if p, err := netip.ParsePrefix(network); err == nil {
		return p.Contains(a)
	}
	one, err := netip.ParseAddr(network)
	return err == nil && one == a
}

func (p Materials) references(m *material.Manifest) *miss {
	if !p.Pinned {
		return nil
	}
	for _, r := range append(slices.Clone(m.Actions), m.Images...) {
		if r.Digest == "" {
			return unmet(
				"an action or image is named by something that can move",
				r.Name+" in "+r.Where,
				"a commit or a digest",
				"name it by its commit or digest",
			)
		}
	}
	return nil
}

func (p Materials) outside(m *material.Manifest) *miss {
	if !p.Outside {
		for _, x := range m.Materials {
			if x.How == material.FromOutside || x.How == material.Untracked || x.How == material.FromCache {
				return unmet(
					"the build read material from outside",
					x.How+": "+x.Path,
					"files of the commit, of locked packages, of the system and of toolchains",
					"take it out of the build, or commit it; begin with an empty build cache",
				)
			}
		}
	}
	if share := m.Explained.Share(); share < p.Explained {
		return unmet(
			"less of what the build read is explained than the policy asks for",
			fmt.Sprintf("%d of %d files", m.Explained.Count, m.Explained.Files),
			fmt.Sprintf("%d.%d%%", p.Explained/10, p.Explained%10),
			"sallyport manifest show lists the others",
		)
	}
	return nil
}

// Records says whether an environment of the policy asks for a build that was watched, and for one whose network was cut.
func (p *Policy) Records() (watched, cut bool) {
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			if k, ok := q.Kind.(Materials); ok {
				watched, cut = watched || !k.Unobserved, cut || k.Cut
			}
		}
	}
	return watched, cut
}

func (p Materials) lacking(signers string) (reason, hint string) {
	return "no build manifest of it is signed", "build with sallyport run, and sign its manifest in a job after that: attest with manifest, in " + signers
}

// tells says what the manifest says, for the finding that allows.
func (p Materials) tells(f Fact) string {
	m, err := material.Read(f.Statement.Predicate)
	if err != nil {
		return ""
	}
	share := m.Explained.Share()
	return fmt.Sprintf(
		"files and programs %s, network %s, %d of %d files explained (%d.%d%%), recorded by the build's own job",
		m.Observation.Files,
		m.Observation.Network,
		m.Explained.Count,
		m.Explained.Files,
		share/10,
		share%10,
	)
}
