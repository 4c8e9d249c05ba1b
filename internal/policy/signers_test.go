package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// scanned is the good policy, which also requires a scan of these signers.
func scanned(t testing.TB, signedBy string) *policy.Policy {
	t.Helper()
	return read(t, edited(t, "      provenance: {max-age: 7d}", "      provenance: {max-age: 7d}\n      "+scanType+": {signed-by: ["+signedBy+"]}"))
}

// said is a statement of a kind, an hour ago, under the house's root.
func said(kind, predicate string, s statement.Signer) policy.Fact {
	return policy.Fact{Signer: s, Trust: "house", Time: now.Add(-3600e9), Source: "store",
		StatementHash: subject.Sum([]byte(kind + predicate + s.SAN)),
		Statement:     statement.Statement{Type: statement.TypeV1, PredicateType: kind, Predicate: []byte(predicate)}}
}

// person is a certificate of an e-mail identity.
func person(address, issuer string) statement.Signer {
	return statement.Signer{Issuer: issuer, SAN: address, SANKind: "email"}
}

// platformReleases is what a platform signs about a release, and its certificate.
func platformReleases(edit func(map[string]any)) policy.Fact {
	p := map[string]any{"repository": "acme/app", "repositoryId": "1001", "tag": "v6", "purl": "pkg:github/acme/app@v6"}
	if edit != nil {
		edit(p)
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	f := said(dialect.ReleaseV02, string(b), statement.Signer{SAN: "https://releases.code.example", SANKind: "uri"})
	f.Statement.Subject = []statement.Descriptor{{URI: fmt.Sprint(p["purl"]), Digest: map[string]string{"sha1": commit}}}
	return f
}

const (
	scanner  = "{email: scanner@acme.example, issuer: https://login.example}"
	releases = "{releases-of: acme/app, repository-id: 1001, issuer: https://ci.example, tags: [v*]}"
)

// Each kind of signer meets the requirement that names it, and no other person,
// key, platform or workflow does.
func TestC22_a_requirement_counts_the_evidence_of_its_own_signers(t *testing.T) {
	keyed := func(edit func(*policy.Fact)) policy.Fact {
		f := said(scanType, "{}", statement.Signer{})
		f.Keyed, f.Trust = true, "house key scan.pub "+subject.Sum([]byte("k")).String()+" false"
		edit(&f)
		return f
	}
	same := func(*policy.Fact) {}
	key := "{key: scan.pub, sha256: " + subject.Sum([]byte("k")).Hex() + "}"
	type row struct {
		signedBy string
		fact     policy.Fact
		code     fault.Code // "" is allowed
	}
	scan := func(s statement.Signer) policy.Fact { return said(scanType, "{}", s) }
	other := signer()
	other.Repository, other.RepositoryID = "https://code.example/acme/scan", "1002"
	renamed(&other, "https://code.example/acme/scan/scan.yml@refs/heads/main")
	scanWorkflow := "{issuer: https://ci.example, repository: acme/scan, repository-id: 1002, workflow: scan.yml, refs: [refs/heads/main]}"
	elsewhere := scan(person("scanner@acme.example", "https://login.example"))
	elsewhere.Trust = "annex"
	for name, c := range map[string]row{
		"the address":                    {scanner, scan(person("scanner@acme.example", "https://login.example")), ""},
		"another address":                {scanner, scan(person("scanner@acme.example.evil", "https://login.example")), fault.Identity},
		"the address in other letters":   {scanner, scan(person("Scanner@acme.example", "https://login.example")), fault.Identity},
		"the address by another issuer":  {scanner, scan(person("scanner@acme.example", "https://evil.example")), fault.Identity},
		"the address as a URI":           {scanner, scan(statement.Signer{Issuer: "https://login.example", SAN: "scanner@acme.example", SANKind: "uri"}), fault.Identity},
		"the address under another root": {scanner, elsewhere, fault.Predicate},
		"a builder for the scanner":      {scanner, scan(signer()), fault.Identity},
		"the workflow":                   {scanWorkflow, scan(other), ""},
		"a builder for the workflow":     {scanWorkflow, scan(signer()), fault.Identity},
		"the key":                        {key, keyed(same), ""},
		"another key":                    {key, keyed(func(f *policy.Fact) { f.Trust = strings.Replace(f.Trust, "scan.pub", "other.pub", 1) }), fault.Predicate},
		"a certificate for the key":      {key, keyed(func(f *policy.Fact) { f.Keyed, f.Signer = false, signer() }), fault.Identity},
		"a key for the scanner":          {scanner, keyed(func(f *policy.Fact) { f.Trust = "house" }), fault.Identity},
		"the second of two":              {scanner + ", " + key, keyed(same), ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := evaluate(input(scanned(t, c.signedBy), built(t), c.fact))
			if c.code == "" {
				wantAllowed(t, v)
				return
			}
			if f := wantDenied(t, v); f.Code != c.code || f.Requirement != scanType {
				t.Errorf("%s about %s: %+v, want %s about the scan", f.Code, f.Requirement, f, c.code)
			}
		})
	}
}

