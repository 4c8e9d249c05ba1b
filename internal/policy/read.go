package policy

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Words are the names that a policy file may use without defining them. They
// come from outside, because no platform is known here.
type Words struct {
	Trusts []string                          // instances known by name
	Forge  func(issuer string) (Forge, bool) // the platform behind an issuer
	Place  func(name string) (Place, bool)   // the platform that members of groups name; nil: none
	Agents int                               // version of the list of known agents; 0: the newest
}

// Read reads a policy file. file is its name, for messages. Every complaint is
// a fault of kind Usage that lists all that is wrong, with line and column.
func Read(raw []byte, file string, w Words) (*Policy, error) {
	r := &reader{file: fault.Cut(file), words: w,
		used: vocabulary{Forges: map[string]Forge{}, Places: map[string]Place{}}}
	p := &Policy{Digest: subject.Sum(raw), Source: bytes.Clone(raw)}
	if root := r.parse(raw); root != nil {
		r.policy(p, root)
	}
	if len(r.complaints) == 0 {
		p.used = r.used
		return p, nil
	}
	return nil, fault.New(fault.Usage, r.code(), "", "%s", r.told())
}

func (r *reader) policy(p *Policy, root *yamlnode.Node) {
	if r.newer(root.Get("version")) {
		return
	}
	m := r.mapping(root, "the policy", "version", "artifacts", "environments", "groups", "people", "agents", "approve-in", "record-store")
	r.require(m, root, "the policy", "version", "artifacts", "environments")
	if n := m.get("version"); n != nil && r.text(n, "version") != Version {
		r.complain(n, "version %q, want %s", scalar(n), Version)
	}
	for _, f := range r.named(m.get("artifacts"), "artifacts") {
		p.Artifacts = append(p.Artifacts, r.artifact(f))
	}
	for _, f := range r.named(m.get("environments"), "environments") {
		p.Environments = append(p.Environments, r.environment(f))
	}
	p.RecordStore = strings.TrimPrefix(r.exact(m.get("record-store"), "record-store", repositoryURL), "oci://")
	r.people(p, m)
	r.outside(p)
	r.afters(p)
	r.rebuilders(p)
	r.summarised(p)
	r.impartial(p)
	r.sourced(p)
	if len(r.complaints) == 0 {
		r.instances(p)
	}
}

// Version is the version of policy files that this program reads and writes.
const Version = "1"

// newer complains about a file of a program that is newer than this one. Whatever else the
// file says may mean something new.
func (r *reader) newer(n *yamlnode.Node) bool {
	if s := n.Str(); s == "" || s == Version || !number.MatchString(s) {
		return false
	}
	r.complain(n, "version %q is of a newer sallyport, and this one reads version %s: update sallyport", scalar(n), Version)
	return true
}

func (r *reader) artifact(f field) Artifact {
	what := "artifact " + fault.Cut(f.name)
	m := r.mapping(f.value, what, "subject", "trust", "built-by", "baseline")
	r.require(m, f.key, what, "subject", "trust", "built-by")
	a := Artifact{Name: f.name, Baseline: r.exact(m.get("baseline"), "baseline", commit), Line: line(f.key)}
	for _, n := range r.list(m.get("subject"), "subject") {
		s := r.text(n, "subject")
		if err := subject.ValidPattern(s); s != "" && err != nil {
			r.complain(n, "subject %q: %v", s, err)
		}
		a.Subject = append(a.Subject, s)
	}
	if n := m.get("trust"); n != nil {
		a.Trust = r.trust(n)
	}
	for _, n := range r.list(m.get("built-by"), "built-by") {
		a.BuiltBy = append(a.BuiltBy, r.workflow(n, "built-by", func(f Forge) []string { return f.Events }))
	}
	return a
}

