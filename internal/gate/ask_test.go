package gate

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

const askedPolicy = `version: 1
artifacts:
  app:
    subject: [app]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/app, repository-id: 1,
         workflow: b.yml, refs: [refs/heads/main], runner: own}
      - {issuer: https://ci.example, repository: acme/lib, repository-id: 2,
         workflow: b.yml, refs: [refs/heads/main], runner: own}
environments:
  production:
    repository-id: 1
    requires: {provenance: }
    approvals: [{group: leads, count: 1}]
groups:
  leads: {members: ["code:@admin"], sources: [review], excludes: [author, pusher]}
`

// A witness writes down what it is asked.
type witness []string

func (w *witness) EnvironmentNumber(context.Context, string) (string, error) { return "", nil }

func (w *witness) Environment(context.Context, string) (policy.Protection, error) {
	return policy.Protection{}, nil
}

func (w *witness) Ref(_ context.Context, q policy.RefQuery) (policy.Ref, error) {
	*w = append(*w, "ref of "+q.Repository)
	return policy.Ref{Query: q}, nil
}

func (w *witness) Placed(_ context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	*w = append(*w, "place of "+q.Run)
	return policy.Placed{Query: q}, nil
}

func (w *witness) Build(_ context.Context, q policy.BuildQuery) (policy.Build, error) {
	*w = append(*w, "build "+q.Run)
	return policy.Build{Query: q}, nil
}

func (w *witness) Head(context.Context) (repository, id, commit, ref string, err error) {
	*w = append(*w, "head")
	return "", "", "", "refs/heads/main", nil
}

func (w *witness) File(_ context.Context, commit, path string) ([]byte, error) {
	*w = append(*w, "file "+path)
	return nil, nil
}

func (w *witness) Runs(_ context.Context, asked []policy.RunQuery) ([]policy.Run, error) {
	var out []policy.Run
	line := "runs"
	for _, q := range asked {
		line += " " + q.URI
		out = append(out, policy.Run{URI: q.URI, State: policy.Succeeded})
	}
	*w = append(*w, line)
	return out, nil
}

func (w *witness) Versions(context.Context, string, string) ([]string, error) {
	*w = append(*w, "versions")
	return nil, nil
}

func (w *witness) Change(_ context.Context, q policy.ChangeQuery) (policy.Change, error) {
	*w = append(*w, "change of "+q.Repository)
	return policy.Change{Repository: q.Repository, Head: q.Head, Start: q.Start}, nil
}

func (w *witness) Rosters(_ context.Context, m []policy.Member) ([]policy.Roster, error) {
	*w = append(*w, "roster of "+m[0].Name)
	return []policy.Roster{{Member: m[0]}}, nil
}

func (w *witness) Reviews(_ context.Context, environment string) (policy.Reviews, error) {
	*w = append(*w, "reviews of "+environment)
	return policy.Reviews{Asked: true}, nil
}

// Two artifacts of the same runs raise each question once, refs before runs and runs before
// changes, and each repository is asked about all of its runs at once.
func TestAPI_no_question_is_asked_twice(t *testing.T) {
	words := policy.Words{Trusts: []string{"house"},
		Forge: func(issuer string) (policy.Forge, bool) {
			return policy.Forge{Issuer: issuer, Host: "https://code.example", Mark: "/", Events: []string{"push"}}, true
		},
		Place: func(string) (policy.Place, bool) {
			return policy.Place{Host: "https://code.example", Roles: []string{"admin"}}, true
		}}
	p, err := policy.Read([]byte(askedPolicy), "policy.yaml", words)
	if err != nil {
		t.Fatal(err)
	}
	built := func(repository, id, run string) policy.Fact {
		const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
		config := repository + "/b.yml@refs/heads/main"
		return policy.Fact{Trust: "house", Statement: statement.Statement{PredicateType: statement.ProvenanceV1},
			Signer: statement.Signer{Issuer: "https://ci.example", SANKind: "uri", SAN: config, SignerURI: config,
				ConfigURI:  config,
				Repository: repository, RepositoryID: id, Runner: "own", Ref: "refs/heads/main", Event: "push", Commit: commit,
				SignerDigest: commit, ConfigDigest: commit, Run: repository + "/runs/" + run}}
	}
	const app, lib = "https://code.example/acme/app", "https://code.example/acme/lib"
	facts := []policy.Fact{built(lib, "2", "7"), built(app, "1", "9"), built(app, "1", "8")}
	c := policy.Candidate{Facts: facts}
	c.Subject.Name = "app"
	in := policy.Input{Policy: p, Environment: "production", Candidates: []policy.Candidate{c, c}}
	var w witness
	g := Gate{Policy: p, Guard: &w}
	if err := g.ask(t.Context(), &in, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"ref of " + lib, "ref of " + app,
		"runs " + app + "/runs/8 " + app + "/runs/9", "runs " + lib + "/runs/7",
		"change of " + lib, "change of " + app, "roster of admin", "reviews of production"}
	if !slices.Equal(w, want) {
		t.Errorf("asked %q, want %q", w, want)
	}
	// What the jobs did is asked with the runs, of each run once, and where the policy wants to know it.
	if p, err = policy.Read([]byte(strings.Replace(askedPolicy, "provenance:", "provenance: {caches: none}", 1)), "policy.yaml", words); err != nil {
		t.Fatal(err)
	}
	w, in = nil, policy.Input{Policy: p, Environment: "production", Candidates: []policy.Candidate{c, c}}
	g = Gate{Policy: p, Guard: &w}
	if err := g.ask(t.Context(), &in, nil); err != nil {
		t.Fatal(err)
	}
	want = slices.Insert(want, 4, "build "+lib+"/runs/7", "build "+app+"/runs/9", "build "+app+"/runs/8")
	if !slices.Equal(w, want) || len(in.Builds) != 3 {
		t.Errorf("asked %q, want %q", w, want)
	}
	if len(in.Runs) != 3 || in.Runs[0].URI != app+"/runs/8" || in.Runs[2].URI != lib+"/runs/7" {
		t.Errorf("runs = %+v, want those of all, by their addresses", in.Runs)
	}
}