// Who may sign a scan builds nothing, even if their evidence is a provenance that
// names the right workflow.
func TestC22_a_scanner_proves_no_provenance(t *testing.T) {
	p := scanned(t, scanner)
	s := person("scanner@acme.example", "https://login.example")
	prov := built(t)
	prov.Signer = s
	if f := wantDenied(t, evaluate(input(p, prov, said(scanType, "{}", s)))); f.Code != fault.Identity || f.Requirement != "provenance" {
		t.Errorf("%+v, want E_IDENTITY about the provenance", f)
	}
	wantAllowed(t, evaluate(input(p, built(t), said(scanType, "{}", s))))
}

func TestC22_a_release_of_the_platform_is_of_one_repository(t *testing.T) {
	p := read(t, edited(t, "      provenance: {max-age: 7d}", "      provenance:\n      "+dialect.ReleaseV02+": {signed-by: ["+releases+"]}"))
	wantAllowed(t, evaluate(input(p, built(t), platformReleases(nil))))
	set := func(k string, v any) func(map[string]any) { return func(m map[string]any) { m[k] = v } }
	for name, edit := range map[string]func(map[string]any){
		"another number":         set("repositoryId", "666"),
		"another repository":     func(m map[string]any) { m["repository"], m["purl"] = "evil/app", "pkg:github/evil/app@v6" },
		"another tag":            func(m map[string]any) { m["tag"], m["purl"] = "nightly", "pkg:github/acme/app@nightly" },
		"a package that differs": set("purl", "pkg:github/evil/app@v6"),
		"a second number":        set("packageId", "666"),
		"no number":              set("repositoryId", nil),
		"a number as a number":   set("repositoryId", 1001),
		"no tag":                 set("tag", ""),
	} {
		if v := evaluate(input(p, built(t), platformReleases(edit))); v.Outcome() != verdict.Deny {
			t.Errorf("%s is allowed", name)
		}
	}
	for name, edit := range map[string]func(*policy.Fact){
		"an issuer":       func(f *policy.Fact) { f.Signer.Issuer = "https://ci.example" },
		"another name":    func(f *policy.Fact) { f.Signer.SAN = "https://releases.evil.example" },
		"an address":      func(f *policy.Fact) { f.Signer.SANKind = "email" },
		"no tag's commit": func(f *policy.Fact) { f.Statement.Subject = nil },
		"a builder":       func(f *policy.Fact) { f.Signer = signer() },
	} {
		f := platformReleases(nil)
		edit(&f)
		if v := evaluate(input(p, built(t), f)); v.Outcome() != verdict.Deny {
			t.Errorf("signed by %s: allowed", name)
		}
	}
}

// named is the fact that meets the good policy, about a subject of these names.
func named(t testing.TB, names ...string) policy.Fact {
	f := built(t)
	f.Names = names
	return f
}

// subjectOf is the input with the subject handed over under another name.
func subjectOf(in policy.Input, name string, given bool) policy.Input {
	in.Candidates[0].Subject.Name, in.Candidates[0].Subject.Given = name, given
	return in
}