// trust reads the name of a known instance, or a mapping that adds to it or
// names a file.
func (r *reader) trust(n *yamlnode.Node) Trust {
	t := Trust{Line: line(n)}
	if n.Kind != yamlnode.Map {
		t.Name = r.instance(n, "trust")
		return t
	}
	m := r.mapping(n, "trust", "instance", "root", "sha256", "transparency", "log", "intermediates")
	if m.get("instance") != nil {
		t.Name = r.instance(m.get("instance"), "instance")
		for _, k := range []string{"root", "sha256", "transparency"} {
			if x := m.get(k); x != nil {
				r.complain(x, "%s belongs to a trusted root in a file, and instance names one that is known", k)
			}
		}
	} else {
		r.require(m, n, "trust", "root", "sha256")
	}
	t.Root = r.beside(m.get("root"), "root")
	t.SHA256 = r.pin(m.get("sha256"))
	if s := m.get("transparency"); s != nil {
		t.Unlogged = r.choice(s, "transparency", "required", "none") == "none"
	}
	if s := m.get("log"); s != nil {
		t.Promise = r.choice(s, "log", "proof", "promise") == "promise"
		if t.Promise && t.Unlogged {
			r.complain(s, "log: promise and transparency: none exclude each other: without a log nobody promises anything")
		}
	}
	if s := m.get("intermediates"); s != nil {
		t.Intermediates = r.choice(s, "intermediates", "root", "bundle") == "bundle"
	}
	return t
}

// instance reads the name of a Sigstore instance that is known by name.
func (r *reader) instance(n *yamlnode.Node, what string) string {
	s := r.text(n, what)
	if s != "" && !slices.Contains(r.words.Trusts, s) {
		r.complain(n, "%s %q, want %s or {root: FILE, sha256: HEX}%s", what, s, strings.Join(slices.Sorted(slices.Values(r.words.Trusts)), ", "), suggestion{s, r.words.Trusts})
	}
	if !slices.Contains(r.used.Trusts, s) {
		r.used.Trusts = append(r.used.Trusts, s)
	}
	return s
}

// beside reads the path of a file in the policy's folder.
func (r *reader) beside(n *yamlnode.Node, what string) string {
	s := r.text(n, what)
	if s != "" && (strings.HasPrefix(s, "/") || strings.Contains("/"+s+"/", "/../")) {
		r.complain(n, "%s %q leaves the policy's folder", what, s)
	}
	return s
}

// pin reads the SHA-256 digest of a file.
func (r *reader) pin(n *yamlnode.Node) subject.Digest {
	if n == nil {
		return subject.Digest{}
	}
	s := r.text(n, "sha256")
	d, err := subject.ParseHex(s)
	if s != "" && err != nil {
		r.complain(n, "sha256: %v", err)
	}
	return d
}

var builderKeys = []string{"issuer", "api", "repository", "repository-id", "owner-id", "workflow", "refs",
	"events", "runner", "signer", "signer-digest", "signer-moves", "signed-in", "builder", "branch", "ref-protection"}

// workflow reads one workflow, as built-by and approve-in name them. usual
// are the events that it may run for where none are named.
func (r *reader) workflow(n *yamlnode.Node, what string, usual func(Forge) []string) Builder {
	m := r.mapping(n, what, builderKeys...)
	r.require(m, n, what, "issuer", "repository", "repository-id", "workflow", "refs")
	b := Builder{Line: line(n)}
	b.Forge = r.forge(m.get("issuer"))
	b.API = r.exact(m.get("api"), "api", apiURL)
	b.Repository = r.exact(m.get("repository"), "repository", repositoryPath)
	b.RepositoryID = r.exact(m.get("repository-id"), "repository-id", number)
	b.OwnerID = r.exact(m.get("owner-id"), "owner-id", number)
	b.Workflow = r.exact(m.get("workflow"), "workflow", filePath)
	for _, x := range r.list(m.get("refs"), "refs") {
		b.Refs = append(b.Refs, r.ref(x))
	}
	b.Events = usual(b.Forge)
	r.standing(m, &b)
	b.Builder = r.exact(m.get("builder"), "builder", builderID)
	if x := m.get("signed-in"); x != nil {
		b.OtherJob = r.choice(x, "signed-in", "another-job") == "another-job"
		if b.OtherJob && b.Forge.Issuer != "" && !dialect.SignsElsewhere(b.Forge.Kind) {
			r.complain(x, "signed-in: every builder of issuer %q signs in the job that builds", b.Forge.Issuer)
		}
	}
	if x := m.get("events"); x != nil {
		b.Events = nil
		for _, e := range r.list(x, "events") {
			b.Events = append(b.Events, r.exact(e, "events", word))
		}
	}
	b.Runner = b.Forge.Runner
	if x := m.get("runner"); x != nil {
		b.Runner = r.exact(x, "runner", word)
	}
	if b.Runner == "" && b.Forge.Issuer != "" && m.get("runner") == nil {
		r.complain(n, "issuer %q operates no runners that a policy could mean by default; name the runner class with the key runner", b.Forge.Issuer)
	}
	r.signer(m, &b)
	return b
}

