package forges_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

const (
	host = "https://github.com/"
	one  = "1111111111111111111111111111111111111111"
	two  = "2222222222222222222222222222222222222222"
)

// A ran is a run with files, as a platform shows them.
type ran struct {
	files  map[string]string // by OWNER/NAME/PATH@COMMIT
	called []policy.JobPlace
	silent bool
}

func (ran) Workflow(uri string) (repository, path string) {
	file, _, _ := strings.Cut(strings.TrimPrefix(uri, host), "@")
	p := strings.SplitN(file, "/", 3)
	return p[0] + "/" + p[1], p[2]
}

func (r ran) CalledFiles(context.Context) ([]policy.JobPlace, error) { return r.called, nil }

var errSilent = errors.New("the platform does not answer")

func (r ran) FileOf(_ context.Context, repository, commit, path string) ([]byte, error) {
	text, is := r.files[repository+"/"+path+"@"+commit]
	switch {
	case r.silent:
		return nil, errSilent
	case !is:
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

const gated = `on: push
jobs:
  deploy:
    runs-on: ubuntu-24.04
    environment: production
    permissions: {contents: read, id-token: write, actions: read, deployments: read, attestations: read}
    steps:
      - uses: sallyport-dev/sallyport@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app, environment: production, server: "https://s.example"}
      - run: ./deploy.sh
`

// signed is a fact of a run, whose certificate names a workflow.
func signed(run, workflow, commit string) policy.Fact {
	return policy.Fact{Signer: statement.Signer{Run: host + "acme/app/actions/runs/" + run, ConfigURI: workflow,
		ConfigDigest: commit, Issuer: "https://token.actions.githubusercontent.com", RepositoryID: "7"}}
}

func TestG04_which_files_of_a_run_are_read_and_what_is_not_seen(t *testing.T) {
	const top, shared = host + "acme/app/.github/workflows/top.yml@refs/heads/main", "acme/shared/.github/workflows/d.yml"
	calls := func(uses string) string { return "on: push\njobs:\n  a:\n    uses: " + uses + "\n" }
	own := map[string]string{"acme/app/.github/workflows/top.yml@" + one: gated}
	with := func(topText, place, text string) map[string]string {
		return map[string]string{"acme/app/.github/workflows/top.yml@" + one: topText, place: text}
	}
	good := []policy.Fact{signed("11/attempts/1", top, one)}
	for _, x := range []struct {
		what   string
		facts  []policy.Fact
		at     ran
		unread string // a part of it; "": everything was read
		jobs   int
		ways   int
	}{
		{"the file that was started", good, ran{files: own}, "", 1, 0},
		{"two certificates of the same", append(good, signed("11/attempts/2", top, one)), ran{files: own}, "", 1, 0},
		{"no certificate", nil, ran{files: own}, "no certificate of the run", 0, 0},
		{"one of another run", []policy.Fact{signed("111/attempts/1", top, one)}, ran{files: own},
			"no certificate of the run", 0, 0},
		{"one that names no commit", []policy.Fact{signed("11/attempts/1", top, "")}, ran{files: own},
			"no certificate of the run", 0, 0},
		{"two that name different commits", append(good, signed("11/attempts/2", top, two)), ran{files: own},
			"and " + top + " at commit " + two, 0, 0},
		{"a file that is not shown", good, ran{}, "file does not exist", 0, 0},
		{"no job that enters", good, ran{files: with(strings.Replace(gated, "production", "x", 1), "", "")},
			`no job of .github/workflows/top.yml of acme/app at commit ` + one + ` enters "production"`, 0, 0},
		{"a job in a file that is called by a tag", good, ran{files: with(calls(shared+"@v1"), shared+"@"+two, gated),
			called: []policy.JobPlace{{File: shared, Ref: "refs/tags/v1", Commit: two}}}, "", 1, 0},
		{"by a commit", good, ran{files: with(calls(shared+"@"+two), shared+"@"+two, gated),
			called: []policy.JobPlace{{File: shared, Commit: two}}}, "", 1, 0},
		{"by its path here", good, ran{files: with(calls("./.github/workflows/d.yml"),
			"acme/app/.github/workflows/d.yml@"+one, gated),
			called: []policy.JobPlace{{File: "acme/app/.github/workflows/d.yml", Commit: one}}}, "", 1, 0},
		{"by its path here, and the platform names another commit", good, ran{files: with(
			calls("./.github/workflows/d.yml"), "acme/app/.github/workflows/d.yml@"+two, gated),
			called: []policy.JobPlace{{File: "acme/app/.github/workflows/d.yml", Commit: two}}},
			"does not say at which commit", 1, 0},
		{"by a tag, and the platform names another one", good, ran{files: with(calls(shared+"@v1"), shared+"@"+two, gated),
			called: []policy.JobPlace{{File: shared, Ref: "refs/tags/v2", Commit: two}}}, "does not say at which commit", 1, 0},
		{"a call that the platform does not list", good, ran{files: with(gated+"  more:\n    uses: "+shared+"@v1\n", "", "")},
			"does not say at which commit", 1, 0},
		{"a gate that was deleted in a called file", good, ran{files: with(calls(shared+"@v1"), shared+"@"+two,
			strings.Replace(gated, "sallyport-dev/sallyport@", "evil/sallyport@", 1)),
			called: []policy.JobPlace{{File: shared, Ref: "refs/tags/v1", Commit: two}}}, "", 1, 1},
	} {
		in := &policy.Input{Policy: &policy.Policy{Environments: []policy.Environment{{Name: "production"}}},
			Environment: "production", Now: time.Unix(1, 0), Candidates: []policy.Candidate{{Facts: x.facts}}}
		d, err := forges.DeployingOnGitHub(t.Context(), x.at, in, host+"acme/app/actions/runs/11", "https://s.example")
		if err != nil || !strings.Contains(d.Unread, x.unread) || (x.unread == "") != (d.Unread == "") ||
			d.Unread != "" && d.Need == "" && x.at.files != nil || len(d.Jobs) != x.jobs || len(d.Ways) != x.ways {
			t.Errorf("%s: %+v, %v", x.what, d, err)
			continue
		}
		if x.unread == "" && (d.Workflow != ".github/workflows/top.yml" || d.Ref != "refs/heads/main" || d.RepositoryID != "7") {
			t.Errorf("%s: the run is of %+v", x.what, d)
		}
	}
	in := &policy.Input{Policy: &policy.Policy{}, Environment: "production",
		Candidates: []policy.Candidate{{Facts: good}}}
	_, err := forges.DeployingOnGitHub(t.Context(), ran{silent: true}, in, host+"acme/app/actions/runs/11", "")
	if !errors.Is(err, errSilent) {
		t.Errorf("a platform that does not answer: %v (%s), want that it is asked again", err, fault.Of(err).Code)
	}
}