func TestE14_bytes_pass_under_their_own_name_alone(t *testing.T) {
	p := read(t, good)
	server := edited(t, `["dist/*", registry.example/acme/app]`, `["dist/server*"]`)
	plugins := strings.Replace(strings.Replace(good, "    requires:", "    repository-id: 1001\n    requires:", 1), "environments:\n", `  plugins:
    subject: ["dist/plugins/*"]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/plugins, repository-id: 1003, workflow: build/release.yml, refs: [refs/heads/main]}
environments:
`, 1)
	for name, c := range map[string]struct {
		policy   *policy.Policy
		handed   string
		given    bool
		attested []string
		wanted   string // part of what was wanted; "" is allowed
	}{
		"its name":                     {p, "dist/app.tar.gz", false, []string{"dist/app.tar.gz"}, ""},
		"its base":                     {p, "dist/app.tar.gz", false, []string{"dist/sub/app.tar.gz"}, "a name of artifact app"},
		"no name":                      {p, "dist/app.tar.gz", false, nil, ""},
		"an empty name":                {p, "dist/app.tar.gz", false, []string{""}, ""},
		"one of its names":             {p, "dist/app.tar.gz", false, []string{"dist/other", "dist/app.tar.gz"}, ""},
		"another file of the artifact": {p, "dist/app.tar.gz", false, []string{"dist/other"}, "ends in app.tar.gz"},
		"the debug build":              {read(t, server), "dist/server", false, []string{"dist/server-debug"}, "ends in server"},
		"the debug build, as given":    {read(t, server), "dist/server", true, []string{"dist/server-debug"}, ""},
		"of no artifact, as given":     {read(t, server), "dist/server", true, []string{"dist/client"}, "a name of artifact app"},
		"another artifact's":           {read(t, plugins), "dist/app.tar.gz", false, []string{"dist/plugins/app.tar.gz"}, "a name of artifact app"},
		"the image":                    {p, "registry.example/acme/app@" + app().Digest.String(), false, []string{"registry.example/acme/app"}, ""},
		"the image by package URL":     {p, "registry.example/acme/app:v1@" + app().Digest.String(), false, []string{"pkg:docker/registry.example/acme/app@v1?platform=linux%2Famd64"}, ""},
		"the image by OCI's URL":       {p, "registry.example/acme/app@" + app().Digest.String(), false, []string{"pkg:oci/app@sha256:00?repository_url=registry.example/acme/app"}, ""},
		"another by OCI's URL":         {p, "registry.example/acme/app@" + app().Digest.String(), false, []string{"pkg:oci/app@sha256:00?repository_url=registry.example/evil/app"}, "a name of artifact app"},
		"the image with a tag":         {read(t, edited(t, "registry.example/acme/app]", `"registry.example/acme/app*"]`)), "registry.example/acme/app@" + app().Digest.String(), false, []string{"registry.example/acme/app:v1"}, ""},
		"an escape that is none":       {p, "dist/app.tar.gz", false, []string{"pkg:generic/%zz/dist/app.tar.gz"}, "a name of artifact app"},
		"by digest":                    {read(t, edited(t, "registry.example/acme/app]", `"sha256:*"]`)), app().Digest.String(), false, []string{"dist/app.tar.gz"}, ""},
		"another image":                {p, "registry.example/acme/app@" + app().Digest.String(), false, []string{"registry.example/acme/evil"}, "a name of artifact app"},
	} {
		t.Run(name, func(t *testing.T) {
			v := evaluate(subjectOf(input(c.policy, named(t, c.attested...)), c.handed, c.given))
			if c.wanted == "" {
				wantAllowed(t, v)
				return
			}
			if f := wantDenied(t, v); f.Code != fault.SubjectMismatch || !strings.Contains(f.Wanted, c.wanted) || f.Hint == "" {
				t.Errorf("%+v, want E_SUBJECT with %q and a next step", f, c.wanted)
			}
		})
	}
}

func TestE14_the_attested_name_chooses_where_no_pattern_fits(t *testing.T) {
	two := read(t, strings.Replace(good, "environments:\n", `  tools:
    subject: ["tools/*"]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/release.yml, refs: [refs/heads/main]}
environments:
`, 1))
	wantAllowed(t, evaluate(subjectOf(input(two, named(t, "dist/app.tar.gz")), "download/app.tar.gz", false)))
	v := evaluate(subjectOf(input(two, named(t, "tools/app.tar.gz")), "download/app.tar.gz", false))
	wantAllowed(t, v)
	if got := v.Judgements[0].Artifact; got != "tools" {
		t.Errorf("judged as %q, want tools", got)
	}
	stranger := named(t, "dist/app.tar.gz")
	stranger.Signer.RepositoryID = "666"
	elsewhere := named(t, "dist/app.tar.gz")
	elsewhere.Trust = "annex"
	for name, c := range map[string]struct {
		facts  []policy.Fact
		reason string
	}{
		"two artifacts":       {[]policy.Fact{named(t, "dist/app.tar.gz", "tools/app.tar.gz")}, "may be more than one artifact"},
		"a stranger's name":   {[]policy.Fact{stranger}, "no artifact of the policy is called"},
		"another root's name": {[]policy.Fact{elsewhere}, "no artifact of the policy is called"},
		"a name that differs": {[]policy.Fact{named(t, "dist/other")}, "no artifact of the policy is called"},
		"no name at all":      {[]policy.Fact{named(t)}, "no artifact of the policy is called"},
		"a scan's name, no more": {[]policy.Fact{func() policy.Fact {
			f := said(scanType, "{}", signer())
			f.Names = []string{"dist/app.tar.gz"}
			return f
		}()}, "no artifact of the policy is called"},
	} {
		f := wantDenied(t, evaluate(subjectOf(input(two, c.facts...), "download/app.tar.gz", false)))
		if f.Code != fault.SubjectMismatch || !strings.Contains(f.Reason, c.reason) || !strings.Contains(f.Hint, "NAME=PATH") {
			t.Errorf("%s: %+v, want E_SUBJECT, %q, and NAME=PATH in the hint", name, f, c.reason)
		}
	}
}