// standing reads what the refs of a builder are asked for. The word unchecked is
// no branch; one that is called so is written as [u]nchecked.
func (r *reader) standing(m mapping, b *Builder) {
	b.Branch = r.branch(m.get("branch"), "branch")
	if b.RefUnchecked = b.Branch == "unchecked"; b.RefUnchecked {
		b.Branch = ""
	}
	x := m.get("ref-protection")
	if x == nil {
		return
	}
	b.RefOpen = r.choice(x, "ref-protection", "required", "none") == "none"
	if b.RefOpen && b.RefUnchecked {
		r.complain(x, "ref-protection: none and branch: unchecked exclude each other: unchecked asks nothing about refs")
	}
}

// branch reads the name of a branch, or a pattern of names, without refs/heads/.
func (r *reader) branch(n *yamlnode.Node, key string) string {
	s := r.text(n, key)
	switch err := subject.ValidPattern(s); {
	case s == "":
	case strings.HasPrefix(s, "refs/"):
		r.complain(n, "%s %q is a ref, want the name of the branch alone: %s", key, s, strings.TrimPrefix(s, "refs/heads/"))
	case err != nil:
		r.complain(n, "%s %q: %v", key, s, err)
	}
	return s
}

// signer reads the keys of a workflow that signs for others. What a ref points
// to tomorrow is unknown, so a ref comes with a commit, or with a word that
// accepts it.
func (r *reader) signer(m mapping, b *Builder) {
	n := m.get("signer")
	b.Signer = r.exact(n, "signer", signerRef)
	b.SignerDigest = r.exact(m.get("signer-digest"), "signer-digest", commit)
	if x := m.get("signer-moves"); x != nil {
		b.SignerMoves = r.choice(x, "signer-moves", "accepted") != ""
	}
	for _, k := range []string{"signer-digest", "signer-moves"} {
		if x := m.get(k); x != nil && n == nil {
			r.complain(x, "%s needs signer, the workflow that it is about", k)
		}
	}
	if b.Signer == "" {
		return
	}
	path, ref, pinned := strings.Cut(b.Signer, "@")
	pattern := strings.ContainsAny(ref, "*?[")
	switch {
	case !pinned && (b.SignerDigest != "" || b.SignerMoves):
		r.complain(n, "signer %q has no ref, so it is the one of the commit that is built; signer-digest and signer-moves belong to a ref", b.Signer)
	case !pinned && !strings.HasPrefix(path, b.Repository+"/") && !strings.HasPrefix(path, ".") && b.Repository != "":
		r.complain(n, "signer %q has no ref; only a workflow of %s may be without", b.Signer, b.Repository)
	case !pinned:
	case commit.MatchString(ref):
		if m.get("signer-moves") != nil || b.SignerDigest != "" && b.SignerDigest != ref {
			r.complain(n, "signer %q names a commit, which neither moves nor has another digest", b.Signer)
		}
		b.SignerDigest = ref
	case !strings.HasPrefix(ref, "refs/"):
		r.complain(n, "signer %q: %q is neither a full commit id nor a full ref, want refs/tags/… or refs/heads/…", b.Signer, ref)
	case pattern && !b.SignerMoves:
		r.complain(n, "signer %q is a pattern, so what it names can change; to accept that, say signer-moves: accepted", b.Signer)
	case pattern && b.SignerDigest != "":
		r.complain(m.get("signer-digest"), "signer %q is a pattern and cannot have one commit", b.Signer)
	case !b.SignerMoves && strings.HasPrefix(ref, "refs/heads/"):
		r.complain(n, "signer %q is on a branch, which moves; name its commit as PATH@COMMIT, or accept it with signer-moves: accepted", b.Signer)
	case b.SignerDigest == "" && !b.SignerMoves:
		r.complain(n, "signer needs signer-digest, the commit of that workflow; or name it as PATH@COMMIT")
	}
	if pattern {
		if err := subject.ValidPattern(ref); err != nil {
			r.complain(n, "signer %q: %v", b.Signer, err)
		}
	}
}

