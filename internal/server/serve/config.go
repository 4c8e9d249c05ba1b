package serve

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Config is what a server is told. Files are named relative to the file of the configuration.
type Config struct {
	URL      string // where the server is reached; the audience of tokens
	Listen   string
	Database string // sqlite:PATH, or the URL of a PostgreSQL
	Key      string // file of the key that signs checkpoints; "": a process of its own has it
	Signer   string // socket of that process
	Public   string // the key that verifies what it signs
	Seal     string // file of the newest checkpoint, outside of the database
	Origin   string // name of the ledger
	Hosts    []Host
	Policies []Policy
	Tenants  []Tenant
	Read     string // file of the token that reads the ledger; "": there is none
	Missing  time.Duration
	Links    age     // how long the link to a verdict leads there
	Retain   *Retain // nil: nothing is deleted
	Metrics  string  // HOST:PORT of the listener for Prometheus; "": there is none

	dir string
}

// A Host is one platform.
type Host struct {
	Host    string   // https://github.com
	API     string   // "": the usual one
	App     string   // client identifier or number of the app
	Key     string   // file of its private key
	Secrets []string // files of the webhook's secret, and of the one before
	Issuer  string   // of its jobs' tokens; "": the usual one
	line    int
}

// A Policy is a policy file, and the repositories that it is for. A repository is named by its number, or by that of
// its owner.
type Policy struct {
	Host         string
	File         string // "": it is in Git or OCI
	Git          *Git
	OCI          *OCI
	SignedUnder  string // file of the policy that says who has to have signed it; "": nobody has to
	SHA256       string // pin; "": the file as it is
	Repositories []string
	Owners       []string
	line         int
}

// A Tenant is an owner of repositories on a host, who reads its own leaves of the ledger.
type Tenant struct {
	Host, Owner string
	Read        string // file of its token
	line        int
}

// Git is a policy at the tip of a branch of a repository.
type Git struct {
	Repository string // owner/name
	ID         int64  // its number: names change hands
	Branch     string
	Path       string
}

// id is the place of the policy, and what is asked of it, as the configuration has them.
func (p *Policy) id() string {
	where := "file " + filepath.Clean(p.File)
	switch {
	case p.Git != nil:
		where = fmt.Sprintf("git %s %s %s", p.Git.number(), p.Git.Branch, p.Git.Path)
	case p.OCI != nil:
		where = fmt.Sprintf("oci %s %s", p.OCI.Reference, p.OCI.Path)
	}
	return fmt.Sprintf("%s %s, sha256 %s, signed under %s", p.Host, where, p.SHA256, p.SignedUnder)
}

// remote reports whether a policy is on another machine.
func (p *Policy) remote() bool { return p.Git != nil || p.OCI != nil }

// name is that of the policy's file.
func (p *Policy) name() string {
	switch {
	case p.Git != nil:
		return path.Base(p.Git.Path)
	case p.OCI != nil:
		return p.OCI.Path
	}
	return filepath.Base(p.File)
}

// OCI is a policy in an artifact of a registry.
type OCI struct {
	Reference string // REGISTRY/NAME:TAG, or REGISTRY/NAME@sha256:HEX
	Path      string // name of the file in it
}

func (g *Git) number() string { return strconv.FormatInt(g.ID, 10) }

// MaxConfig is how large a configuration is at most.
const MaxConfig = 1 << 20

// defaults
const (
	defaultListen  = "127.0.0.1:8787"
	defaultMissing = 10 * time.Minute
)

type configReader struct {
	file string
	bad  []string
}

func (r *configReader) complain(n *yamlnode.Node, format string, args ...any) {
	at := r.file
	if n != nil && n.Line > 0 {
		at += fmt.Sprintf(":%d:%d", n.Line, n.Column)
	}
	r.bad = append(r.bad, at+": "+fault.Text(format, args...))
}

// fields are the members of a mapping, each of a known name and once.
func (r *configReader) fields(n *yamlnode.Node, what string, names ...string) map[string]*yamlnode.Node {
	out := map[string]*yamlnode.Node{}
	if n == nil || n.Kind != yamlnode.Map {
		r.complain(n, "%s is something else than a mapping", what)
		return out
	}
	for _, f := range n.Again {
		r.complain(f.Key, "%s has the key %q twice", what, f.Name)
	}
	for _, f := range n.Fields {
		if !slices.Contains(names, f.Name) {
			r.complain(f.Key, "%s has no key %q, want one of %s", what, f.Name, strings.Join(names, ", "))
			continue
		}
		out[f.Name] = f.Value
	}
	return out
}