// calledFrom is a certificate of a job in a reusable workflow, at a ref or commit.
func calledFrom(path, at, digest string) statement.Signer {
	s := signer()
	s.SignerURI = "https://code.example/" + path + "@" + at
	s.SAN, s.SignerDigest = s.SignerURI, digest
	return s
}

func TestC10_a_signing_workflow_is_named_in_each_form(t *testing.T) {
	const ci = "acme/ci/sign.yml"
	type row struct {
		keys   string
		signer statement.Signer
		code   fault.Code
	}
	for name, c := range map[string]row{
		"by commit":                     {"signer: " + ci + "@" + other, calledFrom(ci, other, other), ""},
		"by commit, called by a tag":    {"signer: " + ci + "@" + other, calledFrom(ci, "refs/tags/v1", other), ""},
		"by commit, of another":         {"signer: " + ci + "@" + other, calledFrom(ci, "refs/tags/v1", commit), fault.Identity},
		"by commit, called by another":  {"signer: " + ci + "@" + other, calledFrom(ci, commit, commit), fault.Identity},
		"by commit, another path":       {"signer: " + ci + "@" + other, calledFrom("acme/ci/sign.yml.evil", other, other), fault.Identity},
		"by commit, another owner":      {"signer: " + ci + "@" + other, calledFrom("evil/acme/ci/sign.yml", other, other), fault.Identity},
		"by tag":                        {"signer: " + ci + "@refs/tags/v1\n        signer-digest: " + other, calledFrom(ci, "refs/tags/v1", other), ""},
		"by tag that moved":             {"signer: " + ci + "@refs/tags/v1\n        signer-digest: " + other, calledFrom(ci, "refs/tags/v1", commit), fault.Identity},
		"by tag, a branch of its name":  {"signer: " + ci + "@refs/tags/v1\n        signer-digest: " + other, calledFrom(ci, "refs/heads/v1", other), fault.Identity},
		"same repository":               {"signer: acme/app/build/sign.yml", calledFrom("acme/app/build/sign.yml", "refs/heads/main", commit), ""},
		"same repository, other ref":    {"signer: acme/app/build/sign.yml", calledFrom("acme/app/build/sign.yml", "refs/heads/evil", commit), fault.Identity},
		"same repository, other commit": {"signer: acme/app/build/sign.yml", calledFrom("acme/app/build/sign.yml", "refs/heads/main", other), fault.Identity},
		"a pattern of tags":             {"signer: \"" + ci + "@refs/tags/v1.*\"\n        signer-moves: accepted", calledFrom(ci, "refs/tags/v1.2", other), ""},
		"not of the pattern":            {"signer: \"" + ci + "@refs/tags/v1.*\"\n        signer-moves: accepted", calledFrom(ci, "refs/tags/v2.0", other), fault.Identity},
		"a branch that may move":        {"signer: " + ci + "@refs/heads/main\n        signer-moves: accepted", calledFrom(ci, "refs/heads/main", other), ""},
		"none, and a reusable one":      {"owner-id: 2002", calledFrom(ci, "refs/tags/v1", other), fault.Identity},
	} {
		t.Run(name, func(t *testing.T) {
			p := read(t, edited(t, "owner-id: 2002", c.keys))
			v := evaluate(input(p, stated(t, c.signer, provenance(c.signer))))
			if c.code == "" {
				wantAllowed(t, v)
				if moves := strings.Contains(c.keys, "signer-moves"); moves != slices.ContainsFunc(v.Judgements[0].Evidence[0].Accepted, func(s string) bool { return strings.Contains(s, "may move") }) {
					t.Errorf("accepted = %q; a signer that may move: %v", v.Judgements[0].Evidence[0].Accepted, moves)
				}
				return
			}
			if f := wantDenied(t, v); f.Code != c.code || !strings.Contains(f.Hint, "signer") {
				t.Errorf("%+v, want %s and the key in the hint", f, c.code)
			}
		})
	}
}

