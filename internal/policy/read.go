package policy

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Words are the names that a policy file may use without defining them. They
// come from outside, because no platform is known here.
type Words struct {
	Trusts []string                          // instances known by name
	Forge  func(issuer string) (Forge, bool) // the platform behind an issuer
	Place  func(name string) (Place, bool)   // the platform that members of groups name; nil: none
}

// Read reads a policy file. file is its name, for messages. Every complaint is
// a fault of kind Usage that lists all that is wrong, with line and column.
func Read(raw []byte, file string, w Words) (*Policy, error) {
	r := &reader{file: fault.Cut(file), words: w}
	p := &Policy{Digest: sha256.Sum256(raw)}
	if root := r.parse(raw); root != nil {
		r.policy(p, root)
	}
	if len(r.complaints) == 0 {
		return p, nil
	}
	return nil, fault.New(fault.Usage, r.code(), "", "%s", r.told())
}

func (r *reader) policy(p *Policy, root *yamlnode.Node) {
	m := r.mapping(root, "the policy", "version", "artifacts", "environments", "groups", "people", "agents", "approve-in")
	r.require(m, root, "the policy", "version", "artifacts", "environments")
	if n := m.get("version"); n != nil && r.text(n, "version") != "1" {
		r.complain(n, "version %q, want 1", scalar(n))
	}
	for _, f := range r.named(m.get("artifacts"), "artifacts") {
		p.Artifacts = append(p.Artifacts, r.artifact(f))
	}
	for _, f := range r.named(m.get("environments"), "environments") {
		p.Environments = append(p.Environments, r.environment(f))
	}
	r.people(p, m)
}