func (r *configReader) text(n *yamlnode.Node, what string, needed bool) string {
	switch {
	case n == nil && needed:
		r.complain(n, "%s is missing", what)
	case n == nil:
	case n.Kind != yamlnode.Scalar || n.Text == "":
		r.complain(n, "%s is empty, or something else than a text", what)
	default:
		return n.Text
	}
	return ""
}

func (r *configReader) list(n *yamlnode.Node, what string) []*yamlnode.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != yamlnode.List:
		r.complain(n, "%s is something else than a list", what)
		return nil
	}
	return n.Items
}

func (r *configReader) numbers(n *yamlnode.Node, what string) (all []string) {
	for _, x := range r.list(n, what) {
		if number(x) == 0 {
			r.complain(x, "%s: %q, want a number: names change hands", what, x.Text)
			continue
		}
		all = append(all, x.Text)
	}
	return all
}

// number is one of a repository or an owner as a platform writes it; 0: it is something else. The texts of numbers are
// compared, so that another form of a good one, such as 007, would be the number of no repository.
func number(n *yamlnode.Node) int64 {
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil || v < 0 || n.Kind != yamlnode.Scalar || strconv.FormatInt(v, 10) != n.Text {
		return 0
	}
	return v
}

// ReadConfig reads a configuration, and complains of all that is wrong in it.
func ReadConfig(path string) (*Config, error) {
	raw, err := file.Read(path, MaxConfig)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "name the file with --config", "reading %q: %w", path,
			fault.Cause(err))
	}
	return parseConfig(path, raw)
}

func parseConfig(path string, raw []byte) (*Config, error) {
	r := &configReader{file: path}
	const depth, tokens, keys, nodes = 10, 100_000, 100, 200_000
	doc, err := yamlnode.Parse(raw, yamlnode.Options{Plain: true,
		Limits: yamlnode.Limits{Bytes: MaxConfig, Depth: depth, Tokens: tokens, Keys: keys, Nodes: nodes}})
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s: %w", path, err)
	}
	if doc.Count != 1 || len(doc.Roots) != 1 {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s holds %d documents, want one", path, doc.Count)
	}
	for _, n := range doc.Odd {
		r.complain(n, "anchors, aliases and tags are not read")
	}
	m := r.fields(doc.Roots[0], "the configuration", "version", "url", "listen", "database", "ledger", "platforms",
		"policies", "missing-evidence", "tenants", "metrics", "verdict-links", "retention")
	if v := r.text(m["version"], "version", true); v != "" && v != "1" {
		r.complain(m["version"], "version %q, want 1", v)
	}
	c := &Config{dir: filepath.Dir(path), URL: strings.TrimSuffix(r.text(m["url"], "url", true), "/"),
		Listen: defaultListen, Database: r.text(m["database"], "database", true), Missing: defaultMissing}
	if _, err := store.NewServer(c.URL, nil); c.URL != "" && err != nil { // what clients take
		r.complain(m["url"], "url %q, want https and a host alone", c.URL)
	}
	if n := m["listen"]; n != nil {
		c.Listen = r.text(n, "listen", true)
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			r.complain(n, "listen %q, want HOST:PORT", c.Listen)
		}
	}
	c.Links = age{days: 90}
	if n := m["verdict-links"]; n != nil {
		c.Links = r.age(n, "verdict-links", 1)
	}
	if n := m["retention"]; n != nil {
		c.Retain = r.retention(n)
	}
	if n := m["metrics"]; n != nil {
		c.Metrics = r.text(n, "metrics", true)
		if _, _, err := net.SplitHostPort(c.Metrics); err != nil || c.Metrics == c.Listen {
			r.complain(n, "metrics %q, want HOST:PORT, and another than listen", c.Metrics)
		}
	}
	if n := m["missing-evidence"]; n != nil {
		var err error
		if c.Missing, err = time.ParseDuration(n.Text); err != nil || c.Missing < time.Second || c.Missing > time.Hour {
			r.complain(n, "missing-evidence %q, want a time from 1s to 1h, such as 10m", n.Text)
		}
	}
	r.ledger(m["ledger"], c)
	for _, n := range r.list(m["platforms"], "platforms") {
		c.Hosts = append(c.Hosts, r.host(n))
	}
	if len(c.Hosts) == 0 {
		r.complain(m["platforms"], "platforms names none")
	}
	for _, n := range r.list(m["policies"], "policies") {
		c.Policies = append(c.Policies, r.policy(n, c.Hosts))
	}
	for _, n := range r.list(m["tenants"], "tenants") {
		c.Tenants = append(c.Tenants, r.tenant(n, c.Hosts))
	}
	r.twice(c)
	if len(r.bad) > 0 {
		const most = 50
		return nil, fault.New(fault.Usage, fault.Config, "", "%s", strings.Join(r.bad[:min(len(r.bad), most)], "\n"))
	}
	return c, nil
}