// What a policy lets evidence lack is in the reason, the evidence and so in every
// report; without the word it denies.
func TestA03_what_evidence_may_lack_is_accepted_by_name(t *testing.T) {
	liar := provenance(signer())
	liar.BuildDefinition.BuildType = "https://evil.example/build"
	promised := built(t)
	promised.Log, promised.Trust = statement.LogPromise, "house log: promise"
	brought := built(t)
	brought.Intermediates, brought.Trust = true, "house intermediates: bundle"
	another := func(f policy.Fact) policy.Fact {
		f.Signer = person("x@acme.example", "https://login.example")
		return f
	}
	for name, c := range map[string]struct {
		with, without string // what the good policy says in place of the provenance's requirement
		trust         string
		fact          policy.Fact
		says          string
	}{
		"a promise":        {"{max-age: 7d}", "{max-age: 7d}", "{instance: house, log: promise}", promised, "log: promise, no proof"},
		"intermediates":    {"{max-age: 7d}", "{max-age: 7d}", "{instance: house, intermediates: bundle}", brought, "intermediates: bundle"},
		"content":          {"{content: unchecked}", "{max-age: 7d}", "house", stated(t, signer(), liar), "content unchecked"},
		"an e-mail's word": {"{content: unchecked, signed-by: [{email: x@acme.example, issuer: https://login.example}]}", "{signed-by: [{email: x@acme.example, issuer: https://login.example}]}", "house", another(built(t)), "content unchecked"},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(requirement, trust string) *policy.Policy {
				return read(t, strings.Replace(strings.Replace(good, "{max-age: 7d}", requirement, 1), "trust: house", "trust: "+trust, 1))
			}
			v := evaluate(input(text(c.with, c.trust), c.fact))
			wantAllowed(t, v)
			e := v.Judgements[0].Evidence[0]
			if !slices.Contains(e.Accepted, c.says) || !strings.Contains(v.Judgements[0].Findings[0].Reason, c.says) {
				t.Errorf("accepted %q, reason %q; want %q in both", e.Accepted, v.Judgements[0].Findings[0].Reason, c.says)
			}
			if v := evaluate(input(text(c.without, "house"), c.fact)); v.Outcome() != verdict.Deny {
				t.Error("without the word: allowed")
			}
		})
	}
}

// A small difference is pointed at, because the eye takes both for the same.
func TestHint_points_at_a_near_miss(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*statement.Signer)
		says string
	}{
		"letter case":   {func(s *statement.Signer) { s.Repository = "https://code.example/Acme/app" }, "only the letter case differs"},
		"a slash":       {func(s *statement.Signer) { s.Repository += "/" }, "only a slash differs"},
		"the scheme":    {func(s *statement.Signer) { s.Issuer = "http://ci.example" }, "only the scheme differs"},
		"nothing near":  {func(s *statement.Signer) { s.Repository = "https://code.example/evil/other" }, ""},
		"other numbers": {func(s *statement.Signer) { s.RepositoryID = "666" }, ""},
	} {
		s := signer()
		c.edit(&s)
		f := wantDenied(t, evaluate(input(read(t, good), stated(t, s, provenance(signer())))))
		if c.says == "" && (strings.Contains(f.Hint, "only ") || strings.Contains(f.Hint, "leaves out")) || !strings.Contains(f.Hint, c.says) {
			t.Errorf("%s: hint = %q, want %q in it", name, f.Hint, c.says)
		}
	}
}