func (r *reader) forge(n *yamlnode.Node) Forge {
	s := r.text(n, "issuer")
	if s == "" {
		return Forge{}
	}
	f, ok := r.words.Forge(s)
	if !ok {
		r.complain(n, "issuer %q is not known: its certificates cannot be judged", s)
	}
	r.used.Forges[s] = f
	return f
}

func (r *reader) ref(n *yamlnode.Node) string {
	s := r.text(n, "refs")
	rest, branch := strings.CutPrefix(s, "refs/heads/")
	rest2, tag := strings.CutPrefix(s, "refs/tags/")
	if tag {
		rest = rest2
	}
	switch {
	case s == "":
	case !branch && !tag:
		r.complain(n, "ref %q is not fully qualified, want refs/heads/… or refs/tags/…", s)
	case rest == "":
		r.complain(n, "ref %q names nothing", s)
	default:
		if err := subject.ValidPattern(s); err != nil {
			r.complain(n, "ref %q: %v", s, err)
		}
	}
	return s
}

func (r *reader) environment(f field) Environment {
	what := "environment " + fault.Cut(f.name)
	m := r.mapping(f.value, what, "mode", "since", "until", "repository-id", "policy-ref", "requires", "approvals", "approval-max-age", "rejection-max-age",
		"separate", "baseline", "forks", "deployed-by", "protection", "admin-bypass", "pipeline-variables", "deploying-job", "break-glass", "waivers", "record", "policy-change", "runs", "weaker-evidence", "changes", "source")
	r.require(m, f.key, what, "requires")
	e := Environment{Name: f.name, Mode: r.mode(m, what), RepositoryID: r.exact(m.get("repository-id"), "repository-id", number),
		PolicyRef: r.branch(m.get("policy-ref"), "policy-ref"), Line: line(f.key)}
	if e.PolicyRef != "" {
		r.exact(m.get("policy-ref"), "policy-ref", branchName)
	}
	for _, q := range r.named(m.get("requires"), "requires") {
		e.Requires = append(e.Requires, r.requirement(q))
	}
	if len(e.Requires) == 0 && m.get("requires") != nil {
		r.vacuous = true
	}
	if len(e.Requires) > 0 && !slices.ContainsFunc(e.Requires, func(q Requirement) bool { return q.Mode.Level != Watch }) {
		r.complain(m.get("requires"), "every requirement of %s is only watched, so nothing is required; let one be enforced", what)
	}
	r.rules(&e, m)
	return e
}

func (r *reader) requirement(f field) Requirement {
	k, known := kindNamed(f.name)
	if !known {
		r.complain(f.key, "requirement %q is none of %s, and no URI of a predicate type%s",
			f.name, strings.Join(kindNames(), ", "), suggestion{f.name, kindNames()})
	}
	q := Requirement{Name: f.name, Kind: k.read(r, f.name, nil), Line: line(f.key)}
	if empty(f.value) {
		return q // the evidence has to be there; nothing more is asked of it
	}
	m := r.mapping(f.value, fault.Cut(f.name), append([]string{"max-age", "jobs", "signed-by", "trust", "mode", "since", "until"}, k.keys...)...)
	if n := m.get("max-age"); n != nil {
		q.MaxAge = r.age(n, "max-age")
	}
	q.Kind = k.read(r, f.name, m)
	for _, x := range r.list(m.get("jobs"), "jobs") {
		q.Jobs = append(q.Jobs, r.text(x, "jobs"))
	}
	for _, x := range r.list(m.get("signed-by"), "signed-by") {
		q.SignedBy = append(q.SignedBy, r.signedBy(x))
	}
	if n := m.get("trust"); n != nil {
		t := r.trust(n)
		q.Trust = &t
	}
	q.Mode = r.mayBeLower(m, q)
	return q
}

// inputs reads the names that a person may choose when they start a build, or
// the word none.
func (r *reader) inputs(n *yamlnode.Node) []string {
	if n.Kind != yamlnode.List {
		r.choice(n, "inputs", "none")
		return nil
	}
	var out []string
	for _, x := range r.list(n, "inputs") {
		out = append(out, r.exact(x, "inputs", inputName))
	}
	return out
}