// ledger reads how the ledger is signed, and who reads it.
func (r *configReader) ledger(n *yamlnode.Node, c *Config) {
	l := r.fields(n, "ledger", "key", "signer", "public-key", "name", "read-token", "checkpoint")
	c.Origin = r.text(l["name"], "ledger: name", true)
	c.Key = r.text(l["key"], "ledger: key", l["signer"] == nil)
	c.Signer = r.text(l["signer"], "ledger: signer", false)
	c.Public = r.text(l["public-key"], "ledger: public-key", l["signer"] != nil)
	c.Read = r.text(l["read-token"], "ledger: read-token", false)
	c.Seal = cmp.Or(r.text(l["checkpoint"], "ledger: checkpoint", false),
		strings.TrimSuffix(filepath.Base(r.file), filepath.Ext(r.file))+".checkpoint")
	if strings.ContainsAny(c.Origin, "+ \t\n") {
		r.complain(l["name"], "ledger: name %q, want one without a space and a plus", c.Origin)
	}
	switch own, err := ledger.Under(c.Public, c.Origin); {
	case c.Key != "" && c.Signer != "":
		r.complain(l["key"], "ledger: key and signer, want one of them: with a signer, no server has the key")
	case c.Signer == "" && c.Public != "":
		r.complain(l["public-key"], "ledger: public-key is for a signer, and there is none")
	case c.Public != "" && (err != nil || own != c.Public):
		r.complain(l["public-key"], "ledger: public-key %q, want one of the ledger %q: NAME+HASH+KEY",
			fault.Cut(c.Public),
			c.Origin)
	}
}

func (r *configReader) host(n *yamlnode.Node) Host {
	m := r.fields(n, "a platform", "host", "api", "app", "key", "webhook-secret", "webhook-secret-before", "issuer")
	h := Host{Host: strings.TrimSuffix(r.text(m["host"], "host", true), "/"), API: r.text(m["api"], "api", false),
		App: r.text(m["app"], "app", true), Key: r.text(m["key"], "key", true),
		Issuer:  r.text(m["issuer"], "issuer", false),
		Secrets: []string{r.text(m["webhook-secret"], "webhook-secret", true)}}
	if before := r.text(m["webhook-secret-before"], "webhook-secret-before", false); before != "" {
		h.Secrets = append(h.Secrets, before)
	}
	if n != nil {
		h.line = n.Line
	}
	return h
}

func (r *configReader) policy(n *yamlnode.Node, hosts []Host) Policy {
	m := r.fields(n, "a policy", "host", "file", "git", "oci", "signed-under", "sha256", "repositories", "owners")
	p := Policy{Host: r.text(m["host"], "host", false),
		File:   r.text(m["file"], "file", m["git"] == nil && m["oci"] == nil),
		SHA256: r.text(m["sha256"], "sha256", false), SignedUnder: r.text(m["signed-under"], "signed-under", false),
		Repositories: r.numbers(m["repositories"], "repositories"), Owners: r.numbers(m["owners"], "owners")}
	if m["git"] != nil {
		p.Git = r.git(m["git"])
	}
	if m["oci"] != nil {
		p.OCI = r.oci(m["oci"])
	}
	if places := count(p.File != "", p.Git != nil, p.OCI != nil); places > 1 {
		r.complain(n, "a policy is a file, in git or in a registry, and this one is in %d places", places)
	}
	p.Host = r.of(n, "policy", p.Host, hosts)
	if len(p.Repositories)+len(p.Owners) == 0 {
		r.complain(n, "the policy is for no repository: name some under repositories or owners")
	}
	if n != nil {
		p.line = n.Line
	}
	return p
}

// git reads where a policy is in a repository.
func (r *configReader) git(n *yamlnode.Node) *Git {
	m := r.fields(n, "git", "repository", "id", "branch", "path")
	g := &Git{Repository: r.text(m["repository"], "git: repository", true),
		Branch: r.text(m["branch"], "git: branch", true), Path: r.text(m["path"], "git: path", true)}
	if id := m["id"]; r.text(id, "git: id", true) != "" {
		if g.ID = number(id); g.ID == 0 {
			r.complain(id, "git: id %q, want a number: names change hands", id.Text)
		}
	}
	if strings.HasPrefix(g.Branch, "refs/") {
		r.complain(m["branch"], "git: branch %q, want the name of a branch, such as main", g.Branch)
	}
	if g.Path != "" && (path.Clean(g.Path) != g.Path || !filepath.IsLocal(g.Path)) {
		r.complain(m["path"], "git: path %q, want one below the repository's top, such as policies/app.yaml", g.Path)
	}
	if owner, name, is := strings.Cut(g.Repository, "/"); g.Repository != "" && (!is || owner == "" || name == "" ||
		strings.Contains(name, "/")) {
		r.complain(m["repository"], "git: repository %q, want owner/name", g.Repository)
	}
	return g
}