// What helps differs by what differs, and names the key of the policy where that
// is the place to mend it.
func TestHint_differs_by_what_differs(t *testing.T) {
	hints := map[string]string{}
	for name, edit := range map[string]func(*statement.Signer){
		"issuer": func(s *statement.Signer) { s.Issuer = "https://evil.example" }, "repository-id": func(s *statement.Signer) { s.RepositoryID = "9" },
		"owner-id": func(s *statement.Signer) { s.OwnerID = "9" }, "workflow": func(s *statement.Signer) { renamed(s, "https://code.example/acme/app/build/test.yml@refs/heads/main") },
		"signer": func(s *statement.Signer) {
			s.SignerURI = "https://code.example/evil/x.yml@refs/heads/main"
			s.SAN = s.SignerURI
		},
		"runner": func(s *statement.Signer) { s.Runner = "self-hosted" }, "refs": func(s *statement.Signer) { reref(s, "refs/heads/x") },
		"events": func(s *statement.Signer) { s.Event = "pull_request" }, "repository": func(s *statement.Signer) { s.Repository = "https://code.example/x/y" },
		"kind": func(s *statement.Signer) { s.SANKind = "email" },
	} {
		s := signer()
		edit(&s)
		f := wantDenied(t, evaluate(input(read(t, good), stated(t, s, provenance(signer())))))
		if key := map[string]string{"kind": "acme/app", "repository": "acme/app"}[name]; !strings.Contains(f.Hint, name) && (key == "" || !strings.Contains(f.Hint, key)) {
			t.Errorf("%s: hint = %q, want it to name the key", name, f.Hint)
		}
		hints[f.Hint] = name
	}
	if len(hints) != 10 {
		t.Errorf("%d different hints, want 10: %q", len(hints), slices.Sorted(maps.Keys(hints)))
	}
}

// Without an environment the answer says which one would take the evidence.
func TestHint_names_the_environment_that_requires_the_evidence(t *testing.T) {
	p := scanned(t, scanner)
	in := input(p, said(scanType, "{}", person("scanner@acme.example", "https://login.example")))
	in.Environment = ""
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Predicate || !strings.Contains(f.Hint, "--for production") {
		t.Errorf("%+v, want the environment in the hint", f)
	}
	in.For = "production"
	for _, f := range refusals(evaluate(in)) {
		if strings.Contains(f.Hint, "--for") {
			t.Errorf("hint = %q names a flag that was given", f.Hint)
		}
	}
}

// everybody is a policy that names a signer of each kind, in each place.
const everybody = `version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/release.yml, refs: [refs/heads/main]}
environments:
  production:
    requires:
      provenance:
      https://scan.example/result/v1:
        trust: annex
        signed-by:
          - {email: scanner@acme.example, issuer: https://login.example}
          - {issuer: https://ci.example, repository: acme/scan, repository-id: 1002, workflow: scan.yml, refs: [refs/heads/main]}
      https://in-toto.io/attestation/release/v0.2:
        signed-by: [{releases-of: acme/app, repository-id: 1001, issuer: https://ci.example, tags: [v*]}]
    approvals: [{group: leads, count: 1}]
groups:
  leads: {members: ["email:lead@acme.example"], issuer: https://login.example, trust: {root: people.json, sha256: ` + hex + `}}
people:
  lead: ["code:lead#7", "email:lead@acme.example"]
approve-in:
  - {issuer: https://ci.example, repository: acme/desk, repository-id: 1004, workflow: build/approve.yml, refs: [refs/heads/main]}
`

// A bundle of somebody whom the policy names anywhere is waited for, and one of
// nobody is not.
func TestD06_everybody_whom_a_policy_names_is_waited_for(t *testing.T) {
	p := read(t, everybody)
	w := p.Wanted()
	for _, v := range []string{"https://code.example/acme/app", "1001", "https://code.example/acme/scan", "1002", "https://code.example/acme/desk", "1004"} {
		if !slices.Contains(w.Values, v) {
			t.Errorf("nobody waits for a certificate with %q: %q", v, w.Values)
		}
	}
	for _, n := range []string{"scanner@acme.example", "lead@acme.example", "https://releases.code.example"} {
		if !slices.Contains(w.Names, n) {
			t.Errorf("nobody waits for a certificate of %q: %q", n, w.Names)
		}
	}
	if w.Keys || len(w.Values) != 6 || len(w.Names) != 3 {
		t.Errorf("waits for %+v, and for keys: %v", w, w.Keys)
	}
	if w := scanned(t, "{key: scan.pub, sha256: "+hex+"}").Wanted(); !w.Keys {
		t.Error("nobody waits for what a key signed")
	}
	if w := read(t, good).Wanted(p); len(w.Values) != 8 || len(w.Names) != 3 {
		t.Errorf("waits for %+v, want everybody of both policies", w)
	}
}

