package policy_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

var update = flag.Bool("update", false, "rewrite golden files")

// good is a policy that everything in these tests is a variation of.
const good = `version: 1
artifacts:
  app:
    subject: ["dist/*", registry.example/acme/app]
    trust: house
    built-by:
      - issuer: https://ci.example
        repository: acme/app
        repository-id: 1001
        owner-id: 2002
        workflow: build/release.yml
        refs: [refs/heads/main, "refs/tags/v*"]
environments:
  production:
    requires:
      provenance: {max-age: 7d}
`

const (
	commit   = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
	other    = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c"
	scanType = "https://scan.example/result/v1"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// words know two platforms: one that keeps workflows as paths of a repository
// and operates runners, and one that does neither.
var words = policy.Words{Trusts: []string{"house", "annex"}, Forge: forge, Place: place}

func place(name string) (policy.Place, bool) {
	switch name {
	case "code":
		return policy.Place{Host: "https://code.example", Roles: []string{"read", "write", "admin"}}, true
	case "jobs":
		return policy.Place{Host: "https://jobs.example", Roles: []string{"developer", "owner"}, Above: true}, true
	}
	return policy.Place{}, false
}

func forge(issuer string) (policy.Forge, bool) {
	switch issuer {
	case "https://ci.example":
		return policy.Forge{Issuer: issuer, Host: "https://code.example", Mark: "/", Runner: "hosted", Events: []string{"push", "manual"}, Started: []string{"manual"}, Children: []string{"child"}, Folder: "build/",
			Kind: dialect.GitHub, Releases: "https://releases.code.example"}, true
	case "https://jobs.example":
		return policy.Forge{Issuer: issuer, Host: "https://jobs.example", Mark: "//", Events: []string{"push"}, Kind: dialect.GitLab}, true
	}
	return policy.Forge{}, false
}

func read(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Read([]byte(text), "policy.yaml", words)
	if err != nil {
		t.Fatalf("reading the policy: %v", err)
	}
	return p
}

// edited returns the good policy with one text replaced, which has to be there.
func edited(t testing.TB, old, new string) string {
	t.Helper()
	if !strings.Contains(good, old) {
		t.Fatalf("the good policy has no %q", old)
	}
	return strings.Replace(good, old, new, 1)
}

func signer() statement.Signer {
	uri := "https://code.example/acme/app/build/release.yml@refs/heads/main"
	return statement.Signer{
		Issuer: "https://ci.example", SAN: uri, SANKind: "uri", SignerURI: uri, SignerDigest: commit, Runner: "hosted",
		Repository: "https://code.example/acme/app", Commit: commit, Ref: "refs/heads/main", RepositoryID: "1001",
		OwnerURI: "https://code.example/acme", OwnerID: "2002", ConfigURI: uri, ConfigDigest: commit, Event: "push",
		Run: "https://code.example/acme/app/runs/7/attempts/1", Visibility: "public",
	}
}

// renamed gives s another workflow, everywhere that a certificate names it.
func renamed(s *statement.Signer, uri string) {
	s.SAN, s.SignerURI, s.ConfigURI = uri, uri, uri
}

// reref gives s another ref, everywhere that a certificate names it.
func reref(s *statement.Signer, ref string) {
	path, _, _ := strings.Cut(s.ConfigURI, "@")
	s.Ref = ref
	renamed(s, path+"@"+ref)
}

// buildType is that of the dialect in which provenance writes.
var buildType = dialect.Table[0].BuildType.Head

// workflow is the external parameter of provenance, with members after it.
func workflow(s statement.Signer, more string) json.RawMessage {
	path := strings.TrimSuffix(strings.TrimPrefix(s.ConfigURI, s.Repository+"/"), "@"+s.Ref)
	return json.RawMessage(fmt.Sprintf(`{"workflow":{"ref":%q,"repository":%q,"path":%q}%s}`, s.Ref, s.Repository, path, more))
}

// provenance is what an honest builder would state in a job of s.
func provenance(s statement.Signer) statement.Provenance {
	return statement.Provenance{
		BuildDefinition: statement.BuildDefinition{
			BuildType: buildType, ExternalParameters: workflow(s, ""),
			InternalParameters:   json.RawMessage(fmt.Sprintf(`{"github":{"event_name":%q,"repository_id":%q,"repository_owner_id":%q,"runner_environment":%q}}`, s.Event, s.RepositoryID, s.OwnerID, s.Runner)),
			ResolvedDependencies: []statement.Resource{{URI: "git+" + s.Repository + "@" + s.Ref, Digest: map[string]string{"gitCommit": s.Commit}}},
		},
		RunDetails: statement.RunDetails{
			Builder:  statement.Builder{ID: s.SignerURI},
			Metadata: statement.BuildMetadata{InvocationID: json.RawMessage(`"` + s.Run + `"`)},
		},
	}
}

// stated returns the fact that s stated p an hour ago.
func stated(t testing.TB, s statement.Signer, p statement.Provenance) policy.Fact {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Fact{
		Signer: s, Trust: "house", Time: now.Add(-time.Hour), Source: "store",
		Statement: statement.Statement{Type: statement.TypeV1, PredicateType: statement.ProvenanceV1, Predicate: b},
	}
}

// built is the fact that meets the good policy.
func built(t testing.TB) policy.Fact { return stated(t, signer(), provenance(signer())) }

func app() subject.Subject {
	return subject.Subject{Name: "dist/app.tar.gz", Digest: subject.SHA256([32]byte{1})}
}

var guarded = policy.Protection{State: policy.Protected, Rules: []string{"1 approval"}, ID: "9001", Bypass: policy.NoBypass, Variables: policy.Variables{Nobody: true}}

// input is what lets the facts enter production if they are good.
func input(p *policy.Policy, facts ...policy.Fact) policy.Input {
	in := policy.Input{Policy: p, Environment: "production", Protection: guarded, Now: now,
		Candidates: []policy.Candidate{{Subject: app(), Facts: facts}}}
	for _, f := range facts {
		in.Runs = append(in.Runs, policy.Run{URI: f.Signer.Run, State: policy.Succeeded, Commit: f.Signer.Commit})
	}
	in.Refs = kept(in)
	return in
}

// refusals returns the findings of v that do not allow.
func refusals(v verdict.Verdict) []verdict.Finding {
	all := slices.Clone(v.Findings)
	for _, j := range v.Judgements {
		all = append(all, j.Findings...)
	}
	return slices.DeleteFunc(all, func(f verdict.Finding) bool { return f.Outcome == verdict.Allow })
}

// wantAllowed fails t unless v allows.
func wantAllowed(t *testing.T, v verdict.Verdict) {
	t.Helper()
	if got := v.Outcome(); got != verdict.Allow {
		t.Fatalf("outcome = %v for %+v, want allow", got, refusals(v))
	}
}

// wantDenied fails t unless v denies for one reason, which it returns.
func wantDenied(t *testing.T, v verdict.Verdict) verdict.Finding {
	t.Helper()
	bad := refusals(v)
	if got := v.Outcome(); got != verdict.Deny || len(bad) != 1 {
		t.Fatalf("outcome = %v with reasons %+v, want deny with one reason", got, bad)
	}
	return bad[0]
}

// evaluate is policy.Evaluate, with the answers of kept where a test has none of
// its own. What is kept of the input has to be judged in the same way: each test
// that judges is one of that, too.
func evaluate(in policy.Input) verdict.Verdict {
	if len(in.Refs) == 0 {
		in.Refs = kept(in)
	}
	v := policy.Evaluate(in)
	raw, err := in.JSON()
	if errors.Is(err, policy.ErrUnread) || err != nil && strings.Contains(err.Error(), "there is no word for") {
		return v // a test has edited what was read, or answers with a number that no door knows
	}
	if err != nil {
		panic(err)
	}
	again, err := policy.ReadInput(raw)
	if err != nil {
		panic(err)
	}
	if got := policy.Evaluate(again); !reflect.DeepEqual(got, v) {
		panic(fmt.Sprintf("judged again:\n got %+v\nwant %+v", got, v))
	}
	return v
}

// kept are the answers of a platform on which every ref is protected and every
// commit is where it has to be.
func kept(in policy.Input) []policy.Ref {
	if in.Policy == nil {
		return nil
	}
	q, err := policy.Ask(in)
	if err != nil {
		return nil
	}
	var out []policy.Ref
	for _, x := range q.Refs() {
		out = append(out, policy.Ref{Query: x, Protected: policy.Yes, Branch: x.Branch, On: policy.Yes, Kept: policy.Yes})
	}
	return out
}