// oci reads where a policy is in a registry.
func (r *configReader) oci(n *yamlnode.Node) *OCI {
	m := r.fields(n, "oci", "reference", "path")
	o := &OCI{Reference: r.text(m["reference"], "oci: reference", true), Path: r.text(m["path"], "oci: path", true)}
	if o.Reference != "" && !store.IsReference(o.Reference) {
		r.complain(m["reference"], "oci: reference %q, want one with a registry, and a tag or a digest, such as "+
			"ghcr.io/acme/policies:app", o.Reference)
	}
	return o
}

// of is the host that something is for: the one that it names, or the only one.
func (r *configReader) of(n *yamlnode.Node, what, host string, hosts []Host) string {
	if host == "" && len(hosts) == 1 {
		host = hosts[0].Host
	}
	switch {
	case host == "" && len(hosts) > 1:
		r.complain(n, "the %s names no host, and there are %d platforms: say which one with host", what, len(hosts))
	case !slices.ContainsFunc(hosts, func(h Host) bool { return h.Host == host }):
		r.complain(n, "the %s is for the host %q, which is none of the platforms", what, host)
	}
	return host
}

func (r *configReader) tenant(n *yamlnode.Node, hosts []Host) Tenant {
	m := r.fields(n, "a tenant", "host", "owner", "read-token")
	t := Tenant{Owner: r.text(m["owner"], "owner", true), Read: r.text(m["read-token"], "read-token", true)}
	t.Host = r.of(n, "tenant", r.text(m["host"], "host", false), hosts)
	if t.Owner != "" && number(m["owner"]) == 0 {
		r.complain(m["owner"], "owner: %q, want a number: names change hands", t.Owner)
	}
	if n != nil {
		t.line = n.Line
	}
	return t
}

// twice complains where one platform is named twice, or one repository has two policies.
func (r *configReader) twice(c *Config) {
	seen := map[string]int{}
	for _, h := range c.Hosts {
		if line, is := seen[h.Host]; is {
			r.bad = append(r.bad, fmt.Sprintf("%s:%d: the platform %s stands in line %d already", r.file, h.line,
				h.Host, line))
		}
		seen[h.Host] = h.line
	}
	for _, t := range c.Tenants {
		key := "the tenant " + t.Owner + " of " + t.Host
		if line, is := seen[key]; is {
			r.bad = append(r.bad, fmt.Sprintf("%s:%d: %s stands in line %d already", r.file, t.line, key, line))
		}
		seen[key] = t.line
	}
	signed := map[string]*Policy{} // by what a signature says of them
	for i := range c.Policies {
		p := &c.Policies[i]
		name := p.SignedUnder + " " + p.name()
		if old := signed[name]; old != nil && p.SignedUnder != "" && old.id() != p.id() {
			r.bad = append(r.bad, fmt.Sprintf("%s:%d: a policy of the name %q is signed under %s in line %d already, and either would count "+
				"for both: give it a name of its own", r.file, p.line, p.name(), p.SignedUnder, old.line))
		}
		signed[name] = p
		for _, key := range slices.Concat(keys("repository", p.Host, p.Repositories), keys("owner", p.Host, p.Owners)) {
			if line, is := seen[key]; is {
				r.bad = append(r.bad, fmt.Sprintf("%s:%d: %s has a policy in line %d already", r.file, p.line, key,
					line))
			}
			seen[key] = p.line
		}
	}
}

func count(all ...bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

func keys(kind, host string, numbers []string) (all []string) {
	for _, n := range numbers {
		all = append(all, kind+" "+n+" of "+host)
	}
	return all
}

// path is a file that the configuration names.
func (c *Config) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// secret reads a file that the configuration names, and that only the user of the server may read.
func (c *Config) secret(name, what string) ([]byte, error) { return secret(c.path(name), what) }

func secret(path, what string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "put it there, or name another file",
			"%s %q: %w", what, path, fault.Cause(err))
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Usage, fault.Config, "chmod 600 "+path,
			"%s %q may be read by others: its mode is %04o, want 0600", what, path, info.Mode().Perm())
	}
	const most, shortest = 64 << 10, 16
	b, err := file.Read(path, most)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s %q: %w", what, path, fault.Cause(err))
	}
	if b = []byte(strings.TrimRight(string(b), "\r\n")); len(b) < shortest {
		return nil, fault.New(fault.Usage, fault.Config, "make one: openssl rand -hex 32 >"+path,
			"%s %q has %d bytes, want %d or more", what, path, len(b), shortest)
	}
	return b, nil
}