func TestNames_are_whom_a_near_miss_is_explained_of(t *testing.T) {
	p := read(t, everybody)
	for name, c := range map[string]struct {
		s    statement.Signer
		want bool
	}{
		"the repository":              {statement.Signer{Repository: "https://code.example/acme/app"}, true},
		"the repository, by number":   {statement.Signer{Repository: "https://code.example/acme/renamed", RepositoryID: "1001"}, true},
		"the scanner":                 {person("Scanner@acme.example", "https://evil.example"), true},
		"an approver":                 {person("lead@acme.example", "https://login.example"), true},
		"the platform":                {statement.Signer{SAN: "https://releases.code.example"}, true},
		"another repository":          {statement.Signer{Repository: "https://code.example/evil/app", RepositoryID: "666"}, false},
		"another person":              {person("eve@evil.example", "https://login.example"), false},
		"a repository of their name":  {statement.Signer{Repository: "https://code.example/acme/app.evil", RepositoryID: "666"}, false},
		"nobody":                      {statement.Signer{}, false},
		"a workflow called like them": {statement.Signer{SAN: "https://code.example/scanner@acme.example"}, false},
	} {
		if got := p.Names(c.s); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Evidence verifies under each trust that the policy names, and each is loaded
// once.
func TestTrusts_are_each_there_once(t *testing.T) {
	ids := func(p *policy.Policy) []string {
		var out []string
		for _, x := range p.Trusts() {
			out = append(out, x.ID())
		}
		slices.Sort(out)
		return out
	}
	if got, want := ids(read(t, everybody)), []string{"annex", "house", "people.json sha256:" + hex + " false"}; !slices.Equal(got, want) {
		t.Errorf("trusts = %q, want %q", got, want)
	}
	if got, want := ids(scanned(t, "{key: scan.pub, sha256: "+hex+", log: none}")), []string{"house", "house key scan.pub sha256:" + hex + " true"}; !slices.Equal(got, want) {
		t.Errorf("trusts = %q, want %q", got, want)
	}
}

// Evidence for a requirement verifies under the requirement's own trust.
func TestA13_a_requirement_has_a_trust_of_its_own(t *testing.T) {
	p := read(t, edited(t, "      provenance: {max-age: 7d}", "      provenance:\n      "+scanType+": {trust: annex, signed-by: ["+scanner+"]}"))
	scan := said(scanType, "{}", person("scanner@acme.example", "https://login.example"))
	if v := evaluate(input(p, built(t), scan)); v.Outcome() != verdict.Deny {
		t.Error("a scan under the artifact's trust is allowed")
	}
	scan.Trust = "annex"
	wantAllowed(t, evaluate(input(p, built(t), scan)))
	prov := built(t)
	prov.Trust = "annex"
	if v := evaluate(input(p, prov, scan)); v.Outcome() != verdict.Deny {
		t.Error("a provenance under the scan's trust is allowed")
	}
}

func TestA03_what_a_key_or_another_job_signed_is_told(t *testing.T) {
	const pin = `{key: scan.pub, sha256: ` + hex + `%s}`
	for log, unlogged := range map[string]bool{"": false, ", log: required": false, ", log: none": true} {
		f := said(scanType, "{}", statement.Signer{})
		f.Keyed, f.Trust = true, fmt.Sprintf("house key scan.pub sha256:%s %v", hex, unlogged)
		v := evaluate(input(scanned(t, fmt.Sprintf(pin, log)), built(t), f))
		wantAllowed(t, v)
		if got := slices.Contains(v.Judgements[0].Evidence[1].Accepted, "never logged"); got != unlogged {
			t.Errorf("%q: accepted %q, want never logged: %v", log, v.Judgements[0].Evidence[1].Accepted, unlogged)
		}
	}
}

func TestC22_a_platform_signs_releases_and_nothing_else(t *testing.T) {
	p := scanned(t, releases)
	f := platformReleases(nil)
	f.Statement.PredicateType = scanType
	if v := wantDenied(t, evaluate(input(p, built(t), f))); !strings.Contains(v.Reason, "predicate type") {
		t.Errorf("%+v, want the predicate type as the reason", v)
	}
	p = read(t, edited(t, "      provenance: {max-age: 7d}", "      provenance:\n      "+dialect.ReleaseV02+": {signed-by: ["+releases+"]}"))
	broken := platformReleases(func(m map[string]any) { delete(m, "tag") })
	if v := wantDenied(t, evaluate(input(p, built(t), broken))); !strings.Contains(v.Reason, "cannot be read") {
		t.Errorf("%+v, want that it cannot be read", v)
	}
}

func TestHint_for_a_child_pipeline_and_a_folder(t *testing.T) {
	child := signer()
	child.Event = "child"
	if f := wantDenied(t, evaluate(input(read(t, good), stated(t, child, provenance(child))))); !strings.Contains(f.Hint, "pipeline of its own") {
		t.Errorf("child: %+v", f)
	}
	short := read(t, edited(t, "workflow: build/release.yml", "workflow: release.yml"))
	if f := wantDenied(t, evaluate(input(short, built(t)))); !strings.Contains(f.Hint, "leaves out the folder build/") {
		t.Errorf("folder: %+v", f)
	}
	elsewhere := signer()
	renamed(&elsewhere, "https://code.example/acme/app/ci/release.yml@refs/heads/main")
	if f := wantDenied(t, evaluate(input(short, stated(t, elsewhere, provenance(elsewhere))))); strings.Contains(f.Hint, "folder") {
		t.Errorf("another folder: %+v", f)
	}
	jobs := read(t, edited(t, "issuer: https://ci.example", "issuer: https://jobs.example\n        runner: shared"))
	if f := wantDenied(t, evaluate(input(jobs, built(t)))); strings.Contains(f.Hint, "folder") {
		t.Errorf("a platform without one: %+v", f)
	}
	altered := provenance(signer())
	altered.RunDetails.Builder.ID = "https://code.example/evil"
	if f := wantDenied(t, evaluate(input(read(t, good), stated(t, signer(), altered)))); f.Hint == "" {
		t.Errorf("altered: %+v, want a next step", f)
	}
}

// A delegated builder is named in full or by its path on the platform.
func TestC10_a_delegated_builder_is_the_one_that_the_policy_names(t *testing.T) {
	const path = "acme/framework/builder.yml@refs/tags/v1"
	s := signer()
	s.Run = "https://code.example/acme/app/actions/runs/7/attempts/1"
	p := delegated(s, "https://code.example/"+path)
	for named, want := range map[string]bool{path: true, "https://code.example/" + path: true, "https://evil.example/" + path: false, "acme/framework/other.yml@refs/tags/v1": false} {
		v := evaluate(input(read(t, edited(t, "owner-id: 2002", "builder: "+named)), p))
		if got := v.Outcome() == verdict.Allow; got != want {
			t.Errorf("%s: allowed %v, want %v: %+v", named, got, want, refusals(v))
		}
	}
	if v := evaluate(input(read(t, good), p)); v.Outcome() == verdict.Allow {
		t.Error("a delegated builder that nobody names is allowed")
	}
}

// delegated is a provenance of a builder for whom s signed.
func delegated(s statement.Signer, builder string) policy.Fact {
	env := map[string]any{"GITHUB_EVENT_NAME": s.Event, "GITHUB_REF": s.Ref, "GITHUB_REPOSITORY": "acme/app", "GITHUB_REPOSITORY_ID": s.RepositoryID, "GITHUB_REPOSITORY_OWNER": "acme",
		"GITHUB_REPOSITORY_OWNER_ID": s.OwnerID, "GITHUB_RUN_ATTEMPT": "1", "GITHUB_RUN_ID": "7", "GITHUB_SHA": s.Commit, "GITHUB_WORKFLOW_REF": strings.TrimPrefix(s.ConfigURI, "https://code.example/"),
		"GITHUB_WORKFLOW_SHA": s.ConfigDigest, "GITHUB_REF_TYPE": "branch"}
	b, err := json.Marshal(map[string]any{
		"buildDefinition": map[string]any{
			"buildType":            "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
			"externalParameters":   map[string]any{"inputs": map[string]any{}, "vars": map[string]any{}},
			"internalParameters":   env,
			"resolvedDependencies": []any{map[string]any{"uri": "git+" + s.Repository + "@" + s.Ref, "digest": map[string]any{"gitCommit": s.Commit}}},
		},
		"runDetails": map[string]any{"builder": map[string]any{"id": builder}, "metadata": map[string]any{"invocationId": s.Run}},
	})
	if err != nil {
		panic(err)
	}
	return said(statement.ProvenanceV1, string(b), s)
}