// signedBy reads one signer of a requirement, by the key that tells its kind.
func (r *reader) signedBy(n *yamlnode.Node) Signer {
	s := Signer{Line: line(n)}
	kind := r.fields(n, "signed-by")
	if kind == nil {
		return s // it has its complaint
	}
	switch {
	case kind.get("email") != nil:
		m := r.mapping(n, "signed-by", "email", "issuer")
		r.require(m, n, "signed-by", "email", "issuer")
		s.Email = &Email{Address: r.exact(m.get("email"), "email", emailAddress), Issuer: r.exact(m.get("issuer"), "issuer", issuerURL)}
	case kind.get("key") != nil:
		m := r.mapping(n, "signed-by", "key", "sha256", "log")
		r.require(m, n, "signed-by", "key", "sha256")
		s.Key = &Key{File: r.beside(m.get("key"), "key"), SHA256: r.pin(m.get("sha256"))}
		if x := m.get("log"); x != nil {
			s.Key.Unlogged = r.choice(x, "log", "required", "none") == "none"
		}
	case kind.get("releases-of") != nil:
		m := r.mapping(n, "signed-by", "releases-of", "repository-id", "issuer", "tags")
		r.require(m, n, "signed-by", "releases-of", "repository-id", "issuer", "tags")
		s.Releases = &Releases{Forge: r.forge(m.get("issuer")), Repository: r.exact(m.get("releases-of"), "releases-of", repositoryPath),
			RepositoryID: r.exact(m.get("repository-id"), "repository-id", number)}
		if s.Releases.Forge.Issuer != "" && s.Releases.Forge.Releases == "" {
			r.complain(m.get("issuer"), "the platform of issuer %q signs no releases", s.Releases.Forge.Issuer)
		}
		for _, x := range r.list(m.get("tags"), "tags") {
			p := r.text(x, "tags")
			if err := subject.ValidPattern(p); p != "" && err != nil {
				r.complain(x, "tag %q: %v", p, err)
			}
			s.Releases.Tags = append(s.Releases.Tags, p)
		}
	default:
		b := r.workflow(n, "signed-by", func(f Forge) []string { return f.Events })
		s.Workflow = &b
	}
	return s
}

// A shape is what a value that is compared byte for byte looks like, with words
// for a person. None admits a character that means something in a pattern.
type shape struct {
	pattern func() *regexp.Regexp
	words   string
}

// MatchString reports whether x is of the shape.
func (s shape) MatchString(x string) bool { return s.pattern().MatchString(x) }

// String returns the words.
func (s shape) String() string { return s.words }

// shaped returns a shape whose pattern is compiled when it is first needed.
func shaped(pattern, words string) shape { return shape{lazy(pattern), words} }

// lazy compiles a pattern when it is first needed. It is not inlined, because each
// copy would cost as much as what it is called by.
//
//go:noinline
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	branchName     = shaped(BranchName, "the name of a branch, without refs/heads/")
	number         = shaped(`^[1-9][0-9]{0,18}$`, "a number")
	word           = shaped(`^[A-Za-z][A-Za-z0-9_.-]*$`, "one word of letters, digits, dots, dashes and underscores")
	repositoryPath = shaped(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`, "the path of a repository, as owner/name")
	repositoryURL  = shaped(`^oci://[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`, "an OCI repository, oci://HOST/PATH")
	filePath       = shaped(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_. -]+)*$`, "the path of a file in the repository")
	signerRef      = shaped(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+(@[A-Za-z0-9_./@*?!\[\]-]+)?$`, "OWNER/REPOSITORY/PATH@COMMIT or OWNER/REPOSITORY/PATH@REF")
	calledFile     = shaped(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){2,}@[A-Za-z0-9_./-]+$`, "OWNER/REPOSITORY/PATH@COMMIT or OWNER/REPOSITORY/PATH@REF")
	builderID      = shaped(`^(https://)?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+@refs/[A-Za-z0-9_./@-]+$`, "OWNER/REPOSITORY/PATH@refs/tags/TAG")
	inputName      = shaped(`^[^\s,*]+\*?$`, "a name, or the beginning of names and *")
	commit         = shaped(`^([0-9a-f]{40}|[0-9a-f]{64})$`, "a full commit id of 40 or 64 digits")
	emailAddress   = shaped(`^[^\s@<>,"\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$`, "an e-mail address")
	issuerURL      = shaped(`^https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9_./-]*)?$`, "the address of an OpenID provider")
	apiURL         = shaped(`^(https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|http://(?:127\.0\.0\.1|localhost))(?::[0-9]{1,5})?(?:/[A-Za-z0-9_.-]+)*/?$`, "an https address")
)