func (r *reader) artifact(f field) Artifact {
	what := "artifact " + fault.Cut(f.name)
	m := r.mapping(f.value, what, "subject", "trust", "built-by")
	r.require(m, f.key, what, "subject", "trust", "built-by")
	a := Artifact{Name: f.name, Line: line(f.key)}
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

func (r *reader) trust(n *yamlnode.Node) Trust {
	t := Trust{Line: line(n)}
	if n.Kind != yamlnode.Map {
		t.Name = r.text(n, "trust")
		if t.Name != "" && !slices.Contains(r.words.Trusts, t.Name) {
			r.complain(n, "trust %q, want %s or {root: FILE, sha256: HEX}%s", t.Name, strings.Join(slices.Sorted(slices.Values(r.words.Trusts)), ", "), near{t.Name, r.words.Trusts})
		}
		return t
	}
	m := r.mapping(n, "trust", "root", "sha256", "transparency")
	r.require(m, n, "trust", "root", "sha256")
	t.Root = r.text(m.get("root"), "root")
	if t.Root != "" && (strings.HasPrefix(t.Root, "/") || strings.Contains("/"+t.Root+"/", "/../")) {
		r.complain(m.get("root"), "root %q leaves the policy's folder", t.Root)
	}
	if s := m.get("sha256"); s != nil {
		pin := r.text(s, "sha256")
		d, err := subject.ParseHex(pin)
		if pin != "" && err != nil {
			r.complain(s, "sha256: %v", err)
		}
		t.SHA256 = d
	}
	if s := m.get("transparency"); s != nil {
		t.Unlogged = r.choice(s, "transparency", "required", "none") == "none"
	}
	return t
}

var builderKeys = []string{"issuer", "repository", "repository-id", "owner-id", "workflow", "refs", "events", "runner", "signer", "signer-digest", "branch"}

// workflow reads one workflow, as built-by and approve-in name them. usual
// are the events that it may run for where none are named.
func (r *reader) workflow(n *yamlnode.Node, what string, usual func(Forge) []string) Builder {
	m := r.mapping(n, what, builderKeys...)
	r.require(m, n, what, "issuer", "repository", "repository-id", "workflow", "refs")
	b := Builder{Line: line(n)}
	b.Forge = r.forge(m.get("issuer"))
	b.Repository = r.exact(m.get("repository"), "repository", repositoryPath())
	b.RepositoryID = r.exact(m.get("repository-id"), "repository-id", number())
	b.OwnerID = r.exact(m.get("owner-id"), "owner-id", number())
	b.Workflow = r.exact(m.get("workflow"), "workflow", filePath())
	for _, x := range r.list(m.get("refs"), "refs") {
		b.Refs = append(b.Refs, r.ref(x))
	}
	b.Events = usual(b.Forge)
	b.Branch = r.exact(m.get("branch"), "branch", branchName())
	if x := m.get("events"); x != nil {
		b.Events = nil
		for _, e := range r.list(x, "events") {
			b.Events = append(b.Events, r.exact(e, "events", word()))
		}
	}
	b.Runner = b.Forge.Runner
	if x := m.get("runner"); x != nil {
		b.Runner = r.exact(x, "runner", word())
	}
	if b.Runner == "" && b.Forge.Issuer != "" && m.get("runner") == nil {
		r.complain(n, "issuer %q operates no runners that a policy could mean by default; name the runner class with the key runner", b.Forge.Issuer)
	}
	r.signer(m, &b)
	return b
}

// signer reads the two keys of a workflow that signs for others. Naming it
// without its commit would trust whatever the ref points to tomorrow.
func (r *reader) signer(m mapping, b *Builder) {
	b.Signer = r.exact(m.get("signer"), "signer", signerRef())
	b.SignerDigest = r.exact(m.get("signer-digest"), "signer-digest", commit())
	switch {
	case b.Signer != "" && m.get("signer-digest") == nil:
		r.complain(m.get("signer"), "signer needs signer-digest, the commit of that workflow")
	case b.Signer == "" && m.get("signer") == nil && m.get("signer-digest") != nil:
		r.complain(m.get("signer-digest"), "signer-digest needs signer, the workflow that it is the commit of")
	case strings.Contains(b.Signer, "@refs/heads/"):
		r.complain(m.get("signer"), "signer %q is on a branch, which moves; name a tag", b.Signer)
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
	m := r.mapping(f.value, what, "mode", "requires", "approvals", "approval-max-age", "separate", "baseline", "deployed-by", "protection", "admin-bypass", "break-glass")
	r.require(m, f.key, what, "requires")
	if n := m.get("mode"); n != nil {
		r.choice(n, "mode", "enforce")
	}
	e := Environment{Name: f.name, Line: line(f.key)}
	for _, q := range r.named(m.get("requires"), "requires") {
		e.Requires = append(e.Requires, r.requirement(q))
	}
	if len(e.Requires) == 0 && m.get("requires") != nil {
		r.vacuous = true
	}
	r.rules(&e, m)
	return e
}

func (r *reader) requirement(f field) Requirement {
	q := Requirement{Name: f.name, PredicateType: f.name, Line: line(f.key)}
	keys := []string{"max-age", "jobs"}
	if f.name == "provenance" {
		q.PredicateType, keys = statement.ProvenanceV1, []string{"max-age", "jobs", "inputs"}
	} else if !strings.Contains(f.name, "://") {
		r.complain(f.key, "requirement %q is neither provenance nor the URI of a predicate type%s", f.name, near{f.name, []string{"provenance"}})
	}
	if empty(f.value) {
		return q // the evidence has to be there; nothing more is asked of it
	}
	m := r.mapping(f.value, fault.Cut(f.name), keys...)
	if n := m.get("max-age"); n != nil {
		q.MaxAge = r.age(n, "max-age")
	}
	if n := m.get("inputs"); n != nil {
		for _, x := range r.list(n, "inputs") {
			q.Inputs = append(q.Inputs, r.exact(x, "inputs", word()))
		}
	}
	if n := m.get("jobs"); n != nil {
		for _, x := range r.list(n, "jobs") {
			q.Jobs = append(q.Jobs, r.text(x, "jobs"))
		}
	}
	return q
}

// The shapes of values that are compared byte for byte. None admits a character
// that means something in a pattern.
var (
	number         = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[1-9][0-9]{0,18}$`) })
	word           = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`) })
	repositoryPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`) })
	filePath       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_. -]+)*$`) })
	branchName     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`) })
	signerRef      = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+@refs/[A-Za-z0-9_./-]+$`)
	})
	commit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })
)
